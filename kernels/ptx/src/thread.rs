//! What one thread of each operator does; `thread` is its number in the launch.
//!
//! Threads beyond the last output do nothing. Tensors are `[patches, pixels, features]`.
#![expect(unsafe_code, reason = "a launch passes addresses")]
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "all rest on one promise: the arrays are those that the arguments say"
)]
#![expect(
    clippy::missing_safety_doc,
    reason = "all have one condition: the arrays are those that the operator's arguments say, \
              and no two threads of a launch have one number"
)]

use mambalite_kernels::arith::Operand;
use mambalite_kernels::config::{Anchor, Config, Decay};
use mambalite_kernels::linear::{Piece, Taps, copied, output};
use mambalite_kernels::rows::Rows;
use mambalite_kernels::{anchor, scan};

use crate::Device;
use crate::args::{self, Array, Patches};

/// Takes a value of a picture to the network: threads `[patches, pixels, channels]`.
#[inline(always)]
pub unsafe fn pixel<A: Device>(thread: usize, pictures: &args::Pictures, bytes: Array, out: Array) {
    // SAFETY: the caller's promise, here and in all functions below.
    let bytes: &[u8] = unsafe { bytes.slice() };
    let Some(&value) = bytes.get(thread) else {
        return;
    };
    let channel = thread % pictures.channels.max(1) as usize;
    let value = A::pixel(&config(pictures), channel, value);
    // SAFETY: as above.
    unsafe { out.write(thread, value) };
}

/// Convolves 3x3: threads `[patches, pixels, outputs]`.
#[inline(always)]
pub unsafe fn conv3x3<A: Device, X: Operand<A::Acc>>(
    thread: usize,
    matrix: &args::Matrix,
    patches: &Patches,
    x: Array,
    out: Array,
) {
    if thread >= out.len as usize {
        return;
    }
    let (outputs, inputs) = (matrix.outputs.max(1) as usize, matrix.inputs as usize / 9);
    let (pixel, o) = (thread / outputs, thread % outputs);
    let (width, height) = (patches.width as usize, patches.height as usize);
    let pixels = patches.pixels().max(1);
    let (patch, at) = (pixel / pixels, pixel % pixels);
    let (row, column) = (at / width.max(1), at % width.max(1));
    // SAFETY: as above.
    let x: &[X] = unsafe { x.slice() };
    let picture = x.get(patch * pixels * inputs..).unwrap_or_default();
    let columns = usize::from(column == 0)..3 - usize::from(column + 1 == width);
    let rows = usize::from(row == 0)..3 - usize::from(row + 1 == height);
    let mut taps = Taps::new(1, 0);
    for ky in rows {
        let first = (row + ky - 1) * width + column + columns.start - 1;
        taps.push(Piece {
            k: (ky * 3 + columns.start) * inputs,
            len: columns.len() * inputs,
            x: picture.get(first * inputs..).unwrap_or_default(),
        });
    }
    // SAFETY: as above.
    let matrix = unsafe { A::matrix(matrix) };
    let value = A::to_act(output(&matrix, &taps, 0, o));
    // SAFETY: as above.
    unsafe { out.write(thread, value) };
}

/// Multiplies the first inputs of each pixel, `stride` apart, with a matrix: threads `[pixels,
/// outputs]`.
#[inline(always)]
pub unsafe fn linear<A: Device, X: Operand<A::Acc>, O>(
    thread: usize,
    matrix: &args::Matrix,
    stride: u32,
    x: Array,
    out: Array,
    convert: impl Fn(A::Acc) -> O,
) {
    if thread >= out.len as usize {
        return;
    }
    // SAFETY: as above.
    let (x, matrix): (&[X], _) = unsafe { (x.slice(), A::matrix(matrix)) };
    let (pixel, o) = (
        thread / matrix.outputs.max(1),
        thread % matrix.outputs.max(1),
    );
    let x = x.get(pixel * stride as usize..).unwrap_or_default();
    let taps = Taps::rows(1, 0, matrix.inputs, x);
    let value = convert(output(&matrix, &taps, 0, o));
    // SAFETY: as above.
    unsafe { out.write(thread, value) };
}

/// Takes inner values `[pixels, rank]` to the outputs of a weight with identity rows: threads
/// `[pixels, outputs]`.
#[inline(always)]
pub unsafe fn identity_rows<A: Device, O>(
    thread: usize,
    matrices: (&args::Matrix, &args::Matrix),
    order: Array,
    middle: Array,
    out: Array,
    convert: impl Fn(A::Acc) -> O,
) {
    if thread >= out.len as usize {
        return;
    }
    let (copies, u) = matrices;
    // SAFETY: as above.
    let (copies, u) = unsafe { (A::matrix(copies), A::matrix(u)) };
    // SAFETY: as above.
    let (order, middle): (&[u16], &[A::Act]) = unsafe { (order.slice(), middle.slice()) };
    let (outputs, rank) = (order.len().max(1), copies.outputs);
    let (pixel, o) = (thread / outputs, thread % outputs);
    let middle = middle.get(pixel * rank..).unwrap_or_default();
    let place = order.get(o).map_or(0, |&place| usize::from(place));
    let value = match middle.get(place).filter(|_| place < rank) {
        Some(&x) => copied(&copies, place, x),
        None => output(&u, &Taps::rows(1, 0, rank, middle), 0, place - rank),
    };
    // SAFETY: as above.
    unsafe { out.write(thread, convert(value)) };
}

