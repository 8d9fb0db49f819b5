//! Matrix product with NEON: tiles of up to eight pixels by eight outputs in registers.
//!
//! Weights are packed in panels of eight outputs, input by input, and filled up with zeros; a
//! panel stays in the first cache while all pixels pass. Each lane is one output of one pixel, so
//! that its chain is that of the specification.

use bytemuck::{Pod, Zeroable, cast_slice, cast_slice_mut, must_cast};

use super::{Kernel, Matrix, Run, Taps, neon_fixed, reference};
use crate::arith::{Arithmetic, Fixed, Float};
use crate::num::neon::intrinsics::{float32x4_t, vdupq_n_f32, vfmaq_f32, vfmaq_laneq_f32};
use crate::num::neon::{ColumnMut, Lanes, Parts, for_blocks};

/// Outputs of a panel.
pub(super) const PANEL: usize = 8;
/// Inputs that a tile takes at once.
const GROUP: usize = 4;

/// Returns the entry points.
pub(crate) fn f32() -> Option<Kernel<Float<f32>>> {
    Some(Kernel {
        scratch_words: |_| 0,
        packed_words: |shape, _| packed_words::<Floats>(shape),
        pack,
        inputs: float,
        acts: float,
        wide: float,
    })
}

/// Returns the entry points.
pub(crate) fn w8a16() -> Option<Kernel<Fixed<i16>>> {
    Some(neon_fixed::kernel())
}

/// Returns the entry points.
pub(crate) fn w8a8() -> Option<Kernel<Fixed<i8>>> {
    Some(neon_fixed::kernel())
}

/// The arithmetic of a tile.
pub(super) trait Product {
    /// An input.
    type X: Pod;
    /// A packed weight.
    type W: Pod;
    /// An output.
    type O: Pod;
    /// Four inputs of a pixel.
    type Inputs: Pod;
    /// Sums of four outputs of a pixel.
    type Sums: Copy;
    /// What a panel has beside its weights.
    type Head: Pod;

    /// Returns the sums before the first input.
    fn start(head: &Self::Head) -> [Self::Sums; 2];

    /// Loads four inputs of a pixel.
    fn load(x: &[Self::X; GROUP]) -> Self::Inputs;

    /// Adds the products of four inputs of each pixel, in ascending order.
    fn add<const M: usize>(
        sums: &mut [[Self::Sums; 2]; M],
        weights: &[[Self::W; PANEL]; GROUP],
        x: [Self::Inputs; M],
    );

    /// Adds the products of one input of a pixel.
    fn add_one(sums: &mut [Self::Sums; 2], weights: &[Self::W; PANEL], x: Self::X);

    /// Returns the outputs of a pixel.
    fn outputs(head: &Self::Head, sums: [Self::Sums; 2]) -> [Self::O; PANEL];
}

/// Words of what a panel has beside its weights.
const fn head_words<P: Product>() -> usize {
    size_of::<P::Head>() / size_of::<u64>()
}

/// Words of a panel.
const fn panel_words<P: Product>(inputs: usize) -> usize {
    head_words::<P>() + inputs * PANEL * size_of::<P::W>() / size_of::<u64>()
}

/// Returns the words of a packed matrix.
pub(super) fn packed_words<P: Product>((outputs, inputs): (usize, usize)) -> usize {
    outputs.div_ceil(PANEL) * panel_words::<P>(inputs)
}

/// Packs a matrix: `head` of the first output of each panel, `weight` of each output and input.
pub(super) fn pack_panels<P: Product>(
    (outputs, inputs): (usize, usize),
    packed: &mut [u64],
    head: impl Fn(usize) -> P::Head,
    weight: impl Fn(usize, usize) -> P::W,
) {
    let panels = packed.chunks_exact_mut(panel_words::<P>(inputs));
    for (first, panel) in (0..outputs).step_by(PANEL).zip(panels) {
        let (to, weights) = panel.split_at_mut(head_words::<P>());
        cast_slice_mut(to).copy_from_slice(&[head(first)]);
        let rows = cast_slice_mut::<u64, P::W>(weights).chunks_exact_mut(PANEL);
        for (k, row) in rows.enumerate() {
            for (o, to) in (first..).zip(row) {
                *to = if o < outputs {
                    weight(o, k)
                } else {
                    P::W::zeroed()
                };
            }
        }
    }
}

/// Multiplies the inputs of a run of pixels with a packed matrix.
pub(super) fn run<A: Arithmetic, P: Product>(
    matrix: &Matrix<'_, A>,
    taps: &Taps<'_, P::X>,
    scratch: &mut [u64],
    out: &mut [P::O],
    specification: Run<A, P::X, P::O>,
) {
    let (outputs, inputs) = (matrix.outputs, matrix.inputs);
    if matrix.packed.len() < packed_words::<P>((outputs, inputs)) {
        // Nobody packed it.
        return specification(matrix, taps, scratch, out);
    }
    let pixels = taps.pixels().min(out.len() / outputs);
    let mut panels = matrix.packed.chunks_exact(panel_words::<P>(inputs));
    for_blocks!(PANEL, outputs, |o, lanes| {
        let panel = panels.next().and_then(split::<P>);
        let to = ColumnMut::new(out, outputs, pixels, (o, lanes));
        if let (Some(panel), Some(to)) = (panel, to) {
            outputs_of_panel::<P, _>(panel, taps, pixels, to);
        }
    });
}

/// A panel as it is packed.
type Panel<'p, P> = (&'p <P as Product>::Head, &'p [[<P as Product>::W; PANEL]]);

