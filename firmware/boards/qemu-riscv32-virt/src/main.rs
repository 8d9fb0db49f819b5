//! Firmware of the virtual board `qemu-riscv32-virt` (RV32IMAC).

#![no_std]
#![no_main]
#![expect(unsafe_code, reason = "a function that the start-up code calls")]

use mambalite_firmware_virt::{Machine, run};
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
    pci_io: facts::PCI_IO,
    pci_config: facts::PCI_CONFIG,
    interrupt_controller: facts::INTERRUPT_CONTROLLER,
    clock_hz: facts::CLOCK_HZ,
};

// The counter of instructions is the emulator's time in some versions of it.
const _: () = assert!(facts::INSTRUCTION_NS == 1);

#[unsafe(no_mangle)]
extern "C" fn riscv_main() -> ! {
    run(MACHINE, ARENA.take())
}
