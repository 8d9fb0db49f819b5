//! Vectors of 8 `f32` with AVX2 and FMA.

#![expect(unsafe_code, reason = "intrinsics")]

use core::arch::x86_64::{
    __m256, __m256i, _CMP_LT_OQ, _mm256_add_epi32, _mm256_add_ps, _mm256_andnot_si256,
    _mm256_blendv_ps, _mm256_castps_si256, _mm256_castsi256_ps, _mm256_cmp_ps, _mm256_cmpgt_epi32,
    _mm256_div_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_maskload_ps, _mm256_maskstore_ps,
    _mm256_max_ps, _mm256_mul_ps, _mm256_or_ps, _mm256_permute2f128_ps, _mm256_set1_epi32,
    _mm256_set1_ps, _mm256_setr_epi32, _mm256_shuffle_ps, _mm256_slli_epi32, _mm256_sqrt_ps,
    _mm256_srai_epi32, _mm256_storeu_ps, _mm256_sub_epi32, _mm256_sub_ps, _mm256_unpackhi_ps,
    _mm256_unpacklo_ps,
};

use super::float::ROUND_F32;
use super::simd::Simd;

/// The proof that the machine has AVX2 and FMA.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// Tells whether the machine has the instructions.
    pub(crate) fn is_there() -> bool {
        #[cfg(feature = "std")]
        return std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma");
        #[cfg(not(feature = "std"))]
        return cfg!(all(target_feature = "avx2", target_feature = "fma"));
    }

    /// Returns the proof where the instructions are enabled.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub(crate) fn enabled() -> Self {
        Self(())
    }
}

/// Calls an intrinsic.
macro_rules! intrinsic {
    ($call:expr) => {
        // SAFETY: the proof is there, so that the machine has the instruction; where it takes a
        // pointer, the caller's promise covers it.
        unsafe { $call }
    };
}

/// Some lanes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mask {
    /// Ones in them.
    lanes: __m256i,
    /// Whether they are all; plain moves are faster then.
    are_all: bool,
}

impl Simd for Avx2 {
    const LANES: usize = 8;
    const TILE: [usize; 4] = [8, 4, 4, 4];
    const SHARED_TILE: usize = 1;
    const PANEL: usize = 3;

    type V = __m256;
    type Mask = Mask;
    type Block = [__m256; 8];

    #[inline(always)]
    fn splat(self, x: f32) -> __m256 {
        intrinsic!(_mm256_set1_ps(x))
    }

    #[inline(always)]
    unsafe fn read(self, from: *const f32) -> __m256 {
        intrinsic!(_mm256_loadu_ps(from))
    }

    #[inline(always)]
    unsafe fn write(self, to: *mut f32, v: __m256) {
        intrinsic!(_mm256_storeu_ps(to, v))
    }

    #[inline(always)]
    fn front(self, lanes: usize) -> Mask {
        self.between(0, lanes)
    }

