//! Vectors of 8 `f64` with AVX-512 as integers of 53 bits.
//!
//! A fused multiply-add is exact before it is rounded, and its result is an integer where it lies
//! in [2^52, 2^53): rounded down there, it is the floor of a product of integers of any size.

#![expect(unsafe_code, reason = "intrinsics")]

use core::arch::x86_64::*;

use super::fixed_avx512::Avx512;

/// Rounding towards minus infinity.
const DOWN: i32 = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC;

/// Lanes of a vector.
pub(crate) const DOUBLES: usize = 8;

/// Calls an intrinsic.
macro_rules! intrinsic {
    ($call:expr) => {
        // SAFETY: the proof is there, so that the machine has the instruction; where it takes a
        // pointer, that is one to an array as long as the vector, or its mask has as many lanes
        // as there are elements.
        unsafe { $call }
    };
}

/// Makes methods of intrinsics that take vectors.
macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident($($arg:ident),*) = $call:expr;)*) => {$(
        $(#[$doc])*
        #[inline(always)]
        pub(crate) fn $name(self, $($arg: __m512d),*) -> __m512d {
            intrinsic!($call)
        }
    )*};
}

/// Returns the first `lanes` lanes.
#[inline(always)]
fn front(lanes: usize) -> __mmask8 {
    match lanes {
        ..8 => (1 << lanes) - 1,
        _ => __mmask8::MAX,
    }
}

impl Avx512 {
    methods! {
        /// Returns `a b + c`, rounded to nearest; to be used where it is exact.
        fma(a, b, c) = _mm512_fmadd_pd(a, b, c);
        /// Returns `a b + c`, rounded down.
        fma_down(a, b, c) = _mm512_fmadd_round_pd::<DOWN>(a, b, c);
        /// Returns `a + b`, rounded down.
        add_down(a, b) = _mm512_add_round_pd::<DOWN>(a, b);
        /// Returns `a - b`; to be used where it is exact.
        minus(a, b) = _mm512_sub_pd(a, b);
        /// Returns `a b`; to be used where it is exact.
        times(a, b) = _mm512_mul_pd(a, b);
        /// Returns the smaller of each.
        least(a, b) = _mm512_min_pd(a, b);
        /// Returns the larger of each.
        most(a, b) = _mm512_max_pd(a, b);
    }

    /// Returns `x` in every lane.
    #[inline(always)]
    pub(crate) fn double(self, x: f64) -> __m512d {
        intrinsic!(_mm512_set1_pd(x))
    }

    /// Returns the numbers.
    #[inline(always)]
    pub(crate) fn doubles(self, from: &[f64; DOUBLES]) -> __m512d {
        intrinsic!(_mm512_loadu_pd(from.as_ptr()))
    }

    /// Writes the numbers.
    #[inline(always)]
    pub(crate) fn store_doubles(self, to: &mut [f64; DOUBLES], x: __m512d) {
        intrinsic!(_mm512_storeu_pd(to.as_mut_ptr(), x));
    }

    /// Returns the integers at the front of `from`, zero in lanes that it does not reach.
    #[inline(always)]
    pub(crate) fn doubles_of_i32(self, from: &[i32]) -> __m512d {
        let integers = match from.first_chunk::<DOUBLES>() {
            Some(from) => intrinsic!(_mm256_loadu_si256(from.as_ptr().cast())),
            None => intrinsic!(_mm256_maskz_loadu_epi32(front(from.len()), from.as_ptr())),
        };
        intrinsic!(_mm512_cvtepi32_pd(integers))
    }

    /// As [`Self::doubles_of_i32`].
    #[inline(always)]
    pub(crate) fn doubles_of_u32(self, from: &[u32]) -> __m512d {
        let front = front(from.len());
        let integers = intrinsic!(_mm256_maskz_loadu_epi32(front, from.as_ptr().cast()));
        intrinsic!(_mm512_cvtepu32_pd(integers))
    }

    /// As [`Self::doubles_of_i32`].
    #[inline(always)]
    pub(crate) fn doubles_of_i16(self, from: &[i16]) -> __m512d {
        let narrow = match from.first_chunk::<DOUBLES>() {
            Some(from) => intrinsic!(_mm_loadu_si128(from.as_ptr().cast())),
            None => intrinsic!(_mm_maskz_loadu_epi16(front(from.len()), from.as_ptr())),
        };
        let integers = intrinsic!(_mm256_cvtepi16_epi32(narrow));
        intrinsic!(_mm512_cvtepi32_pd(integers))
    }

    /// As [`Self::doubles_of_i32`].
    #[inline(always)]
    pub(crate) fn doubles_of_i8(self, from: &[i8]) -> __m512d {
        let narrow = match from.first_chunk::<DOUBLES>() {
            Some(from) => intrinsic!(_mm_loadl_epi64(from.as_ptr().cast())),
            None => {
                let front = front(from.len()).into();
                intrinsic!(_mm_maskz_loadu_epi8(front, from.as_ptr()))
            }
        };
        let integers = intrinsic!(_mm256_cvtepi8_epi32(narrow));
        intrinsic!(_mm512_cvtepi32_pd(integers))
    }

    /// Writes integers, the lanes that `to` has room for.
    #[inline(always)]
    pub(crate) fn store_as_i32(self, to: &mut [i32], x: __m512d) {
        let front = front(to.len());
        let integers = intrinsic!(_mm512_cvtpd_epi32(x));
        intrinsic!(_mm256_mask_storeu_epi32(to.as_mut_ptr(), front, integers));
    }

    /// Writes integers clamped to `[-32767, 32767]`, the lanes that `to` has room for.
    #[inline(always)]
    pub(crate) fn store_as_i16(self, to: &mut [i16], x: __m512d) {
        let front = front(to.len());
        let clamped = self.most(self.least(x, self.double(32767.0)), self.double(-32767.0));
        let integers = intrinsic!(_mm512_cvtpd_epi32(clamped));
        let narrow = intrinsic!(_mm256_cvtepi32_epi16(integers));
        intrinsic!(_mm_mask_storeu_epi16(to.as_mut_ptr(), front, narrow));
    }

    /// Returns the lower half of the bits of each number shifted right, unsigned, by the lower half
    /// of the bits of `by` (0 from 32 bits on); the upper half of those must be 32 or more.
    #[inline(always)]
    pub(crate) fn shift_low_bits(self, x: __m512d, by: __m512d) -> __m512d {
        let bits = intrinsic!(_mm512_castpd_si512(x));
        let by = intrinsic!(_mm512_castpd_si512(by));
        let shifted = intrinsic!(_mm512_srlv_epi32(bits, by));
        intrinsic!(_mm512_cvtepi64_pd(shifted))
    }
}
