//! Sum with the DSP extension of Armv7E-M and Armv8-M, four values at a time.

#![expect(unsafe_code, reason = "inner loop in assembly")]

use core::arch::asm;

use super::{FixedParams, Run};
use crate::arith::Fixed;
use crate::num::dsp::less_half;

/// Returns the entry point.
pub(crate) fn w8a16() -> Option<Run<Fixed<i16>>> {
    Some(run)
}

/// Adds two and two values.
macro_rules! pairs {
    ($a:literal, $b:literal) => {
        concat!(
            "ldr r2, [",
            $b,
            "], #4
             ldr r1, [",
            $a,
            "]
             smlawb r0, r4, r1, r8
             smlawt r1, r4, r1, r8
             smlawb r0, r5, r2, r0
             smlawt r1, r5, r2, r1
             asr r0, r0, r9
             asr r1, r1, r9
             ssat r0, #16, r0
             ssat r1, #16, r1
             pkhbt r0, r0, r1, lsl #16
             qadd16 r0, r0, r10
             str r0, [",
            $a,
            "], #4"
        )
    };
}

/// Adds; arguments as [`super::Run`].
fn run(params: &FixedParams, a: &mut [i16], b: &[i16]) {
    let n = a.len().min(b.len());
    let quads = n / 4;
    if quads > 0 {
        // SAFETY: reads and writes four values of each in `quads` rounds, at least one.
        unsafe {
            asm!(
                "2:",
                pairs!("r11", "r12"),
                pairs!("r11", "r12"),
                "subs lr, #1",
                "bne 2b",
                in("r4") params.a,
                in("r5") params.b,
                in("r8") less_half(params.shift),
                in("r9") u32::from(params.shift),
                in("r10") 0x0001_0001,
                inout("r11") a.as_mut_ptr() => _,
                inout("r12") b.as_ptr() => _,
                inout("lr") quads => _,
                out("r0") _, out("r1") _, out("r2") _,
                options(nostack),
            );
        }
    }
    if let (Some(a), Some(b)) = (a.get_mut(4 * quads..), b.get(4 * quads..)) {
        super::fixed(params, a, b);
    }
}
