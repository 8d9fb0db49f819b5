//! The stages of a block of the network: a tile of consecutive pixels a block of threads, a channel
//! of a patch a thread of the scan.
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "all rest on one promise: the arrays are those that the arguments say"
)]

use mambalite_kernels::config::{CONV1D_TAPS, Decay};
use mambalite_kernels::rows::Rows;

use super::block::{Tile, barrier, block, each, each_row, thread};
use super::conv::{norm_rows, sizes};
use super::parameters::{Device, Token};
use super::product::{Columns, Element, Inputs, Sums};
use super::weight::weight;
use crate::args::{self, Array, Patches};
use crate::layout::{self, CHUNK, GROUP, SCAN_THREADS, Shared, THREADS};

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
    unsafe fn load<T: Copy + Default>(
        &self,
        x: Array,
        len: usize,
        rows: &layout::Rows,
        padded: usize,
    ) {
        let tile = Tile::<T>::new(rows);
        each_row(self.pixels, padded, THREADS, |pixel, at| {
            let value = match pixel < self.there && at < len {
                // SAFETY: the caller's promise.
                true => unsafe { x.read((self.first + pixel) * len + at) },
                false => T::default(),
            };
            // SAFETY: the tile has this element, which is this thread's.
            unsafe { tile.write(pixel, at, value) };
        });
    }
}

/// Returns what adds a group's products with the rows of a tile.
#[inline(always)]
fn rows_of<A: Device, X: Element<A>>(
    tile: &Tile<X>,
) -> impl Fn(&Columns, usize, &mut Sums<A>) + '_ {
    |columns, group, sums| {
        let inputs = Inputs {
            first: tile.row(group * GROUP),
            stride: tile.stride,
        };
        // SAFETY: whoever makes a tile of a product fills its rows before.
        unsafe { X::add(columns, 0, inputs, sums) };
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
    unsafe { span.load::<A::Act>(x, width, &raw, width) };
    barrier();
    let (raw, normed) = (Tile::<A::Act>::new(&raw), Tile::<A::Act>::new(&normed));
    // SAFETY: as above.
    let params = unsafe { A::norm(params) };
    each(span.there, THREADS, |row| {
        // SAFETY: as above.
        let (x, out) = unsafe { (raw.slice(row, width), normed.slice_mut(row, width)) };
        (A::REFERENCE.norm.acts)(&params, x, width, out);
    });
    barrier();
    each_row(span.there, width, THREADS, |pixel, at| {
        // SAFETY: as above.
        unsafe { out.write((span.first + pixel) * width + at, normed.read(pixel, at)) };
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
    unsafe { span.load::<A::Act>(x, sizes.inputs, &layout.raw, sizes.inputs) };
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
        weight::<A, A::In>(
            params,
            &layout.inner,
            span.groups(),
            rows_of(&tile),
            |group, p, o, acc| {
                let pixel = group * GROUP + p;
                if pixel < span.there {
                    out.write((span.first + pixel) * sizes.outputs + o, A::to_act(acc));
                }
            },
        );
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
    let rank = dt_sizes.inputs;
    // SAFETY: as above.
    unsafe {
        weight::<A, A::In>(
            x_proj,
            &layout.x_inner,
            span.groups(),
            rows_of(&u),
            |group, p, o, acc| {
                let (pixel, value) = (group * GROUP + p, A::to_act(acc));
                row.write(pixel, o, value);
                if o >= rank && pixel < span.there {
                    let at = (span.first + pixel) * (projected - rank) + o - rank;
                    bc_out.write(at, value);
                }
            },
        );
    }
    barrier();
    // SAFETY: as above.
    unsafe {
        weight::<A, A::Act>(
            dt_proj,
            &layout.dt_inner,
            span.groups(),
            rows_of(&row),
            |group, p, o, acc| {
                let pixel = group * GROUP + p;
                if pixel < span.there {
                    dt_out.write((span.first + pixel) * inner + o, A::step_size(acc));
                }
            },
        );
    }
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
    let inner = params.inner as usize;
    let padded = inner.next_multiple_of(CHUNK);
    // Few channels leave threads for parts of the pixels.
    let parts = (THREADS as u32 / padded as u32).max(1) as usize;
    let part_len = span.pixels.div_ceil(parts);
    each(parts * padded, THREADS, |item| {
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
        let mut before = (span.first + begin) as u32 % patches.pixels() as u32;
        let mut x = [A::Act::default(); CONV1D_TAPS];
        if begin < there {
            for tap in 0..CONV1D_TAPS - 1 {
                // Pixels before the patch's first are zero.
                if before as usize + tap + 1 >= CONV1D_TAPS {
                    x[tap + 1] = read(span.first + begin + tap + 1 - CONV1D_TAPS);
                }
            }
        }
        for pixel in begin..end {
            let mut value = A::In::default();
            if pixel < there {
                if before as usize == patches.pixels() {
                    (before, x) = (0, Default::default());
                }
                before += 1;
                x = [x[1], x[2], x[3], read(span.first + pixel)];
                value = A::convolve(&taps, &x);
                // SAFETY: as above.
                unsafe { out.write((span.first + pixel) * inner + e, value) };
            }
            // SAFETY: as above.
            unsafe { tile.write(pixel, e, value) };
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
    for pixel in first..first + pixels {
        // SAFETY: as above. Pixels of (B, C) are a multiple of 16 bytes long.
        let (token, z): (_, A::Act) = unsafe {
            let Aligned([b, c]) = bc.read::<Aligned<[[A::Act; N]; 2]>>(pixel);
            let (u, dt) = (u.read(pixel * inner + e), dt.read(pixel * inner + e));
            let z = uz.read(pixel * 2 * inner + inner + e);
            (Token { u, dt, b, c }, z)
        };
        let y = A::scan(&channel, decay, &token, &mut states);
        let mut gated = [A::In::default()];
        (A::REFERENCE.gate)(&gate, &[y], Rows::packed(&[z], 1), &mut gated);
        // SAFETY: as above.
        unsafe { out.write(pixel * inner + e, gated[0]) };
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
    let padded = sizes.inputs.next_multiple_of(CHUNK);
    // SAFETY: the caller's promise, here and below.
    unsafe { span.load::<A::In>(x, sizes.inputs, &layout.x, padded) };
    barrier();
    let tile = Tile::<A::In>::new(&layout.x);
    // SAFETY: as above.
    unsafe {
        weight::<A, A::In>(
            params,
            &layout.inner,
            span.groups(),
            rows_of(&tile),
            |group, p, o, acc| {
                let pixel = group * GROUP + p;
                if pixel < span.there {
                    let at = (span.first + pixel) * sizes.outputs + o;
                    out.write(at, residual.add::<A>(A::to_act(acc), at));
                }
            },
        );
    }
}
