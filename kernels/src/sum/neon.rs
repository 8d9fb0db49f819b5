//! Sum of two tensors with NEON.

use bytemuck::must_cast;

use super::{FixedParams, Run};
use crate::arith::{Fixed, Float};
use crate::num::neon::fixed::Saturate;
use crate::num::neon::intrinsics::{
    float32x4_t, int32x4_t, vaddq_f32, vaddq_s32, vdupq_n_s32, vget_low_s16, vqdmulhq_s32,
    vrshlq_s32, vshll_high_n_s16, vshll_n_s16,
};
use crate::num::neon::{First, Lanes};
/// Returns the entry point.
pub(crate) fn f32() -> Option<Run<Float<f32>>> {
    Some(|(), a, b| {
        add(a, b, |a: [f32; 16], b| {
            let (a, b): ([float32x4_t; 4], [float32x4_t; 4]) = (must_cast(a), must_cast(b));
            must_cast([0, 1, 2, 3].map(|i| vaddq_f32(a[i], b[i])))
        });
    })
}

/// Returns the entry point; no sum depends on the inputs' bits.
pub(crate) fn w8a16() -> Option<Run<Fixed<i16>>> {
    Some(fixed)
}

fn fixed(params: &FixedParams, a: &mut [i16], b: &[i16]) {
    let shift = vdupq_n_s32(-i32::from(params.shift));
    let factors = (vdupq_n_s32(params.a), vdupq_n_s32(params.b));
    add(a, b, |a, b| {
        let (first, second) = (terms(a, factors.0), terms(b, factors.1));
        i16::saturate_8([0, 1].map(|i| vrshlq_s32(vaddq_s32(first[i], second[i]), shift)))
    });
}

/// Returns `mulhi(x 2^16, factor)`, which is `floor(x 2^15 factor / 2^31)`.
#[inline(always)]
fn terms(x: [i16; 8], factor: int32x4_t) -> [int32x4_t; 2] {
    let x = must_cast(x);
    let low = vshll_n_s16::<15>(vget_low_s16(x));
    let high = vshll_high_n_s16::<15>(x);
    [vqdmulhq_s32(low, factor), vqdmulhq_s32(high, factor)]
}

/// Adds `b` to `a`, `N` elements at a time.
#[inline(always)]
fn add<T: bytemuck::Pod, const N: usize>(
    a: &mut [T],
    b: &[T],
    sum: impl Fn([T; N], [T; N]) -> [T; N],
) {
    let len = a.len().min(b.len());
    let (a, a_end) = a.split_at_mut(len).0.as_chunks_mut();
    let (b, b_end) = b.split_at(len).0.as_chunks();
    for (a, &b) in a.iter_mut().zip(b) {
        *a = sum(*a, b);
    }
    let lanes = First(a_end.len());
    let last = sum(lanes.load(a_end, 0), lanes.load(b_end, 0));
    lanes.store(a_end, 0, last);
}