    #[inline(always)]
    fn between(self, from: usize, to: usize) -> Mask {
        let lane = intrinsic!(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
        let ends = [from, to].map(|end| end.min(8) as i32);
        let (from, to) = (
            intrinsic!(_mm256_set1_epi32(ends[0])),
            intrinsic!(_mm256_set1_epi32(ends[1])),
        );
        let before = intrinsic!(_mm256_cmpgt_epi32(from, lane));
        let within = intrinsic!(_mm256_cmpgt_epi32(to, lane));
        Mask {
            lanes: intrinsic!(_mm256_andnot_si256(before, within)),
            are_all: ends == [0, 8],
        }
    }

    #[inline(always)]
    fn blend(self, mask: Mask, a: __m256, b: __m256) -> __m256 {
        let mask = intrinsic!(_mm256_castsi256_ps(mask.lanes));
        intrinsic!(_mm256_blendv_ps(b, a, mask))
    }

    #[inline(always)]
    unsafe fn read_masked(self, from: *const f32, mask: Mask) -> __m256 {
        if mask.are_all {
            return intrinsic!(_mm256_loadu_ps(from));
        }
        intrinsic!(_mm256_maskload_ps(from, mask.lanes))
    }

    #[inline(always)]
    unsafe fn write_masked(self, to: *mut f32, mask: Mask, v: __m256) {
        if mask.are_all {
            return intrinsic!(_mm256_storeu_ps(to, v));
        }
        intrinsic!(_mm256_maskstore_ps(to, mask.lanes, v))
    }

    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        intrinsic!(_mm256_add_ps(a, b))
    }

    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        intrinsic!(_mm256_sub_ps(a, b))
    }

    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        intrinsic!(_mm256_mul_ps(a, b))
    }

    #[inline(always)]
    fn div(self, a: __m256, b: __m256) -> __m256 {
        intrinsic!(_mm256_div_ps(a, b))
    }

    #[inline(always)]
    fn sqrt(self, x: __m256) -> __m256 {
        intrinsic!(_mm256_sqrt_ps(x))
    }

    #[inline(always)]
    fn fma(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        intrinsic!(_mm256_fmadd_ps(a, b, c))
    }

    #[inline(always)]
    fn max(self, a: __m256, b: __m256) -> __m256 {
        intrinsic!(_mm256_max_ps(a, b))
    }

    #[inline(always)]
    fn negative(self, x: __m256) -> __m256 {
        intrinsic!(_mm256_or_ps(x, self.splat(-0.0)))
    }

    #[inline(always)]
    fn select_less(self, a: __m256, b: __m256, x: __m256, y: __m256) -> __m256 {
        let less = intrinsic!(_mm256_cmp_ps::<_CMP_LT_OQ>(a, b));
        intrinsic!(_mm256_blendv_ps(y, x, less))
    }

    /// Two multiplications by powers of two, of which only the second can round.
    #[inline(always)]
    fn scale(self, x: __m256, _n: __m256, shifted: __m256) -> __m256 {
        let bits = intrinsic!(_mm256_castps_si256(shifted));
        let zero = intrinsic!(_mm256_set1_epi32(ROUND_F32.to_bits() as i32));
        let n = intrinsic!(_mm256_sub_epi32(bits, zero));
        let half = intrinsic!(_mm256_srai_epi32::<1>(n));
        let rest = intrinsic!(_mm256_sub_epi32(n, half));
        let x = self.mul(x, self.power_of_two(half));
        self.mul(x, self.power_of_two(rest))
    }

    #[inline(always)]
    fn fence(self, x: &mut [__m256]) {
        if let [a, b, c, d] = x {
            intrinsic!(fence(a, b, c, d));
        }
    }

    #[inline(always)]
    fn block(self, v: __m256) -> Self::Block {
        [v; 8]
    }

    #[inline(always)]
    fn transpose(self, r: Self::Block) -> Self::Block {
        // 2x2, then 4x4 in each half, then the halves.
        let (mut a, mut b, mut out) = (r, r, r);
        for i in 0..4 {
            a[2 * i] = intrinsic!(_mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]));
            a[2 * i + 1] = intrinsic!(_mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]));
        }
        for i in 0..2 {
            for j in 0..2 {
                let (x, y) = (a[4 * i + j], a[4 * i + j + 2]);
                b[4 * i + 2 * j] = intrinsic!(_mm256_shuffle_ps::<0x44>(x, y));
                b[4 * i + 2 * j + 1] = intrinsic!(_mm256_shuffle_ps::<0xee>(x, y));
            }
        }
        for j in 0..4 {
            out[j] = intrinsic!(_mm256_permute2f128_ps::<0x20>(b[j], b[4 + j]));
            out[4 + j] = intrinsic!(_mm256_permute2f128_ps::<0x31>(b[j], b[4 + j]));
        }
        out
    }
}

impl Avx2 {
    /// Returns `2^n` for `n` in [-126, 127].
    #[inline(always)]
    fn power_of_two(self, n: __m256i) -> __m256 {
        let bias = intrinsic!(_mm256_set1_epi32(127));
        let exponent = intrinsic!(_mm256_add_epi32(n, bias));
        let bits = intrinsic!(_mm256_slli_epi32::<23>(exponent));
        intrinsic!(_mm256_castsi256_ps(bits))
    }
}

/// See [`Simd::fence`].
#[inline]
#[target_feature(enable = "avx2,fma")]
fn fence(a: &mut __m256, b: &mut __m256, c: &mut __m256, d: &mut __m256) {
    // SAFETY: a comment.
    unsafe {
        core::arch::asm!(
            "/* {0} {1} {2} {3} */",
            inout(ymm_reg) * a,
            inout(ymm_reg) * b,
            inout(ymm_reg) * c,
            inout(ymm_reg) * d,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
}
