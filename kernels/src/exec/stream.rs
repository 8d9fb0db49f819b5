//! Row streaming: the whole network, or a part of it, with a few rows of memory a convolution.

use crate::arith::Arithmetic;
use crate::config::Anchor;
use crate::exec::arena::{Allocate, Arena};
use crate::exec::buffers::Buffers;
use crate::exec::packed::{Packed, packed_words};
use crate::exec::part::{Part, Trunk};
use crate::exec::plan::{Footprint, arena_bytes};
use crate::exec::{ExecError, SIDE_MAX};
use crate::model::Model;
use crate::network::{Last, Section};
use crate::tap::Tap;
use crate::variant::Kernels;

/// A streamed run in one precision.
///
/// At tick `k` row `k` goes in and stage `j` works on row `k - j`, for those of its rows that
/// exist; after the last row the ticks go on until the picture is complete. The result is that of
/// the whole picture at once, since a convolution sees the same rows and a mixer the same order.
///
/// A run of a [`Part`] does some of the stages; several, each fed by the one before, do the same
/// work as one whole run and may do it at the same time.
pub struct Stream<'a, A: Arithmetic> {
    pub(super) model: Model<'a>,
    pub(super) kernels: Kernels<A>,
    pub(super) packed: Packed<'a, A>,
    pub(super) part: Part,
    pub(super) width: usize,
    pub(super) height: usize,
    /// Next row to take.
    next: usize,
    pub(super) buffers: Buffers<'a, A>,
}

/// Takes what a run gives.
pub trait Sink<A: Arithmetic> {
    /// Takes magnified row `y`, `[width * scale, channels]`; from a run of the last part.
    fn row(&mut self, y: usize, row: &[u8]);

    /// Takes row `y` of what the next part goes on with; from a run of any other part.
    fn trunk(&mut self, y: usize, trunk: Trunk<'_, A>);
}

/// A sink of magnified rows only.
struct Rows<F>(F);

impl<A: Arithmetic, F: FnMut(usize, &[u8])> Sink<A> for Rows<F> {
    fn row(&mut self, y: usize, row: &[u8]) {
        (self.0)(y, row);
    }

    fn trunk(&mut self, _y: usize, _trunk: Trunk<'_, A>) {}
}

impl<'a, A: Arithmetic> Stream<'a, A> {
    /// Begins a run of the whole network with the fastest kernels; see [`crate::Upscaler::new`].
    ///
    /// # Errors
    /// As there; also when the model is not of this precision's type.
    pub fn new(
        model: &Model<'a>,
        width: usize,
        height: usize,
        arena: &'a mut [u64],
    ) -> Result<Self, ExecError> {
        let part = Part::whole(model.config());
        Self::with_kernels(Kernels::best(), part, model, (width, height), arena)
    }

    /// Begins a run of a part with these kernels, for a picture of `(width, height)`; the arena
    /// is as long as [`crate::Plan::with_kernels`] says.
    ///
    /// # Errors
    /// As [`Stream::new`].
    pub fn with_kernels(
        kernels: Kernels<A>,
        part: Part,
        model: &Model<'a>,
        size: (usize, usize),
        arena: &'a mut [u64],
    ) -> Result<Self, ExecError> {
        let footprint = Footprint::of(&kernels);
        Self::with_footprint(kernels, &footprint, part, model, size, arena)
    }

    /// Begins a run of the whole network in the memory of a microcontroller; see
    /// [`crate::Upscaler::microcontroller`].
    ///
    /// # Errors
    /// As [`Stream::new`].
    pub fn microcontroller(
        model: &Model<'a>,
        size: (usize, usize),
        arena: &'a mut [u64],
    ) -> Result<Self, ExecError> {
        let (kernels, footprint) = (Kernels::frugal(), &Footprint::MICROCONTROLLER);
        let part = Part::whole(model.config());
        Self::with_footprint(kernels, footprint, part, model, size, arena)
    }

