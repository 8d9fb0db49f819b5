//! Gate: `out = y silu(z)`.

use pulp::{Arch, Simd, WithSimd};

use super::lanes::{Lanes, Scalar, lanes};

/// Returns the gradients of `y` and `z`.
///
/// * `y`, `gradient` - `[pixels, E]`; `gradient` becomes that of `y`. * `in_proj` - `[pixels, 2 E]`,
///   whose second half is `z`. * `d_in_proj` - likewise; its second half is set.
///
/// Source: Mamba (arXiv 2312.00752) figure 3.
pub fn backward<T: Scalar>(
    y: &[T],
    in_proj: &[T],
    inner: usize,
    gradient: &mut [T],
    d_in_proj: &mut [T],
) {
    Arch::new().dispatch(Gate {
        y,
        in_proj,
        inner,
        gradient,
        d_in_proj,
    });
}

struct Gate<'a, T> {
    y: &'a [T],
    in_proj: &'a [T],
    inner: usize,
    gradient: &'a mut [T],
    d_in_proj: &'a mut [T],
}

impl<T: Scalar> WithSimd for Gate<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let e = self.inner;
        let one = Lanes::splat(s, T::one());
        let pixels = self.y.chunks_exact(e).zip(self.in_proj.chunks_exact(2 * e));
        let gradients = self.gradient.chunks_exact_mut(e);
        let gradients = gradients.zip(self.d_in_proj.chunks_exact_mut(2 * e));
        for ((y, x), (g, dx)) in pixels.zip(gradients) {
            let (z, dz) = (&x[e..], &mut dx[e..]);
            for at in (0..e).step_by(lanes::<T, S>()) {
                let (y, z, d) = (
                    Lanes::load(s, y, at),
                    Lanes::load(s, z, at),
                    Lanes::load(s, g, at),
                );
                let logistic = z.logistic();
                let slope = logistic * z.fma(one - logistic, one);
                (d * y * slope).store(dz, at);
                (d * z * logistic).store(g, at);
            }
        }
    }
}
