//! Rows of a tensor at a stride: one operand of several pixels inside a wider tensor.

/// The same part of several pixels: `row(i)` begins `i * stride` elements after the first.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a, T> {
    values: &'a [T],
    stride: usize,
    len: usize,
}

impl<'a, T> Rows<'a, T> {
    /// Takes elements `from..from + len` of each pixel of `stride` elements.
    #[inline(always)]
    pub fn new(values: &'a [T], stride: usize, from: usize, len: usize) -> Self {
        Self {
            values: values.get(from..).unwrap_or_default(),
            stride,
            len,
        }
    }

    /// Takes whole pixels of `len` elements.
    #[inline(always)]
    pub fn packed(values: &'a [T], len: usize) -> Self {
        Self::new(values, len, 0, len)
    }

    /// Returns the part of pixel `i`, `[len]`.
    #[inline(always)]
    pub fn row(&self, i: usize) -> &'a [T] {
        &self.values[i * self.stride..][..self.len]
    }

    /// Returns the elements from the first pixel's part on.
    #[inline(always)]
    pub fn values(&self) -> &'a [T] {
        self.values
    }

    /// Returns the elements from one pixel's part to the next one's.
    #[inline(always)]
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Returns the elements of a pixel's part.
    #[inline(always)]
    #[expect(
        clippy::len_without_is_empty,
        reason = "the length of a part, never empty"
    )]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Tells whether the parts of `pixels` pixels are there, so that a variant may read them
    /// without looking again.
    #[inline(always)]
    pub fn holds(&self, pixels: usize) -> bool {
        match pixels.checked_sub(1) {
            None => true,
            Some(last) => last
                .checked_mul(self.stride)
                .and_then(|at| at.checked_add(self.len))
                .is_some_and(|end| end <= self.values.len()),
        }
    }
}
