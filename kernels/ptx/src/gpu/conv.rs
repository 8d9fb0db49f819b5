//! 3x3 convolutions: a tile of a patch a block.
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "all rest on one promise: the arrays are those that the arguments say"
)]

use mambalite_kernels::arith::Arithmetic;

use super::block::{QUAD, Scalar, Tile, barrier, block, each, each_quad};
use super::parameters::Device;
use super::picture::config;
use super::product::{Columns, Element, Inputs, Sums, unrolled};
use super::weight::weight;
use crate::args::{self, Array, Patches};
use crate::layout::{self, CHUNK, GROUP, OUTPUTS, Shared, Sizes};

/// Where the inputs of a convolution come from.
pub(super) trait Source<A: Device> {
    /// Their type.
    type X: Element<A>;
    /// Whether they are normed.
    const NORMED: bool = false;

    /// Writes the inputs of a place, or zeros outside of the patch, to the tile: all threads come
    /// here, and what they wrote is there after the next barrier.
    ///
    /// # Safety
    /// The arrays are those that the arguments say.
    unsafe fn fill(&self, place: &Place, inputs: usize, layout: &layout::Product);
}

/// The tile of a block.
pub(super) struct Place {
    /// The first pixel of the patch.
    first: usize,
    /// Of the patch.
    size: (usize, usize),
    /// The tile's column and row in the patch.
    at: (usize, usize),
    /// Of the tile.
    tile: (usize, usize),
}

impl Place {
    #[inline(always)]
    fn new(patches: &Patches, tile: &args::Tile) -> Self {
        let across = patches.width.div_ceil(tile.width);
        let down = patches.height.div_ceil(tile.height);
        let block = block() as u32;
        let (patch, at) = (block / (across * down), block % (across * down));
        Self {
            first: patch as usize * patches.pixels(),
            size: (patches.width as usize, patches.height as usize),
            at: (
                (at % across * tile.width) as usize,
                (at / across * tile.height) as usize,
            ),
            tile: (tile.width as usize, tile.height as usize),
        }
    }

    /// Returns the pixel of a position in the tile with its surroundings, if it is in the patch.
    #[inline(always)]
    fn pixel(&self, position: usize) -> Option<usize> {
        let across = self.tile.0 as u32 + 2;
        let (x, y) = (position as u32 % across, position as u32 / across);
        // One less than the first is far more than the last.
        let x = (self.at.0 + x as usize).wrapping_sub(1);
        let y = (self.at.1 + y as usize).wrapping_sub(1);
        let inside = x < self.size.0 && y < self.size.1;
        inside.then(|| self.first + y * self.size.0 + x)
    }

    /// Returns column and row in the tile of a group's first pixel.
    #[inline(always)]
    fn group(&self, group: usize) -> (usize, usize) {
        let across = (self.tile.0 / GROUP) as u32;
        let (x, y) = (group as u32 % across, group as u32 / across);
        (x as usize * GROUP, y as usize)
    }

    /// Adds the products of all taps of a group's pixels.
    #[inline(always)]
    unsafe fn taps<A: Device, X: Element<A>>(
        &self,
        taps: u32,
        tile: &Tile<X>,
        columns: &Columns,
        group: usize,
        sums: &mut Sums<A>,
    ) {
        let (x, y) = self.group(group);
        // The number of taps is an argument so that the loop stays one.
        for tap in 0..taps {
            let (kx, ky) = ((tap % 3) as usize, (tap / 3) as usize);
            if (self.at.1 + y + ky).wrapping_sub(1) >= self.size.1 {
                continue;
            }
            let inputs = Inputs {
                first: tile.row((y + ky) * (self.tile.0 + 2) + x + kx),
                stride: tile.stride,
            };
            let before = *sums;
            // SAFETY: the caller's promise.
            unsafe { X::add(columns, tap as usize, inputs, sums) };
            // The place of the first pixel's tap, one more than its column.
            let first = self.at.0 + x + kx;
            if !X::LEAVE_OUT || (first > 0 && first + GROUP <= self.size.0 + 1) {
                continue;
            }
            unrolled!(pixels P => {
                let inside = (first + P).wrapping_sub(1) < self.size.0;
                unrolled!(outputs J => {
                    sums[P][J] = if inside { sums[P][J] } else { before[P][J] };
                });
            });
        }
    }
}

