//! The parameters of a precision, as arguments of launches.

use mambalite_kernels::arith::{Arithmetic, Fixed, FixedInput, Float};
use mambalite_kernels::config::Decay;
use mambalite_kernels::linear::Matrix;

use crate::args::{self, Array};
use crate::layout::CHUNK;

/// The parameters of a precision, as arguments.
pub(super) trait Describe: Arithmetic {
    const NAME: &'static str;
    /// Inputs whose weights of an output stand together: those of a word.
    const WEIGHTS_PACKED: usize;
    fn scale_arrays<'a>(scale: &Self::Scale<'a>) -> (&'a [i32], &'a [u8]);
    fn norm_args(at: &Addresses, params: &Self::Norm<'_>) -> args::Norm;
    fn conv1d_args(at: &Addresses, params: &Self::Conv1d<'_>) -> args::Conv1d;
    fn scan_args(at: &Addresses, params: &Self::Scan<'_>) -> args::Scan;
    fn gate_args(params: &Self::Gate) -> args::Gate;
    fn sum_args(params: &Self::Sum) -> args::Sum;
}

/// Where the arrays of the model file are on the device.
pub(super) struct Addresses {
    /// Of the file here.
    pub(super) here: u64,
    /// Of the file there.
    pub(super) there: u64,
}

impl Addresses {
    pub(super) fn array<T>(&self, values: &[T]) -> Array {
        if values.is_empty() {
            return Array::default();
        }
        Array {
            address: self.there + (values.as_ptr() as u64 - self.here),
            len: values.len() as u64,
        }
    }

    /// Returns a matrix of so many taps with its weights as the model file has them.
    pub(super) fn matrix<A: Describe>(&self, matrix: &Matrix<'_, A>, taps: usize) -> args::Matrix {
        let (multiplier, shift) = A::scale_arrays(&matrix.scale);
        args::Matrix {
            weights: self.array(matrix.weights),
            bias: self.array(matrix.bias),
            multiplier: self.array(multiplier),
            shift: self.array(shift),
            outputs: matrix.outputs as u32,
            inputs: (matrix.inputs / taps) as u32,
        }
    }
}

impl Describe for Float<f32> {
    const NAME: &'static str = "f32";
    const WEIGHTS_PACKED: usize = 1;

    fn scale_arrays<'a>((): &()) -> (&'a [i32], &'a [u8]) {
        (&[], &[])
    }

    fn norm_args(at: &Addresses, params: &Self::Norm<'_>) -> args::Norm {
        args::Norm {
            gain: at.array(params.gamma),
            offset: at.array(params.beta),
            width: params.gamma.len() as u32,
            ..args::Norm::default()
        }
    }

    fn conv1d_args(at: &Addresses, params: &Self::Conv1d<'_>) -> args::Conv1d {
        args::Conv1d {
            taps: at.array(params.taps),
            bias: at.array(params.bias),
            inner: params.bias.len() as u32,
            ..args::Conv1d::default()
        }
    }

    fn scan_args(at: &Addresses, params: &Self::Scan<'_>) -> args::Scan {
        args::Scan {
            rate: at.array(params.rate),
            skip: at.array(params.skip),
            tied: u32::from(params.decay == Decay::Tied),
            ..args::Scan::default()
        }
    }

    fn gate_args((): &()) -> args::Gate {
        args::Gate::default()
    }

    fn sum_args((): &()) -> args::Sum {
        args::Sum::default()
    }
}

impl<I: FixedInput> Describe for Fixed<I> {
    const NAME: &'static str = if I::BITS == 8 { "w8a8" } else { "w8a16" };
    const WEIGHTS_PACKED: usize = CHUNK;

    fn scale_arrays<'a>(scale: &Self::Scale<'a>) -> (&'a [i32], &'a [u8]) {
        (scale.multiplier, scale.shift)
    }

    fn norm_args(at: &Addresses, params: &Self::Norm<'_>) -> args::Norm {
        args::Norm {
            gain: at.array(params.gain),
            offset: at.array(params.offset),
            epsilon: params.epsilon,
            shift: params.shift.into(),
            width: params.gain.len() as u32,
        }
    }

    fn conv1d_args(at: &Addresses, params: &Self::Conv1d<'_>) -> args::Conv1d {
        args::Conv1d {
            taps: at.array(params.taps),
            bias: at.array(params.bias),
            multiplier: at.array(params.multiplier),
            shift: at.array(params.shift),
            fraction: params.fraction.into(),
            out_multiplier: params.out_multiplier,
            out_shift: params.out_shift.into(),
            inner: params.bias.len() as u32,
        }
    }

    fn scan_args(at: &Addresses, params: &Self::Scan<'_>) -> args::Scan {
        args::Scan {
            rate: at.array(params.rate),
            skip: at.array(params.skip),
            multiplier: at.array(params.multiplier),
            shift: at.array(params.shift),
            state_shift: at.array(params.state_shift),
            tied: u32::from(params.decay == Decay::Tied),
            ..args::Scan::default()
        }
    }

    fn gate_args(params: &Self::Gate) -> args::Gate {
        args::Gate {
            multiplier: params.multiplier,
            shift: params.shift.into(),
            fraction: params.fraction.into(),
            ..args::Gate::default()
        }
    }

    fn sum_args(params: &Self::Sum) -> args::Sum {
        args::Sum {
            a: params.a,
            b: params.b,
            shift: params.shift.into(),
        }
    }
}
