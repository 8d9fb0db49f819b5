//! What the firmware examples share: the board's memory map, a model, a picture, and an end.

#![no_std]

pub mod device;
#[path = "../../../picture/mod.rs"]
mod picture;

use core::fmt::Display;

use cortex_m_rt as _; // Its start and its linker script.
use cortex_m_semihosting::debug::{self, EXIT_FAILURE, EXIT_SUCCESS};
use cortex_m_semihosting::hprintln;

pub use picture::{Digest, HEIGHT, ROW_BYTES, WIDTH, row};

/// A model file is read in place, and has to begin at a multiple of 16 bytes.
#[repr(align(16))]
struct Aligned<T: ?Sized>(T);

static FILE: &Aligned<[u8]> = &Aligned(*include_bytes!(
    "../../../../../models/mambalite-x4-tiny/w8a8.mls"
));

/// The model in flash.
pub static MODEL: &[u8] = &FILE.0;

/// Words of 8 bytes of the arena for this model and rows of [`WIDTH`] pixels: what `Plan::new` says,
/// as the example `upscale` prints it.
pub const ARENA_WORDS: usize = 27_856 / 8;

/// Prints the digest and ends the emulator.
pub fn report(digest: Digest) -> ! {
    hprintln!("digest {:#010x}", digest.value());
    loop {
        debug::exit(EXIT_SUCCESS);
    }
}

/// Prints what went wrong and ends the emulator.
pub fn stop(error: impl Display) -> ! {
    hprintln!("error: {}", error);
    loop {
        debug::exit(EXIT_FAILURE);
    }
}
