//! What keeps a certificate from being verified.

use std::path::PathBuf;

/// Why a certificate cannot be verified; nothing of it speaks for or against the certificate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The model is not shipped and none was given.
    #[error(
        "find the model `{name}` with the hash {sha256}: it is not shipped; name its file with --model"
    )]
    NoModel {
        /// Its name in the certificate.
        name: String,
        /// Its hash.
        sha256: String,
    },
    /// The suite is not beside the certificate, not shipped, and none was given.
    #[error(
        "find the vectors with the hash {sha256}: they are not beside the certificate, and this program makes others of the model; name the file with --vectors"
    )]
    NoSuite {
        /// The hash of the file.
        sha256: String,
    },
    /// The trusted keys cannot be read.
    #[error("read the trusted keys `{}`: {cause}", path.display())]
    Trust {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// There is no firmware to run again.
    #[error("run again: the boards are not here; call `hil` in the repository of mambalite")]
    NoRepository,
    /// The board is a real one.
    #[error("run again: `{board}` is a real board; only virtual ones are run again")]
    RealBoard {
        /// Its name.
        board: String,
    },
    /// The second implementation failed.
    #[error("run the second implementation: {cause}")]
    Independent {
        /// How it ended.
        cause: String,
    },
}

impl From<VerifyError> for crate::error::Error {
    fn from(error: VerifyError) -> Self {
        Self::Verify(Box::new(error))
    }
}
