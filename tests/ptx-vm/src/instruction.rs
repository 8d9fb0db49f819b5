//! Instructions after decoding: enums with indices into the registers of a thread.
//!
//! Every operand is a slot of one array: registers, but also the constants, special registers and
//! addresses that the kernel names, which are written there before a thread starts. Reading an
//! operand is then the same for all.

use crate::error::Space;
use crate::scalar::Type;

/// Index into the registers of a thread.
pub(crate) type Slot = u32;
/// Index into [`Code::lists`](crate::module::Code::lists).
pub(crate) type List = u32;

/// The predicate of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Guard(u32);

impl Guard {
    pub(crate) const ALWAYS: Self = Self(u32::MAX);

    pub(crate) fn new(predicate: Slot, negated: bool) -> Self {
        Self(predicate << 1 | u32::from(negated))
    }

    #[inline(always)]
    pub(crate) fn passes(self, registers: &[u64]) -> bool {
        self == Self::ALWAYS || (registers[(self.0 >> 1) as usize] != 0) != (self.0 & 1 != 0)
    }
}

/// An instruction and its predicate.
#[derive(Clone, Debug)]
pub(crate) struct Instruction {
    pub(crate) guard: Guard,
    pub(crate) op: Op,
}

/// What an instruction does. `d` is its destination.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Nop,
    Move {
        d: Slot,
        a: Slot,
    },
    /// Registers of `bits` each into one, the first lowest.
    Pack {
        d: Slot,
        list: List,
        bits: u8,
    },
    /// One register into those of the list, `bits` each, the first lowest.
    Unpack {
        list: List,
        a: Slot,
        bits: u8,
    },
    Unary {
        op: Unary,
        ty: Type,
        d: Slot,
        a: Slot,
    },
    Binary {
        op: Binary,
        ty: Type,
        d: Slot,
        a: Slot,
        b: Slot,
    },
    Ternary {
        op: Ternary,
        ty: Type,
        d: Slot,
        a: Slot,
        b: Slot,
        c: Slot,
    },
    Divide {
        remainder: bool,
        ty: Type,
        d: Slot,
        a: Slot,
        b: Slot,
    },
    /// Addition or subtraction with the carry of the thread.
    Carry {
        subtract: bool,
        takes: bool,
        gives: bool,
        bits: u8,
        d: Slot,
        a: Slot,
        b: Slot,
    },
    /// `count` bits of `a` into `b` at bit `at`.
    Insert {
        bits: u8,
        d: Slot,
        a: Slot,
        b: Slot,
        at: Slot,
        count: Slot,
    },
    Logic3 {
        table: u8,
        d: Slot,
        a: Slot,
        b: Slot,
        c: Slot,
    },
    Dot {
        dot: Dot,
        d: Slot,
        a: Slot,
        b: Slot,
        c: Slot,
    },
    Compare {
        comparison: Comparison,
        ty: Type,
        d: Slot,
        a: Slot,
        b: Slot,
    },
    CompareWith(Box<CompareWith>),
    Select {
        d: Slot,
        a: Slot,
        b: Slot,
        predicate: Slot,
    },
    /// `a` where `c` is not negative, else `b`.
    SelectSign {
        float: bool,
        d: Slot,
        a: Slot,
        b: Slot,
        c: Slot,
    },
    Convert {
        conversion: Conversion,
        d: Slot,
        a: Slot,
    },
    FloatUnary {
        op: FloatUnary,
        d: Slot,
        a: Slot,
    },
    FloatBinary {
        op: FloatBinary,
        d: Slot,
        a: Slot,
        b: Slot,
    },
    Fma {
        d: Slot,
        a: Slot,
        b: Slot,
        c: Slot,
    },
    /// From an address of the space to a generic one, or back.
    ConvertAddress {
        space: Space,
        to_generic: bool,
        d: Slot,
        a: Slot,
    },
    /// `value` is a register, or for more than one element a list of them.
    Load {
        access: Access,
        value: u32,
        base: Slot,
        offset: i32,
    },
    Store {
        access: Access,
        value: u32,
        base: Slot,
        offset: i32,
    },
    Branch {
        target: u32,
    },
    BranchIndex {
        index: Slot,
        targets: List,
    },
    Exit,
    Trap,
    Barrier {
        barrier: u8,
        aligned: bool,
    },
    /// An instruction that the lanes of a warp execute together.
    Warp(Box<Warp>),
}

/// Functions of one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unary {
    Negate,
    Absolute,
    Not,
    LeadingZeros,
    Ones,
    Reverse,
    /// Position of the highest bit that differs from the sign.
    Find,
    /// Shift that brings that bit to the top.
    FindShift,
}

