//! Parameters of the operators from addresses in the memory of the device.
#![expect(unsafe_code, reason = "a launch passes addresses")]
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "all rest on one promise: the arrays are those that the arguments say"
)]

use mambalite_kernels::arith::{Arithmetic, Fixed, FixedInput, FixedScale, Float};
use mambalite_kernels::config::{CONV1D_TAPS, Decay};
use mambalite_kernels::linear::Matrix;
use mambalite_kernels::rows::Rows;
use mambalite_kernels::{conv1d, gate, norm, scan, sum};

use super::block::Scalar;
use crate::args::{self, Array};

impl Array {
    /// Returns the elements.
    ///
    /// # Safety
    /// The array has so many elements of this type, which live for `'a` and nobody writes then.
    #[inline(always)]
    pub(super) unsafe fn slice<'a, T>(self) -> &'a [T] {
        if self.len == 0 {
            return &[];
        }
        // SAFETY: the caller's promise.
        unsafe { core::slice::from_raw_parts(self.address as *const T, self.len as usize) }
    }

    /// Reads an element.
    ///
    /// # Safety
    /// The array has it, of this type, and nobody writes it in this launch.
    #[inline(always)]
    pub(super) unsafe fn read<T: Copy>(self, at: usize) -> T {
        // SAFETY: the caller's promise.
        unsafe { (self.address as *const T).wrapping_add(at).read() }
    }

    /// Writes an element.
    ///
    /// # Safety
    /// The array has it, of this type, and no other thread touches it in this launch.
    #[inline(always)]
    pub(super) unsafe fn write<T>(self, at: usize, value: T) {
        // SAFETY: the caller's promise.
        unsafe { (self.address as *mut T).wrapping_add(at).write(value) };
    }
}

/// The parameters of a channel's causal convolution in floating point: taps and bias.
type FloatTaps = ([f32; CONV1D_TAPS], f32);

/// A precision on the device.
///
/// # Safety of its functions
/// The arrays have the lengths that [`args`] says and the types of the precision.
pub(super) trait Device:
    Arithmetic<Act: Scalar, In: Scalar, Acc: Scalar, Wide: Scalar>
{
    /// What takes the accumulator of one output to its unit.
    type RowScale: Copy;
    /// The parameters of one channel's causal convolution.
    type Taps: Copy;
    /// The parameters of one channel's scan of `N` states.
    type Channel<const N: usize>: Copy;

    /// Returns a matrix without its weights.
    ///
    /// # Safety
    /// See [`Device`].
    unsafe fn matrix<'a>(args: &args::Matrix) -> Matrix<'a, Self>;

    /// Returns an output's scale.
    ///
    /// # Safety
    /// See [`Device`].
    unsafe fn scale_of(args: &args::Matrix, row: usize) -> Self::RowScale;

    /// As [`Arithmetic::rescale`].
    fn rescale_by(scale: &Self::RowScale, acc: Self::Acc) -> Self::Acc;

    /// Returns the parameters of a norm.
    ///
    /// # Safety
    /// See [`Device`].
    unsafe fn norm<'a>(args: &args::Norm) -> Self::Norm<'a>;

    /// Returns the parameters of channel `e` of a causal convolution.
    ///
    /// # Safety
    /// See [`Device`].
    unsafe fn taps(args: &args::Conv1d, e: usize) -> Self::Taps;

    /// Returns the output of a causal convolution; `x` are its inputs, oldest first.
    fn convolve(taps: &Self::Taps, x: &[Self::Act; CONV1D_TAPS]) -> Self::In;

    /// Returns the parameters of channel `e` of a scan.
    ///
    /// # Safety
    /// See [`Device`].
    unsafe fn channel<const N: usize>(args: &args::Scan, e: usize) -> Self::Channel<N>;

    /// Advances a channel's scan by one pixel.
    fn scan<const N: usize>(
        channel: &Self::Channel<N>,
        decay: Decay,
        token: &Token<Self, N>,
        states: &mut [Self::Wide; N],
    ) -> Self::Act;

    /// Returns the parameters of a gate.
    fn gate(args: &args::Gate) -> Self::Gate;

    /// Returns the parameters of a sum.
    fn sum(args: &args::Sum) -> Self::Sum;
}

