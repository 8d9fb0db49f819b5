//! Fixed point on GPUs.

/// As [`fixed::mulhi`](super::fixed::mulhi) elsewhere, by the instruction: the compiler would merge
/// products and sums in 64 bits, which takes a GPU several.
#[inline(always)]
pub fn mulhi(a: i32, b: i32) -> i32 {
    let out: i32;
    // SAFETY: it computes on registers.
    unsafe {
        core::arch::asm!(
            "mul.hi.s32 {0}, {1}, {2};",
            out(reg32) out, in(reg32) a, in(reg32) b,
            options(pure, nomem, nostack)
        );
    }
    out
}
