//! From reset to `riscv_main`, and from a trap to `riscv_trap`.

#![expect(unsafe_code, reason = "start-up code")]

use core::arch::global_asm;

use mambalite_firmware_image::STACK_PAINT;

/// Bytes of the stack that `riscv_trap` runs on.
const TRAP_STACK_BYTES: usize = 8 << 10;
/// What a stack is aligned to.
type Block = u128;

/// The registers at the instruction that trapped, and why it did.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Trap {
    /// `ra`, `sp`, `gp`, `tp`.
    pub pointers: [u32; 4],
    /// `t0` to `t6`.
    pub temporaries: [u32; 7],
    /// `a0` to `a7`.
    pub arguments: [u32; 8],
    /// `mcause`.
    pub cause: u32,
    /// `mepc`, the address of the instruction.
    pub place: u32,
    /// `mtval`, the address or the instruction that it was about.
    pub value: u32,
}

/// The last trap; only the code below writes it.
static mut TRAP: Trap = Trap {
    pointers: [0; 4],
    temporaries: [0; 7],
    arguments: [0; 8],
    cause: 0,
    place: 0,
    value: 0,
};

/// A stack of its own, so that a trap after an overflow has one and the program's stays as it was.
static mut TRAP_STACK: [Block; TRAP_STACK_BYTES / size_of::<Block>()] =
    [0; TRAP_STACK_BYTES / size_of::<Block>()];

// The guard below the stack gets no permissions, in machine mode either: NAPOT (3 << 3), locked
// (1 << 7), and its size of 2^16 bytes coded by the 13 low bits of its address. A trap within a trap
// ends in a halt.
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
    "la t0, _data_load",
    "la t1, _data_start",
    "la t2, _data_end",
    "j 2f",
    "1: lw t3, 0(t0)",
    "sw t3, 0(t1)",
    "addi t0, t0, 4",
    "addi t1, t1, 4",
    "2: bltu t1, t2, 1b",
    "la t0, _bss_start",
    "la t1, _bss_end",
    "j 4f",
    "3: sw zero, 0(t0)",
    "addi t0, t0, 4",
    "4: bltu t0, t1, 3b",
    "la t0, _stack_end",
    "la sp, _stack_start",
    "li t1, {paint}",
    "5: sw t1, 0(t0)",
    "addi t0, t0, 4",
    "bltu t0, sp, 5b",
    "j riscv_main",
    ".balign 4",
    "_trap:",
    "csrw mscratch, sp",
    "la sp, {trap}",
    "sw ra, 0(sp)",
    "sw gp, 8(sp)",
    "sw tp, 12(sp)",
    "sw t0, 16(sp)",
    "sw t1, 20(sp)",
    "sw t2, 24(sp)",
    "sw t3, 28(sp)",
    "sw t4, 32(sp)",
    "sw t5, 36(sp)",
    "sw t6, 40(sp)",
    "sw a0, 44(sp)",
    "sw a1, 48(sp)",
    "sw a2, 52(sp)",
    "sw a3, 56(sp)",
    "sw a4, 60(sp)",
    "sw a5, 64(sp)",
    "sw a6, 68(sp)",
    "sw a7, 72(sp)",
    "csrr t0, mscratch",
    "sw t0, 4(sp)",
    "csrr t0, mcause",
    "sw t0, 76(sp)",
    "csrr t0, mepc",
    "sw t0, 80(sp)",
    "csrr t0, mtval",
    "sw t0, 84(sp)",
    "la t0, _trap_again",
    "csrw mtvec, t0",
    "mv a0, sp",
    "la sp, {stack} + {stack_bytes}",
    "j riscv_trap",
    ".balign 4",
    "_trap_again:",
    "wfi",
    "j _trap_again",
    paint = const STACK_PAINT,
    trap = sym TRAP,
    stack = sym TRAP_STACK,
    stack_bytes = const TRAP_STACK_BYTES,
);
