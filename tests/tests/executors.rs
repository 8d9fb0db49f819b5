//! Streams and patches of small random networks in every precision: the same bits, the memory that
//! was planned, and fixed point close to single precision.

use mambalite::import::import;
use mambalite::model_file::ModelFile;
use mambalite::parallel;
use mambalite::picture::Picture;
use mambalite::quantize::quantize;
use mambalite::upscale::{Executor, upscale, upscale_with};
use mambalite_kernels::{
    Anchor, Config, Decay, Digests, ExecError, Layer, Model, NoTap, Plan, Precision, TileGrid,
    Upscaler,
};
use mambalite_tests::network::{TINY, checkpoint, mixed_forms, picture};

/// A row of options each; together they have every one.
const CONFIGS: [Config; 8] = [
    TINY,
    Config {
        channels: 1,
        scale: 3,
        width: 5,
        states: 1,
        anchor: Anchor::Bicubic,
        ..TINY
    },
    Config {
        scale: 4,
        width: 8,
        inner: 16,
        groups: 2,
        blocks: 2,
        anchor: Anchor::None,
        ..TINY
    },
    Config {
        width: 6,
        inner: 7,
        groups: 3,
        mixer_skip: true,
        dt_rank: 2,
        ..TINY
    },
    Config {
        states: 8,
        decay: Decay::Tied,
        width: 12,
        inner: 24,
        dt_rank: 3,
        ..TINY
    },
    Config {
        scale: 3,
        states: 5,
        blocks: 2,
        mixer_skip: true,
        anchor: Anchor::Bicubic,
        ..TINY
    },
    Config {
        channels: 1,
        scale: 4,
        width: 20,
        inner: 40,
        states: 4,
        decay: Decay::Tied,
        ..TINY
    },
    Config {
        width: 9,
        inner: 18,
        groups: 2,
        blocks: 2,
        states: 3,
        mixer_skip: true,
        ..TINY
    },
];

/// The networks of the table, their forms mixed, in a precision.
fn networks(precision: Precision) -> impl Iterator<Item = (String, ModelFile)> {
    CONFIGS.iter().zip(0..).map(move |(config, seed)| {
        let forms = mixed_forms(config, seed as usize);
        let single = import(&checkpoint(config, forms, seed)).unwrap();
        assert_eq!(single.model().config(), config);
        let calibration = [1, 2].map(|s| picture(24, 20, config.channels, 100 * seed + s));
        let file = match precision {
            Precision::F32 => single,
            _ => quantize(&single, &calibration, precision, 99.99, &mut |_| ()).unwrap(),
        };
        (format!("network {seed} in {precision}"), file)
    })
}

fn arena(model: &Model<'_>, width: usize) -> Vec<u64> {
    vec![0; Plan::new(model, width).arena_bytes / 8]
}

/// Runs a picture in a given arena; checks that the rows come in order. Bytes and digests.
fn stream(model: &Model<'_>, picture: &Picture, arena: &mut [u64]) -> (Vec<u8>, Vec<u64>) {
    let (width, height, channels) = picture.shape();
    let scale = model.config().scale;
    let mut digests = Digests::new(model.config(), vec![0; Layer::count(model.config())]);
    let (mut out, mut next) = (Vec::new(), 0);
    let mut run = Upscaler::new(model, width, height, arena).unwrap();
    for (y, row) in picture.data().chunks_exact(width * channels).enumerate() {
        let mut sink = |y: usize, row: &[u8]| {
            assert_eq!((y, row.len()), (next, width * scale * channels));
            next += 1;
            out.extend_from_slice(row);
        };
        run.push_row(row, &mut digests, &mut sink).unwrap();
        let behind = model.config().groups + 3;
        let known = if y + 1 == height {
            height
        } else {
            (y + 1).saturating_sub(behind)
        };
        assert_eq!(next, known * scale, "row {y}");
    }
    let row = &picture.data()[..width * channels];
    assert_eq!(
        run.push_row(row, &mut NoTap, &mut |_, _| ()),
        Err(ExecError::Finished)
    );
    (out, digests.as_slice().to_vec())
}

/// More threads than parts too; pictures of one row, of fewer rows than stages, and of more.
#[test]
fn threads_change_no_bit() {
    for precision in Precision::ALL {
        for (name, file) in networks(precision) {
            let model = file.model();
            let channels = model.config().channels;
            for (size, seed) in [((7, 1), 1), ((13, 4), 2), ((1, 9), 3), ((18, 17), 4)] {
                let picture = picture(size.0, size.1, channels, seed);
                for executor in [Executor::Stream, Executor::Patch { tile: 5, halo: 2 }] {
                    let alone = upscale(&model, &picture, executor).unwrap();
                    for threads in [2, 3, 8] {
                        let many = parallel::upscale(&model, &picture, executor, threads, &|_| ());
                        let many = many.unwrap();
                        assert!(many == alone, "{name}, {size:?}, {executor:?}, {threads}");
                    }
                }
            }
        }
    }
}

#[test]
fn stream_and_covering_patch_give_the_same_bits() {
    for precision in Precision::ALL {
        for (name, file) in networks(precision) {
            let model = file.model();
            let channels = model.config().channels;
            for (width, height) in [(13, 11), (1, 1), (1, 7), (6, 1), (2, 3)] {
                let picture = picture(width, height, channels, 7);
                let (bytes, digests) = stream(&model, &picture, &mut arena(&model, width));
                for (tile, halo) in [(13, 0), (20, 3), (usize::MAX, usize::MAX)] {
                    let mut tap =
                        Digests::new(model.config(), vec![0; Layer::count(model.config())]);
                    let executor = Executor::Patch { tile, halo };
                    let out = upscale_with(&model, &picture, executor, &mut tap, &mut |_| ());
                    assert_eq!(out.unwrap().data(), bytes, "{name} {width}x{height}");
                    assert_eq!(tap.as_slice(), digests, "{name} {width}x{height}");
                }
            }
        }
    }
}

