//! The entry points, named `PRECISION_OPERATOR`.

use core::arch::nvptx::trap;

use mambalite_kernels::arith::{Fixed, Float};

use super::{conv, mixer, picture};
use crate::args::{self, Array, Patches};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: it ends the launch, whatever the state.
    unsafe { trap() }
}

macro_rules! entries {
    ($precision:literal; $($name:literal ($($arg:ident: $type:ty),* $(,)?) $body:expr;)*) => {$(
        const _: () = {
            #[unsafe(export_name = concat!($precision, $name))]
            unsafe extern "ptx-kernel" fn entry($($arg: $type),*) {
                // SAFETY: whoever launches passes the arrays that the arguments say.
                unsafe { $body }
            }
        };
    )*};
}

macro_rules! operators {
    ($precision:literal, $arith:ty) => {
        entries! {
            $precision;
            "_conv3x3_bytes" (pictures: args::Pictures, weight: args::Weight, patches: Patches,
                tile: args::Tile, residual: args::Residual, x: Array, out: Array)
                conv::conv3x3::<$arith, _>(
                    &conv::Bytes(&pictures, x), &weight, &patches, &tile, &residual, out);
            "_conv3x3_acts" (weight: args::Weight, patches: Patches, tile: args::Tile,
                residual: args::Residual, x: Array, out: Array)
                conv::conv3x3::<$arith, _>(
                    &conv::Acts(x), &weight, &patches, &tile, &residual, out);
            "_conv3x3_normed" (norm: args::Norm, weight: args::Weight, patches: Patches,
                tile: args::Tile, residual: args::Residual, x: Array, out: Array)
                conv::conv3x3::<$arith, _>(
                    &conv::Normed(&norm, x), &weight, &patches, &tile, &residual, out);
            "_norm" (norm: args::Norm, patches: Patches, pixels: u32, x: Array, out: Array)
                mixer::norm::<$arith>(&norm, &patches, pixels, x, out);
            "_in_proj" (weight: args::Weight, norm: args::Norm, patches: Patches, pixels: u32,
                x: Array, out: Array)
                mixer::in_proj::<$arith>((&weight, &norm), &patches, pixels, x, out);
            "_sequence" (conv1d: args::Conv1d, x_proj: args::Weight, dt_proj: args::Weight,
                patches: Patches, pixels: u32, uz: Array, u: Array, dt: Array, bc: Array)
                mixer::sequence::<$arith>(
                    (&conv1d, &x_proj, &dt_proj), &patches, pixels, uz, (u, dt, bc));
            "_scan_4" (scan: args::Scan, gate: args::Gate, patches: Patches, u: Array, dt: Array,
                bc: Array, uz: Array, out: Array)
                mixer::scan::<$arith, 4>((&scan, &gate), &patches, (u, dt, bc, uz), out);
            "_scan_8" (scan: args::Scan, gate: args::Gate, patches: Patches, u: Array, dt: Array,
                bc: Array, uz: Array, out: Array)
                mixer::scan::<$arith, 8>((&scan, &gate), &patches, (u, dt, bc, uz), out);
            "_scan_16" (scan: args::Scan, gate: args::Gate, patches: Patches, u: Array, dt: Array,
                bc: Array, uz: Array, out: Array)
                mixer::scan::<$arith, 16>((&scan, &gate), &patches, (u, dt, bc, uz), out);
            "_out_proj" (weight: args::Weight, patches: Patches, pixels: u32, x: Array,
                residual: args::Residual, out: Array)
                mixer::out_proj::<$arith>(&weight, &patches, pixels, x, &residual, out);
            "_picture" (pictures: args::Pictures, patches: Patches, bytes: Array, x: Array,
                out: Array)
                picture::picture::<$arith>(&pictures, &patches, bytes, x, out);
        }
    };
}

operators!("f32", Float<f32>);
operators!("w8a16", Fixed<i16>);
operators!("w8a8", Fixed<i8>);