/// Functions of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Add,
    AddSaturating,
    Subtract,
    SubtractSaturating,
    MultiplyLow,
    MultiplyHigh,
    MultiplyWide,
    Minimum,
    Maximum,
    And,
    Or,
    Xor,
    ShiftLeft,
    ShiftRight,
}

/// Functions of three operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ternary {
    MultiplyAddLow,
    MultiplyAddHigh,
    MultiplyAddWide,
    FunnelLeft {
        clamp: bool,
    },
    FunnelRight {
        clamp: bool,
    },
    Permute,
    /// `c` bits of `a` from bit `b`.
    Extract,
}

/// `dp4a` and `dp2a`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dot {
    /// First byte of `b`, and the number of products: 4, or 2 of 16 by 8 bits.
    pub(crate) first: u8,
    pub(crate) count: u8,
    pub(crate) signed_a: bool,
    pub(crate) signed_b: bool,
}

/// Relations; the second six and `NotANumber` hold where an operand is NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    EqualOrNan,
    NotEqualOrNan,
    LessOrNan,
    LessEqualOrNan,
    GreaterOrNan,
    GreaterEqualOrNan,
    Number,
    NotANumber,
}

/// How a comparison meets a further predicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Combine {
    And,
    Or,
    Xor,
}

/// A comparison with more than one result, or whose result meets a further predicate.
#[derive(Clone, Debug)]
pub(crate) struct CompareWith {
    pub(crate) comparison: Comparison,
    pub(crate) ty: Type,
    pub(crate) d: Slot,
    /// The value of `d` where the result holds: 1, all ones, or 1.0.
    pub(crate) one: u64,
    /// Takes the result for the opposite comparison.
    pub(crate) opposite: Option<Slot>,
    pub(crate) a: Slot,
    pub(crate) b: Slot,
    /// Function, predicate, and whether that is negated.
    pub(crate) combine: Option<(Combine, Slot, bool)>,
}

/// To which integer a float goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rounding {
    NearestEven,
    Zero,
    Down,
    Up,
}

/// A `cvt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Conversion {
    pub(crate) to: Type,
    pub(crate) from: Type,
    pub(crate) rounding: Option<Rounding>,
    pub(crate) saturate: bool,
    /// Bits of the destination: integers are extended to them.
    pub(crate) register_bits: u8,
}

/// Functions of one f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FloatUnary {
    Negate,
    Absolute,
    SquareRoot,
    Reciprocal,
    Test(FloatTest),
}

/// Classes of f32 that `testp` knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FloatTest {
    Finite,
    Infinite,
    Number,
    NotANumber,
    Normal,
    Subnormal,
}

/// Functions of two f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FloatBinary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Minimum,
    Maximum,
    /// As the two above, but NaN where an operand is NaN.
    MinimumNan,
    MaximumNan,
    /// The sign of `a` with the magnitude of `b`.
    CopySign,
}

/// Size and space of a load or a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) space: Space,
    pub(crate) ty: Type,
    /// Elements: 1, 2 or 4.
    pub(crate) count: u8,
    /// Bits of the registers: integers are extended to them.
    pub(crate) register_bits: u8,
}

/// Instructions that the lanes of a warp execute together.
#[derive(Clone, Debug)]
pub(crate) enum Warp {
    Shuffle {
        mode: Shuffle,
        d: Slot,
        /// Takes whether the source lane was in range.
        in_range: Option<Slot>,
        a: Slot,
        b: Slot,
        c: Slot,
        mask: Slot,
    },
    Vote {
        vote: Vote,
        d: Slot,
        predicate: Slot,
        negated: bool,
        mask: Slot,
    },
    ActiveMask {
        d: Slot,
    },
}

/// From which lane a shuffle reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shuffle {
    Up,
    Down,
    Butterfly,
    Index,
}

/// What a vote asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vote {
    All,
    Any,
    Uniform,
    Ballot,
}

/// Classes of instructions that [`Stats`](crate::Stats) tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Integer,
    Float,
    Fma,
    Dot,
    Memory,
    Control,
}

impl Op {
    pub(crate) fn class(&self) -> Class {
        match self {
            Self::FloatUnary { .. } | Self::FloatBinary { .. } => Class::Float,
            Self::Fma { .. } => Class::Fma,
            Self::Dot { .. } => Class::Dot,
            Self::Load { .. } | Self::Store { .. } => Class::Memory,
            Self::Compare { ty, .. } if ty.is_float() => Class::Float,
            Self::CompareWith(compare) if compare.ty.is_float() => Class::Float,
            Self::Convert { conversion, .. }
                if conversion.to.is_float() || conversion.from.is_float() =>
            {
                Class::Float
            }
            Self::Nop
            | Self::Branch { .. }
            | Self::BranchIndex { .. }
            | Self::Exit
            | Self::Trap
            | Self::Barrier { .. }
            | Self::Warp(_) => Class::Control,
            _ => Class::Integer,
        }
    }
}
