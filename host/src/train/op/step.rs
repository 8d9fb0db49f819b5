//! Step sizes: `dt = softplus(x)`.

use mambalite_kernels::num::float::Real;

use super::vectorised;

/// Takes the gradient of `dt`, in place, to that of softplus's input.
///
/// * `dt`, `gradient` - of the same length, any shape.
///
/// The slope of softplus is the logistic of its input, `1 - e^-dt`. Source: Mamba (arXiv
/// 2312.00752) section 3.5.
pub fn backward<T: Real>(dt: &[T], gradient: &mut [T]) {
    vectorised(
        #[inline(always)]
        || {
            for (g, &dt) in gradient.iter_mut().zip(dt) {
                *g = *g * (T::one() - (-dt).exponential());
            }
        },
    );
}
