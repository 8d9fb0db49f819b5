//! From a trap to `riscv_trap`, and from an interrupt to `riscv_interrupt` and back.

#![expect(unsafe_code, reason = "the entry of traps and interrupts")]

use core::arch::global_asm;

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

// The mode of `mtvec` is vectored, the only one that every core here has: exceptions go to its base,
// interrupt n to the n-th word behind it. Its base is aligned to 256 bytes, the most that a core asks
// for. An entry is a jump of four bytes.
//
// A trap within a trap goes to a base of its own and ends in a halt; interrupts are masked by then.
global_asm!(
    ".section .vectors, \"ax\"",
    ".balign 256",
    ".global _vectors",
    "_vectors:",
    ".option push",
    ".option norvc",
    "j _trap",
    ".rept 31",
    "j _interrupt",
    ".endr",
    ".option pop",
    ".balign 256",
    "_trap_again:",
    "wfi",
    "j _trap_again",
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
    "addi t0, t0, 1",
    "csrw mtvec, t0",
    "mv a0, sp",
    "la sp, {stack} + {stack_bytes}",
    "j riscv_trap",
    trap = sym TRAP,
    stack = sym TRAP_STACK,
    stack_bytes = const TRAP_STACK_BYTES,
);

// The handler is a function like another: it keeps the registers that are its own to keep, and the code
// here the others. Interrupts stay masked within it, so that `mepc` stays as it is; the stack is aligned
// at every instruction. Its argument is the number of the interrupt, `mcause` without the highest bit.
//
// Where a program has no handler, an interrupt is a trap with the registers that it found.
global_asm!(
    ".macro restore_registers",
    "lw ra, 0(sp)",
    "lw t0, 4(sp)",
    "lw t1, 8(sp)",
    "lw t2, 12(sp)",
    "lw t3, 16(sp)",
    "lw t4, 20(sp)",
    "lw t5, 24(sp)",
    "lw t6, 28(sp)",
    "lw a0, 32(sp)",
    "lw a1, 36(sp)",
    "lw a2, 40(sp)",
    "lw a3, 44(sp)",
    "lw a4, 48(sp)",
    "lw a5, 52(sp)",
    "lw a6, 56(sp)",
    "lw a7, 60(sp)",
    "addi sp, sp, 64",
    ".endm",
    ".section .vectors, \"ax\"",
    "_interrupt:",
    "addi sp, sp, -64",
    "sw ra, 0(sp)",
    "sw t0, 4(sp)",
    "sw t1, 8(sp)",
    "sw t2, 12(sp)",
    "sw t3, 16(sp)",
    "sw t4, 20(sp)",
    "sw t5, 24(sp)",
    "sw t6, 28(sp)",
    "sw a0, 32(sp)",
    "sw a1, 36(sp)",
    "sw a2, 40(sp)",
    "sw a3, 44(sp)",
    "sw a4, 48(sp)",
    "sw a5, 52(sp)",
    "sw a6, 56(sp)",
    "sw a7, 60(sp)",
    "csrr a0, mcause",
    "slli a0, a0, 1",
    "srli a0, a0, 1",
    "call riscv_interrupt",
    "restore_registers",
    "mret",
    ".global _unexpected_interrupt",
    "_unexpected_interrupt:",
    "restore_registers",
    "j _trap",
);
