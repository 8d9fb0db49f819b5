//! The interrupts of the board. Firmware takes this from the crate of its chip.

#![expect(unsafe_code, reason = "numbers and table of the interrupts")]

use cortex_m::interrupt::InterruptNumber;

/// Bits of a priority.
pub const NVIC_PRIO_BITS: u8 = 3;

/// An interrupt that no peripheral of the examples makes: RTIC runs the tasks of a priority in it.
#[derive(Clone, Copy, Debug)]
pub enum Interrupt {
    /// The first line of the core.
    Dispatcher,
}

// SAFETY: the core has this line, and the number is that of the table's entry.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self as u16
    }
}

/// RTIC has another name for it.
pub use Interrupt as interrupt;

unsafe extern "C" {
    /// Made by RTIC, under the name of the interrupt; elsewhere the handler of all others.
    fn Dispatcher();
}

/// What cortex-m-rt puts behind the exceptions.
// SAFETY: the section is that of this table, and no other crate here has one.
#[unsafe(link_section = ".vector_table.interrupts")]
// SAFETY: as before.
#[unsafe(no_mangle)]
pub static __INTERRUPTS: [unsafe extern "C" fn(); 1] = [Dispatcher];
