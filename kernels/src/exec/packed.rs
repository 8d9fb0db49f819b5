//! Packed weights: the matrices of a model as the kernels of a run want them, made once a run.

use crate::arith::Arithmetic;
use crate::exec::plan::Footprint;
use crate::linear::{Kernel, Matrix};
use crate::model::{ArraySource, Model, ModelError, Param, Source, WeightSource};
use crate::network::{Section, load_section};

/// The packed matrices of a model, in the order of the file.
pub(super) struct Packed<'a, A: Arithmetic> {
    kernel: Kernel<A>,
    /// Where each section begins in `words`.
    sections: &'a [u32],
    words: &'a [u64],
}

impl<'a, A: Arithmetic> Packed<'a, A> {
    /// Packs every matrix into `words`, which is as long as [`packed_words`] says; `sections` has
    /// one element a section.
    ///
    /// # Errors
    /// When the model is not of this precision's type.
    pub(super) fn new(
        model: &Model<'a>,
        kernel: Kernel<A>,
        sections: &'a mut [u32],
        words: &'a mut [u64],
    ) -> Result<Self, ModelError> {
        let mut packer = Packer {
            arrays: model.section(Section::First),
            kernel,
            words,
            used: 0,
        };
        for (section, at) in Section::all(model.config()).zip(&mut *sections) {
            *at = packer.used as u32;
            load_section::<A>(&mut packer, model.config(), &|i| model.form(i), section)?;
        }
        let words = packer.words;
        Ok(Self {
            kernel,
            sections,
            words,
        })
    }

    /// Returns a source of a section's arrays and packed matrices.
    pub(super) fn section(&self, model: &Model<'a>, section: Section) -> PackedSource<'a, A> {
        let at = self.sections.get(section.index(model.config()));
        let at = at.map_or(0, |&at| at as usize);
        PackedSource {
            arrays: model.section(section),
            kernel: self.kernel,
            words: self.words.get(at..).unwrap_or_default(),
        }
    }
}

/// Returns the 64-bit words of all packed matrices of a model.
pub(super) fn packed_words<A: Arithmetic>(model: &Model<'_>, footprint: &Footprint) -> usize {
    let mut counter = Counter {
        arrays: model.section(Section::First),
        packed_words: footprint.packed,
        words: 0,
    };
    for section in Section::all(model.config()) {
        // A model that cannot be read has no run: `Packed::new` says why.
        let _ = load_section::<A>(&mut counter, model.config(), &|i| model.form(i), section);
    }
    counter.words
}

/// Gives the arrays of a section and the packed matrices beside them.
pub(super) struct PackedSource<'a, A: Arithmetic> {
    arrays: ArraySource<'a>,
    kernel: Kernel<A>,
    words: &'a [u64],
}

/// Packs each matrix that the network asks for.
struct Packer<'a, A: Arithmetic> {
    arrays: ArraySource<'a>,
    kernel: Kernel<A>,
    words: &'a mut [u64],
    used: usize,
}

/// Counts the words of each matrix that the network asks for.
struct Counter<'a> {
    arrays: ArraySource<'a>,
    packed_words: fn((usize, usize), usize) -> usize,
    words: usize,
}

macro_rules! arrays_of_the_file {
    ($($source:ty: <$($generic:ident)?>),*) => {$(
        impl<'a $(, $generic: Arithmetic)?> Source<'a> for $source {
            fn array<T: bytemuck::Pod>(
                &mut self,
                param: Param,
                len: usize,
            ) -> Result<&'a [T], ModelError> {
                self.arrays.array(param, len)
            }

            fn verifies(&self) -> bool {
                false
            }
        }
    )*};
}
arrays_of_the_file!(PackedSource<'a, A>: <A>, Packer<'a, A>: <A>, Counter<'a>: <>);

impl<'a, A: Arithmetic> WeightSource<'a, A> for PackedSource<'a, A> {
    fn packed(&mut self, matrix: &Matrix<'a, A>, input_bytes: usize) -> &'a [u64] {
        let words = (self.kernel.packed_words)((matrix.outputs, matrix.inputs), input_bytes);
        let (packed, rest) = self.words.split_at_checked(words).unwrap_or_default();
        self.words = rest;
        packed
    }
}

impl<'a, A: Arithmetic> WeightSource<'a, A> for Packer<'a, A> {
    fn packed(&mut self, matrix: &Matrix<'a, A>, input_bytes: usize) -> &'a [u64] {
        let words = (self.kernel.packed_words)((matrix.outputs, matrix.inputs), input_bytes);
        if let Some(packed) = self.words.get_mut(self.used..self.used + words) {
            (self.kernel.pack)(matrix, input_bytes, packed);
        }
        self.used += words;
        &[]
    }
}

impl<'a, A: Arithmetic> WeightSource<'a, A> for Counter<'a> {
    fn packed(&mut self, matrix: &Matrix<'a, A>, input_bytes: usize) -> &'a [u64] {
        self.words += (self.packed_words)((matrix.outputs, matrix.inputs), input_bytes);
        &[]
    }
}
