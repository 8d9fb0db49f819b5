//! One test for each variant of each operator in each precision, against the specification.
//!
//! Both run on the same inputs: random and edge values, sizes around those of vectors and
//! their tails, buffers at every alignment that their type allows. Memory outside the outputs
//! must stay as it was, and has another content in each of the two runs, so that a kernel that
//! reads what is not its own gives itself away.

use core::fmt;

use mambalite_kernels::arith::{Arithmetic, Fixed, Float};
use mambalite_kernels::linear::{Taps, Weights};
use mambalite_kernels::{Kernels, Variant};

use crate::inputs::Inputs;
use crate::memory::Memory;
use crate::operators::{
    self, Arrays, Fault, MatrixDims, ScratchBuffers, SequenceDims, SequenceRun, Shape, conv1d,
    gate, gate_sweep, norm, scan_full, scan_tied, step, sum,
};
use crate::sequence::{Sequence, Sink};

/// Words of memory that a test needs; more where variants pack matrices.
pub const MEMORY_WORDS: usize = match cfg!(target_pointer_width = "64") {
    true => 64 * 1024,
    false => 24 * 1024,
};

/// A test of one variant.
#[derive(Clone, Copy, Debug)]
pub struct Test {
    /// Operator, such as `conv3x3`.
    pub op: &'static str,
    /// Number format, such as `w8a8`.
    pub format: &'static str,
    /// Variant, such as `dsp`.
    pub variant: &'static str,
    index: usize,
    is_supported: fn(index: usize) -> bool,
    run: fn(index: usize, seed: u64, memory: &mut [u64]) -> Outcome,
}

impl Test {
    /// Tells whether this machine has the variant's instructions.
    pub fn is_supported(&self) -> bool {
        (self.is_supported)(self.index)
    }

    /// Runs the test on the inputs of a seed, in [`MEMORY_WORDS`] of memory.
    pub fn run(&self, seed: u64, memory: &mut [u64]) -> Outcome {
        (self.run)(self.index, seed, memory)
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.op, self.format, self.variant)
    }
}

/// How a test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every bit is that of the specification.
    Pass,
    /// This machine has not the instructions.
    Skip,
    /// Something is wrong.
    Fail(Mismatch),
}

/// What is wrong with a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// A value differs from the specification's.
    Value {
        /// Number of the size and inputs within the test, from 0.
        case: usize,
        /// Index among the values of the case.
        index: usize,
        /// Bits of the specification.
        expected: u32,
        /// Bits of the variant.
        found: u32,
    },
    /// Memory outside the outputs was written.
    Guard {
        /// Number of the size and inputs within the test, from 0.
        case: usize,
    },
    /// [`MEMORY_WORDS`] are too few for a case, or fewer were given.
    Memory {
        /// Number of the size and inputs within the test, from 0.
        case: usize,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Value {
                case,
                index,
                expected,
                found,
            } => write!(
                f,
                "case {case}, value {index}: {found:#010x} where the specification has {expected:#010x}"
            ),
            Self::Guard { case } => write!(f, "case {case}: wrote outside its output"),
            Self::Memory { case } => write!(f, "case {case}: not enough memory"),
        }
    }
}

/// The values of the specification, and where a variant first differs from them.
struct Expected<'m> {
    values: &'m mut [u32],
    len: usize,
    records: bool,
    at: usize,
    first: Option<(usize, u32, u32)>,
}

impl Sink for Expected<'_> {
    fn add_bits(&mut self, bits: u32) {
        let at = self.at;
        self.at += 1;
        if self.records {
            if let Some(value) = self.values.get_mut(at) {
                *value = bits;
            }
            self.len = self.at;
        } else if self.first.is_none() {
            let expected = self.values.get(at).copied().unwrap_or_default();
            self.first = (expected != bits).then_some((at, expected, bits));
        }
    }
}

/// Words of memory for the expected values.
const EXPECTED_WORDS: usize = MEMORY_WORDS / 3;

