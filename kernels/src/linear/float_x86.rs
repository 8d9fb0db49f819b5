//! The matrix product in single precision with AVX2 and AVX-512.
//!
//! Packed, a matrix is the place of its first number (0 to 15, so that vectors do not straddle
//! cache lines) and panels of up to [`Simd::PANEL`] vectors of outputs, each with a row of biases
//! and a row for each input; lanes past the last output are zero.

#![expect(
    unsafe_code,
    reason = "the inner loop reads and writes what was counted before it"
)]

use super::{Kernel, Matrix, Piece, Run, Taps, reference};
use crate::arith::Float;
use crate::num::float_avx2::Avx2;
use crate::num::float_avx512::Avx512;
use crate::num::simd::{Simd, entry, part, part_mut};

type F32 = Float<f32>;

/// Words before the panels, with room to align them.
const HEAD_WORDS: usize = 8;
/// Bytes of a cache line.
const LINE: usize = 64;
/// Inputs that are taken at a time, so that their weights stay in the first cache for all pixels.
const BLOCK: usize = 128;

/// A row of panels: the outputs of a matrix in vectors.
#[derive(Clone, Copy)]
struct Layout {
    /// All vectors.
    vectors: usize,
    /// Vectors of a panel, the last one may have fewer.
    panel: usize,
}

impl Layout {
    fn new<S: Simd>(outputs: usize) -> Self {
        let vectors = outputs.div_ceil(S::LANES).max(1);
        let panels = vectors.div_ceil(S::PANEL);
        Self {
            vectors,
            panel: vectors.div_ceil(panels),
        }
    }

    /// Returns the numbers of all panels.
    fn len<S: Simd>(self, inputs: usize) -> usize {
        self.vectors * S::LANES * (inputs + 1)
    }

    /// Returns the first vector and the number of vectors of each panel.
    fn panels(self) -> impl Iterator<Item = (usize, usize)> {
        let first = (0..self.vectors).step_by(self.panel);
        first.map(move |first| (first, self.panel.min(self.vectors - first)))
    }
}

fn packed_words<S: Simd>((outputs, inputs): (usize, usize), _input_bytes: usize) -> usize {
    HEAD_WORDS + Layout::new::<S>(outputs).len::<S>(inputs).div_ceil(2)
}

fn pack<S: Simd>(matrix: &Matrix<'_, F32>, _input_bytes: usize, packed: &mut [u64]) {
    let (outputs, inputs) = (matrix.outputs, matrix.inputs);
    let layout = Layout::new::<S>(outputs);
    let Some((head, rest)) = packed.split_first_mut() else {
        return;
    };
    let rest: &mut [f32] = bytemuck::must_cast_slice_mut(rest);
    let place = rest.as_ptr().align_offset(LINE).min(2 * (HEAD_WORDS - 1));
    *head = place as u64;
    let mut panels = part_mut(rest, place, layout.len::<S>(inputs));
    for (first, vectors) in layout.panels() {
        let len = vectors * S::LANES * (inputs + 1);
        let Some((panel, others)) = panels.split_at_mut_checked(len) else {
            return;
        };
        panels = others;
        let of_panel = |row| part(row, first * S::LANES, vectors * S::LANES);
        let rows = panel.chunks_exact_mut(vectors * S::LANES);
        let weights = matrix.weights.chunks_exact(outputs.max(1));
        for (row, values) in rows.zip(core::iter::once(matrix.bias).chain(weights)) {
            let values = of_panel(values);
            row.fill(0.0);
            part_mut(row, 0, values.len()).copy_from_slice(values);
        }
    }
}

/// Returns the panels of a packed matrix, all of them.
fn panels_of<'a, S: Simd>(matrix: &Matrix<'a, F32>) -> Option<&'a [f32]> {
    let (head, rest) = matrix.packed.split_first()?;
    let rest: &[f32] = bytemuck::must_cast_slice(rest);
    let len = Layout::new::<S>(matrix.outputs).len::<S>(matrix.inputs);
    rest.get(*head as usize..)?.get(..len)
}

