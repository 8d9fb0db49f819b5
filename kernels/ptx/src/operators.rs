//! The operators of a precision: the one list of entry points.
//!
//! On the GPU they become entry points, on the host functions that [`crate::host`] calls.

/// Hands the list to the macro `$emit`, each operator as
/// `name (argument: type, ..) |thread| what a thread does`.
macro_rules! operators {
    ($emit:ident, $precision:literal, $arith:ty) => {
        $emit! {
            $precision;
            "_pixel" (pictures: args::Pictures, bytes: Array, out: Array)
                |thread| thread::pixel::<$arith>(thread, &pictures, bytes, out);
            "_conv3x3_acts" (matrix: args::Matrix, patches: Patches, x: Array, out: Array)
                |thread| thread::conv3x3::<$arith, <$arith as Arithmetic>::Act>(
                    thread, &matrix, &patches, x, out);
            "_conv3x3_inputs" (matrix: args::Matrix, patches: Patches, x: Array, out: Array)
                |thread| thread::conv3x3::<$arith, <$arith as Arithmetic>::In>(
                    thread, &matrix, &patches, x, out);
            "_linear_inputs" (matrix: args::Matrix, stride: u32, x: Array, out: Array)
                |thread| thread::linear::<$arith, <$arith as Arithmetic>::In, _>(
                    thread, &matrix, stride, x, out, <$arith>::to_act);
            "_linear_acts" (matrix: args::Matrix, stride: u32, x: Array, out: Array)
                |thread| thread::linear::<$arith, <$arith as Arithmetic>::Act, _>(
                    thread, &matrix, stride, x, out, <$arith>::to_act);
            "_linear_wide" (matrix: args::Matrix, stride: u32, x: Array, out: Array)
                |thread| thread::linear::<$arith, <$arith as Arithmetic>::Act, _>(
                    thread, &matrix, stride, x, out, |acc| acc);
            "_identity_acts"
                (copies: args::Matrix, u: args::Matrix, order: Array, middle: Array, out: Array)
                |thread| thread::identity_rows::<$arith, _>(
                    thread, (&copies, &u), order, middle, out, <$arith>::to_act);
            "_identity_wide"
                (copies: args::Matrix, u: args::Matrix, order: Array, middle: Array, out: Array)
                |thread| thread::identity_rows::<$arith, _>(
                    thread, (&copies, &u), order, middle, out, |acc| acc);
            "_norm_acts" (params: args::Norm, x: Array, out: Array)
                |thread| thread::norm_acts::<$arith>(thread, &params, x, out);
            "_norm_inputs" (params: args::Norm, x: Array, out: Array)
                |thread| thread::norm_inputs::<$arith>(thread, &params, x, out);
            "_conv1d" (params: args::Conv1d, patches: Patches, x: Array, out: Array)
                |thread| thread::conv1d::<$arith>(thread, &params, &patches, x, out);
            "_step" (x: Array, out: Array)
                |thread| thread::step::<$arith>(thread, x, out);
            "_scan_4" (params: args::Scan, patches: Patches, u: Array, dt: Array,
                projected: Array, out: Array)
                |thread| thread::scan::<$arith, 4>(
                    thread, &params, &patches, (u, dt, projected), out);
            "_scan_8" (params: args::Scan, patches: Patches, u: Array, dt: Array,
                projected: Array, out: Array)
                |thread| thread::scan::<$arith, 8>(
                    thread, &params, &patches, (u, dt, projected), out);
            "_scan_16" (params: args::Scan, patches: Patches, u: Array, dt: Array,
                projected: Array, out: Array)
                |thread| thread::scan::<$arith, 16>(
                    thread, &params, &patches, (u, dt, projected), out);
            "_gate" (params: args::Gate, y: Array, uz: Array, out: Array)
                |thread| thread::gate::<$arith>(thread, &params, y, uz, out);
            "_sum" (params: args::Sum, a: Array, b: Array, out: Array)
                |thread| thread::sum::<$arith>(thread, &params, (a, b), out);
            "_narrow" (x: Array, out: Array)
                |thread| thread::narrow::<$arith>(thread, x, out);
            "_picture" (pictures: args::Pictures, patches: Patches, bytes: Array, x: Array,
                out: Array)
                |thread| thread::picture::<$arith>(
                    thread, &pictures, &patches, (bytes, x), out);
        }
    };
}
pub(crate) use operators;
