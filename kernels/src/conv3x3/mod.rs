//! 3x3 convolution of one row, zero-padded at the picture's borders.
//!
//! A low-rank convolution is `rank` 3x3 filters, then a 1x1 convolution.

mod reference;

pub use reference::row;
