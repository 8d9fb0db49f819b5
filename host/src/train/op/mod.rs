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
mod lanes;
pub mod matrix;
pub mod norm;
pub mod scan;
pub mod shuffle;
pub mod step;
pub mod weight;

#[cfg(test)]
pub(super) mod tests;

/// Runs `f` with the widest vectors of this machine.
///
/// Only what is inlined into `f` is compiled for them. The arithmetic is that of the source, fused
/// multiply-adds included, so that the bits are the same on any machine.
#[inline]
fn vectorised<R>(f: impl FnOnce() -> R) -> R {
    struct Op<F>(F);
    impl<R, F: FnOnce() -> R> pulp::WithSimd for Op<F> {
        type Output = R;

        #[inline(always)]
        fn with_simd<S: pulp::Simd>(self, _simd: S) -> R {
            (self.0)()
        }
    }
    pulp::Arch::new().dispatch(Op(f))
}
