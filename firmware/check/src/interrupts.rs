//! The interrupts of a RISC-V core: the machine `virt` has a register that raises one.
//!
//! Source: QEMU's `hw/riscv/virt.c`; RISC-V ACLINT 1.0, MSWI.

#![expect(
    unsafe_code,
    reason = "a handler, registers, and a register of the machine"
)]

use core::arch::asm;
use core::ptr::with_exposed_provenance_mut;
use core::sync::atomic::{AtomicU32, Ordering};

use mambalite_firmware_riscv::{self as core_facts, SOFTWARE};

/// Bit 0 raises the software interrupt of the first hart.
const RAISE: usize = 0x0200_0000;

/// Looks after which an interrupt that did not come is missing.
const LOOKS: u32 = 100_000;

/// Interrupts that were taken, and the number of the last one.
static TAKEN: AtomicU32 = AtomicU32::new(0);
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A call with every register that a called function may change, and a number for each.
macro_rules! with_registers {
    ($call:ident) => {
        $call!(
            "ra" "101", "t0" "102", "t1" "103", "t2" "104", "t3" "105", "t4" "106", "t5" "107",
            "t6" "108", "a0" "109", "a1" "110", "a2" "111", "a3" "112", "a4" "113", "a5" "114",
            "a6" "115", "a7" "116"
        )
    };
}

/// Sets each register to its number.
macro_rules! set {
    ($($register:tt $number:tt),*) => {
        concat!($("li ", $register, ", ", $number, "\n"),*)
    };
}

/// Sets bits of `wrong` unless each register has its number.
macro_rules! compare {
    ($($register:tt $number:tt),*) => {
        concat!($(
            "addi {left}, ", $register, ", -", $number, "\n",
            "or {wrong}, {wrong}, {left}\n"
        ),*)
    };
}

/// Sets each register to zero.
macro_rules! spoil {
    ($($register:tt $number:tt),*) => {
        asm!(
            concat!($("li ", $register, ", 0\n"),*),
            $(out($register) _,)*
            options(nostack)
        )
    };
}

/// Counts, ends the interrupt, and changes every register that it may change.
#[unsafe(no_mangle)]
extern "C" fn riscv_interrupt(number: u32) {
    write(0);
    NUMBER.store(number, Ordering::Relaxed);
    TAKEN.fetch_add(1, Ordering::Relaxed);
    // SAFETY: the compiler is told of all of them.
    unsafe { with_registers!(spoil) };
}

/// Checks that an interrupt is taken, changes nothing, and waits for the end of a critical section;
/// returns what is wrong.
pub(crate) fn check() -> Result<(), &'static str> {
    core_facts::enable_interrupt(SOFTWARE);
    // SAFETY: no critical section is open.
    unsafe { core_facts::take_interrupts() };
    let outcome = changes_nothing().and_then(|()| waits());
    core_facts::mask_interrupts();
    write(0);
    outcome
}

fn changes_nothing() -> Result<(), &'static str> {
    let wrong = raise_among_registers();
    if TAKEN.load(Ordering::Relaxed) != 1 {
        return Err("it was not taken once");
    }
    if NUMBER.load(Ordering::Relaxed) != SOFTWARE {
        return Err("it has another number");
    }
    (wrong == 0).then_some(()).ok_or("a register changed")
}

fn waits() -> Result<(), &'static str> {
    let early = critical_section::with(|_| {
        write(1);
        // The end of a section within another ends nothing.
        critical_section::with(|_| ());
        has_come()
    });
    if early {
        return Err("it came within a critical section");
    }
    if !has_come() {
        return Err("it did not come after a critical section");
    }
    Ok(())
}

/// Waits for the second interrupt; returns whether it came.
fn has_come() -> bool {
    (0..LOOKS).any(|_| TAKEN.load(Ordering::Relaxed) == 2)
}

/// Raises the interrupt with a number in each register, and waits until the handler has ended it; returns
/// zero if they have their numbers then.
fn raise_among_registers() -> u32 {
    let wrong;
    // SAFETY: the compiler is told of the registers, and of memory; the register of the machine is the
    // handler's to write besides.
    unsafe {
        asm!(
            with_registers!(set),
            "sw {one}, 0({raise})",
            "2: lw {left}, 0({raise})",
            "beqz {left}, 3f",
            "addi {looks}, {looks}, -1",
            "bnez {looks}, 2b",
            "3: li {wrong}, 0",
            with_registers!(compare),
            one = in(reg) 1,
            raise = in(reg) RAISE,
            looks = inout(reg) LOOKS => _,
            left = out(reg) _,
            wrong = out(reg) wrong,
            out("ra") _, out("t0") _, out("t1") _, out("t2") _, out("t3") _, out("t4") _,
            out("t5") _, out("t6") _, out("a0") _, out("a1") _, out("a2") _, out("a3") _,
            out("a4") _, out("a5") _, out("a6") _, out("a7") _,
        );
    }
    wrong
}

/// Writes the register that raises the interrupt.
fn write(value: u32) {
    let register = with_exposed_provenance_mut::<u32>(RAISE);
    // SAFETY: a register of the machine; writing it has no effect on memory.
    unsafe { register.write_volatile(value) };
}
