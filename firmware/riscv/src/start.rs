//! From reset to `riscv_main`.

#![expect(unsafe_code, reason = "start-up code")]

use core::arch::global_asm;

use mambalite_firmware_image::STACK_PAINT;

// No interrupt is taken before a program unmasks it: a boot ROM may have left some enabled.
//
// The guard below the stack gets no permissions, in machine mode either: NAPOT (3 << 3), locked
// (1 << 7), and its size of 2^16 bytes coded by the 13 low bits of its address.
global_asm!(
    ".section .init, \"ax\"",
    ".global _start",
    "_start:",
    "csrci mstatus, 8",
    "csrw mie, zero",
    "la t0, _vectors",
    "addi t0, t0, 1",
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
    paint = const STACK_PAINT,
);
