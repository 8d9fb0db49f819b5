//! Causal depthwise convolution of four taps over the raster sequence, then SiLU.

use mambalite_kernels::config::CONV1D_TAPS;
use mambalite_kernels::num::float::Real;

use super::lanes::{LANES, Lanes, part, part_mut};
use super::vectorised;

/// Parameters: taps `[4, E]`, oldest first, and bias `[E]`.
pub struct Parameters<'a, T> {
    /// `[4, E]`.
    pub taps: &'a [T],
    /// `[E]`.
    pub bias: &'a [T],
}

/// Their gradients.
pub struct Gradients<'a, T> {
    /// `[4, E]`.
    pub taps: &'a mut [T],
    /// `[E]`.
    pub bias: &'a mut [T],
}

/// Returns the gradients of the input and of the parameters.
///
/// * `in_proj` - `[pixels, 2 E]`, whose first half is the input. * `gradient` - of the output,
///   `[pixels, E]`. * `d_in_proj` - likewise `[pixels, 2 E]`; its first half is set.
///
/// The input of SiLU is computed anew. Source: Mamba (arXiv 2312.00752) figure 3.
pub fn backward<T: Real>(
    parameters: &Parameters<'_, T>,
    in_proj: &[T],
    gradient: &[T],
    d_in_proj: &mut [T],
    d_parameters: &mut Gradients<'_, T>,
) {
    let inner = parameters.bias.len();
    vectorised(
        #[inline(always)]
        || {
            for at in (0..inner).step_by(LANES) {
                channels(parameters, in_proj, gradient, d_in_proj, d_parameters, at);
            }
        },
    );
}

/// Works on the channels from `at` on, over all pixels.
#[inline(always)]
fn channels<T: Real>(
    parameters: &Parameters<'_, T>,
    in_proj: &[T],
    gradient: &[T],
    d_in_proj: &mut [T],
    d_parameters: &mut Gradients<'_, T>,
    at: usize,
) {
    let inner = parameters.bias.len();
    let one = Lanes::splat(T::one());
    let mut taps = [Lanes::zero(); CONV1D_TAPS];
    for (tap, row) in taps.iter_mut().zip(parameters.taps.chunks_exact(inner)) {
        *tap = Lanes::load(part(row, at));
    }
    let bias = Lanes::load(part(parameters.bias, at));
    let mut d_taps = [Lanes::zero(); CONV1D_TAPS];
    let mut d_bias = Lanes::zero();
    // Inputs and gradients of the convolution of the last pixels, oldest first.
    let (mut x, mut g) = ([Lanes::zero(); CONV1D_TAPS], [Lanes::zero(); CONV1D_TAPS]);
    let pixels = gradient.len() / inner;
    for i in 0..pixels + CONV1D_TAPS - 1 {
        x.rotate_left(1);
        g.rotate_left(1);
        g[3] = Lanes::zero();
        if i < pixels {
            x[3] = Lanes::load(part(&in_proj[i * 2 * inner..][..inner], at));
            let mut sum = bias;
            for (tap, x) in taps.into_iter().zip(x) {
                sum = tap.fma(x, sum);
            }
            let s = sum.map(T::logistic);
            let d = Lanes::load(part(&gradient[i * inner..][..inner], at));
            g[3] = d * s * sum.fma(one - s, one);
            for (d_tap, x) in d_taps.iter_mut().zip(x) {
                *d_tap = g[3].fma(x, *d_tap);
            }
            d_bias = d_bias + g[3];
        }
        if let Some(i) = i.checked_sub(CONV1D_TAPS - 1) {
            // Tap 3 saw this pixel at once, tap 0 three pixels later.
            let mut dx = taps[0] * g[3];
            for (tap, g) in taps.into_iter().skip(1).zip([g[2], g[1], g[0]]) {
                dx = tap.fma(g, dx);
            }
            dx.store(part_mut(&mut d_in_proj[i * 2 * inner..][..inner], at));
        }
    }
    for (d_tap, row) in d_taps
        .into_iter()
        .zip(d_parameters.taps.chunks_exact_mut(inner))
    {
        d_tap.add_to(part_mut(row, at));
    }
    d_bias.add_to(part_mut(d_parameters.bias, at));
}
