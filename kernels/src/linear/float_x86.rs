//! The matrix product in single precision with AVX2 and AVX-512: packing, and what is multiplied
//! when. The inner loops are in [`super::float_tile_x86`].

use super::float_tile_x86::Product;
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
/// Pixels that share vectors.
pub(super) const SHARING: usize = 4;
/// Vectors that they share, at most.
pub(super) const SHARED_MAX: usize = 2;
/// Inputs from which on sharing pays.
const SHARED_INPUTS: usize = 32;

/// How the outputs of a matrix lie in vectors.
///
/// Vectors go in panels of up to [`Simd::PANEL`]. Up to half a vector of outputs left over after
/// others does not get one for each pixel: four pixels share as many vectors as there are quarters,
/// `[4, outputs left over, rounded up to quarters]` in one row. More would save nothing, nor would
/// it without others, where loads of inputs are what takes the time, or with few inputs.
#[derive(Clone, Copy)]
struct Layout {
    /// Vectors of a pixel's own; the last one may be more than three quarters full.
    own: usize,
    /// Vectors that four pixels share.
    shared: usize,
    /// Vectors of a panel, those that are shared counted as one; the last panel may have fewer.
    panel: usize,
}

/// The outputs of a panel.
#[derive(Clone, Copy)]
struct Panel {
    /// The first output.
    first: usize,
    own: usize,
    shared: usize,
}

impl Layout {
    fn new<S: Simd>((outputs, inputs): (usize, usize)) -> Self {
        let (full, left) = (outputs / S::LANES, outputs % S::LANES);
        let (own, shared) = match left.div_ceil(S::LANES / SHARING) {
            quarters @ ..=SHARED_MAX if full > 0 && inputs >= SHARED_INPUTS => (full, quarters),
            quarters => (full + quarters.min(1), 0),
        };
        let vectors = own + shared.min(1);
        let panels = vectors.div_ceil(S::PANEL).max(1);
        Self {
            own,
            shared,
            panel: vectors.div_ceil(panels).max(1),
        }
    }

    fn panels<S: Simd>(self) -> impl Iterator<Item = Panel> {
        let vectors = self.own + self.shared.min(1);
        (0..vectors).step_by(self.panel).map(move |first| Panel {
            first: first * S::LANES,
            own: self.panel.min(self.own - first),
            shared: match first + self.panel >= vectors {
                true => self.shared,
                false => 0,
            },
        })
    }

    /// Returns the numbers of all panels.
    fn len<S: Simd>(self, inputs: usize) -> usize {
        (self.own + self.shared) * S::LANES * (inputs + 1)
    }
}

impl Panel {
    /// Returns the numbers of a row: of one input's weights, or of the biases.
    fn row_len<S: Simd>(self) -> usize {
        (self.own + self.shared) * S::LANES
    }

    /// Fills a row with the panel's part of a row of the matrix.
    fn pack<S: Simd>(self, values: &[f32], row: &mut [f32]) {
        row.fill(0.0);
        let (own, shared) = row.split_at_mut(self.own * S::LANES);
        let values = part(values, self.first, self.own * S::LANES + S::LANES - 1);
        let (of_own, left) = values.split_at(own.len().min(values.len()));
        part_mut(own, 0, of_own.len()).copy_from_slice(of_own);
        let lanes = (shared.len() / SHARING).max(1);
        for shared in shared.chunks_exact_mut(lanes) {
            let left = part(left, 0, lanes);
            part_mut(shared, 0, left.len()).copy_from_slice(left);
        }
    }
}

fn packed_words<S: Simd>((outputs, inputs): (usize, usize), _input_bytes: usize) -> usize {
    HEAD_WORDS
        + Layout::new::<S>((outputs, inputs))
            .len::<S>(inputs)
            .div_ceil(2)
}

/// Packs the place of the first panel (so that vectors do not straddle cache lines) and the
/// panels, of each a row of biases and a row for each input.
fn pack<S: Simd>(matrix: &Matrix<'_, F32>, _input_bytes: usize, packed: &mut [u64]) {
    let layout = Layout::new::<S>((matrix.outputs, matrix.inputs));
    let Some((head, rest)) = packed.split_first_mut() else {
        return;
    };
    let rest: &mut [f32] = bytemuck::must_cast_slice_mut(rest);
    let place = rest.as_ptr().align_offset(LINE).min(2 * (HEAD_WORDS - 1));
    *head = place as u64;
    let mut rows = part_mut(rest, place, layout.len::<S>(matrix.inputs));
    for panel in layout.panels::<S>() {
        let len = panel.row_len::<S>();
        let Some((of_panel, others)) = rows.split_at_mut_checked(len * (matrix.inputs + 1)) else {
            return;
        };
        rows = others;
        let weights = matrix.weights.chunks_exact(matrix.outputs.max(1));
        let values = core::iter::once(matrix.bias).chain(weights);
        for (row, values) in of_panel.chunks_exact_mut(len).zip(values) {
            panel.pack::<S>(values, row);
        }
    }
}

/// Returns the panels of a packed matrix, all of them.
fn panels_of<'a, S: Simd>(matrix: &Matrix<'a, F32>) -> Option<&'a [f32]> {
    let (head, rest) = matrix.packed.split_first()?;
    let rest: &[f32] = bytemuck::must_cast_slice(rest);
    let shape = (matrix.outputs, matrix.inputs);
    let len = Layout::new::<S>(shape).len::<S>(matrix.inputs);
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
    let Some(mut rows) = panels_of::<S>(matrix) else {
        return (reference::<F32>().acts)(matrix, taps, scratch, out);
    };
    let pixels = taps.pixels().min(out.len() / matrix.outputs.max(1));
    let layout = Layout::new::<S>((matrix.outputs, matrix.inputs));
    for panel in layout.panels::<S>() {
        let len = panel.row_len::<S>() * (matrix.inputs + 1);
        let Some((of_panel, others)) = rows.split_at_checked(len) else {
            return;
        };
        rows = others;
        let mut product = Product {
            panel: of_panel,
            own: panel.own,
            shared: panel.shared,
            first: panel.first,
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
