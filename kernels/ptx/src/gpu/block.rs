//! A block of threads: its numbers, its barrier and its shared memory.

use core::arch::nvptx::{_block_idx_x, _syncthreads, _thread_idx_x};
use core::arch::{asm, global_asm};
use core::marker::PhantomData;

use crate::args::Array;
use crate::layout::{Rows, THREADS};

global_asm!(".extern .shared .align 16 .b8 mambalite_shared[];");

/// Returns the number of this thread in its block.
#[inline(always)]
pub(super) fn thread() -> usize {
    // SAFETY: it reads a register.
    let thread = unsafe { _thread_idx_x() };
    thread as u32 as usize
}

/// Returns the number of this block.
#[inline(always)]
pub(super) fn block() -> usize {
    // SAFETY: it reads a register.
    let block = unsafe { _block_idx_x() };
    block as u32 as usize
}

/// Waits for all threads of the block; what they wrote to shared memory is there then.
#[inline(always)]
pub(super) fn barrier() {
    // SAFETY: all threads of a block take the same branches around barriers.
    unsafe { _syncthreads() };
}

/// Returns the shared memory of the block.
#[inline(always)]
fn shared() -> *mut u8 {
    let address: u64;
    // SAFETY: it computes an address.
    unsafe {
        asm!(
            "mov.u64 {0}, mambalite_shared;",
            "cvta.shared.u64 {0}, {0};",
            out(reg64) address,
            options(pure, nomem, nostack)
        );
    }
    address as *mut u8
}

/// Pixels of a tensor in shared memory.
#[derive(Clone, Copy)]
pub(super) struct Tile<T> {
    first: *mut u8,
    /// Bytes from one pixel to the next.
    pub(super) stride: usize,
    elements: PhantomData<T>,
}

impl<T: Copy> Tile<T> {
    #[inline(always)]
    pub(super) fn new(rows: &Rows) -> Self {
        Self {
            first: shared().wrapping_add(rows.at),
            stride: rows.stride,
            elements: PhantomData,
        }
    }

    /// Returns where a pixel's elements begin.
    #[inline(always)]
    pub(super) fn row(&self, pixel: usize) -> *mut T {
        self.first.wrapping_add(pixel * self.stride).cast()
    }

    /// Writes an element.
    ///
    /// # Safety
    /// It is in the tile, and no other thread touches it before the next barrier.
    #[inline(always)]
    pub(super) unsafe fn write(&self, pixel: usize, at: usize, value: T) {
        // SAFETY: the caller's promise.
        unsafe { self.row(pixel).wrapping_add(at).write(value) };
    }

    /// Writes four elements from a multiple of four on.
    ///
    /// # Safety
    /// As [`Tile::write`].
    #[inline(always)]
    pub(super) unsafe fn write_quad(&self, pixel: usize, at: usize, values: [T; QUAD])
    where
        T: Scalar,
    {
        let place = self.row(pixel).wrapping_add(at).cast::<T::Quad>();
        // SAFETY: the caller's promise; rows begin at multiples of 16 bytes.
        unsafe { place.write(values.into()) };
    }

    /// Reads an element.
    ///
    /// # Safety
    /// It is in the tile and was written before the last barrier.
    #[inline(always)]
    pub(super) unsafe fn read(&self, pixel: usize, at: usize) -> T {
        // SAFETY: the caller's promise.
        unsafe { self.row(pixel).wrapping_add(at).read() }
    }

    /// Reads four elements from a multiple of four on.
    ///
    /// # Safety
    /// As [`Tile::read`].
    #[inline(always)]
    pub(super) unsafe fn read_quad(&self, pixel: usize, at: usize) -> [T; QUAD]
    where
        T: Scalar,
    {
        let place = self.row(pixel).wrapping_add(at).cast::<T::Quad>();
        // SAFETY: the caller's promise; rows begin at multiples of 16 bytes.
        unsafe { place.read() }.into()
    }

