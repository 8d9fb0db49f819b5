//! Row streaming: the whole network with a few rows of memory a convolution.

use crate::anchor::{self, BICUBIC_REACH};
use crate::arith::Arithmetic;
use crate::config::{Anchor, CONV1D_TAPS, Form};
use crate::exec::arena::{Allocate, Arena};
use crate::exec::packed::{Packed, packed_words};
use crate::exec::plan::{Footprint, arena_bytes};
use crate::exec::{ExecError, SIDE_MAX};
use crate::linear::{self, Path, Weights};
use crate::model::Model;
use crate::network::{Block, First, Group, Last, Section};
use crate::tap::{Layer, Tap};
use crate::variant::Kernels;
use crate::{conv3x3, mixer, shuffle};

/// A streamed run in one precision.
///
/// At tick `k` row `k` goes in and stage `j` works on row `k - j`, for those of its rows that
/// exist; after the last row the ticks go on until the picture is complete. The result is that of
/// the whole picture at once, since a convolution sees the same rows and a mixer the same order.
pub struct Stream<'a, A: Arithmetic> {
    model: Model<'a>,
    kernels: Kernels<A>,
    packed: Packed<'a, A>,
    width: usize,
    height: usize,
    /// Next row to take.
    next: usize,
    buffers: Buffers<'a, A>,
}

/// Memory of a run; lengths are of rows of `W` pixels.
pub(crate) struct Buffers<'a, A: Arithmetic> {
    /// Last rows of the input, for the anchor.
    input: Ring<'a, u8>,
    /// Input of the first convolution.
    pixels: Ring<'a, A::Act>,
    /// First feature, kept until the body is through.
    first: Ring<'a, A::Act>,
    /// Inputs of the groups, `groups` rings of 2 rows.
    group_input: &'a mut [A::Act],
    /// Inputs of the groups' convolutions, `groups` rings of 3 rows.
    group_conv: &'a mut [A::In],
    /// Input of the convolution after the body.
    body: Ring<'a, A::In>,
    /// Input of the last convolution.
    upsample: Ring<'a, A::In>,
    /// The row at hand and the row that a convolution makes of it.
    row: &'a mut [A::Act],
    next: &'a mut [A::Act],
    /// `[groups * blocks, 3, E]` and `[groups * blocks, N, E]`.
    history: &'a mut [A::Act],
    states: &'a mut [A::Wide],
    scratch: mixer::Scratch<'a, A>,
    output: OutputBuffers<'a, A>,
}

/// Memory of the magnified rows.
struct OutputBuffers<'a, A: Arithmetic> {
    /// `[W, channels * scale^2]`.
    sub_pixels: &'a mut [A::Act],
    /// `[W * scale, channels]` each.
    shuffled: &'a mut [A::Act],
    anchor: &'a mut [i32],
    values: &'a mut [A::Wide],
    bytes: &'a mut [u8],
    /// `[W, channels]`.
    column: &'a mut [i32],
}

/// The last rows of a tensor.
struct Ring<'a, T> {
    values: &'a mut [T],
    row_len: usize,
}

impl<'a, T: bytemuck::Pod> Ring<'a, T> {
    fn new(memory: &mut impl Allocate<'a>, rows: usize, row_len: usize) -> Self {
        Self {
            values: memory.take(rows.saturating_mul(row_len)),
            row_len,
        }
    }

    fn row(&self, y: usize) -> &[T] {
        ring_row(self.values, self.row_len, y)
    }

    fn row_mut(&mut self, y: usize) -> &mut [T] {
        let rows = self.values.len() / self.row_len;
        &mut self.values[y % rows * self.row_len..][..self.row_len]
    }
}

fn ring_row<T>(ring: &[T], row_len: usize, y: usize) -> &[T] {
    let rows = ring.len() / row_len;
    &ring[y % rows * row_len..][..row_len]
}

