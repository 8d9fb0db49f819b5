//! The sum in single precision with AVX2 and AVX-512.

use super::Run;
use crate::arith::Float;
use crate::num::float_avx2::Avx2;
use crate::num::float_avx512::Avx512;
use crate::num::simd::{Simd, entry};

/// As `super::reference::float`, in the compiler's own vectors of the instruction set.
#[inline(always)]
fn run<S: Simd>(_: S, (): &(), a: &mut [f32], b: &[f32]) {
    for (a, &b) in a.iter_mut().zip(b) {
        *a += b;
    }
}

entry!(Avx2, "avx2,fma", fn run_avx2(params: &(), a: &mut [f32], b: &[f32]) = run);
entry!(Avx512, "avx512f", fn run_avx512(params: &(), a: &mut [f32], b: &[f32]) = run);

/// Returns the entry point where this machine has AVX2 and FMA.
pub(super) fn avx2() -> Option<Run<Float<f32>>> {
    Avx2::is_there().then_some(run_avx2)
}

/// Returns the entry point where this machine has AVX-512F.
pub(super) fn avx512() -> Option<Run<Float<f32>>> {
    Avx512::is_there().then_some(run_avx512)
}
