//! The error of this crate and the exit code that it means.

use std::io;
use std::path::{Path, PathBuf};

use mambalite_kernels::{ExecError, ModelError, Precision};

use crate::checkpoint::CheckpointError;
use crate::compress::CompressError;
use crate::fit::FitError;
#[cfg(feature = "cuda")]
use crate::gpu::GpuError;
use crate::import::ImportError;
use crate::quantize::QuantizeError;
use crate::search::SearchError;
use crate::train::TrainError;

/// Exit code of a fault that is ours to mend.
pub const EXIT_BUG: u8 = 1;
/// Exit code of wrong usage and of input that cannot be used.
pub const EXIT_INPUT: u8 = 2;
/// Exit code where a device, or what it takes to use one, is missing.
pub const EXIT_DEVICE: u8 = 5;
/// Exit code of a process that the user ended by a second Ctrl-C.
pub const EXIT_INTERRUPTED: u8 = 130;

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Everything that can go wrong in this crate.
///
/// The message is complete in itself: it names the file, the cause and, where there is one, the
/// mend. So `source` returns nothing that the message does not say already.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder cannot be read.
    #[error("read `{}`: {cause}", path.display())]
    Read {
        /// What was to be read.
        path: PathBuf,
        /// The system's answer.
        cause: io::Error,
    },
    /// A file cannot be written.
    #[error("write `{}`: {cause}", path.display())]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// The system's answer.
        cause: io::Error,
    },
    /// The content is no picture of a kind that is read here.
    #[error(
        "read picture `{}`: its content is {}; convert it to PNG, JPEG, WebP or BMP",
        path.display(), found.unwrap_or("no known picture format")
    )]
    PictureFormat {
        /// The file.
        path: PathBuf,
        /// The format that was recognised, where one was.
        found: Option<&'static str>,
    },
    /// The content starts like a picture, but cannot be decoded.
    #[error(
        "decode picture `{}`: {cause}; the file is damaged or incomplete, copy or export it again",
        path.display()
    )]
    PictureDecode {
        /// The file.
        path: PathBuf,
        /// The decoder's answer.
        cause: String,
    },
    /// The picture has more pixels than are loaded here.
    #[error(
        "load picture `{}`: {width}x{height} pixels are more than {limit}; \
         cut it into smaller pictures",
        path.display()
    )]
    PictureTooLarge {
        /// The file.
        path: PathBuf,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// The largest number of pixels.
        limit: u64,
    },
    /// The extension of an output file names no format that is written here.
    #[error("save picture `{}`: use the extension .png, .jpg, .webp or .bmp", path.display())]
    PictureExtension {
        /// The file.
        path: PathBuf,
    },
    /// The picture cannot be expressed in the format of the output file.
    #[error("encode picture `{}`: {cause}; save it as .png instead", path.display())]
    PictureEncode {
        /// The file.
        path: PathBuf,
        /// The encoder's answer.
        cause: String,
    },
    /// A folder holds no picture.
    #[error("find pictures in `{}`: no .png, .jpg, .jpeg, .webp or .bmp file in it", path.display())]
    NoPictures {
        /// The folder.
        path: PathBuf,
    },
    /// A buffer does not fit the dimensions given with it.
    #[error("hold {width}x{height}x{channels} samples in a buffer of {found}")]
    BufferSize {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
        /// Channels, 1 or 3.
        channels: usize,
        /// Samples in the buffer.
        found: usize,
    },
    /// A rectangle reaches outside the picture or is empty.
    #[error("crop {crop_width}x{crop_height} at ({x}, {y}) from {width}x{height} pixels")]
    Crop {
        /// Left edge.
        x: usize,
        /// Upper edge.
        y: usize,
        /// Width of the rectangle.
        crop_width: usize,
        /// Height of the rectangle.
        crop_height: usize,
        /// Width of the picture.
        width: usize,
        /// Height of the picture.
        height: usize,
    },
    /// A scale factor of zero or beyond reason.
    #[error(
        "resize {width}x{height} pixels by {numerator}/{denominator}: \
         the factor must lie between 1/{limit} and {limit}"
    )]
    Scale {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
        /// The factor's numerator.
        numerator: usize,
        /// The factor's denominator.
        denominator: usize,
        /// The largest numerator and denominator.
        limit: usize,
    },
    /// Nothing remains inside the border that scores leave out.
    #[error("score {width}x{height} pixels without a border of {border}: no pixel remains")]
    Border {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
        /// Pixels left out at each side.
        border: usize,
    },
    /// SSIM needs more pixels than there are.
    #[error(
        "score {width}x{height} pixels: SSIM needs at least {window}x{window} inside the border"
    )]
    SsimSize {
        /// Width in pixels, without the border.
        width: usize,
        /// Height in pixels, without the border.
        height: usize,
        /// Side of the SSIM window.
        window: usize,
    },
    /// Two pictures that should be compared differ in shape.
    #[error(
        "compare {}x{}x{} samples with {}x{}x{}: both need the same width, height and channels",
        left.0, left.1, left.2, right.0, right.1, right.2
    )]
    ShapeMismatch {
        /// Width, height and channels of the first.
        left: (usize, usize, usize),
        /// Width, height and channels of the second.
        right: (usize, usize, usize),
    },
    /// No low-resolution file belongs to a high-resolution one.
    #[error(
        "find the low-resolution picture of `{}` in `{}`: expected a file of the same name, \
         with or without `x{scale}` after it",
        high.display(), folder.display()
    )]
    LowMissing {
        /// The high-resolution file.
        high: PathBuf,
        /// The folder of low-resolution files.
        folder: PathBuf,
        /// The scale.
        scale: usize,
    },
    /// Several low-resolution files belong to a high-resolution one.
    #[error(
        "find the low-resolution picture of `{}`: both `{}` and `{}` fit, remove one",
        high.display(), first.display(), second.display()
    )]
    LowAmbiguous {
        /// The high-resolution file.
        high: PathBuf,
        /// One candidate.
        first: PathBuf,
        /// Another one.
        second: PathBuf,
    },
    /// A low-resolution file has not the size that belongs to its high-resolution one.
    #[error(
        "pair `{}` ({}x{}) with `{}` ({}x{}): at x{scale} the low-resolution picture must be {}x{}",
        high.display(), high_size.0, high_size.1, low.display(), low_size.0, low_size.1,
        high_size.0 / scale, high_size.1 / scale
    )]
    LowSize {
        /// The high-resolution file.
        high: PathBuf,
        /// Its width and height in pixels.
        high_size: (usize, usize),
        /// The low-resolution file.
        low: PathBuf,
        /// Its width and height in pixels.
        low_size: (usize, usize),
        /// The scale, at least 1.
        scale: usize,
    },
    /// One picture of a set cannot be evaluated.
    #[error("evaluate `{}`: {cause}", path.display())]
    Evaluate {
        /// The high-resolution file.
        path: PathBuf,
        /// What went wrong with it.
        cause: Box<Error>,
    },
    /// A word names no bicubic protocol.
    #[error("use the bicubic protocol `{found}`: known are `rgb` and `y-double`")]
    Protocol {
        /// The word.
        found: String,
    },
    /// A checkpoint cannot be used.
    #[error("load checkpoint `{}`: {cause}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: CheckpointError,
    },
    /// A checkpoint is not a network of the family.
    #[error("import `{}`: {cause}", path.display())]
    Import {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        cause: ImportError,
    },
    /// A file name does not say to which format a model is exported.
    #[error("export to `{}`: name a file that ends in .safetensors or .onnx", path.display())]
    ExportEnding {
        /// The file.
        path: PathBuf,
    },
    /// A model file cannot be used.
    #[error("read model `{}`: {cause}", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: ModelError,
    },
    /// A model file is larger than is read here.
    #[error("read model `{}`: {bytes} bytes are more than {limit}", path.display())]
    ModelTooLarge {
        /// The file.
        path: PathBuf,
        /// Its bytes.
        bytes: u64,
        /// The largest number of bytes.
        limit: u64,
    },
    /// A model that is neither shipped nor a file.
    #[error("load model `{name}`: there is no such file, and the shipped models are: {known}")]
    UnknownModel {
        /// The name as it was given.
        name: String,
        /// The names of the shipped models.
        known: String,
    },
    /// A model file is of another precision than was asked for.
    #[error(
        "use model `{}` in {wanted}: it is of precision {found}; {}",
        path.display(), precision_mend(path, *wanted)
    )]
    ModelPrecision {
        /// The file.
        path: PathBuf,
        /// Its precision.
        found: Precision,
        /// The precision that was asked for.
        wanted: Precision,
    },
    /// A model magnifies by another factor than was asked for.
    #[error("evaluate model `{model}` at x{wanted}: it magnifies x{found}, use `--scale {found}`")]
    ModelScale {
        /// Its name or file.
        model: String,
        /// Its factor.
        found: usize,
        /// The factor that was asked for.
        wanted: usize,
    },
    /// A backend that this build does not have.
    #[error("run on backend `{backend}`: this build has none; use `--backend cpu`")]
    BackendMissing {
        /// Its name.
        backend: &'static str,
    },
    /// Several pictures should go into one file.
    #[error(
        "write {pictures} pictures to `{}`: name a folder, several pictures do not go into a file",
        path.display()
    )]
    OutputNotFolder {
        /// The output.
        path: PathBuf,
        /// How many pictures.
        pictures: usize,
    },
    /// Two inputs have the same output.
    #[error(
        "write `{}`: both `{}` and `{}` would go there; run them with different output folders",
        path.display(), first.display(), second.display()
    )]
    OutputClash {
        /// The output.
        path: PathBuf,
        /// One input.
        first: PathBuf,
        /// Another one.
        second: PathBuf,
    },
    /// An output is one of the inputs.
    #[error(
        "write `{}`: it is an input, and inputs are never overwritten; choose another output",
        path.display()
    )]
    OutputIsInput {
        /// The file.
        path: PathBuf,
    },
    /// Some of several pictures failed; each failure was reported when it happened.
    #[error("upscale {total} pictures: {failed} failed, the first with: {first}")]
    SomePictures {
        /// How many failed.
        failed: usize,
        /// How many there were.
        total: usize,
        /// What went wrong first.
        first: Box<Error>,
    },
    /// A picture has not the channels of the network.
    #[error("run a picture of {found} channels on a network of {expected}; convert it first")]
    Channels {
        /// Channels of the picture.
        found: usize,
        /// Channels of the network.
        expected: usize,
    },
    /// The machine gives no more threads.
    #[error("start {threads} threads")]
    Threads {
        /// How many were wanted.
        threads: usize,
        /// What the system says.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The signals of the system cannot be caught.
    #[error("catch Ctrl-C: {cause}")]
    Signals {
        /// What the system says.
        cause: String,
    },
    /// A training run cannot begin or go on.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Training came to values that are no numbers any more.
    #[error("training diverged: {cause}; lower the learning rate or clip gradients harder")]
    TrainingDiverged {
        /// Which parameter.
        cause: ModelError,
    },
    /// A network cannot be compressed.
    #[error("compress: {cause}")]
    Compress {
        /// Why.
        cause: CompressError,
    },
    /// A search cannot be done.
    #[error("{cause}")]
    Search {
        /// Why not.
        cause: SearchError,
    },
    /// It cannot be said what fits, or nothing does.
    #[error("{cause}")]
    Fit {
        /// Why.
        cause: FitError,
    },
    /// The command that takes the time of networks does not.
    #[error("measure milliseconds with `{command}`: {cause}")]
    Measure {
        /// The command.
        command: String,
        /// What it said.
        cause: String,
    },
    /// A network cannot be quantised.
    #[error("quantise: {cause}")]
    Quantize {
        /// Why.
        cause: QuantizeError,
    },
    /// Pictures cannot be run on a GPU.
    #[cfg(feature = "cuda")]
    #[error("run on the GPU: {cause}")]
    Gpu {
        /// Why.
        cause: GpuError,
    },
    /// The network cannot run on a picture.
    #[error("run the network: {cause}")]
    Run {
        /// Why.
        cause: ExecError,
    },
}

