//! Causal convolution with NEON: a block of channels at a time, its last three pixels in registers.

use bytemuck::must_cast;

use super::{FixedParams, FloatParams, Run};
use crate::arith::{Fixed, Float};
use crate::config::CONV1D_TAPS;
use crate::num::neon::fixed::{
    Fraction, Saturate, load_2_i32, load_i16, logistic, requantise, requantise_shift, saturate_i16,
};
use crate::num::neon::intrinsics::{
    int16x8_t, int32x4_t, vdupq_n_s32, vfmaq_f32, vget_low_s16, vmlal_high_s16, vmlal_s16,
    vmovl_high_s16, vmovl_s8, vmovl_s16, vmulq_f32, vmulq_s32,
};
use crate::num::neon::{Column, ColumnMut, Lanes, float, for_blocks};
use crate::rows::Rows;

/// Returns the entry point.
pub(crate) fn f32() -> Option<Run<Float<f32>>> {
    Some(run_float)
}

/// Returns the entry point.
pub(crate) fn w8a16() -> Option<Run<Fixed<i16>>> {
    Some(run_fixed::<i16>)
}

/// Returns the entry point.
pub(crate) fn w8a8() -> Option<Run<Fixed<i8>>> {
    Some(run_fixed::<i8>)
}

fn run_float(params: &FloatParams<'_>, history: &mut [f32], x: Rows<'_, f32>, out: &mut [f32]) {
    for_blocks!(4, x.len(), |at, lanes| float_block(
        params,
        history,
        x,
        out,
        (at, lanes)
    ));
}

/// Runs four channels over all pixels; nothing where an operand is too short.
#[inline(always)]
fn float_block<L: Lanes>(
    params: &FloatParams<'_>,
    history: &mut [f32],
    x: Rows<'_, f32>,
    out: &mut [f32],
    place: (usize, L),
) -> Option<()> {
    let (inner, (at, lanes)) = (x.len(), place);
    let pixels = out.len() / inner;
    let input = Column::<_, _, 4>::new(x.values(), x.stride(), pixels, place)?;
    let mut out = ColumnMut::<_, _, 4>::new(out, inner, pixels, place)?;
    let taps = [0, 1, 2, 3].map(|tap| float::load(lanes, params.taps, tap * inner + at));
    let bias = float::load(lanes, params.bias, at);
    let [mut x0, mut x1, mut x2] = [0, 1, 2].map(|i| float::load(lanes, history, i * inner + at));
    for i in 0..pixels {
        let x3 = must_cast(input.load(i));
        let window = [x0, x1, x2, x3];
        let mut sum = bias;
        for tap in 0..CONV1D_TAPS {
            sum = vfmaq_f32(sum, taps[tap], window[tap]);
        }
        out.store(i, must_cast(vmulq_f32(sum, float::logistic(sum))));
        [x0, x1, x2] = [x1, x2, x3];
    }
    for (i, values) in [x0, x1, x2].into_iter().enumerate() {
        float::store(lanes, history, i * inner + at, values);
    }
    Some(())
}

fn run_fixed<I: Saturate>(
    params: &FixedParams<'_>,
    history: &mut [i16],
    x: Rows<'_, i16>,
    out: &mut [I],
) {
    for_blocks!(8, x.len(), |at, lanes| fixed_block(
        params,
        history,
        x,
        out,
        (at, lanes)
    ));
}

/// Parameters of a block of eight channels.
struct Block {
    taps: [int16x8_t; CONV1D_TAPS],
    bias: [int32x4_t; 2],
    multiplier: [int32x4_t; 2],
    shift: [int32x4_t; 2],
    fraction: Fraction,
    out_multiplier: int32x4_t,
    out_shift: int32x4_t,
}

impl Block {
    #[inline(always)]
    fn new(params: &FixedParams<'_>, inner: usize, at: usize, lanes: impl Lanes) -> Self {
        let taps = [0, 1, 2, 3].map(|tap| {
            vmovl_s8(must_cast(
                lanes.load::<i8, 8>(params.taps, tap * inner + at),
            ))
        });
        let shift = lanes.load::<u8, 8>(params.shift, at);
        Self {
            taps,
            bias: load_2_i32(lanes, params.bias, at),
            multiplier: load_2_i32(lanes, params.multiplier, at),
            shift: must_cast(shift.map(requantise_shift)),
            fraction: Fraction::new(params.fraction),
            out_multiplier: vdupq_n_s32(params.out_multiplier),
            out_shift: vdupq_n_s32(requantise_shift(params.out_shift)),
        }
    }

    /// Returns the outputs of a pixel, not clamped.
    #[inline(always)]
    fn convolve(&self, window: [int16x8_t; CONV1D_TAPS]) -> [int32x4_t; 2] {
        let [mut low, mut high] = self.bias;
        for (x, tap) in window.into_iter().zip(self.taps) {
            low = vmlal_s16(low, vget_low_s16(x), vget_low_s16(tap));
            high = vmlal_high_s16(high, x, tap);
        }
        let low = requantise(low, self.multiplier[0], self.shift[0]);
        let high = requantise(high, self.multiplier[1], self.shift[1]);
        let c = saturate_i16([low, high]);
        let low = self.activate(vmovl_s16(vget_low_s16(c)));
        [low, self.activate(vmovl_high_s16(c))]
    }

    /// Returns SiLU in the output's unit.
    #[inline(always)]
    fn activate(&self, c: int32x4_t) -> int32x4_t {
        let silu = vmulq_s32(c, logistic(c, self.fraction));
        requantise(silu, self.out_multiplier, self.out_shift)
    }
}

/// Runs eight channels over all pixels; nothing where an operand is too short.
#[inline(always)]
fn fixed_block<I: Saturate, L: Lanes>(
    params: &FixedParams<'_>,
    history: &mut [i16],
    x: Rows<'_, i16>,
    out: &mut [I],
    place: (usize, L),
) -> Option<()> {
    let (inner, (at, lanes)) = (x.len(), place);
    let pixels = out.len() / inner;
    let input = Column::<_, _, 8>::new(x.values(), x.stride(), pixels, place)?;
    let mut out = ColumnMut::<_, _, 8>::new(out, inner, pixels, place)?;
    let block = Block::new(params, inner, at, lanes);
    let [mut x0, mut x1, mut x2] = [0, 1, 2].map(|i| load_i16(lanes, history, i * inner + at));
    for i in 0..pixels {
        let x3 = must_cast(input.load(i));
        out.store(i, I::saturate_8(block.convolve([x0, x1, x2, x3])));
        [x0, x1, x2] = [x1, x2, x3];
    }
    for (i, values) in [x0, x1, x2].into_iter().enumerate() {
        lanes.store::<i16, 8>(history, i * inner + at, must_cast(values));
    }
    Some(())
}
