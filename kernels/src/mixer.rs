//! One block: norm, Mamba mixer, optional residual, over one row of pixels.

use crate::arith::Arithmetic;
use crate::config::Config;
use crate::linear::{self, Taps, apply};
use crate::network::Block;
use crate::rows::Rows;
use crate::scan;
use crate::tap::{Layer, MixerPart, States, Tap};
use crate::variant::Kernels;

/// What a mixer remembers of the pixels before.
pub struct State<'a, A: Arithmetic> {
    /// Input of the causal convolution, `[3, E]`, oldest first.
    pub history: &'a mut [A::Act],
    /// States of the scan, `[N, E]`.
    pub scan: &'a mut [A::Wide],
}

/// Buffers for a band of pixels.
pub struct Scratch<'a, A: Arithmetic> {
    /// Buffers of the matrix product, and the pixels of a band.
    pub linear: linear::Scratch<'a, A>,
    /// Normed input `[band, C]`.
    pub normed: &'a mut [A::In],
    /// u and z `[band, 2 E]`.
    pub in_proj: &'a mut [A::Act],
    /// Input of the scan `[band, E]`.
    pub u: &'a mut [A::In],
    /// Step size, B, C `[band, R + 2 N]`.
    pub projected: &'a mut [A::Act],
    /// Step sizes before softplus `[band, E]`.
    pub steps: &'a mut [A::Acc],
    /// Step sizes `[band, E]`.
    pub dt: &'a mut [A::Wide],
    /// Scratch of the scan's kernel.
    pub scan: &'a mut [u64],
    /// Output of the scan `[band, E]`.
    pub y: &'a mut [A::Act],
    /// Gated `[band, E]`.
    pub gated: &'a mut [A::In],
    /// Output `[band, C]`.
    pub mixed: &'a mut [A::Act],
}

/// Runs a block over one row, in place.
///
/// * `row` - `[w, C]`. * `place` - group and block, for the tap.
///
/// Bands of pixels in ascending order: norm; `in_proj` to u and z; causal convolution and SiLU of u;
/// `x_proj` to step size, B and C; `dt_proj` and softplus; scan; gate with z; `out_proj`; and
/// where the network has mixer skips, the input added. The bits do not depend on the band. Numbers,
/// errors and sources: those of the operators. Scratch: [`Scratch`].
#[expect(
    clippy::too_many_arguments,
    reason = "one place calls it, with what a run has"
)]
pub fn row<A: Arithmetic, T: Tap>(
    kernels: &Kernels<A>,
    params: &Block<'_, A>,
    config: &Config,
    place: (u8, u8),
    row: &mut [A::Act],
    state: &mut State<'_, A>,
    scratch: &mut Scratch<'_, A>,
    tap: &mut T,
) {
    let band = match T::STATES {
        States::Pixels => 1,
        States::Never | States::Rows => scratch.linear.band,
    };
    for pixels in row.chunks_mut(band * config.width) {
        step(kernels, params, config, place, pixels, state, scratch, tap);
    }
    if T::STATES == States::Rows {
        let (group, block) = place;
        tap.record(Layer::States { group, block }, state.scan);
    }
}

/// Runs a block on the next band of pixels.
#[expect(
    clippy::too_many_arguments,
    reason = "one place calls it, with what a run has"
)]
fn step<A: Arithmetic, T: Tap>(
    kernels: &Kernels<A>,
    params: &Block<'_, A>,
    config: &Config,
    (group, block): (u8, u8),
    pixels: &mut [A::Act],
    state: &mut State<'_, A>,
    s: &mut Scratch<'_, A>,
    tap: &mut T,
) {
    let (c, e, r, n) = (config.width, config.inner, config.dt_rank, config.states);
    let w = pixels.len() / c;
    let layer = |part| Layer::Mixer { group, block, part };
    let (inputs, wide) = (kernels.linear.of_inputs(), kernels.linear.of_acts_wide());

    let normed = &mut s.normed[..w * c];
    (kernels.norm.inputs)(&params.norm, pixels, c, normed);
    tap.record(layer(MixerPart::Norm), normed);

    let in_proj = &mut s.in_proj[..w * 2 * e];
    let taps = Taps::rows(w, c, c, normed);
    apply(&inputs, &params.in_proj, &taps, &mut s.linear, in_proj);
    tap.record(layer(MixerPart::InProj), in_proj);

    let u = &mut s.u[..w * e];
    let x = Rows::new(in_proj, 2 * e, 0, e);
    (kernels.conv1d)(&params.conv1d, state.history, x, u);
    tap.record(layer(MixerPart::Conv1d), u);

    let width = r + 2 * n;
    let projected = &mut s.projected[..w * width];
    let taps = Taps::rows(w, e, e, u);
    apply(&inputs, &params.x_proj, &taps, &mut s.linear, projected);
    tap.record(layer(MixerPart::XProj), projected);

    let (steps, dt) = (&mut s.steps[..w * e], &mut s.dt[..w * e]);
    let taps = Taps::rows(w, width, r, projected);
    apply(&wide, &params.dt_proj, &taps, &mut s.linear, steps);
    (kernels.step)(steps, dt);
    tap.record(layer(MixerPart::Dt), dt);

    let y = &mut s.y[..w * e];
    let tokens = scan::Tokens {
        u,
        dt,
        b: Rows::new(projected, width, r, n),
        c: Rows::new(projected, width, r + n, n),
    };
    (kernels.scan.run)(&params.scan, &tokens, state.scan, s.scan, y);
    tap.record(layer(MixerPart::Scan), y);
    if T::STATES == States::Pixels {
        tap.record(Layer::States { group, block }, state.scan);
    }

    let gated = &mut s.gated[..w * e];
    (kernels.gate)(&params.gate, y, Rows::new(in_proj, 2 * e, e, e), gated);
    tap.record(layer(MixerPart::Gate), gated);

    let mixed = &mut s.mixed[..w * c];
    let taps = Taps::rows(w, e, e, gated);
    apply(&inputs, &params.out_proj, &taps, &mut s.linear, mixed);
    tap.record(layer(MixerPart::OutProj), mixed);

    let Some(sum) = &params.skip else {
        return pixels.copy_from_slice(mixed);
    };
    (kernels.sum)(sum, pixels, mixed);
    tap.record(layer(MixerPart::Skip), pixels);
}
