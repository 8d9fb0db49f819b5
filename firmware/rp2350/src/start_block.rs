//! What the boot ROM takes for a program.

#![expect(unsafe_code, reason = "a section that the linker script places")]

/// Kind of the image: executable, for the RP2350, secure on Arm. Datasheet, section 5.9.5.
#[cfg(target_arch = "arm")]
const IMAGE_TYPE: u32 = 0x1021;
#[cfg(target_arch = "riscv32")]
const IMAGE_TYPE: u32 = 0x1101;

/// The shortest block there is, a loop of one: its start, the item of the kind, the last item, the
/// distance to the next block, its end. The ROM enters by the vector table, and on RISC-V at the first
/// word.
#[unsafe(link_section = ".start_block")]
static START_BLOCK: [u32; 5] = [
    0xffff_ded3,
    IMAGE_TYPE << 16 | 0x0142,
    0x0000_01ff,
    0,
    0xab12_3579,
];

/// Refers to the block: what nothing refers to is not linked.
pub(crate) fn keep() {
    core::hint::black_box(&START_BLOCK);
}