impl Error {
    /// Returns the exit code of a process that ends with this error: [`EXIT_INPUT`] for input
    /// and surroundings that the user can mend, [`EXIT_DEVICE`] for a GPU that cannot be used,
    /// [`EXIT_BUG`] for a fault of this program.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::BufferSize { .. } | Self::Signals { .. } => EXIT_BUG,
            #[cfg(feature = "cuda")]
            Self::Gpu { cause } => cause.exit_code(),
            Self::Train(cause) if cause.is_bug() => EXIT_BUG,
            Self::Evaluate { cause, .. } | Self::SomePictures { first: cause, .. } => {
                cause.exit_code()
            }
            _ => EXIT_INPUT,
        }
    }
}

/// Says how to get a model of a precision that a file does not have.
fn precision_mend(path: &Path, wanted: Precision) -> String {
    if wanted == Precision::F32 {
        return "give the f32 file that it was made of".to_owned();
    }
    format!(
        "make one of its f32 file with `mambalite quantize {} --calibration FOLDER \
         --precision {wanted} --output NEW.mls`",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_code_sees_through_the_picture_name() {
        let bug = Error::BufferSize {
            width: 1,
            height: 1,
            channels: 3,
            found: 2,
        };
        assert_eq!(bug.exit_code(), EXIT_BUG);
        let named = Error::Evaluate {
            path: "a.png".into(),
            cause: Box::new(bug),
        };
        assert_eq!(named.exit_code(), EXIT_BUG);
        assert_eq!(
            Error::Protocol { found: "x".into() }.exit_code(),
            EXIT_INPUT
        );
    }
}
