//! Operators along the sequence of pixels, and those on each of its elements.

use mambalite_kernels::arith::{Arithmetic, Fixed, Float};
use mambalite_kernels::{Decay, Kernels, Rows, scan};

use super::{Bench, Meter, Unit, digest, each_variant};
use crate::inputs::Inputs;
use crate::memory::Memory;
use crate::sequence::Sequence;

const CHANNELS: usize = 48;
const STATES: usize = 16;
const PIXELS: usize = 256;
const ELEMENTS: usize = PIXELS * CHANNELS;
/// Pixels of the scan, which does more for each.
const STEPS: usize = 64;
/// Taps of the causal convolution.
const TAPS: usize = 4;

each_variant! {
    // With SiLU, which the operator includes.
    "conv1d 48" Mac (ELEMENTS * TAPS) as u64, conv1d, conv1d;
    "scan-tied 48x16" State (STEPS * CHANNELS * STATES) as u64, scan,
        |k: &Kernels<_>, m: &mut Memory<'_>, meter: &mut dyn Meter| scan(k, Decay::Tied, STATES, m, meter);
    // What the case above does more is the update of eight states alone, on the same inputs.
    "scan-tied 48x8" State (STEPS * CHANNELS * STATES / 2) as u64, scan,
        |k: &Kernels<_>, m: &mut Memory<'_>, meter: &mut dyn Meter| scan(k, Decay::Tied, STATES / 2, m, meter);
    "scan-full 48x16" State (STEPS * CHANNELS * STATES) as u64, scan,
        |k: &Kernels<_>, m: &mut Memory<'_>, meter: &mut dyn Meter| scan(k, Decay::Full, STATES, m, meter);
    "norm 48" Element ELEMENTS as u64, norm, norm;
    "step 48" Element ELEMENTS as u64, step, step;
    "gate 48" Element ELEMENTS as u64, gate, gate;
    "sum 48" Element ELEMENTS as u64, sum, sum;
}

fn conv1d<A: Inputs>(
    kernels: &Kernels<A>,
    m: &mut Memory<'_>,
    meter: &mut dyn Meter,
) -> Option<u64> {
    let mut s = Sequence::new(1);
    let params = A::typical_conv1d(&mut s, m, CHANNELS)?;
    let history = m.array(3 * CHANNELS, A::Act::default)?;
    let x = m.array(ELEMENTS, || A::act(&mut s))?;
    let out = m.array(ELEMENTS, A::In::default)?;
    meter.measure(&mut || {
        (kernels.conv1d)(&params, history, Rows::packed(x, CHANNELS), out);
    });
    Some(digest(out))
}

/// The first `states` of each channel; inputs are those of [`STATES`], whatever their number.
fn scan<A: Inputs>(
    kernels: &Kernels<A>,
    decay: Decay,
    states: usize,
    m: &mut Memory<'_>,
    meter: &mut dyn Meter,
) -> Option<u64> {
    let (mut s, shape) = (Sequence::new(1), (CHANNELS, STATES));
    let params = A::typical_scan(&mut s, m, shape, decay)?;
    let state = m.array(STATES * CHANNELS, A::Wide::default)?;
    let u = m.array(STEPS * CHANNELS, || A::typical_input(&mut s))?;
    let dt = m.array(STEPS * CHANNELS, || A::typical_step(&mut s))?;
    let projected = m.array(STEPS * 2 * STATES, || A::act(&mut s))?;
    let scratch = m.array((kernels.scan.scratch_words)(shape), || 0)?;
    let out = m.array(STEPS * CHANNELS, A::Act::default)?;
    let tokens = scan::Tokens {
        u,
        dt,
        b: Rows::new(projected, 2 * STATES, 0, states),
        c: Rows::new(projected, 2 * STATES, STATES, states),
    };
    let state = state.get_mut(..states * CHANNELS)?;
    meter.measure(&mut || (kernels.scan.run)(&params, &tokens, state, scratch, out));
    Some(digest(out))
}

fn norm<A: Inputs>(kernels: &Kernels<A>, m: &mut Memory<'_>, meter: &mut dyn Meter) -> Option<u64> {
    let mut s = Sequence::new(1);
    let params = A::norm(&mut s, m, CHANNELS)?;
    let x = m.array(ELEMENTS, || A::act(&mut s))?;
    let out = m.array(ELEMENTS, A::In::default)?;
    meter.measure(&mut || (kernels.norm.inputs)(&params, x, CHANNELS, out));
    Some(digest(out))
}

fn step<A: Inputs>(kernels: &Kernels<A>, m: &mut Memory<'_>, meter: &mut dyn Meter) -> Option<u64> {
    let mut s = Sequence::new(1);
    let x = m.array(ELEMENTS, || A::wide(&mut s))?;
    let out = m.array(ELEMENTS, A::Wide::default)?;
    meter.measure(&mut || (kernels.step)(x, out));
    Some(digest(out))
}

fn gate<A: Inputs>(kernels: &Kernels<A>, m: &mut Memory<'_>, meter: &mut dyn Meter) -> Option<u64> {
    let mut s = Sequence::new(1);
    let params = A::typical_gate(&mut s);
    let y = m.array(ELEMENTS, || A::act(&mut s))?;
    let z = m.array(ELEMENTS, || A::act(&mut s))?;
    let out = m.array(ELEMENTS, A::In::default)?;
    meter.measure(&mut || (kernels.gate)(&params, y, Rows::packed(z, CHANNELS), out));
    Some(digest(out))
}

fn sum<A: Inputs>(kernels: &Kernels<A>, m: &mut Memory<'_>, meter: &mut dyn Meter) -> Option<u64> {
    let mut s = Sequence::new(1);
    let params = A::sum(&mut s);
    let a = m.array(ELEMENTS, || A::act(&mut s))?;
    let b = m.array(ELEMENTS, || A::act(&mut s))?;
    meter.measure(&mut || (kernels.sum)(&params, a, b));
    Some(digest(a))
}
