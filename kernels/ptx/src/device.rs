//! Parameters of the operators from addresses in the memory of the device.
#![expect(unsafe_code, reason = "a launch passes addresses")]
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "all rest on one promise: the arrays are those that the arguments say"
)]

use mambalite_kernels::arith::{Arithmetic, Fixed, FixedInput, FixedScale, Float};
use mambalite_kernels::config::Decay;
use mambalite_kernels::linear::Matrix;
use mambalite_kernels::{conv1d, gate, norm, scan, sum};

use crate::args::{self, Array};

impl Array {
    /// Returns the elements.
    ///
    /// # Safety
    /// The array has so many elements of this type, which live for `'a` and nobody writes then.
    #[inline(always)]
    pub unsafe fn slice<'a, T>(self) -> &'a [T] {
        if self.len == 0 {
            return &[];
        }
        // SAFETY: the caller's promise.
        unsafe { core::slice::from_raw_parts(self.address as *const T, self.len as usize) }
    }

    /// Returns elements `from..from + len`, to be written; none where the array is shorter.
    ///
    /// # Safety
    /// The array has so many elements of this type, which live for `'a`; no other thread touches
    /// these then.
    #[inline(always)]
    pub unsafe fn part_mut<'a, T>(self, from: usize, len: usize) -> &'a mut [T] {
        if from + len > self.len as usize {
            return &mut [];
        }
        // SAFETY: the elements are in the array.
        let first = unsafe { (self.address as *mut T).add(from) };
        // SAFETY: the caller's promise.
        unsafe { core::slice::from_raw_parts_mut(first, len) }
    }

    /// Writes an element, if there is one at this place.
    ///
    /// # Safety
    /// As [`Array::part_mut`].
    #[inline(always)]
    pub unsafe fn write<T>(self, at: usize, value: T) {
        // SAFETY: the caller's promise.
        if let Some(place) = unsafe { self.part_mut(at, 1) }.first_mut() {
            *place = value;
        }
    }
}

/// A precision on the device.
///
/// # Safety of its functions
/// The arrays have the lengths that [`args`] says and the types of the precision.
pub trait Device: Arithmetic {
    /// Returns a matrix.
    ///
    /// # Safety
    /// See [`Device`].
    unsafe fn matrix<'a>(args: &args::Matrix) -> Matrix<'a, Self>;

    /// Returns the parameters of a norm.
    ///
    /// # Safety
    /// See [`Device`].
    unsafe fn norm<'a>(args: &args::Norm) -> Self::Norm<'a>;

    /// Returns the parameters of a causal convolution.
    ///
    /// # Safety
    /// See [`Device`].
    unsafe fn conv1d<'a>(args: &args::Conv1d) -> Self::Conv1d<'a>;

    /// Returns the parameters of a scan.
    ///
    /// # Safety
    /// See [`Device`].
    unsafe fn scan<'a>(args: &args::Scan) -> Self::Scan<'a>;

    /// Returns the parameters of a gate.
    fn gate(args: &args::Gate) -> Self::Gate;

    /// Returns the parameters of a sum.
    fn sum(args: &args::Sum) -> Self::Sum;

    /// Returns channel `e` of a causal convolution; `value(tap)` are its inputs, oldest first.
    fn conv1d_channel(
        params: &Self::Conv1d<'_>,
        inner: usize,
        e: usize,
        value: impl Fn(usize) -> Self::Act,
    ) -> Self::In;

    /// Advances channel `e` of a scan by pixel `i`; the states are the channel's only.
    fn scan_channel(
        params: &Self::Scan<'_>,
        tokens: &scan::Tokens<'_, Self>,
        states: &mut [Self::Wide],
        place: (usize, usize),
    ) -> Self::Act;
}

fn decay(args: &args::Scan) -> Decay {
    match args.tied {
        0 => Decay::Full,
        _ => Decay::Tied,
    }
}

impl Device for Float<f32> {
    #[inline(always)]
    unsafe fn matrix<'a>(args: &args::Matrix) -> Matrix<'a, Self> {
        // SAFETY: the caller's promise, here and below.
        let (weights, bias) = unsafe { (args.weights.slice(), args.bias.slice()) };
        Matrix {
            outputs: args.outputs as usize,
            inputs: args.inputs as usize,
            weights,
            bias,
            scale: (),
            packed: &[],
        }
    }

    #[inline(always)]
    unsafe fn norm<'a>(args: &args::Norm) -> norm::FloatParams<'a> {
        // SAFETY: the caller's promise.
        let (gamma, beta) = unsafe { (args.gain.slice(), args.offset.slice()) };
        norm::FloatParams { gamma, beta }
    }

