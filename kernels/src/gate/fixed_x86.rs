//! The gate in fixed point with AVX2 and AVX-512.

use super::{FixedParams, Run};
use crate::arith::Fixed;
use crate::num::fixed_avx2::Avx2;
use crate::num::fixed_avx512::Avx512;
use crate::num::lanes::{Lanes, Logistic, Scale, StoreInput, entries, vector, vector_mut};
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
    let gate = Gate {
        scale: Scale::splat(s, params.multiplier, params.shift),
        logistic: Logistic::new(s, params.fraction),
    };
    let pixels = out.chunks_exact_mut(inner).zip(y.chunks_exact(inner));
    for (i, (out, y)) in pixels.enumerate() {
        let z = part(z.values(), i * z.stride(), inner);
        match S::TOGETHER {
            2 => gate.pixel::<I, 2>(s, y, z, out),
            _ => gate.pixel::<I, 1>(s, y, z, out),
        }
    }
}

struct Gate<S: Lanes> {
    scale: Scale<S>,
    logistic: Logistic<S>,
}

impl<S: Lanes> Gate<S> {
    #[inline(always)]
    fn pixel<I: StoreInput, const K: usize>(&self, s: S, y: &[i16], z: &[i16], out: &mut [I]) {
        let (half, fifteen) = (s.splat(1 << 14), s.splat(15));
        let len = K * S::LANES;
        let vectors = out.chunks_mut(len).zip(y.chunks(len));
        for ((out, y), z) in vectors.zip(z.chunks(len)) {
            let mut x = [s.splat(0); K];
            for (k, x) in x.iter_mut().enumerate() {
                *x = s.load16(vector::<S, _>(z, k));
            }
            let silu = self.logistic.of(s, x);
            for k in 0..K {
                let silu = s.sar(s.add(s.mul(x[k], silu[k]), half), fifteen);
                let product = s.mul(s.load16(vector::<S, _>(y, k)), silu);
                let out = vector_mut::<S, _>(out, k);
                I::store(s, out, self.scale.requantise(s, product));
            }
        }
    }
}

entries!(
    avx2_run_i16, avx512_run_i16(params: &FixedParams, y: &[i16], z: Rows<'_, i16>, out: &mut [i16]) = run
);
entries!(
    avx2_run_i8, avx512_run_i8(params: &FixedParams, y: &[i16], z: Rows<'_, i16>, out: &mut [i8]) = run
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