/// Normalises a pixel to activations: threads `[pixels]`.
#[inline(always)]
pub unsafe fn norm_acts<A: Device>(thread: usize, params: &args::Norm, x: Array, out: Array) {
    let width = params.width as usize;
    // SAFETY: as above.
    let (x, out) = unsafe { (x.slice(), out.part_mut(thread * width, width)) };
    let x = x.get(thread * width..).unwrap_or_default();
    // SAFETY: as above.
    let params = unsafe { A::norm(params) };
    (A::REFERENCE.norm.acts)(&params, x, width, out);
}

/// Normalises a pixel to inputs of a matrix product: threads `[pixels]`.
#[inline(always)]
pub unsafe fn norm_inputs<A: Device>(thread: usize, params: &args::Norm, x: Array, out: Array) {
    let width = params.width as usize;
    // SAFETY: as above.
    let (x, out) = unsafe { (x.slice(), out.part_mut(thread * width, width)) };
    let x = x.get(thread * width..).unwrap_or_default();
    // SAFETY: as above.
    let params = unsafe { A::norm(params) };
    (A::REFERENCE.norm.inputs)(&params, x, width, out);
}

/// Convolves u of `[.., 2 E]` causally and applies `SiLU`: threads `[patches, pixels, E]`.
#[inline(always)]
pub unsafe fn conv1d<A: Device>(
    thread: usize,
    params: &args::Conv1d,
    patches: &Patches,
    x: Array,
    out: Array,
) {
    if thread >= out.len as usize {
        return;
    }
    let inner = params.inner.max(1) as usize;
    let (pixel, e) = (thread / inner, thread % inner);
    let before = pixel % patches.pixels().max(1);
    // SAFETY: as above.
    let (x, params): (&[A::Act], _) = unsafe { (x.slice(), A::conv1d(params)) };
    let value = A::conv1d_channel(&params, inner, e, |tap| {
        // Pixels before the patch's first are zero.
        match before + tap >= 3 {
            true => x[(pixel + tap - 3) * 2 * inner + e],
            false => A::Act::default(),
        }
    });
    // SAFETY: as above.
    unsafe { out.write(thread, value) };
}

/// Takes a result of the step-size projection to a step size: any threads.
#[inline(always)]
pub unsafe fn step<A: Device>(thread: usize, x: Array, out: Array) {
    // SAFETY: as above.
    let x: &[A::Acc] = unsafe { x.slice() };
    if let Some(&x) = x.get(thread) {
        // SAFETY: as above.
        unsafe { out.write(thread, A::step_size(x)) };
    }
}

/// Scans a channel of a patch, its `N` states in registers: threads `[patches, E]`.
#[inline(always)]
pub unsafe fn scan<A: Device, const N: usize>(
    thread: usize,
    params: &args::Scan,
    patches: &Patches,
    (u, dt, projected): (Array, Array, Array),
    out: Array,
) {
    let width = (params.dt_rank + 2 * params.states) as usize;
    let rank = params.dt_rank as usize;
    let pixels = patches.pixels();
    // SAFETY: as above.
    let params = unsafe { A::scan(params) };
    // SAFETY: as above.
    let (u, dt, projected) = unsafe { (u.slice(), dt.slice(), projected.slice()) };
    let inner = match u.len().checked_div(patches.count as usize * pixels) {
        Some(inner) if inner > 0 => inner,
        _ => return,
    };
    let (patch, e) = (thread / inner, thread % inner);
    let first = patch * pixels;
    if first * inner >= u.len() {
        return;
    }
    let tokens = scan::Tokens {
        u: &u[first * inner..],
        dt: &dt[first * inner..],
        b: Rows::new(&projected[first * width..], width, rank, N),
        c: Rows::new(&projected[first * width..], width, rank + N, N),
    };
    let mut states = [A::Wide::default(); N];
    for i in 0..pixels {
        let y = A::scan_channel(&params, &tokens, &mut states, (i, e));
        // SAFETY: as above.
        unsafe { out.write((first + i) * inner + e, y) };
    }
}

