//! Operators on inputs of a sequence, in every precision: golden cases run the specification on
//! them, variant tests run both and compare.

mod fine;
mod matrix;
mod sequence;

use fine::{norm_fine, scan_fine, sum_fine};

pub(crate) use matrix::{Arrays, MatrixDims, ScratchBuffers, Shape, conv3x3, linear};
pub(crate) use sequence::{
    SequenceDims, conv1d, gate, gate_sweep, norm, scan_full, scan_tied, step, sum,
};

use core::iter;

use mambalite_kernels::Kernels;
use mambalite_kernels::arith::{Fixed, Float};

use crate::Case;
use crate::inputs::Inputs;
use crate::memory::Memory;
use crate::sequence::{Digest, Sequence, Sink};

type F32 = Float<f32>;
type W8A16 = Fixed<i16>;
type W8A8 = Fixed<i8>;

/// Words of memory that a golden case needs: few enough for the smallest microcontroller.
pub const GOLDEN_WORDS: usize = 1120;

/// Dimensions of golden cases: two vectors of 8 and a tail of 7.
const GOLDEN: SequenceDims = SequenceDims {
    inner: 23,
    states: 5,
    pixels: 1,
    rounds: 12,
};

const GOLDEN_MATRIX: MatrixDims = MatrixDims {
    outputs: 23,
    inputs: 11,
    rank: 5,
    pixels: 1,
    rounds: 12,
};

/// A row at the top, in the middle and at the bottom of a picture, one pixel and four wide.
const GOLDEN_CONV: MatrixDims = MatrixDims {
    inputs: 3,
    pixels: 4,
    rounds: 1,
    ..GOLDEN_MATRIX
};

/// An odd number of outputs, so that all products of a sum have one sign; as many inputs as the
/// memory of a case holds, an odd number too, so that the next pixel has the other sign.
const EXTREME: MatrixDims = MatrixDims {
    outputs: 15,
    inputs: 119,
    ..GOLDEN_MATRIX
};

/// Inputs are the channels of a tap: an even number, so that all nine have the same signs.
const EXTREME_CONV: MatrixDims = MatrixDims {
    outputs: 15,
    inputs: 14,
    ..GOLDEN_CONV
};

/// What a variant did that it must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It wrote outside its output.
    Guard,
    /// There is not enough memory for the case.
    Memory,
}

