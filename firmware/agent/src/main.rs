//! The board's side of the harness on a computer with Linux: frames on standard input and output,
//! the network on the CPU or an NVIDIA GPU, readings of the sensors of a Jetson.

mod arguments;
mod backend;
mod identity;
mod machine;
mod port;
mod sensors;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use mambalite_firmware_app::Session;
use mambalite_host_gpu::GpuError;

use arguments::{Order, Serve, USAGE};
use backend::{Facts, Found};
use machine::Machine;
use port::Standard;
use sensors::{Places, Sampler};

/// The program itself is at fault, or the system refused it something.
const EXIT_BUG: u8 = 1;
/// Wrong usage, or input that cannot be used.
const EXIT_INPUT: u8 = 2;

/// Why the agent ends.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// The command line is wrong.
    #[error("{cause}\n\n{USAGE}")]
    Usage {
        /// What is wrong with it.
        cause: String,
    },
    /// The system has not the memory asked for.
    #[error(
        "set {bytes} bytes of working memory aside: there are not so many; lower --arena-bytes"
    )]
    Memory {
        /// Bytes asked for.
        bytes: u32,
    },
    /// The GPU cannot be used.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// A stream of the process does not work.
    #[error("open the standard streams: {cause}")]
    Streams {
        /// The system's answer.
        cause: std::io::Error,
    },
}

fn main() -> ExitCode {
    let outcome = Order::parse(std::env::args_os()).and_then(|order| match order {
        Order::Help => {
            print(USAGE);
            Ok(())
        }
        Order::Version => {
            print(concat!("mambalite-agent ", env!("CARGO_PKG_VERSION")));
            Ok(())
        }
        Order::Sensors { places, window } => {
            show_sensors(&places, window);
            Ok(())
        }
        Order::Serve(serve) => run(&serve),
    });
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    eprintln!("error: {error}");
    ExitCode::from(match error {
        Error::Gpu(cause) => cause.exit_code(),
        Error::Usage { .. } | Error::Memory { .. } => EXIT_INPUT,
        Error::Streams { .. } => EXIT_BUG,
    })
}

/// Serves the wire protocol until the host closes the line.
fn run(serve: &Serve) -> Result<(), Error> {
    let model = read_model(serve);
    let words = serve.arena_bytes as usize / size_of::<u64>();
    let mut arena = Vec::new();
    let room = arena.try_reserve_exact(words);
    room.map_err(|_| Error::Memory {
        bytes: serve.arena_bytes,
    })?;
    arena.resize(words, 0_u64);
    let model: &[u8] = bytemuck::cast_slice(&model);
    let found = Found::new(serve.backend, model)?;
    let facts = found.facts();
    match &facts {
        Facts::Cuda(device) => eprintln!("the network runs on the GPU, {device}"),
        Facts::Cpu(note) if !note.is_empty() => eprintln!("the network runs on the CPU: {note}"),
        Facts::Cpu(_) => {}
    }
    let port = Standard::open().map_err(|cause| Error::Streams { cause })?;
    let sampler = Sampler::start(sensors::find(&serve.places));
    let machine = Machine::new(serve, facts, sampler);
    eprintln!(
        "{}: arena {} bytes, model {}",
        serve.board,
        serve.arena_bytes,
        serve.model.display()
    );
    match found {
        Found::Cpu { .. } => Session::new(port, machine, model, &mut arena).run(),
        Found::Gpu(gpu) => Session::with_runner(port, machine, model, &mut arena, *gpu).run(),
    }
    Ok(())
}

/// Reads the model file to where the reader takes it from: a multiple of 16 bytes. A file that
/// cannot be read is told in the handshake, as blank flash is.
fn read_model(serve: &Serve) -> Vec<u128> {
    let bytes = std::fs::read(&serve.model).unwrap_or_else(|cause| {
        eprintln!("read {}: {cause}", serve.model.display());
        Vec::new()
    });
    let mut model = vec![0_u128; bytes.len().div_ceil(size_of::<u128>())];
    let place: &mut [u8] = bytemuck::cast_slice_mut(&mut model);
    place[..bytes.len()].copy_from_slice(&bytes);
    model
}

/// Prints what the sensors show over a stretch of time, as one line of JSON.
fn show_sensors(places: &Places, window: Duration) {
    let sampler = Sampler::start(sensors::find(places));
    std::thread::sleep(window);
    print(&sampler.snapshot(false).json());
}

/// Prints a line. A reader that is gone needs none.
fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
