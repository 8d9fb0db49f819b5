//! Step sizes in fixed point with AVX2 and AVX-512.

use super::Run;
use crate::arith::Fixed;
use crate::num::fixed_avx2::Avx2;
use crate::num::fixed_avx512::Avx512;
use crate::num::lanes::{Lanes, entries, soft_plus};

/// As `super::reference::run`.
#[inline(always)]
fn run<S: Lanes>(s: S, x: &[i32], out: &mut [i32]) {
    for (out, x) in out.chunks_mut(S::LANES).zip(x.chunks(S::LANES)) {
        let len = out.len().min(x.len());
        let out = out.get_mut(..len).unwrap_or_default();
        s.store(out, soft_plus(s, s.load(x)));
    }
}

entries!(fn run_avx2, run_avx512(x: &[i32], out: &mut [i32]) = run);

/// Returns the entry point where this machine has AVX2.
pub(super) fn avx2() -> Option<Run<Fixed<i16>>> {
    Avx2::is_there().then_some(run_avx2)
}

/// Returns the entry point where this machine has AVX-512.
pub(super) fn avx512() -> Option<Run<Fixed<i16>>> {
    Avx512::is_there().then_some(run_avx512)
}
