//! Layer norm: `y = gamma (x - mean) / sqrt(variance + 1e-5) + beta` over the channels of a pixel.

use mambalite_kernels::norm::EPSILON;
use pulp::{Arch, Simd, WithSimd};

use super::lanes::{Lanes, Scalar, lanes};

/// Gradients of the parameters, `[C]` each.
pub struct Gradients<'a, T> {
    /// Of the gain.
    pub gamma: &'a mut [T],
    /// Of the offset.
    pub beta: &'a mut [T],
}

/// Takes the gradient of the output, in place, to that of the input.
///
/// * `x`, `gradient` - `[pixels, C]`. Source: Layer normalization (arXiv 1607.06450) equation 3.
pub fn backward<'a, T: Scalar>(
    x: &'a [T],
    gamma: &'a [T],
    gradient: &'a mut [T],
    parameters: &'a mut Gradients<'_, T>,
) {
    Arch::new().dispatch(Norm {
        x,
        gamma,
        gradient,
        parameters,
    });
}

struct Norm<'a, 'p, T> {
    x: &'a [T],
    gamma: &'a [T],
    gradient: &'a mut [T],
    parameters: &'a mut Gradients<'p, T>,
}

impl<T: Scalar> WithSimd for Norm<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, s: S) {
        // Widths of up to 64 channels with AVX-512 stay in registers.
        match self.gamma.len().div_ceil(lanes::<T, S>()) {
            1 => self.pixels::<S, 1>(s),
            2 => self.pixels::<S, 2>(s),
            3 => self.pixels::<S, 3>(s),
            4 => self.pixels::<S, 4>(s),
            5..=8 => self.pixels::<S, 8>(s),
            9..=32 => self.pixels::<S, 32>(s),
            _ => self.pixels::<S, 256>(s),
        }
    }
}

impl<T: Scalar> Norm<'_, '_, T> {
    /// Works on pixels of up to `K` vectors.
    ///
    /// With `h = (x - mean) r`, `r` the reciprocal root and `q = g gamma`:
    /// `dx = r (q - mean(q) - h mean(q h))`.
    #[inline(always)]
    fn pixels<S: Simd, const K: usize>(&mut self, s: S) {
        let width = self.gamma.len();
        let zero = Lanes::<T, S>::zero(s);
        let count = T::of_int(width as i32);
        let epsilon = T::from(EPSILON).unwrap_or_else(T::zero);
        let gamma = of_pixel::<T, S, K>(s, self.gamma);
        // Ones in the lanes of channels.
        let inside = of_pixel::<T, S, K>(s, &[T::one(); 256][..width]);
        let (mut d_gamma, mut d_beta) = ([zero; K], [zero; K]);
        let pixels = self.x.chunks_exact(width);
        for (x, g) in pixels.zip(self.gradient.chunks_exact_mut(width)) {
            let mut h = of_pixel::<T, S, K>(s, x);
            let mean = Lanes::splat(s, sum(s, &h) / count);
            let mut squares = zero;
            for (h, &inside) in h.iter_mut().zip(&inside) {
                *h = (*h - mean) * inside;
                squares = h.fma(*h, squares);
            }
            let root = T::one() / (squares.sum() / count + epsilon).sqrt();
            let root = Lanes::splat(s, root);
            let mut q = of_pixel::<T, S, K>(s, g);
            let (mut m1, mut m2) = (zero, zero);
            for k in 0..K {
                h[k] = h[k] * root;
                d_gamma[k] = q[k].fma(h[k], d_gamma[k]);
                d_beta[k] = d_beta[k] + q[k];
                q[k] = q[k] * gamma[k];
                m1 = m1 + q[k];
                m2 = q[k].fma(h[k], m2);
            }
            let (m1, m2) = (m1.sum() / count, m2.sum() / count);
            let (m1, m2) = (Lanes::splat(s, m1), Lanes::splat(s, m2));
            for (k, at) in (0..width).step_by(lanes::<T, S>()).enumerate() {
                (root * (q[k] - m1 - h[k] * m2)).store(g, at);
            }
        }
        for (k, at) in (0..width).step_by(lanes::<T, S>()).enumerate() {
            d_gamma[k].add_to(self.parameters.gamma, at);
            d_beta[k].add_to(self.parameters.beta, at);
        }
    }
}

/// Returns the channels of a pixel, zero past the last.
#[inline(always)]
fn of_pixel<T: Scalar, S: Simd, const K: usize>(s: S, pixel: &[T]) -> [Lanes<T, S>; K] {
    let mut vectors = [Lanes::zero(s); K];
    for (v, at) in vectors
        .iter_mut()
        .zip((0..pixel.len()).step_by(lanes::<T, S>()))
    {
        *v = Lanes::load(s, pixel, at);
    }
    vectors
}

#[inline(always)]
fn sum<T: Scalar, S: Simd>(s: S, vectors: &[Lanes<T, S>]) -> T {
    let add = |sum, &v| sum + v;
    vectors.iter().fold(Lanes::zero(s), add).sum()
}