/// Gates y with z of `[.., 2 E]`: threads `[pixels, E]`.
#[inline(always)]
pub unsafe fn gate<A: Device>(thread: usize, params: &args::Gate, y: Array, uz: Array, out: Array) {
    let inner = params.inner.max(1) as usize;
    let (pixel, e) = (thread / inner, thread % inner);
    // SAFETY: as above.
    let (y, uz): (&[A::Act], &[A::Act]) = unsafe { (y.slice(), uz.slice()) };
    let Some(y) = y.get(thread..thread + 1) else {
        return;
    };
    let z = Rows::new(uz, 0, pixel * 2 * inner + inner + e, 1);
    // SAFETY: as above.
    let out = unsafe { out.part_mut(thread, 1) };
    (A::REFERENCE.gate)(&A::gate(params), y, z, out);
}

/// Adds two tensors: any threads.
#[inline(always)]
pub unsafe fn sum<A: Device>(
    thread: usize,
    params: &args::Sum,
    (a, b): (Array, Array),
    out: Array,
) {
    // SAFETY: as above.
    let (a, b): (&[A::Act], &[A::Act]) = unsafe { (a.slice(), b.slice()) };
    let (Some(&a), Some(b)) = (a.get(thread), b.get(thread..thread + 1)) else {
        return;
    };
    let mut sum = [a];
    (A::REFERENCE.sum)(&A::sum(params), &mut sum, b);
    // SAFETY: as above.
    unsafe { out.write(thread, sum[0]) };
}

/// Takes an activation to an input of a convolution: any threads.
#[inline(always)]
pub unsafe fn narrow<A: Device>(thread: usize, x: Array, out: Array) {
    // SAFETY: as above.
    let x: &[A::Act] = unsafe { x.slice() };
    if let Some(&x) = x.get(thread) {
        // SAFETY: as above.
        unsafe { out.write(thread, A::narrow(x)) };
    }
}

/// Makes pixels of sub-pixels and anchor: threads `[patches, pixels, scale, channels]`, each for the
/// `scale` values of a magnified row.
#[inline(always)]
pub unsafe fn picture<A: Device>(
    thread: usize,
    pictures: &args::Pictures,
    patches: &Patches,
    (bytes, x): (Array, Array),
    out: Array,
) {
    let (channels, scale) = (pictures.channels as usize, pictures.scale as usize);
    let (width, height, pixels) = (
        patches.width as usize,
        patches.height as usize,
        patches.pixels(),
    );
    if thread >= patches.count as usize * pixels * scale * channels {
        return;
    }
    let (rest, channel) = (thread / channels, thread % channels);
    let (pixel, dy) = (rest / scale, rest % scale);
    let (patch, at) = (pixel / pixels, pixel % pixels);
    // SAFETY: as above.
    let (bytes, x): (&[u8], &[A::Act]) = unsafe { (bytes.slice(), x.slice()) };
    let Some(x) = x.get((pixel * channels + channel) * scale * scale + dy * scale..) else {
        return;
    };
    let bytes = bytes
        .get(patch * pixels * channels + channel..)
        .unwrap_or_default();
    let config = config(pictures);
    let mut anchors = [0; 4];
    let (row, column) = (at / width, at % width);
    match config.anchor {
        Anchor::None => {}
        Anchor::Nearest => {
            let value = bytes
                .get(at * channels..at * channels + 1)
                .unwrap_or_default();
            anchor::nearest(value, scale, 1, &mut anchors[..scale]);
        }
        Anchor::Bicubic => {
            let mut columns = [0; 2 * anchor::BICUBIC_REACH + 1];
            for (tap, value) in columns.iter_mut().enumerate() {
                let column = anchor::mirror((column + tap) as isize - 2, width);
                let row_at = |y: usize| &bytes[(y * width + column) * channels..];
                let value = core::slice::from_mut(value);
                anchor::bicubic_column(row_at, (row, height), (scale, dy), value);
            }
            anchor::bicubic(
                &columns,
                anchor::BICUBIC_REACH,
                scale,
                1,
                &mut anchors[..scale],
            );
        }
    }
    let first = (patch * height + row) * scale + dy;
    for (dx, (&x, &anchor)) in x.iter().zip(&anchors[..scale]).enumerate() {
        let value = match config.anchor {
            Anchor::None => A::centred(&config, channel, x),
            Anchor::Nearest | Anchor::Bicubic => A::anchored(x, anchor),
        };
        let to = (first * width + column) * scale + dx;
        // SAFETY: as above.
        unsafe { out.write(to * channels + channel, A::to_pixel(value)) };
    }
}

/// Returns what the pictures' functions look at of a configuration.
#[inline(always)]
fn config(pictures: &args::Pictures) -> Config {
    Config {
        channels: pictures.channels as usize,
        scale: pictures.scale as usize,
        width: 1,
        inner: 1,
        groups: 1,
        blocks: 1,
        states: 1,
        dt_rank: 1,
        mixer_skip: false,
        anchor: match pictures.anchor {
            0 => Anchor::None,
            1 => Anchor::Nearest,
            _ => Anchor::Bicubic,
        },
        decay: Decay::Full,
        mean: pictures.mean,
    }
}
