//! Layer norm with NEON.
//!
//! In floating point a pixel's sums are chains over its channels, so that four pixels are summed
//! at once, one in each lane; in fixed point sums are exact in any order.

use bytemuck::must_cast;

use super::{EPSILON, FixedParams, FloatParams, Kernel};
use crate::arith::{Fixed, FixedInput, Float};
use crate::num::fixed::reciprocal_sqrt;
use crate::num::neon::fixed::Saturate;
use crate::num::neon::intrinsics::{
    float32x4_t, int16x8_t, int32x4_t, vaddq_f32, vaddq_s32, vaddvq_s32, vaddvq_s64, vcombine_s32,
    vdivq_f32, vdupq_n_f32, vdupq_n_s16, vdupq_n_s32, vdupq_n_s64, vfmaq_f32, vget_low_s16,
    vget_low_s32, vmlsl_high_s16, vmlsl_s16, vmovn_s64, vmull_high_s16, vmull_high_s32, vmull_s16,
    vmull_s32, vmulq_f32, vpadalq_s16, vpadalq_s32, vqdmulhq_s32, vreinterpretq_f32_f64,
    vreinterpretq_f64_f32, vrshlq_s64, vshlq_s32, vsqrtq_f32, vsraq_n_s32, vsubq_f32, vtrn1q_f32,
    vtrn2q_f32, vzip1q_f64, vzip2q_f64,
};
use crate::num::neon::{First, Lanes, map3};
/// Returns the entry points.
pub(crate) fn f32() -> Option<Kernel<Float<f32>>> {
    Some(Kernel {
        acts: run_float,
        inputs: run_float,
    })
}

/// Returns the entry points.
pub(crate) fn w8a16() -> Option<Kernel<Fixed<i16>>> {
    Some(kernel())
}

/// Returns the entry points.
pub(crate) fn w8a8() -> Option<Kernel<Fixed<i8>>> {
    Some(kernel())
}

fn kernel<I: FixedInput + Saturate>() -> Kernel<Fixed<I>> {
    Kernel {
        acts: run_fixed::<i16>,
        inputs: run_fixed::<I>,
    }
}

/// Pixels that are summed at once.
const PIXELS: usize = 4;

fn run_float(params: &FloatParams<'_>, x: &[f32], width: usize, out: &mut [f32]) {
    let pixels = x.chunks(PIXELS * width).zip(out.chunks_mut(PIXELS * width));
    for (x, out) in pixels {
        // Lanes without a pixel of their own take the last one's.
        let held = x.len() / width;
        let rows = [0, 1, 2, 3].map(|i| x.chunks_exact(width).nth(i.min(held.saturating_sub(1))));
        let rows = rows.map(Option::unwrap_or_default);
        let n = vdupq_n_f32(width as f32);
        let mean = vdivq_f32(fold(rows, vaddq_f32), n);
        let square = |sum, x| {
            let d = vsubq_f32(x, mean);
            vfmaq_f32(sum, d, d)
        };
        let variance = vdivq_f32(fold(rows, square), n);
        let deviation = vsqrtq_f32(vaddq_f32(variance, vdupq_n_f32(EPSILON as f32)));
        let r: [f32; PIXELS] = must_cast(vdivq_f32(vdupq_n_f32(1.0), deviation));
        let mean: [f32; PIXELS] = must_cast(mean);
        let inputs = rows.into_iter().zip(mean.into_iter().zip(r));
        for (out, (row, (mean, r))) in out.chunks_exact_mut(width).zip(inputs).take(held) {
            let (mean, r) = (vdupq_n_f32(mean), vdupq_n_f32(r));
            map3(
                row,
                params.gamma,
                params.beta,
                out,
                |x: [f32; 4], gamma, beta| {
                    let d = vsubq_f32(must_cast(x), mean);
                    must_cast(vfmaq_f32(
                        must_cast(beta),
                        vmulq_f32(d, r),
                        must_cast(gamma),
                    ))
                },
            );
        }
    }
}

/// Folds four rows over their elements in ascending order from 0, each in its lane.
#[inline(always)]
fn fold(
    rows: [&[f32]; PIXELS],
    step: impl Fn(float32x4_t, float32x4_t) -> float32x4_t,
) -> float32x4_t {
    let mut sum = vdupq_n_f32(0.0);
    let [r0, r1, r2, r3] = rows.map(|row| row.as_chunks::<4>());
    let blocks = r0.0.iter().zip(r1.0).zip(r2.0.iter().zip(r3.0));
    for ((&x0, &x1), (&x2, &x3)) in blocks {
        for column in transpose([x0, x1, x2, x3].map(must_cast)) {
            sum = step(sum, column);
        }
    }
    let ends = r0.1.iter().zip(r1.1).zip(r2.1.iter().zip(r3.1));
    for ((&x0, &x1), (&x2, &x3)) in ends {
        sum = step(sum, must_cast([x0, x1, x2, x3]));
    }
    sum
}

