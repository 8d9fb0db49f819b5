//! The kernels against DVMSR's published weights and PyTorch's float64 tensors, layer by layer.

use std::path::Path;

use mambalite::import::import;
use mambalite::model_file::ModelFile;
use mambalite_kernels::arith::{Arithmetic, Float};
use mambalite_kernels::exec::stream::Stream;
use mambalite_kernels::tap::MixerPart;
use mambalite_kernels::{Form, Kernels, Layer, Plan};
use mambalite_tests::{Recorder, optional_data};
use safetensors::SafeTensors;

const WIDTH: usize = 24;
const HEIGHT: usize = 20;

fn dvmsr(teacher: &Path) -> ModelFile {
    import(&mambalite::checkpoint::load(&teacher.join("DVMSR.pth")).unwrap()).unwrap()
}

/// Our layer, PyTorch's name, and whether PyTorch has channels first.
fn pairs() -> Vec<(Layer, String, bool)> {
    let part = |group, block, part| Layer::Mixer { group, block, part };
    let first = |name: &str| format!("layers.0.residual_group.blocks.0.mixer.{name}");
    let mut out = vec![
        (Layer::ConvFirst, "conv_first".to_owned(), true),
        (Layer::NormFirst, "patch_embed.norm".to_owned(), false),
        (part(0, 0, MixerPart::InProj), first("in_proj"), false),
        (part(0, 0, MixerPart::Conv1d), first("conv1d+silu"), false),
        (part(0, 0, MixerPart::XProj), first("x_proj"), false),
        (part(0, 0, MixerPart::Dt), first("dt"), false),
        (part(0, 0, MixerPart::Scan), first("scan+D"), false),
        (part(0, 0, MixerPart::Gate), first("gated"), false),
    ];
    for group in 0..4u8 {
        for block in 0..2u8 {
            let name = format!("layers.{group}.residual_group.blocks.{block}.mixer");
            out.push((part(group, block, MixerPart::OutProj), name, false));
        }
        out.push((Layer::Group { group }, format!("layers.{group}"), false));
    }
    out.push((Layer::NormLast, "norm_f".to_owned(), false));
    out.push((Layer::Body, "conv_after_body+skip".to_owned(), true));
    out.push((Layer::Output, "output".to_owned(), true));
    out
}

/// Runs the golden crop and returns what every layer gave, and the picture.
fn run<A: Arithmetic>(file: &ModelFile, input: &[u8]) -> (Recorder, Vec<u8>) {
    let model = file.model();
    let plan = Plan::with_kernels(&Kernels::<A>::best(), &model, WIDTH);
    let mut arena = vec![0; plan.arena_bytes / 8];
    let mut stream = Stream::<A>::new(&model, WIDTH, HEIGHT, &mut arena).unwrap();
    let mut recorder = Recorder::default();
    let mut picture = Vec::new();
    for row in input.chunks_exact(WIDTH * 3) {
        let mut sink = |_, row: &[u8]| picture.extend_from_slice(row);
        stream.push_row(row, &mut recorder, &mut sink).unwrap();
    }
    (recorder, picture)
}

fn doubles(tensors: &SafeTensors<'_>, name: &str) -> Vec<f64> {
    let bytes = tensors.tensor(name).unwrap();
    bytes
        .data()
        .chunks_exact(8)
        .map(|b| f64::from_le_bytes(b.try_into().unwrap()))
        .collect()
}

/// Largest absolute difference of a layer, channels last against `channels_first`.
fn difference(ours: &[f64], theirs: &[f64], channels_first: bool, pixels: usize) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let channels = ours.len() / pixels;
    let at = |i: usize| match channels_first {
        true => theirs[i % channels * pixels + i / channels],
        false => theirs[i],
    };
    ours.iter()
        .enumerate()
        .map(|(i, x)| (x - at(i)).abs())
        .fold(0.0, f64::max)
}

#[test]
fn equals_pytorch_layer_by_layer() {
    let (Some(teacher), Some(golden)) = (
        optional_data("teachers/dvmsr"),
        optional_data("golden/dvmsr_butterfly_24x20.safetensors"),
    ) else {
        return;
    };
    let bytes = std::fs::read(golden).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let input = tensors.tensor("input_u8_hwc").unwrap().data().to_vec();
    let file = dvmsr(&teacher);
    let (single, picture) = run::<Float<f32>>(&file, &input);
    let (double, _) = run::<Float<f64>>(&file, &input);
    println!(
        "{:60} {:>10} {:>10}",
        "largest absolute error", "f32", "f64"
    );
    for (layer, name, channels_first) in pairs() {
        let theirs = doubles(&tensors, &name);
        let pixels = if layer == Layer::Output {
            16 * WIDTH * HEIGHT
        } else {
            WIDTH * HEIGHT
        };
        let error = |r: &Recorder| difference(&r.layers[&layer], &theirs, channels_first, pixels);
        let (f32_error, f64_error) = (error(&single), error(&double));
        println!("{name:60} {f32_error:10.2e} {f64_error:10.2e}");
        // The oracle differs by the rounding of stored constants (mean, rates) alone.
        let largest = theirs.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
        assert!(
            f64_error < 1e-6 * largest,
            "{name}: {f64_error} of {largest}"
        );
        if layer == Layer::Output {
            assert!(f32_error < 2e-5, "{name}: {f32_error}");
        }
    }
    let expected = tensors.tensor("output_u8_hwc").unwrap().data();
    let exact = doubles(&tensors, "output");
    let planes = exact.len() / 3;
    let different: Vec<_> = (0..picture.len())
        .filter(|&i| picture[i] != expected[i])
        .collect();
    for &i in &different {
        let grey = exact[i % 3 * planes + i / 3] * 255.0;
        println!(
            "pixel value {i}: {} instead of {} ({grey:.6})",
            picture[i], expected[i]
        );
        // Single precision cannot tell which side of a tie a value is on that is this close.
        assert!((grey.fract() - 0.5).abs() < 1e-4, "{i}: {grey}");
    }
    assert!(
        different.len() <= 1,
        "{} of {} values differ",
        different.len(),
        picture.len()
    );
}

#[test]
fn counts_are_those_of_the_paper() {
    let Some(teacher) = optional_data("teachers/dvmsr") else {
        return;
    };
    let file = dvmsr(&teacher);
    let model = file.model();
    assert!(model.forms().all(|f| f == Form::Dense));
    assert_eq!(model.config().parameters(model.forms()), 424_428);
    assert_eq!(model.config().macs_per_pixel(model.forms()), 467_940);
}