/// One case of a test, for any set of kernels. Behind a pointer, so that the flash of a board has
/// [`compare`] once for a precision.
type CaseRun<'a, A> =
    dyn Fn(&Kernels<A>, &mut Sequence, &mut Memory<'_>, &mut dyn Sink) -> Result<(), Fault> + 'a;

/// Runs one case with both sets of kernels.
fn compare<A: Arithmetic>(
    variant: &Kernels<A>,
    (case, sequence): (usize, Sequence),
    memory: &mut [u64],
    run: &CaseRun<'_, A>,
) -> Result<(), Mismatch> {
    let Some((expected, block)) = memory.split_at_mut_checked(EXPECTED_WORDS) else {
        return Err(Mismatch::Memory { case });
    };
    let mut expected = Expected {
        values: bytemuck::must_cast_slice_mut(expected),
        len: 0,
        records: true,
        at: 0,
        first: None,
    };
    let misaligned = case % 8;
    for (kernels, pattern) in [(&Kernels::reference(), 0xa5), (variant, 0x5a)] {
        expected.at = 0;
        let mut s = sequence;
        let mut m = Memory::new(block, pattern, misaligned);
        run(kernels, &mut s, &mut m, &mut expected).map_err(|fault| match fault {
            Fault::Guard => Mismatch::Guard { case },
            Fault::Memory => Mismatch::Memory { case },
        })?;
        expected.records = false;
    }
    if expected.len > expected.values.len() {
        return Err(Mismatch::Memory { case });
    }
    match expected.first {
        None => Ok(()),
        Some((index, expected, found)) => Err(Mismatch::Value {
            case,
            index,
            expected,
            found,
        }),
    }
}

/// Returns a case with the sequence of its inputs.
fn with_edges(case: usize, seed: u64) -> (usize, Sequence) {
    let sequence = Sequence::with_edges(seed.wrapping_add(case as u64));
    (case, sequence)
}

/// Channels: all up to two vectors of 16 and a tail, then the shipped sizes and some beyond.
const CHANNELS: [usize; 10] = [40, 47, 48, 60, 63, 64, 65, 96, 120, 129];
const SMALL_CHANNELS: usize = 36;

fn sequence_test<A: Inputs>(
    kernels: &Kernels<A>,
    run: SequenceRun<A>,
    seed: u64,
    memory: &mut [u64],
) -> Result<(), Mismatch> {
    let channels = (1..=SMALL_CHANNELS).chain(CHANNELS);
    for (case, inner) in channels.enumerate() {
        let dims = SequenceDims {
            inner,
            states: [1, 2, 5, 8, 16, 3, 20][case % 7],
            pixels: [1, 2, 5, 4, 9, 3][case % 6],
            rounds: 3,
        };
        let case = with_edges(case, seed);
        compare(kernels, case, memory, &|kernels, s, m, sink| {
            run(kernels, &dims, s, m, sink)
        })?;
    }
    Ok(())
}

/// Channels of operators that cost little; a norm has at most 256.
const CHANNELS_MAX: usize = 257;
const NORM_CHANNELS_MAX: usize = 256;

/// As [`sequence_test`], then one pixel of every width up to `max`.
fn widths_test<A: Inputs>(
    kernels: &Kernels<A>,
    run: SequenceRun<A>,
    max: usize,
    seed: u64,
    memory: &mut [u64],
) -> Result<(), Mismatch> {
    sequence_test(kernels, run, seed, memory)?;
    for inner in SMALL_CHANNELS + 1..=max {
        let dims = SequenceDims {
            inner,
            states: 1,
            pixels: 1,
            rounds: 1,
        };
        let case = with_edges(inner, seed);
        compare(kernels, case, memory, &|kernels, s, m, sink| {
            run(kernels, &dims, s, m, sink)
        })?;
    }
    Ok(())
}

/// As [`widths_test`], then every eighth activation of each number of fraction bits.
fn gate_test<A: Inputs>(
    kernels: &Kernels<A>,
    seed: u64,
    memory: &mut [u64],
) -> Result<(), Mismatch> {
    widths_test(kernels, gate, CHANNELS_MAX, seed, memory)?;
    for fraction in 0..16 {
        let dims = SequenceDims {
            inner: fraction,
            states: 1,
            pixels: 1,
            rounds: 1,
        };
        let case = with_edges(CHANNELS_MAX + 1 + fraction, seed);
        compare(kernels, case, memory, &|kernels, s, m, sink| {
            gate_sweep(kernels, &dims, s, m, sink)
        })?;
    }
    Ok(())
}

/// `(outputs, inputs, rank, pixels)`: tails of every kind, then the shipped sizes.
const MATRICES: [(usize, usize, usize, usize); 32] = [
    (1, 1, 1, 1),
    (2, 1, 1, 2),
    (3, 2, 2, 3),
    (4, 3, 1, 4),
    (5, 4, 3, 5),
    (6, 5, 2, 6),
    (7, 6, 5, 7),
    (8, 7, 4, 8),
    (9, 8, 7, 9),
    (10, 9, 8, 3),
    (13, 12, 6, 2),
    (15, 13, 9, 1),
    (16, 15, 11, 2),
    (17, 16, 13, 3),
    (18, 17, 16, 17),
    (23, 19, 17, 5),
    (31, 31, 15, 4),
    (33, 33, 20, 6),
    (47, 36, 8, 3),
    (48, 48, 8, 12),
    (64, 16, 8, 4),
    (18, 32, 7, 16),
    (32, 2, 2, 5),
    (16, 32, 3, 7),
    (65, 64, 33, 2),
    (60, 120, 24, 3),
    // Outputs left over after whole vectors, and inputs and pixels enough to share vectors.
    (11, 33, 4, 18),
    (20, 33, 5, 19),
    (36, 120, 9, 14),
    (40, 37, 6, 9),
    (52, 33, 5, 13),
    (26, 34, 5, 17),
];

fn matrix_test<A: Inputs>(
    kernels: &Kernels<A>,
    conv: bool,
    seed: u64,
    memory: &mut [u64],
) -> Result<(), Mismatch> {
    let shapes = [Shape::Dense, Shape::LowRank, Shape::IdentityRows];
    for (i, (outputs, inputs, rank, pixels)) in MATRICES.into_iter().enumerate() {
        let inputs = if conv { inputs.min(48) } else { inputs };
        for (j, shape) in shapes.into_iter().enumerate() {
            // A convolution has nine times the weights: the largest in one form only.
            let rank = rank.min(outputs - usize::from(shape == Shape::IdentityRows));
            if rank == 0 || (conv && outputs * inputs > 600 && j != i % shapes.len()) {
                continue;
            }
            let dims = MatrixDims {
                outputs: if conv && inputs > 20 {
                    outputs.min(33)
                } else {
                    outputs
                },
                inputs,
                rank: rank.min(if conv && inputs > 20 { 20 } else { rank }),
                pixels,
                rounds: 2,
            };
            let case = with_edges(i * shapes.len() + j, seed);
            compare(kernels, case, memory, &|kernels, s, m, sink| match conv {
                true => operators::conv3x3::<A>(kernels, &dims, shape, s, m, sink),
                false => operators::linear::<A>(kernels, &dims, shape, s, m, sink),
            })?;
            if !conv && shape == Shape::Dense {
                compare(kernels, case, memory, &|kernels, s, m, sink| {
                    longer_output(kernels, &dims, s, m, sink)
                })?;
            }
        }
    }
    extremes_test(kernels, conv, seed, memory)
}

/// `(outputs, inputs, rank, pixels)`: odd outputs and even inputs, for which all products of a sum
/// have one sign; the last has as many inputs as sums allow.
const EXTREMES: [(usize, usize, usize, usize); 6] = [
    (1, 2, 1, 2),
    (3, 16, 1, 3),
    (7, 34, 2, 5),
    (15, 118, 5, 4),
    (33, 64, 7, 6),
    (5, 516, 3, 2),
];

/// Weights and inputs at the ends of their formats, sums at the ends of their accumulators,
/// multipliers and shifts at both of their ends; of f32 other inputs than those with edges.
fn extremes_test<A: Inputs>(
    kernels: &Kernels<A>,
    conv: bool,
    seed: u64,
    memory: &mut [u64],
) -> Result<(), Mismatch> {
    for (i, (outputs, inputs, rank, pixels)) in EXTREMES.into_iter().enumerate() {
        let dims = MatrixDims {
            outputs: if conv { outputs.min(9) } else { outputs },
            inputs: if conv { inputs.min(56) } else { inputs },
            rank,
            pixels,
            rounds: 2,
        };
        let products = if conv { 9 * dims.inputs } else { inputs };
        for shape in [Shape::Dense, Shape::LowRank] {
            let case = MATRICES.len() * 3 + i;
            let sequence = Sequence::ends(seed.wrapping_add(i as u64), products);
            let case = (case, sequence);
            compare(kernels, case, memory, &|kernels, s, m, sink| match conv {
                true => operators::conv3x3::<A>(kernels, &dims, shape, s, m, sink),
                false => operators::linear::<A>(kernels, &dims, shape, s, m, sink),
            })?;
        }
    }
    Ok(())
}

/// A product into room for a pixel more than there are: that stays as it is.
fn longer_output<A: Inputs>(
    kernels: &Kernels<A>,
    dims: &MatrixDims,
    s: &mut Sequence,
    m: &mut Memory<'_>,
    sink: &mut dyn Sink,
) -> Result<(), Fault> {
    let (kernel, size) = (&kernels.linear, (dims, dims.inputs));
    let arrays = Arrays::<A>::new(dims, dims.inputs, s, m).ok_or(Fault::Memory)?;
    let weights = arrays.weights::<A::In>(kernel, size, Shape::Dense, m);
    let Some(Weights::Dense(matrix)) = weights else {
        return Err(Fault::Memory);
    };
    let x = m.array(dims.pixels * dims.inputs, || A::input(s));
    let x = x.ok_or(Fault::Memory)?;
    let mut scratch = ScratchBuffers::new(kernel, size, 1, m).ok_or(Fault::Memory)?;
    let len = (dims.pixels + 1) * dims.outputs;
    let mut out = m.take::<A::Act>(len).ok_or(Fault::Memory)?;
    out.values().fill(A::Act::default());
    let taps = Taps::rows(dims.pixels, dims.inputs, dims.inputs, x);
    (kernel.inputs)(&matrix, &taps, scratch.scratch().kernel, out.values());
    sink.add(out.values());
    match out.is_intact() {
        true => Ok(()),
        false => Err(Fault::Guard),
    }
}

/// An operator in one precision: its table of variants, and how one is tested.
struct Entry {
    op: &'static str,
    format: &'static str,
    name: fn(index: usize) -> Option<&'static str>,
    is_supported: fn(index: usize) -> bool,
    run: fn(index: usize, seed: u64, memory: &mut [u64]) -> Outcome,
}

fn name<K>(table: &[Variant<K>], index: usize) -> Option<&'static str> {
    table.get(index).map(|variant| variant.name)
}

