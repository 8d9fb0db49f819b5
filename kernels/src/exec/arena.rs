//! Memory of a run: one block, cut into typed buffers by the same code that measures it.

use bytemuck::Pod;

/// Unit of a cut, in bytes.
const ALIGN: usize = 8;

/// Cuts buffers off a block, or only counts them.
pub(crate) trait Allocate<'a> {
    /// Returns the next buffer of `len` elements.
    fn take<T: Pod>(&mut self, len: usize) -> &'a mut [T];
}

/// Counts the bytes of the buffers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measure {
    bytes: usize,
}

impl Measure {
    /// Returns the bytes counted; the largest number when they pass it.
    pub(crate) fn bytes(self) -> usize {
        self.bytes
    }
}

impl<'a> Allocate<'a> for Measure {
    fn take<T: Pod>(&mut self, len: usize) -> &'a mut [T] {
        let bytes = len.saturating_mul(size_of::<T>());
        let aligned = bytes.checked_next_multiple_of(ALIGN).unwrap_or(usize::MAX);
        self.bytes = self.bytes.saturating_add(aligned);
        &mut []
    }
}

/// Cuts buffers off a block that [`Measure`] found large enough, zeroed.
#[derive(Debug)]
pub(crate) struct Arena<'a> {
    rest: &'a mut [u64],
}

impl<'a> Arena<'a> {
    pub(crate) fn new(block: &'a mut [u64]) -> Self {
        Self { rest: block }
    }
}

impl<'a> Allocate<'a> for Arena<'a> {
    fn take<T: Pod>(&mut self, len: usize) -> &'a mut [T] {
        let words = (len * size_of::<T>()).div_ceil(ALIGN);
        let (taken, rest) = core::mem::take(&mut self.rest).split_at_mut(words);
        self.rest = rest;
        taken.fill(0);
        &mut bytemuck::must_cast_slice_mut::<u64, T>(taken)[..len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_bytes_than_there_are_numbers_is_the_largest_number() {
        let mut measure = Measure::default();
        assert!(measure.take::<u8>(1).is_empty());
        assert_eq!(measure.bytes(), ALIGN);
        measure.take::<u64>(usize::MAX / 8 + 2);
        measure.take::<u8>(1);
        assert_eq!(measure.bytes(), usize::MAX);
    }
}
