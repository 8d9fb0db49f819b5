//! Streams a strip of noise through the default model in the memory of a small board.
//!
//! Prints one line over semihosting, fields apart by tabs: `strip`, bytes of the arena, of the
//! stack, most bytes of the stack in use since reset, digest of the magnified rows. `done` follows.

#![no_std]
#![no_main]

mod semihosting;

use mambalite_firmware_cortex_m::{stack_bytes, stack_used_bytes};
use mambalite_kernels_check::bench::strip;
use static_cell::ConstStaticCell;

use crate::semihosting::{exit, print};

static ARENA: ConstStaticCell<[u64; strip::ARENA_WORDS]> =
    ConstStaticCell::new([0; strip::ARENA_WORDS]);

#[cortex_m_rt::entry]
fn main() -> ! {
    let arena = ARENA.take();
    let arena_bytes = size_of_val(arena);
    let Some(digest) = strip::run(arena) else {
        print(format_args!("the strip cannot be run\n"));
        exit(1)
    };
    print(format_args!(
        "strip\t{arena_bytes}\t{}\t{}\t{digest:016x}\n",
        stack_bytes(),
        stack_used_bytes(),
    ));
    print(format_args!("done\n"));
    exit(0)
}