/// Returns the rows around row `y` of a picture of `height` rows, none outside.
fn around<T>(ring: &[T], row_len: usize, y: usize, height: usize) -> [Option<&[T]>; 3] {
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
        Self {
            input: Ring::new(memory, anchor_rows, colours),
            pixels: Ring::new(memory, 3, colours),
            first: Ring::new(memory, g + 2, row_len),
            group_input: memory.take(rows(2 * g)),
            group_conv: memory.take(rows(3 * g)),
            body: Ring::new(memory, 3, row_len),
            upsample: Ring::new(memory, 3, row_len),
            row: memory.take(rows(1)),
            next: memory.take(rows(1)),
            history: memory.take(mixers * (CONV1D_TAPS - 1) * config.inner),
            states: memory.take(mixers * config.states * config.inner),
            scratch: scratch(memory, model, footprint),
            output: OutputBuffers {
                sub_pixels: memory.take(width.saturating_mul(config.sub_pixels())),
                shuffled: memory.take(colours.saturating_mul(config.scale)),
                anchor: memory.take(colours.saturating_mul(config.scale)),
                values: memory.take(colours.saturating_mul(config.scale)),
                bytes: memory.take(colours.saturating_mul(config.scale)),
                column: memory.take(colours),
            },
        }
    }
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
    let inputs = forms().map(|(weight, form)| {
        let inputs = weight.inputs * weight.taps;
        inputs.max(form.rank().unwrap_or(0))
    });
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

impl<'a, A: Arithmetic> Stream<'a, A> {
    /// Begins a run with the fastest kernels; see [`crate::Upscaler::new`].
    ///
    /// # Errors
    /// As there; also when the model is not of this precision's type.
    pub fn new(
        model: &Model<'a>,
        width: usize,
        height: usize,
        arena: &'a mut [u64],
    ) -> Result<Self, ExecError> {
        Self::with_kernels(Kernels::best(), model, width, height, arena)
    }

