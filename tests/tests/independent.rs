//! The kernels' reference and the second implementation of the specification give the same digest
//! of every layer and the same bytes.
//!
//! `MAMBALITE_INDEPENDENT_CASES` is the number of random networks, by default 18.

use std::path::Path;

use mambalite::import::import;
use mambalite::model_file::ModelFile;
use mambalite::picture::Picture;
use mambalite::quantize::quantize;
use mambalite_kernels::model::{HASH_OFFSET, hash_file};
use mambalite_kernels::{Anchor, Config, Decay, Precision};
use mambalite_tests::independent::{FOLDER, golden, has_python, independent, python, reference};
use mambalite_tests::network::{Sequence, checkpoint, mixed_forms, picture};

const CASES: u64 = 18;

/// Size of a magic number to the end of a hash.
const HASH_END: usize = HASH_OFFSET + 32;

fn cases() -> u64 {
    let count = std::env::var("MAMBALITE_INDEPENDENT_CASES");
    count.map_or(CASES, |count| count.parse().expect("a number of cases"))
}

/// Fails with the first layer that differs between the two implementations.
fn assert_equal(name: &str, file: &ModelFile, picture: &Picture, scratch: &Path) {
    let found = independent(Path::new(FOLDER), scratch, file.bytes(), picture)
        .unwrap_or_else(|error| panic!("{name}: {error}"))
        .unwrap_or_else(|why| panic!("{name}: refused: {why}"));
    let difference = reference(file, picture).first_difference(&found);
    assert!(difference.is_none(), "{name}: {}", difference.unwrap());
}

/// The picture of `docs/arithmetic/example.md`.
fn example() -> Picture {
    let byte = |i: usize| {
        let (x, y, c) = (i / 3 % 7, i / 21, i % 3);
        (37 * x + 59 * y + 83 * c + 7 * x * y) as u8
    };
    Picture::new(7, 5, 3, (0..105).map(byte).collect()).unwrap()
}

#[test]
fn shipped_models_are_equal() {
    if !has_python() {
        return;
    }
    let run = |model: &str, precision: Precision| {
        let scratch = tempfile::tempdir().unwrap();
        let path = Path::new(FOLDER).join(format!("../models/{model}/{precision}.mls"));
        let file = ModelFile::load(&path).unwrap();
        // The larger model takes ten seconds on all of the picture: where time is given.
        let picture = match model {
            "dvmsr-x4-141k" if cases() <= CASES => example().crop(0, 0, 3, 3).unwrap(),
            _ => example(),
        };
        assert_equal(
            &format!("{model} {precision}"),
            &file,
            &picture,
            scratch.path(),
        );
    };
    for precision in Precision::ALL {
        run("mambalite-x4-tiny", precision);
        run("dvmsr-x4-141k", precision);
    }
}

/// Returns the options of a random network; the seed's remainders go through all of them.
fn config(seed: u64) -> Config {
    let mut sequence = Sequence::new(seed);
    let mut below = |count: usize| (sequence.unit() * count as f32) as usize;
    let turn = |count: u64| (seed / 3 % count) as usize;
    Config {
        channels: [1, 3][below(2)],
        scale: 2 + turn(3),
        width: 2 + below(9),
        inner: 2 + below(12),
        groups: 1 + below(2),
        blocks: 1 + below(2),
        states: 1 + below(6),
        dt_rank: 1 + below(3),
        mixer_skip: below(2) == 1,
        anchor: [Anchor::None, Anchor::Nearest, Anchor::Bicubic][below(3)],
        decay: [Decay::Full, Decay::Tied][turn(2)],
        mean: [0, 1, 2].map(|_| below(1000) as f32 / 1000.0),
    }
}

/// Returns a random network, in each precision in turn.
fn network(seed: u64) -> ModelFile {
    let config = config(seed);
    let forms = mixed_forms(&config, seed as usize);
    let single = import(&checkpoint(&config, forms, seed)).unwrap();
    let calibration = [picture(24, 20, config.channels, seed)];
    match Precision::ALL[(seed % 3) as usize] {
        Precision::F32 => single,
        precision => quantize(&single, &calibration, precision, 99.99, &mut |_| ()).unwrap(),
    }
}

