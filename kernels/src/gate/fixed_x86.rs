//! The gate in fixed point with AVX2 and AVX-512.

use super::{FixedParams, Run};
use crate::arith::Fixed;
use crate::num::fixed_avx2::Avx2;
use crate::num::fixed_avx512::Avx512;
use crate::num::lanes::{Lanes, Logistic, Scale, StoreInput, entries};
use crate::num::simd::part;
use crate::rows::Rows;

/// As `super::reference::fixed`.
#[inline(always)]
fn run<S: Lanes, I: StoreInput>(
    s: S,
    params: &FixedParams,
    y: &[i16],
    z: Rows<'_, i16>,
    out: &mut [I],
) {
    let inner = z.len().max(1);
    let scale = Scale::splat(s, params.multiplier, params.shift);
    let logistic = Logistic::new(s, params.fraction);
    let (half, fifteen) = (s.splat(1 << 14), s.splat(15));
    let pixels = out.chunks_exact_mut(inner).zip(y.chunks_exact(inner));
    for (i, (out, y)) in pixels.enumerate() {
        let z = part(z.values(), i * z.stride(), inner);
        let vectors = out.chunks_mut(S::LANES).zip(y.chunks(S::LANES));
        for ((out, y), z) in vectors.zip(z.chunks(S::LANES)) {
            let (y, z) = (s.load16(y), s.load16(z));
            let silu = s.add(s.mul(z, logistic.of(s, z)), half);
            let product = s.mul(y, s.sar(silu, fifteen));
            I::store(s, out, scale.requantise(s, product));
        }
    }
}

entries!(
    fn avx2_run_i16, avx512_run_i16(params: &FixedParams, y: &[i16], z: Rows<'_, i16>, out: &mut [i16]) = run
);
entries!(
    fn avx2_run_i8, avx512_run_i8(params: &FixedParams, y: &[i16], z: Rows<'_, i16>, out: &mut [i8]) = run
);

/// Returns the entry point for `i16` where this machine has AVX2.
pub(super) fn avx2_i16() -> Option<Run<Fixed<i16>>> {
    Avx2::is_there().then_some(avx2_run_i16)
}

/// Returns the entry point for `i8` where this machine has AVX2.
pub(super) fn avx2_i8() -> Option<Run<Fixed<i8>>> {
    Avx2::is_there().then_some(avx2_run_i8)
}

/// Returns the entry point for `i16` where this machine has AVX-512.
pub(super) fn avx512_i16() -> Option<Run<Fixed<i16>>> {
    Avx512::is_there().then_some(avx512_run_i16)
}

/// Returns the entry point for `i8` where this machine has AVX-512.
pub(super) fn avx512_i8() -> Option<Run<Fixed<i8>>> {
    Avx512::is_there().then_some(avx512_run_i8)
}
