//! Fixed point: 8-bit weights, 16-bit activations, matrix inputs of 16 or 8 bits.

use core::marker::PhantomData;

use bytemuck::Pod;

use super::{Arithmetic, MatrixShape, Operand};
use crate::config::{CONV1D_TAPS, Config, Precision};
use crate::linear::Matrix;
use crate::model::{ModelError, Param, Source};
use crate::num::fixed::{requantise, saturate_i16, soft_plus};
use crate::tap::Value;
use crate::variant::{Kernels, Variants};
use crate::{conv1d, gate, linear, norm, scan, step, sum};

/// The network in fixed point with matrix inputs of type `I`.
#[derive(Clone, Copy, Debug)]
pub struct Fixed<I>(PhantomData<I>);

/// The type of the inputs of matrix products and 3x3 convolutions.
pub trait FixedInput: Operand<i32> {
    /// Its bits.
    const BITS: u32;
    /// The precision that has it.
    const PRECISION: Precision;

    /// Clamps, symmetrically.
    fn saturate(x: i32) -> Self;

    /// Takes an activation to the input of the next convolution: its upper bits, rounded half up.
    fn narrow(x: i16) -> Self;

    /// The variants of the operators.
    const VARIANTS: Variants<Fixed<Self>>;

    /// Returns the integer.
    fn int(self) -> i32;
}

impl FixedInput for i16 {
    const BITS: u32 = 16;
    const PRECISION: Precision = Precision::W8A16;
    const VARIANTS: Variants<Fixed<Self>> = Variants {
        linear: linear::W8A16,
        norm: norm::W8A16,
        conv1d: conv1d::W8A16,
        step: step::W8A16,
        scan: scan::W8A16,
        gate: gate::W8A16,
        sum: sum::W8A16,
    };

    #[inline(always)]
    fn saturate(x: i32) -> Self {
        saturate_i16(x)
    }

    #[inline(always)]
    fn narrow(x: i16) -> Self {
        x
    }

    #[inline(always)]
    fn int(self) -> i32 {
        i32::from(self)
    }
}

impl FixedInput for i8 {
    const BITS: u32 = 8;
    const PRECISION: Precision = Precision::W8A8;
    const VARIANTS: Variants<Fixed<Self>> = Variants {
        linear: linear::W8A8,
        norm: norm::W8A8,
        conv1d: conv1d::W8A8,
        step: step::W8A8,
        scan: scan::W8A8,
        gate: gate::W8A8,
        sum: sum::W8A8,
    };

    #[inline(always)]
    fn saturate(x: i32) -> Self {
        x.clamp(-127, 127) as i8
    }

    #[inline(always)]
    fn narrow(x: i16) -> Self {
        ((x.saturating_add(128) >> 8) as i8).max(-127)
    }

    #[inline(always)]
    fn int(self) -> i32 {
        i32::from(self)
    }
}

impl Operand<i32> for i16 {
    const MAX: i64 = 32767;

    #[inline(always)]
    fn widen(self) -> i32 {
        i32::from(self)
    }
}

/// An 8-bit input is the upper byte of a 16-bit one, so that an accumulator has the same unit and
/// bounds in both precisions. (A kernel may shift the sum instead of each input: the same bits.)
impl Operand<i32> for i8 {
    const MAX: i64 = 127 << 8;

    #[inline(always)]
    fn widen(self) -> i32 {
        i32::from(self) << 8
    }
}

/// Requantisation of a matrix's outputs.
#[derive(Clone, Copy, Debug)]
pub struct FixedScale<'a> {
    /// `[outputs]`, `[2^30, 2^31)`.
    pub multiplier: &'a [i32],
    /// `[outputs]`, `[1, 31]`.
    pub shift: &'a [u8],
}

/// Fraction bits that the weight 1 of an identity row has.
const COPY_BITS: u32 = 6;
/// Largest magnitude of a factor or offset whose term is added to another one.
const TERM_MAX: i32 = 1 << 30;
/// Largest magnitude of the last convolution's output: two picture ranges in Q8.4.
const OUTPUT_MAX: i16 = 8160;

/// Reads integers and checks that all are in range.
fn ranged<'a, T: Pod + Into<i64>>(
    source: &mut impl Source<'a>,
    param: Param,
    len: usize,
    range: core::ops::RangeInclusive<i64>,
) -> Result<&'a [T], ModelError> {
    let values: &[T] = source.array(param, len)?;
    if source.verifies() && values.iter().any(|&v| !range.contains(&v.into())) {
        return Err(ModelError::OutOfRange { param });
    }
    Ok(values)
}

