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
        run_in: |seed, _| Some(floats(seed, Real::exponential)),
    },
    Case {
        name: "soft_plus/f32",
        run_in: |seed, _| Some(floats(seed, Real::soft_plus)),
    },
    Case {
        name: "logistic/f32",
        run_in: |seed, _| Some(floats(seed, Real::logistic)),
    },
    Case {
        name: "fma/f32",
        run_in: |seed, _| Some(floats(seed, |x| x.fma(1.1, -x))),
    },
    Case {
        name: "round_product/f32",
        run_in: |seed, _| Some(integers(seed, |s| s.float(1.0).round_product(255))),
    },
    Case {
        name: "exponential_subnormal/f32",
        run_in: |seed, _| Some(subnormal_exponentials(seed)),
    },
    Case {
        name: "logistic_subnormal/f32",
        run_in: |seed, _| {
            Some(floats(seed, |x| {
                Real::logistic(-95.0 - 9.0 * x.clamp(-1.0, 1.0))
            }))
        },
    },
    Case {
        name: "product_subnormal/f32",
        run_in: |seed, _| Some(subnormal_products(seed)),
    },
    Case {
        name: "quotient_subnormal/f32",
        run_in: |seed, _| Some(subnormal_quotients(seed)),
    },
    Case {
        name: "fma_chain_subnormal/f32",
        run_in: |seed, _| Some(subnormal_chains(seed)),
    },
    Case {
        name: "special/f32",
        run_in: |seed, _| Some(special_values(seed)),
    },
    Case {
        name: "mulhi/fixed",
        run_in: |seed, _| Some(integers(seed, |s| mulhi(any(s), any(s)))),
    },
    Case {
        name: "requantise/fixed",
        run_in: |seed, _| Some(requantisation(seed)),
    },
    Case {
        name: "exp2_neg/fixed",
        run_in: |seed, _| Some(integers(seed, powers)),
    },
    Case {
        name: "logistic/fixed",
        run_in: |seed, _| Some(integers(seed, logistics)),
    },
    Case {
        name: "soft_plus/fixed",
        run_in: |seed, _| Some(integers(seed, |s| soft_plus(s.integer(-80_000, 270_000)))),
    },
    Case {
        name: "decay/fixed",
        run_in: |seed, _| Some(integers(seed, decays)),
    },
    Case {
        name: "reciprocal_sqrt/fixed",
        run_in: |seed, _| Some(integers(seed, roots)),
    },
    Case {
        name: "saturate/fixed",
        run_in: |seed, _| Some(integers(seed, saturations)),
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

/// 2^-75 and 2^-55: the product of two such numbers, 2^-130, lies below the normal numbers.
const TINY: f32 = f32::from_bits((127 - 75) << 23);
const SMALL: f32 = f32::from_bits((127 - 55) << 23);

/// Numbers of an array: whole vectors and a tail. A compiler may make vectors of the loops over it,
/// and on some cores (Arm's MVE) vectors flush subnormal numbers where single numbers do not.
const LANES: usize = 23;

fn floats_below(sequence: &mut Sequence, range: f32) -> [f32; LANES] {
    core::array::from_fn(|_| sequence.float(range))
}

/// Results below the smallest normal number, 2^-126 = e^-87.3, down to 0.
fn subnormal_exponentials(seed: u64) -> u64 {
    let (mut sequence, mut digest) = (Sequence::new(seed), Digest::new());
    for _ in 0..COUNT {
        digest.add(&[(-95.5 + sequence.float(8.5)).exponential()]);
    }
    digest.finish()
}

/// Products of normal and of subnormal numbers; all lie below the normal numbers.
fn subnormal_products(seed: u64) -> u64 {
    let (mut sequence, mut digest) = (Sequence::new(seed), Digest::new());
    for _ in 0..COUNT / LANES {
        let mut numbers: [f32; LANES] = floats_below(&mut sequence, TINY);
        multiply(&mut numbers, &floats_below(&mut sequence, SMALL));
        digest.add(&numbers);
        multiply(&mut numbers, &floats_below(&mut sequence, 4.0));
        digest.add(&numbers);
        digest.add(&numbers.map(|x| x + x));
    }
    digest.finish()
}

#[inline(never)]
fn multiply(numbers: &mut [f32], factors: &[f32]) {
    for (number, factor) in numbers.iter_mut().zip(factors) {
        *number *= factor;
    }
}

fn subnormal_quotients(seed: u64) -> u64 {
    let (mut sequence, mut digest) = (Sequence::new(seed), Digest::new());
    for _ in 0..COUNT / 4 {
        let small = sequence.float(TINY) * 1e-14;
        let divisor = sequence.float(1.0) + 1.5;
        let quotients = [
            small / divisor,
            small / (divisor * 1e3),
            divisor / (sequence.float(5e37) + 1.5e38),
        ];
        digest.add(&quotients);
    }
    digest.finish()
}

/// Accumulators that start, stay and end below the normal numbers, or pass through them.
fn subnormal_chains(seed: u64) -> u64 {
    let (mut sequence, mut digest) = (Sequence::new(seed), Digest::new());
    for round in 0..COUNT / 64 {
        let mut acc: [f32; LANES] = core::array::from_fn(|_| sequence.float(TINY) * SMALL);
        // Every other round brings the accumulators to the normal numbers and back.
        let range = if round % 2 == 0 { SMALL } else { 1e4 * SMALL };
        for _ in 0..8 {
            let x = sequence.float(range);
            let weights = floats_below(&mut sequence, TINY);
            multiply_add(&mut acc, &weights, x);
            digest.add(&acc);
        }
        multiply(&mut acc, &[sequence.float(1e-3); LANES]);
        digest.add(&acc);
    }
    digest.finish()
}

#[inline(never)]
fn multiply_add(acc: &mut [f32], weights: &[f32], x: f32) {
    for (acc, weight) in acc.iter_mut().zip(weights) {
        *acc = weight.fma(x, *acc);
    }
}

/// Zeros of both signs, the ends of the subnormal numbers, and their neighbours, in all pairs and
/// triples. No operation on them gives a NaN or an infinity.
fn special_values(seed: u64) -> u64 {
    const LARGEST_SUBNORMAL: f32 = f32::from_bits(0x007f_ffff);
    let values = [
        0.0,
        -0.0,
        f32::from_bits(1),
        -f32::from_bits(1),
        LARGEST_SUBNORMAL,
        -LARGEST_SUBNORMAL,
        f32::MIN_POSITIVE,
        -f32::MIN_POSITIVE,
        1.0,
        -1.0,
    ];
    let (mut sequence, mut digest) = (Sequence::new(seed), Digest::new());
    for a in values {
        digest.add(&[a.exponential(), a.soft_plus(), a.logistic()]);
        digest.add(&[a.round_product(255)]);
        let scale = sequence.float(1.0);
        for b in values {
            digest.add(&[a + b, a - b, a * b, b * scale]);
            // The order of numbers, by which kernels clamp.
            digest.add(&[if a < b { 1 } else { 0 }, if a > 0.0 { 1 } else { 0 }]);
            digest.add(&values.map(|c| a.fma(b, c)));
        }
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
