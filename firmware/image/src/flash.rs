//! What the linker scripts mark in flash.

#![expect(unsafe_code, reason = "symbols of the linker script")]

use core::ptr::addr_of;
use core::slice;

/// Bytes of an ELF note of owner "GNU" before its contents: three words and the owner.
const NOTE_HEADER_BYTES: usize = 16;

unsafe extern "C" {
    static __build_id_start: u8;
    static __build_id_end: u8;
    static __model_start: u8;
    static __model_end: u8;
}

/// Returns the build id that the linker gave this program (SHA-1), zeros if there is none.
///
/// The same bytes stand in the section `.note.gnu.build-id` of the ELF file.
pub fn build_id() -> [u8; 20] {
    let note = between(addr_of!(__build_id_start), addr_of!(__build_id_end));
    let id = note
        .get(NOTE_HEADER_BYTES..)
        .and_then(<[u8]>::first_chunk::<20>);
    id.copied().unwrap_or_default()
}

/// Returns the part of the flash that holds the model file, whole; it may be blank.
pub fn model_region() -> &'static [u8] {
    between(addr_of!(__model_start), addr_of!(__model_end))
}

/// Returns the flash between two symbols.
fn between(start: *const u8, end: *const u8) -> &'static [u8] {
    let bytes = (end as usize).saturating_sub(start as usize);
    // SAFETY: the linker script puts both symbols into flash, in order, and flash is not
    // written while the program runs.
    unsafe { slice::from_raw_parts(start, bytes) }
}
