//! The assembly of the scan.

use core::arch::naked_asm;

use crate::arith::FixedInput;
use crate::num::mve::{EXP2_FALLING, assembler, horner, split};

/// Channels of a vector.
pub(super) const LANES: usize = 4;
/// A drive that is too large for 32 bits, or as large in magnitude as one of them.
pub(super) const DRIVE_MAX: u32 = i32::MAX as u32;

/// Constants of the decay: r4 to r10, then those of all lanes.
#[repr(C)]
pub(super) struct Constants {
    pub(super) exp2: [i32; 6],
    pub(super) half: u32,
    pub(super) exp2_top: i32,
    /// Whole parts of exponents are cut to this, where the power is 0.
    pub(super) whole_max: u32,
}

pub(super) static CONSTANTS: Constants = {
    let [exp2_top, exp2 @ ..] = EXP2_FALLING;
    Constants {
        exp2,
        half: 1 << 31,
        exp2_top,
        whole_max: 32,
    }
};

/// The decays of `n` channels for one state.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn decays(
    dt: *const i32,
    rate: *const u32,
    out: *mut u32,
    n: usize,
    constants: &Constants,
) {
    naked_asm!(
        assembler!(),
        "push {{r4-r11, lr}}",
        "ldr r12, [sp, #36]",
        "sub sp, #4",
        "vpush {{d12-d15}}",
        "ldrd r4, r5, [r12, #28]",
        "vdup.32 q7, r4",
        "vdup.32 q6, r5",
        "ldm r12, {{r4-r10}}",
        "wlstp.32 lr, r3, 3f",
        "2:",
        "vldrw.u32 q0, [r0], #16",
        "vldrw.u32 q2, [r1], #16",
        "vmulh.u32 q1, q0, q2",
        "vmul.i32 q2, q2, q0",
        split!("q2", "q1", "r10"),
        "vmin.u32 q1, q1, q6",
        "vneg.s32 q1, q1",
        horner!("q3", "q2", "q7"),
        "vshl.u32 q3, q3, q1",
        "vstrw.32 q3, [r2], #16",
        "letp lr, 2b",
        "3:",
        "vpop {{d12-d15}}",
        "add sp, #4",
        "pop {{r4-r11, pc}}",
    )
}

/// What [`block_decays`] takes.
#[repr(C)]
pub(super) struct Block {
    pub(super) dt: *const i32,
    pub(super) rate: *const u32,
    pub(super) out: *mut u32,
    /// Channels, at most [`LANES`].
    pub(super) n: usize,
    /// Bytes from the rates of one state to those of the next.
    pub(super) stride: usize,
    pub(super) states: usize,
}

/// The decays of a vector of channels for all states, `[states, LANES]`.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn block_decays(block: &Block, constants: &Constants) {
    naked_asm!(
        assembler!(),
        "push {{r4-r11, lr}}",
        "sub sp, #4",
        "vpush {{d10-d15}}",
        "ldrd r4, r5, [r1, #28]",
        "vdup.32 q7, r4",
        "vdup.32 q6, r5",
        "mov r12, r1",
        "ldm r0, {{r0, r1, r2, r3, r11, lr}}",
        "ldm r12, {{r4-r10}}",
        "vctp.32 r3",
        "vpst",
        "vldrwt.u32 q5, [r0]",
        "dls lr, lr",
        "2:",
        "vpst",
        "vldrwt.u32 q2, [r1]",
        "add r1, r11",
        "vmulh.u32 q1, q5, q2",
        "vmul.i32 q2, q2, q5",
        split!("q2", "q1", "r10"),
        "vmin.u32 q1, q1, q6",
        "vneg.s32 q1, q1",
        horner!("q3", "q2", "q7"),
        "vshl.u32 q3, q3, q1",
        "vstrw.32 q3, [r2], #16",
        "le lr, 2b",
        "vpop {{d10-d15}}",
        "add sp, #4",
        "pop {{r4-r11, pc}}",
    )
}