    /// Begins a run with these kernels; the arena is as long as
    /// [`crate::Plan::with_kernels`] says.
    ///
    /// # Errors
    /// As [`Stream::new`].
    pub fn with_kernels(
        kernels: Kernels<A>,
        model: &Model<'a>,
        width: usize,
        height: usize,
        arena: &'a mut [u64],
    ) -> Result<Self, ExecError> {
        let sides = 1..=SIDE_MAX;
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(ExecError::Size { width, height });
        }
        let footprint = Footprint::of(&kernels);
        let needed = arena_bytes::<A>(model, &footprint, width);
        let given = size_of_val(arena);
        if needed > given {
            return Err(ExecError::Memory { needed, given });
        }
        let mut arena = Arena::new(arena);
        let buffers = Buffers::new(&mut arena, model, &footprint, width);
        let sections = arena.take(Section::all(model.config()).count());
        let words = arena.take(packed_words::<A>(model, &footprint));
        Ok(Self {
            model: model.clone(),
            kernels,
            packed: Packed::new(model, kernels.linear, sections, words)?,
            width,
            height,
            next: 0,
            buffers,
        })
    }

    /// Takes the next row; see [`crate::Upscaler::push_row`].
    ///
    /// # Errors
    /// As there.
    pub fn push_row(
        &mut self,
        row: &[u8],
        tap: &mut impl Tap,
        sink: &mut impl FnMut(usize, &[u8]),
    ) -> Result<(), ExecError> {
        let expected = self.width * self.model.config().channels;
        if row.len() != expected {
            return Err(ExecError::Row {
                expected,
                given: row.len(),
            });
        }
        if self.next == self.height {
            return Err(ExecError::Finished);
        }
        self.load_row(row);
        self.tick(self.next, tap, sink)?;
        self.next += 1;
        if self.next == self.height {
            let look_ahead = self.model.config().groups + 3;
            for k in self.height..self.height + look_ahead {
                self.tick(k, tap, sink)?;
            }
        }
        Ok(())
    }

    fn load_row(&mut self, row: &[u8]) {
        let config = self.model.config();
        if config.anchor != Anchor::None {
            self.buffers.input.row_mut(self.next).copy_from_slice(row);
        }
        let pixels = self.buffers.pixels.row_mut(self.next);
        for (i, (pixel, &byte)) in pixels.iter_mut().zip(row).enumerate() {
            *pixel = A::pixel(config, i % config.channels, byte);
        }
    }

    /// Lets every stage work on its row of tick `k`.
    fn tick(
        &mut self,
        k: usize,
        tap: &mut impl Tap,
        sink: &mut impl FnMut(usize, &[u8]),
    ) -> Result<(), ExecError> {
        let groups = self.model.config().groups;
        let Some(y) = k.checked_sub(1) else {
            return Ok(());
        };
        if y < self.height {
            self.first(y, tap)?;
        }
        for group in 0..groups {
            let Some(y) = y.checked_sub(group) else {
                return Ok(());
            };
            if y < self.height {
                self.blocks(group, y, tap)?;
            }
            let Some(y) = y.checked_sub(1) else {
                return Ok(());
            };
            if y < self.height {
                self.group_end(group, y, tap)?;
            }
        }
        let Some(y) = y.checked_sub(groups) else {
            return Ok(());
        };
        let mut source = self.packed.section(&self.model, Section::Last);
        let last = Last::load(&mut source, self.model.config(), &|i| self.model.form(i))?;
        if y < self.height {
            self.norm_last(&last, y, tap);
        }
        let Some(y) = y.checked_sub(1) else {
            return Ok(());
        };
        if y < self.height {
            self.body(&last, y, tap);
        }
        let Some(y) = y.checked_sub(1) else {
            return Ok(());
        };
        if y < self.height {
            self.upsample(&last, y, tap);
            self.emit(y, tap, sink);
        }
        Ok(())
    }

    /// First convolution and norm.
    fn first(&mut self, y: usize, tap: &mut impl Tap) -> Result<(), ExecError> {
        let config = *self.model.config();
        let mut source = self.packed.section(&self.model, Section::First);
        let params = First::<A>::load(&mut source, &config, &|i| self.model.form(i))?;
        let b = &mut self.buffers;
        let rows = around(b.pixels.values, b.pixels.row_len, y, self.height);
        let out = b.first.row_mut(y);
        let path = self.kernels.linear.of_acts();
        convolve(
            &path,
            &params.conv,
            rows,
            &mut b.scratch,
            config.channels,
            out,
        );
        tap.record(Layer::ConvFirst, out);
        (self.kernels.norm.acts)(&params.norm, out, config.width, b.row);
        tap.record(Layer::NormFirst, b.row);
        Ok(())
    }

    /// Blocks of a group, and its convolution's input.
    fn blocks(&mut self, group: usize, y: usize, tap: &mut impl Tap) -> Result<(), ExecError> {
        let config = *self.model.config();
        let b = &mut self.buffers;
        let len = b.row.len();
        b.group_input[(2 * group + y % 2) * len..][..len].copy_from_slice(b.row);
        for block in 0..config.blocks {
            let mut source = self
                .packed
                .section(&self.model, Section::Block { group, block });
            let forms = |i| self.model.form(i);
            let params = Block::load(&mut source, &config, &forms, group, block)?;
            let mixer = group * config.blocks + block;
            let history_len = (CONV1D_TAPS - 1) * config.inner;
            let states_len = config.states * config.inner;
            let mut state = mixer::State {
                history: &mut b.history[mixer * history_len..][..history_len],
                scan: &mut b.states[mixer * states_len..][..states_len],
            };
            let place = (group as u8, block as u8);
            mixer::row(
                &self.kernels,
                &params,
                &config,
                place,
                b.row,
                &mut state,
                &mut b.scratch,
                tap,
            );
        }
        let conv = &mut b.group_conv[(3 * group + y % 3) * len..][..len];
        narrow::<A>(b.row, conv);
        Ok(())
    }

    /// Convolution and residual of a group.
    fn group_end(&mut self, group: usize, y: usize, tap: &mut impl Tap) -> Result<(), ExecError> {
        let config = *self.model.config();
        let mut source = self.packed.section(&self.model, Section::Group { group });
        let params = Group::<A>::load(&mut source, &config, &|i| self.model.form(i), group)?;
        let b = &mut self.buffers;
        let len = b.row.len();
        let ring = &b.group_conv[3 * group * len..][..3 * len];
        let rows = around(ring, len, y, self.height);
        let path = self.kernels.linear.of_inputs();
        convolve(
            &path,
            &params.conv,
            rows,
            &mut b.scratch,
            config.width,
            b.next,
        );
        let group_index = group as u8;
        tap.record(Layer::GroupConv { group: group_index }, b.next);
        let input = &b.group_input[(2 * group + y % 2) * len..][..len];
        (self.kernels.sum)(&params.sum, b.next, input);
        tap.record(Layer::Group { group: group_index }, b.next);
        core::mem::swap(&mut b.row, &mut b.next);
        Ok(())
    }

    /// Norm before the convolution after the body.
    fn norm_last(&mut self, last: &Last<'_, A>, y: usize, tap: &mut impl Tap) {
        let width = self.model.config().width;
        let b = &mut self.buffers;
        let out = b.body.row_mut(y);
        (self.kernels.norm.inputs)(&last.norm, b.row, width, out);
        tap.record(Layer::NormLast, out);
    }

    /// Convolution after the body and the first feature.
    fn body(&mut self, last: &Last<'_, A>, y: usize, tap: &mut impl Tap) {
        let width = self.model.config().width;
        let b = &mut self.buffers;
        let rows = around(b.body.values, b.body.row_len, y, self.height);
        let path = self.kernels.linear.of_inputs();
        convolve(&path, &last.conv, rows, &mut b.scratch, width, b.next);
        tap.record(Layer::ConvAfterBody, b.next);
        (self.kernels.sum)(&last.sum, b.next, b.first.row(y));
        tap.record(Layer::Body, b.next);
        narrow::<A>(b.next, b.upsample.row_mut(y));
    }

    /// Last convolution.
    fn upsample(&mut self, last: &Last<'_, A>, y: usize, tap: &mut impl Tap) {
        let config = self.model.config();
        let b = &mut self.buffers;
        let rows = around(b.upsample.values, b.upsample.row_len, y, self.height);
        let out = &mut *b.output.sub_pixels;
        let path = self.kernels.linear.of_inputs();
        convolve(
            &path,
            &last.upsample,
            rows,
            &mut b.scratch,
            config.width,
            out,
        );
        tap.record(Layer::Upsample, out);
    }

    /// Magnified rows of row `y`.
    fn emit(&mut self, y: usize, tap: &mut impl Tap, sink: &mut impl FnMut(usize, &[u8])) {
        let config = self.model.config();
        let (channels, scale) = (config.channels, config.scale);
        let input = &self.buffers.input;
        let b = &mut self.buffers.output;
        for dy in 0..scale {
            shuffle::row(b.sub_pixels, b.shuffled, channels, scale, dy);
            match config.anchor {
                Anchor::None => {}
                Anchor::Nearest => anchor::nearest_row(input.row(y), scale, channels, b.anchor),
                Anchor::Bicubic => {
                    let at = ((y, self.height), (scale, dy));
                    let row_at = |y| input.row(y);
                    anchor::bicubic_row(row_at, at.0, at.1, channels, b.column, b.anchor);
                }
            }
            for (i, value) in b.values.iter_mut().enumerate() {
                *value = match config.anchor {
                    Anchor::None => A::centred(config, i % channels, b.shuffled[i]),
                    Anchor::Nearest | Anchor::Bicubic => A::anchored(b.shuffled[i], b.anchor[i]),
                };
            }
            tap.record(Layer::Output, b.values);
            for (byte, &value) in b.bytes.iter_mut().zip(&*b.values) {
                *byte = A::to_pixel(value);
            }
            sink(y * scale + dy, b.bytes);
        }
    }
}

/// Convolves one row with the run's scratch memory.
fn convolve<A: Arithmetic, X: Copy>(
    path: &Path<A, X, A::Act>,
    weights: &Weights<'_, A>,
    rows: [Option<&[X]>; 3],
    scratch: &mut mixer::Scratch<'_, A>,
    inputs: usize,
    out: &mut [A::Act],
) {
    conv3x3::row(path, weights, rows, &mut scratch.linear, inputs, out);
}

/// Takes a row to the input of the next convolution.
fn narrow<A: Arithmetic>(row: &[A::Act], out: &mut [A::In]) {
    for (out, &x) in out.iter_mut().zip(row) {
        *out = A::narrow(x);
    }
}
