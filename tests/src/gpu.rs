//! Networks by the PTX that the repository keeps, in the interpreter.

use std::sync::LazyLock;

use mambalite::model_file::ModelFile;
use mambalite::picture::Picture;
use mambalite_kernels_ptx::args::Patches;
use mambalite_kernels_ptx::program::{Launch, Memory, Program};
use mambalite_ptx_vm::{Arg, Device, Kernel, LaunchError, Module, Options, Stats};

pub use mambalite_kernels_ptx::PTX;

/// What a network did on the interpreter.
#[derive(Debug)]
pub struct Run {
    /// The magnified pictures, one after the other.
    pub output: Vec<u8>,
    /// The launches and their counts.
    pub launches: Vec<(Launch, Stats)>,
}

/// Runs a model on pictures of one size by the kept PTX.
///
/// # Errors
/// The first fault.
///
/// # Panics
/// If the kept PTX cannot be read, or the network has no program.
pub fn run(file: &ModelFile, pictures: &[Picture], options: Options) -> Result<Run, LaunchError> {
    run_with(None, file, pictures, options)
}

/// As [`run`], with the entry points of another module in place of the kept ones of their names.
///
/// # Errors
/// The first fault.
///
/// # Panics
/// As [`run`].
pub fn run_with(
    other: Option<&Module>,
    file: &ModelFile,
    pictures: &[Picture],
    options: Options,
) -> Result<Run, LaunchError> {
    let patches = Patches {
        count: pictures.len() as u32,
        width: pictures[0].width() as u32,
        height: pictures[0].height() as u32,
    };
    static KEPT: LazyLock<Module> = LazyLock::new(|| Module::parse(PTX).expect("kept PTX"));
    let mut device = Device::new(options);
    device.load(&KEPT).expect("a device of its own");
    if let Some(other) = other {
        device.load(other).expect("another module");
    }
    let kernel = |name: &str| {
        let of_other = other.and_then(|module| module.kernel(name));
        of_other
            .or_else(|| KEPT.kernel(name))
            .expect("an entry point")
    };
    let plan =
        |memory| Program::new(file.bytes(), patches, memory).expect("a network with a program");
    let sizes = plan(Memory::default());
    let model = device.upload(&sizes.image).expect("memory");
    device.protect(model).expect("an allocation");
    let arena = device.alloc(sizes.arena_bytes).expect("memory");
    let program = plan(Memory { model, arena });
    let input: Vec<u8> = pictures.iter().flat_map(Picture::data).copied().collect();
    let (from, to) = (program.input.address, program.output);
    device.write(from, &input).expect("an allocation");
    let mut launches = Vec::new();
    for launch in program.launches {
        let stats = start(&mut device, kernel(&launch.entry), &launch)?;
        launches.push((launch, stats));
    }
    let output = device.read(to.address, to.len as usize);
    Ok(Run {
        output: output.expect("every byte is written"),
        launches,
    })
}

fn start(device: &mut Device, kernel: Kernel<'_>, launch: &Launch) -> Result<Stats, LaunchError> {
    let args: Vec<Arg> = launch.args.iter().cloned().map(Arg::Bytes).collect();
    let grid = mambalite_ptx_vm::Launch {
        dynamic_shared: launch.shared,
        ..mambalite_ptx_vm::Launch::linear(launch.blocks, launch.block)
    };
    device.launch(kernel, &grid, &args)
}