/// Reads one value.
fn single<'a, T: Pod + Into<i64>>(
    source: &mut impl Source<'a>,
    param: Param,
    range: core::ops::RangeInclusive<i64>,
) -> Result<T, ModelError> {
    let values = ranged::<T>(source, param, 1, range)?;
    values
        .first()
        .copied()
        .ok_or(ModelError::OutOfRange { param })
}

const MULTIPLIER: core::ops::RangeInclusive<i64> = 1 << 30..=(1 << 31) - 1;
const SHIFT: core::ops::RangeInclusive<i64> = 1..=31;
const TERM: core::ops::RangeInclusive<i64> = -(TERM_MAX as i64)..=TERM_MAX as i64;
const FRACTION: core::ops::RangeInclusive<i64> = 0..=15;
const TERM_SHIFT: core::ops::RangeInclusive<i64> = 1..=30;

/// Checks that no accumulator passes 32 bits, from the rows of weights of each output.
fn check_overflow<'w>(
    rows: impl Iterator<Item: IntoIterator<Item = &'w i8>>,
    bias: &[i32],
    outputs: usize,
    max: i64,
    param: Param,
) -> Result<(), ModelError> {
    let sums = rows.map(|row| row.into_iter().map(|&w| i64::from(w).abs()).sum());
    // Where there are no weights the row is a copy, of weight 2^COPY_BITS.
    let copies = core::iter::repeat(1 << COPY_BITS);
    for (o, sum) in sums.chain(copies).take(outputs).enumerate() {
        let sum: i64 = sum;
        let bias = bias.get(o).map_or(0, |&b| i64::from(b).abs());
        if sum * max + bias > i64::from(i32::MAX) {
            return Err(ModelError::Overflow { param });
        }
    }
    Ok(())
}

impl<I: FixedInput> Arithmetic for Fixed<I> {
    const PRECISION: Precision = I::PRECISION;

    type Act = i16;
    type In = I;
    type Acc = i32;
    type Wide = i32;
    type Weight = i8;
    type Bias = i32;
    type Scale<'a> = FixedScale<'a>;
    type Norm<'a> = norm::FixedParams<'a>;
    type Conv1d<'a> = conv1d::FixedParams<'a>;
    type Scan<'a> = scan::FixedParams<'a>;
    type Gate = gate::FixedParams;
    type Sum = sum::FixedParams;

    const REFERENCE: Kernels<Self> = Kernels {
        linear: linear::reference(),
        norm: norm::fixed_kernel(),
        conv1d: conv1d::fixed::<I>,
        step: step::reference::<Self>,
        scan: scan::fixed_kernel(),
        gate: gate::fixed::<I>,
        sum: sum::fixed,
    };
    const VARIANTS: Variants<Self> = I::VARIANTS;

