//! Floating point: `f32`, and `f64` as its oracle.

use core::marker::PhantomData;

use super::{Arithmetic, MatrixShape, Operand};
use crate::config::{Config, Precision};
use crate::linear::Matrix;
use crate::model::{ModelError, Param, Source};
use crate::num::float::Real;
use crate::variant::{Kernels, Variants};
use crate::{conv1d, gate, linear, norm, scan, step, sum};

/// The network in floating point of type `R`.
#[derive(Clone, Copy, Debug)]
pub struct Float<R>(PhantomData<R>);

impl<R: Real> Operand<R> for R {
    const MAX: i64 = 0;

    #[inline(always)]
    fn widen(self) -> R {
        self
    }
}

/// Reads floats and checks that they are finite.
fn floats<'a>(
    source: &mut impl Source<'a>,
    param: Param,
    len: usize,
) -> Result<&'a [f32], ModelError> {
    let values: &[f32] = source.array(param, len)?;
    if source.verifies() && !values.iter().all(|v| v.is_finite()) {
        return Err(ModelError::NotFinite { param });
    }
    Ok(values)
}

impl<R: Real> Arithmetic for Float<R> {
    const PRECISION: Precision = Precision::F32;

    type Act = R;
    type In = R;
    type Acc = R;
    type Wide = R;
    type Weight = f32;
    type Bias = f32;
    type Scale<'a> = ();
    type Norm<'a> = norm::FloatParams<'a>;
    type Conv1d<'a> = conv1d::FloatParams<'a>;
    type Scan<'a> = scan::FloatParams<'a>;
    type Gate = ();
    type Sum = ();

    const REFERENCE: Kernels<Self> = Kernels {
        linear: linear::reference(),
        norm: norm::float_kernel(),
        conv1d: conv1d::float::<R>,
        step: step::reference::<Self>,
        scan: scan::float_kernel(),
        gate: gate::float::<R>,
        sum: sum::float::<R>,
    };
    const VARIANTS: Variants<Self> = R::VARIANTS;

    fn load_matrix<'a>(
        source: &mut impl Source<'a>,
        param: Param,
        shape: MatrixShape,
        _max: i64,
    ) -> Result<Matrix<'a, Self>, ModelError> {
        let MatrixShape {
            outputs,
            inputs,
            bias,
        } = shape;
        let weights = floats(source, param.part("weight"), inputs * outputs)?;
        let bias = floats(source, param.part("bias"), if bias { outputs } else { 0 })?;
        Ok(Matrix {
            outputs,
            inputs,
            weights,
            bias,
            scale: (),
            packed: &[],
        })
    }

    fn load_norm<'a>(
        source: &mut impl Source<'a>,
        param: Param,
        width: usize,
    ) -> Result<Self::Norm<'a>, ModelError> {
        let gamma = floats(source, param.part("weight"), width)?;
        let beta = floats(source, param.part("bias"), width)?;
        Ok(norm::FloatParams { gamma, beta })
    }

    fn load_conv1d<'a>(
        source: &mut impl Source<'a>,
        param: Param,
        inner: usize,
    ) -> Result<Self::Conv1d<'a>, ModelError> {
        let taps = floats(
            source,
            param.part("weight"),
            crate::config::CONV1D_TAPS * inner,
        )?;
        let bias = floats(source, param.part("bias"), inner)?;
        Ok(conv1d::FloatParams { taps, bias })
    }

    fn load_scan<'a>(
        source: &mut impl Source<'a>,
        param: Param,
        config: &Config,
    ) -> Result<Self::Scan<'a>, ModelError> {
        let rate = floats(source, param.part("rate"), config.rates() * config.inner)?;
        if source.verifies() && rate.iter().any(|&a| a > 0.0) {
            return Err(ModelError::OutOfRange {
                param: param.part("rate"),
            });
        }
        let skip = floats(source, param.part("skip"), config.inner)?;
        Ok(scan::FloatParams {
            rate,
            skip,
            decay: config.decay,
        })
    }

    fn load_gate<'a>(_: &mut impl Source<'a>, _: Param) -> Result<(), ModelError> {
        Ok(())
    }

    fn load_sum<'a>(_: &mut impl Source<'a>, _: Param) -> Result<(), ModelError> {
        Ok(())
    }

    #[inline(always)]
    fn bias(bias: f32) -> R {
        R::of(bias)
    }

    #[inline(always)]
    fn multiply_add(acc: R, weight: f32, x: R) -> R {
        R::of(weight).fma(x, acc)
    }

    #[inline(always)]
    fn copy_row(bias: R, x: R) -> R {
        bias + x
    }

    #[inline(always)]
    fn weight_index((outputs, _): (usize, usize), o: usize, k: usize) -> usize {
        k * outputs + o
    }

    #[inline(always)]
    fn rescale((): &(), _o: usize, acc: R) -> R {
        acc
    }

    #[inline(always)]
    fn to_act(x: R) -> R {
        x
    }

    #[inline(always)]
    fn to_in(x: R) -> R {
        x
    }

    #[inline(always)]
    fn narrow(x: R) -> R {
        x
    }

    #[inline(always)]
    fn step_size(x: R) -> R {
        x.soft_plus()
    }

    /// `value / 255 - mean`, two roundings.
    #[inline(always)]
    fn pixel(config: &Config, channel: usize, value: u8) -> R {
        R::of_int(i32::from(value)) / R::of_int(255) - R::of(config.mean[channel])
    }

    /// The anchor is exact in Q.20 and rounds twice on its way: to `R`, and times
    /// `1 / (255 2^20)`.
    #[inline(always)]
    fn anchored(x: R, anchor: i32) -> R {
        x + R::of_int(anchor) * (R::one() / R::of_int(255 << 20))
    }

    #[inline(always)]
    fn centred(config: &Config, channel: usize, x: R) -> R {
        x + R::of(config.mean[channel])
    }

    /// Clamps to [0, 1]; times 255 with one rounding, ties to even.
    #[inline(always)]
    fn to_pixel(x: R) -> u8 {
        let x = if x > R::zero() { x } else { R::zero() };
        let x = if x < R::one() { x } else { R::one() };
        x.round_product(255) as u8
    }
}
