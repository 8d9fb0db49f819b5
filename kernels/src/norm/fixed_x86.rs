//! The norm in fixed point with AVX2 and AVX-512.

use super::{FixedParams, Kernel};
use crate::arith::Fixed;
use crate::num::fixed::reciprocal_sqrt;
use crate::num::fixed_avx2::Avx2;
use crate::num::fixed_avx512::Avx512;
use crate::num::lanes::{LANES_MAX, Lanes, StoreInput, entries};

/// As `super::reference::fixed`.
#[inline(always)]
fn run<S: Lanes, O: StoreInput>(
    s: S,
    params: &FixedParams<'_>,
    x: &[i16],
    width: usize,
    out: &mut [O],
) {
    let width = width.max(1);
    for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        pixel(s, params, x, out);
    }
}

#[inline(always)]
fn pixel<S: Lanes, O: StoreInput>(s: S, params: &FixedParams<'_>, x: &[i16], out: &mut [O]) {
    let n = x.len() as i32;
    let (sum, squares) = sums(s, x);
    // The sum of squared deviations C x - sum(x), without them: C (C sum(x x) - sum(x)^2).
    let squares = i64::from(n) * (i64::from(n) * squares - i64::from(sum).pow(2));
    let (mut mantissa, halvings) = reciprocal_sqrt(squares as u64 + params.epsilon);
    let mut shift = 32 - halvings;
    if mantissa == 1 << 31 {
        // Halved, so that it fits a lane; its products lose no bit.
        mantissa >>= 1;
        shift -= 1;
    }
    let half = s.splat64((1 << shift) >> 1);
    let (mantissa, shift) = (s.splat(mantissa as i32), s.splat64(shift.into()));
    let round = s.splat(1 << (params.shift - 1));
    let to_output = s.splat(params.shift.into());
    let (n, sum) = (s.splat(n), s.splat(sum));
    let vectors = x.chunks(S::LANES).zip(out.chunks_mut(S::LANES));
    let gains = params.gain.chunks(S::LANES);
    let offsets = params.offset.chunks(S::LANES);
    for ((x, out), (gain, offset)) in vectors.zip(gains.zip(offsets)) {
        let d = s.sub(s.mul(s.load16(x), n), sum);
        let gain = s.load(gain);
        // The lower half of each 64-bit result is what `as i32` keeps.
        let normed = |d, gain| {
            let product = s.add64(s.mul_even(d, mantissa), half);
            s.mul_even(s.shr64(product, shift), gain)
        };
        let product = s.upper(normed(d, gain), normed(s.odd(d), s.odd(gain)));
        let y = s.add(s.add(product, s.load(offset)), round);
        O::store(s, out, s.sar(y, to_output));
    }
}

/// Returns the sum of the values and that of their squares.
#[inline(always)]
fn sums<S: Lanes>(s: S, x: &[i16]) -> (i32, i64) {
    let (mut sum, mut squares) = (s.splat(0), s.splat(0));
    for x in x.chunks(S::LANES) {
        let x = s.load16(x);
        sum = s.add(sum, x);
        let odd = s.odd(x);
        squares = s.add64(squares, s.mul_even(x, x));
        squares = s.add64(squares, s.mul_even(odd, odd));
    }
    let mut lanes = [0; LANES_MAX];
    s.store(&mut lanes, squares);
    let halves = lanes.chunks_exact(2);
    let squares = halves.map(|half| i64::from(half[0] as u32) | i64::from(half[1]) << 32);
    let squares = squares.sum();
    s.store(&mut lanes, sum);
    (lanes.iter().take(S::LANES).sum(), squares)
}

entries!(
    avx2_run_i16, avx512_run_i16(
        params: &FixedParams<'_>,
        x: &[i16],
        width: usize,
        out: &mut [i16],
    ) = run
);
entries!(
    avx2_run_i8, avx512_run_i8(
        params: &FixedParams<'_>,
        x: &[i16],
        width: usize,
        out: &mut [i8],
    ) = run
);

/// Returns the entry points for `i16` where this machine has AVX2.
pub(super) fn avx2_i16() -> Option<Kernel<Fixed<i16>>> {
    Avx2::is_there().then_some(Kernel {
        acts: avx2_run_i16,
        inputs: avx2_run_i16,
    })
}

/// Returns the entry points for `i8` where this machine has AVX2.
pub(super) fn avx2_i8() -> Option<Kernel<Fixed<i8>>> {
    Avx2::is_there().then_some(Kernel {
        acts: avx2_run_i16,
        inputs: avx2_run_i8,
    })
}

/// Returns the entry points for `i16` where this machine has AVX-512.
pub(super) fn avx512_i16() -> Option<Kernel<Fixed<i16>>> {
    Avx512::is_there().then_some(Kernel {
        acts: avx512_run_i16,
        inputs: avx512_run_i16,
    })
}

/// Returns the entry points for `i8` where this machine has AVX-512.
pub(super) fn avx512_i8() -> Option<Kernel<Fixed<i8>>> {
    Avx512::is_there().then_some(Kernel {
        acts: avx512_run_i16,
        inputs: avx512_run_i8,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mantissa of the reciprocal root is 2^31, which does not fit a signed lane, where the
    /// variance is 0 and epsilon a power of 4.
    #[test]
    fn powers_of_four_are_exact() {
        let kernels = [avx2_i8(), avx512_i8()].into_iter().flatten();
        for (kernel, exponent) in kernels.flat_map(|kernel| (0..30).map(move |e| (kernel, 2 * e))) {
            let params = FixedParams {
                gain: &[1 << 30; 19],
                offset: &[-77; 19],
                shift: 1,
                epsilon: 1 << exponent,
            };
            for value in [0, 5, -32767] {
                let mut x = [value; 19];
                let (mut expected, mut out) = ([0; 19], [0; 19]);
                for spread in [0, 1, 1000] {
                    x[3] = value + spread;
                    (super::super::fixed_kernel::<i8>().acts)(&params, &x, 19, &mut expected);
                    (kernel.acts)(&params, &x, 19, &mut out);
                    assert_eq!(out, expected, "{exponent} {value} {spread}");
                }
            }
        }
    }
}
