//! Layer norm: `y = gamma (x - mean) / sqrt(variance + 1e-5) + beta` over the channels of a pixel.

use mambalite_kernels::norm::EPSILON;
use mambalite_kernels::num::float::Real;

use super::lanes::{LANES, Lanes, part, part_mut};
use super::vectorised;

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
pub fn backward<T: Real>(
    x: &[T],
    gamma: &[T],
    gradient: &mut [T],
    parameters: &mut Gradients<'_, T>,
) {
    let width = gamma.len();
    vectorised(
        #[inline(always)]
        || {
            for (x, g) in x.chunks_exact(width).zip(gradient.chunks_exact_mut(width)) {
                pixel(x, gamma, g, parameters);
            }
        },
    );
}

/// With `h = (x - mean) r`, `r` the reciprocal root and `q = g gamma`:
/// `dx = r (q - mean(q) - h mean(q h))`.
#[inline(always)]
fn pixel<T: Real>(x: &[T], gamma: &[T], g: &mut [T], parameters: &mut Gradients<'_, T>) {
    let count = T::of_int(x.len() as i32);
    let mean = sum(x.len(), |at| Lanes::load(part(x, at))) / count;
    let centred = |at| -> Lanes<T> { Lanes::load(part(x, at)) - edge(x.len(), at, mean) };
    let variance = sum(x.len(), |at| centred(at) * centred(at)) / count;
    let r = T::one() / (variance + T::from(EPSILON).unwrap_or_else(T::zero)).sqrt();
    let root = Lanes::splat(r);
    let (mut m1, mut m2) = (Lanes::zero(), Lanes::zero());
    for at in (0..x.len()).step_by(LANES) {
        let (h, d) = (centred(at) * root, Lanes::load(part(g, at)));
        (d * h).add_to(part_mut(parameters.gamma, at));
        d.add_to(part_mut(parameters.beta, at));
        let q = d * Lanes::load(part(gamma, at));
        m1 = m1 + q;
        m2 = q.fma(h, m2);
    }
    let (m1, m2) = (
        Lanes::splat(m1.sum() / count),
        Lanes::splat(m2.sum() / count),
    );
    for at in (0..x.len()).step_by(LANES) {
        let h = centred(at) * root;
        let q = Lanes::load(part(g, at)) * Lanes::load(part(gamma, at));
        (root * (q - m1 - h * m2)).store(part_mut(g, at));
    }
}

/// Returns the sum over vectors of channels.
#[inline(always)]
fn sum<T: Real>(len: usize, of: impl Fn(usize) -> Lanes<T>) -> T {
    let mut sum = Lanes::zero();
    for at in (0..len).step_by(LANES) {
        sum = sum + of(at);
    }
    sum.sum()
}

/// Returns `x` in the lanes that stand for channels, zero in the others.
#[inline(always)]
fn edge<T: Real>(len: usize, at: usize, x: T) -> Lanes<T> {
    if at + LANES <= len {
        return Lanes::splat(x);
    }
    let all = [x; LANES];
    Lanes::load(&all[..len - at])
}