fn kernel<K>(table: &[Variant<K>], index: usize) -> Option<K> {
    table.get(index).and_then(|variant| (variant.get)())
}

fn outcome<K, A: Arithmetic>(
    table: &[Variant<K>],
    index: usize,
    put: impl FnOnce(&mut Kernels<A>, K),
    test: impl FnOnce(&Kernels<A>) -> Result<(), Mismatch>,
) -> Outcome {
    let Some(kernel) = kernel(table, index) else {
        return Outcome::Skip;
    };
    let mut kernels = Kernels::reference();
    put(&mut kernels, kernel);
    match test(&kernels) {
        Ok(()) => Outcome::Pass,
        Err(mismatch) => Outcome::Fail(mismatch),
    }
}

macro_rules! entry {
    ($op:literal, $format:literal, $arith:ty, $table:ident, $test:expr) => {
        Entry {
            op: $op,
            format: $format,
            name: |index| name(<$arith>::VARIANTS.$table, index),
            is_supported: |index| kernel(<$arith>::VARIANTS.$table, index).is_some(),
            run: |index, seed, memory| {
                outcome::<_, $arith>(
                    <$arith>::VARIANTS.$table,
                    index,
                    |kernels, kernel| kernels.$table = kernel,
                    |kernels| $test(kernels, seed, memory),
                )
            },
        }
    };
}