/// As `super::reference`: each panel and, of it, each block of inputs for all pixels; between
/// blocks the sums are in `out`.
#[inline(always)]
fn run<S: Simd>(
    s: S,
    matrix: &Matrix<'_, F32>,
    taps: &Taps<'_, f32>,
    scratch: &mut [u64],
    out: &mut [f32],
) {
    let Some(mut panels) = panels_of::<S>(matrix) else {
        return (reference::<F32>().acts)(matrix, taps, scratch, out);
    };
    let pixels = taps.pixels().min(out.len() / matrix.outputs.max(1));
    for (first, vectors) in Layout::new::<S>(matrix.outputs).panels() {
        let len = vectors * S::LANES * (matrix.inputs + 1);
        let Some((panel, rest)) = panels.split_at_checked(len) else {
            return;
        };
        panels = rest;
        let mut product = Product {
            panel,
            vectors,
            first: first * S::LANES,
            lanes: S::LANES.min(matrix.outputs - (first + vectors - 1) * S::LANES),
            block: Piece {
                k: 0,
                len: 0,
                x: &[],
            },
            begins: true,
            stride: taps.stride(),
            outputs: matrix.outputs,
            pixels,
        };
        for piece in taps.pieces() {
            let blocks = piece.len.div_ceil(BLOCK).max(1);
            let step = piece.len.div_ceil(blocks).max(1);
            for at in (0..piece.len).step_by(step) {
                product.block = Piece {
                    k: piece.k + at,
                    len: step.min(piece.len - at),
                    x: piece.x.get(at..).unwrap_or_default(),
                };
                product.add(s, out);
                product.begins = false;
            }
        }
        if product.begins {
            product.add(s, out);
        }
    }
}

/// The product of a panel with a block of inputs.
struct Product<'a> {
    /// `[1 + inputs, vectors, LANES]`.
    panel: &'a [f32],
    vectors: usize,
    /// The first output.
    first: usize,
    /// Outputs of the last vector.
    lanes: usize,
    block: Piece<'a, f32>,
    /// Whether the sums begin with the biases, not with what `out` has.
    begins: bool,
    /// Elements from a pixel's inputs to the next one's.
    stride: usize,
    /// Elements of a pixel of `out`.
    outputs: usize,
    pixels: usize,
}

impl Product<'_> {
    /// Adds the product to the sums of all pixels.
    #[inline(always)]
    fn add<S: Simd>(&self, s: S, out: &mut [f32]) {
        match self.vectors {
            1 => self.tiles::<S, 1>(s, out),
            2 => self.tiles::<S, 2>(s, out),
            3 => self.tiles::<S, 3>(s, out),
            _ => self.tiles::<S, 4>(s, out),
        }
    }

    /// Tells whether the panel, the inputs and the outputs hold what [`Product::tile`] touches.
    fn is_held<S: Simd, const V: usize>(&self, out: &[f32]) -> bool {
        let rows = self.panel.len() / (V * S::LANES);
        let Some(last) = self.pixels.checked_sub(1) else {
            return false;
        };
        self.vectors == V
            && self.block.k + self.block.len < rows
            && (1..=S::LANES).contains(&self.lanes)
            && self.first + (V - 1) * S::LANES + self.lanes <= self.outputs
            && self.pixels * self.outputs <= out.len()
            && last * self.stride + self.block.len <= self.block.x.len()
    }

    #[inline(always)]
    fn tiles<S: Simd, const V: usize>(&self, s: S, out: &mut [f32]) {
        if !self.is_held::<S, V>(out) {
            return;
        }
        let out = out.as_mut_ptr();
        let mut pixel = 0;
        let tile = const { S::TILE[V - 1] };
        while self.pixels - pixel >= tile {
            pixel += match tile {
                // SAFETY: `is_held`; so many pixels are left.
                8 => unsafe { self.tile::<S, 8, V>(s, pixel, out) },
                // SAFETY: as above.
                6 => unsafe { self.tile::<S, 6, V>(s, pixel, out) },
                // SAFETY: as above.
                _ => unsafe { self.tile::<S, 4, V>(s, pixel, out) },
            };
        }
        while pixel < self.pixels {
            pixel += match self.pixels - pixel {
                // SAFETY: `is_held`; so many pixels are left.
                4.. => unsafe { self.tile::<S, 4, V>(s, pixel, out) },
                // SAFETY: as above.
                2.. => unsafe { self.tile::<S, 2, V>(s, pixel, out) },
                // SAFETY: as above.
                _ => unsafe { self.tile::<S, 1, V>(s, pixel, out) },
            };
        }
    }

    /// Adds the product to the sums of `P` pixels; returns `P`.
    ///
    /// # Safety
    /// `is_held::<S, V>` of the slice at `out`, and `pixel + P <= pixels`.
    #[inline(always)]
    unsafe fn tile<S: Simd, const P: usize, const V: usize>(
        &self,
        s: S,
        pixel: usize,
        out: *mut f32,
    ) -> usize {
        let front = s.front(self.lanes);
        // SAFETY: the first output of a pixel that `out` has.
        let out = unsafe { out.add(pixel * self.outputs + self.first) };
        let mut sums = [[s.splat(0.0); V]; P];
        for v in 0..V {
            // SAFETY: the row of biases has V vectors.
            let bias = unsafe { s.read(self.panel.as_ptr().wrapping_add(v * S::LANES)) };
            for sums in &mut sums {
                sums[v] = bias;
            }
        }
        if !self.begins {
            for (p, sums) in sums.iter_mut().enumerate() {
                // SAFETY: P pixels with V vectors of outputs, the last one of `lanes`.
                unsafe { read_row(s, out.wrapping_add(p * self.outputs), front, sums) };
            }
        }
        // SAFETY: the panel has rows k + 1 to k + len.
        let mut w = unsafe { self.panel.as_ptr().add((self.block.k + 1) * V * S::LANES) };
        // SAFETY: `x` has `len` inputs of each pixel.
        let mut x = unsafe { self.block.x.as_ptr().add(pixel * self.stride) };
        for _ in 0..self.block.len {
            let mut weights = [s.splat(0.0); V];
            for (v, weights) in weights.iter_mut().enumerate() {
                // SAFETY: a row has V vectors.
                *weights = unsafe { s.read(w.wrapping_add(v * S::LANES)) };
            }
            for (p, sums) in sums.iter_mut().enumerate() {
                // SAFETY: as `x` above.
                let x = s.splat(unsafe { *x.wrapping_add(p * self.stride) });
                for (sum, &w) in sums.iter_mut().zip(&weights) {
                    *sum = s.fma(w, x, *sum);
                }
            }
            w = w.wrapping_add(V * S::LANES);
            x = x.wrapping_add(1);
        }
        for (p, sums) in sums.iter().enumerate() {
            // SAFETY: as where they are read.
            unsafe { write_row(s, out.wrapping_add(p * self.outputs), front, sums) };
        }
        P
    }
}

