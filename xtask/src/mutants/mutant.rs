//! A fault to seed.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fault {
    /// A shift by one bit more or less.
    Shift,
    /// A rounding left out, or one too many.
    Rounding,
    /// A bound of a clamp off by one, or no clamp.
    Saturation,
    /// An end or a tail off by one, or left out.
    Tail,
    /// A mask of lanes off by one.
    Mask,
    /// State that is not reset, kept or advanced.
    State,
    /// A stride off by one.
    Stride,
    /// Another comparison.
    Compare,
    /// The smaller for the larger.
    Minimum,
    /// Another operation.
    Arithmetic,
    /// A fused multiply-add that rounds twice.
    Fused,
    /// Another constant.
    Constant,
    /// A statement or an instruction left out.
    Left,
}

impl Fault {
    /// Tells whether it is a fault that kernels, more than other code, may have.
    pub(crate) fn is_of_kernels(self) -> bool {
        match self {
            Self::Shift | Self::Rounding | Self::Saturation | Self::Tail | Self::Mask => true,
            Self::State | Self::Stride | Self::Fused | Self::Minimum => true,
            Self::Compare | Self::Arithmetic | Self::Constant | Self::Left => false,
        }
    }

    /// Returns the word for it in lists.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Shift => "shift",
            Self::Rounding => "rounding",
            Self::Saturation => "saturation",
            Self::Tail => "tail",
            Self::Mask => "mask",
            Self::State => "state",
            Self::Stride => "stride",
            Self::Compare => "compare",
            Self::Minimum => "minimum",
            Self::Arithmetic => "arithmetic",
            Self::Fused => "fused",
            Self::Constant => "constant",
            Self::Left => "left",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A change of a source file that is a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mutant {
    /// Path in `kernels/src`.
    pub(crate) file: String,
    /// Function, macro or constant.
    pub(crate) function: String,
    /// Kind of fault.
    pub(crate) fault: Fault,
    /// Line, from 1.
    pub(crate) line: usize,
    /// Text of the line, trimmed.
    pub(crate) source: String,
    /// What is changed, `old => new`.
    pub(crate) change: String,
    /// Number among those of the same key, from 0.
    pub(crate) nth: usize,
    /// What is replaced.
    pub(crate) range: Range<usize>,
    /// What replaces it.
    pub(crate) text: String,
}

impl Mutant {
    /// Returns the name that stays when the file changes elsewhere.
    pub(crate) fn key(&self) -> String {
        let Self {
            file,
            function,
            fault,
            source,
            change,
            nth,
            ..
        } = self;
        format!("{file} | {function} | {fault} | {source} | {change} | {nth}")
    }

    /// Returns a file's text with the fault.
    pub(crate) fn apply(&self, text: &str) -> String {
        let Range { start, end } = self.range;
        [&text[..start], &self.text, &text[end..]].concat()
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            function,
            fault,
            change,
            ..
        } = self;
        write!(f, "{file}:{line} {function}, {fault}: {change}")
    }
}
