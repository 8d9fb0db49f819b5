//! Vectors of 16 `i32` with AVX-512.

#![expect(unsafe_code, reason = "intrinsics")]

use core::arch::x86_64::*;

use super::lanes::{Lanes, Products};

/// The proof that the machine has AVX-512 F, BW, DQ, VL and VNNI.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// Tells whether the machine has the instructions.
    pub(crate) fn is_there() -> bool {
        /// All of some features, found at run time or compile time.
        macro_rules! all {
            ($($feature:tt),*) => {{
                #[cfg(feature = "std")]
                let all = true $(&& std::is_x86_feature_detected!($feature))*;
                #[cfg(not(feature = "std"))]
                let all = true $(&& cfg!(target_feature = $feature))*;
                all
            }};
        }
        all!("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512vnni")
    }

    /// Returns the proof where the instructions are enabled.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    pub(crate) fn enabled() -> Self {
        Self(())
    }

    #[cfg(test)]
    pub(crate) fn for_test() -> Self {
        assert!(Self::is_there());
        Self(())
    }
}

/// Calls an intrinsic.
macro_rules! intrinsic {
    ($call:expr) => {
        // SAFETY: the proof is there, so that the machine has the instruction; where it takes a
        // pointer, its mask has as many lanes as there are elements.
        unsafe { $call }
    };
}

/// Makes methods of intrinsics that take vectors.
macro_rules! methods {
    ($($name:ident($($arg:ident),*) = $call:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, $($arg: __m512i),*) -> __m512i {
            intrinsic!($call)
        }
    )*};
}

/// Returns the first `lanes` lanes.
#[inline(always)]
fn front(lanes: usize) -> __mmask16 {
    match lanes {
        ..16 => (1 << lanes) - 1,
        _ => __mmask16::MAX,
    }
}

impl Lanes for Avx512 {
    const LANES: usize = 16;
    const TOGETHER: usize = 2;

    type V = __m512i;

    #[inline(always)]
    fn splat(self, x: i32) -> __m512i {
        intrinsic!(_mm512_set1_epi32(x))
    }

    #[inline(always)]
    fn splat64(self, x: i64) -> __m512i {
        intrinsic!(_mm512_set1_epi64(x))
    }

    #[inline(always)]
    fn load(self, from: &[i32]) -> __m512i {
        let front = front(from.len());
        intrinsic!(_mm512_maskz_loadu_epi32(front, from.as_ptr()))
    }

    #[inline(always)]
    fn load16(self, from: &[i16]) -> __m512i {
        let front = front(from.len());
        let narrow = intrinsic!(_mm256_maskz_loadu_epi16(front, from.as_ptr()));
        intrinsic!(_mm512_cvtepi16_epi32(narrow))
    }

    #[inline(always)]
    fn load8(self, from: &[i8]) -> __m512i {
        let front = front(from.len());
        let narrow = intrinsic!(_mm_maskz_loadu_epi8(front, from.as_ptr()));
        intrinsic!(_mm512_cvtepi8_epi32(narrow))
    }

    #[inline(always)]
    fn store(self, to: &mut [i32], v: __m512i) {
        let front = front(to.len());
        intrinsic!(_mm512_mask_storeu_epi32(to.as_mut_ptr(), front, v));
    }

    #[inline(always)]
    fn store16(self, to: &mut [i16], v: __m512i) {
        let front = front(to.len());
        let narrow = intrinsic!(_mm512_cvtsepi32_epi16(v));
        intrinsic!(_mm256_mask_storeu_epi16(to.as_mut_ptr(), front, narrow));
    }

    #[inline(always)]
    fn store8(self, to: &mut [i8], v: __m512i) {
        let front = front(to.len());
        let narrow = intrinsic!(_mm512_cvtsepi32_epi8(v));
        intrinsic!(_mm_mask_storeu_epi8(to.as_mut_ptr(), front, narrow));
    }

    methods! {
        add(a, b) = _mm512_add_epi32(a, b);
        sub(a, b) = _mm512_sub_epi32(a, b);
        mul(a, b) = _mm512_mullo_epi32(a, b);
        min(a, b) = _mm512_min_epi32(a, b);
        max(a, b) = _mm512_max_epi32(a, b);
        abs(x) = _mm512_abs_epi32(x);
        and(a, b) = _mm512_and_si512(a, b);
        or(a, b) = _mm512_or_si512(a, b);
        xor(a, b) = _mm512_xor_si512(a, b);
        shl(x, bits) = _mm512_sllv_epi32(x, bits);
        shr(x, bits) = _mm512_srlv_epi32(x, bits);
        sar(x, bits) = _mm512_srav_epi32(x, bits);
        less(a, b) = _mm512_movm_epi32(_mm512_cmplt_epi32_mask(a, b));
        mul_pairs(a, b) = _mm512_madd_epi16(a, b);
        mul_even(a, b) = _mm512_mul_epi32(a, b);
        odd(x) = _mm512_srli_epi64::<32>(x);
        upper(even, odd) = _mm512_mask_shuffle_epi32::<0b11_11_01_01>(odd, 0x5555, even);
        lower(even, odd) = _mm512_mask_shuffle_epi32::<0b10_10_00_00>(even, 0xaaaa, odd);
        add64(a, b) = _mm512_add_epi64(a, b);
        shr64(x, bits) = _mm512_srlv_epi64(x, bits);
    }

    #[inline(always)]
    fn reciprocal_30(self, d: __m512i) -> __m512i {
        let d = intrinsic!(_mm512_cvtepi32_ps(d));
        let q = intrinsic!(_mm512_div_ps(_mm512_set1_ps(1_073_741_824.0), d));
        // The division is off by less than 2^-8: what is left rounds down.
        let bias = intrinsic!(_mm512_set1_ps(0.5 - 1.0 / 256.0));
        intrinsic!(_mm512_cvttps_epi32(_mm512_add_ps(q, bias)))
    }
}

impl Products for Avx512 {
    const QUADS: bool = true;
    const PANEL: usize = 3;
    const PIXELS: usize = 8;

    #[inline(always)]
    unsafe fn read(self, from: *const i32) -> __m512i {
        intrinsic!(_mm512_loadu_si512(from.cast()))
    }

    #[inline(always)]
    fn dot_pairs(self, acc: __m512i, x: __m512i, w: __m512i) -> __m512i {
        intrinsic!(_mm512_dpwssd_epi32(acc, x, w))
    }

    #[inline(always)]
    fn dot_quads(self, acc: __m512i, x: __m512i, w: __m512i) -> __m512i {
        intrinsic!(_mm512_dpbusd_epi32(acc, x, w))
    }
}