/// Reads the sums of a pixel.
///
/// # Safety
/// `V - 1` vectors and the lanes of `front` can be read at `from`.
#[inline(always)]
unsafe fn read_row<S: Simd, const V: usize>(
    s: S,
    from: *const f32,
    front: S::Front,
    sums: &mut [S::V; V],
) {
    for (v, sum) in sums.iter_mut().enumerate() {
        let from = from.wrapping_add(v * S::LANES);
        *sum = if v + 1 < V {
            // SAFETY: the promise.
            unsafe { s.read(from) }
        } else {
            // SAFETY: the promise.
            unsafe { s.read_front(from, front) }
        };
    }
}

/// Writes the sums of a pixel.
///
/// # Safety
/// `V - 1` vectors and the lanes of `front` can be written at `to`.
#[inline(always)]
unsafe fn write_row<S: Simd, const V: usize>(
    s: S,
    to: *mut f32,
    front: S::Front,
    sums: &[S::V; V],
) {
    for (v, &sum) in sums.iter().enumerate() {
        let to = to.wrapping_add(v * S::LANES);
        if v + 1 < V {
            // SAFETY: the promise.
            unsafe { s.write(to, sum) };
        } else {
            // SAFETY: the promise.
            unsafe { s.write_front(to, front, sum) };
        }
    }
}

entry!(
    Avx2,
    "avx2,fma",
    fn run_avx2(
        matrix: &Matrix<'_, F32>,
        taps: &Taps<'_, f32>,
        scratch: &mut [u64],
        out: &mut [f32],
    ) = run
);
entry!(
    Avx512,
    "avx512f",
    fn run_avx512(
        matrix: &Matrix<'_, F32>,
        taps: &Taps<'_, f32>,
        scratch: &mut [u64],
        out: &mut [f32],
    ) = run
);

/// Returns the entry points: inputs, activations and results are the same numbers.
fn kernel<S: Simd>(run: Run<F32, f32, f32>) -> Kernel<F32> {
    Kernel {
        scratch_words: |_| 0,
        packed_words: packed_words::<S>,
        pack: pack::<S>,
        inputs: run,
        acts: run,
        wide: run,
    }
}

/// Returns the entry points where this machine has AVX2 and FMA.
pub(super) fn avx2() -> Option<Kernel<F32>> {
    Avx2::is_there().then(|| kernel::<Avx2>(run_avx2))
}

/// Returns the entry points where this machine has AVX-512F.
pub(super) fn avx512() -> Option<Kernel<F32>> {
    Avx512::is_there().then(|| kernel::<Avx512>(run_avx512))
}