/// Splits the words of a panel.
fn split<P: Product>(words: &[u64]) -> Option<Panel<'_, P>> {
    let (head, weights) = words.split_at_checked(head_words::<P>())?;
    let weights = cast_slice::<u64, P::W>(weights).as_chunks().0;
    Some((cast_slice(head).first()?, weights))
}

/// Computes the outputs of a panel for all pixels, in tiles of 8, 4, 2 and 1.
#[inline(always)]
fn outputs_of_panel<P: Product, L: Lanes>(
    panel: Panel<'_, P>,
    taps: &Taps<'_, P::X>,
    pixels: usize,
    mut to: ColumnMut<'_, P::O, L, PANEL>,
) {
    let mut first = 0;
    while first + 8 <= pixels {
        tile::<P, _, 8>(panel, taps, first, &mut to);
        first += 8;
    }
    if (pixels - first) & 4 != 0 {
        tile::<P, _, 4>(panel, taps, first, &mut to);
        first += 4;
    }
    if (pixels - first) & 2 != 0 {
        tile::<P, _, 2>(panel, taps, first, &mut to);
        first += 2;
    }
    if (pixels - first) & 1 != 0 {
        tile::<P, _, 1>(panel, taps, first, &mut to);
    }
}

/// Computes the outputs of a panel for `M` pixels.
#[inline(always)]
fn tile<P: Product, L: Lanes, const M: usize>(
    (head, weights): Panel<'_, P>,
    taps: &Taps<'_, P::X>,
    first: usize,
    to: &mut ColumnMut<'_, P::O, L, PANEL>,
) {
    let mut sums = [P::start(head); M];
    for piece in taps.pieces() {
        let weights = weights.get(piece.k..).and_then(|w| w.get(..piece.len));
        let x = piece.x.get(first * taps.stride()..).unwrap_or_default();
        let x = Parts::new(x, taps.stride(), M, piece.len);
        if let (Some(weights), Some(x)) = (weights, x) {
            add_piece::<P, M>(&mut sums, weights, x);
        }
    }
    for (i, sums) in sums.into_iter().enumerate() {
        to.store(first + i, P::outputs(head, sums));
    }
}

/// Adds the products of a piece of each pixel's inputs.
#[inline(always)]
fn add_piece<P: Product, const M: usize>(
    sums: &mut [[P::Sums; 2]; M],
    weights: &[[P::W; PANEL]],
    inputs: Parts<'_, P::X>,
) {
    let (groups, rest) = weights.as_chunks::<GROUP>();
    inputs.zip(0, groups, |weights, x: [_; M]| {
        let mut vectors = [P::Inputs::zeroed(); M];
        for (vector, x) in vectors.iter_mut().zip(&x) {
            *vector = P::load(x);
        }
        P::add(sums, weights, vectors);
    });
    inputs.zip(groups.len() * GROUP, rest, |weights, x: [_; M]| {
        for (sums, [x]) in sums.iter_mut().zip(x) {
            P::add_one(sums, weights, x);
        }
    });
}

/// Single precision.
struct Floats;

impl Product for Floats {
    type X = f32;
    type W = f32;
    type O = f32;
    type Inputs = float32x4_t;
    type Sums = float32x4_t;
    /// Bias.
    type Head = [f32; PANEL];

    #[inline(always)]
    fn start(head: &[f32; PANEL]) -> [float32x4_t; 2] {
        must_cast(*head)
    }

    #[inline(always)]
    fn load(x: &[f32; GROUP]) -> float32x4_t {
        must_cast(*x)
    }

    #[inline(always)]
    fn add<const M: usize>(
        sums: &mut [[float32x4_t; 2]; M],
        weights: &[[f32; PANEL]; GROUP],
        x: [float32x4_t; M],
    ) {
        macro_rules! inputs {
            ($($lane:literal)*) => {$(
                let row: [float32x4_t; 2] = must_cast(weights[$lane]);
                for (sums, &x) in sums.iter_mut().zip(&x) {
                    for (sum, row) in sums.iter_mut().zip(row) {
                        *sum = vfmaq_laneq_f32::<$lane>(*sum, row, x);
                    }
                }
            )*};
        }
        inputs!(0 1 2 3);
    }

    #[inline(always)]
    fn add_one(sums: &mut [float32x4_t; 2], weights: &[f32; PANEL], x: f32) {
        let weights: [float32x4_t; 2] = must_cast(*weights);
        for (sum, weights) in sums.iter_mut().zip(weights) {
            *sum = vfmaq_f32(*sum, weights, vdupq_n_f32(x));
        }
    }

    #[inline(always)]
    fn outputs(_: &[f32; PANEL], sums: [float32x4_t; 2]) -> [f32; PANEL] {
        must_cast(sums)
    }
}

fn pack(matrix: &Matrix<'_, Float<f32>>, _input_bytes: usize, packed: &mut [u64]) {
    let shape = (matrix.outputs, matrix.inputs);
    let bias = |first: usize| {
        core::array::from_fn(|i| matrix.bias.get(first + i).copied().unwrap_or_default())
    };
    let weight = |o: usize, k: usize| {
        let at = Float::<f32>::weight_index(shape, o, k);
        matrix.weights.get(at).copied().unwrap_or_default()
    };
    pack_panels::<Floats>(shape, packed, bias, weight);
}

fn float(
    matrix: &Matrix<'_, Float<f32>>,
    taps: &Taps<'_, f32>,
    scratch: &mut [u64],
    out: &mut [f32],
) {
    run::<_, Floats>(matrix, taps, scratch, out, reference().acts);
}
