//! Step sizes in fixed point with AVX2 and AVX-512.

use super::Run;
use crate::arith::Fixed;
use crate::num::fixed_avx2::Avx2;
use crate::num::fixed_avx512::Avx512;
use crate::num::lanes::{Lanes, entries, soft_plus, vector, vector_mut};
use crate::num::simd::part_mut;

/// As `super::reference::run`.
#[inline(always)]
fn run<S: Lanes>(s: S, x: &[i32], out: &mut [i32]) {
    match S::TOGETHER {
        2 => run_of::<S, 2>(s, x, out),
        _ => run_of::<S, 1>(s, x, out),
    }
}

#[inline(always)]
fn run_of<S: Lanes, const K: usize>(s: S, x: &[i32], out: &mut [i32]) {
    let len = K * S::LANES;
    for (out, x) in out.chunks_mut(len).zip(x.chunks(len)) {
        let out = part_mut(out, 0, x.len());
        let mut y = [s.splat(0); K];
        for (k, y) in y.iter_mut().enumerate() {
            *y = s.load(vector::<S, _>(x, k));
        }
        let y = soft_plus(s, y);
        for (k, &y) in y.iter().enumerate() {
            s.store(vector_mut::<S, _>(out, k), y);
        }
    }
}

entries!(run_avx2, run_avx512(x: &[i32], out: &mut [i32]) = run);

/// Returns the entry point where this machine has AVX2.
pub(super) fn avx2() -> Option<Run<Fixed<i16>>> {
    Avx2::is_there().then_some(run_avx2)
}

/// Returns the entry point where this machine has AVX-512.
pub(super) fn avx512() -> Option<Run<Fixed<i16>>> {
    Avx512::is_there().then_some(run_avx512)
}
