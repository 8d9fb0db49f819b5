//! The gate with Helium.

#![expect(unsafe_code, reason = "pointers that assembly takes")]

use super::{FixedParams, Run, fixed};
use crate::arith::{Fixed, FixedInput};
use crate::num::mve::{Gated, Silu, is_detected};
use crate::rows::Rows;

/// Gates as `reference.rs`.
fn run<I: FixedInput + Gated>(params: &FixedParams, y: &[i16], z: Rows<'_, i16>, out: &mut [I]) {
    let (len, elements) = (z.len(), out.len().min(y.len()));
    let Some(pixels) = elements.checked_div(len).filter(|&pixels| z.holds(pixels)) else {
        return fixed(params, y, z, out);
    };
    let requantisation = (params.multiplier, params.shift);
    let mut args = Silu::new(params.fraction, requantisation, I::LARGEST);
    // Pixels that lie one after another are as good as one.
    let (pixels, len) = if z.stride() == len {
        (1, pixels * len)
    } else {
        (pixels, len)
    };
    args.len = len;
    for i in 0..pixels {
        let z = z.values().as_ptr().wrapping_add(i * z.stride());
        let y = y.as_ptr().wrapping_add(i * len);
        let out = out.as_mut_ptr().wrapping_add(i * len);
        // SAFETY: `z` holds the pixels, `y` and `out` `pixels * len` elements, checked above.
        unsafe { I::GATE(&args, z, out, y) };
    }
}

/// Returns the entry points where this machine has the instructions.
pub(crate) fn w8a16() -> Option<Run<Fixed<i16>>> {
    is_detected().then_some(run::<i16>)
}

/// Returns the entry points where this machine has the instructions.
pub(crate) fn w8a8() -> Option<Run<Fixed<i8>>> {
    is_detected().then_some(run::<i8>)
}
