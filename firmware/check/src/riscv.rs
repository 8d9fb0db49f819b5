//! RISC-V, machine mode: start, traps, stack.

#![expect(
    unsafe_code,
    reason = "start-up code, and symbols of the linker script"
)]

use core::arch::{asm, global_asm};
use core::ptr::addr_of;

use crate::semihosting;

/// What the stack is filled with before it is used.
const PAINT: u32 = 0xcccc_cccc;

// The variables are zeros or as loaded: the machine starts with blank RAM. The guard below the
// stack gets no permissions, in machine mode either: NAPOT (3 << 3), locked (1 << 7), and its size
// of 2^16 bytes coded by the 13 low bits of its address. A trap takes the stack anew.
global_asm!(
    ".section .init, \"ax\"",
    ".global _start",
    "_start:",
    "la t0, _trap",
    "csrw mtvec, t0",
    "la t0, _guard",
    "srli t0, t0, 2",
    "li t1, 0x1fff",
    "or t0, t0, t1",
    "csrw pmpaddr0, t0",
    "li t0, 0x98",
    "csrw pmpcfg0, t0",
    "la t0, _stack_end",
    "la sp, _stack_start",
    "li t1, {paint}",
    "1: sw t1, 0(t0)",
    "addi t0, t0, 4",
    "bltu t0, sp, 1b",
    "j {main}",
    ".balign 4",
    "_trap:",
    "la sp, _stack_start",
    "j {trap}",
    paint = const PAINT,
    main = sym main,
    trap = sym trap,
);

unsafe extern "C" {
    /// Lowest word of the stack.
    static _stack_end: u32;
    /// Word after the stack, where it starts to grow downwards.
    static _stack_start: u32;
}

extern "C" fn main() -> ! {
    semihosting::run()
}

extern "C" fn trap() -> ! {
    let (cause, place, value): (u32, u32, u32);
    // SAFETY: reading the registers has no effect.
    unsafe {
        asm!(
            "csrr {}, mcause", "csrr {}, mepc", "csrr {}, mtval",
            out(reg) cause, out(reg) place, out(reg) value, options(nomem, nostack)
        );
    }
    semihosting::abort(format_args!(
        "trap {cause} at {place:#010x}, of {value:#010x}"
    ))
}

/// Returns the bytes of the stack that were ever in use, and those there are.
pub(crate) fn stack_bytes() -> Option<(u32, u32)> {
    let (end, start) = (addr_of!(_stack_end), addr_of!(_stack_start));
    let words = (start as u32 - end as u32) / 4;
    let untouched = (0..words).take_while(|&index| {
        // SAFETY: the word lies between the two symbols, inside the stack.
        let word = unsafe { end.add(index as usize) };
        // SAFETY: the stack is RAM; the read is volatile, since the compiler knows no object here.
        let paint = unsafe { word.read_volatile() };
        paint == PAINT
    });
    let untouched = u32::try_from(untouched.count()).unwrap_or(0);
    Some((4 * (words - untouched), 4 * words))
}

/// Does nothing: floating point is software here.
pub(crate) fn flush_to_zero() {}
