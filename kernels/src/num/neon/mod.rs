//! Vectors of AArch64's NEON: the functions of [`super::float`] and [`super::fixed`] on the lanes
//! of a vector, and loads and stores of blocks of a tensor.
//!
//! Every AArch64 processor has the instructions, and keeps subnormals (FPCR.FZ is 0 where nobody
//! sets it). Vectors are loaded as arrays, which the compiler makes one load of.

mod column;
pub(crate) mod fixed;
pub(crate) mod float;
pub(crate) mod intrinsics;
mod lanes;
mod map;

pub(crate) use column::{Column, ColumnMut, Parts};
pub(crate) use lanes::{All, First, Lanes, for_blocks};
pub(crate) use map::{map, map2, map3};
