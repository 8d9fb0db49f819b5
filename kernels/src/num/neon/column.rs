//! Parts of the pixels of a tensor, whose length is looked at once.
#![expect(
    unsafe_code,
    reason = "a load of each pixel without a look at the length"
)]

use bytemuck::Pod;

use super::Lanes;

/// The same elements of some pixels.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a, T> {
    /// From the first pixel's elements on; holds those of every pixel.
    values: &'a [T],
    stride: usize,
    pixels: usize,
    len: usize,
}

/// Tells whether `held` elements are `len` of each of the pixels.
#[inline(always)]
fn holds(held: usize, stride: usize, pixels: usize, len: usize) -> bool {
    let last = pixels.saturating_sub(1);
    let end = last.checked_mul(stride).and_then(|at| at.checked_add(len));
    end.is_some_and(|end| end <= held)
}

impl<'a, T: Pod> Parts<'a, T> {
    /// No pixels.
    pub(crate) const EMPTY: Self = Self {
        values: &[],
        stride: 0,
        pixels: 0,
        len: 0,
    };

    /// Returns the elements of a pixel.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Takes the first `len` elements of each pixel, pixels being `stride` elements apart; nothing
    /// when `values` does not hold all pixels.
    #[inline(always)]
    pub(crate) fn new(values: &'a [T], stride: usize, pixels: usize, len: usize) -> Option<Self> {
        holds(values.len(), stride, pixels, len).then_some(Self {
            values,
            stride,
            pixels,
            len,
        })
    }

    /// Calls `function` with each of `others` and the next `N` elements of each of `M` pixels,
    /// from element `from` on, as long as there are elements.
    #[inline(always)]
    pub(crate) fn zip<W, const N: usize, const M: usize>(
        &self,
        from: usize,
        others: &[W],
        mut function: impl FnMut(&W, [[T; N]; M]),
    ) {
        if M > self.pixels || from > self.len {
            return;
        }
        let groups = (self.len - from) / N;
        for (group, other) in others.iter().enumerate().take(groups) {
            // No `map`: it would be a call, and all sums would go through memory.
            let mut values = [[T::zeroed(); N]; M];
            for (pixel, values) in values.iter_mut().enumerate() {
                // SAFETY: `pixel` is below `pixels`, and `from + group * N + N` at most `len`.
                *values = unsafe { self.read(pixel, from + group * N) };
            }
            function(other, values);
        }
    }

    /// Returns `N` elements of a pixel; those that are not there are zeros.
    #[inline(always)]
    pub(crate) fn load_last<const N: usize>(&self, pixel: usize, at: usize) -> [T; N] {
        let mut last = [T::zeroed(); N];
        for (i, last) in last.iter_mut().enumerate() {
            if pixel < self.pixels && at + i < self.len {
                // SAFETY: as just seen.
                [*last] = unsafe { self.read(pixel, at + i) };
            }
        }
        last
    }

    /// Reads `N` elements of a pixel.
    ///
    /// # Safety
    /// `pixel` is below `pixels`, and `at + N` is at most `len`.
    #[inline(always)]
    unsafe fn read<const N: usize>(&self, pixel: usize, at: usize) -> [T; N] {
        // SAFETY: `new` has seen that `values` holds `len` elements of each of `pixels` pixels.
        let first = unsafe { self.values.as_ptr().add(pixel * self.stride + at) };
        // SAFETY: as above; an array is aligned as its elements are, and any bits are a `T`.
        unsafe { first.cast::<[T; N]>().read() }
    }
}

/// A block of `N` channels of each pixel.
pub(crate) struct Column<'a, T, L, const N: usize> {
    parts: Parts<'a, T>,
    lanes: L,
}

impl<'a, T: Pod, L: Lanes, const N: usize> Column<'a, T, L, N> {
    /// Takes the channels from element `at` of each pixel on, pixels being `stride` elements
    /// apart; nothing when `values` does not hold all pixels.
    #[inline(always)]
    pub(crate) fn new(
        values: &'a [T],
        stride: usize,
        pixels: usize,
        (at, lanes): (usize, L),
    ) -> Option<Self> {
        let parts = Parts::new(values.get(at..)?, stride, pixels, lanes.count(N))?;
        Some(Self { parts, lanes })
    }

    /// Returns the channels of a pixel; zeros for one that is not there.
    #[inline(always)]
    pub(crate) fn load(&self, pixel: usize) -> [T; N] {
        if self.lanes.count(N) < N {
            return self
                .lanes
                .load(self.parts.values, pixel * self.parts.stride);
        }
        if pixel >= self.parts.pixels {
            return [T::zeroed(); N];
        }
        // SAFETY: as just seen, and all `N` lanes are there.
        unsafe { self.parts.read(pixel, 0) }
    }
}

/// A block of `N` channels of each pixel, to be written.
pub(crate) struct ColumnMut<'a, T, L, const N: usize> {
    /// From the first pixel's channels on; holds those of every pixel.
    values: &'a mut [T],
    stride: usize,
    pixels: usize,
    lanes: L,
}

impl<'a, T: Pod, L: Lanes, const N: usize> ColumnMut<'a, T, L, N> {
    /// As [`Column::new`].
    #[inline(always)]
    pub(crate) fn new(
        values: &'a mut [T],
        stride: usize,
        pixels: usize,
        (at, lanes): (usize, L),
    ) -> Option<Self> {
        let values = values.get_mut(at..)?;
        holds(values.len(), stride, pixels, lanes.count(N)).then_some(Self {
            values,
            stride,
            pixels,
            lanes,
        })
    }

    /// Stores the channels of a pixel, if it is there.
    #[inline(always)]
    pub(crate) fn store(&mut self, pixel: usize, channels: [T; N]) {
        if self.lanes.count(N) < N {
            return self.lanes.store(self.values, pixel * self.stride, channels);
        }
        if pixel < self.pixels {
            // SAFETY: `new` has seen that `values` holds `N` elements of each of `pixels` pixels.
            let first = unsafe { self.values.as_mut_ptr().add(pixel * self.stride) };
            // SAFETY: as above; an array is aligned as its elements are.
            unsafe { first.cast::<[T; N]>().write(channels) };
        }
    }
}
