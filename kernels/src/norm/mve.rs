//! The norm with Helium.

#![expect(unsafe_code, reason = "assembly, and the pointers that it takes")]

use core::arch::naked_asm;

use super::{FixedParams, Kernel, Run, fixed_kernel};
use crate::arith::{Fixed, FixedInput};
use crate::num::mve::{assembler, is_detected, reciprocal_sqrt};

/// Most channels of the specification.
const WIDTH_MAX: usize = 256;

/// Returns the sum of the squares of `n` elements, and puts their sum into `sum`.
#[unsafe(naked)]
unsafe extern "C" fn moments(x: *const i16, n: usize, sum: &mut i32) -> u64 {
    naked_asm!(
        assembler!(),
        "push {{r3, r4, r5, lr}}",
        "mov r3, r0",
        "movs r0, #0",
        "movs r4, #0",
        "mov r5, r1",
        "movs r1, #0",
        "wlstp.16 lr, r5, 3f",
        "2:",
        "vldrh.u16 q0, [r3], #16",
        "vaddva.s16 r4, q0",
        "vmlaldava.s16 r0, r1, q0, q0",
        "letp lr, 2b",
        "3:",
        "str r4, [r2]",
        "pop {{r3, r4, r5, pc}}",
    )
}

/// What [`Output::NORMALISE`] takes, in the order of its registers, r0 to r7.
#[repr(C)]
struct Pixel<O> {
    x: *const i16,
    out: *mut O,
    gain: *const i32,
    offset: *const i32,
    /// Channels and sum, shifted left so that a deviation takes all 32 bits.
    width: i32,
    sum: i32,
    /// Of the reciprocal of the deviation.
    mantissa: i32,
    /// As a shift to the left.
    shift: i32,
    max: i32,
    n: usize,
}

/// An output of the norm.
trait Output: Sized + Copy + 'static {
    const LARGEST: i32;
    /// Takes `n` elements to outputs.
    const NORMALISE: unsafe extern "C" fn(pixel: &Pixel<Self>);
}

/// Makes an [`Output::NORMALISE`]. A deviation times the reciprocal is a doubling high half, rounded
/// half up, as the deviation is shifted left by one bit less than the reciprocal's exponent.
macro_rules! normalise {
    ($name:ident, $out:ty, $max:literal, $store:literal) => {
        impl Output for $out {
            const LARGEST: i32 = $max;
            const NORMALISE: unsafe extern "C" fn(&Pixel<Self>) = $name;
        }

        #[unsafe(naked)]
        unsafe extern "C" fn $name(pixel: &Pixel<$out>) {
            naked_asm!(
                assembler!(),
                "push {{r4-r8, lr}}",
                "ldrd r8, lr, [r0, #32]",
                "vdup.32 q2, r8",
                "vneg.s32 q3, q2",
                "ldm r0, {{r0-r7}}",
                "wlstp.32 lr, lr, 3f",
                "2:",
                "vldrh.s32 q0, [r0], #8",
                "vmul.i32 q0, q0, r4",
                "vsub.i32 q0, q0, r5",
                "vqrdmulh.s32 q0, q0, r6",
                "vldrw.u32 q1, [r2], #16",
                "vmulh.s32 q0, q0, q1",
                "vldrw.u32 q1, [r3], #16",
                "vadd.i32 q0, q0, q1",
                "vrshl.s32 q0, r7",
                "vmin.s32 q0, q0, q2",
                "vmax.s32 q0, q0, q3",
                $store,
                "letp lr, 2b",
                "3:",
                "pop {{r4-r8, pc}}",
            )
        }
    };
}

normalise!(normalise_to_acts, i16, 32767, "vstrh.32 q0, [r1], #8");
normalise!(normalise_to_bytes, i8, 127, "vstrb.32 q0, [r1], #4");

/// Normalises pixels as `reference.rs`, which takes those whose reciprocal has no such form.
fn run<I: FixedInput, O: Output>(
    params: &FixedParams<'_>,
    x: &[i16],
    width: usize,
    out: &mut [O],
    reference: Run<Fixed<I>, O>,
) {
    let arrays_hold = params.gain.len() >= width && params.offset.len() >= width;
    if !arrays_hold || !(1..=WIDTH_MAX).contains(&width) {
        return reference(params, x, width, out);
    }
    for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        let mut sum = 0;
        // SAFETY: `x` holds `width` elements.
        let squares = unsafe { moments(x.as_ptr(), width, &mut sum) };
        // The sum of (n x - sum)^2, in other words.
        let n = width as u64;
        let total = i64::from(sum).pow(2) as u64;
        let deviations = n.wrapping_mul(n.wrapping_mul(squares).wrapping_sub(total));
        let (mantissa, halvings) = reciprocal_sqrt(deviations.wrapping_add(params.epsilon));
        let (Ok(mantissa), Some(up)) = (i32::try_from(mantissa), halvings.checked_sub(1)) else {
            reference(params, x, width, out);
            continue;
        };
        let pixel = Pixel {
            x: x.as_ptr(),
            out: out.as_mut_ptr(),
            gain: params.gain.as_ptr(),
            offset: params.offset.as_ptr(),
            width: (width as i32) << up,
            sum: sum << up,
            mantissa,
            shift: -i32::from(params.shift),
            max: O::LARGEST,
            n: width,
        };
        // SAFETY: all arrays hold `width` elements.
        unsafe { O::NORMALISE(&pixel) };
    }
}

/// Returns the entry points where this machine has the instructions.
pub(crate) fn w8a16() -> Option<Kernel<Fixed<i16>>> {
    is_detected().then_some(Kernel {
        acts: |params, x, width, out| {
            run::<i16, i16>(params, x, width, out, fixed_kernel::<i16>().acts);
        },
        inputs: |params, x, width, out| {
            run::<i16, i16>(params, x, width, out, fixed_kernel::<i16>().inputs);
        },
    })
}

/// Returns the entry points where this machine has the instructions.
pub(crate) fn w8a8() -> Option<Kernel<Fixed<i8>>> {
    is_detected().then_some(Kernel {
        acts: |params, x, width, out| {
            run::<i8, i16>(params, x, width, out, fixed_kernel::<i8>().acts);
        },
        inputs: |params, x, width, out| {
            run::<i8, i8>(params, x, width, out, fixed_kernel::<i8>().inputs);
        },
    })
}
