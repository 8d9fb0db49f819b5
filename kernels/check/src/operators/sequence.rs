//! Operators along the sequence of pixels.

use mambalite_kernels::{Decay, Kernels, Rows, scan};

use super::Fault;
use crate::inputs::Inputs;
use crate::memory::Memory;
use crate::sequence::{Sequence, Sink};

/// Dimensions of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SequenceDims {
    /// Channels.
    pub(crate) inner: usize,
    /// States of a channel.
    pub(crate) states: usize,
    /// Pixels of a call.
    pub(crate) pixels: usize,
    /// Calls, one after another on the same state.
    pub(crate) rounds: usize,
}

/// Returns an error for a variant that wrote outside its output.
fn intact(is_intact: bool) -> Result<(), Fault> {
    if is_intact { Ok(()) } else { Err(Fault::Guard) }
}

pub(crate) fn norm<A: Inputs>(
    kernels: &Kernels<A>,
    dims: &SequenceDims,
    s: &mut Sequence,
    m: &mut Memory<'_>,
    sink: &mut dyn Sink,
) -> Result<(), Fault> {
    let (width, len) = (dims.inner, dims.inner * dims.pixels);
    let params = A::norm(s, m, width).ok_or(Fault::Memory)?;
    let x = m.array(len, A::Act::default).ok_or(Fault::Memory)?;
    let mut acts = m.take::<A::Act>(len).ok_or(Fault::Memory)?;
    let mut inputs = m.take::<A::In>(len).ok_or(Fault::Memory)?;
    // Golden digests are of one round of equal values.
    let last = dims.rounds + usize::from(s.has_edges());
    for round in 0..=last {
        x.fill_with(|| A::act(s));
        if round >= dims.rounds {
            // All values of a pixel the same: the variance is 0; or next to it.
            let value = x[0];
            x.fill(value);
        }
        if round > dims.rounds {
            x.iter_mut().step_by(2).for_each(|x| *x = A::neighbour(*x));
        }
        (kernels.norm.acts)(&params, x, width, acts.values());
        sink.add(acts.values());
        (kernels.norm.inputs)(&params, x, width, inputs.values());
        sink.add(inputs.values());
    }
    intact(acts.is_intact() && inputs.is_intact())
}

pub(crate) fn conv1d<A: Inputs>(
    kernels: &Kernels<A>,
    dims: &SequenceDims,
    s: &mut Sequence,
    m: &mut Memory<'_>,
    sink: &mut dyn Sink,
) -> Result<(), Fault> {
    let inner = dims.inner;
    let params = A::conv1d(s, m, inner).ok_or(Fault::Memory)?;
    let mut history = m.take::<A::Act>(3 * inner).ok_or(Fault::Memory)?;
    history.values().fill(A::Act::default());
    // Inputs lie in a wider tensor where there are several pixels.
    let stride = inner * dims.pixels.min(2);
    let x = m
        .array(stride * dims.pixels, A::Act::default)
        .ok_or(Fault::Memory)?;
    let mut out = m.take::<A::In>(inner * dims.pixels).ok_or(Fault::Memory)?;
    for _ in 0..dims.rounds {
        x.fill_with(|| A::act(s));
        let rows = Rows::new(x, stride, 0, inner);
        (kernels.conv1d)(&params, history.values(), rows, out.values());
        sink.add(out.values());
    }
    sink.add(history.values());
    intact(out.is_intact() && history.is_intact())
}

pub(crate) fn step<A: Inputs>(
    kernels: &Kernels<A>,
    dims: &SequenceDims,
    s: &mut Sequence,
    m: &mut Memory<'_>,
    sink: &mut dyn Sink,
) -> Result<(), Fault> {
    let len = dims.inner * dims.pixels;
    let x = m.array(len, A::Acc::default).ok_or(Fault::Memory)?;
    let mut out = m.take::<A::Wide>(len).ok_or(Fault::Memory)?;
    for _ in 0..dims.rounds {
        x.fill_with(|| A::wide(s));
        (kernels.step)(x, out.values());
        sink.add(out.values());
    }
    intact(out.is_intact())
}

pub(crate) fn scan_full<A: Inputs>(
    kernels: &Kernels<A>,
    dims: &SequenceDims,
    s: &mut Sequence,
    m: &mut Memory<'_>,
    sink: &mut dyn Sink,
) -> Result<(), Fault> {
    scan::<A>(kernels, dims, Decay::Full, s, m, sink)
}

pub(crate) fn scan_tied<A: Inputs>(
    kernels: &Kernels<A>,
    dims: &SequenceDims,
    s: &mut Sequence,
    m: &mut Memory<'_>,
    sink: &mut dyn Sink,
) -> Result<(), Fault> {
    scan::<A>(kernels, dims, Decay::Tied, s, m, sink)
}

fn scan<A: Inputs>(
    kernels: &Kernels<A>,
    dims: &SequenceDims,
    decay: Decay,
    s: &mut Sequence,
    m: &mut Memory<'_>,
    sink: &mut dyn Sink,
) -> Result<(), Fault> {
    let params = A::scan(s, m, (dims.inner, dims.states), decay).ok_or(Fault::Memory)?;
    scan_with::<A>(kernels, dims, &params, s, m, sink)
}

