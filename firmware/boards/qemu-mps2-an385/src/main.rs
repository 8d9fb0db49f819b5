//! Firmware of the virtual board `qemu-mps2-an385` (Cortex-M3).
//!
//! QEMU's MPS2 model needs no clock set-up; all that is this board's own are its facts.

#![no_std]
#![no_main]

use mambalite_firmware_mps2::{Machine, run};
use static_cell::ConstStaticCell;

mod facts {
    include!(concat!(env!("OUT_DIR"), "/board.rs"));
}

/// Working memory of the network, in `.bss`.
static ARENA: ConstStaticCell<[u64; facts::ARENA_WORDS]> =
    ConstStaticCell::new([0; facts::ARENA_WORDS]);

const MACHINE: Machine = Machine {
    name: facts::NAME,
    wire_uart: facts::WIRE_UART,
    wire_interrupt: facts::WIRE_INTERRUPT,
    log_uart: facts::LOG_UART,
    fpga_io: facts::FPGA_IO,
    system_config: facts::SYSTEM_CONFIG,
    clock_hz: facts::CLOCK_HZ,
    counter_ns: facts::COUNTER_NS,
    instruction_ns: facts::INSTRUCTION_NS,
};

#[cortex_m_rt::entry]
fn main() -> ! {
    run(MACHINE, ARENA.take())
}