/// Returns the columns of four rows.
#[inline(always)]
fn transpose([r0, r1, r2, r3]: [float32x4_t; 4]) -> [float32x4_t; 4] {
    let pairs = [(r0, r1), (r2, r3)];
    let [even0, even1] = pairs.map(|(a, b)| vreinterpretq_f64_f32(vtrn1q_f32(a, b)));
    let [odd0, odd1] = pairs.map(|(a, b)| vreinterpretq_f64_f32(vtrn2q_f32(a, b)));
    [
        vzip1q_f64(even0, even1),
        vzip1q_f64(odd0, odd1),
        vzip2q_f64(even0, even1),
        vzip2q_f64(odd0, odd1),
    ]
    .map(vreinterpretq_f32_f64)
}

fn run_fixed<O: Saturate>(params: &FixedParams<'_>, x: &[i16], width: usize, out: &mut [O]) {
    let round = vdupq_n_s32(1 << (params.shift - 1));
    let shift = vdupq_n_s32(-i32::from(params.shift));
    for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        let pixel = Pixel::new(x, params.epsilon);
        map3(
            x,
            params.gain,
            params.offset,
            out,
            |x, gain, offset: [i32; 8]| {
                let normed = pixel.normed(must_cast::<[i16; 8], _>(x));
                let gain: [int32x4_t; 2] = must_cast::<[i32; 8], _>(gain);
                let offset: [int32x4_t; 2] = must_cast(offset);
                O::saturate_8([0, 1].map(|i| {
                    // A half of SQDMULH is `mulhi`: a normed value has at most 31 bits.
                    let product = vqdmulhq_s32(normed[i], gain[i]);
                    let sum = vsraq_n_s32::<1>(vaddq_s32(offset[i], round), product);
                    vshlq_s32(sum, shift)
                }))
            },
        );
    }
}

/// What the norm of a pixel takes from all of its channels.
struct Pixel {
    channels: i16,
    sum: i32,
    /// Minus the mantissa of the reciprocal square root: 2^31 itself has no 32 signed bits.
    negative: i32,
    shift: i64,
}

impl Pixel {
    /// The squares of `d = C x - sum` add up to `C (C sum(x x) - sum^2)`.
    #[inline(always)]
    fn new(x: &[i16], epsilon: u64) -> Self {
        let (mut sum, mut squares) = (vdupq_n_s32(0), vdupq_n_s64(0));
        let mut add = |x: [i16; 8]| {
            let x = must_cast(x);
            sum = vpadalq_s16(sum, x);
            let low = vget_low_s16(x);
            squares = vpadalq_s32(squares, vmull_s16(low, low));
            squares = vpadalq_s32(squares, vmull_high_s16(x, x));
        };
        let (blocks, end) = x.as_chunks();
        blocks.iter().for_each(|&block| add(block));
        add(First(end.len()).load(end, 0));
        let (sum, n) = (vaddvq_s32(sum), x.len() as i64);
        let squares = n * (n * vaddvq_s64(squares) - i64::from(sum).pow(2));
        let (mantissa, halvings) = reciprocal_sqrt(squares as u64 + epsilon);
        Self {
            channels: x.len() as i16,
            sum,
            negative: -mantissa as i32,
            shift: i64::from(halvings) - 32,
        }
    }

    /// Returns `d / sqrt(v)` in Q1.30: the product of `-d` and the negative mantissa, rounded.
    #[inline(always)]
    fn normed(&self, x: int16x8_t) -> [int32x4_t; 2] {
        let (sum, channels) = (vdupq_n_s32(self.sum), vdupq_n_s16(self.channels));
        let low = vmlsl_s16(sum, vget_low_s16(x), vget_low_s16(channels));
        let high = vmlsl_high_s16(sum, x, channels);
        let (factor, shift) = (vdupq_n_s32(self.negative), vdupq_n_s64(self.shift));
        [low, high].map(|d| {
            let low = vmull_s32(vget_low_s32(d), vget_low_s32(factor));
            let high = vmull_high_s32(d, factor);
            let [low, high] = [low, high].map(|p| vmovn_s64(vrshlq_s64(p, shift)));
            vcombine_s32(low, high)
        })
    }
}