/// Makes the function that computes the drives of `n` channels, shifted left by `free` less the
/// state's shift where that is not negative, and returns the largest magnitude: [`DRIVE_MAX`] or
/// more where one has no room for that in 32 bits. `$load` gets inputs with 31 fraction bits.
macro_rules! drives {
    ($name:ident, $u:ty, $load:literal, $shift:literal) => {
        #[unsafe(naked)]
        unsafe extern "C" fn $name(
            dt: *const i32,
            u: *const $u,
            state_shift: *const u8,
            out: *mut i32,
            n: usize,
            free: i32,
        ) -> u32 {
            naked_asm!(
                assembler!(),
                "push {{r4, r5, r11, lr}}",
                "ldrd lr, r4, [sp, #16]",
                "mov r5, #0",
                "vmov.i32 q3, #0",
                "wlstp.32 lr, lr, 3f",
                "2:",
                $load,
                $shift,
                "vldrw.u32 q1, [r0], #16",
                "vqrdmulh.s32 q0, q0, q1",
                "vldrb.u32 q1, [r2], #4",
                "vneg.s32 q1, q1",
                "vadd.i32 q1, q1, r4",
                "vmax.s32 q1, q1, q3",
                "vqshl.s32 q0, q0, q1",
                "vmaxav.s32 r5, q0",
                "vstrw.32 q0, [r3], #16",
                "letp lr, 2b",
                "3:",
                "mov r0, r5",
                "pop {{r4, r5, r11, pc}}",
            )
        }
    };
}

drives!(
    drives_of_acts,
    i16,
    "vldrh.s32 q0, [r1], #8",
    "vshl.i32 q0, q0, #16"
);
drives!(
    drives_of_bytes,
    i8,
    "vldrb.s32 q0, [r1], #4",
    "vshl.i32 q0, q0, #24"
);

/// What [`update_tied`] and [`update_full`] take, in the order of its registers, r0 to r7.
#[repr(C)]
pub(super) struct States {
    /// Tied: `[n]`, which become the sums. Full: `[states, LANES]` of at most [`LANES`] channels.
    pub(super) decay: *mut u32,
    pub(super) drive: *const i32,
    pub(super) state_shift: *const u8,
    /// States `[states, stride]`.
    pub(super) state: *mut i32,
    /// Bytes from one state of a channel to the next.
    pub(super) stride: usize,
    pub(super) weights: *const Weights,
    pub(super) states: usize,
    /// Channels.
    pub(super) n: usize,
    /// Of [`drives!`], less 1.
    pub(super) free: i32,
    /// Where the sums go in the full form.
    pub(super) sums: *mut i32,
    /// Channels that must be left for a vector to go without a mask: [`LANES`], or more than
    /// there are where a drive is marked.
    pub(super) unmasked: usize,
}

/// Weights of a state.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Weights {
    /// B, shifted up by 16 and the bits that those of all states leave free.
    pub(super) b: i32,
    /// C.
    pub(super) c: i32,
    /// C, shifted up by 7.
    pub(super) c_high: i32,
}

/// Prepares the weights of `n` states and returns the bits that all of B leave free.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn weigh(
    b: *const i16,
    c: *const i16,
    n: usize,
    weights: *mut Weights,
) -> u32 {
    naked_asm!(
        assembler!(),
        "push {{r4, r5, r6, lr}}",
        "mov r4, r0",
        "mov r12, #0",
        "wlstp.16 lr, r2, 3f",
        "2:",
        "vldrh.u16 q0, [r4], #16",
        "vmaxav.s16 r12, q0",
        "letp lr, 2b",
        "3:",
        // The leading zeros of 15 bits; none for -2^15.
        "clz r12, r12",
        "sub r12, #17",
        "bic r12, r12, r12, asr #31",
        "add r5, r12, #16",
        // Where the weights of four states lie, bytes.
        "mov r4, #0",
        "mov r6, #3",
        "vidup.u32 q3, r4, #4",
        "vmul.i32 q3, q3, r6",
        "wlstp.32 lr, r2, 3f",
        "2:",
        "vldrh.s32 q0, [r0], #8",
        "vldrh.s32 q1, [r1], #8",
        "vshl.s32 q0, r5",
        "vshl.i32 q2, q1, #7",
        "vstrw.32 q0, [r3, q3]",
        "add r3, #4",
        "vstrw.32 q1, [r3, q3]",
        "add r3, #4",
        "vstrw.32 q2, [r3, q3]",
        "add r3, #40",
        "letp lr, 2b",
        "3:",
        "mov r0, r12",
        "pop {{r4, r5, r6, pc}}",
    )
}

