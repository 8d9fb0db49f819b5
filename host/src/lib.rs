//! The host side of `mambalite`: pictures, resampling, scores, evaluation sets, checkpoints and
//! models.

pub mod arrays;
pub mod atomic_file;
pub mod backend;
pub mod checkpoint;
pub mod clock;
pub mod compress;
pub mod dataset;
pub mod error;
pub mod export;
pub mod fit;
#[cfg(feature = "cuda")]
pub mod gpu;
pub mod import;
pub mod json;
pub mod metrics;
pub mod model_file;
pub mod parallel;
pub mod picture;
pub mod plane;
pub mod quantize;
pub mod rate;
pub mod registry;
pub mod resize;
pub mod search;
pub mod train;
pub mod upscale;

pub use error::{Error, Result};
