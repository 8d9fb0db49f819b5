//! The step size in single precision with AVX2 and AVX-512.

use super::Run;
use crate::arith::Float;
use crate::num::float_avx2::Avx2;
use crate::num::float_avx512::Avx512;
use crate::num::simd::{GROUP, Simd, entry, part, part_mut, soft_plus};

/// As `super::reference::run`.
#[inline(always)]
fn run<S: Simd>(s: S, x: &[f32], out: &mut [f32]) {
    let len = out.len().min(x.len());
    let (x, out) = (part(x, 0, len), part_mut(out, 0, len));
    let mut groups = x.chunks_exact(GROUP * S::LANES);
    let mut outs = out.chunks_exact_mut(GROUP * S::LANES);
    for (x, out) in groups.by_ref().zip(outs.by_ref()) {
        let mut values = [s.splat(0.0); GROUP];
        for (value, x) in values.iter_mut().zip(x.chunks_exact(S::LANES)) {
            *value = s.load(x);
        }
        let steps = soft_plus(s, values);
        for (out, step) in out.chunks_exact_mut(S::LANES).zip(steps) {
            s.store(out, step);
        }
    }
    let rest = groups.remainder().chunks(S::LANES);
    for (x, out) in rest.zip(outs.into_remainder().chunks_mut(S::LANES)) {
        let [step] = soft_plus(s, [s.load(x)]);
        s.store(out, step);
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
