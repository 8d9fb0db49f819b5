//! Figures on the public sets. These tests run where the data lie beside the repository.

#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a helper fails the test"
)]

use std::io::Write;
use std::path::PathBuf;

use mambalite::checkpoint;
use mambalite::dataset::{BicubicProtocol, Dataset};
use mambalite::metrics::Scores;
use mambalite::picture::Color;
use mambalite::resize::{Scale, resize};

/// Returns a path of the optional data, or says visibly that the test is skipped.
fn optional(relative: &str) -> Option<PathBuf> {
    let root = std::env::var_os("MAMBALITE_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        PathBuf::from,
    );
    let path = root.join(relative);
    if path.exists() {
        return Some(path);
    }
    // Written past the capture of the test runner, which hides the output of passing tests.
    let line = format!("SKIP: {} is not there (MAMBALITE_SHARED)\n", path.display());
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    None
}

#[test]
fn low_resolution_files_of_set5_are_reproduced_to_the_bit() {
    let Some(high) = optional("datasets/eval/Set5") else {
        return;
    };
    let Some(low) = optional("datasets/eval_lr/Set5") else {
        return;
    };
    let mut files = 0;
    for scale in [2, 3, 4] {
        let set = Dataset::open(&high, Some(&low), scale, Color::Rgb).unwrap();
        for pair in set.pairs() {
            let loaded = set.load(pair).unwrap();
            let made = resize(&loaded.high, Scale::down(scale)).unwrap();
            let differing = made
                .data()
                .iter()
                .zip(loaded.low.data())
                .filter(|(a, b)| a != b);
            assert_eq!(made.shape(), loaded.low.shape(), "{pair:?}");
            assert_eq!(differing.count(), 0, "{pair:?}");
            files += 1;
        }
    }
    assert_eq!(files, 15);
}

/// PSNR in dB and SSIM at x2, x3 and x4.
type Row = [(f64, f64); 3];

/// The rows of published tables, with the number of pictures.
const PUBLISHED: [(&str, usize, Row); 3] = [
    (
        "Set5",
        5,
        [(33.66, 0.9299), (30.39, 0.8682), (28.42, 0.8104)],
    ),
    (
        "Set14",
        14,
        [(30.24, 0.8688), (27.55, 0.7742), (26.00, 0.7027)],
    ),
    (
        "BSD100",
        100,
        [(29.56, 0.8431), (27.21, 0.7385), (25.96, 0.6675)],
    ),
];

#[test]
fn bicubic_baselines_are_the_published_ones() {
    for (name, count, rows) in PUBLISHED {
        let Some(high) = optional(&format!("datasets/eval/{name}")) else {
            return;
        };
        for (scale, published) in [2, 3, 4].into_iter().zip(rows) {
            let set = Dataset::open(&high, None, scale, Color::AsStored).unwrap();
            assert_eq!(set.pairs().len(), count);
            for protocol in [BicubicProtocol::YDouble, BicubicProtocol::Rgb] {
                let Scores { psnr_y, ssim_y } = set.evaluate_bicubic(protocol).unwrap().mean;
                let (psnr_off, ssim_off) = (psnr_y - published.0, ssim_y - published.1);
                println!(
                    "{name:7} x{scale} {protocol:8} {psnr_y:.3} dB ({psnr_off:+.3}) \
                     {ssim_y:.4} ({ssim_off:+.4})"
                );
                assert!(
                    psnr_off.abs() <= 0.02,
                    "{name} x{scale} {protocol}: {psnr_y}"
                );
                assert!(
                    ssim_off.abs() <= 0.002,
                    "{name} x{scale} {protocol}: {ssim_y}"
                );
            }
        }
    }
}

#[test]
fn single_pictures_of_set5_score_as_in_the_literature() {
    let Some(high) = optional("datasets/eval/Set5") else {
        return;
    };
    let rows = [
        (2, [37.07, 36.81, 27.43, 34.86, 32.14]),
        (3, [33.91, 32.57, 24.04, 32.88, 28.56]),
        (4, [31.78, 30.18, 22.10, 31.59, 26.46]),
    ];
    for (scale, wanted) in rows {
        let set = Dataset::open(&high, None, scale, Color::Rgb).unwrap();
        let report = set.evaluate_bicubic(BicubicProtocol::YDouble).unwrap();
        for (found, wanted) in report.pictures.iter().zip(wanted) {
            let off = found.scores.psnr_y - wanted;
            assert!(off.abs() < 0.006, "x{scale} {found:?} {wanted}");
        }
    }
}

#[test]
fn the_pytorch_file_of_dvmsr_holds_the_tensors_of_the_safetensors_file() {
    let Some(pth) = optional("teachers/dvmsr/DVMSR.pth") else {
        return;
    };
    let Some(safetensors) = optional("teachers/dvmsr/dvmsr.safetensors") else {
        return;
    };
    let ours = checkpoint::load(&pth).unwrap();
    let theirs = checkpoint::load(&safetensors).unwrap();
    assert_eq!(ours.metadata[checkpoint::pth::ENTRY_KEY], "params_ema");
    assert_eq!(ours.tensors.len(), theirs.tensors.len());
    for (name, tensor) in &theirs.tensors {
        assert_eq!(ours.tensors.get(name), Some(tensor), "{name}");
    }
    let parameters: usize = ours.tensors.values().map(|tensor| tensor.data.len()).sum();
    assert_eq!(parameters, 424_428);
}
