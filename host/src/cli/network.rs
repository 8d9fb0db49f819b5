//! Arguments of the commands that run a network.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use mambalite::backend::{Backend, Choice};
use mambalite::dataset::Dataset;
use mambalite::model_file::ModelFile;
use mambalite::upscale::Executor;
use mambalite::{Error, Result, registry};
use mambalite_kernels::Precision;

use super::usage_error;

/// Side of a tile where none is given, in LR pixels.
const TILE: u16 = 64;
/// Halo of a tile where none is given, in LR pixels.
const HALO: u16 = 8;

/// Which network runs, and how.
#[derive(Args, Clone, Debug)]
pub(crate) struct NetworkArgs {
    /// Name of a shipped model, or a model file.
    #[arg(long, value_name = "NAME|FILE", default_value = registry::DEFAULT)]
    pub(crate) model: String,
    /// Number format; without it a shipped model runs in f32 and a file as it is.
    #[arg(long, value_parser = precision_parser())]
    pub(crate) precision: Option<Precision>,
    /// What computes; auto takes an NVIDIA GPU where there is one. The result is the same.
    #[arg(long, default_value = "auto")]
    backend: BackendKind,
    /// Row by row, or in tiles; stream unless a tile or a halo is given.
    #[arg(long)]
    executor: Option<ExecutorKind>,
    /// Side of a tile in LR pixels [default with patch: 64].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    tile: Option<u16>,
    /// LR pixels around a tile that run with it [default with patch: 8].
    #[arg(long, value_name = "N")]
    halo: Option<u16>,
}

/// What computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum BackendKind {
    /// A GPU that can be used, or else the CPU.
    Auto,
    /// This machine's processor.
    Cpu,
    /// An NVIDIA GPU, or an error.
    Cuda,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ExecutorKind {
    Stream,
    Patch,
}

impl NetworkArgs {
    /// Loads the model.
    pub(crate) fn load(&self) -> Result<ModelFile> {
        registry::load(&self.model, self.precision)
    }

    /// Finds what computes.
    pub(crate) fn open<'m>(&self, file: &'m ModelFile) -> Result<Backend<'m>> {
        let choice = match self.backend {
            BackendKind::Auto => Choice::Auto,
            BackendKind::Cpu => Choice::Cpu,
            BackendKind::Cuda => Choice::Cuda,
        };
        Backend::open(choice, file)
    }

    /// Returns how pictures go through the network; contradictions end the process.
    pub(crate) fn executor(&self) -> Executor {
        let tiled = self.tile.is_some() || self.halo.is_some();
        match self.executor {
            Some(ExecutorKind::Stream) if tiled => {
                usage_error("--tile and --halo belong to --executor patch")
            }
            Some(ExecutorKind::Stream) => Executor::Stream,
            None if !tiled => Executor::Stream,
            Some(ExecutorKind::Patch) | None => Executor::Patch {
                tile: self.tile.unwrap_or(TILE).into(),
                halo: self.halo.unwrap_or(HALO).into(),
            },
        }
    }
}

/// Parses the name of a precision and lists all of them in the help.
pub(crate) fn precision_parser() -> impl TypedValueParser<Value = Precision> {
    one_of(&Precision::ALL)
}

/// Parses the name of a precision of fixed point.
pub(crate) fn fixed_precision_parser() -> impl TypedValueParser<Value = Precision> {
    one_of(&[Precision::W8A16, Precision::W8A8])
}

fn one_of(precisions: &[Precision]) -> impl TypedValueParser<Value = Precision> + use<> {
    PossibleValuesParser::new(precisions.iter().map(|it| it.name()))
        .try_map(|name| name.parse::<Precision>())
}

/// Returns the words for an executor, as results name it.
pub(crate) fn executor_name(executor: Executor) -> String {
    match executor {
        Executor::Stream => "stream".to_owned(),
        Executor::Patch { tile, halo } => format!("patch, tile {tile}, halo {halo}"),
    }
}

/// Returns the SHA-256 of a model in hexadecimal digits.
pub(crate) fn hash(file: &ModelFile) -> String {
    hex::encode(file.model().sha256())
}

/// Refuses a set at another scale than the model's.
pub(crate) fn refuse_scale(name: &str, file: &ModelFile, wanted: usize) -> Result<()> {
    let found = file.model().config().scale;
    if found == wanted {
        return Ok(());
    }
    Err(Error::ModelScale {
        model: name.to_owned(),
        found,
        wanted,
    })
}

/// Counts the pictures of a set, as progress bars take it.
pub(crate) fn count(set: &Dataset) -> u64 {
    set.pairs().len() as u64
}
