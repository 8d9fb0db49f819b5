//! What Arm's MPS2 FPGA images AN386 and AN500 share: UARTs, identity, log, faults.
//!
//! Source: Arm DAI 0386 and DAI 0400, and QEMU's `hw/arm/mps2.c`, which the virtual boards run.

#![no_std]

mod board;
mod fault;
mod log;
mod map;
mod wire;

use mambalite_firmware_app::Session;

/// Starts the UARTs and serves the wire protocol for ever.
///
/// `name` is the name of the board, `arena` the working memory of the network.
pub fn run(name: &'static str, arena: &'static mut [u64]) -> ! {
    mambalite_firmware_cortex_m::set_default_float();
    log::start();
    let port = wire::Wire::start();
    let model = mambalite_firmware_cortex_m::model_region();
    defmt::info!("{=str}: arena {=usize} bytes", name, arena.len() * 8);
    Session::new(port, board::Mps2::new(name), model, arena).run();
    // The line of a board does not close; a port that says so is a bug.
    panic!("the wire closed");
}
