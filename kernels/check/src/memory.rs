//! Memory of a case: buffers between guard bytes, at any alignment that their type allows.

use bytemuck::Pod;

/// Bytes of guard on each side of a buffer.
const GUARD: usize = 16;

/// Cuts buffers off a block.
pub(crate) struct Memory<'m> {
    rest: &'m mut [u64],
    /// Elements that a buffer begins after its guard.
    misaligned: usize,
    /// The byte that everything outside the buffers has, and the buffers before they are filled.
    pattern: u8,
}

impl<'m> Memory<'m> {
    /// Fills a block with `pattern`, to be cut into buffers that begin `misaligned` elements late.
    pub(crate) fn new(block: &'m mut [u64], pattern: u8, misaligned: usize) -> Self {
        block.fill(u64::from_ne_bytes([pattern; 8]));
        Self {
            rest: block,
            misaligned,
            pattern,
        }
    }

    /// Returns a buffer with the pattern in it; nothing when the block is too short.
    pub(crate) fn take<T: Pod>(&mut self, len: usize) -> Option<Buffer<'m, T>> {
        let before = GUARD + self.misaligned * size_of::<T>();
        let words = (before + len * size_of::<T>() + GUARD).div_ceil(8);
        let (taken, rest) = core::mem::take(&mut self.rest).split_at_mut_checked(words)?;
        self.rest = rest;
        Some(Buffer {
            bytes: bytemuck::must_cast_slice_mut(taken),
            before,
            len,
            pattern: self.pattern,
            element: core::marker::PhantomData,
        })
    }

    /// Returns an array of values, without guards to check: an input.
    pub(crate) fn array<T: Pod>(
        &mut self,
        len: usize,
        mut next: impl FnMut() -> T,
    ) -> Option<&'m mut [T]> {
        let values = self.take(len)?.into_values();
        for value in &mut *values {
            *value = next();
        }
        Some(values)
    }
}

/// Values between guard bytes.
pub(crate) struct Buffer<'m, T> {
    bytes: &'m mut [u8],
    before: usize,
    len: usize,
    pattern: u8,
    element: core::marker::PhantomData<T>,
}

impl<'m, T: Pod> Buffer<'m, T> {
    /// Returns the values.
    pub(crate) fn values(&mut self) -> &mut [T] {
        bytemuck::cast_slice_mut(&mut self.bytes[self.before..][..self.len * size_of::<T>()])
    }

    fn into_values(self) -> &'m mut [T] {
        bytemuck::cast_slice_mut(&mut self.bytes[self.before..][..self.len * size_of::<T>()])
    }

    /// Tells whether nothing was written outside the values.
    pub(crate) fn is_intact(&self) -> bool {
        let end = self.before + self.len * size_of::<T>();
        let outside = self.bytes[..self.before].iter().chain(&self.bytes[end..]);
        outside.clone().all(|&byte| byte == self.pattern)
    }
}
