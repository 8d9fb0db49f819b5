//! Firmware of the virtual board `qemu-mps2-an386` (Cortex-M4F).
//!
//! QEMU's MPS2 model needs no clock set-up; all that is this board's own are its facts.

#![no_std]
#![no_main]

use mambalite_firmware_mps2::run;
use static_cell::ConstStaticCell;

mod facts {
    include!(concat!(env!("OUT_DIR"), "/board.rs"));
}

/// Working memory of the network, in `.bss`.
static ARENA: ConstStaticCell<[u64; facts::ARENA_WORDS]> =
    ConstStaticCell::new([0; facts::ARENA_WORDS]);

#[cortex_m_rt::entry]
fn main() -> ! {
    run(facts::NAME, ARENA.take())
}