/// The loop over the states of a vector of channels, `$mask` before loads and stores.
///
/// q2 is the decay, q3 the first one, q4 the drive, q5 minus the shift of its product with B.
/// * `h a / 2^31`, rounded, is a doubling high half: a decay never is 2^31 (tested).
/// * The high half of twice the product of drive and B has at least one bit more than the result:
///   the rounding shift is exact.
/// * q6 is the sum modulo 2^32, q7 the sum of `floor(h c / 2^24)`: with at most 255 states the two
///   fix the sum of 64 bits.
macro_rules! states {
    ($mask:literal, $t:literal, $load:literal, $next:literal) => {
        concat!(
            "mov r11, r3\n",
            "mov r12, r5\n",
            "vmov.i32 q6, #0\n",
            "vmov.i32 q7, #0\n",
            "dls lr, r6\n",
            "3:\n",
            "ldm r12!, {{r8, r9, r10}}\n",
            $load,
            $mask,
            "vldrw",
            $t,
            ".u32 q0, [r11]\n",
            "vqrdmulh.s32 q0, q0, q2\n",
            "vqdmulh.s32 q1, q4, r8\n",
            "vrshl.s32 q1, q1, q5\n",
            "vqadd.s32 q0, q0, q1\n",
            $mask,
            "vstrw",
            $t,
            ".32 q0, [r11]\n",
            "vmla.i32 q6, q0, r9\n",
            "vqdmlah.s32 q7, q0, r10\n",
            $next,
            "add r11, r4\n",
            "le lr, 3b\n",
        )
    };
}

/// The shift after the product of drive and B, q5, from the state's shift in q0: -1 less what that
/// passes the free bits by.
macro_rules! shift {
    () => {
        concat!(
            "vneg.s32 q0, q0\n",
            "ldr r8, [sp]\n",
            "vadd.i32 q0, q0, r8\n",
            "vmvn.i32 q5, #0\n",
            "vmin.s32 q5, q5, q0\n",
        )
    };
}

/// Makes the function that updates the states of channels and sums up their outputs.
///
/// A drive of [`DRIVE_MAX`] in magnitude, or more, marks a channel to be left as it is.
macro_rules! update {
    ($name:ident, $first:literal, $load:literal, $next:literal, $store:literal) => {
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(states: &States) {
            naked_asm!(
                assembler!(),
                "push {{r4-r11, lr}}",
                "vpush {{d8-d15}}",
                "ldrd r1, r2, [r0, #32]",
                "ldr r3, [r0, #40]",
                "push {{r1, r2, r3}}",
                "ldm r0, {{r0-r7}}",
                "2:",
                $first,
                "vldrw.u32 q4, [r1], #16",
                "ldr r8, [sp, #8]",
                "cmp r7, r8",
                "blt 5f",
                "vldrb.u32 q0, [r2], #4",
                shift!(),
                states!("", "", $load, $next),
                "4:",
                "vshl.i32 q0, q7, #24",
                "vsub.i32 q0, q6, q0",
                "vshr.u32 q1, q0, #24",
                "vadd.i32 q7, q7, q1",
                "vbic.i32 q0, #0xff000000",
                "vrshr.u32 q0, q0, #15",
                // A sum below 32 bits takes no part of the lower word.
                "movw r8, #0",
                "movt r8, #0xffc0",
                "vpt.s32 lt, q7, r8",
                "vmovt.i32 q0, #0",
                "vqshl.s32 q7, q7, #9",
                "vqadd.s32 q0, q7, q0",
                $store,
                "add r3, #16",
                "subs r7, #4",
                "bgt 2b",
                "add sp, #12",
                "vpop {{d8-d15}}",
                "pop {{r4-r11, pc}}",
                "5:",
                "vctp.32 r7",
                "vpst",
                "vldrbt.u32 q0, [r2]",
                "add r2, #4",
                shift!(),
                // Lanes that take part: channels whose drive is not marked.
                "vqabs.s32 q0, q4",
                "mvn r8, #0x80000000",
                "vpst",
                "vcmpt.i32 ne, q0, r8",
                states!("vpst\n", "t", $load, $next),
                "b 4b",
            )
        }
    };
}