    fn load_matrix<'a>(
        source: &mut impl Source<'a>,
        param: Param,
        shape: MatrixShape,
        max: i64,
    ) -> Result<Matrix<'a, Self>, ModelError> {
        let MatrixShape {
            outputs,
            inputs,
            bias,
        } = shape;
        let weights = source.array(param.part("weight"), inputs * outputs)?;
        let bias = source.array(param.part("bias"), if bias { outputs } else { 0 })?;
        if source.verifies() {
            check_overflow(weights.chunks(inputs.max(1)), bias, outputs, max, param)?;
        }
        let multiplier = ranged(source, param.part("multiplier"), outputs, MULTIPLIER)?;
        let shift = ranged(source, param.part("shift"), outputs, SHIFT)?;
        Ok(Matrix {
            outputs,
            inputs,
            weights,
            bias,
            scale: FixedScale { multiplier, shift },
            packed: &[],
        })
    }

    fn load_norm<'a>(
        source: &mut impl Source<'a>,
        param: Param,
        width: usize,
    ) -> Result<Self::Norm<'a>, ModelError> {
        let gain = source.array(param.part("gain"), width)?;
        let offset = ranged(source, param.part("offset"), width, TERM)?;
        let shift = single::<u8>(source, param.part("shift"), TERM_SHIFT)?;
        // 2^62: the squares' sum takes at most 2^57 of the 64 bits.
        let epsilon = single::<u32>(source, param.part("epsilon_mantissa"), 1..=u32::MAX.into())?;
        let exponent = single::<u8>(source, param.part("epsilon_exponent"), 0..=30)?;
        Ok(norm::FixedParams {
            gain,
            offset,
            shift,
            epsilon: u64::from(epsilon) << exponent,
        })
    }

    fn load_conv1d<'a>(
        source: &mut impl Source<'a>,
        param: Param,
        inner: usize,
    ) -> Result<Self::Conv1d<'a>, ModelError> {
        let taps = source.array(param.part("weight"), CONV1D_TAPS * inner)?;
        let bias = source.array(param.part("bias"), inner)?;
        if source.verifies() {
            let column = |e: usize| taps.iter().skip(e).step_by(inner);
            check_overflow((0..inner).map(column), bias, inner, 32767, param)?;
        }
        Ok(conv1d::FixedParams {
            taps,
            bias,
            multiplier: ranged(source, param.part("multiplier"), inner, MULTIPLIER)?,
            shift: ranged(source, param.part("shift"), inner, SHIFT)?,
            fraction: single(source, param.part("fraction"), FRACTION)?,
            out_multiplier: single(source, param.part("out_multiplier"), MULTIPLIER)?,
            out_shift: single(source, param.part("out_shift"), SHIFT)?,
        })
    }

    fn load_scan<'a>(
        source: &mut impl Source<'a>,
        param: Param,
        config: &Config,
    ) -> Result<Self::Scan<'a>, ModelError> {
        let inner = config.inner;
        Ok(scan::FixedParams {
            rate: source.array(param.part("rate"), config.rates() * inner)?,
            state_shift: ranged(source, param.part("state_shift"), inner, 1..=40)?,
            multiplier: ranged(source, param.part("multiplier"), inner, TERM)?,
            skip: ranged(source, param.part("skip"), inner, TERM)?,
            shift: ranged(source, param.part("shift"), inner, TERM_SHIFT)?,
            decay: config.decay,
        })
    }

    fn load_gate<'a>(source: &mut impl Source<'a>, param: Param) -> Result<Self::Gate, ModelError> {
        Ok(gate::FixedParams {
            multiplier: single(source, param.part("multiplier"), MULTIPLIER)?,
            shift: single(source, param.part("shift"), SHIFT)?,
            fraction: single(source, param.part("fraction"), FRACTION)?,
        })
    }

    fn load_sum<'a>(source: &mut impl Source<'a>, param: Param) -> Result<Self::Sum, ModelError> {
        Ok(sum::FixedParams {
            a: single(source, param.part("a"), TERM)?,
            b: single(source, param.part("b"), TERM)?,
            shift: single(source, param.part("shift"), TERM_SHIFT)?,
        })
    }

    #[inline(always)]
    fn bias(bias: i32) -> i32 {
        bias
    }

    #[inline(always)]
    fn multiply_add(acc: i32, weight: i8, x: i32) -> i32 {
        acc + i32::from(weight) * x
    }

    /// The weight 1 is 2^6 in the accumulator's unit.
    #[inline(always)]
    fn copy_row(bias: i32, x: i16) -> i32 {
        bias + (i32::from(x) << COPY_BITS)
    }

    #[inline(always)]
    fn weight_index((_, inputs): (usize, usize), o: usize, k: usize) -> usize {
        o * inputs + k
    }

    #[inline(always)]
    fn rescale(scale: &FixedScale<'_>, o: usize, acc: i32) -> i32 {
        requantise(acc, scale.multiplier[o], scale.shift[o])
    }

    #[inline(always)]
    fn to_act(x: i32) -> i16 {
        saturate_i16(x)
    }

    #[inline(always)]
    fn to_in(x: i32) -> I {
        I::saturate(x)
    }

    #[inline(always)]
    fn narrow(x: i16) -> I {
        I::narrow(x)
    }

    #[inline(always)]
    fn step_size(x: i32) -> i32 {
        soft_plus(x)
    }

    /// Q8.4: 16 units a grey level.
    #[inline(always)]
    fn pixel(config: &Config, channel: usize, value: u8) -> i16 {
        (i16::from(value) << 4) - config.mean_q4(channel)
    }

    /// Q.20 grey levels.
    #[inline(always)]
    fn anchored(x: i16, anchor: i32) -> i32 {
        (i32::from(x.clamp(-OUTPUT_MAX, OUTPUT_MAX)) << 16) + anchor
    }

    #[inline(always)]
    fn centred(config: &Config, channel: usize, x: i16) -> i32 {
        Self::anchored(x, i32::from(config.mean_q4(channel)) << 16)
    }

    /// Rounds half up and clamps.
    #[inline(always)]
    fn to_pixel(x: i32) -> u8 {
        ((x + (1 << 19)) >> 20).clamp(0, 255) as u8
    }
}

impl<I: Value> Fixed<I> {
    /// Fraction bits of weight 1 in an identity row.
    pub const COPY_BITS: u32 = COPY_BITS;
}
