//! Sums of products in registers: a few outputs of a few pixels a thread.
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "all rest on one promise: the arrays are those that the arguments say"
)]

use core::arch::asm;

use mambalite_kernels::arith::{Arithmetic, Fixed, FixedInput, Float, Operand};

use super::block::each;
use super::parameters::Device;
use crate::args;
use crate::layout::{CHUNK, GROUP, OUTPUTS, THREADS};

/// Sums of the pixels of a group.
pub(super) type Sums<A> = [[<A as Arithmetic>::Acc; OUTPUTS]; GROUP];

/// The part of a matrix that a thread multiplies with.
pub(super) struct Columns {
    weights: u64,
    outputs: usize,
    inputs: usize,
    rows: [usize; OUTPUTS],
}

/// Inputs of a tap of the pixels of a group.
#[derive(Clone, Copy)]
pub(super) struct Inputs<X> {
    /// The first pixel's.
    pub(super) first: *const X,
    /// Bytes from one pixel to the next.
    pub(super) stride: usize,
}

impl<X> Inputs<X> {
    #[inline(always)]
    fn pixel(&self, p: usize) -> *const u8 {
        self.first.cast::<u8>().wrapping_add(p * self.stride)
    }
}

/// The type of a product's inputs.
pub(super) trait Element<A: Device>: Operand<A::Acc> {
    /// Whether a zero outside the picture could change a sum: it must be left out then.
    const LEAVE_OUT: bool;

    /// Returns where a sum begins.
    fn begin(bias: A::Acc) -> A::Acc;

    /// Returns the accumulator of a sum.
    fn end(sum: A::Acc, bias: A::Acc) -> A::Acc;

    /// Adds the products of a tap.
    ///
    /// # Safety
    /// The matrix has this tap, `x` its inputs, zeros up to a multiple of [`CHUNK`].
    unsafe fn add(columns: &Columns, tap: usize, x: Inputs<Self>, sums: &mut Sums<A>);
}

/// Repeats an expression for each pixel of a group, or each output of a thread, with the number as a
/// constant: what is indexed by it stays in registers.
macro_rules! unrolled {
    (pixels |$p:ident| $body:expr) => {
        unrolled!(@ $p, $body, 0, 1, 2, 3, 4, 5, 6, 7)
    };
    (outputs |$j:ident| $body:expr) => {
        unrolled!(@ $j, $body, 0, 1, 2, 3)
    };
    (@ $i:ident, $body:expr, $($value:literal),*) => {
        [$({
            const $i: usize = $value;
            $body
        }),*]
    };
}

pub(super) use unrolled;

/// Words as one load takes them.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
struct Four([f32; 4]);

/// As [`Four`].
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Two([u32; 2]);

impl Element<Float<f32>> for f32 {
    const LEAVE_OUT: bool = true;

    #[inline(always)]
    fn begin(bias: f32) -> f32 {
        bias
    }

    #[inline(always)]
    fn end(sum: f32, _: f32) -> f32 {
        sum
    }

    #[inline(always)]
    unsafe fn add(columns: &Columns, tap: usize, x: Inputs<f32>, sums: &mut Sums<Float<f32>>) {
        let &Columns {
            outputs, inputs, ..
        } = columns;
        let mut at = (columns.weights as *const f32).wrapping_add(tap * inputs * outputs);
        let mut k = 0;
        while k + CHUNK <= inputs {
            // SAFETY: the caller's promise; rows begin at multiples of 16 bytes.
            let quads = unrolled!(pixels | P | unsafe { read::<Four>(x.pixel(P), k / CHUNK) }.0);
            for i in 0..CHUNK {
                // SAFETY: the caller's promise.
                unsafe { columns.add_input(at, unrolled!(pixels | P | quads[P][i]), sums) };
                at = at.wrapping_add(outputs);
            }
            k += CHUNK;
        }
        while k < inputs {
            // SAFETY: the caller's promise.
            let x = unrolled!(pixels | P | unsafe { read::<f32>(x.pixel(P), k) });
            // SAFETY: as above.
            unsafe { columns.add_input(at, x, sums) };
            at = at.wrapping_add(outputs);
            k += 1;
        }
    }
}

/// Reads element `at` of an array.
///
/// # Safety
/// It is there.
#[inline(always)]
unsafe fn read<T: Copy>(first: *const u8, at: usize) -> T {
    // SAFETY: the caller's promise.
    unsafe { first.cast::<T>().wrapping_add(at).read() }
}

impl Columns {
    /// Adds the products of an input of each pixel with the weights at `at`.
    ///
    /// # Safety
    /// The weights are there.
    #[inline(always)]
    unsafe fn add_input(&self, at: *const f32, x: [f32; GROUP], sums: &mut Sums<Float<f32>>) {
        // SAFETY: the caller's promise.
        let weights = unrolled!(outputs | J | unsafe { at.wrapping_add(self.rows[J]).read() });
        unrolled!(
            pixels
                | P
                | unrolled!(
                    outputs | J | {
                        sums[P][J] = Float::<f32>::multiply_add(sums[P][J], weights[J], x[P]);
                    }
                )
        );
    }
}

