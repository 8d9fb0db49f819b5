//! The stages of a block of the network: a tile of consecutive pixels a block of threads, a channel
//! of a patch a thread of the scan.
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "all rest on one promise: the arrays are those that the arguments say"
)]

use mambalite_kernels::config::{CONV1D_TAPS, Decay};
use mambalite_kernels::rows::Rows;

use super::block::{QUAD, Scalar, Tile, barrier, block, each, each_quad, thread};
use super::conv::{norm_rows, sizes};
use super::parameters::{Device, Token};
use super::product::{Element, Outputs, rows_of};
use super::weight::weight;
use crate::args::{self, Array, Patches};
use crate::layout::{self, CHUNK, GROUP, OUTPUTS, SCAN_THREADS, Shared, THREADS};

/// The pixels of a block, whatever their patch.
struct Span {
    first: usize,
    /// Of the block's, in all.
    pixels: usize,
    /// Of the block's, that there are.
    there: usize,
}

impl Span {
    #[inline(always)]
    fn new(patches: &Patches, pixels: u32) -> Self {
        let first = block() * pixels as usize;
        let all = patches.count as usize * patches.pixels();
        Self {
            first,
            pixels: pixels as usize,
            there: all.saturating_sub(first).min(pixels as usize),
        }
    }

    #[inline(always)]
    fn groups(&self) -> usize {
        self.pixels / GROUP
    }

    /// Copies pixels of `len` elements to a tile, and zeros where there is none.
    #[inline(always)]
    unsafe fn load<T: Scalar>(&self, x: Array, len: usize, rows: &layout::Rows) {
        let tile = Tile::<T>::new(rows);
        each_quad(self.pixels, len, |pixel, at| {
            let mut values = [T::default(); QUAD];
            if pixel < self.there {
                let (from, n) = ((self.first + pixel) * len + at, (len - at).min(QUAD));
                // SAFETY: the caller's promise.
                values = unsafe { x.read_quad(from, n, len.is_multiple_of(QUAD)) };
            }
            // SAFETY: the tile has these elements, which are this thread's.
            unsafe { tile.write_quad(pixel, at, values) };
        });
    }

    /// Returns the place of outputs in a tensor, if their pixel is there.
    #[inline(always)]
    fn place<T>(&self, o: &Outputs<T>, outputs: usize) -> Option<usize> {
        let row = o.row();
        (row < self.there).then(|| (self.first + row) * outputs + o.first)
    }
}

/// Norms pixels: all in one block's tile.
#[inline(always)]
pub(super) unsafe fn norm<A: Device>(
    params: &args::Norm,
    patches: &Patches,
    pixels: u32,
    x: Array,
    out: Array,
) {
    let span = Span::new(patches, pixels);
    let width = params.width as usize;
    let (raw, normed) = layout::norm(
        &mut Shared::default(),
        span.pixels,
        width,
        size_of::<A::Act>(),
    );
    // SAFETY: the caller's promise, here and below.
    unsafe { span.load::<A::Act>(x, width, &raw) };
    barrier();
    let (raw, normed) = (Tile::<A::Act>::new(&raw), Tile::<A::Act>::new(&normed));
    // SAFETY: as above.
    let params = unsafe { A::norm(params) };
    each(span.there, |row| {
        // SAFETY: as above.
        let (x, out) = unsafe { (raw.slice(row, width), normed.slice_mut(row, width)) };
        (A::REFERENCE.norm.acts)(&params, x, width, out);
        for at in width..width.next_multiple_of(QUAD) {
            // SAFETY: as above.
            unsafe { normed.write(row, at, A::Act::default()) };
        }
    });
    barrier();
    each_quad(span.there, width, |pixel, at| {
        let n = (width - at).min(QUAD);
        // SAFETY: as above.
        unsafe {
            let values = normed.read_quad(pixel, at);
            let to = (span.first + pixel) * width + at;
            out.write_quad(to, n, width.is_multiple_of(QUAD), values);
        }
    });
}

/// Norms pixels and projects them to u and z.
#[inline(always)]
pub(super) unsafe fn in_proj<A: Device>(
    (params, norm): (&args::Weight, &args::Norm),
    patches: &Patches,
    pixels: u32,
    x: Array,
    out: Array,
) where
    A::Act: Element<A>,
    A::In: Element<A>,
{
    let span = Span::new(patches, pixels);
    let sizes = sizes::<A, A::In>(params);
    let layout = layout::projection(&mut Shared::default(), span.pixels, &sizes, true);
    // SAFETY: the caller's promise, here and below.
    unsafe { span.load::<A::Act>(x, sizes.inputs, &layout.raw) };
    barrier();
    let rows = (&layout.raw, &layout.x);
    // SAFETY: as above.
    unsafe {
        norm_rows::<A>(norm, span.pixels, sizes.inputs, rows, |row| {
            row < span.there
        })
    };
    barrier();
    let tile = Tile::<A::In>::new(&layout.x);
    // SAFETY: as above.
    unsafe {
        weight::<A, A::In>(params, &layout.inner, span.groups(), rows_of(&tile), |o| {
            if let Some(at) = span.place(&o, sizes.outputs) {
                let aligned = sizes.outputs.is_multiple_of(OUTPUTS);
                out.write_quad(at, o.n, aligned, o.values.map(A::to_act));
            }
        });
    }
}