/// What a channel's scan takes of a pixel.
pub(super) struct Token<A: Arithmetic, const N: usize> {
    pub(super) u: A::In,
    pub(super) dt: A::Wide,
    pub(super) b: [A::Act; N],
    pub(super) c: [A::Act; N],
}

impl<A: Arithmetic, const N: usize> Token<A, N> {
    #[inline(always)]
    fn tokens(&self) -> scan::Tokens<'_, A> {
        scan::Tokens {
            u: core::slice::from_ref(&self.u),
            dt: core::slice::from_ref(&self.dt),
            b: Rows::new(&self.b, N, 0, N),
            c: Rows::new(&self.c, N, 0, N),
        }
    }
}

/// Returns the rates of channel `e` of a scan: of tied ones only the first is set.
///
/// # Safety
/// See [`Device`].
#[inline(always)]
unsafe fn rates<T: Copy + Default, const N: usize>(args: &args::Scan, e: usize) -> [T; N] {
    let inner = args.skip.len as usize;
    core::array::from_fn(|n| match n {
        1.. if args.tied != 0 => T::default(),
        // SAFETY: the caller's promise.
        _ => unsafe { args.rate.read(n * inner + e) },
    })
}

impl Device for Float<f32> {
    type RowScale = ();
    type Taps = FloatTaps;
    type Channel<const N: usize> = ([f32; N], f32);

    #[inline(always)]
    unsafe fn matrix<'a>(args: &args::Matrix) -> Matrix<'a, Self> {
        Matrix {
            outputs: args.outputs as usize,
            inputs: args.inputs as usize,
            weights: &[],
            // SAFETY: the caller's promise.
            bias: unsafe { args.bias.slice() },
            scale: (),
            packed: &[],
        }
    }

    #[inline(always)]
    unsafe fn scale_of(_: &args::Matrix, _: usize) {}

    #[inline(always)]
    fn rescale_by((): &(), acc: f32) -> f32 {
        acc
    }

    #[inline(always)]
    unsafe fn norm<'a>(args: &args::Norm) -> norm::FloatParams<'a> {
        // SAFETY: the caller's promise.
        let (gamma, beta) = unsafe { (args.gain.slice(), args.offset.slice()) };
        norm::FloatParams { gamma, beta }
    }

    #[inline(always)]
    unsafe fn taps(args: &args::Conv1d, e: usize) -> FloatTaps {
        let inner = args.inner as usize;
        // SAFETY: the caller's promise.
        let taps = core::array::from_fn(|tap| unsafe { args.taps.read(tap * inner + e) });
        // SAFETY: as above.
        (taps, unsafe { args.bias.read(e) })
    }

    #[inline(always)]
    fn convolve((taps, bias): &FloatTaps, x: &[f32; CONV1D_TAPS]) -> f32 {
        let bias = core::slice::from_ref(bias);
        let params = conv1d::FloatParams { taps, bias };
        conv1d::float_channel(&params, 1, 0, |tap| x[tap])
    }

    #[inline(always)]
    unsafe fn channel<const N: usize>(args: &args::Scan, e: usize) -> ([f32; N], f32) {
        // SAFETY: the caller's promise.
        unsafe { (rates(args, e), args.skip.read(e)) }
    }

    #[inline(always)]
    fn scan<const N: usize>(
        (rate, skip): &([f32; N], f32),
        decay: Decay,
        token: &Token<Self, N>,
        states: &mut [f32; N],
    ) -> f32 {
        let skip = core::slice::from_ref(skip);
        let params = scan::FloatParams { rate, skip, decay };
        scan::float_channel(&params, &token.tokens(), states, (0, 0), (0, 1))
    }

    #[inline(always)]
    fn gate(_: &args::Gate) {}

    #[inline(always)]
    fn sum(_: &args::Sum) {}
}

