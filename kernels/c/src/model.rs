//! Models: opened once, where the caller has room for them.

#![expect(unsafe_code, reason = "pointers from C")]

use core::mem::{align_of, size_of};
use core::ptr;

use mambalite_kernels::exec::SIDE_MAX;
use mambalite_kernels::{Model, Plan, Precision};

use crate::run::Run;
use crate::status::Status;

/// Words of 8 bytes of an opened model, on any target.
pub const MODEL_WORDS: usize = 96;

/// In an opened model's first word.
const OPEN: u64 = u64::from_le_bytes(*b"mambamdl");

/// An opened model. What is in it is the library's; the file that it was opened from must stay where
/// it is, and the struct may be moved.
#[repr(C)]
pub struct ModelHandle {
    opened: u64,
    words: [u64; MODEL_WORDS],
}

const _: () = assert!(size_of::<Model<'static>>() <= MODEL_WORDS * size_of::<u64>());
const _: () = assert!(align_of::<Model<'static>>() <= align_of::<ModelHandle>());

/// Facts of an opened model.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelInfo {
    /// Bytes of a pixel, in and out.
    pub channels: u32,
    /// Magnification.
    pub scale: u32,
    /// Bits of an activation: 8, 16, or 32 for floats.
    pub activation_bits: u32,
    /// Rows that go in before the first magnified ones come out.
    pub delay_rows: u32,
    /// Bytes of the file; bytes after them are ignored.
    pub file_bytes: u32,
}

/// Checks a model file, hash included, and opens it.
///
/// - model: room for it; kept by the caller as long as it is used.
/// - file: at a multiple of 16 bytes, in flash or RAM; it must not change or go from then on.
///
/// # Safety
/// `model` is null or points to room for one, `file` is null or points to `file_bytes` bytes.
// SAFETY: no other library has a function of this name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mambalite_open(
    model: *mut ModelHandle,
    file: *const u8,
    file_bytes: usize,
) -> Status {
    if model.is_null() || file.is_null() {
        return Status::NullPointer;
    }
    if !model.is_aligned() {
        return Status::Misaligned;
    }
    if file_bytes > isize::MAX as usize {
        return Status::Length;
    }
    // SAFETY: not null, of that length by the caller's word, and it stays.
    let bytes: &'static [u8] = unsafe { core::slice::from_raw_parts(file, file_bytes) };
    match Model::parse(bytes) {
        Err(error) => error.into(),
        Ok(parsed) => {
            // SAFETY: there is room by the caller's word, aligned as was checked.
            let words = unsafe { &raw mut (*model).words };
            // SAFETY: a model fits and is aligned: see the assertions at the struct.
            unsafe { ptr::write(words.cast::<Model<'static>>(), parsed) };
            // SAFETY: as the first.
            unsafe { (*model).opened = OPEN };
            Status::Ok
        }
    }
}

/// Tells the facts of an opened model.
///
/// # Safety
/// Each pointer is null or points to a struct of its type.
// SAFETY: no other library has a function of this name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mambalite_model_info(
    model: *const ModelHandle,
    info: *mut ModelInfo,
) -> Status {
    // SAFETY: the caller's word is the same.
    let facts = match unsafe { opened(model) } {
        Ok(model) => facts(model),
        Err(status) => return status,
    };
    // SAFETY: null or a struct, by the caller's word.
    unsafe { put(info, facts) }
}

/// Tells the bytes of memory that a run takes, for rows of `width` pixels and any number of rows.
///
/// # Safety
/// Each pointer is null or points to a value of its type.
// SAFETY: no other library has a function of this name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mambalite_memory_bytes(
    model: *const ModelHandle,
    width: usize,
    bytes: *mut usize,
) -> Status {
    // SAFETY: the caller's word is the same.
    let model = match unsafe { opened(model) } {
        Ok(model) => model,
        Err(status) => return status,
    };
    if !(1..=SIDE_MAX).contains(&width) {
        return Status::PictureSize;
    }
    let arena_bytes = Plan::new(model, width).arena_bytes;
    let Some(all) = size_of::<Run>().checked_add(arena_bytes) else {
        return Status::PictureSize;
    };
    // SAFETY: null or a number, by the caller's word.
    unsafe { put(bytes, all) }
}

/// Returns the model of a handle.
///
/// # Safety
/// The pointer is null or points to a handle that nobody changes for `'m`.
pub(crate) unsafe fn opened<'m>(model: *const ModelHandle) -> Result<&'m Model<'static>, Status> {
    if model.is_null() {
        return Err(Status::NullPointer);
    }
    if !model.is_aligned() {
        return Err(Status::Misaligned);
    }
    // SAFETY: points to a handle by the caller's word.
    if unsafe { (*model).opened } != OPEN {
        return Err(Status::NotOpen);
    }
    // SAFETY: as before.
    let words = unsafe { &raw const (*model).words };
    // SAFETY: the mark says that a model was written there.
    Ok(unsafe { &*words.cast::<Model<'static>>() })
}

/// Writes a result to where the caller wants it.
///
/// # Safety
/// The pointer is null or points to room for it.
unsafe fn put<T>(place: *mut T, value: T) -> Status {
    if place.is_null() {
        return Status::NullPointer;
    }
    if !place.is_aligned() {
        return Status::Misaligned;
    }
    // SAFETY: not null, aligned, and room by the caller's word.
    unsafe { place.write(value) };
    Status::Ok
}

fn facts(model: &Model<'_>) -> ModelInfo {
    let config = model.config();
    let activation_bits = match model.precision() {
        Precision::F32 => 32,
        Precision::W8A16 => 16,
        Precision::W8A8 => 8,
    };
    // The file's own fields have no more bits.
    ModelInfo {
        channels: config.channels as u32,
        scale: config.scale as u32,
        activation_bits,
        delay_rows: config.groups as u32 + 3,
        file_bytes: model.bytes_len() as u32,
    }
}
