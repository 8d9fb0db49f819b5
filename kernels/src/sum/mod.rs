//! Sum of two tensors: the residual connections.

mod reference;

pub(crate) use reference::{fixed, float};

/// Parameters in fixed point: each tensor's unit over the sum's, times `2^(16 + shift)`.
#[derive(Clone, Copy, Debug)]
pub struct FixedParams {
    /// Of the first tensor.
    pub a: i32,
    /// Of the second tensor.
    pub b: i32,
    /// `[1, 30]`.
    pub shift: u8,
}
