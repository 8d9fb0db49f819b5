//! Causal depthwise convolution of four taps over the raster sequence, then SiLU.

use mambalite_kernels::config::CONV1D_TAPS;
use pulp::{Arch, Simd, WithSimd};

use super::lanes::{Lanes, Scalar, lanes};

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
pub fn backward<'a, T: Scalar>(
    parameters: &'a Parameters<'_, T>,
    in_proj: &'a [T],
    gradient: &'a [T],
    d_in_proj: &'a mut [T],
    d_parameters: &'a mut Gradients<'_, T>,
) {
    Arch::new().dispatch(Conv1d {
        parameters,
        in_proj,
        gradient,
        d_in_proj,
        d_parameters,
    });
}

struct Conv1d<'a, 'p, 'd, T> {
    parameters: &'a Parameters<'p, T>,
    in_proj: &'a [T],
    gradient: &'a [T],
    d_in_proj: &'a mut [T],
    d_parameters: &'a mut Gradients<'d, T>,
}

impl<T: Scalar> WithSimd for Conv1d<'_, '_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, s: S) {
        for at in (0..self.parameters.bias.len()).step_by(lanes::<T, S>()) {
            self.channels(s, at);
        }
    }
}

impl<T: Scalar> Conv1d<'_, '_, '_, T> {
    /// Works on the channels from `at` on, over all pixels.
    #[inline(always)]
    fn channels<S: Simd>(&mut self, s: S, at: usize) {
        let inner = self.parameters.bias.len();
        let (zero, one) = (Lanes::<T, S>::zero(s), Lanes::splat(s, T::one()));
        let mut taps = [zero; CONV1D_TAPS];
        for (tap, row) in taps
            .iter_mut()
            .zip(self.parameters.taps.chunks_exact(inner))
        {
            *tap = Lanes::load(s, row, at);
        }
        let bias = Lanes::load(s, self.parameters.bias, at);
        let (mut d_taps, mut d_bias) = ([zero; CONV1D_TAPS], zero);
        // Inputs and gradients of the convolution of the last pixels, oldest first.
        let (mut x, mut g) = ([zero; CONV1D_TAPS], [zero; CONV1D_TAPS]);
        let pixels = self.gradient.len() / inner;
        for i in 0..pixels + CONV1D_TAPS - 1 {
            x = [x[1], x[2], x[3], zero];
            g = [g[1], g[2], g[3], zero];
            if i < pixels {
                x[3] = Lanes::load(s, &self.in_proj[i * 2 * inner..][..inner], at);
                let mut sum = bias;
                for (tap, x) in taps.into_iter().zip(x) {
                    sum = tap.fma(x, sum);
                }
                let logistic = sum.logistic();
                let d = Lanes::load(s, &self.gradient[i * inner..][..inner], at);
                g[3] = d * logistic * sum.fma(one - logistic, one);
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
                dx.store(&mut self.d_in_proj[i * 2 * inner..][..inner], at);
            }
        }
        let rows = self.d_parameters.taps.chunks_exact_mut(inner);
        for (d_tap, row) in d_taps.into_iter().zip(rows) {
            d_tap.add_to(row, at);
        }
        d_bias.add_to(self.d_parameters.bias, at);
    }
}
