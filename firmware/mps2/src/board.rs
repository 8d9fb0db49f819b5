//! What the board tells of itself.

use core::cell::Cell;

use mambalite_firmware_app::Board;
use mambalite_firmware_cortex_m as core_facts;

use crate::machine::Machine;

/// An MPS2 or MPS3 board.
#[derive(Debug)]
pub(crate) struct Mps2 {
    machine: Machine,
    /// Both counters when they were last read, and the instructions until then.
    fine: Cell<u32>,
    coarse: Cell<u32>,
    instructions: Cell<u64>,
}

impl Mps2 {
    /// Makes the board of an image.
    pub(crate) fn new(machine: Machine) -> Self {
        Self {
            machine,
            fine: Cell::new(0),
            coarse: Cell::new(0),
            instructions: Cell::new(0),
        }
    }
}

impl Board for Mps2 {
    fn name(&self) -> &str {
        self.machine.name
    }

    fn build_id(&self) -> [u8; 20] {
        core_facts::build_id()
    }

    fn cpuid(&self) -> u32 {
        core_facts::cpuid()
    }

    /// The ids of the FPGA image: the board has no number of its own, so two boards of one image
    /// have the same.
    fn uid(&self) -> [u8; 16] {
        let mut uid = [0; 16];
        let ids = self.machine.image_id().map(u32::to_le_bytes);
        for (place, byte) in uid.iter_mut().zip(ids.as_flattened()) {
            *place = *byte;
        }
        uid
    }

    fn float_flags(&self) -> u32 {
        core_facts::float_flags()
    }

    /// Instructions, which the emulator's time is made of. QEMU counts no cycles.
    ///
    /// From one reading to the next the counter is wrong by less than one of its periods, so that
    /// the nearest number of instructions is the right one, unless the core slept in between. What
    /// follows the reading is counted too; without a loop it is the same each time.
    fn cycles(&self) -> Option<u64> {
        let (fine, coarse) = (self.machine.counter(), self.machine.clock_100hz());
        let ticks = fine.wrapping_sub(self.fine.replace(fine));
        let rough = coarse.wrapping_sub(self.coarse.replace(coarse));
        let ticks = unwrapped(ticks, u64::from(rough) * self.machine.ticks_per_100hz());
        let nanoseconds = ticks.wrapping_mul(u64::from(self.machine.counter_ns));
        let instruction_ns = u64::from(self.machine.instruction_ns);
        let shift = self.machine.instruction_ns.trailing_zeros() % u64::BITS;
        let spent = nanoseconds.wrapping_add(instruction_ns / 2) >> shift;
        self.instructions
            .set(self.instructions.get().wrapping_add(spent));
        Some(self.instructions.get())
    }

    /// Instructions a second of the emulator's time.
    fn clock_hz(&self) -> Option<u32> {
        1_000_000_000_u32.checked_div(self.machine.instruction_ns)
    }

    /// The first LED of the FPGA I/O block.
    fn gate(&self, on: bool) {
        self.machine.drive_gate(on);
    }

    fn stack_used_bytes(&self) -> u32 {
        core_facts::stack_used_bytes()
    }

    fn stack_bytes(&self) -> u32 {
        core_facts::stack_bytes()
    }
}

/// Returns the number with the lowest 32 bits `low` that is nearest to `rough`: what a counter of 32
/// bits has counted, which may be more than once around.
fn unwrapped(low: u32, rough: u64) -> u64 {
    let (low, half) = (u64::from(low), 1 << 31);
    let around = rough.wrapping_sub(low).wrapping_add(half) >> 32;
    // `rough` is wrong by far less than the half, which also keeps a difference below zero off.
    low.wrapping_add(around << 32)
}
