//! Memory of a streamed run.

use crate::anchor::BICUBIC_REACH;
use crate::arith::Arithmetic;
use crate::config::{Anchor, CONV1D_TAPS, Form};
use crate::exec::arena::Allocate;
use crate::exec::plan::Footprint;
use crate::linear;
use crate::mixer;
use crate::model::Model;

/// Memory of a run; lengths are of rows of `W` pixels.
pub(crate) struct Buffers<'a, A: Arithmetic> {
    /// Last rows of the input, for the anchor.
    pub(super) input: Ring<'a, u8>,
    /// Input of the first convolution.
    pub(super) pixels: Ring<'a, A::Act>,
    /// First feature, kept until the body is through.
    pub(super) first: Ring<'a, A::Act>,
    /// Inputs of the groups, `groups` rings of 2 rows.
    pub(super) group_input: &'a mut [A::Act],
    /// Inputs of the groups' convolutions, `groups` rings of 3 rows.
    pub(super) group_conv: &'a mut [A::In],
    /// Input of the convolution after the body.
    pub(super) body: Ring<'a, A::In>,
    /// Input of the last convolution.
    pub(super) upsample: Ring<'a, A::In>,
    pub(super) work: Work<'a, A::Act>,
    /// `[groups * blocks, 3, E]` and `[groups * blocks, N, E]`.
    pub(super) history: &'a mut [A::Act],
    pub(super) states: &'a mut [A::Wide],
    pub(super) scratch: mixer::Scratch<'a, A>,
    pub(super) output: OutputBuffers<'a, A>,
}

/// Memory of the magnified rows.
pub(super) struct OutputBuffers<'a, A: Arithmetic> {
    /// LR pixels that are magnified at a time.
    pub(super) band: usize,
    /// `[band * scale, channels]` each.
    pub(super) anchor: &'a mut [i32],
    pub(super) values: &'a mut [A::Wide],
    /// `[W * scale, channels]`.
    pub(super) bytes: &'a mut [u8],
    /// `[W, channels]`.
    pub(super) column: &'a mut [i32],
}

/// The row at hand; when the last stage of the body has taken it up, the sub-pixels of another.
///
/// Every convolution but the first reads a ring, so that its results may replace the row.
pub(super) struct Work<'a, T> {
    values: &'a mut [T],
    /// Lengths of the two.
    pub(super) row_len: usize,
    sub_pixels_len: usize,
}

impl<'a, T: bytemuck::Pod> Work<'a, T> {
    fn new(memory: &mut impl Allocate<'a>, row_len: usize, sub_pixels_len: usize) -> Self {
        Self {
            values: memory.take(row_len.max(sub_pixels_len)),
            row_len,
            sub_pixels_len,
        }
    }

    /// Returns the row at hand, `[W, C]`.
    pub(super) fn row(&self) -> &[T] {
        &self.values[..self.row_len]
    }

    /// Returns the row at hand, `[W, C]`.
    pub(super) fn row_mut(&mut self) -> &mut [T] {
        &mut self.values[..self.row_len]
    }

    /// Returns the sub-pixels, `[W, channels * scale^2]`.
    pub(super) fn sub_pixels(&self) -> &[T] {
        &self.values[..self.sub_pixels_len]
    }

    /// Returns the sub-pixels, `[W, channels * scale^2]`.
    pub(super) fn sub_pixels_mut(&mut self) -> &mut [T] {
        &mut self.values[..self.sub_pixels_len]
    }
}

/// The last rows of a tensor.
pub(super) struct Ring<'a, T> {
    pub(super) values: &'a mut [T],
    pub(super) row_len: usize,
}

impl<'a, T: bytemuck::Pod> Ring<'a, T> {
    fn new(memory: &mut impl Allocate<'a>, rows: usize, row_len: usize) -> Self {
        Self {
            values: memory.take(rows.saturating_mul(row_len)),
            row_len,
        }
    }

    pub(super) fn row(&self, y: usize) -> &[T] {
        ring_row(self.values, self.row_len, y)
    }

    pub(super) fn row_mut(&mut self, y: usize) -> &mut [T] {
        let rows = self.values.len() / self.row_len;
        &mut self.values[y % rows * self.row_len..][..self.row_len]
    }
}

fn ring_row<T>(ring: &[T], row_len: usize, y: usize) -> &[T] {
    let rows = ring.len() / row_len;
    &ring[y % rows * row_len..][..row_len]
}