/// Scans with parameters.
// Once for all cases: flash is short.
#[inline(never)]
pub(super) fn scan_with<A: Inputs>(
    kernels: &Kernels<A>,
    dims: &SequenceDims,
    params: &A::Scan<'_>,
    s: &mut Sequence,
    m: &mut Memory<'_>,
    sink: &mut dyn Sink,
) -> Result<(), Fault> {
    let (e, n, pixels) = (dims.inner, dims.states, dims.pixels);
    let mut state = m.take::<A::Wide>(n * e).ok_or(Fault::Memory)?;
    state.values().fill(A::Wide::default());
    let u = m.array(pixels * e, A::In::default).ok_or(Fault::Memory)?;
    let dt = m.array(pixels * e, A::Wide::default).ok_or(Fault::Memory)?;
    let projected = m
        .array(pixels * 2 * n, A::Act::default)
        .ok_or(Fault::Memory)?;
    let words = (kernels.scan.scratch_words)((e, n));
    let mut scratch = m.take::<u64>(words).ok_or(Fault::Memory)?;
    let mut out = m.take::<A::Act>(pixels * e).ok_or(Fault::Memory)?;
    for _ in 0..dims.rounds {
        u.fill_with(|| A::input(s));
        dt.fill_with(|| A::step(s));
        projected.fill_with(|| A::act(s));
        let tokens = scan::Tokens {
            u,
            dt,
            b: Rows::new(projected, 2 * n, 0, n),
            c: Rows::new(projected, 2 * n, n, n),
        };
        let state = state.values();
        (kernels.scan.run)(params, &tokens, state, scratch.values(), out.values());
        sink.add(out.values());
    }
    sink.add(state.values());
    intact(out.is_intact() && state.is_intact() && scratch.is_intact())
}

pub(crate) fn gate<A: Inputs>(
    kernels: &Kernels<A>,
    dims: &SequenceDims,
    s: &mut Sequence,
    m: &mut Memory<'_>,
    sink: &mut dyn Sink,
) -> Result<(), Fault> {
    let (e, pixels) = (dims.inner, dims.pixels);
    let stride = e * pixels.min(2);
    let y = m.array(pixels * e, A::Act::default).ok_or(Fault::Memory)?;
    let z = m
        .array(pixels * stride, A::Act::default)
        .ok_or(Fault::Memory)?;
    let mut out = m.take::<A::In>(pixels * e).ok_or(Fault::Memory)?;
    for _ in 0..dims.rounds {
        let params = A::gate(s);
        y.fill_with(|| A::act(s));
        z.fill_with(|| A::act(s));
        (kernels.gate)(
            &params,
            y,
            Rows::new(z, stride, stride - e, e),
            out.values(),
        );
        sink.add(out.values());
    }
    intact(out.is_intact())
}

/// Values of a sweep that are taken at a time.
const SWEEP: usize = 8192;

/// Gates every eighth of all activations, from one on that the sequence draws; `dims.inner` are
/// the fraction bits.
pub(crate) fn gate_sweep<A: Inputs>(
    kernels: &Kernels<A>,
    dims: &SequenceDims,
    s: &mut Sequence,
    m: &mut Memory<'_>,
    sink: &mut dyn Sink,
) -> Result<(), Fault> {
    let params = A::fine_gate(dims.inner as u8);
    let mut at = (s.bits() % 8) as u16;
    let mut next = || {
        let i = at;
        at = at.wrapping_add(8);
        A::sweep(i)
    };
    let z = m.array(SWEEP, &mut next).ok_or(Fault::Memory)?;
    // 64 in fixed point.
    let y = m
        .array(SWEEP, || A::sweep(32768 + 64))
        .ok_or(Fault::Memory)?;
    let mut out = m.take::<A::In>(SWEEP).ok_or(Fault::Memory)?;
    (kernels.gate)(&params, y, Rows::packed(z, SWEEP), out.values());
    sink.add(out.values());
    intact(out.is_intact())
}

pub(crate) fn sum<A: Inputs>(
    kernels: &Kernels<A>,
    dims: &SequenceDims,
    s: &mut Sequence,
    m: &mut Memory<'_>,
    sink: &mut dyn Sink,
) -> Result<(), Fault> {
    sum_with::<A>(kernels, dims, A::sum, s, m, sink)
}

/// Sums with parameters that are drawn for each call.
// Once for all cases: flash is short.
#[inline(never)]
pub(super) fn sum_with<A: Inputs>(
    kernels: &Kernels<A>,
    dims: &SequenceDims,
    params: fn(&mut Sequence) -> A::Sum,
    s: &mut Sequence,
    m: &mut Memory<'_>,
    sink: &mut dyn Sink,
) -> Result<(), Fault> {
    let len = dims.inner * dims.pixels;
    let mut a = m.take::<A::Act>(len).ok_or(Fault::Memory)?;
    let b = m.array(len, A::Act::default).ok_or(Fault::Memory)?;
    for _ in 0..dims.rounds {
        let params = params(s);
        a.values().fill_with(|| A::act(s));
        b.fill_with(|| A::act(s));
        (kernels.sum)(&params, a.values(), b);
        sink.add(a.values());
    }
    intact(a.is_intact())
}
