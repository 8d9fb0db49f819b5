//! Cases to measure: what a kernel costs for each unit of its work.
//!
//! A case prepares its inputs, hands the kernel alone to a [`Meter`] and returns the digest of the
//! outputs, so that what was measured is also known to be right.

mod matrix;
mod network;
mod numbers;
mod sequence;
pub mod strip;

use mambalite_kernels::Value;

use crate::memory::Memory;
use crate::sequence::Digest;

/// Words of eight bytes that suffice for every case.
pub const BENCH_WORDS: usize = 96 << 10;

/// Takes the measure of a kernel.
pub trait Meter {
    /// Runs the kernel at least once.
    ///
    /// A kernel that keeps a state goes on from it; only a run that was the first one after the
    /// preparation has outputs of a known digest.
    fn measure(&mut self, kernel: &mut dyn FnMut());
}

/// What the work of a case is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Multiply-accumulate.
    Mac,
    /// Output value.
    Element,
    /// Update of one state of the selective scan.
    State,
}

impl Unit {
    /// Returns the name that tables show.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mac => "MAC",
            Self::Element => "element",
            Self::State => "state",
        }
    }
}

/// One operator in one number format and size, with all its variants.
#[derive(Clone, Copy, Debug)]
pub struct Bench {
    /// Operator and size, such as `linear 48->96`.
    pub op: &'static str,
    /// Number format: `f32`, `w8a16`, `w8a8`, or `fixed` where the last two are the same.
    pub format: &'static str,
    /// What `units` counts.
    pub unit: Unit,
    /// Units of work of one run.
    pub units: fn() -> u64,
    variant: fn(index: usize) -> Option<&'static str>,
    run: fn(index: usize, memory: &mut Memory<'_>, meter: &mut dyn Meter) -> Option<u64>,
}

impl Bench {
    /// Returns the indices and names of the variants, the reference first.
    pub fn variants(&self) -> impl Iterator<Item = (usize, &'static str)> {
        (0..).map_while(|index| Some((index, (self.variant)(index)?)))
    }

    /// Prepares, measures a variant and returns the digest of its outputs; nothing where this
    /// machine cannot run the variant or `block` is shorter than [`BENCH_WORDS`].
    pub fn run(&self, variant: usize, block: &mut [u64], meter: &mut dyn Meter) -> Option<u64> {
        (self.run)(variant, &mut Memory::new(block, 0, 0), meter)
    }
}

/// Returns all cases.
pub fn benches() -> impl Iterator<Item = Bench> {
    let operators = matrix::BENCHES.iter().chain(sequence::BENCHES);
    operators
        .chain(numbers::BENCHES)
        .chain(network::BENCHES)
        .copied()
}

/// Makes a case of each precision for an operator of the table `$table` of variants.
macro_rules! each_variant {
    ($($op:literal $unit:ident $units:expr, $table:ident, $run:expr;)*) => {
        pub(crate) const BENCHES: &[Bench] = &[$(
            each_variant!(@ $op, "f32", Float<f32>, $unit $units, $table, $run),
            each_variant!(@ $op, "w8a16", Fixed<i16>, $unit $units, $table, $run),
            each_variant!(@ $op, "w8a8", Fixed<i8>, $unit $units, $table, $run),
        )*];
    };
    (@ $op:literal, $format:literal, $arith:ty, $unit:ident $units:expr, $table:ident, $run:expr) => {
        Bench {
            op: $op,
            format: $format,
            unit: Unit::$unit,
            units: || $units,
            variant: |index| Some(<$arith>::VARIANTS.$table.get(index)?.name),
            run: |index, memory, meter| {
                let kernel = (<$arith>::VARIANTS.$table.get(index)?.get)()?;
                let mut kernels = Kernels::<$arith>::reference();
                kernels.$table = kernel;
                $run(&kernels, memory, meter)
            },
        }
    };
}
use each_variant;

/// Returns the digest of some outputs.
fn digest<V: Value>(values: &[V]) -> u64 {
    let mut digest = Digest::new();
    digest.add(values);
    digest.finish()
}