/// Convolves u causally and projects it to step sizes, B and C.
///
/// * `uz` - `[.., 2 E]`. * `outs` - u, step sizes and (B, C), `[.., E]`, `[.., E]`, `[.., 2 N]`.
#[inline(always)]
pub(super) unsafe fn sequence<A: Device>(
    (conv1d, x_proj, dt_proj): (&args::Conv1d, &args::Weight, &args::Weight),
    patches: &Patches,
    pixels: u32,
    uz: Array,
    (u_out, dt_out, bc_out): (Array, Array, Array),
) where
    A::Act: Element<A>,
    A::In: Element<A>,
{
    let span = Span::new(patches, pixels);
    let (x_sizes, dt_sizes) = (sizes::<A, A::In>(x_proj), sizes::<A, A::Act>(dt_proj));
    let (inner, projected) = (x_sizes.inputs, x_sizes.outputs);
    let layout = layout::sequence(&mut Shared::default(), span.pixels, &x_sizes, &dt_sizes);
    let u = Tile::<A::In>::new(&layout.u);
    // SAFETY: the caller's promise, here and below.
    unsafe { convolve::<A>(conv1d, patches, &span, uz, (&u, u_out)) };
    barrier();
    let row = Tile::<A::Act>::new(&layout.projected);
    let steps = Tile::<A::Acc>::new(&layout.steps);
    let rank = dt_sizes.inputs;
    // SAFETY: as above.
    unsafe {
        weight::<A, A::In>(x_proj, &layout.x_inner, span.groups(), rows_of(&u), |o| {
            row.write_quad(o.row(), o.first, o.values.map(A::to_act))
        });
    }
    barrier();
    // SAFETY: as above.
    unsafe {
        store_bc::<A>(&span, &row, rank, projected - rank, bc_out);
        weight::<A, A::Act>(
            dt_proj,
            &layout.dt_inner,
            span.groups(),
            rows_of(&row),
            |o| steps.write_quad(o.row(), o.first, o.values),
        );
    }
    barrier();
    each_quad(span.there, inner, |pixel, at| {
        let (to, n) = ((span.first + pixel) * inner + at, (inner - at).min(QUAD));
        // SAFETY: as above.
        unsafe {
            let values = steps.read_quad(pixel, at).map(A::step_size);
            dt_out.write_quad(to, n, inner.is_multiple_of(QUAD), values);
        }
    });
}

/// Writes (B, C) of a tile's pixels, which come after `rank` other values, `len` of them.
#[inline(always)]
unsafe fn store_bc<A: Device>(
    span: &Span,
    row: &Tile<A::Act>,
    rank: usize,
    len: usize,
    out: Array,
) {
    each_quad(span.there, len, |pixel, at| {
        // SAFETY: the caller's promise. B and C are of four states or a multiple.
        unsafe {
            let values = core::array::from_fn(|i| row.read(pixel, rank + at + i));
            out.write_quad((span.first + pixel) * len + at, QUAD, true, values);
        }
    });
}

/// Convolves u causally: a thread goes along the pixels of a channel.
#[inline(always)]
unsafe fn convolve<A: Device>(
    params: &args::Conv1d,
    patches: &Patches,
    span: &Span,
    uz: Array,
    (tile, out): (&Tile<A::In>, Array),
) {
    let (inner, pixels) = (params.inner as usize, patches.pixels() as u32);
    let padded = inner.next_multiple_of(CHUNK);
    // Few channels leave threads for parts of the pixels.
    let parts = (THREADS as u32 / padded as u32).max(1) as usize;
    let part_len = span.pixels.div_ceil(parts);
    each(parts * padded, |item| {
        let (part, e) = (item as u32 / padded as u32, item as u32 % padded as u32);
        let (part, e) = (part as usize, e as usize);
        let begin = part * part_len;
        let end = (begin + part_len).min(span.pixels);
        let there = end.min(span.there);
        if e >= inner {
            for pixel in begin..end {
                // SAFETY: the caller's promise, here and below.
                unsafe { tile.write(pixel, e, A::In::default()) };
            }
            return;
        }
        // SAFETY: as above.
        let taps = unsafe { A::taps(params, e) };
        let read = |pixel: usize| -> A::Act {
            // SAFETY: as above.
            unsafe { uz.read(pixel * 2 * inner + e) }
        };
        let mut before = (span.first + begin) as u32 % pixels;
        let mut x = [A::Act::default(); CONV1D_TAPS];
        if begin < there {
            for tap in 0..CONV1D_TAPS - 1 {
                // Pixels before the patch's first are zero.
                if before as usize + tap + 1 >= CONV1D_TAPS {
                    x[tap + 1] = read(span.first + begin + tap + 1 - CONV1D_TAPS);
                }
            }
        }
        let mut at = (span.first + begin) * inner + e;
        let mut u_at = 2 * at - e;
        for pixel in begin..there {
            if before == pixels {
                (before, x) = (0, Default::default());
            }
            before += 1;
            // SAFETY: as above.
            x = [x[1], x[2], x[3], unsafe { uz.read(u_at) }];
            let value = A::convolve(&taps, &x);
            // SAFETY: as above.
            unsafe { out.write(at, value) };
            // SAFETY: as above.
            unsafe { tile.write(pixel, e, value) };
            (at, u_at) = (at + inner, u_at + 2 * inner);
        }
        for pixel in begin.max(there)..end {
            // SAFETY: as above.
            unsafe { tile.write(pixel, e, A::In::default()) };
        }
    });
}

