//! Suites of the shipped models, and what each class promises.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mambalite::registry::{self, SHIPPED, Shipped};
use mambalite_kernels::Precision;

use super::*;

fn every(mut see: impl FnMut(&Shipped, &ModelFile, Suite)) {
    for shipped in SHIPPED {
        for precision in Precision::ALL {
            let file = shipped.load(precision).unwrap();
            let suite = of_model(shipped.name, &file).unwrap();
            see(shipped, &file, suite);
        }
    }
}

fn default(precision: Precision) -> (ModelFile, Suite) {
    let file = registry::load(registry::DEFAULT, Some(precision)).unwrap();
    let suite = of_model(registry::DEFAULT, &file).unwrap();
    (file, suite)
}

fn picture(vector: &Vector) -> Picture {
    let (width, height) = (vector.width.into(), vector.height.into());
    let bytes = vector.bytes().unwrap();
    Picture::new(width, height, vector.channels.into(), bytes).unwrap()
}

/// `cargo xtask vectors` makes them again.
#[test]
fn shipped_suites_are_those_of_the_shipped_models() {
    every(|shipped, file, computed| {
        let models = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../models"));
        let name = format!("vectors/{}.json", file.model().precision());
        let path = models.join(shipped.name).join(name);
        let bytes = std::fs::read(&path).unwrap();
        let stated = Suite::parse(&bytes).unwrap();
        assert_eq!(
            differences(&stated, &computed),
            [""; 0],
            "{}",
            path.display()
        );
        assert_eq!(bytes, to_file(&computed).unwrap(), "{}", path.display());
    });
}

#[test]
fn every_class_is_there_and_no_larger_than_the_network_is_fast() {
    every(|shipped, _, suite| {
        suite.check().unwrap();
        for class in Class::ALL {
            assert!(
                suite.classes().contains_key(&class),
                "{} {class:?}",
                shipped.name
            );
        }
        let pixels = suite
            .vectors
            .iter()
            .map(|it| u32::from(it.width) * u32::from(it.height));
        let pixels: u32 = pixels.sum();
        assert!((100..=1100).contains(&pixels), "{}: {pixels}", shipped.name);
    });
}

#[test]
fn the_default_model_has_every_width_up_to_a_vector_and_one() {
    let (_, suite) = default(Precision::W8A8);
    for width in (1..=17).chain([33]) {
        let found = |it: &Vector| it.class == Class::Random && it.width == width;
        assert!(suite.vectors.iter().any(found), "{width}");
    }
}

/// Four links, each the rectangle that it names of what the boards' kernels (not the specification's)
/// make of the one before.
#[test]
fn chained_inputs_are_cut_from_outputs() {
    every(|shipped, file, suite| {
        let model = file.model();
        let scale = model.config().scale;
        let by_id: BTreeMap<_, _> = suite.vectors.iter().map(|it| (&it.id, it)).collect();
        let mut links = 0;
        for vector in suite.vectors.iter().filter(|it| it.class == Class::Chained) {
            let Origin { id, x, y } = vector.after.as_ref().unwrap();
            let small = picture(by_id[id]);
            let big = reference::run(&model, &small).unwrap().output;
            let (width, height) = (scale * small.width(), scale * small.height());
            let big = Picture::new(width, height, model.config().channels, big).unwrap();
            let cut = big.crop(
                (*x).into(),
                (*y).into(),
                vector.width.into(),
                vector.height.into(),
            );
            assert_eq!(
                cut.unwrap(),
                picture(vector),
                "{} {}",
                shipped.name,
                vector.id
            );
            links += 1;
        }
        assert_eq!(links, 4, "{}", shipped.name);
    });
}

/// Tiles are parts of the whole picture and of sizes that change from one to the next.
#[test]
fn seams_are_tiles_of_one_picture() {
    let (_, suite) = default(Precision::F32);
    let seams: Vec<_> = suite
        .vectors
        .iter()
        .filter(|it| it.class == Class::Seams)
        .collect();
    let whole = picture(seams[0]);
    let area = |it: &Vector| u32::from(it.width) * u32::from(it.height);
    assert!(seams.len() > 4);
    for tile in &seams[1..] {
        let (_, at) = tile.id.split_once("-at-").unwrap();
        let (x, y) = at.split_once('-').unwrap();
        let (x, y) = (x.parse().unwrap(), y.parse().unwrap());
        let cut = whole
            .crop(x, y, tile.width.into(), tile.height.into())
            .unwrap();
        assert_eq!(cut, picture(tile), "{}", tile.id);
    }
    let turns = seams[1..]
        .windows(2)
        .filter(|pair| area(pair[0]) != area(pair[1]));
    assert!(turns.count() >= seams.len() - 3);
}

/// The first layer's output is at its ends: no other picture of the suite reaches farther there.
#[test]
fn accumulator_inputs_reach_farther_than_all_others() {
    let (file, suite) = default(Precision::F32);
    let model = file.model();
    let width = model.config().width;
    let middle = |picture: &Picture, output: usize| {
        let bits = reference::trace(&model, picture, mambalite_kernels::Layer::ConvFirst).unwrap();
        let values: Vec<f32> = bits
            .into_iter()
            .skip(output)
            .step_by(width)
            .map(f32::from_bits)
            .collect();
        let high = values.iter().copied().fold(f32::MIN, f32::max);
        let low = values.iter().copied().fold(f32::MAX, f32::min);
        (low, high)
    };
    let mut seen = 0;
    for vector in suite
        .vectors
        .iter()
        .filter(|it| it.class == Class::Accumulator)
    {
        let (output, end) = vector
            .id
            .trim_start_matches("accumulator/")
            .split_once('-')
            .unwrap();
        let output = output.parse().unwrap();
        let (low, high) = middle(&picture(vector), output);
        for other in suite
            .vectors
            .iter()
            .filter(|it| it.class != Class::Accumulator)
        {
            let (other_low, other_high) = middle(&picture(other), output);
            match end {
                "largest" => assert!(high >= other_high, "{} {}", vector.id, other.id),
                _ => assert!(low <= other_low, "{} {}", vector.id, other.id),
            }
        }
        seen += 1;
    }
    assert!(seen >= 2);
}

/// One bound a matrix and causal convolution, each within what the reader lets pass.
#[test]
fn sums_of_shipped_models_fit_and_are_of_every_matrix() {
    every(|shipped, file, _| {
        let model = file.model();
        let found = accumulators(&model).unwrap();
        if model.precision() == Precision::F32 {
            assert!(found.is_empty());
            return;
        }
        assert!(
            found.iter().all(|it| it.bound > 0 && it.bound <= it.limit),
            "{}",
            shipped.name
        );
        let wanted: usize = model
            .forms()
            .map(|form| match form {
                mambalite_kernels::Form::Dense => 1,
                mambalite_kernels::Form::LowRank(_) => 2,
                mambalite_kernels::Form::IdentityRows(_) => 3,
            })
            .sum();
        let blocks = model.config().groups * model.config().blocks;
        assert_eq!(found.len(), wanted + blocks, "{}", shipped.name);
    });
}

#[test]
fn a_difference_is_named() {
    let (_, good) = default(Precision::W8A16);
    let mut other = good.clone();
    assert!(differences(&other, &good).is_empty());
    other.vectors[3].output_sha256 = "0".repeat(64);
    let id = &good.vectors[3].id;
    assert_eq!(
        differences(&other, &good),
        [format!("vector `{id}`: its output differs")]
    );
    other.vectors.pop();
    assert_eq!(differences(&other, &good).len(), 2);
}
