//! Operators in fixed point whose outputs show one unit of an inner rounding that the parameters of
//! the other cases mostly hide.

use mambalite_kernels::arith::{Fixed, FixedInput};
use mambalite_kernels::{Decay, Kernels, norm, scan};

use super::sequence::{scan_with, sum_with};
use super::{Fault, SequenceDims, W8A8};
use crate::inputs::{Inputs, fine_sum, multiplier};
use crate::memory::Memory;
use crate::sequence::{Sequence, Sink};

/// Shows one unit of the normed values: two large ones, the others next to the mean.
pub(crate) fn norm_fine(
    kernels: &Kernels<W8A8>,
    dims: &SequenceDims,
    s: &mut Sequence,
    m: &mut Memory<'_>,
    sink: &mut dyn Sink,
) -> Result<(), Fault> {
    let width = dims.inner;
    let params = norm::FixedParams {
        gain: m.array(width, || multiplier(s)).ok_or(Fault::Memory)?,
        offset: m
            .array(width, || s.integer(-4096, 4096))
            .ok_or(Fault::Memory)?,
        shift: s.integer(1, 3) as u8,
        epsilon: u64::from(s.bits().max(1)),
    };
    let x = m.array(width, i16::default).ok_or(Fault::Memory)?;
    let mut out = m.take::<i16>(width).ok_or(Fault::Memory)?;
    for _ in 0..dims.rounds {
        let mut large = [32767, -32767].into_iter();
        x.fill_with(|| large.next().unwrap_or_else(|| s.integer(-3, 3) as i16));
        (kernels.norm.acts)(&params, x, width, out.values());
        sink.add(out.values());
    }
    match out.is_intact() {
        true => Ok(()),
        false => Err(Fault::Guard),
    }
}

/// Shows one unit of the sum over the states.
pub(crate) fn scan_fine<I: FixedInput>(
    kernels: &Kernels<Fixed<I>>,
    dims: &SequenceDims,
    s: &mut Sequence,
    m: &mut Memory<'_>,
    sink: &mut dyn Sink,
) -> Result<(), Fault> {
    let e = dims.inner;
    let coarse = Fixed::<I>::scan(s, m, (e, dims.states), Decay::Full).ok_or(Fault::Memory)?;
    let params = scan::FixedParams {
        state_shift: m
            .array(e, || s.integer(28, 40) as u8)
            .ok_or(Fault::Memory)?,
        skip: m
            .array(e, || s.integer(-(1 << 16), 1 << 16))
            .ok_or(Fault::Memory)?,
        shift: m.array(e, || s.integer(1, 3) as u8).ok_or(Fault::Memory)?,
        ..coarse
    };
    scan_with::<Fixed<I>>(kernels, dims, &params, s, m, sink)
}

/// Shows one unit of a term.
pub(crate) fn sum_fine(
    kernels: &Kernels<W8A8>,
    dims: &SequenceDims,
    s: &mut Sequence,
    m: &mut Memory<'_>,
    sink: &mut dyn Sink,
) -> Result<(), Fault> {
    sum_with::<W8A8>(kernels, dims, fine_sum, s, m, sink)
}