    fn with_footprint(
        kernels: Kernels<A>,
        footprint: &Footprint,
        part: Part,
        model: &Model<'a>,
        (width, height): (usize, usize),
        arena: &'a mut [u64],
    ) -> Result<Self, ExecError> {
        let sides = 1..=SIDE_MAX;
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(ExecError::Size { width, height });
        }
        let needed = arena_bytes::<A>(model, footprint, width);
        let given = size_of_val(arena);
        if needed > given {
            return Err(ExecError::Memory { needed, given });
        }
        let mut arena = Arena::new(arena);
        let buffers = Buffers::new(&mut arena, model, footprint, width);
        let sections = arena.take(Section::all(model.config()).count());
        let words = arena.take(packed_words::<A>(model, footprint));
        Ok(Self {
            model: model.clone(),
            kernels,
            packed: Packed::new(model, kernels.linear, sections, words)?,
            part,
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
        self.push(row, None, tap, &mut Rows(sink))
    }

    /// Takes the next row of the picture, `[width, channels]`, and but for the first part that row
    /// of what the part before gave.
    ///
    /// # Errors
    /// A row of the wrong length or past the last.
    pub fn push(
        &mut self,
        row: &[u8],
        trunk: Option<Trunk<'_, A>>,
        tap: &mut impl Tap,
        sink: &mut impl Sink<A>,
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
        if let Some(trunk) = trunk {
            self.load_trunk(trunk);
        }
        let lag = self.part.lag_of_input();
        self.tick(self.next + lag, tap, sink)?;
        self.next += 1;
        if self.next == self.height {
            let last = self.height + self.part.lag_of_output();
            for k in self.height + lag..last {
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

    /// Puts a row of the part before where the stages look for it.
    fn load_trunk(&mut self, trunk: Trunk<'_, A>) {
        let (b, y) = (&mut self.buffers, self.next);
        b.work.row_mut().copy_from_slice(trunk.row);
        b.first.row_mut(y).copy_from_slice(trunk.first);
        if let Some((group, _)) = self.part.resumes_group() {
            b.group_input_mut(group, y)
                .copy_from_slice(trunk.group_input);
        }
    }

    /// Lets every stage of the part work on its row of tick `k`.
    fn tick(
        &mut self,
        k: usize,
        tap: &mut impl Tap,
        sink: &mut impl Sink<A>,
    ) -> Result<(), ExecError> {
        let (groups, height) = (self.model.config().groups, self.height);
        // The row that a stage so many rows behind the input works on.
        let row = |lag: usize| k.checked_sub(lag).filter(|&y| y < height);
        if let Some(y) = row(1).filter(|_| self.part.has_first()) {
            self.first(y, tap)?;
        }
        for group in self.part.groups() {
            if let Some(y) = row(1 + group) {
                self.blocks(group, y, tap)?;
                if self.part.leaves_group().is_some_and(|(of, _)| of == group) {
                    self.give(y, sink);
                }
            }
            if let Some(y) = row(2 + group).filter(|_| self.part.ends_group(group)) {
                self.group_end(group, y, tap)?;
                if self.part.stops_after(group) {
                    self.give(y, sink);
                }
            }
        }
        if !self.part.has_last() {
            return Ok(());
        }
        let mut source = self.packed.section(&self.model, Section::Last);
        let last = Last::load(&mut source, self.model.config(), &|i| self.model.form(i))?;
        if let Some(y) = row(1 + groups) {
            self.norm_last(&last, y, tap);
        }
        if let Some(y) = row(2 + groups) {
            self.body(&last, y, tap);
        }
        if let Some(y) = row(3 + groups) {
            self.upsample(&last, y, tap);
            self.emit(y, tap, &mut |y, row: &[u8]| sink.row(y, row));
        }
        Ok(())
    }

    /// Gives row `y` to the next part.
    fn give(&mut self, y: usize, sink: &mut impl Sink<A>) {
        let b = &self.buffers;
        let group_input: &[A::Act] = match self.part.leaves_group() {
            Some((group, _)) => b.group_input(group, y),
            None => &[],
        };
        let trunk = Trunk {
            row: b.work.row(),
            group_input,
            first: b.first.row(y),
        };
        sink.trunk(y, trunk);
    }
}