/// Convolves, and adds to a tensor where there is one.
#[inline(always)]
pub(super) unsafe fn conv3x3<A: Device, S: Source<A>>(
    source: &S,
    params: &args::Weight,
    patches: &Patches,
    tile: &args::Tile,
    residual: &args::Residual,
    out: Array,
) where
    A::Act: Element<A>,
{
    let place = Place::new(patches, tile);
    let sizes = sizes::<A, S::X>(params);
    let layout = layout::conv(&mut Shared::default(), place.tile, &sizes, S::NORMED);
    // SAFETY: the caller's promise, here and below.
    unsafe { source.fill(&place, sizes.inputs, &layout) };
    barrier();
    let x = Tile::<S::X>::new(&layout.x);
    let groups = place.tile.0 / GROUP * place.tile.1;
    let outputs = params.outputs as usize;
    let sum = |columns: &Columns, group: usize, sums: &mut Sums<A>| {
        // SAFETY: as above.
        unsafe { place.taps(params.taps, &x, columns, group, sums) };
    };
    // SAFETY: as above.
    unsafe {
        weight::<A, S::X>(params, &layout.inner, groups, sum, |o| {
            let (x, y) = place.group(o.group);
            let (x, y) = (place.at.0 + x + o.pixel, place.at.1 + y);
            if x < place.size.0 && y < place.size.1 {
                let pixel = place.first + y * place.size.0 + x;
                residual.write_sum::<A>(out, pixel * outputs + o.first, (o.n, outputs), o.values);
            }
        });
    }
}

/// Returns the sizes of a weight over inputs of type `X`.
#[inline(always)]
pub(super) fn sizes<A: Arithmetic, X>(params: &args::Weight) -> Sizes {
    Sizes {
        inputs: params.first.inputs as usize,
        rank: match params.factored {
            0 => 0,
            _ => params.first.outputs as usize,
        },
        copies: params.copies.outputs as usize,
        outputs: params.outputs as usize,
        input: size_of::<X>(),
        act: size_of::<A::Act>(),
    }
}

impl args::Residual {
    /// Adds outputs to the tensor where there is one, and writes them.
    ///
    /// * `at` - the place of the first in both tensors. * `n` - how many of the four there are.
    /// * `outputs` - those of a pixel.
    ///
    /// # Safety
    /// The tensor has these places, or there is none; no other thread writes them.
    #[inline(always)]
    pub(super) unsafe fn write_sum<A: Device>(
        &self,
        out: Array,
        at: usize,
        (n, outputs): (usize, usize),
        values: [A::Acc; OUTPUTS],
    ) {
        let aligned = outputs.is_multiple_of(OUTPUTS);
        let mut values = values.map(A::to_act);
        if self.tensor.len > 0 {
            // SAFETY: the caller's promise.
            let other: [A::Act; OUTPUTS] = unsafe { self.tensor.read_quad(at, n, aligned) };
            let (mut sums, others) = match self.tensor_first {
                0 => (values, other),
                _ => (other, values),
            };
            (A::REFERENCE.sum)(&A::sum(&self.sum), &mut sums, &others);
            values = sums;
        }
        // SAFETY: as above.
        unsafe { out.write_quad(at, n, aligned, values) };
    }
}