/// Scans a channel of a patch, its `N` states in registers, and gates it with z.
///
/// * `inputs` - u, step sizes, (B, C) and `[.., 2 E]` with z.
#[inline(always)]
pub(super) unsafe fn scan<A: Device, const N: usize>(
    (params, gate): (&args::Scan, &args::Gate),
    patches: &Patches,
    inputs: (Array, Array, Array, Array),
    out: Array,
) {
    let inner = gate.inner;
    let item = (block() * SCAN_THREADS + thread()) as u32;
    if item >= patches.count * inner {
        return;
    }
    let (patch, e) = ((item / inner) as usize, (item % inner) as usize);
    let places = (patch * patches.pixels(), patches.pixels(), e);
    // SAFETY: the caller's promise. The form of the rates is a constant in each loop.
    unsafe {
        match params.tied {
            0 => scan_patch::<A, N>(params, Decay::Full, gate, places, inputs, out),
            _ => scan_patch::<A, N>(params, Decay::Tied, gate, places, inputs, out),
        }
    }
}

/// As [`scan`]; `places` are the patch's first pixel, its pixels and the channel.
#[inline(always)]
unsafe fn scan_patch<A: Device, const N: usize>(
    params: &args::Scan,
    decay: Decay,
    gate: &args::Gate,
    (first, pixels, e): (usize, usize, usize),
    (u, dt, bc, uz): (Array, Array, Array, Array),
    out: Array,
) {
    let inner = gate.inner as usize;
    // SAFETY: the caller's promise, here and below.
    let channel = unsafe { A::channel::<N>(params, e) };
    let gate = A::gate(gate);
    let mut states = [A::Wide::default(); N];
    // Places of the pixel's values, of z in (u, z).
    let (mut at, mut z_at) = (first * inner + e, (2 * first + 1) * inner + e);
    for pixel in first..first + pixels {
        // SAFETY: as above. Pixels of (B, C) are a multiple of 16 bytes long.
        let (token, z): (_, A::Act) = unsafe {
            let Aligned([b, c]) = bc.read::<Aligned<[[A::Act; N]; 2]>>(pixel);
            let (u, dt) = (u.read(at), dt.read(at));
            (Token { u, dt, b, c }, uz.read(z_at))
        };
        let y = A::scan(&channel, decay, &token, &mut states);
        let mut gated = [A::In::default()];
        (A::REFERENCE.gate)(&gate, &[y], Rows::packed(&[z], 1), &mut gated);
        // SAFETY: as above.
        unsafe { out.write(at, gated[0]) };
        (at, z_at) = (at + inner, z_at + 2 * inner);
    }
}

/// What is read by the widest loads.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
struct Aligned<T>(T);

/// Projects the gated values to features, and adds the mixer's input where the network does.
#[inline(always)]
pub(super) unsafe fn out_proj<A: Device>(
    params: &args::Weight,
    patches: &Patches,
    pixels: u32,
    x: Array,
    residual: &args::Residual,
    out: Array,
) where
    A::Act: Element<A>,
    A::In: Element<A>,
{
    let span = Span::new(patches, pixels);
    let sizes = sizes::<A, A::In>(params);
    let layout = layout::projection(&mut Shared::default(), span.pixels, &sizes, false);
    // SAFETY: the caller's promise, here and below.
    unsafe { span.load::<A::In>(x, sizes.inputs, &layout.x) };
    barrier();
    let tile = Tile::<A::In>::new(&layout.x);
    // SAFETY: as above.
    unsafe {
        weight::<A, A::In>(params, &layout.inner, span.groups(), rows_of(&tile), |o| {
            if let Some(at) = span.place(&o, sizes.outputs) {
                residual.write_sum::<A>(out, at, (o.n, sizes.outputs), o.values);
            }
        });
    }
}
