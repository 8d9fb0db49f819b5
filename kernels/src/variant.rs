//! Variants of the operators: one table an operator and precision, the reference first.
//!
//! Tests, benchmarks and dispatch walk these tables, so that a variant that is in no table does
//! not exist for any of them.

use crate::arith::Arithmetic;
use crate::{conv1d, gate, linear, norm, scan, step, sum};

/// One implementation of an operator, `K` its entry points.
pub struct Variant<K: 'static> {
    /// The instruction set, and the name of its file: `ref`, `avx2`, `dsp`.
    pub name: &'static str,
    /// Returns the entry points where this machine has the instructions.
    pub get: fn() -> Option<K>,
}

/// Writes a table of variants: `reference; file::entry, ..`, slowest first.
///
/// A variant is on its architecture's table also where the target lacks its instructions: it is
/// shown as skipped there.
macro_rules! variants {
    ($reference:expr; $($isa:ident::$entry:ident),* $(,)?) => {
        variants!(@table [
            $crate::variant::Variant {
                name: "ref",
                get: || Some($reference),
            },
        ] $($isa::$entry,)*)
    };
    (@table $table:tt avx2::$entry:ident, $($rest:tt)*) => {
        variants!(@entry $table (target_arch = "x86_64") (all()) avx2::$entry, $($rest)*)
    };
    (@table $table:tt avx512::$entry:ident, $($rest:tt)*) => {
        variants!(@entry $table (target_arch = "x86_64") (all()) avx512::$entry, $($rest)*)
    };
    (@table $table:tt neon::$entry:ident, $($rest:tt)*) => {
        variants!(@entry $table (target_arch = "aarch64") (all()) neon::$entry, $($rest)*)
    };
    (@table $table:tt neon_dot::$entry:ident, $($rest:tt)*) => {
        variants!(@entry $table (target_arch = "aarch64") (all()) neon_dot::$entry, $($rest)*)
    };
    (@table $table:tt dsp::$entry:ident, $($rest:tt)*) => {
        variants!(@entry $table (target_arch = "arm") (target_feature = "dsp")
            dsp::$entry, $($rest)*)
    };
    (@table $table:tt mve::$entry:ident, $($rest:tt)*) => {
        variants!(@entry $table (target_arch = "arm") (mve) mve::$entry, $($rest)*)
    };
    (@entry [$($table:tt)*] ($($shown:tt)*) ($($has:tt)*) $isa:ident::$entry:ident, $($rest:tt)*) => {
        variants!(@table [
            $($table)*
            #[cfg($($shown)*)]
            $crate::variant::Variant {
                name: stringify!($isa),
                #[cfg($($has)*)]
                get: $isa::$entry,
                #[cfg(not($($has)*))]
                get: || None,
            },
        ] $($rest)*)
    };
    (@table [$($table:tt)*]) => {
        &[$($table)*]
    };
}
pub(crate) use variants;

/// Returns the last variant of a table that this machine has.
///
/// Tables begin with the reference, which every machine has, and end with the fastest.
fn best<K: Copy>(table: &[Variant<K>], reference: K) -> K {
    let found = table.iter().rev().find_map(|variant| (variant.get)());
    found.unwrap_or(reference)
}

/// The tables of one precision.
pub struct Variants<A: Arithmetic> {
    /// See [`linear`]; 3x3 convolutions use it too.
    pub linear: &'static [Variant<linear::Kernel<A>>],
    /// See [`norm`].
    pub norm: &'static [Variant<norm::Kernel<A>>],
    /// See [`conv1d`].
    pub conv1d: &'static [Variant<conv1d::Run<A>>],
    /// See [`step`].
    pub step: &'static [Variant<step::Run<A>>],
    /// See [`scan`].
    pub scan: &'static [Variant<scan::Kernel<A>>],
    /// See [`gate`].
    pub gate: &'static [Variant<gate::Run<A>>],
    /// See [`sum`].
    pub sum: &'static [Variant<sum::Run<A>>],
}

/// The entry points that a run uses, one variant an operator.
pub struct Kernels<A: Arithmetic> {
    /// See [`linear`].
    pub linear: linear::Kernel<A>,
    /// See [`norm`].
    pub norm: norm::Kernel<A>,
    /// See [`conv1d`].
    pub conv1d: conv1d::Run<A>,
    /// See [`step`].
    pub step: step::Run<A>,
    /// See [`scan`].
    pub scan: scan::Kernel<A>,
    /// See [`gate`].
    pub gate: gate::Run<A>,
    /// See [`sum`].
    pub sum: sum::Run<A>,
}

impl<A: Arithmetic> Clone for Kernels<A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A: Arithmetic> Copy for Kernels<A> {}

impl<A: Arithmetic> Kernels<A> {
    /// Returns the specification of every operator.
    pub const fn reference() -> Self {
        A::REFERENCE
    }

    /// Returns the fastest variant of every operator that this machine has.
    pub fn best() -> Self {
        let (tables, reference) = (A::VARIANTS, Self::reference());
        Self {
            linear: best(tables.linear, reference.linear),
            norm: best(tables.norm, reference.norm),
            conv1d: best(tables.conv1d, reference.conv1d),
            step: best(tables.step, reference.step),
            scan: best(tables.scan, reference.scan),
            gate: best(tables.gate, reference.gate),
            sum: best(tables.sum, reference.sum),
        }
    }

    /// Returns the fastest variants that do with the memory of a microcontroller
    /// ([`crate::exec::plan::Footprint::MICROCONTROLLER`]): on hosts, the specification where others
    /// would have matrices packed or take scratch.
    pub fn frugal() -> Self {
        let best = Self::best();
        if cfg!(not(feature = "std")) {
            return best;
        }
        let reference = Self::reference();
        Self {
            linear: reference.linear,
            scan: reference.scan,
            ..best
        }
    }
}
