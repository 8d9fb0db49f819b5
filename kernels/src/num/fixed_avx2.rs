//! Vectors of 8 `i32` with AVX2.

#![expect(unsafe_code, reason = "intrinsics")]

use core::arch::x86_64::*;

use super::lanes::{Lanes, Products};

/// The proof that the machine has AVX2 and FMA.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// Tells whether the machine has the instructions.
    pub(crate) fn is_there() -> bool {
        super::float_avx2::Avx2::is_there()
    }

    /// Returns the proof where the instructions are enabled.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
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
        // pointer, that is one to an array as long as the vector.
        unsafe { $call }
    };
}

/// Makes methods of intrinsics that take vectors.
macro_rules! methods {
    ($($name:ident($($arg:ident),*) = $call:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, $($arg: __m256i),*) -> __m256i {
            intrinsic!($call)
        }
    )*};
}

/// Returns the elements at the front of `from`, zeros after the last.
#[inline(always)]
fn padded<T: Copy + Default, const N: usize>(from: &[T]) -> [T; N] {
    from.first_chunk().copied().unwrap_or_else(|| {
        let mut out = [T::default(); N];
        for (out, &x) in out.iter_mut().zip(from) {
            *out = x;
        }
        out
    })
}

/// Writes the elements that `to` has room for.
#[inline(always)]
fn write<T: Copy, const N: usize>(to: &mut [T], values: &[T; N]) {
    if let Some(to) = to.first_chunk_mut() {
        *to = *values;
    } else {
        for (to, &x) in to.iter_mut().zip(values) {
            *to = x;
        }
    }
}

impl Lanes for Avx2 {
    const LANES: usize = 8;
    const TOGETHER: usize = 1;

    type V = __m256i;

    #[inline(always)]
    fn splat(self, x: i32) -> __m256i {
        intrinsic!(_mm256_set1_epi32(x))
    }

    #[inline(always)]
    fn splat64(self, x: i64) -> __m256i {
        intrinsic!(_mm256_set1_epi64x(x))
    }

    #[inline(always)]
    fn load(self, from: &[i32]) -> __m256i {
        let from: [i32; 8] = padded(from);
        intrinsic!(_mm256_loadu_si256(from.as_ptr().cast()))
    }

    #[inline(always)]
    fn load16(self, from: &[i16]) -> __m256i {
        let from: [i16; 8] = padded(from);
        let narrow = intrinsic!(_mm_loadu_si128(from.as_ptr().cast()));
        intrinsic!(_mm256_cvtepi16_epi32(narrow))
    }

    #[inline(always)]
    fn load8(self, from: &[i8]) -> __m256i {
        let from: [i8; 8] = padded(from);
        let narrow = intrinsic!(_mm_set1_epi64x(i64::from_le_bytes(from.map(|x| x as u8))));
        intrinsic!(_mm256_cvtepi8_epi32(narrow))
    }

    #[inline(always)]
    fn store(self, to: &mut [i32], v: __m256i) {
        let mut values = [0i32; 8];
        intrinsic!(_mm256_storeu_si256(values.as_mut_ptr().cast(), v));
        write(to, &values);
    }

    #[inline(always)]
    fn store16(self, to: &mut [i16], v: __m256i) {
        let packed = intrinsic!(_mm256_packs_epi32(v, v));
        let packed = intrinsic!(_mm256_permute4x64_epi64::<0b1000>(packed));
        let packed = intrinsic!(_mm256_castsi256_si128(packed));
        let mut values = [0i16; 8];
        intrinsic!(_mm_storeu_si128(values.as_mut_ptr().cast(), packed));
        write(to, &values);
    }

    #[inline(always)]
    fn store8(self, to: &mut [i8], v: __m256i) {
        let packed = intrinsic!(_mm256_packs_epi32(v, v));
        let packed = intrinsic!(_mm256_permute4x64_epi64::<0b1000>(packed));
        let packed = intrinsic!(_mm256_castsi256_si128(packed));
        let packed = intrinsic!(_mm_packs_epi16(packed, packed));
        let bytes = intrinsic!(_mm_cvtsi128_si64(packed)).to_le_bytes();
        write(to, &bytes.map(|x| x as i8));
    }

    methods! {
        add(a, b) = _mm256_add_epi32(a, b);
        sub(a, b) = _mm256_sub_epi32(a, b);
        mul(a, b) = _mm256_mullo_epi32(a, b);
        min(a, b) = _mm256_min_epi32(a, b);
        max(a, b) = _mm256_max_epi32(a, b);
        abs(x) = _mm256_abs_epi32(x);
        and(a, b) = _mm256_and_si256(a, b);
        or(a, b) = _mm256_or_si256(a, b);
        xor(a, b) = _mm256_xor_si256(a, b);
        shl(x, bits) = _mm256_sllv_epi32(x, bits);
        shr(x, bits) = _mm256_srlv_epi32(x, bits);
        sar(x, bits) = _mm256_srav_epi32(x, bits);
        less(a, b) = _mm256_cmpgt_epi32(b, a);
        mul_pairs(a, b) = _mm256_madd_epi16(a, b);
        mul_even(a, b) = _mm256_mul_epi32(a, b);
        odd(x) = _mm256_srli_epi64::<32>(x);
        upper(even, odd) = _mm256_blend_epi32::<0xaa>(_mm256_srli_epi64::<32>(even), odd);
        lower(even, odd) = _mm256_blend_epi32::<0xaa>(even, _mm256_slli_epi64::<32>(odd));
        add64(a, b) = _mm256_add_epi64(a, b);
        shr64(x, bits) = _mm256_srlv_epi64(x, bits);
    }

    #[inline(always)]
    fn reciprocal_30(self, d: __m256i) -> __m256i {
        let d = intrinsic!(_mm256_cvtepi32_ps(d));
        let q = intrinsic!(_mm256_div_ps(_mm256_set1_ps(1_073_741_824.0), d));
        // The division is off by less than 2^-8: what is left rounds down.
        let bias = intrinsic!(_mm256_set1_ps(0.5 - 1.0 / 256.0));
        intrinsic!(_mm256_cvttps_epi32(_mm256_add_ps(q, bias)))
    }
}

impl Products for Avx2 {
    const QUADS: bool = false;
    const PANEL: usize = 2;
    const PIXELS: usize = 4;

    #[inline(always)]
    unsafe fn read(self, from: *const i32) -> __m256i {
        intrinsic!(_mm256_loadu_si256(from.cast()))
    }

    #[inline(always)]
    fn dot_pairs(self, acc: __m256i, x: __m256i, w: __m256i) -> __m256i {
        self.add(acc, self.mul_pairs(x, w))
    }

    /// The instruction that there is saturates sums of 16 bits.
    #[inline(always)]
    fn dot_quads(self, acc: __m256i, _: __m256i, _: __m256i) -> __m256i {
        acc
    }
}
