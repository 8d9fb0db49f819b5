//! The specification of the step size.

use crate::arith::Arithmetic;

/// Applies softplus, element by element: [`crate::num::float::Real::soft_plus`] or
/// [`crate::num::fixed::soft_plus`] (Q.12 to Q7.24).
///
/// Scratch: 0 bytes. Error: 3 ULP; in fixed point 2^-18 relative plus 2^-22 absolute. Source: Mamba
/// (arXiv 2312.00752).
pub(crate) fn run<A: Arithmetic>(x: &[A::Acc], out: &mut [A::Wide]) {
    for (out, &x) in out.iter_mut().zip(x) {
        *out = A::step_size(x);
    }
}
