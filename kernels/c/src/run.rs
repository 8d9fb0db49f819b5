//! Runs: a picture in rows, in memory of the caller.

#![expect(unsafe_code, reason = "pointers from C")]

use core::ffi::c_void;
use core::mem::{align_of, size_of};
use core::ptr;

use mambalite_kernels::{NoTap, Upscaler};

use crate::model::{ModelHandle, opened};
use crate::status::Status;

/// Bytes of stack that are enough for any call, on 32-bit targets.
pub const STACK_BYTES: usize = 24 * 1024;
const _: () = assert!(STACK_BYTES == mambalite_kernels::exec::plan::STACK_BYTES);

/// In a begun run's first word.
const BEGUN: u64 = u64::from_le_bytes(*b"mambarun");

/// A run that has begun: the first bytes of the memory that was given to it.
pub struct Run {
    begun: u64,
    /// In a call, which its sink may not repeat.
    busy: bool,
    upscaler: Upscaler<'static>,
}

/// Unit of the memory: what its start must be a multiple of.
const ALIGN: usize = 8;
const _: () = assert!(align_of::<Run>() == ALIGN && size_of::<Run>().is_multiple_of(ALIGN));

/// Takes magnified row `y` of `row_bytes` bytes, `width * scale * channels`; they are gone after the
/// call. `context` is what was given with the row that went in. It has to return: no longjmp.
pub type Sink =
    Option<unsafe extern "C" fn(context: *mut c_void, y: usize, row: *const u8, row_bytes: usize)>;

/// Begins a run of a picture of `width` by `height` pixels, and ends one that was in that memory, also
/// where it fails.
///
/// - memory: at a multiple of 8 bytes; the run's until it is no longer used. There is nothing to
///   close or to free.
/// - run: gets the run, which lies in that memory. It may be used by one thread at a time.
///
/// # Safety
/// `model` and `run` are null or point to values of their types; `memory` is null or points to
/// `memory_bytes` bytes of which nothing else is used, the model included.
// SAFETY: no other library has a function of this name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mambalite_begin(
    model: *const ModelHandle,
    width: usize,
    height: usize,
    memory: *mut c_void,
    memory_bytes: usize,
    run: *mut *mut Run,
) -> Status {
    if memory.is_null() || run.is_null() {
        return Status::NullPointer;
    }
    let place = memory.cast::<Run>();
    if !place.is_aligned() || !run.is_aligned() {
        return Status::Misaligned;
    }
    if memory_bytes > isize::MAX as usize {
        return Status::Length;
    }
    // SAFETY: the caller's word is the same.
    let model = match unsafe { opened(model) } {
        Ok(model) => model,
        Err(status) => return status,
    };
    let Some(arena_bytes) = memory_bytes.checked_sub(size_of::<Run>()) else {
        return Status::MemoryTooSmall;
    };
    // SAFETY: the memory is long enough. What ran in it before is no run any more.
    unsafe { (*place).begun = 0 };
    // SAFETY: within the memory, or one past its end.
    let arena = unsafe { place.add(1) }.cast::<u64>();
    let words = arena_bytes / size_of::<u64>();
    // SAFETY: so many words lie in the memory behind the run, which is a multiple of 8 bytes long.
    unsafe { ptr::write_bytes(arena, 0, words) };
    // SAFETY: they are written now, and are the run's alone by the caller's word.
    let arena: &'static mut [u64] = unsafe { core::slice::from_raw_parts_mut(arena, words) };
    match Upscaler::new(model, width, height, arena) {
        Err(error) => error.into(),
        Ok(upscaler) => {
            let (begun, busy) = (BEGUN, false);
            let value = Run {
                begun,
                busy,
                upscaler,
            };
            // SAFETY: aligned, and room for it was taken off above.
            unsafe { place.write(value) };
            // SAFETY: not null, aligned, and a pointer by the caller's word.
            unsafe { run.write(place) };
            Status::Ok
        }
    }
}

/// Takes the next row, `width * channels` bytes, and hands the magnified rows that are known by then
/// to the sink, in order; with the last row all that are left.
///
/// # Safety
/// `run` is null or came of mambalite_begin() and nothing else uses it now; `row` is null or points
/// to `row_bytes` bytes outside of the run's memory; `sink` is null or does as its type says.
// SAFETY: no other library has a function of this name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mambalite_push_row(
    run: *mut Run,
    row: *const u8,
    row_bytes: usize,
    sink: Sink,
    context: *mut c_void,
) -> Status {
    let Some(sink) = sink else {
        return Status::NullPointer;
    };
    if run.is_null() || row.is_null() {
        return Status::NullPointer;
    }
    if !run.is_aligned() {
        return Status::Misaligned;
    }
    if row_bytes > isize::MAX as usize {
        return Status::Length;
    }
    // SAFETY: the memory of a run by the caller's word; no reference to this field exists.
    if unsafe { (*run).begun } != BEGUN {
        return Status::NotOpen;
    }
    // SAFETY: as before; the mark says that it was written.
    if unsafe { (*run).busy } {
        return Status::Busy;
    }
    // SAFETY: not null, of that length by the caller's word.
    let row = unsafe { core::slice::from_raw_parts(row, row_bytes) };
    // SAFETY: as the first; a call from the sink sees the mark and touches no other field.
    unsafe { (*run).busy = true };
    // SAFETY: as before.
    let upscaler = unsafe { &mut (*run).upscaler };
    let pushed = upscaler.push_row(row, &mut NoTap, &mut |y, bytes: &[u8]| {
        // SAFETY: the sink does as its type says, by the caller's word.
        unsafe { sink(context, y, bytes.as_ptr(), bytes.len()) }
    });
    // SAFETY: as before.
    unsafe { (*run).busy = false };
    Status::from(pushed.map_err(Status::from))
}
