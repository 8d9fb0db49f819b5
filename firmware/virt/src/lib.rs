//! QEMU's RISC-V machine `virt`: UARTs, identity, log, traps, instructions.
//!
//! Source: QEMU's documentation of the machine and `hw/riscv/virt.c`, RISC-V PLIC 1.0, PCI 3.0. The
//! machine has one UART; that of the log is a card on its PCI bus.

#![no_std]
#![expect(unsafe_code, reason = "takes the UART of the log; critical sections")]

mod board;
mod fault;
mod machine;
mod wire;

use mambalite_firmware_app::Session;
use mambalite_firmware_image as image;
use mambalite_firmware_log as log;

pub use machine::Machine;

/// Critical sections: interrupts are never taken, so all code is in one.
struct AlwaysMasked;

critical_section::set_impl!(AlwaysMasked);

// SAFETY: there is one hart, and no interrupt is ever taken.
unsafe impl critical_section::Impl for AlwaysMasked {
    unsafe fn acquire() {}

    unsafe fn release((): ()) {}
}

/// Starts the UARTs and serves the wire protocol for ever.
///
/// `arena` is the working memory of the network.
pub fn run(machine: Machine, arena: &'static mut [u64]) -> ! {
    machine::set_running(machine);
    machine.place_log();
    // SAFETY: nothing has been logged yet.
    if let Some(mut uart) = unsafe { machine.log() } {
        uart.start(machine.divider());
    }
    log::start(log::Board {
        write: write_log,
        uptime_ms: machine::uptime_ms,
    });
    let port = wire::Wire::start(machine).expect("a board has a wire");
    let model = image::model_region();
    defmt::info!(
        "{=str}: arena {=usize} bytes",
        machine.name,
        arena.len() * 8
    );
    Session::new(port, board::Virt::new(machine.name), model, arena).run();
    // The line of a board does not close; a port that says so is a bug.
    panic!("the wire closed");
}

fn write_log(byte: u8) -> bool {
    // SAFETY: the log calls this one at a time, and nothing else uses the UART.
    let uart = machine::running().and_then(|machine| unsafe { machine.log() });
    uart.is_some_and(|mut uart| uart.write(byte))
}
