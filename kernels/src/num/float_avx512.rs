//! Vectors of 16 `f32` with AVX-512F.

#![expect(unsafe_code, reason = "intrinsics")]

use core::arch::x86_64::{
    __m512, __mmask16, _CMP_LT_OQ, _mm512_add_ps, _mm512_castpd_ps, _mm512_castps_pd,
    _mm512_castps_si512, _mm512_castsi512_ps, _mm512_cmp_ps_mask, _mm512_div_ps, _mm512_fmadd_ps,
    _mm512_loadu_ps, _mm512_mask_blend_ps, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps,
    _mm512_max_ps, _mm512_mul_ps, _mm512_or_si512, _mm512_scalef_ps, _mm512_set1_epi32,
    _mm512_set1_ps, _mm512_shuffle_f32x4, _mm512_sqrt_ps, _mm512_storeu_ps, _mm512_sub_ps,
    _mm512_unpackhi_pd, _mm512_unpackhi_ps, _mm512_unpacklo_pd, _mm512_unpacklo_ps,
};

use super::simd::Simd;

/// The proof that the machine has AVX-512F.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// Tells whether the machine has the instructions.
    pub(crate) fn is_there() -> bool {
        #[cfg(feature = "std")]
        return std::is_x86_feature_detected!("avx512f");
        #[cfg(not(feature = "std"))]
        return cfg!(target_feature = "avx512f");
    }

    /// Returns the proof where the instructions are enabled.
    #[inline]
    #[target_feature(enable = "avx512f")]
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

impl Simd for Avx512 {
    const LANES: usize = 16;
    const TILE: [usize; 4] = [8, 8, 8, 6];
    const SHARED_TILE: usize = 3;
    const PANEL: usize = 4;

    type V = __m512;
    type Mask = __mmask16;
    type Block = [__m512; 16];

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        intrinsic!(_mm512_set1_ps(x))
    }

    #[inline(always)]
    unsafe fn read(self, from: *const f32) -> __m512 {
        intrinsic!(_mm512_loadu_ps(from))
    }

    #[inline(always)]
    unsafe fn write(self, to: *mut f32, v: __m512) {
        intrinsic!(_mm512_storeu_ps(to, v))
    }

    #[inline(always)]
    fn front(self, lanes: usize) -> __mmask16 {
        match lanes {
            ..16 => (1 << lanes) - 1,
            _ => __mmask16::MAX,
        }
    }

    #[inline(always)]
    fn between(self, from: usize, to: usize) -> __mmask16 {
        self.front(to) & !self.front(from)
    }

    #[inline(always)]
    fn blend(self, mask: __mmask16, a: __m512, b: __m512) -> __m512 {
        intrinsic!(_mm512_mask_blend_ps(mask, b, a))
    }

    #[inline(always)]
    unsafe fn read_masked(self, from: *const f32, mask: __mmask16) -> __m512 {
        intrinsic!(_mm512_maskz_loadu_ps(mask, from))
    }

    #[inline(always)]
    unsafe fn write_masked(self, to: *mut f32, mask: __mmask16, v: __m512) {
        intrinsic!(_mm512_mask_storeu_ps(to, mask, v))
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        intrinsic!(_mm512_add_ps(a, b))
    }

    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        intrinsic!(_mm512_sub_ps(a, b))
    }

    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        intrinsic!(_mm512_mul_ps(a, b))
    }

    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        intrinsic!(_mm512_div_ps(a, b))
    }

    #[inline(always)]
    fn sqrt(self, x: __m512) -> __m512 {
        intrinsic!(_mm512_sqrt_ps(x))
    }

    #[inline(always)]
    fn fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        intrinsic!(_mm512_fmadd_ps(a, b, c))
    }

    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        intrinsic!(_mm512_max_ps(a, b))
    }

    #[inline(always)]
    fn negative(self, x: __m512) -> __m512 {
        let sign = intrinsic!(_mm512_set1_epi32(i32::MIN));
        let bits = intrinsic!(_mm512_castps_si512(x));
        let bits = intrinsic!(_mm512_or_si512(bits, sign));
        intrinsic!(_mm512_castsi512_ps(bits))
    }

    #[inline(always)]
    fn select_less(self, a: __m512, b: __m512, x: __m512, y: __m512) -> __m512 {
        let less = intrinsic!(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b));
        intrinsic!(_mm512_mask_blend_ps(less, y, x))
    }

    #[inline(always)]
    fn scale(self, x: __m512, n: __m512, _shifted: __m512) -> __m512 {
        intrinsic!(_mm512_scalef_ps(x, n))
    }

    #[inline(always)]
    fn fence(self, x: &mut [__m512]) {
        if let [a, b, c, d] = x {
            intrinsic!(fence(a, b, c, d));
        }
    }

    #[inline(always)]
    fn block(self, v: __m512) -> Self::Block {
        [v; 16]
    }

    #[inline(always)]
    fn transpose(self, r: Self::Block) -> Self::Block {
        // 2x2, then 4x4 in each quarter, then the quarters.
        let (mut a, mut b, mut c, mut out) = (r, r, r, r);
        for i in 0..8 {
            a[2 * i] = intrinsic!(_mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]));
            a[2 * i + 1] = intrinsic!(_mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]));
        }
        for i in 0..4 {
            for j in 0..2 {
                let (x, y) = (a[4 * i + j], a[4 * i + j + 2]);
                let x = intrinsic!(_mm512_castps_pd(x));
                let y = intrinsic!(_mm512_castps_pd(y));
                let low = intrinsic!(_mm512_unpacklo_pd(x, y));
                let high = intrinsic!(_mm512_unpackhi_pd(x, y));
                b[4 * i + 2 * j] = intrinsic!(_mm512_castpd_ps(low));
                b[4 * i + 2 * j + 1] = intrinsic!(_mm512_castpd_ps(high));
            }
        }
        // `b[4 i + j]` has columns j, j + 4, j + 8, j + 12 of rows 4 i to 4 i + 3.
        for j in 0..4 {
            c[j] = intrinsic!(_mm512_shuffle_f32x4::<0x88>(b[j], b[4 + j]));
            c[4 + j] = intrinsic!(_mm512_shuffle_f32x4::<0xdd>(b[j], b[4 + j]));
            c[8 + j] = intrinsic!(_mm512_shuffle_f32x4::<0x88>(b[8 + j], b[12 + j]));
            c[12 + j] = intrinsic!(_mm512_shuffle_f32x4::<0xdd>(b[8 + j], b[12 + j]));
        }
        for j in 0..4 {
            out[j] = intrinsic!(_mm512_shuffle_f32x4::<0x88>(c[j], c[8 + j]));
            out[8 + j] = intrinsic!(_mm512_shuffle_f32x4::<0xdd>(c[j], c[8 + j]));
            out[4 + j] = intrinsic!(_mm512_shuffle_f32x4::<0x88>(c[4 + j], c[12 + j]));
            out[12 + j] = intrinsic!(_mm512_shuffle_f32x4::<0xdd>(c[4 + j], c[12 + j]));
        }
        out
    }
}

/// See [`Simd::fence`].
#[inline]
#[target_feature(enable = "avx512f")]
fn fence(a: &mut __m512, b: &mut __m512, c: &mut __m512, d: &mut __m512) {
    // SAFETY: a comment.
    unsafe {
        core::arch::asm!(
            "/* {0} {1} {2} {3} */",
            inout(zmm_reg) * a,
            inout(zmm_reg) * b,
            inout(zmm_reg) * c,
            inout(zmm_reg) * d,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
}
