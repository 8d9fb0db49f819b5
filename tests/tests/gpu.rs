//! Whole networks by the PTX that the repository keeps, in the interpreter: every byte that of the CPU.
use mambalite::import::import;
use mambalite::model_file::ModelFile;
use mambalite::picture::Picture;
use mambalite::quantize::{PERCENTILE, quantize};
use mambalite::registry;
use mambalite::upscale::{Executor, upscale};
use mambalite_kernels::{Anchor, Config, Decay, Precision};
use mambalite_kernels_ptx::args::Patches;
use mambalite_kernels_ptx::program::{Memory, Program, ProgramError};
use mambalite_ptx_vm::{Options, ThreadOrder};
use mambalite_tests::gpu;
use mambalite_tests::network::{TINY, checkpoint, mixed_forms, picture};
use mambalite_tests::roofline::ORIN_NANO;

const CONFIGS: [Config; 3] = [
    Config {
        width: 8,
        inner: 16,
        groups: 2,
        states: 4,
        dt_rank: 3,
        ..TINY
    },
    Config {
        channels: 1,
        scale: 3,
        width: 6,
        blocks: 3,
        states: 8,
        dt_rank: 2,
        mixer_skip: true,
        anchor: Anchor::Nearest,
        decay: Decay::Tied,
        ..TINY
    },
    Config {
        scale: 2,
        anchor: Anchor::None,
        states: 16,
        width: 10,
        inner: 20,
        ..TINY
    },
];

/// Runs a model on pictures and expects the bytes of the CPU.
fn expect_equal(file: &ModelFile, pictures: &[Picture], order: ThreadOrder) {
    let magnified = |picture| upscale(&file.model(), picture, Executor::Stream).unwrap();
    let expected: Vec<u8> = pictures
        .iter()
        .flat_map(|picture| magnified(picture).data().to_vec())
        .collect();
    let options = Options {
        order,
        ..Options::default()
    };
    let ran = gpu::run(file, pictures, options);
    let found = ran.unwrap_or_else(|fault| panic!("{fault}")).output;
    assert_eq!(found.len(), expected.len());
    let differs = found.iter().zip(&expected).position(|(a, b)| a != b);
    assert_eq!(
        differs,
        None,
        "{} {:?}",
        file.model().precision(),
        file.model().config()
    );
}

fn in_precision(single: &ModelFile, precision: Precision, percentile: f64) -> ModelFile {
    let config = *single.model().config();
    let pictures: Vec<Picture> = (0..4)
        .map(|i| picture(24, 20, config.channels, i))
        .collect();
    match precision {
        Precision::F32 => single.clone(),
        _ => quantize(single, &pictures, precision, percentile, &mut |_| ()).unwrap(),
    }
}

#[test]
fn every_option_and_form_gives_the_bytes_of_the_cpu() {
    for (config, offset) in CONFIGS.iter().flat_map(|c| [(c, 0), (c, 1), (c, 2)]) {
        let checkpoint = checkpoint(config, mixed_forms(config, offset), 7);
        let single = import(&checkpoint).unwrap();
        for precision in Precision::ALL {
            let file = in_precision(&single, precision, PERCENTILE);
            for (width, height) in [(9, 7), (1, 5), (6, 1), (1, 1)] {
                let pictures: Vec<Picture> = (0..3)
                    .map(|i| picture(width, height, config.channels, 40 + i))
                    .collect();
                expect_equal(&file, &pictures, ThreadOrder::Forward);
            }
        }
    }
}

/// Black and white, with few of the calibration's values within the range of 8 bits: most are clipped, in
/// patches of several tiles.
#[test]
fn clipped_values_give_the_bytes_of_the_cpu() {
    let pixels = |level: fn(usize) -> u8| {
        let data = (0..18 * 17 * 3).map(level).collect();
        Picture::new(18, 17, 3, data).unwrap()
    };
    let pictures = [pixels(|i| 255 * (i * i / 5 % 2) as u8), pixels(|_| 255)];
    for offset in 0..3 {
        let checkpoint = checkpoint(&CONFIGS[0], mixed_forms(&CONFIGS[0], offset), 11);
        let single = import(&checkpoint).unwrap();
        for precision in [Precision::W8A16, Precision::W8A8] {
            let file = in_precision(&single, precision, 60.0);
            expect_equal(&file, &pictures, ThreadOrder::Forward);
        }
    }
}

#[test]
fn the_shipped_model_gives_the_bytes_of_the_cpu() {
    for precision in Precision::ALL {
        let file = registry::load(registry::DEFAULT, Some(precision)).unwrap();
        for order in [
            ThreadOrder::Forward,
            ThreadOrder::Reverse,
            ThreadOrder::Seeded(3),
        ] {
            expect_equal(
                &file,
                &[picture(24, 16, 3, 1), picture(24, 16, 3, 2)],
                order,
            );
        }
    }
}

#[test]
fn what_cannot_be_launched_is_refused() {
    let config = Config { states: 5, ..TINY };
    let odd = import(&checkpoint(&config, mixed_forms(&config, 0), 7)).unwrap();
    let plan = |file: &ModelFile, width| {
        let patches = Patches {
            count: 1,
            width,
            height: 4,
        };
        Program::new(file.bytes(), patches, Memory::default()).unwrap_err()
    };
    assert_eq!(plan(&odd, 4), ProgramError::States { found: 5 });
    let good = registry::load(registry::DEFAULT, None).unwrap();
    for width in [0, u32::MAX] {
        assert!(matches!(plan(&good, width), ProgramError::Size(_)));
    }
}

/// Predictions of the default model: each launch moves at most 1.3 times the bytes that it must, and
/// the whole takes so many times what the card's peaks allow. (Goal: 3 in each precision.)
#[test]
fn launches_stay_near_the_roofline() {
    let size = Patches {
        count: 1,
        width: 64,
        height: 32,
    };
    let options = Options {
        detect_races: false,
        ..Options::default()
    };
    for (precision, most) in [
        (Precision::F32, 1.4),
        (Precision::W8A16, 3.2),
        (Precision::W8A8, 4.0),
    ] {
        let file = registry::load(registry::DEFAULT, Some(precision)).unwrap();
        let run = gpu::run(&file, &[picture(64, 32, 3, 1)], options).unwrap();
        let (mut seconds, mut roofline) = (0.0, 0.0);
        for (launch, stats) in &run.launches {
            let bytes = stats.traffic_bytes as f64 / stats.touched_bytes as f64;
            assert!(bytes <= 1.3, "{}: {bytes} times the bytes", launch.entry);
            let prediction = ORIN_NANO.predict(launch, stats, size, 512.0);
            seconds += prediction.seconds;
            roofline += prediction.roofline;
        }
        let ratio = seconds / roofline;
        assert!(ratio <= most, "{precision}: {ratio} times the roofline");
    }
}
