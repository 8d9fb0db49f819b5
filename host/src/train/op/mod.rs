//! Backward passes of the operators, derived by hand.
//!
//! Each takes what the kernels' own forward pass put out and the gradient of the loss with respect
//! to that, and gives the gradients with respect to inputs and parameters. They are written once
//! for `f32`, which trains, and `f64`, whose gradients are checked against finite differences of
//! the kernels' reference. Gradients of parameters are added to what is there, those of inputs
//! replace it, unless a function says otherwise.

pub mod conv1d;
pub mod conv3x3;
pub mod gate;
pub mod lanes;
pub mod matrix;
pub mod norm;
pub mod scan;
pub mod shuffle;
pub mod step;
pub mod weight;

#[cfg(test)]
pub(super) mod tests;