/// Runs an operator in one size.
type SizeRun<'a, D> =
    dyn Fn(&D, &mut Sequence, &mut Memory<'_>, &mut dyn Sink) -> Result<(), Fault> + 'a;

/// Runs a golden case: the specification on one sequence, in each of the sizes, digested; nothing
/// when the memory is too small.
fn digest<D>(
    mut sequence: Sequence,
    memory: &mut [u64],
    sizes: &mut dyn Iterator<Item = D>,
    run: &SizeRun<'_, D>,
) -> Option<u64> {
    let mut digest = Digest::new();
    for dims in sizes {
        let block = memory.get_mut(..GOLDEN_WORDS)?;
        let mut memory = Memory::new(block, 0xa5, 0);
        run(&dims, &mut sequence, &mut memory, &mut digest).ok()?;
    }
    Some(digest.finish())
}

/// Runs an operator along the sequence.
pub(crate) type SequenceRun<A> = fn(
    &Kernels<A>,
    &SequenceDims,
    &mut Sequence,
    &mut Memory<'_>,
    &mut dyn Sink,
) -> Result<(), Fault>;

/// Sizes about those of vectors.
fn tails() -> impl Iterator<Item = usize> {
    (1..=17).chain(31..=33)
}

fn sequence_tails() -> impl Iterator<Item = SequenceDims> {
    tails().map(|inner| SequenceDims {
        inner,
        states: 1 + inner % 5,
        pixels: 1,
        rounds: 2,
    })
}

/// Outputs and inputs alike, then as many of the others as the memory of a case leaves.
fn matrix_tails() -> impl Iterator<Item = MatrixDims> {
    let small = (1..=17).map(|n| (n, n));
    let outputs = (31..=33).map(|n| (n, 50 - n));
    let inputs = (31..=33).map(|n| (50 - n, n));
    let sizes = small.chain(outputs).chain(inputs);
    sizes.map(|(outputs, inputs)| MatrixDims {
        outputs,
        inputs,
        rank: 1,
        pixels: 1,
        rounds: 2,
    })
}

fn sequence_in<A: Inputs>(
    seed: u64,
    memory: &mut [u64],
    sizes: &mut dyn Iterator<Item = SequenceDims>,
    run: SequenceRun<A>,
) -> Option<u64> {
    let sequence = Sequence::new(seed);
    digest(sequence, memory, sizes, &|dims, s, m, sink| {
        run(&Kernels::reference(), dims, s, m, sink)
    })
}

fn sequence_case<A: Inputs>(seed: u64, memory: &mut [u64], run: SequenceRun<A>) -> Option<u64> {
    sequence_in(seed, memory, &mut iter::once(GOLDEN), run)
}

fn tail_case<A: Inputs>(seed: u64, memory: &mut [u64], run: SequenceRun<A>) -> Option<u64> {
    sequence_in(seed, memory, &mut sequence_tails(), run)
}

fn linear_in<A: Inputs>(
    sequence: Sequence,
    memory: &mut [u64],
    sizes: &mut dyn Iterator<Item = MatrixDims>,
    shape: Shape,
) -> Option<u64> {
    digest(sequence, memory, sizes, &|dims, s, m, sink| {
        linear::<A>(&Kernels::reference(), dims, shape, s, m, sink)
    })
}

fn conv3x3_in<A: Inputs>(
    sequence: Sequence,
    memory: &mut [u64],
    dims: MatrixDims,
    shape: Shape,
) -> Option<u64> {
    digest(
        sequence,
        memory,
        &mut iter::once(dims),
        &|dims, s, m, sink| conv3x3::<A>(&Kernels::reference(), dims, shape, s, m, sink),
    )
}

fn linear_case<A: Inputs>(seed: u64, memory: &mut [u64], shape: Shape) -> Option<u64> {
    linear_in::<A>(
        Sequence::new(seed),
        memory,
        &mut iter::once(GOLDEN_MATRIX),
        shape,
    )
}

fn conv3x3_case<A: Inputs>(seed: u64, memory: &mut [u64], shape: Shape) -> Option<u64> {
    conv3x3_in::<A>(Sequence::new(seed), memory, GOLDEN_CONV, shape)
}

fn linear_tail<A: Inputs>(seed: u64, memory: &mut [u64]) -> Option<u64> {
    linear_in::<A>(
        Sequence::new(seed),
        memory,
        &mut matrix_tails(),
        Shape::Dense,
    )
}

fn linear_extreme<A: Inputs>(seed: u64, memory: &mut [u64]) -> Option<u64> {
    let sequence = Sequence::ends(seed, EXTREME.inputs);
    linear_in::<A>(sequence, memory, &mut iter::once(EXTREME), Shape::Dense)
}

fn conv3x3_extreme<A: Inputs>(seed: u64, memory: &mut [u64]) -> Option<u64> {
    let sequence = Sequence::ends(seed, 9 * EXTREME_CONV.inputs);
    conv3x3_in::<A>(sequence, memory, EXTREME_CONV, Shape::Dense)
}

fn linear_binary(seed: u64, memory: &mut [u64]) -> Option<u64> {
    let sequence = Sequence::binary(seed);
    linear_in::<F32>(
        sequence,
        memory,
        &mut iter::once(GOLDEN_MATRIX),
        Shape::Dense,
    )
}

fn conv3x3_binary(seed: u64, memory: &mut [u64]) -> Option<u64> {
    conv3x3_in::<F32>(Sequence::binary(seed), memory, GOLDEN_CONV, Shape::Dense)
}

/// Returns a case.
const fn case(name: &'static str, run_in: fn(u64, &mut [u64]) -> Option<u64>) -> Case {
    Case { name, run_in }
}

/// Cases of one operator each: tails, ends of formats, sums and roundings that others hide.
pub(crate) const SPECIAL: &[Case] = &[
    case("norm_fine/fixed", |seed, m| {
        sequence_case::<W8A8>(seed, m, norm_fine)
    }),
    case("scan_fine/w8a16", |seed, m| {
        sequence_case::<W8A16>(seed, m, scan_fine)
    }),
    case("scan_fine/w8a8", |seed, m| {
        sequence_case::<W8A8>(seed, m, scan_fine)
    }),
    case("sum_fine/fixed", |seed, m| {
        sequence_case::<W8A8>(seed, m, sum_fine)
    }),
    case("linear_binary/f32", linear_binary),
    case("conv3x3_binary/f32", conv3x3_binary),
    case("linear_extreme/w8a16", linear_extreme::<W8A16>),
    case("linear_extreme/w8a8", linear_extreme::<W8A8>),
    case("conv3x3_extreme/w8a16", conv3x3_extreme::<W8A16>),
    case("conv3x3_extreme/w8a8", conv3x3_extreme::<W8A8>),
    case("linear_tail/f32", linear_tail::<F32>),
    case("linear_tail/w8a16", linear_tail::<W8A16>),
    case("linear_tail/w8a8", linear_tail::<W8A8>),
    case("norm_tail/f32", |seed, m| tail_case::<F32>(seed, m, norm)),
    case("norm_tail/fixed", |seed, m| {
        tail_case::<W8A8>(seed, m, norm)
    }),
    case("sum_tail/f32", |seed, m| tail_case::<F32>(seed, m, sum)),
    case("sum_tail/fixed", |seed, m| tail_case::<W8A8>(seed, m, sum)),
    case("conv1d_tail/f32", |seed, m| {
        tail_case::<F32>(seed, m, conv1d)
    }),
    case("conv1d_tail/w8a16", |seed, m| {
        tail_case::<W8A16>(seed, m, conv1d)
    }),
    case("conv1d_tail/w8a8", |seed, m| {
        tail_case::<W8A8>(seed, m, conv1d)
    }),
    case("scan_tail/f32", |seed, m| {
        tail_case::<F32>(seed, m, scan_full)
    }),
    case("scan_tail/w8a16", |seed, m| {
        tail_case::<W8A16>(seed, m, scan_full)
    }),
    case("scan_tail/w8a8", |seed, m| {
        tail_case::<W8A8>(seed, m, scan_full)
    }),
    case("gate_tail/f32", |seed, m| tail_case::<F32>(seed, m, gate)),
    case("gate_tail/w8a16", |seed, m| {
        tail_case::<W8A16>(seed, m, gate)
    }),
    case("gate_tail/w8a8", |seed, m| tail_case::<W8A8>(seed, m, gate)),
];

/// Operators whose fixed point is the same but for a clamp have one case for both precisions.
macro_rules! cases {
    (both: $($both:ident),*; sequence: $($op:ident),*; matrix: $($name:ident $case:ident $shape:ident),*) => {
        pub(crate) const CASES: &[Case] = &[
            $(
                Case { name: concat!(stringify!($both), "/f32"), run_in: |seed, memory| sequence_case::<F32>(seed, memory, $both) },
                Case { name: concat!(stringify!($both), "/fixed"), run_in: |seed, memory| sequence_case::<W8A8>(seed, memory, $both) },
            )*
            $(
                Case { name: concat!(stringify!($op), "/f32"), run_in: |seed, memory| sequence_case::<F32>(seed, memory, $op) },
                Case { name: concat!(stringify!($op), "/w8a16"), run_in: |seed, memory| sequence_case::<W8A16>(seed, memory, $op) },
                Case { name: concat!(stringify!($op), "/w8a8"), run_in: |seed, memory| sequence_case::<W8A8>(seed, memory, $op) },
            )*
            $(
                Case { name: concat!(stringify!($name), "/f32"), run_in: |seed, memory| $case::<F32>(seed, memory, Shape::$shape) },
                Case { name: concat!(stringify!($name), "/w8a16"), run_in: |seed, memory| $case::<W8A16>(seed, memory, Shape::$shape) },
                Case { name: concat!(stringify!($name), "/w8a8"), run_in: |seed, memory| $case::<W8A8>(seed, memory, Shape::$shape) },
            )*
        ];
    };
}
cases!(
    both: norm, sum;
    sequence: conv1d, scan_full, scan_tied, gate;
    matrix:
        linear_dense linear_case Dense,
        linear_low_rank linear_case LowRank,
        linear_identity_rows linear_case IdentityRows,
        conv3x3_dense conv3x3_case Dense,
        conv3x3_low_rank conv3x3_case LowRank,
        conv3x3_identity_rows conv3x3_case IdentityRows
);