update!(
    update_tied,
    "vldrw.u32 q3, [r0]\nvmov q2, q3",
    "",
    "vqrdmulh.s32 q2, q2, q3\n",
    "vstrw.32 q0, [r0], #16"
);
update!(
    update_full,
    "",
    "vldrw.u32 q2, [r0], #16\n",
    "",
    "ldr r8, [sp, #4]\nvstrw.32 q0, [r8]"
);

/// What the outputs of a pixel are made of.
#[repr(C)]
pub(super) struct Outputs<I> {
    pub(super) sums: *const i32,
    pub(super) u: *const I,
    pub(super) shift: *const u8,
    pub(super) out: *mut i16,
    pub(super) multiplier: *const i32,
    pub(super) skip: *const i32,
    pub(super) n: usize,
}

/// Makes the function that computes outputs; `$load` as that of [`drives!`].
macro_rules! outputs {
    ($name:ident, $u:ty, $load:literal, $shift:literal) => {
        #[unsafe(naked)]
        unsafe extern "C" fn $name(outputs: &Outputs<$u>) {
            naked_asm!(
                assembler!(),
                "push {{r4-r6, lr}}",
                "vpush {{d8, d9}}",
                "ldm r0, {{r0-r6}}",
                "movw r12, #32767",
                "vdup.32 q3, r12",
                "vneg.s32 q4, q3",
                "wlstp.32 lr, r6, 3f",
                "2:",
                "vldrw.u32 q0, [r0], #16",
                "vldrw.u32 q1, [r4], #16",
                "vmulh.s32 q0, q0, q1",
                "vldrw.u32 q1, [r5], #16",
                $load,
                $shift,
                "vmulh.s32 q1, q1, q2",
                "vadd.i32 q0, q0, q1",
                "vldrb.u32 q1, [r2], #4",
                "vneg.s32 q1, q1",
                "vrshl.s32 q0, q0, q1",
                "vmin.s32 q0, q0, q3",
                "vmax.s32 q0, q0, q4",
                "vstrh.32 q0, [r3], #8",
                "letp lr, 2b",
                "3:",
                "vpop {{d8, d9}}",
                "pop {{r4-r6, pc}}",
            )
        }
    };
}

outputs!(
    outputs_of_acts,
    i16,
    "vldrh.s32 q2, [r1], #8",
    "vshl.i32 q2, q2, #16"
);
outputs!(
    outputs_of_bytes,
    i8,
    "vldrb.s32 q2, [r1], #4",
    "vshl.i32 q2, q2, #24"
);

/// An input of the scan.
pub(super) trait Input: FixedInput {
    const DRIVES: unsafe extern "C" fn(
        dt: *const i32,
        u: *const Self,
        state_shift: *const u8,
        out: *mut i32,
        n: usize,
        free: i32,
    ) -> u32;
    const OUTPUTS: unsafe extern "C" fn(outputs: &Outputs<Self>);
}

impl Input for i16 {
    const DRIVES: unsafe extern "C" fn(
        *const i32,
        *const Self,
        *const u8,
        *mut i32,
        usize,
        i32,
    ) -> u32 = drives_of_acts;
    const OUTPUTS: unsafe extern "C" fn(&Outputs<Self>) = outputs_of_acts;
}

impl Input for i8 {
    const DRIVES: unsafe extern "C" fn(
        *const i32,
        *const Self,
        *const u8,
        *mut i32,
        usize,
        i32,
    ) -> u32 = drives_of_bytes;
    const OUTPUTS: unsafe extern "C" fn(&Outputs<Self>) = outputs_of_bytes;
}