/// The parameters of a channel's causal convolution in fixed point.
#[derive(Clone, Copy)]
pub(super) struct FixedTaps {
    taps: [i8; CONV1D_TAPS],
    bias: i32,
    multiplier: i32,
    shift: u8,
    fraction: u8,
    out_multiplier: i32,
    out_shift: u8,
}

/// The parameters of a channel's scan in fixed point.
#[derive(Clone, Copy)]
pub(super) struct FixedChannel<const N: usize> {
    rate: [u32; N],
    state_shift: u8,
    multiplier: i32,
    skip: i32,
    shift: u8,
}

impl<I: FixedInput + Scalar> Device for Fixed<I> {
    type RowScale = (i32, u8);
    type Taps = FixedTaps;
    type Channel<const N: usize> = FixedChannel<N>;

    #[inline(always)]
    unsafe fn matrix<'a>(args: &args::Matrix) -> Matrix<'a, Self> {
        // SAFETY: the caller's promise.
        let (multiplier, shift) = unsafe { (args.multiplier.slice(), args.shift.slice()) };
        Matrix {
            outputs: args.outputs as usize,
            inputs: args.inputs as usize,
            weights: &[],
            // SAFETY: as above.
            bias: unsafe { args.bias.slice() },
            scale: FixedScale { multiplier, shift },
            packed: &[],
        }
    }

    #[inline(always)]
    unsafe fn scale_of(args: &args::Matrix, row: usize) -> (i32, u8) {
        // SAFETY: the caller's promise.
        unsafe { (args.multiplier.read(row), args.shift.read(row)) }
    }

    #[inline(always)]
    fn rescale_by((multiplier, shift): &(i32, u8), acc: i32) -> i32 {
        let (multiplier, shift) = (
            core::slice::from_ref(multiplier),
            core::slice::from_ref(shift),
        );
        Self::rescale(&FixedScale { multiplier, shift }, 0, acc)
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
    unsafe fn taps(args: &args::Conv1d, e: usize) -> FixedTaps {
        let inner = args.inner as usize;
        // SAFETY: the caller's promise.
        unsafe {
            FixedTaps {
                taps: core::array::from_fn(|tap| args.taps.read(tap * inner + e)),
                bias: args.bias.read(e),
                multiplier: args.multiplier.read(e),
                shift: args.shift.read(e),
                fraction: args.fraction as u8,
                out_multiplier: args.out_multiplier,
                out_shift: args.out_shift as u8,
            }
        }
    }

    #[inline(always)]
    fn convolve(taps: &FixedTaps, x: &[i16; CONV1D_TAPS]) -> I {
        let params = conv1d::FixedParams {
            taps: &taps.taps,
            bias: core::slice::from_ref(&taps.bias),
            multiplier: core::slice::from_ref(&taps.multiplier),
            shift: core::slice::from_ref(&taps.shift),
            fraction: taps.fraction,
            out_multiplier: taps.out_multiplier,
            out_shift: taps.out_shift,
        };
        conv1d::fixed_channel(&params, 1, 0, |tap| x[tap])
    }

    #[inline(always)]
    unsafe fn channel<const N: usize>(args: &args::Scan, e: usize) -> FixedChannel<N> {
        // SAFETY: the caller's promise.
        unsafe {
            FixedChannel {
                rate: rates(args, e),
                state_shift: args.state_shift.read(e),
                multiplier: args.multiplier.read(e),
                skip: args.skip.read(e),
                shift: args.shift.read(e),
            }
        }
    }

    #[inline(always)]
    fn scan<const N: usize>(
        channel: &FixedChannel<N>,
        decay: Decay,
        token: &Token<Self, N>,
        states: &mut [i32; N],
    ) -> i16 {
        let params = scan::FixedParams {
            rate: &channel.rate,
            state_shift: core::slice::from_ref(&channel.state_shift),
            multiplier: core::slice::from_ref(&channel.multiplier),
            skip: core::slice::from_ref(&channel.skip),
            shift: core::slice::from_ref(&channel.shift),
            decay,
        };
        scan::fixed_channel(&params, &token.tokens(), states, (0, 0), (0, 1))
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
}
