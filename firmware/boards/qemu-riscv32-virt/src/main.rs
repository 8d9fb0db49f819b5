//! Firmware of the virtual board `qemu-riscv32-virt` (RV32IMAC).

#![no_std]
#![no_main]

use mambalite_firmware_virt::{Machine, Virt};

const MACHINE: Machine = Machine {
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

mambalite_firmware_bare::board!(Virt::start(MACHINE));
