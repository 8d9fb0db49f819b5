//! How a block divides its work and its shared memory: what both sides of a launch agree on.

/// Threads of a block, but of a scan.
pub const THREADS: usize = 128;
/// Threads of a block of a scan.
pub const SCAN_THREADS: usize = 64;
/// Consecutive pixels whose products a thread sums at a time.
pub const GROUP: usize = 8;
/// Outputs whose products a thread sums at a time.
pub const OUTPUTS: usize = 4;
/// Inputs of a pixel that products take at a time: rows of inputs are zero up to a multiple.
pub const CHUNK: usize = 4;
/// Most bytes of shared memory of a block: what every device gives without being asked.
pub const SHARED_MAX: usize = 48 << 10;

/// Alignment of what is in shared memory: the widest load.
const ALIGN: usize = 16;

/// Returns the bytes from one pixel to the next of rows of `len` elements of `size` bytes.
///
/// An odd number of 16-byte units, so that the pixels of a warp lie in different banks.
#[must_use]
pub const fn row_bytes(len: usize, size: usize) -> usize {
    (len.next_multiple_of(CHUNK) * size).next_multiple_of(ALIGN) | ALIGN
}

/// Hands out shared memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shared {
    used: usize,
}

impl Shared {
    /// Returns the offset of the next `bytes`.
    pub const fn take(&mut self, bytes: usize) -> usize {
        let at = self.used;
        self.used += bytes.next_multiple_of(ALIGN);
        at
    }

    /// Returns the bytes that are taken.
    #[must_use]
    pub const fn used(&self) -> usize {
        self.used
    }
}

/// Offsets of a tile of pixels of one tensor.
#[derive(Clone, Copy, Debug)]
pub struct Rows {
    /// The first pixel, bytes.
    pub at: usize,
    /// From one pixel to the next, bytes.
    pub stride: usize,
}

impl Rows {
    /// Takes `pixels` rows of `len` elements of `size` bytes.
    pub const fn take(shared: &mut Shared, pixels: usize, len: usize, size: usize) -> Self {
        let stride = row_bytes(len, size);
        Self {
            at: shared.take(pixels * stride),
            stride,
        }
    }
}

/// Offsets of what a weight needs on the way.
#[derive(Clone, Copy, Debug)]
pub struct Inner {
    /// Inner values, activations `[pixels, rank]`.
    pub middle: Rows,
    /// Outputs that are not copies before they are put in order, accumulators.
    pub unordered: Rows,
}

/// Bytes of an accumulator.
const ACC: usize = 4;

/// Returns the pixels of a tile of a convolution with those around it.
#[must_use]
pub const fn with_halo(width: usize, height: usize) -> usize {
    (width + 2) * (height + 2)
}

/// Offsets of the tensors of a convolution or projection.
#[derive(Clone, Copy, Debug)]
pub struct Product {
    /// Inputs.
    pub x: Rows,
    /// The same before their norm, where they have one.
    pub raw: Rows,
    /// Of the weight.
    pub inner: Inner,
}

/// Offsets of the tensors between a mixer's input projection and its scan.
#[derive(Clone, Copy, Debug)]
pub struct Sequence {
    /// Inputs u of the scan.
    pub u: Rows,
    /// Of the projection to step size, B and C.
    pub x_inner: Inner,
    /// Step size, B and C.
    pub projected: Rows,
    /// Of the projection to the channels' step sizes.
    pub dt_inner: Inner,
    /// What it leaves, accumulators.
    pub steps: Rows,
}

/// Sizes of a weight and of its types.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Inputs of a tap.
    pub inputs: usize,
    /// Rank, 0 for a dense weight.
    pub rank: usize,
    /// Outputs that are copies of inner values.
    pub copies: usize,
    /// Outputs.
    pub outputs: usize,
    /// Bytes of an input.
    pub input: usize,
    /// Bytes of an activation.
    pub act: usize,
}

impl Sizes {
    const fn inner(&self, shared: &mut Shared, pixels: usize) -> Inner {
        let middle = if self.rank == 0 { 0 } else { pixels };
        let unordered = if self.copies == 0 { 0 } else { pixels };
        Inner {
            middle: Rows::take(shared, middle, self.rank, self.act),
            unordered: Rows::take(shared, unordered, self.outputs - self.copies, ACC),
        }
    }
}

/// Lays a convolution out.
pub const fn conv(
    shared: &mut Shared,
    (width, height): (usize, usize),
    sizes: &Sizes,
    normed: bool,
) -> Product {
    product(
        shared,
        (with_halo(width, height), width * height),
        sizes,
        normed,
    )
}

/// Lays a projection out.
pub const fn projection(
    shared: &mut Shared,
    pixels: usize,
    sizes: &Sizes,
    normed: bool,
) -> Product {
    product(shared, (pixels, pixels), sizes, normed)
}

/// Lays the product of `inputs` rows of inputs to `outputs` pixels out.
const fn product(
    shared: &mut Shared,
    (inputs, outputs): (usize, usize),
    sizes: &Sizes,
    normed: bool,
) -> Product {
    let raw = if normed { inputs } else { 0 };
    Product {
        x: Rows::take(shared, inputs, sizes.inputs, sizes.input),
        raw: Rows::take(shared, raw, sizes.inputs, sizes.act),
        inner: sizes.inner(shared, outputs),
    }
}

/// Lays the part between input projection and scan out.
pub const fn sequence(
    shared: &mut Shared,
    pixels: usize,
    x_proj: &Sizes,
    dt_proj: &Sizes,
) -> Sequence {
    Sequence {
        u: Rows::take(shared, pixels, x_proj.inputs, x_proj.input),
        x_inner: x_proj.inner(shared, pixels),
        projected: Rows::take(shared, pixels, x_proj.outputs, x_proj.act),
        dt_inner: dt_proj.inner(shared, pixels),
        steps: Rows::take(shared, pixels, dt_proj.outputs, ACC),
    }
}

/// Lays a norm out: pixels before and after.
pub const fn norm(shared: &mut Shared, pixels: usize, width: usize, act: usize) -> (Rows, Rows) {
    (
        Rows::take(shared, pixels, width, act),
        Rows::take(shared, pixels, width, act),
    )
}
