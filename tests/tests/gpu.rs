//! Whole networks as launches of the GPU's threads, here one after the other: every byte that of the
//! CPU.
#![expect(unsafe_code, reason = "launches take addresses")]

use mambalite::import::import;
use mambalite::model_file::ModelFile;
use mambalite::picture::Picture;
use mambalite::quantize::{PERCENTILE, quantize};
use mambalite::registry;
use mambalite::upscale::{Executor, upscale};
use mambalite_kernels::{Anchor, Config, Decay, Precision};
use mambalite_kernels_ptx::args::{Array, Patches};
use mambalite_kernels_ptx::host;
use mambalite_kernels_ptx::program::{Memory, Program, ProgramError};
use mambalite_ptx_vm::{Arg, Device, Launch, Module, Options, ThreadOrder};
use mambalite_tests::network::{TINY, checkpoint, mixed_forms, picture};

/// What `cargo xtask ptx` made of the entry points.
const PTX: &str = include_str!("../../kernels/ptx/sm_87.ptx");

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

/// Runs a model's launches by the shipped PTX in the interpreter; what comes out as [`launched`].
fn interpreted(file: &ModelFile, pictures: &[Picture], order: ThreadOrder) -> Vec<u8> {
    let patches = Patches {
        count: pictures.len() as u32,
        width: pictures[0].width() as u32,
        height: pictures[0].height() as u32,
    };
    let module = Module::parse(PTX).unwrap();
    let mut device = Device::new(Options {
        order,
        ..Options::default()
    });
    device.load(&module).unwrap();
    let model = device.upload(file.bytes()).unwrap();
    device.protect(model).unwrap();
    let plan = |arena| Program::new(file.bytes(), patches, Memory { model, arena }).unwrap();
    let arena = device.alloc(plan(0).arena_bytes).unwrap();
    let program = plan(arena);
    let input: Vec<u8> = pictures.iter().flat_map(Picture::data).copied().collect();
    device.write(program.input.address, &input).unwrap();
    for launch in &program.launches {
        let kernel = module.kernel(&launch.entry).unwrap();
        let args: Vec<Arg> = launch.args.iter().cloned().map(Arg::Bytes).collect();
        let grid = Launch::linear(launch.blocks, launch.block);
        let ran = device.launch(kernel, &grid, &args);
        ran.unwrap_or_else(|fault| panic!("{}: {fault}", launch.entry));
    }
    let output = program.output;
    device.read(output.address, output.len as usize).unwrap()
}

/// Runs a model's launches on pictures of one size and returns what comes out, one after the other.
fn launched(file: &ModelFile, pictures: &[Picture]) -> Vec<u8> {
    let patches = Patches {
        count: pictures.len() as u32,
        width: pictures[0].width() as u32,
        height: pictures[0].height() as u32,
    };
    let plan = |arena: u64| {
        let model = file.bytes().as_ptr() as u64;
        Program::new(file.bytes(), patches, Memory { model, arena }).unwrap()
    };
    // Nothing is zero that no thread has written.
    let mut arena = vec![0xa5a5_a5a5_a5a5_a5a5u64; plan(0).arena_bytes.div_ceil(8)];
    let arena: &mut [u8] = bytemuck::cast_slice_mut(&mut arena);
    let begin = arena.as_mut_ptr() as u64;
    let program = plan(begin);
    let range = |array: Array| {
        let from = (array.address - begin) as usize;
        from..from + array.len as usize
    };
    let input: Vec<u8> = pictures.iter().flat_map(Picture::data).copied().collect();
    arena[range(program.input)].copy_from_slice(&input);
    for launch in &program.launches {
        // SAFETY: the model and the arena live, and nothing else uses them.
        unsafe { host::run(launch) }.unwrap_or_else(|| panic!("no entry for {launch:?}"));
    }
    arena[range(program.output)].to_vec()
}

fn expect_equal(file: &ModelFile, pictures: &[Picture]) {
    let magnified = |picture| upscale(&file.model(), picture, Executor::Stream).unwrap();
    let expected: Vec<u8> = pictures
        .iter()
        .flat_map(|picture| magnified(picture).data().to_vec())
        .collect();
    let found = launched(file, pictures);
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

#[test]
fn the_shipped_ptx_gives_the_bytes_of_the_cpu() {
    let pictures = [picture(7, 5, 3, 1), picture(7, 5, 3, 2)];
    for precision in Precision::ALL {
        let file = registry::load(registry::DEFAULT, Some(precision)).unwrap();
        for order in [
            ThreadOrder::Forward,
            ThreadOrder::Reverse,
            ThreadOrder::Seeded(3),
        ] {
            let found = interpreted(&file, &pictures, order);
            assert!(found == launched(&file, &pictures), "{precision} {order:?}");
        }
    }
}

fn in_precision(single: &ModelFile, precision: Precision) -> ModelFile {
    let config = *single.model().config();
    let pictures: Vec<Picture> = (0..4)
        .map(|i| picture(24, 20, config.channels, i))
        .collect();
    match precision {
        Precision::F32 => single.clone(),
        _ => quantize(single, &pictures, precision, PERCENTILE, &mut |_| ()).unwrap(),
    }
}

#[test]
fn every_option_and_form_gives_the_bytes_of_the_cpu() {
    for (config, offset) in CONFIGS.iter().flat_map(|c| [(c, 0), (c, 1), (c, 2)]) {
        let checkpoint = checkpoint(config, mixed_forms(config, offset), 7);
        let single = import(&checkpoint).unwrap();
        for precision in Precision::ALL {
            let file = in_precision(&single, precision);
            for (width, height) in [(9, 7), (1, 5), (6, 1), (1, 1)] {
                let pictures: Vec<Picture> = (0..3)
                    .map(|i| picture(width, height, config.channels, 40 + i))
                    .collect();
                expect_equal(&file, &pictures);
            }
        }
    }
}

#[test]
fn the_shipped_model_gives_the_bytes_of_the_cpu() {
    for precision in Precision::ALL {
        let file = registry::load(registry::DEFAULT, Some(precision)).unwrap();
        expect_equal(&file, &[picture(24, 16, 3, 1), picture(24, 16, 3, 2)]);
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