fn small_picture(seed: u64, channels: usize) -> Picture {
    let (width, height) = (1 + seed as usize % 5, 1 + seed as usize / 2 % 4);
    picture(width, height, channels, seed)
}

#[test]
fn random_networks_are_equal() {
    if !has_python() {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    for seed in 0..cases() {
        let file = network(seed);
        let picture = small_picture(seed, file.model().config().channels);
        assert_equal(&format!("network {seed}"), &file, &picture, scratch.path());
    }
}

/// Changes some bytes, but for the magic and the hash, and gives the file its hash.
fn forge(file: &ModelFile, seed: u64) -> Vec<u8> {
    let mut bytes = file.bytes().to_vec();
    let mut sequence = Sequence::new(seed);
    let mut below = |count: usize| ((sequence.unit() * count as f32) as usize).min(count - 1);
    // Every other file is changed in its header or forms too.
    let first = if seed.is_multiple_of(2) { 4 } else { HASH_END };
    for _ in 0..1 + below(12) {
        let place = first + below(bytes.len() - first);
        if !(HASH_OFFSET..HASH_END).contains(&place) {
            bytes[place] ^= 1 + below(255) as u8;
        }
    }
    let hash = hash_file(&bytes);
    bytes[HASH_OFFSET..HASH_END].copy_from_slice(&hash);
    bytes
}

/// Stored integers that no quantiser makes: both refuse the file, or both compute the same, and no
/// width of the specification breaks. (Of f32 an overflow would be NaN, which is not specified.)
#[test]
fn forged_files_are_refused_or_equal() {
    if !has_python() {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let mut equal = 0;
    let seeds = (0..cases() * 3).filter(|seed| seed % 3 != 0);
    for seed in seeds {
        let bytes = forge(&network(seed % 12), seed);
        let name = format!("forged {seed}");
        match ModelFile::from_bytes(&bytes) {
            Ok(file) => {
                let picture = small_picture(seed, file.model().config().channels);
                if file.model().precision() != Precision::F32 {
                    assert_equal(&name, &file, &picture, scratch.path());
                    equal += 1;
                }
            }
            Err(error) => {
                let picture = small_picture(seed, 3);
                let found = independent(Path::new(FOLDER), scratch.path(), &bytes, &picture);
                let refused = found.unwrap_or_else(|why| panic!("{name}: {why}")).is_err();
                assert!(refused, "{name}: only the kernels refuse it: {error}");
            }
        }
    }
    println!("{equal} forged files were accepted and are equal");
    assert!(equal > 0);
}

#[test]
fn golden_cases_are_equal() {
    if !has_python() {
        return;
    }
    let found = golden(Path::new(FOLDER), &[]).unwrap();
    for case in mambalite_kernels_check::cases() {
        let wanted = mambalite_kernels_check::golden(case.name).unwrap();
        let found = found.get(case.name).map(Vec::as_slice);
        assert_eq!(found, Some(&wanted[..]), "{}", case.name);
    }
    assert_eq!(found.len(), mambalite_kernels_check::cases().count());
}

#[test]
fn functions_pass_their_own_checks() {
    if !has_python() {
        return;
    }
    let output = python(
        Path::new(FOLDER),
        "unittest",
        &["independent.test_functions"],
    )
    .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert!(errors.contains("Ran 4 tests"), "{errors}");
}

/// The object has the digests of the lines; a file that is no picture is refused.
#[test]
fn commands_print_json_and_refuse_other_files() {
    if !has_python() {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let file = network(0);
    let picture = small_picture(0, file.model().config().channels);
    let run = independent(Path::new(FOLDER), scratch.path(), file.bytes(), &picture);
    let layers = run.unwrap().unwrap().layers;
    let [model, small] = ["model.mls", "small.pnm"].map(|n| scratch.path().join(n));
    let [model, small] = [&model, &small].map(|path| path.to_str().unwrap());
    let output = python(Path::new(FOLDER), "independent", &[model, small, "--json"]).unwrap();
    let json = String::from_utf8_lossy(&output.stdout);
    for (name, digest) in layers {
        assert!(
            json.contains(&format!(r#""{name}": "{digest:#018x}""#)),
            "{name}: {json}"
        );
    }
    let output = python(Path::new(FOLDER), "independent", &[model, model]).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.starts_with("error: picture: "), "{errors}");
}
