//! Sums of products in registers: a few outputs of a few pixels a thread.
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "all rest on one promise: the arrays are those that the arguments say"
)]

use core::arch::asm;

use mambalite_kernels::arith::{Arithmetic, Fixed, FixedInput, Float, Operand};

use super::block::{QuadF32, QuadU32, Scalar, Tile, each};
use super::parameters::Device;
use crate::args;
use crate::layout::{CHUNK, GROUP, OUTPUTS};

/// Sums of the pixels of a group.
pub(super) type Sums<A> = [[<A as Arithmetic>::Acc; OUTPUTS]; GROUP];

/// The part of a matrix that a thread multiplies with.
pub(super) struct Columns {
    /// The weights of the first tap and the thread's outputs.
    weights: u64,
    /// Quads of outputs.
    quads: usize,
    inputs: usize,
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
pub(super) trait Element<A: Device>: Operand<A::Acc> + Scalar {
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

/// Repeats an expression for each pixel of a group, each output of a thread or each tap of the anchor,
/// with the number as a constant: what is indexed by it stays in registers.
macro_rules! unrolled {
    (pixels $p:ident => $body:expr) => {
        unrolled!(@ $p, $body, 0, 1, 2, 3, 4, 5, 6, 7)
    };
    (outputs $j:ident => $body:expr) => {
        unrolled!(@ $j, $body, 0, 1, 2, 3)
    };
    (taps $t:ident => $body:expr) => {
        unrolled!(@ $t, $body, 0, 1, 2, 3, 4)
    };
    (@ $i:ident, $body:expr, $($value:literal),*) => {
        [$({
            const $i: usize = $value;
            $body
        }),*]
    };
}

pub(super) use unrolled;

/// Two words as one load takes them.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Two([u32; 2]);

impl From<Two> for [u32; 2] {
    #[inline(always)]
    fn from(words: Two) -> Self {
        words.0
    }
}

/// Four words as one load takes them.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
struct Four([Two; 2]);

impl From<Four> for [Two; 2] {
    #[inline(always)]
    fn from(words: Four) -> Self {
        words.0
    }
}

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
        let &Columns { quads, inputs, .. } = columns;
        let mut at = (columns.weights as *const QuadF32).wrapping_add(tap * inputs * quads);
        let mut k = 0;
        // Two chunks at a time, so that the address of the second one is that of the first.
        while k + 2 * CHUNK <= inputs {
            // SAFETY: the caller's promise, here and below; rows begin at multiples of 16 bytes.
            unsafe {
                add_chunk(&mut at, quads, x, k / CHUNK, sums);
                add_chunk(&mut at, quads, x, k / CHUNK + 1, sums);
            }
            k += 2 * CHUNK;
        }
        if k + CHUNK <= inputs {
            // SAFETY: as above.
            unsafe { add_chunk(&mut at, quads, x, k / CHUNK, sums) };
            k += CHUNK;
        }
        while k < inputs {
            // SAFETY: as above.
            unsafe {
                let x = unrolled!(pixels P => read::<f32>(x.pixel(P), k));
                add_input(&mut at, quads, x, sums);
            }
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

/// Adds the products of a chunk of inputs of each pixel.
///
/// # Safety
/// The weights are there, and the inputs.
#[inline(always)]
unsafe fn add_chunk(
    at: &mut *const QuadF32,
    quads: usize,
    x: Inputs<f32>,
    chunk: usize,
    sums: &mut Sums<Float<f32>>,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let x: [[f32; CHUNK]; GROUP] =
            unrolled!(pixels P => read::<QuadF32>(x.pixel(P), chunk).into());
        add_input(at, quads, unrolled!(pixels P => x[P][0]), sums);
        add_input(at, quads, unrolled!(pixels P => x[P][1]), sums);
        add_input(at, quads, unrolled!(pixels P => x[P][2]), sums);
        add_input(at, quads, unrolled!(pixels P => x[P][3]), sums);
    }
}

/// Adds the products of an input of each pixel, and goes on to the weights of the next one.
///
/// # Safety
/// The weights are there.
#[inline(always)]
unsafe fn add_input(
    at: &mut *const QuadF32,
    quads: usize,
    x: [f32; GROUP],
    sums: &mut Sums<Float<f32>>,
) {
    // SAFETY: the caller's promise.
    let weights: [f32; OUTPUTS] = unsafe { at.read() }.into();
    unrolled!(pixels P => unrolled!(outputs J => {
        sums[P][J] = Float::<f32>::multiply_add(sums[P][J], weights[J], x[P]);
    }));
    *at = at.wrapping_add(quads);
}

/// Adds up products in fixed point; `dot` adds those of a chunk of inputs `W` with four weights.
///
/// # Safety
/// As [`Element::add`].
#[inline(always)]
unsafe fn add_fixed<X, W: Copy, Pair: Copy + Into<[W; 2]>>(
    columns: &Columns,
    tap: usize,
    x: Inputs<X>,
    sums: &mut [[i32; OUTPUTS]; GROUP],
    dot: impl Fn(i32, W, u32) -> i32,
) {
    let (quads, chunks) = (columns.quads, columns.inputs.div_ceil(CHUNK));
    let mut at = (columns.weights as *const QuadU32).wrapping_add(tap * chunks * quads);
    let mut add = |x: [W; GROUP]| {
        // SAFETY: the caller's promise.
        let weights: [u32; OUTPUTS] = unsafe { at.read() }.into();
        unrolled!(pixels P => unrolled!(outputs J => {
            sums[P][J] = dot(sums[P][J], x[P], weights[J]);
        }));
        at = at.wrapping_add(quads);
    };
    let mut chunk = 0;
    while chunk + 2 <= chunks {
        // SAFETY: as above.
        let x: [[W; 2]; GROUP] =
            unsafe { unrolled!(pixels P => read::<Pair>(x.pixel(P), chunk / 2).into()) };
        add(unrolled!(pixels P => x[P][0]));
        add(unrolled!(pixels P => x[P][1]));
        chunk += 2;
    }
    if chunk < chunks {
        // SAFETY: as above.
        add(unsafe { unrolled!(pixels P => read::<W>(x.pixel(P), chunk)) });
    }
}

impl<I: FixedInput + Scalar> Element<Fixed<I>> for i16
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
            add_fixed::<_, Two, Four>(columns, tap, x, sums, |sum, x, weights| {
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
            add_fixed::<_, u32, Two>(columns, tap, x, sums, |sum, x, weights| {
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

/// Four outputs of a pixel, of which `n` are there, from `first` on, in the unit of the outputs.
#[derive(Clone, Copy)]
pub(super) struct Outputs<T> {
    pub(super) group: usize,
    /// Pixel in the group.
    pub(super) pixel: usize,
    pub(super) first: usize,
    pub(super) n: usize,
    pub(super) values: [T; OUTPUTS],
}

impl<T> Outputs<T> {
    /// Returns the pixel, of all groups.
    #[inline(always)]
    pub(super) fn row(&self) -> usize {
        self.group * GROUP + self.pixel
    }
}

/// Returns what adds a group's products with the rows of a tile.
#[inline(always)]
pub(super) fn rows_of<A: Device, X: Element<A>>(
    tile: &Tile<X>,
) -> impl Fn(&Columns, usize, &mut Sums<A>) + '_ {
    |columns, group, sums| {
        let inputs = Inputs {
            first: tile.row(group * GROUP),
            stride: tile.stride,
        };
        // SAFETY: whoever makes a tile of a product fills its rows before.
        unsafe { X::add(columns, 0, inputs, sums) };
    }
}

/// Multiplies groups of pixels with a matrix.
///
/// * `sum` - adds the products of a group's inputs, tap by tap. * `emit` - takes outputs.
///
/// # Safety
/// The matrix is as [`args::Matrix`] says.
#[inline(always)]
pub(super) unsafe fn product<A: Device, X: Element<A>>(
    matrix: &args::Matrix,
    groups: usize,
    sum: impl Fn(&Columns, usize, &mut Sums<A>),
    mut emit: impl FnMut(Outputs<A::Acc>),
) {
    let outputs = matrix.outputs as usize;
    let quads = outputs.div_ceil(OUTPUTS) as u32;
    each(groups * quads as usize, |item| {
        let (group, quad) = (item as u32 / quads, item as u32 % quads);
        let (group, first) = (group as usize, quad as usize * OUTPUTS);
        let columns = Columns {
            weights: matrix.weights.address + u64::from(quad) * size_of::<QuadU32>() as u64,
            quads: quads as usize,
            inputs: matrix.inputs as usize,
        };
        // Outputs beyond the last one have weights of zero; they are summed, and nobody sees them.
        let row = |j: usize| (first + j).min(outputs - 1);
        let mut bias = [A::Acc::default(); OUTPUTS];
        if matrix.bias.len > 0 {
            // SAFETY: the caller's promise.
            bias = unrolled!(outputs J => A::bias(unsafe { matrix.bias.read(row(J)) }));
        }
        let mut sums = [unrolled!(outputs J => X::begin(bias[J])); GROUP];
        sum(&columns, group, &mut sums);
        // SAFETY: as above.
        let scale = unrolled!(outputs J => unsafe { A::scale_of(matrix, row(J)) });
        unrolled!(pixels P => emit(Outputs {
            group,
            pixel: P,
            first,
            n: (outputs - first).min(OUTPUTS),
            values: unrolled!(outputs J => A::rescale_by(&scale[J], X::end(sums[P][J], bias[J]))),
        }));
    });
}
