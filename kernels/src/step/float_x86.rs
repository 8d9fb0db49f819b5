//! The step size in single precision with AVX2 and AVX-512.

use super::Run;
use crate::arith::Float;
use crate::num::float_avx2::Avx2;
use crate::num::float_avx512::Avx512;
use crate::num::simd::{Simd, entry, soft_plus};

/// As `super::reference::run`.
#[inline(always)]
fn run<S: Simd>(s: S, x: &[f32], out: &mut [f32]) {
    for (out, x) in out.chunks_mut(S::LANES).zip(x.chunks(S::LANES)) {
        let len = out.len().min(x.len());
        let step = soft_plus(s, s.load(x));
        s.store(out.get_mut(..len).unwrap_or_default(), step);
    }
}

entry!(Avx2, "avx2,fma", fn run_avx2(x: &[f32], out: &mut [f32]) = run);
entry!(Avx512, "avx512f", fn run_avx512(x: &[f32], out: &mut [f32]) = run);

/// Returns the entry point where this machine has AVX2 and FMA.
pub(super) fn avx2() -> Option<Run<Float<f32>>> {
    Avx2::is_there().then_some(run_avx2)
}

/// Returns the entry point where this machine has AVX-512F.
pub(super) fn avx512() -> Option<Run<Float<f32>>> {
    Avx512::is_there().then_some(run_avx512)
}