/// Several tiles: each core holds what its padded tile gives as a picture of its own.
#[test]
fn patches_are_pictures_of_their_own() {
    for precision in Precision::ALL {
        for (name, file) in networks(precision) {
            let model = file.model();
            let Config {
                channels, scale, ..
            } = *model.config();
            let whole = picture(14, 9, channels, 3);
            let (tile, halo) = (5, 2);
            let out = upscale(&model, &whole, Executor::Patch { tile, halo }).unwrap();
            for part in TileGrid::new(14, 9, tile, halo) {
                let (core, padded) = (part.core, part.padded);
                let rows = (padded.y..padded.y + padded.height).flat_map(|y| {
                    whole.data()[(y * 14 + padded.x) * channels..][..padded.width * channels].iter()
                });
                let data = rows.copied().collect();
                let cut = Picture::new(padded.width, padded.height, channels, data).unwrap();
                let own = upscale(&model, &cut, Executor::Stream).unwrap();
                for y in 0..core.height * scale {
                    let len = core.width * scale * channels;
                    let unit = scale * channels;
                    let from = ((core.y * scale + y) * 14 + core.x) * unit;
                    let found = &out.data()[from..][..len];
                    let top = (core.y - padded.y) * scale + y;
                    let from = (top * padded.width + core.x - padded.x) * unit;
                    let wanted = &own.data()[from..][..len];
                    assert_eq!(found, wanted, "{name} {part:?} row {y}");
                }
            }
        }
    }
}

/// Two runs whose rows are pushed in turn do not see each other.
#[test]
fn runs_are_independent() {
    for precision in Precision::ALL {
        for (name, file) in networks(precision) {
            let model = file.model();
            let channels = model.config().channels;
            let pictures = [5, 6].map(|seed| picture(10, 8, channels, seed));
            let alone = [0, 1].map(|i| stream(&model, &pictures[i], &mut arena(&model, 10)).0);
            let mut arenas = [arena(&model, 10), arena(&model, 10)];
            let mut runs = arenas
                .each_mut()
                .map(|a| Upscaler::new(&model, 10, 8, a).unwrap());
            let mut out = [Vec::new(), Vec::new()];
            for y in 0..8 {
                for i in [0, 1] {
                    let row = &pictures[i].data()[y * 10 * channels..][..10 * channels];
                    let mut sink = |_: usize, row: &[u8]| out[i].extend_from_slice(row);
                    runs[i].push_row(row, &mut NoTap, &mut sink).unwrap();
                }
            }
            assert_eq!(out, alone, "{name}");
        }
    }
}

#[test]
fn memory_is_what_the_plan_says() {
    for precision in Precision::ALL {
        for (name, file) in networks(precision) {
            let model = file.model();
            let picture = picture(11, 6, model.config().channels, 2);
            let needed = Plan::new(&model, 11).arena_bytes;
            let mut short = vec![0; needed / 8 - 1];
            let error = Upscaler::new(&model, 11, 6, &mut short).err().unwrap();
            assert_eq!(
                error,
                ExecError::Memory {
                    needed,
                    given: needed - 8
                },
                "{name}"
            );
            assert!(
                error
                    .to_string()
                    .starts_with("8 bytes of memory are missing"),
                "{error}"
            );

            let clean = stream(&model, &picture, &mut vec![0; needed / 8]);
            let mut dirty = vec![u64::MAX; needed / 8];
            for _ in 0..2 {
                assert_eq!(stream(&model, &picture, &mut dirty), clean, "{name}");
            }
            // One word more changes nothing.
            assert_eq!(
                stream(&model, &picture, &mut vec![1; needed / 8 + 1]),
                clean,
                "{name}"
            );
        }
    }
}

#[test]
fn wrong_rows_and_sizes_are_refused() {
    let (_, file) = networks(Precision::F32).next().unwrap();
    let model = file.model();
    let mut memory = arena(&model, 4);
    for (width, height) in [(0, 4), (4, 0), (65_536, 1), (1, 65_536)] {
        let error = Upscaler::new(&model, width, height, &mut []).err().unwrap();
        assert_eq!(error, ExecError::Size { width, height });
    }
    let mut run = Upscaler::new(&model, 4, 2, &mut memory).unwrap();
    for given in [0, 11, 13] {
        let error = run
            .push_row(&vec![0; given], &mut NoTap, &mut |_, _| ())
            .unwrap_err();
        assert_eq!(
            error,
            ExecError::Row {
                expected: 12,
                given
            }
        );
    }
}

/// PSNR of all bytes, in dB.
fn psnr(left: &Picture, right: &Picture) -> f64 {
    let pairs = left.data().iter().zip(right.data());
    let sum: f64 = pairs
        .map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2))
        .sum();
    10.0 * (65025.0 * left.data().len() as f64 / sum.max(1e-9)).log10()
}

#[test]
fn fixed_point_is_close_to_single_precision() {
    let single: Vec<_> = networks(Precision::F32).collect();
    for (precision, least) in [(Precision::W8A16, 45.0), (Precision::W8A8, 40.0)] {
        for ((name, file), (_, single)) in networks(precision).zip(&single) {
            let picture = picture(30, 26, file.model().config().channels, 9);
            let run =
                |file: &ModelFile| upscale(&file.model(), &picture, Executor::Stream).unwrap();
            let found = psnr(&run(&file), &run(single));
            println!("{name}: {found:.1} dB");
            assert!(found > least, "{name}: {found:.1} dB");
        }
    }
}
