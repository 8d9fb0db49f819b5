//! Gate: `out = y silu(z)`.

use mambalite_kernels::num::float::Real;

use super::vectorised;

/// Returns the gradients of `y` and `z`.
///
/// * `y`, `gradient` - `[pixels, E]`; `gradient` becomes that of `y`. * `in_proj` - `[pixels, 2 E]`,
///   whose second half is `z`. * `d_in_proj` - likewise; its second half is set.
///
/// Source: Mamba (arXiv 2312.00752) figure 3.
pub fn backward<T: Real>(
    y: &[T],
    in_proj: &[T],
    inner: usize,
    gradient: &mut [T],
    d_in_proj: &mut [T],
) {
    vectorised(
        #[inline(always)]
        || {
            let pixels = y.chunks_exact(inner).zip(in_proj.chunks_exact(2 * inner));
            let gradients = gradient.chunks_exact_mut(inner);
            let gradients = gradients.zip(d_in_proj.chunks_exact_mut(2 * inner));
            for ((y, x), (g, dx)) in pixels.zip(gradients) {
                let z = &x[inner..];
                let dz = &mut dx[inner..];
                for (((g, dz), &y), &z) in g.iter_mut().zip(dz).zip(y).zip(z) {
                    let s = z.logistic();
                    *dz = *g * y * s * (T::one() + z * (T::one() - s));
                    *g = *g * z * s;
                }
            }
        },
    );
}
