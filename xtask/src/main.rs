//! Tasks of developers and of CI: `cargo xtask TASK`.

mod bench;
mod board;
mod check;
mod counts;
mod demo;
mod examples;
mod exchange;
mod exhaustive;
mod firmware;
mod library;
mod miri;
mod mutants;
mod no_panic;
mod packages;
mod peers;
mod process;
mod ptx;
mod repository;
mod soak;
mod suite;
mod tidy;
mod vectors;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand};

/// Tasks of developers and of CI.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Installs the Debian packages that the other tasks need and that are not there yet.
    Setup,
    /// Sends a picture through the virtual Cortex-M7 board and prints the report's path last.
    Demo {
        /// A photograph to use instead of the one that comes from PyPI.
        #[arg(long)]
        input: Option<PathBuf>,
        /// The board.
        #[arg(long, default_value = demo::BOARD)]
        board: String,
    },
    /// Runs all tests and prints the sum of passed, failed and skipped last.
    Test {
        /// Only a share of them, without format and lints.
        #[arg(long)]
        part: Option<suite::Part>,
    },
    /// Runs what CI runs: as `test`, but a missing tool is a failure.
    Ci {
        /// Only a share of it.
        #[arg(long)]
        part: Option<suite::Part>,
    },
    /// Builds the firmware of one board or of all, and prints the path of each ELF file.
    Firmware {
        /// Name of the board, a folder of firmware/boards.
        #[arg(long)]
        board: Option<String>,
        /// Only links boards that are not run here, as CI does: cheaper, and nothing to flash.
        #[arg(long)]
        as_needed: bool,
    },
    /// Counts instructions of the kernels on virtual boards, and times them here (--help for more).
    #[command(disable_help_flag = true)]
    Bench {
        /// Arguments of the program in xtask/bench.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Runs the conformance cases of the kernels on the host and in QEMU on every other target.
    CheckKernels {
        /// A target besides the host; all if none is named.
        #[arg(long = "target", value_parser = PossibleValuesParser::new(check::target_names()))]
        targets: Vec<String>,
        /// Seed of the inputs; those of the golden digests run too.
        #[arg(long, default_value_t = check::SEED)]
        seed: u64,
    },
    /// Builds the examples of kernels/examples, runs them in QEMU and compares what they compute.
    Examples,
    /// Packs the kernels as crates.io has them, builds that, and compiles it for further targets and
    /// with the oldest compiler.
    Package,
    /// Writes down what users of the kernels can name, in Rust and in C.
    Api {
        /// Compares with the files instead of writing them.
        #[arg(long)]
        check: bool,
    },
    /// Seeds faults in the kernels, one at a time, and tells which ones no test catches.
    Mutants(mutants::Arguments),
    /// Looks for panics in the variants for Cortex-M, linked alone.
    NoPanic,
    /// Compiles the entry points of the GPU to PTX and a cubin, kernels/ptx/sm_87.{ptx,cubin,toml}.
    Ptx {
        /// Compares with the files instead of writing them.
        #[arg(long)]
        check: bool,
    },
    /// Installs PyTorch and ONNX Runtime in a virtual environment and runs the tests with them.
    Exchange,
    /// Walks every input of the functions of the number contract; takes minutes.
    Exhaustive,
    /// Runs the tests of the kernels in Miri.
    Miri,
    /// Runs jobs with random faults one after the other and checks that nothing of them is left.
    Soak {
        /// Number of runs; each takes a second or two.
        #[arg(long, default_value_t = 200)]
        runs: u64,
        /// Where the seeds of the runs begin.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Makes the suites of vectors of the shipped models, models/<name>/vectors/<precision>.json.
    Vectors {
        /// Compares with the files instead of writing them.
        #[arg(long)]
        check: bool,
    },
    /// Checks what the compiler does not: length of files and functions, words, sizes, headings.
    Tidy,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Setup => packages::install(&packages::Purpose::ALL),
        Task::Demo { input, board } => demo::run(input.as_deref(), &board),
        Task::Test { part } => suite::run(suite::Strictness::Lenient, part),
        Task::Ci { part } => suite::run(suite::Strictness::Strict, part),
        Task::Firmware { board, as_needed } => {
            let build = match as_needed {
                true => firmware::Build::AsNeeded,
                false => firmware::Build::Whole,
            };
            firmware::run(board.as_deref(), build)
        }
        Task::Bench { arguments } => match arguments.split_first() {
            Some((first, rest)) if first == "peers" => peers::run(rest),
            _ => bench::run(&arguments),
        },
        Task::CheckKernels { targets, seed } => check::run(&targets, seed),
        Task::Examples => examples::run(),
        Task::Package => library::package(),
        Task::Api { check } => library::api(check).map(|_| ()),
        Task::Mutants(arguments) => mutants::run(&arguments),
        Task::NoPanic => no_panic::run(),
        Task::Ptx { check } => ptx::run(check),
        Task::Exchange => exchange::run(),
        Task::Exhaustive => exhaustive::run(),
        Task::Miri => miri::run(),
        Task::Soak { runs, seed } => soak::run(runs, seed),
        Task::Vectors { check } => vectors::run(check),
        Task::Tidy => tidy::run(),
    };
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    if let Some(ended) = error.downcast_ref::<bench::Ended>() {
        // It has said why.
        return ExitCode::from(ended.code);
    }
    eprintln!("error: {error:#}");
    // As for the other programs: 1 a failure, 3 a mismatch, 5 something is missing here.
    ExitCode::from(
        if error.is::<packages::Missing>() || error.is::<miri::Missing>() {
            5
        } else if error.is::<check::Failed>()
            || error.is::<examples::Failed>()
            || error.is::<mutants::Failed>()
        {
            3
        } else {
            1
        },
    )
}
