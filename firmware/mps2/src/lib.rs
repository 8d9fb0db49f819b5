//! What Arm's MPS2 and MPS3 FPGA images share: CMSDK UARTs, identity, log, instructions.
//!
//! Source: Arm DAI 0385, 0386, 0400, 0505 and 0547, and QEMU's `hw/arm/mps2.c` and `mps2-tz.c`, which
//! the virtual boards run. AN505 and AN547 have a secure and a non-secure state; they start in the
//! secure one and stay there.

#![no_std]
#![expect(unsafe_code, reason = "takes the UARTs")]

mod board;
mod machine;
mod wire;

use mambalite_firmware_bare as bare;
use mambalite_firmware_cortex_m as core_facts;
use mambalite_firmware_log as log;

pub use machine::Machine;

/// Starts the UARTs and serves the wire protocol for ever.
///
/// `arena` is the working memory of the network, `SET` the precisions that the program is built for, as
/// in [`bare::serve`].
pub fn run<const SET: u8>(machine: Machine, arena: &'static mut [u64]) -> ! {
    core_facts::set_default_float();
    machine::set_running(machine);
    // SAFETY: nothing has been logged yet.
    if let Some(mut uart) = unsafe { machine.log() } {
        uart.start(machine.divider());
    }
    bare::set_last_words(last_words);
    let port = wire::Wire::start(&machine).expect("a board has a wire");
    let log = log::Board {
        write: write_log,
        uptime_ms,
    };
    bare::serve::<SET>(port, board::Mps2::new(machine), log, arena)
}

/// Makes the program of a board, of which all that is its own are its facts: QEMU's models need no
/// clock set-up.
///
/// The board's crate has the constants of its `board.toml` in `OUT_DIR`, and depends on
/// `cortex-m-rt` and `static_cell`.
#[macro_export]
macro_rules! board {
    () => {
        mod facts {
            include!(concat!(env!("OUT_DIR"), "/board.rs"));
        }

        /// Working memory of the network, in `.bss`.
        static ARENA: static_cell::ConstStaticCell<[u64; facts::ARENA_WORDS]> =
            static_cell::ConstStaticCell::new([0; facts::ARENA_WORDS]);

        const MACHINE: $crate::Machine = $crate::Machine {
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
            $crate::run::<{ facts::PRECISIONS }>(MACHINE, ARENA.take())
        }
    };
}

fn write_log(byte: u8) -> bool {
    // SAFETY: the log calls this inside a critical section, and nothing else uses the UART.
    let uart = machine::running().and_then(|machine| unsafe { machine.log() });
    uart.is_some_and(|mut uart| uart.write(byte))
}

fn last_words(byte: u8) {
    // SAFETY: the owner of the wire never runs again.
    let uart = machine::running().and_then(|machine| unsafe { machine.wire() });
    if let Some(mut uart) = uart {
        while !uart.write(byte) {}
    }
}

fn uptime_ms() -> u32 {
    machine::running().map_or(0, |machine| machine.uptime_ms())
}
