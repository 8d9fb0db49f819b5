//! The numbers that `docs/arithmetic/example.md` publishes are those of the kernels, and so is the memory that
//! `kernels/README.md` does.

use std::path::Path;

use mambalite_kernels::num::fixed::{
    decay, exp2_neg, logistic, reciprocal_sqrt, requantise, soft_plus,
};
use mambalite_kernels::num::float::Real;
use mambalite_kernels::{Config, Digests, Layer, Model, Plan, Precision, Upscaler};

const PAGE: &str = include_str!("../../../docs/arithmetic/example.md");
const README: &str = include_str!("../../README.md");

/// Size of the picture of the page.
const WIDTH: usize = 7;
const HEIGHT: usize = 5;

/// Fails with the lines that the page lacks.
fn page_has(lines: &[String]) {
    let missing: Vec<_> = lines
        .iter()
        .filter(|line| !PAGE.lines().any(|of_page| of_page == line.as_str()))
        .collect();
    assert!(missing.is_empty(), "not on the page: {missing:#?}");
}

#[test]
fn functions_have_the_published_values() {
    let fixed = [
        ("requantise(4, 2^30, 1)", requantise(4, 1 << 30, 1)),
        ("requantise(-4, 2^30, 1)", requantise(-4, 1 << 30, 1)),
        (
            "requantise(-100000, 1518500250, 7)",
            requantise(-100_000, 1_518_500_250, 7),
        ),
        ("exp2_neg(0, 2^30)", exp2_neg(0, 1 << 30).cast_signed()),
        (
            "exp2_neg(2, 536870912)",
            exp2_neg(2, 536_870_912).cast_signed(),
        ),
        ("exp2_neg(0, 0)", exp2_neg(0, 0).cast_signed()),
        ("logistic(1000, 10)", logistic(1000, 10)),
        ("logistic(-32768, 0)", logistic(-32768, 0)),
        ("soft_plus(-4096)", soft_plus(-4096)),
        ("soft_plus(0)", soft_plus(0)),
        (
            "decay(1048576, 378194)",
            decay(1_048_576, 378_194).cast_signed(),
        ),
    ];
    let mut lines: Vec<_> = fixed
        .iter()
        .map(|(call, value)| format!("| `{call}` | {value} |"))
        .collect();
    let (mantissa, halvings) = reciprocal_sqrt(1000);
    lines.push(format!(
        "| `reciprocal_sqrt(1000)` | ({mantissa}, {halvings}) |"
    ));
    let float = [
        ("exponential(-1)", (-1.0f32).exponential()),
        ("exponential(-95)", (-95.0f32).exponential()),
        ("soft_plus(0.5)", 0.5f32.soft_plus()),
        ("logistic(-2)", Real::logistic(-2.0f32)),
    ];
    let line = |(call, value): &(&str, f32)| format!("| `{call}` | {:#010x} |", value.to_bits());
    lines.extend(float.iter().map(line));
    page_has(&lines);
}

#[test]
fn models_have_the_published_digests() {
    let runs = Precision::ALL.map(|precision| run("mambalite-x4-tiny", precision));
    let mut lines = rows(&runs, |_| true);
    let runs = Precision::ALL.map(|precision| run("dvmsr-x4-141k", precision));
    let few = ["conv_first", "layers.0.blocks.0.scan", "output", "picture"];
    lines.extend(rows(&runs, |layer| few.contains(&layer)));
    page_has(&lines);
}

/// Memory that a variant asks for and does not use would be found by nothing else.
#[test]
fn microcontrollers_need_the_published_memory() {
    for name in ["mambalite-x4-tiny", "dvmsr-x4-141k"] {
        for precision in Precision::ALL {
            let file = aligned(name, precision);
            let model = Model::parse(bytemuck::cast_slice(&file)).expect("a good model");
            let arena = Plan::microcontroller(&model, 64).arena_bytes;
            let row = format!(
                "| {precision} | {} B | {} B |",
                grouped(model.bytes_len()),
                grouped(arena)
            );
            assert!(README.contains(&row), "not in the table: {name} {row}");
        }
    }
}

/// Returns a number below a million with a comma.
fn grouped(number: usize) -> String {
    format!("{},{:03}", number / 1000, number % 1000)
}

/// Names of the layers and what else is digested, with the digests.
type Run = Vec<(String, u64)>;

/// Returns the lines of a table of runs in the three precisions.
fn rows(runs: &[Run; 3], wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let [f32, w8a16, w8a8] = runs;
    let rows = f32.iter().zip(w8a16).zip(w8a8);
    rows.filter(|(((name, _), _), _)| wanted(name))
        .map(|(((name, a), (_, b)), (_, c))| {
            format!("| `{name}` | {a:#018x} | {b:#018x} | {c:#018x} |")
        })
        .collect()
}

/// Returns a shipped model as it has to lie in memory, and zeros up to the next 16 bytes.
fn aligned(name: &str, precision: Precision) -> Vec<u128> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../models")
        .join(name)
        .join(format!("{precision}.mls"));
    let bytes = std::fs::read(path).expect("a shipped model");
    let mut blocks = vec![0u128; bytes.len().div_ceil(16)];
    bytemuck::cast_slice_mut::<u128, u8>(&mut blocks)[..bytes.len()].copy_from_slice(&bytes);
    blocks
}

/// Runs the picture of the page through a shipped model.
fn run(name: &str, precision: Precision) -> Run {
    let blocks = aligned(name, precision);
    let model = Model::parse(bytemuck::cast_slice(&blocks)).expect("a good model");
    let mut arena = vec![0u64; Plan::new(&model, WIDTH).arena_bytes.div_ceil(8)];
    let mut digests = Digests::new(model.config(), vec![0; Layer::count(model.config())]);
    let mut picture = 0xcbf2_9ce4_8422_2325u64;
    let mut run = Upscaler::new(&model, WIDTH, HEIGHT, &mut arena).expect("room");
    for y in 0..HEIGHT {
        let mut sink = |_: usize, row: &[u8]| {
            let add = |digest: u64, &byte: &u8| {
                (digest ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
            };
            picture = row.iter().fold(picture, add);
        };
        run.push_row(&row(model.config(), y), &mut digests, &mut sink)
            .expect("a row of the picture");
    }
    let layers = Layer::all(model.config()).map(|layer| layer.to_string());
    let mut run: Run = layers.zip(digests.as_slice().iter().copied()).collect();
    run.push(("picture".to_owned(), picture));
    run
}

/// Returns row `y` of the picture of the page.
fn row(config: &Config, y: usize) -> Vec<u8> {
    let channels = config.channels;
    let byte = |i: usize| {
        let (x, c) = (i / channels, i % channels);
        (37 * x + 59 * y + 83 * c + 7 * x * y) as u8
    };
    (0..WIDTH * channels).map(byte).collect()
}
