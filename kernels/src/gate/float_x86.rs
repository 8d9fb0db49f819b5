//! The gate in single precision with AVX2 and AVX-512.

use super::Run;
use crate::arith::Float;
use crate::num::float_avx2::Avx2;
use crate::num::float_avx512::Avx512;
use crate::num::simd::{Simd, entry, logistic, part};
use crate::rows::Rows;

/// As `super::reference::float`.
#[inline(always)]
fn run<S: Simd>(s: S, (): &(), y: &[f32], z: Rows<'_, f32>, out: &mut [f32]) {
    let inner = z.len().max(1);
    let pixels = out.chunks_exact_mut(inner).zip(y.chunks_exact(inner));
    for (i, (out, y)) in pixels.enumerate() {
        let z = part(z.values(), i * z.stride(), inner);
        let vectors = out.chunks_mut(S::LANES).zip(y.chunks(S::LANES));
        for ((out, y), z) in vectors.zip(z.chunks(S::LANES)) {
            let z = s.load(z);
            let product = s.mul(s.load(y), z);
            s.store(out, s.mul(product, logistic(s, z)));
        }
    }
}

entry!(Avx2, "avx2,fma", fn run_avx2(params: &(), y: &[f32], z: Rows<'_, f32>, out: &mut [f32]) = run);
entry!(Avx512, "avx512f", fn run_avx512(params: &(), y: &[f32], z: Rows<'_, f32>, out: &mut [f32]) = run);

/// Returns the entry point where this machine has AVX2 and FMA.
pub(super) fn avx2() -> Option<Run<Float<f32>>> {
    Avx2::is_there().then_some(run_avx2)
}

/// Returns the entry point where this machine has AVX-512F.
pub(super) fn avx512() -> Option<Run<Float<f32>>> {
    Avx512::is_there().then_some(run_avx512)
}
