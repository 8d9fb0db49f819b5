//! A block of threads: its numbers, its barrier and its shared memory.

use core::arch::nvptx::{_block_idx_x, _syncthreads, _thread_idx_x};
use core::arch::{asm, global_asm};
use core::marker::PhantomData;

use crate::layout::Rows;

/// Threads of a warp.
pub(super) const LANES: usize = 32;

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

    /// Reads an element.
    ///
    /// # Safety
    /// It is in the tile and was written before the last barrier.
    #[inline(always)]
    pub(super) unsafe fn read(&self, pixel: usize, at: usize) -> T {
        // SAFETY: the caller's promise.
        unsafe { self.row(pixel).wrapping_add(at).read() }
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
pub(super) fn each(len: usize, threads: usize, mut work: impl FnMut(usize)) {
    let mut item = thread();
    while item < len {
        work(item);
        item += threads;
    }
}

/// Calls `work` with rows and elements of rows: a warp for a row, its lanes for the elements.
#[inline(always)]
pub(super) fn each_row(
    rows: usize,
    len: usize,
    threads: usize,
    mut work: impl FnMut(usize, usize),
) {
    let (warp, lane) = (thread() / LANES, thread() % LANES);
    let mut row = warp;
    while row < rows {
        let mut at = lane;
        while at < len {
            work(row, at);
            at += LANES;
        }
        row += threads / LANES;
    }
}