/// Returns the rows around row `y` of a picture of `height` rows, none outside.
pub(super) fn around<T>(ring: &[T], row_len: usize, y: usize, height: usize) -> [Option<&[T]>; 3] {
    let row = |y| ring_row(ring, row_len, y);
    let above = y.checked_sub(1).map(row);
    [
        above,
        Some(row(y)),
        Some(y + 1).filter(|&y| y < height).map(row),
    ]
}

impl<'a, A: Arithmetic> Buffers<'a, A> {
    /// Cuts the buffers off `memory`, or measures them.
    pub(crate) fn new(
        memory: &mut impl Allocate<'a>,
        model: &Model<'_>,
        footprint: &Footprint,
        width: usize,
    ) -> Self {
        let config = model.config();
        let (c, g) = (config.width, config.groups);
        let row_len = width.saturating_mul(c);
        let rows = |n: usize| row_len.saturating_mul(n);
        let colours = width.saturating_mul(config.channels);
        let anchor_rows = match config.anchor {
            Anchor::None => 0,
            Anchor::Nearest | Anchor::Bicubic => g + 4 + BICUBIC_REACH,
        };
        let mixers = g * config.blocks;
        let band_len = footprint.band * config.scale * config.channels;
        Self {
            input: Ring::new(memory, anchor_rows, colours),
            pixels: Ring::new(memory, 3, colours),
            first: Ring::new(memory, g + 2, row_len),
            group_input: memory.take(rows(2 * g)),
            group_conv: memory.take(rows(3 * g)),
            body: Ring::new(memory, 3, row_len),
            upsample: Ring::new(memory, 3, row_len),
            work: Work::new(memory, row_len, width.saturating_mul(config.sub_pixels())),
            history: memory.take(mixers * (CONV1D_TAPS - 1) * config.inner),
            states: memory.take(mixers * config.states * config.inner),
            scratch: scratch(memory, model, footprint),
            output: OutputBuffers {
                band: footprint.band,
                anchor: memory.take(band_len),
                values: memory.take(band_len),
                bytes: memory.take(colours.saturating_mul(config.scale)),
                column: memory.take(colours),
            },
        }
    }
}

impl<A: Arithmetic> Buffers<'_, A> {
    /// Returns row `y` of a group's input, the last or the one before.
    pub(super) fn group_input(&self, group: usize, y: usize) -> &[A::Act] {
        &self.group_input[group_input_range(self.work.row_len, group, y)]
    }

    /// Returns row `y` of a group's input, to be written.
    pub(super) fn group_input_mut(&mut self, group: usize, y: usize) -> &mut [A::Act] {
        &mut self.group_input[group_input_range(self.work.row_len, group, y)]
    }
}

/// Returns where row `y` of a group's input lies.
pub(super) fn group_input_range(row_len: usize, group: usize, y: usize) -> core::ops::Range<usize> {
    let begin = (2 * group + y % 2) * row_len;
    begin..begin + row_len
}

fn scratch<'a, A: Arithmetic>(
    memory: &mut impl Allocate<'a>,
    model: &Model<'_>,
    footprint: &Footprint,
) -> mixer::Scratch<'a, A> {
    let config = model.config();
    let (c, e) = (config.width, config.inner);
    let band = footprint.band;
    let forms = || config.weights().zip(model.forms());
    let rank = forms().filter_map(|(_, form)| form.rank()).max();
    let unordered = forms().filter(|(_, form)| matches!(form, Form::IdentityRows(_)));
    let unordered = unordered.map(|(weight, _)| weight.outputs).max();
    // A rank is no larger.
    let inputs = config.weights().map(|weight| weight.inputs * weight.taps);
    mixer::Scratch {
        linear: linear::Scratch {
            band,
            middle: memory.take(band * rank.unwrap_or(0)),
            unordered: memory.take(band * unordered.unwrap_or(0)),
            kernel: memory.take((footprint.linear)(inputs.max().unwrap_or(0))),
        },
        normed: memory.take(band * c),
        in_proj: memory.take(band * 2 * e),
        u: memory.take(band * e),
        projected: memory.take(band * config.projected()),
        steps: memory.take(band * e),
        dt: memory.take(band * e),
        scan: memory.take((footprint.scan)((e, config.states))),
        y: memory.take(band * e),
        gated: memory.take(band * e),
        mixed: memory.take(band * c),
    }
}
