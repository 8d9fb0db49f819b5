//! What keeps a certificate from being made at all.

use std::path::PathBuf;

/// Why the work on a certificate cannot begin, or its files not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertifyError {
    /// Git does not tell what the source is.
    #[error(
        "find the commit of `{}`: {cause}; certificates are of a commit of a git checkout",
        folder.display()
    )]
    Git {
        /// Where it was asked.
        folder: PathBuf,
        /// Its words.
        cause: String,
    },
    /// The waivers cannot be read.
    #[error("read the waivers `{}`: {cause}", path.display())]
    Waivers {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// The suite is not of this model, or contradicts itself.
    #[error("use the vectors{}: {cause}", path.as_ref().map_or(String::new(), |it| format!(" `{}`", it.display())))]
    Suite {
        /// The file; nothing where they were generated.
        path: Option<PathBuf>,
        /// What is wrong.
        cause: String,
    },
    /// The certificate to chain to is none, or of something else.
    #[error("chain to `{}`: {cause}", path.display())]
    Previous {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// The packages of the firmware are not known.
    #[error("list the parts of the firmware: {cause}")]
    Sbom {
        /// What went wrong.
        cause: String,
    },
}