    /// Returns the first elements of a pixel.
    ///
    /// # Safety
    /// As [`Tile::read`], and nobody writes them while they are borrowed.
    #[inline(always)]
    pub(super) unsafe fn slice<'a>(&self, pixel: usize, len: usize) -> &'a [T] {
        // SAFETY: the caller's promise.
        unsafe { core::slice::from_raw_parts(self.row(pixel), len) }
    }

    /// Returns the first elements of a pixel, to be written.
    ///
    /// # Safety
    /// As [`Tile::write`].
    #[inline(always)]
    pub(super) unsafe fn slice_mut<'a>(&self, pixel: usize, len: usize) -> &'a mut [T] {
        // SAFETY: the caller's promise.
        unsafe { core::slice::from_raw_parts_mut(self.row(pixel), len) }
    }
}

/// Calls `work` with each number below `len` that is this thread's.
#[inline(always)]
pub(super) fn each(len: usize, mut work: impl FnMut(usize)) {
    let mut item = thread();
    while item < len {
        work(item);
        item += THREADS;
    }
}

/// Calls `work` with rows and the first elements of the quads of each: those of this thread.
#[inline(always)]
pub(super) fn each_quad(rows: usize, len: usize, mut work: impl FnMut(usize, usize)) {
    let quads = len.div_ceil(QUAD) as u32;
    each(rows * quads as usize, |item| {
        let (row, quad) = (item as u32 / quads, item as u32 % quads);
        work(row as usize, quad as usize * QUAD);
    });
}

/// Elements that are loaded and stored together.
pub(super) const QUAD: usize = 4;

/// A type of elements, and four of them as one load takes them.
pub(super) trait Scalar: Copy + Default {
    /// The four.
    type Quad: Copy + From<[Self; QUAD]> + Into<[Self; QUAD]>;
}

macro_rules! scalar {
    ($type:ty, $quad:ident, $align:literal) => {
        #[doc = "Four elements with the alignment of their size."]
        #[derive(Clone, Copy)]
        #[repr(C, align($align))]
        pub(super) struct $quad([$type; QUAD]);

        impl From<[$type; QUAD]> for $quad {
            #[inline(always)]
            fn from(values: [$type; QUAD]) -> Self {
                Self(values)
            }
        }

        impl From<$quad> for [$type; QUAD] {
            #[inline(always)]
            fn from(quad: $quad) -> Self {
                quad.0
            }
        }

        impl Scalar for $type {
            type Quad = $quad;
        }
    };
}

scalar!(f32, QuadF32, 16);
scalar!(i32, QuadI32, 16);
scalar!(u32, QuadU32, 16);
scalar!(i16, QuadI16, 8);
scalar!(i8, QuadI8, 4);

impl Array {
    /// Reads `n` elements, at most four, from `at`, and zeros after them.
    ///
    /// * `aligned` - whether `at` is a multiple of four.
    ///
    /// # Safety
    /// As [`Array::read`].
    #[inline(always)]
    pub(super) unsafe fn read_quad<T: Scalar>(
        self,
        at: usize,
        n: usize,
        aligned: bool,
    ) -> [T; QUAD] {
        if aligned && n == QUAD {
            // SAFETY: the caller's promise.
            return unsafe { self.read::<T::Quad>(at / QUAD) }.into();
        }
        let mut values = [T::default(); QUAD];
        for (i, value) in values.iter_mut().enumerate() {
            if i < n {
                // SAFETY: as above.
                *value = unsafe { self.read(at + i) };
            }
        }
        values
    }

    /// Writes the first `n` of four elements from `at`; as [`Array::read_quad`].
    ///
    /// # Safety
    /// As [`Array::write`].
    #[inline(always)]
    pub(super) unsafe fn write_quad<T: Scalar>(
        self,
        at: usize,
        n: usize,
        aligned: bool,
        values: [T; QUAD],
    ) {
        if aligned && n == QUAD {
            // SAFETY: the caller's promise.
            return unsafe { self.write::<T::Quad>(at / QUAD, values.into()) };
        }
        for (i, value) in values.into_iter().enumerate() {
            if i < n {
                // SAFETY: as above.
                unsafe { self.write(at + i, value) };
            }
        }
    }
}
