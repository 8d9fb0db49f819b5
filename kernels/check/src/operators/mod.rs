//! Operators on inputs of a sequence, in every precision: golden cases run the specification on
//! them, variant tests run both and compare.

mod matrix;
mod sequence;

pub(crate) use matrix::{Arrays, MatrixDims, ScratchBuffers, Shape, conv3x3, linear};
pub(crate) use sequence::{
    SequenceDims, conv1d, gate, gate_sweep, norm, scan_full, scan_tied, step, sum,
};

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

/// What a variant did that it must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It wrote outside its output.
    Guard,
    /// There is not enough memory for the case.
    Memory,
}

/// Runs a golden case: the specification, digested; nothing when the memory is too small.
fn digest(
    seed: u64,
    memory: &mut [u64],
    run: impl FnOnce(&mut Sequence, &mut Memory<'_>, &mut dyn Sink) -> Result<(), Fault>,
) -> Option<u64> {
    let block = memory.get_mut(..GOLDEN_WORDS)?;
    let (mut sequence, mut digest) = (Sequence::new(seed), Digest::new());
    let mut memory = Memory::new(block, 0xa5, 0);
    run(&mut sequence, &mut memory, &mut digest).ok()?;
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

fn sequence_case<A: Inputs>(seed: u64, memory: &mut [u64], run: SequenceRun<A>) -> Option<u64> {
    digest(seed, memory, |s, m, digest| {
        run(&Kernels::reference(), &GOLDEN, s, m, digest)
    })
}

fn linear_case<A: Inputs>(seed: u64, memory: &mut [u64], shape: Shape) -> Option<u64> {
    digest(seed, memory, |s, m, digest| {
        linear::<A>(&Kernels::reference(), &GOLDEN_MATRIX, shape, s, m, digest)
    })
}

fn conv3x3_case<A: Inputs>(seed: u64, memory: &mut [u64], shape: Shape) -> Option<u64> {
    digest(seed, memory, |s, m, digest| {
        conv3x3::<A>(&Kernels::reference(), &GOLDEN_CONV, shape, s, m, digest)
    })
}

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
