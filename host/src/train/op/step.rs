//! Step sizes: `dt = softplus(x)`.

use pulp::{Arch, Simd, WithSimd};

use super::lanes::{Lanes, Scalar, lanes};

/// Takes the gradient of `dt`, in place, to that of softplus's input.
///
/// * `dt`, `gradient` - of the same length, any shape.
///
/// The slope of softplus is the logistic of its input, `1 - e^-dt`. Source: Mamba (arXiv
/// 2312.00752) section 3.5.
pub fn backward<T: Scalar>(dt: &[T], gradient: &mut [T]) {
    Arch::new().dispatch(Step { dt, gradient });
}

struct Step<'a, T> {
    dt: &'a [T],
    gradient: &'a mut [T],
}

impl<T: Scalar> WithSimd for Step<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let one = Lanes::splat(s, T::one());
        for at in (0..self.dt.len()).step_by(lanes::<T, S>()) {
            let dt = Lanes::load(s, self.dt, at);
            let g = Lanes::load(s, self.gradient, at);
            (g * (one - (Lanes::zero(s) - dt).exp())).store(self.gradient, at);
        }
    }
}
