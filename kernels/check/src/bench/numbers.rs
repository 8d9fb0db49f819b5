//! Functions on single numbers, over a slice.

use mambalite_kernels::num::fixed::{
    decay, exp2_neg, logistic, requantise, saturate_i16, soft_plus,
};
use mambalite_kernels::num::float::Real;

use super::{Bench, Meter, Unit, digest};
use crate::memory::Memory;
use crate::sequence::Sequence;

const COUNT: usize = 4096;

macro_rules! bench {
    ($op:literal, $format:literal, $run:expr) => {
        Bench {
            op: $op,
            format: $format,
            unit: Unit::Element,
            units: || COUNT as u64,
            variant: |index| (index == 0).then_some("ref"),
            run: |index, memory, meter| (index == 0).then(|| $run(memory, meter)).flatten(),
        }
    };
}

pub(crate) const BENCHES: &[Bench] = &[
    bench!("requantise", "fixed", requantisation),
    bench!("exp2_neg", "fixed", |memory, meter| map(
        memory,
        meter,
        |s| s.integer(0, i32::MAX),
        |x| exp2_neg((x as u32) >> 28, ((x as u32) << 4) & 0x7fff_ffff) as i32
    )),
    bench!("logistic", "fixed", |memory, meter| map(
        memory,
        meter,
        |s| s.integer(-32767, 32767),
        |x| logistic(x as i16, 11)
    )),
    bench!("soft_plus", "fixed", |memory, meter| map(
        memory,
        meter,
        |s| s.integer(-(16 << 12), 16 << 12),
        soft_plus
    )),
    bench!("decay", "fixed", |memory, meter| map(
        memory,
        meter,
        |s| s.integer(0, 1 << 22),
        |dt| decay(dt, 16 << 18) as i32
    )),
    bench!("exponential", "f32", |memory, meter| floats(
        memory,
        meter,
        Real::exponential
    )),
    bench!("logistic", "f32", |memory, meter| floats(
        memory,
        meter,
        Real::logistic
    )),
    bench!("soft_plus", "f32", |memory, meter| floats(
        memory,
        meter,
        Real::soft_plus
    )),
];

/// Accumulators to activations of 16 bits, with one scale, as a matrix product ends.
fn requantisation(m: &mut Memory<'_>, meter: &mut dyn Meter) -> Option<u64> {
    let mut sequence = Sequence::new(1);
    let acc = m.array(COUNT, || sequence.integer(-(1 << 24), 1 << 24))?;
    let out = m.array(COUNT, || 0_i16)?;
    let (multiplier, shift) = core::hint::black_box((1_518_500_250, 9));
    meter.measure(&mut || {
        for (out, &acc) in out.iter_mut().zip(&*acc) {
            *out = saturate_i16(requantise(acc, multiplier, shift));
        }
    });
    Some(digest(out))
}

fn map(
    m: &mut Memory<'_>,
    meter: &mut dyn Meter,
    mut next: impl FnMut(&mut Sequence) -> i32,
    function: impl Fn(i32) -> i32,
) -> Option<u64> {
    let mut sequence = Sequence::new(1);
    let x = m.array(COUNT, || next(&mut sequence))?;
    let out = m.array(COUNT, || 0_i32)?;
    meter.measure(&mut || {
        for (out, &x) in out.iter_mut().zip(&*x) {
            *out = function(x);
        }
    });
    Some(digest(out))
}

fn floats(m: &mut Memory<'_>, meter: &mut dyn Meter, function: impl Fn(f32) -> f32) -> Option<u64> {
    let mut sequence = Sequence::new(1);
    let x = m.array(COUNT, || sequence.float(20.0))?;
    let out = m.array(COUNT, || 0_f32)?;
    meter.measure(&mut || {
        for (out, &x) in out.iter_mut().zip(&*x) {
            *out = function(x);
        }
    });
    Some(digest(out))
}
