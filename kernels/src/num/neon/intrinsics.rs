//! The instructions that the kernels use, as safe functions: those of [`core::arch`] want a caller
//! that declares NEON, which no function that is always inlined may do.
#![expect(unsafe_code, reason = "the one place that says that NEON is there")]

use core::arch::aarch64;
pub(crate) use core::arch::aarch64::{
    float32x4_t, float64x2_t, int8x8_t, int8x16_t, int16x4_t, int16x8_t, int32x2_t, int32x4_t,
    int64x2_t, uint32x2_t, uint32x4_t, uint64x2_t,
};

const _: () = assert!(
    cfg!(target_feature = "neon"),
    "AArch64 without vector registers is not supported"
);

macro_rules! instructions {
    ($(fn $name:ident $(<const $n:ident>)? ($($argument:ident: $from:ty),*) -> $to:ty;)*) => {$(
        #[inline(always)]
        pub(crate) fn $name $(<const $n: i32>)? ($($argument: $from),*) -> $to {
            // SAFETY: the target has NEON, as asserted above; the instruction takes any values.
            unsafe { aarch64::$name $(::<$n>)? ($($argument),*) }
        }
    )*};
}

instructions! {
    fn vabsq_f32(a: float32x4_t) -> float32x4_t;
    fn vabsq_s32(a: int32x4_t) -> int32x4_t;
    fn vaddq_f32(a: float32x4_t, b: float32x4_t) -> float32x4_t;
    fn vaddq_s32(a: int32x4_t, b: int32x4_t) -> int32x4_t;
    fn vaddq_u32(a: uint32x4_t, b: uint32x4_t) -> uint32x4_t;
    fn vaddvq_s32(a: int32x4_t) -> i32;
    fn vaddvq_s64(a: int64x2_t) -> i64;
    fn vaddw_high_s32(a: int64x2_t, b: int32x4_t) -> int64x2_t;
    fn vaddw_s32(a: int64x2_t, b: int32x2_t) -> int64x2_t;
    fn vandq_u32(a: uint32x4_t, b: uint32x4_t) -> uint32x4_t;
    fn vbicq_s32(a: int32x4_t, b: int32x4_t) -> int32x4_t;
    fn vbslq_f32(a: uint32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t;
    fn vbslq_s32(a: uint32x4_t, b: int32x4_t, c: int32x4_t) -> int32x4_t;
    fn vcgeq_s32(a: int32x4_t, b: int32x4_t) -> uint32x4_t;
    fn vcgtq_f32(a: float32x4_t, b: float32x4_t) -> uint32x4_t;
    fn vcltzq_f32(a: float32x4_t) -> uint32x4_t;
    fn vcltzq_s32(a: int32x4_t) -> uint32x4_t;
    fn vcombine_s16(a: int16x4_t, b: int16x4_t) -> int16x8_t;
    fn vcombine_s32(a: int32x2_t, b: int32x2_t) -> int32x4_t;
    fn vcombine_u32(a: uint32x2_t, b: uint32x2_t) -> uint32x4_t;
    fn vcvtq_f32_s32(a: int32x4_t) -> float32x4_t;
    fn vcvtq_s32_f32(a: float32x4_t) -> int32x4_t;
    fn vdivq_f32(a: float32x4_t, b: float32x4_t) -> float32x4_t;
    fn vdup_n_s8(value: i8) -> int8x8_t;
    fn vdup_n_u32(value: u32) -> uint32x2_t;
    fn vdupq_n_f32(value: f32) -> float32x4_t;
    fn vdupq_n_s16(value: i16) -> int16x8_t;
    fn vdupq_n_s32(value: i32) -> int32x4_t;
    fn vdupq_n_s64(value: i64) -> int64x2_t;
    fn vdupq_n_s8(value: i8) -> int8x16_t;
    fn vdupq_n_u32(value: u32) -> uint32x4_t;
    fn veorq_s8(a: int8x16_t, b: int8x16_t) -> int8x16_t;
    fn vfmaq_f32(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t;
    fn vfmaq_laneq_f32<const LANE>(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t;
    fn vget_low_s16(a: int16x8_t) -> int16x4_t;
    fn vget_low_s32(a: int32x4_t) -> int32x2_t;
    fn vget_low_u32(a: uint32x4_t) -> uint32x2_t;
    fn vmax_s8(a: int8x8_t, b: int8x8_t) -> int8x8_t;
    fn vmaxq_f32(a: float32x4_t, b: float32x4_t) -> float32x4_t;
    fn vmaxq_s16(a: int16x8_t, b: int16x8_t) -> int16x8_t;
    fn vmaxq_s32(a: int32x4_t, b: int32x4_t) -> int32x4_t;
    fn vminq_s32(a: int32x4_t, b: int32x4_t) -> int32x4_t;
    fn vminq_u32(a: uint32x4_t, b: uint32x4_t) -> uint32x4_t;
    fn vmlal_high_lane_s16<const LANE>(a: int32x4_t, b: int16x8_t, c: int16x4_t) -> int32x4_t;
    fn vmlal_high_laneq_s32<const LANE>(a: int64x2_t, b: int32x4_t, c: int32x4_t) -> int64x2_t;
    fn vmlal_high_s16(a: int32x4_t, b: int16x8_t, c: int16x8_t) -> int32x4_t;
    fn vmlal_lane_s16<const LANE>(a: int32x4_t, b: int16x4_t, c: int16x4_t) -> int32x4_t;
    fn vmlal_laneq_s32<const LANE>(a: int64x2_t, b: int32x2_t, c: int32x4_t) -> int64x2_t;
    fn vmlal_s16(a: int32x4_t, b: int16x4_t, c: int16x4_t) -> int32x4_t;
    fn vmlsl_high_s16(a: int32x4_t, b: int16x8_t, c: int16x8_t) -> int32x4_t;
    fn vmlsl_s16(a: int32x4_t, b: int16x4_t, c: int16x4_t) -> int32x4_t;
    fn vmlsq_s32(a: int32x4_t, b: int32x4_t, c: int32x4_t) -> int32x4_t;
    fn vmovl_high_s16(a: int16x8_t) -> int32x4_t;
    fn vmovl_s16(a: int16x4_t) -> int32x4_t;
    fn vmovl_s8(a: int8x8_t) -> int16x8_t;
    fn vmovn_s64(a: int64x2_t) -> int32x2_t;
    fn vmull_high_laneq_s32<const LANE>(a: int32x4_t, b: int32x4_t) -> int64x2_t;
    fn vmull_high_s16(a: int16x8_t, b: int16x8_t) -> int32x4_t;
    fn vmull_high_s32(a: int32x4_t, b: int32x4_t) -> int64x2_t;
    fn vmull_high_u32(a: uint32x4_t, b: uint32x4_t) -> uint64x2_t;
    fn vmull_laneq_s32<const LANE>(a: int32x2_t, b: int32x4_t) -> int64x2_t;
    fn vmull_s16(a: int16x4_t, b: int16x4_t) -> int32x4_t;
    fn vmull_s32(a: int32x2_t, b: int32x2_t) -> int64x2_t;
    fn vmull_u32(a: uint32x2_t, b: uint32x2_t) -> uint64x2_t;
    fn vmulq_f32(a: float32x4_t, b: float32x4_t) -> float32x4_t;
    fn vmulq_laneq_f32<const LANE>(a: float32x4_t, b: float32x4_t) -> float32x4_t;
    fn vmulq_n_s32(a: int32x4_t, b: i32) -> int32x4_t;
    fn vmulq_s32(a: int32x4_t, b: int32x4_t) -> int32x4_t;
    fn vnegq_f32(a: float32x4_t) -> float32x4_t;
    fn vnegq_s32(a: int32x4_t) -> int32x4_t;
    fn vpadalq_s16(a: int32x4_t, b: int16x8_t) -> int32x4_t;
    fn vpadalq_s32(a: int64x2_t, b: int32x4_t) -> int64x2_t;
    fn vqdmulhq_s32(a: int32x4_t, b: int32x4_t) -> int32x4_t;
    fn vqmovn_high_s64(a: int32x2_t, b: int64x2_t) -> int32x4_t;
    fn vqmovn_s16(a: int16x8_t) -> int8x8_t;
    fn vqmovn_s32(a: int32x4_t) -> int16x4_t;
    fn vqmovn_s64(a: int64x2_t) -> int32x2_t;
    fn vqrdmulhq_s32(a: int32x4_t, b: int32x4_t) -> int32x4_t;
    fn vqrshrn_n_s64<const N>(a: int64x2_t) -> int32x2_t;
    fn vreinterpretq_f32_f64(a: float64x2_t) -> float32x4_t;
    fn vreinterpretq_f32_s32(a: int32x4_t) -> float32x4_t;
    fn vreinterpretq_f64_f32(a: float32x4_t) -> float64x2_t;
    fn vreinterpretq_s32_f32(a: float32x4_t) -> int32x4_t;
    fn vreinterpretq_s32_u32(a: uint32x4_t) -> int32x4_t;
    fn vreinterpretq_u32_s32(a: int32x4_t) -> uint32x4_t;
    fn vrshlq_s32(a: int32x4_t, b: int32x4_t) -> int32x4_t;
    fn vrshlq_s64(a: int64x2_t, b: int64x2_t) -> int64x2_t;
    fn vrshrq_n_s32<const N>(a: int32x4_t) -> int32x4_t;
    fn vrshrq_n_u32<const N>(a: uint32x4_t) -> uint32x4_t;
    fn vshll_high_n_s16<const N>(a: int16x8_t) -> int32x4_t;
    fn vshll_n_s16<const N>(a: int16x4_t) -> int32x4_t;
    fn vshlq_n_s32<const N>(a: int32x4_t) -> int32x4_t;
    fn vshlq_s32(a: int32x4_t, b: int32x4_t) -> int32x4_t;
    fn vshlq_u32(a: uint32x4_t, b: int32x4_t) -> uint32x4_t;
    fn vshrn_high_n_u64<const N>(a: uint32x2_t, b: uint64x2_t) -> uint32x4_t;
    fn vshrn_n_u64<const N>(a: uint64x2_t) -> uint32x2_t;
    fn vshrq_n_s32<const N>(a: int32x4_t) -> int32x4_t;
    fn vshrq_n_u32<const N>(a: uint32x4_t) -> uint32x4_t;
    fn vsqrtq_f32(a: float32x4_t) -> float32x4_t;
    fn vsraq_n_s32<const N>(a: int32x4_t, b: int32x4_t) -> int32x4_t;
    fn vsubq_f32(a: float32x4_t, b: float32x4_t) -> float32x4_t;
    fn vsubq_s32(a: int32x4_t, b: int32x4_t) -> int32x4_t;
    fn vtrn1q_f32(a: float32x4_t, b: float32x4_t) -> float32x4_t;
    fn vtrn2q_f32(a: float32x4_t, b: float32x4_t) -> float32x4_t;
    fn vuzp1q_s8(a: int8x16_t, b: int8x16_t) -> int8x16_t;
    fn vuzp2q_s8(a: int8x16_t, b: int8x16_t) -> int8x16_t;
    fn vzip1q_f64(a: float64x2_t, b: float64x2_t) -> float64x2_t;
    fn vzip2q_f64(a: float64x2_t, b: float64x2_t) -> float64x2_t;
}