    #[inline(always)]
    unsafe fn conv1d<'a>(args: &args::Conv1d) -> conv1d::FloatParams<'a> {
        // SAFETY: the caller's promise.
        let (taps, bias) = unsafe { (args.taps.slice(), args.bias.slice()) };
        conv1d::FloatParams { taps, bias }
    }

    #[inline(always)]
    unsafe fn scan<'a>(args: &args::Scan) -> scan::FloatParams<'a> {
        // SAFETY: the caller's promise.
        let (rate, skip) = unsafe { (args.rate.slice(), args.skip.slice()) };
        let decay = decay(args);
        scan::FloatParams { rate, skip, decay }
    }

    #[inline(always)]
    fn gate(_: &args::Gate) {}

    #[inline(always)]
    fn sum(_: &args::Sum) {}

    #[inline(always)]
    fn conv1d_channel(
        params: &conv1d::FloatParams<'_>,
        inner: usize,
        e: usize,
        value: impl Fn(usize) -> f32,
    ) -> f32 {
        conv1d::float_channel(params, inner, e, value)
    }

    #[inline(always)]
    fn scan_channel(
        params: &scan::FloatParams<'_>,
        tokens: &scan::Tokens<'_, Self>,
        states: &mut [f32],
        place: (usize, usize),
    ) -> f32 {
        scan::float_channel(params, tokens, states, place, (0, 1))
    }
}

impl<I: FixedInput> Device for Fixed<I> {
    #[inline(always)]
    unsafe fn matrix<'a>(args: &args::Matrix) -> Matrix<'a, Self> {
        // SAFETY: the caller's promise, here and below.
        let (weights, bias) = unsafe { (args.weights.slice(), args.bias.slice()) };
        // SAFETY: as above.
        let (multiplier, shift) = unsafe { (args.multiplier.slice(), args.shift.slice()) };
        Matrix {
            outputs: args.outputs as usize,
            inputs: args.inputs as usize,
            weights,
            bias,
            scale: FixedScale { multiplier, shift },
            packed: &[],
        }
    }

    #[inline(always)]
    unsafe fn norm<'a>(args: &args::Norm) -> norm::FixedParams<'a> {
        // SAFETY: the caller's promise.
        let (gain, offset) = unsafe { (args.gain.slice(), args.offset.slice()) };
        norm::FixedParams {
            gain,
            offset,
            shift: args.shift as u8,
            epsilon: args.epsilon,
        }
    }

    #[inline(always)]
    unsafe fn conv1d<'a>(args: &args::Conv1d) -> conv1d::FixedParams<'a> {
        // SAFETY: the caller's promise, here and below.
        let (taps, bias) = unsafe { (args.taps.slice(), args.bias.slice()) };
        // SAFETY: as above.
        let (multiplier, shift) = unsafe { (args.multiplier.slice(), args.shift.slice()) };
        conv1d::FixedParams {
            taps,
            bias,
            multiplier,
            shift,
            fraction: args.fraction as u8,
            out_multiplier: args.out_multiplier,
            out_shift: args.out_shift as u8,
        }
    }

    #[inline(always)]
    unsafe fn scan<'a>(args: &args::Scan) -> scan::FixedParams<'a> {
        // SAFETY: the caller's promise, here and below.
        let (rate, skip) = unsafe { (args.rate.slice(), args.skip.slice()) };
        // SAFETY: as above.
        let (multiplier, shift) = unsafe { (args.multiplier.slice(), args.shift.slice()) };
        scan::FixedParams {
            rate,
            // SAFETY: as above.
            state_shift: unsafe { args.state_shift.slice() },
            multiplier,
            skip,
            shift,
            decay: decay(args),
        }
    }

    #[inline(always)]
    fn gate(args: &args::Gate) -> gate::FixedParams {
        gate::FixedParams {
            multiplier: args.multiplier,
            shift: args.shift as u8,
            fraction: args.fraction as u8,
        }
    }

    #[inline(always)]
    fn sum(args: &args::Sum) -> sum::FixedParams {
        sum::FixedParams {
            a: args.a,
            b: args.b,
            shift: args.shift as u8,
        }
    }

    #[inline(always)]
    fn conv1d_channel(
        params: &conv1d::FixedParams<'_>,
        inner: usize,
        e: usize,
        value: impl Fn(usize) -> i16,
    ) -> I {
        conv1d::fixed_channel(params, inner, e, value)
    }

    #[inline(always)]
    fn scan_channel(
        params: &scan::FixedParams<'_>,
        tokens: &scan::Tokens<'_, Self>,
        states: &mut [i32],
        place: (usize, usize),
    ) -> i16 {
        scan::fixed_channel(params, tokens, states, place, (0, 1))
    }
}
