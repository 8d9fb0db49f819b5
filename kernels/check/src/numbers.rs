//! Cases of the functions on single numbers.

use mambalite_kernels::num::fixed::{
    decay, exp2_neg, logistic, mulhi, reciprocal_sqrt, requantise, saturate_i16, saturate_i32,
    soft_plus,
};
use mambalite_kernels::num::float::Real;

use crate::Case;
use crate::sequence::{Digest, Sequence};

/// Values of a function a seed.
const COUNT: usize = 2048;

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "exponential/f32",
        run: |seed| floats(seed, Real::exponential),
    },
    Case {
        name: "soft_plus/f32",
        run: |seed| floats(seed, Real::soft_plus),
    },
    Case {
        name: "logistic/f32",
        run: |seed| floats(seed, Real::logistic),
    },
    Case {
        name: "fma/f32",
        run: |seed| floats(seed, |x| x.fma(1.1, -x)),
    },
    Case {
        name: "round_product/f32",
        run: |seed| integers(seed, |s| s.float(1.0).round_product(255)),
    },
    Case {
        name: "mulhi/fixed",
        run: |seed| integers(seed, |s| mulhi(any(s), any(s))),
    },
    Case {
        name: "requantise/fixed",
        run: requantisation,
    },
    Case {
        name: "exp2_neg/fixed",
        run: |seed| integers(seed, powers),
    },
    Case {
        name: "logistic/fixed",
        run: |seed| integers(seed, logistics),
    },
    Case {
        name: "soft_plus/fixed",
        run: |seed| integers(seed, |s| soft_plus(s.integer(-80_000, 270_000))),
    },
    Case {
        name: "decay/fixed",
        run: |seed| integers(seed, decays),
    },
    Case {
        name: "reciprocal_sqrt/fixed",
        run: |seed| integers(seed, roots),
    },
    Case {
        name: "saturate/fixed",
        run: |seed| integers(seed, saturations),
    },
];

/// A function on arguments of every size up to 100, and on the special ones.
fn floats(seed: u64, function: impl Fn(f32) -> f32) -> u64 {
    let (mut sequence, mut digest) = (Sequence::new(seed), Digest::new());
    for x in [
        0.0,
        f32::MIN_POSITIVE,
        1.0,
        -1.0,
        88.0,
        89.0,
        -87.5,
        -103.9,
        -104.1,
        -150.0,
    ] {
        digest.add(&[function(x)]);
    }
    for i in 0..COUNT {
        let range = [100.0, 8.0, 1.0, 1e-3][i % 4];
        digest.add(&[function(sequence.float(range))]);
    }
    digest.finish()
}

fn integers(seed: u64, next: impl Fn(&mut Sequence) -> i32) -> u64 {
    let (mut sequence, mut digest) = (Sequence::new(seed), Digest::new());
    for _ in 0..COUNT {
        digest.add(&[next(&mut sequence)]);
    }
    digest.finish()
}

fn any(sequence: &mut Sequence) -> i32 {
    sequence.integer(i32::MIN, i32::MAX)
}

fn requantisation(seed: u64) -> u64 {
    integers(seed, |s| {
        let multiplier = s.integer(1 << 30, i32::MAX);
        requantise(any(s), multiplier, s.integer(1, 31) as u8)
    })
}

fn powers(sequence: &mut Sequence) -> i32 {
    let whole = sequence.integer(0, 33) as u32;
    exp2_neg(whole, sequence.integer(0, i32::MAX) as u32) as i32
}

fn logistics(sequence: &mut Sequence) -> i32 {
    let x = sequence.integer(i16::MIN.into(), i16::MAX.into()) as i16;
    logistic(x, sequence.integer(0, 15) as u8)
}

fn decays(sequence: &mut Sequence) -> i32 {
    // Half of the products are small enough that something is left.
    let bits = sequence.integer(0, 20);
    let dt = sequence.integer(0, 64 << 24) >> bits;
    decay(dt, sequence.bits() >> sequence.integer(0, 20)) as i32
}

fn roots(sequence: &mut Sequence) -> i32 {
    let high = u64::from(sequence.bits()) << 32;
    let value = (high | u64::from(sequence.bits())) >> sequence.integer(0, 63);
    let (mantissa, halvings) = reciprocal_sqrt(value.max(1));
    (mantissa as i32).wrapping_add(halvings as i32)
}

fn saturations(sequence: &mut Sequence) -> i32 {
    let wide = i64::from(any(sequence)) << sequence.integer(0, 31);
    saturate_i32(wide).wrapping_add(saturate_i16(sequence.integer(-40_000, 40_000)).into())
}
