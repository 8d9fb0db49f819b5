#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(vfma, feature(core_float_math))]
#![cfg_attr(target_arch = "nvptx64", feature(asm_experimental_arch))]
#[cfg(any(feature = "std", test))]
extern crate std;

#[cfg(not(target_endian = "little"))]
compile_error!(
    "model files are little-endian and read in place: big-endian targets are not supported"
);

pub mod anchor;
pub mod arith;
pub mod config;
pub mod conv1d;
pub mod conv3x3;
pub mod digest;
pub mod exec;
pub mod gate;
pub mod linear;
pub mod mixer;
pub mod model;
pub mod network;
pub mod norm;
pub mod num;
pub mod rows;
pub mod scan;
pub mod shuffle;
pub mod step;
pub mod sum;
pub mod tap;
pub mod variant;

pub use config::{Anchor, Config, ConfigError, Decay, Form, Precision};
pub use digest::Digests;
pub use exec::patch::{Rect, Tile, TileGrid};
pub use exec::plan::Plan;
pub use exec::stream::Stream;
pub use exec::{ExecError, Upscaler};
pub use model::{Model, ModelError};
pub use rows::Rows;
pub use tap::{Layer, NoTap, Tap, Value};
pub use variant::{Kernels, Variant, Variants};
