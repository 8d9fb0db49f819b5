//! The gate in single precision with AVX2 and AVX-512.

use super::Run;
use crate::arith::Float;
use crate::num::float_avx2::Avx2;
use crate::num::float_avx512::Avx512;
use crate::num::simd::{GROUP, Lanes, Simd, entry, logistic};
use crate::rows::Rows;

/// As `super::reference::float`, a vector of channels of some pixels after another.
#[inline(always)]
fn run<S: Simd>(s: S, (): &(), y: &[f32], z: Rows<'_, f32>, out: &mut [f32]) {
    let inner = z.len().max(1);
    let pixels = out.len().min(y.len()) / inner;
    for e in (0..inner).step_by(S::LANES) {
        let lanes = Lanes::new(s, inner - e, pixels);
        let y = lanes.of(y, e, inner);
        let z = lanes.of(z.values(), e, z.stride());
        let (Some(y), Some(z), Some(mut out)) = (y, z, lanes.of_mut(out, e, inner)) else {
            return;
        };
        for i in (0..pixels).step_by(GROUP) {
            let mut values = [s.splat(0.0); GROUP];
            for (k, value) in values.iter_mut().enumerate() {
                *value = z.load(s, i + k);
            }
            let factors = logistic(s, values);
            for k in 0..GROUP {
                let product = s.mul(y.load(s, i + k), values[k]);
                out.store(s, i + k, s.mul(product, factors[k]));
            }
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