/// Writes four inputs of a pixel at a time to the tile, zeros outside of the patch.
///
/// * `values` - four inputs of a pixel from a channel on, of which so many there are.
#[inline(always)]
fn fill<X: Scalar>(
    place: &Place,
    inputs: usize,
    rows: &layout::Rows,
    values: impl Fn(usize, usize, usize) -> [X; QUAD],
) {
    let tile = Tile::<X>::new(rows);
    let positions = layout::with_halo(place.tile.0, place.tile.1);
    each_quad(positions, inputs, |position, c| {
        let values = match place.pixel(position) {
            Some(pixel) => values(pixel, c, (inputs - c).min(QUAD)),
            None => [X::default(); QUAD],
        };
        // SAFETY: the layout has these elements, which are this thread's.
        unsafe { tile.write_quad(position, c, values) };
    });
}

/// Pixels of pictures, bytes.
pub(super) struct Bytes<'a>(pub(super) &'a args::Pictures, pub(super) Array);

impl<A: Device> Source<A> for Bytes<'_>
where
    A::Act: Element<A>,
{
    type X = A::Act;

    #[inline(always)]
    unsafe fn fill(&self, place: &Place, inputs: usize, layout: &layout::Product) {
        fill(place, inputs, &layout.x, |pixel, c, n| {
            let mut values = [A::Act::default(); QUAD];
            for (i, value) in values.iter_mut().enumerate() {
                if i < n {
                    // SAFETY: the caller's promise.
                    let byte = unsafe { self.1.read(pixel * inputs + c + i) };
                    *value = A::pixel(&config(self.0, c + i), 0, byte);
                }
            }
            values
        });
    }
}

/// Activations as they are.
pub(super) struct Acts(pub(super) Array);

impl<A: Device> Source<A> for Acts
where
    A::In: Element<A>,
{
    type X = A::In;

    #[inline(always)]
    unsafe fn fill(&self, place: &Place, inputs: usize, layout: &layout::Product) {
        let aligned = inputs.is_multiple_of(QUAD);
        fill(place, inputs, &layout.x, |pixel, c, n| {
            // SAFETY: the caller's promise.
            let values = unsafe { self.0.read_quad(pixel * inputs + c, n, aligned) };
            values.map(A::narrow)
        });
    }
}

/// Activations that are normed.
pub(super) struct Normed<'a>(pub(super) &'a args::Norm, pub(super) Array);

impl<A: Device> Source<A> for Normed<'_>
where
    A::In: Element<A>,
{
    type X = A::In;
    const NORMED: bool = true;

    #[inline(always)]
    unsafe fn fill(&self, place: &Place, inputs: usize, layout: &layout::Product) {
        let aligned = inputs.is_multiple_of(QUAD);
        fill::<A::Act>(place, inputs, &layout.raw, |pixel, c, n| {
            // SAFETY: the caller's promise.
            unsafe { self.1.read_quad(pixel * inputs + c, n, aligned) }
        });
        barrier();
        let positions = layout::with_halo(place.tile.0, place.tile.1);
        // SAFETY: as above; both tiles have a row a position.
        unsafe {
            norm_rows::<A>(self.0, positions, inputs, (&layout.raw, &layout.x), |at| {
                place.pixel(at).is_some()
            });
        }
    }
}

/// Norms rows of a tile, a thread a row, and writes zeros where there is no pixel.
///
/// # Safety
/// Both tiles have so many rows, those before the norm were written before the last barrier.
#[inline(always)]
pub(super) unsafe fn norm_rows<A: Device>(
    params: &args::Norm,
    rows: usize,
    inputs: usize,
    (raw, x): (&layout::Rows, &layout::Rows),
    there: impl Fn(usize) -> bool,
) {
    let (raw, x) = (Tile::<A::Act>::new(raw), Tile::<A::In>::new(x));
    // SAFETY: the caller's promise.
    let params = unsafe { A::norm(params) };
    each(rows, |row| {
        // SAFETY: as above.
        let out = unsafe { x.slice_mut(row, inputs.next_multiple_of(CHUNK)) };
        let (out, padding) = out.split_at_mut(inputs);
        padding.fill(A::In::default());
        if there(row) {
            // SAFETY: as above.
            (A::REFERENCE.norm.inputs)(&params, unsafe { raw.slice(row, inputs) }, inputs, out);
        } else {
            out.fill(A::In::default());
        }
    });
}
