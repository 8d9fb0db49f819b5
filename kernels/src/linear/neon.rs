//! Matrix product with NEON: tiles of up to eight pixels by eight outputs in registers.
//!
//! Weights are packed in panels of eight outputs, input by input, and filled up with zeros; a
//! panel stays in the first cache while all pixels pass. Each lane is one output of one pixel, so
//! that its chain is that of the specification.

use bytemuck::{Pod, Zeroable, cast_slice, cast_slice_mut, must_cast};

use super::{Kernel, Matrix, Run, Taps, neon_fixed, reference};
use crate::arith::{Arithmetic, Fixed, Float};
use crate::num::neon::intrinsics::{float32x4_t, vdupq_n_f32, vfmaq_f32, vfmaq_laneq_f32};
use crate::num::neon::{All, First, Lanes};

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
    type O: Copy;
    /// Sums of four outputs of a pixel.
    type Sums: Copy;
    /// What a panel has beside its weights.
    type Head: Pod;

    /// Returns the sums before the first input.
    fn start(head: &Self::Head) -> [Self::Sums; 2];

    /// Adds the products of four inputs of each pixel, in ascending order.
    fn add<const M: usize>(
        sums: &mut [[Self::Sums; 2]; M],
        weights: &[[Self::W; PANEL]; GROUP],
        x: [[Self::X; GROUP]; M],
    );

    /// Adds the products of one input of a pixel.
    fn add_one(sums: &mut [Self::Sums; 2], weights: &[Self::W; PANEL], x: Self::X);

    /// Stores the outputs of a pixel.
    fn store(
        head: &Self::Head,
        sums: [Self::Sums; 2],
        lanes: impl Lanes,
        to: &mut [Self::O],
        at: usize,
    );
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
    let panels = matrix.packed.chunks_exact(panel_words::<P>(inputs));
    for (o, panel) in (0..outputs).step_by(PANEL).zip(panels) {
        let to = (o, outputs);
        let mut first = 0;
        while first + 8 <= pixels {
            tile::<P, 8>(panel, taps, first, to, out);
            first += 8;
        }
        if (pixels - first) & 4 != 0 {
            tile::<P, 4>(panel, taps, first, to, out);
            first += 4;
        }
        if (pixels - first) & 2 != 0 {
            tile::<P, 2>(panel, taps, first, to, out);
            first += 2;
        }
        if (pixels - first) & 1 != 0 {
            tile::<P, 1>(panel, taps, first, to, out);
        }
    }
}

/// Computes the outputs `o..o + 8` of `M` pixels.
fn tile<P: Product, const M: usize>(
    panel: &[u64],
    taps: &Taps<'_, P::X>,
    first: usize,
    (o, outputs): (usize, usize),
    out: &mut [P::O],
) {
    let (head, weights) = panel.split_at(head_words::<P>());
    let [head] = cast_slice::<u64, P::Head>(head) else {
        return;
    };
    let weights = cast_slice::<u64, P::W>(weights).as_chunks().0;
    let mut sums = [P::start(head); M];
    for piece in taps.pieces() {
        let weights = weights.get(piece.k..).and_then(|w| w.get(..piece.len));
        let rows = core::array::from_fn(|i| {
            let row = piece.x.get((first + i) * taps.stride()..);
            row.and_then(|row| row.get(..piece.len)).unwrap_or_default()
        });
        add_piece::<P, M>(&mut sums, weights.unwrap_or_default(), rows);
    }
    for (i, sums) in sums.into_iter().enumerate() {
        let at = (first + i) * outputs + o;
        match outputs - o {
            PANEL.. => P::store(head, sums, All, out, at),
            left => P::store(head, sums, First(left), out, at),
        }
    }
}

/// Adds the products of a piece of each pixel's inputs.
#[inline(always)]
fn add_piece<P: Product, const M: usize>(
    sums: &mut [[P::Sums; 2]; M],
    weights: &[[P::W; PANEL]],
    rows: [&[P::X]; M],
) {
    let (groups, rest) = weights.as_chunks::<GROUP>();
    let rows = rows.map(|row| row.as_chunks::<GROUP>());
    // One look at the lengths spares one at each input.
    if rows
        .iter()
        .any(|(x, end)| x.len() != groups.len() || end.len() != rest.len())
    {
        return;
    }
    for (i, weights) in groups.iter().enumerate() {
        P::add(sums, weights, rows.map(|(x, _)| x[i]));
    }
    for (i, weights) in rest.iter().enumerate() {
        for (sums, (_, x)) in sums.iter_mut().zip(rows) {
            P::add_one(sums, weights, x[i]);
        }
    }
}

/// Single precision.
struct Floats;

impl Product for Floats {
    type X = f32;
    type W = f32;
    type O = f32;
    type Sums = float32x4_t;
    /// Bias.
    type Head = [f32; PANEL];

    #[inline(always)]
    fn start(head: &[f32; PANEL]) -> [float32x4_t; 2] {
        must_cast(*head)
    }

    #[inline(always)]
    fn add<const M: usize>(
        sums: &mut [[float32x4_t; 2]; M],
        weights: &[[f32; PANEL]; GROUP],
        x: [[f32; GROUP]; M],
    ) {
        let x: [float32x4_t; M] = x.map(must_cast);
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
    fn store(
        _: &[f32; PANEL],
        sums: [float32x4_t; 2],
        lanes: impl Lanes,
        to: &mut [f32],
        at: usize,
    ) {
        lanes.store::<f32, PANEL>(to, at, must_cast(sums));
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