macro_rules! entries {
    ($($format:literal $arith:ty),*) => {
        &[$(
            entry!("linear", $format, $arith, linear, |k: &_, seed, m: &mut _| matrix_test(k, false, seed, m)),
            entry!("conv3x3", $format, $arith, linear, |k: &_, seed, m: &mut _| matrix_test(k, true, seed, m)),
            entry!("norm", $format, $arith, norm, |k: &_, seed, m: &mut _| widths_test(k, norm, NORM_CHANNELS_MAX, seed, m)),
            entry!("conv1d", $format, $arith, conv1d, |k: &_, seed, m: &mut _| widths_test(k, conv1d, CHANNELS_MAX, seed, m)),
            entry!("step", $format, $arith, step, |k: &_, seed, m: &mut _| widths_test(k, step, CHANNELS_MAX, seed, m)),
            entry!("scan_full", $format, $arith, scan, |k: &_, seed, m: &mut _| sequence_test(k, scan_full, seed, m)),
            entry!("scan_tied", $format, $arith, scan, |k: &_, seed, m: &mut _| sequence_test(k, scan_tied, seed, m)),
            entry!("gate", $format, $arith, gate, |k: &_, seed, m: &mut _| gate_test(k, seed, m)),
            entry!("sum", $format, $arith, sum, |k: &_, seed, m: &mut _| widths_test(k, sum, CHANNELS_MAX, seed, m)),
        )*]
    };
}

const ENTRIES: &[Entry] = entries!("f32" Float<f32>, "w8a16" Fixed<i16>, "w8a8" Fixed<i8>);

/// Returns the tests of all variants but the specification itself.
pub fn tests() -> impl Iterator<Item = Test> {
    ENTRIES.iter().flat_map(|entry| {
        let variants = (1..).map_while(|index| Some((index, (entry.name)(index)?)));
        variants.map(|(index, variant)| Test {
            op: entry.op,
            format: entry.format,
            variant,
            index,
            is_supported: entry.is_supported,
            run: entry.run,
        })
    })
}