/// Adds up products in fixed point; `dot` adds those of a chunk of inputs `W` with four weights.
///
/// # Safety
/// As [`Element::add`].
#[inline(always)]
unsafe fn add_fixed<X, W: Copy>(
    columns: &Columns,
    tap: usize,
    x: Inputs<X>,
    sums: &mut [[i32; OUTPUTS]; GROUP],
    dot: impl Fn(i32, W, u32) -> i32,
) {
    let chunks = columns.inputs.div_ceil(CHUNK);
    let weights = columns.weights as *const u32;
    let mut at = weights.wrapping_add(tap * chunks * columns.outputs);
    for chunk in 0..chunks {
        // SAFETY: the caller's promise: the matrix is packed, and rows are zero up to a chunk.
        let weights = unrolled!(outputs | J | unsafe { at.wrapping_add(columns.rows[J]).read() });
        unrolled!(
            pixels | P | {
                // SAFETY: as above.
                let x: W = unsafe { read(x.pixel(P), chunk) };
                unrolled!(outputs | J | sums[P][J] = dot(sums[P][J], x, weights[J]));
            }
        );
        at = at.wrapping_add(columns.outputs);
    }
}

impl<I: FixedInput> Element<Fixed<I>> for i16
where
    Fixed<I>: Device<Acc = i32>,
{
    const LEAVE_OUT: bool = false;

    #[inline(always)]
    fn begin(_: i32) -> i32 {
        0
    }

    #[inline(always)]
    fn end(sum: i32, bias: i32) -> i32 {
        bias + sum
    }

    #[inline(always)]
    unsafe fn add(columns: &Columns, tap: usize, x: Inputs<i16>, sums: &mut Sums<Fixed<I>>) {
        // SAFETY: the caller's promise.
        unsafe {
            add_fixed(columns, tap, x, sums, |sum, x: Two, weights| {
                dp2a_high(dp2a_low(sum, x.0[0], weights), x.0[1], weights)
            });
        }
    }
}

impl Element<Fixed<i8>> for i8 {
    const LEAVE_OUT: bool = false;

    #[inline(always)]
    fn begin(_: i32) -> i32 {
        0
    }

    #[inline(always)]
    fn end(sum: i32, bias: i32) -> i32 {
        // The unit of an 8-bit input is 2^8: `Operand::widen`.
        bias + (sum << 8)
    }

    #[inline(always)]
    unsafe fn add(columns: &Columns, tap: usize, x: Inputs<i8>, sums: &mut Sums<Fixed<i8>>) {
        // SAFETY: the caller's promise.
        unsafe {
            add_fixed(columns, tap, x, sums, |sum, x: u32, weights| {
                dp4a(sum, x, weights)
            });
        }
    }
}

macro_rules! dot {
    ($name:ident, $instruction:literal, $what:literal) => {
        #[doc = $what]
        #[inline(always)]
        fn $name(sum: i32, x: u32, weights: u32) -> i32 {
            let out: i32;
            // SAFETY: it computes on registers.
            unsafe {
                asm!(
                    concat!($instruction, " {0}, {1}, {2}, {3};"),
                    out(reg32) out, in(reg32) x, in(reg32) weights, in(reg32) sum,
                    options(pure, nomem, nostack)
                );
            }
            out
        }
    };
}

dot!(dp4a, "dp4a.s32.s32", "Adds the products of four bytes.");
dot!(
    dp2a_low,
    "dp2a.lo.s32.s32",
    "Adds the products of two half words with the lower two bytes."
);
dot!(
    dp2a_high,
    "dp2a.hi.s32.s32",
    "Adds the products of two half words with the upper two bytes."
);

/// Multiplies groups of pixels with a matrix.
///
/// * `sum` - adds the products of a group's inputs, tap by tap. * `emit` - takes an output:
///   group, pixel in it, row of the matrix, result in the unit of the outputs.
///
/// # Safety
/// The matrix is as [`args::Matrix`] says.
#[inline(always)]
pub(super) unsafe fn product<A: Device, X: Element<A>>(
    matrix: &args::Matrix,
    groups: usize,
    sum: impl Fn(&Columns, usize, &mut Sums<A>),
    mut emit: impl FnMut(usize, usize, usize, A::Acc),
) {
    let outputs = matrix.outputs as usize;
    let lanes = outputs.div_ceil(OUTPUTS);
    each(groups * lanes, THREADS, |item| {
        let (group, lane) = (item as u32 / lanes as u32, item as u32 % lanes as u32);
        let (group, lane) = (group as usize, lane as usize);
        // Rows beyond the last one are summed as the last one, and not emitted.
        let columns = Columns {
            weights: matrix.weights.address,
            outputs,
            inputs: matrix.inputs as usize,
            rows: unrolled!(outputs | J | (lane + J * lanes).min(outputs - 1)),
        };
        // SAFETY: the caller's promise.
        let bias = unrolled!(outputs | J | unsafe { A::bias_of(matrix, columns.rows[J]) });
        let mut sums = [unrolled!(outputs | J | X::begin(bias[J])); GROUP];
        sum(&columns, group, &mut sums);
        unrolled!(
            outputs
                | J
                | if lane + J * lanes < outputs {
                    let row = columns.rows[J];
                    // SAFETY: as above.
                    let scale = unsafe { A::scale_of(matrix, row) };
                    unrolled!(
                        pixels | P | {
                            let acc = X::end(sums[P][J], bias[J]);
                            emit(group, P, row, A::rescale_by(&scale, acc));
                        }
                    );
                }
        );
    });
}
