//! The functions on vectors against those of [`crate::num::float`], for every number.

extern crate std;

use crate::num::float::Real;
use crate::num::float_avx2::Avx2;
use crate::num::float_avx512::Avx512;
use crate::num::simd::{GROUP, Simd, exponential, logistic, soft_plus};

/// A function on a group of vectors and on a number.
trait Function {
    fn of_vectors<S: Simd>(s: S, x: [S::V; GROUP]) -> [S::V; GROUP];
    fn of_number(x: f32) -> f32;
}

macro_rules! function {
    ($name:ident, $vectors:ident, $number:ident) => {
        struct $name;

        impl Function for $name {
            #[inline(always)]
            fn of_vectors<S: Simd>(s: S, x: [S::V; GROUP]) -> [S::V; GROUP] {
                $vectors(s, x)
            }

            #[inline(always)]
            fn of_number(x: f32) -> f32 {
                Real::$number(x)
            }
        }
    };
}
function!(Exponential, exponential, exponential);
function!(Logistic, logistic, logistic);
function!(SoftPlus, soft_plus, soft_plus);

/// Numbers of a group of the widest vectors.
const LEN: usize = GROUP * 16;

/// Groups from one that is compared to the next: each has its own exponents and last bits.
const STRIDE: usize = 1009;

/// Compares numbers of these bits, all of every `stride`th group.
#[inline(always)]
fn compare<F: Function, S: Simd>(s: S, first: u32, last: u32, stride: usize) {
    let (mut x, mut found, mut expected) = ([0.0f32; LEN], [0.0; LEN], [0.0; LEN]);
    for first in (first..=last).step_by(stride * LEN) {
        for (x, i) in x.iter_mut().zip(0..) {
            *x = f32::from_bits(first.saturating_add(i).min(last));
        }
        let groups = found.chunks_exact_mut(GROUP * S::LANES);
        for (found, x) in groups.zip(x.chunks_exact(GROUP * S::LANES)) {
            let mut group = [s.splat(0.0); GROUP];
            for (v, x) in group.iter_mut().zip(x.chunks_exact(S::LANES)) {
                *v = s.load(x);
            }
            let results = F::of_vectors(s, group).into_iter();
            for (v, found) in results.zip(found.chunks_exact_mut(S::LANES)) {
                s.store(found, v);
            }
        }
        for (expected, &x) in expected.iter_mut().zip(&x) {
            *expected = F::of_number(x);
        }
        let bits = |values: [f32; LEN]| values.map(f32::to_bits);
        assert_eq!(bits(found), bits(expected), "{:#010x}", first);
    }
}

/// Compares from -infinity to `max` with each instruction set that this machine has.
fn run(max: f32, stride: usize, avx2: fn(u32, u32, usize), avx512: fn(u32, u32, usize)) {
    for (is_there, compare) in [(Avx2::is_there(), avx2), (Avx512::is_there(), avx512)] {
        if is_there {
            compare(0, max.to_bits(), stride);
            compare(0x8000_0000, f32::NEG_INFINITY.to_bits(), stride);
        } else {
            std::eprintln!("SKIP: this machine has not the instructions");
        }
    }
}

/// Tests a function up to `$max`, at some numbers and at all.
macro_rules! tests {
    ($name:ident, $function:ty, $max:expr) => {
        mod $name {
            use super::*;

            entry!(
                Avx2,
                "avx2,fma",
                fn avx2(first: u32, last: u32, stride: usize) = compare::<$function, Avx2>
            );
            entry!(
                Avx512,
                "avx512f",
                fn avx512(first: u32, last: u32, stride: usize) = compare::<$function, Avx512>
            );

            #[test]
            fn is_equal() {
                run($max, STRIDE, avx2, avx512);
            }

            #[test]
            #[ignore = "all numbers: minutes"]
            fn is_equal_everywhere() {
                run($max, 1, avx2, avx512);
            }
        }
    };
}
tests!(exponentials, Exponential, 88.0);
tests!(logistics, Logistic, f32::INFINITY);
tests!(soft_pluses, SoftPlus, f32::INFINITY);
