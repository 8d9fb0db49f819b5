//! The sum in fixed point with AVX2 and AVX-512.

use super::{FixedParams, Run};
use crate::arith::Fixed;
use crate::num::fixed_avx2::Avx2;
use crate::num::fixed_avx512::Avx512;
use crate::num::lanes::{Lanes, StoreInput, entries, mulhi};

/// As `super::reference::fixed`.
#[inline(always)]
fn run<S: Lanes>(s: S, params: &FixedParams, a: &mut [i16], b: &[i16]) {
    let (first, second) = (s.splat(params.a), s.splat(params.b));
    let round = s.splat(1 << (params.shift - 1));
    let (shift, sixteen) = (s.splat(params.shift.into()), s.splat(16));
    for (a, b) in a.chunks_mut(S::LANES).zip(b.chunks(S::LANES)) {
        let len = a.len().min(b.len());
        let a = a.get_mut(..len).unwrap_or_default();
        let first = mulhi(s, s.shl(s.load16(a), sixteen), first);
        let second = mulhi(s, s.shl(s.load16(b), sixteen), second);
        let sum = s.add(s.add(first, second), round);
        StoreInput::store(s, a, s.sar(sum, shift));
    }
}

entries!(run_avx2, run_avx512(params: &FixedParams, a: &mut [i16], b: &[i16]) = run);

/// Returns the entry point where this machine has AVX2.
pub(super) fn avx2() -> Option<Run<Fixed<i16>>> {
    Avx2::is_there().then_some(run_avx2)
}

/// Returns the entry point where this machine has AVX-512.
pub(super) fn avx512() -> Option<Run<Fixed<i16>>> {
    Avx512::is_there().then_some(run_avx512)
}
