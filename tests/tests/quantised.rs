//! PSNR of quantised networks on Set5 x4, against single precision.

use std::path::Path;

use mambalite::dataset::Dataset;
use mambalite::model_file::ModelFile;
use mambalite::picture::{Color, Picture, find_in_folder};
use mambalite::quantize::quantize;
use mambalite::resize::{Scale, resize};
use mambalite::upscale::{Executor, upscale};
use mambalite::{checkpoint, import, registry};
use mambalite_kernels::Precision;
use mambalite_tests::optional_data;

fn calibration(folder: &Path, count: usize) -> Vec<Picture> {
    let files = find_in_folder(folder).unwrap();
    let step = files.len() / count;
    let load = |path| Picture::load(path, Color::Rgb).and_then(|p| resize(&p, Scale::down(4)));
    files
        .iter()
        .step_by(step)
        .take(count)
        .map(|p| load(p).unwrap())
        .collect()
}

/// Mean luma PSNR on Set5 x4 with the LR files of the benchmark.
fn set5(datasets: &Path, file: &ModelFile) -> f64 {
    let low = datasets.join("eval_lr/Set5/x4");
    let set = Dataset::open(&datasets.join("eval/Set5"), Some(&low), 4, Color::Rgb).unwrap();
    let run = |picture: &Picture| upscale(&file.model(), picture, Executor::Stream);
    set.evaluate(run).unwrap().mean.psnr_y
}

/// The shipped files give the figures of their card (`models/mambalite-x4-tiny`).
#[test]
fn shipped_model_has_the_figures_of_its_card() {
    let Some(datasets) = optional_data("datasets") else {
        return;
    };
    for (precision, expected) in [
        (Precision::F32, 30.718),
        (Precision::W8A16, 30.715),
        (Precision::W8A8, 30.650),
    ] {
        let file = registry::load(registry::DEFAULT, Some(precision)).unwrap();
        let found = set5(&datasets, &file);
        println!("{precision}: {found:.3} dB");
        assert!((found - expected).abs() < 0.001, "{precision}: {found}");
    }
}

/// f32, w8a16 and w8a8 of a checkpoint.
fn figures(datasets: &Path, path: &Path) -> [f64; 3] {
    let single = import::import(&checkpoint::load(path).unwrap()).unwrap();
    let pictures = calibration(&datasets.join("train/CID22"), 8);
    let fixed = [Precision::W8A16, Precision::W8A8].map(|precision| {
        let file = quantize(&single, &pictures, precision, 99.99, &mut |_| ()).unwrap();
        set5(datasets, &file)
    });
    let out = [set5(datasets, &single), fixed[0], fixed[1]];
    println!(
        "{}: f32 {:.3}  w8a16 {:.3}  w8a8 {:.3} dB",
        path.display(),
        out[0],
        out[1],
        out[2]
    );
    out
}

#[test]
fn dvmsr_keeps_its_quality_in_16_bits() {
    let (Some(datasets), Some(teacher)) = (
        optional_data("datasets"),
        optional_data("teachers/dvmsr/DVMSR.pth"),
    ) else {
        return;
    };
    let [single, w8a16, w8a8] = figures(&datasets, &teacher);
    assert!((single - 32.21).abs() < 0.01, "{single}");
    assert!(single - w8a16 < 0.05, "{w8a16}");
    assert!(w8a8 > 20.0, "{w8a8}");
}
