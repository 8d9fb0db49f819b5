//! Arguments of the entry points: what the host writes and a thread reads.
//!
//! Every type has the layout of C and no padding, so that both sides of a launch, built by two
//! compilers, agree on each byte.

use bytemuck::{Pod, Zeroable};

/// An array in the memory of the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Array {
    /// Address of the first element; any for an empty array.
    pub address: u64,
    /// Elements.
    pub len: u64,
}

/// A matrix; multiplier and shift are empty in floating point, the bias where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Matrix {
    /// Packed: `[taps, inputs of a tap, outputs]` in floating point, in fixed point four inputs in a
    /// word, `[taps, ceil(inputs of a tap / 4), outputs, 4]`; outputs up to a multiple of four, with
    /// zeros for what is not there.
    pub weights: Array,
    /// `[outputs]`.
    pub bias: Array,
    /// `[outputs]`.
    pub multiplier: Array,
    /// `[outputs]`.
    pub shift: Array,
    /// Outputs.
    pub outputs: u32,
    /// Inputs of a tap.
    pub inputs: u32,
}

/// A weight in one of its forms: `mambalite_kernels::linear::Weights`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Weight {
    /// The dense matrix, or V.
    pub first: Matrix,
    /// U; nothing of a dense weight.
    pub second: Matrix,
    /// Bias and scale of the rows that are the identity; no outputs where there are none.
    pub copies: Matrix,
    /// Where each output stands in (copies, others), `[outputs]` of 16 bits, with identity rows.
    pub order: Array,
    /// Outputs.
    pub outputs: u32,
    /// Taps: 9 of a convolution, 1 of a projection.
    pub taps: u32,
    /// 1 for V and U, 0 for a dense weight.
    pub factored: u32,
    /// Zero.
    pub reserved: u32,
}

/// Parameters of a norm; floating point leaves shift and epsilon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Norm {
    /// Gain, `[C]`.
    pub gain: Array,
    /// Offset, `[C]`.
    pub offset: Array,
    /// As `mambalite_kernels::norm::FixedParams::epsilon`.
    pub epsilon: u64,
    /// As `mambalite_kernels::norm::FixedParams::shift`.
    pub shift: u32,
    /// Features C.
    pub width: u32,
}

/// Parameters of a causal convolution; floating point has taps and bias only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Conv1d {
    /// `[4, E]`.
    pub taps: Array,
    /// `[E]`.
    pub bias: Array,
    /// `[E]`.
    pub multiplier: Array,
    /// `[E]`.
    pub shift: Array,
    /// Fraction bits of SiLU's input.
    pub fraction: u32,
    /// To the output's unit.
    pub out_multiplier: i32,
    /// To the output's unit.
    pub out_shift: u32,
    /// Inner channels E.
    pub inner: u32,
}

/// Parameters of a scan; floating point has rate and skip only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Scan {
    /// `[N, E]`, or `[1, E]` tied.
    pub rate: Array,
    /// `[E]`.
    pub skip: Array,
    /// `[E]`.
    pub multiplier: Array,
    /// `[E]`.
    pub shift: Array,
    /// `[E]`.
    pub state_shift: Array,
    /// 1 for tied rates, 0 for full ones.
    pub tied: u32,
    /// Zero.
    pub reserved: u32,
}

/// Parameters of a gate; none in floating point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Gate {
    /// As `mambalite_kernels::gate::FixedParams::multiplier`.
    pub multiplier: i32,
    /// As there.
    pub shift: u32,
    /// As there.
    pub fraction: u32,
    /// Inner channels E.
    pub inner: u32,
}

/// Parameters of a sum; none in floating point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Sum {
    /// As `mambalite_kernels::sum::FixedParams::a`.
    pub a: i32,
    /// As there.
    pub b: i32,
    /// As there.
    pub shift: u32,
}

/// What a convolution's output is added to: nothing, or a tensor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Residual {
    /// The tensor; empty for none.
    pub tensor: Array,
    /// How: the output first, then the tensor; or the other way round.
    pub sum: Sum,
    /// 1 where the tensor comes first.
    pub tensor_first: u32,
}

/// Patches of one size, one after the other in every tensor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Patches {
    /// Patches.
    pub count: u32,
    /// LR pixels of a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// Pixels that a block of threads works on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Tile {
    /// Pixels of a row, a multiple of [`GROUP`](crate::layout::GROUP).
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// The pictures on both ends of the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Pictures {
    /// Channels of a pixel.
    pub channels: u32,
    /// Magnification.
    pub scale: u32,
    /// 0: none, 1: nearest, 2: bicubic.
    pub anchor: u32,
    /// Mean colour of the input.
    pub mean: [f32; 3],
}

impl Patches {
    /// Returns the LR pixels of a patch.
    #[must_use]
    pub const fn pixels(&self) -> usize {
        self.width as usize * self.height as usize
    }
}
