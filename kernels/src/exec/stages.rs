//! The stages of a streamed run: what each makes of one row.

use crate::anchor;
use crate::arith::Arithmetic;
use crate::config::{Anchor, CONV1D_TAPS};
use crate::exec::ExecError;
use crate::exec::buffers::{around, group_input_range};
use crate::exec::stream::Stream;
use crate::linear::{Path, Weights};
use crate::network::{Block, First, Group, Last, Section};
use crate::tap::{Layer, Tap};
use crate::{conv3x3, mixer, shuffle};

impl<A: Arithmetic> Stream<'_, A> {
    /// First convolution and norm.
    pub(super) fn first(&mut self, y: usize, tap: &mut impl Tap) -> Result<(), ExecError> {
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
        let row = b.work.row_mut();
        (self.kernels.norm.acts)(&params.norm, out, config.width, row);
        tap.record(Layer::NormFirst, row);
        Ok(())
    }

    /// Blocks of a group, and its convolution's input.
    pub(super) fn blocks(
        &mut self,
        group: usize,
        y: usize,
        tap: &mut impl Tap,
    ) -> Result<(), ExecError> {
        let config = *self.model.config();
        let b = &mut self.buffers;
        let (len, row) = (b.work.row_len, b.work.row_mut());
        let blocks = self.part.blocks_of(group);
        if blocks.start == 0 {
            let range = group_input_range(len, group, y);
            b.group_input[range].copy_from_slice(row);
        }
        for block in blocks {
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
                row,
                &mut state,
                &mut b.scratch,
                tap,
            );
        }
        if self.part.ends_group(group) {
            let conv = &mut b.group_conv[(3 * group + y % 3) * len..][..len];
            narrow::<A>(row, conv);
        }
        Ok(())
    }

    /// Convolution and residual of a group.
    pub(super) fn group_end(
        &mut self,
        group: usize,
        y: usize,
        tap: &mut impl Tap,
    ) -> Result<(), ExecError> {
        let config = *self.model.config();
        let mut source = self.packed.section(&self.model, Section::Group { group });
        let params = Group::<A>::load(&mut source, &config, &|i| self.model.form(i), group)?;
        let b = &mut self.buffers;
        let (len, row) = (b.work.row_len, b.work.row_mut());
        let ring = &b.group_conv[3 * group * len..][..3 * len];
        let rows = around(ring, len, y, self.height);
        let path = self.kernels.linear.of_inputs();
        convolve(&path, &params.conv, rows, &mut b.scratch, config.width, row);
        let group_index = group as u8;
        tap.record(Layer::GroupConv { group: group_index }, row);
        let input = &b.group_input[group_input_range(len, group, y)];
        (self.kernels.sum)(&params.sum, row, input);
        tap.record(Layer::Group { group: group_index }, row);
        Ok(())
    }

    /// Norm before the convolution after the body.
    pub(super) fn norm_last(&mut self, last: &Last<'_, A>, y: usize, tap: &mut impl Tap) {
        let width = self.model.config().width;
        let b = &mut self.buffers;
        let out = b.body.row_mut(y);
        (self.kernels.norm.inputs)(&last.norm, b.work.row(), width, out);
        tap.record(Layer::NormLast, out);
    }

    /// Convolution after the body and the first feature.
    pub(super) fn body(&mut self, last: &Last<'_, A>, y: usize, tap: &mut impl Tap) {
        let width = self.model.config().width;
        let b = &mut self.buffers;
        let rows = around(b.body.values, b.body.row_len, y, self.height);
        let path = self.kernels.linear.of_inputs();
        let row = b.work.row_mut();
        convolve(&path, &last.conv, rows, &mut b.scratch, width, row);
        tap.record(Layer::ConvAfterBody, row);
        (self.kernels.sum)(&last.sum, row, b.first.row(y));
        tap.record(Layer::Body, row);
        narrow::<A>(row, b.upsample.row_mut(y));
    }

    /// Last convolution.
    pub(super) fn upsample(&mut self, last: &Last<'_, A>, y: usize, tap: &mut impl Tap) {
        let config = self.model.config();
        let b = &mut self.buffers;
        let rows = around(b.upsample.values, b.upsample.row_len, y, self.height);
        let out = b.work.sub_pixels_mut();
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

    /// Magnified rows of row `y`, a band of pixels at a time.
    pub(super) fn emit(
        &mut self,
        y: usize,
        tap: &mut impl Tap,
        sink: &mut impl FnMut(usize, &[u8]),
    ) {
        let config = self.model.config();
        let (channels, scale) = (config.channels, config.scale);
        let (input, sub_pixels) = (&self.buffers.input, self.buffers.work.sub_pixels());
        let b = &mut self.buffers.output;
        for dy in 0..scale {
            if config.anchor == Anchor::Bicubic {
                let row_at = |y| input.row(y);
                anchor::bicubic_column(row_at, (y, self.height), (scale, dy), b.column);
            }
            for (i, bytes) in b.bytes.chunks_mut(b.band * scale * channels).enumerate() {
                let (at, len) = (i * b.band, bytes.len());
                let anchor = &mut b.anchor[..len];
                match config.anchor {
                    Anchor::None => {}
                    Anchor::Nearest => {
                        anchor::nearest(&input.row(y)[at * channels..], scale, channels, anchor);
                    }
                    Anchor::Bicubic => anchor::bicubic(b.column, at, scale, channels, anchor),
                }
                let x = &sub_pixels[at * config.sub_pixels()..];
                let (anchor, values) = (&*anchor, &mut b.values[..len]);
                let order = (channels, scale, dy);
                let anchored = |x, anchor, _| A::anchored(x, anchor);
                match (config.anchor, order) {
                    (Anchor::None, _) => {
                        let centred = |x, _, channel| A::centred(config, channel, x);
                        shuffle::row(x, anchor, values, order, centred);
                    }
                    // The common magnification, which the compiler unrolls.
                    (_, (3, 4, dy)) => shuffle::row(x, anchor, values, (3, 4, dy), anchored),
                    _ => shuffle::row(x, anchor, values, order, anchored),
                }
                tap.record(Layer::Output, values);
                for (byte, &value) in bytes.iter_mut().zip(&*values) {
                    *byte = A::to_pixel(value);
                }
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
