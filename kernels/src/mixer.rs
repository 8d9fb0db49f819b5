//! One block: norm, Mamba mixer, optional residual, over one row of pixels.

use crate::arith::Arithmetic;
use crate::config::Config;
use crate::dispatch::dispatch;
use crate::linear::{self, run};
use crate::network::Block;
use crate::scan;
use crate::tap::{Layer, MixerPart, Tap};

/// What a mixer remembers of the pixels before.
pub struct State<'a, A: Arithmetic> {
    /// Input of the causal convolution, `[3, E]`, oldest first.
    pub history: &'a mut [A::Act],
    /// States of the scan, `[N, E]`.
    pub scan: &'a mut [A::Wide],
}

/// Buffers for one pixel.
pub struct Scratch<'a, A: Arithmetic> {
    /// Result of a projection before it is clamped.
    pub out: &'a mut [A::Acc],
    /// Buffers of the matrix product.
    pub linear: linear::Scratch<'a, A>,
    /// Normed input `[C]`.
    pub normed: &'a mut [A::In],
    /// u and z `[2 E]`.
    pub in_proj: &'a mut [A::Act],
    /// Input of the scan `[E]`.
    pub u: &'a mut [A::In],
    /// Step size, B, C `[R + 2 N]`.
    pub projected: &'a mut [A::Act],
    /// Step sizes `[E]`.
    pub dt: &'a mut [A::Wide],
    /// Buffers of the scan.
    pub scan: scan::Scratch<'a, A>,
    /// Output of the scan `[E]`.
    pub y: &'a mut [A::Act],
    /// Gated `[E]`.
    pub gated: &'a mut [A::In],
    /// Output `[C]`.
    pub mixed: &'a mut [A::Act],
}

dispatch! {
    /// Runs a block over one row, in place.
    ///
    /// * `row` - `[w, C]`. * `place` - group and block, for the tap.
    ///
    /// Pixels in ascending order: norm; `in_proj` to u and z; causal convolution and SiLU of u;
    /// `x_proj` to step size, B and C; `dt_proj` and softplus; scan; gate with z; `out_proj`; and
    /// where the network has mixer skips, the input added. Numbers, errors and sources: those of
    /// the operators. Scratch: [`Scratch`].
    pub fn row<A: Arithmetic, T: Tap>(
        params: &Block<'_, A>,
        config: &Config,
        place: (u8, u8),
        row: &mut [A::Act],
        state: &mut State<'_, A>,
        scratch: &mut Scratch<'_, A>,
        tap: &mut T,
    ) {
        for pixel in row.chunks_exact_mut(config.width) {
            step(params, config, place, pixel, state, scratch, tap);
        }
    }
}

/// Runs a block on the next pixel.
#[inline(always)]
fn step<A: Arithmetic, T: Tap>(
    params: &Block<'_, A>,
    config: &Config,
    (group, block): (u8, u8),
    pixel: &mut [A::Act],
    state: &mut State<'_, A>,
    s: &mut Scratch<'_, A>,
    tap: &mut T,
) {
    let (c, e, r, n) = (config.width, config.inner, config.dt_rank, config.states);
    let layer = |part| Layer::Mixer { group, block, part };

    A::norm(&params.norm, pixel, &mut s.out[..c]);
    convert(&s.out[..c], s.normed, A::to_in);
    tap.record(layer(MixerPart::Norm), s.normed);

    run(
        &params.in_proj,
        s.normed,
        &mut s.linear,
        &mut s.out[..2 * e],
    );
    convert(&s.out[..2 * e], s.in_proj, A::to_act);
    tap.record(layer(MixerPart::InProj), s.in_proj);
    let (x, z) = s.in_proj.split_at(e);

    A::conv1d(&params.conv1d, state.history, x, s.u);
    tap.record(layer(MixerPart::Conv1d), s.u);

    let projected = r + 2 * n;
    run(&params.x_proj, s.u, &mut s.linear, &mut s.out[..projected]);
    convert(&s.out[..projected], s.projected, A::to_act);
    tap.record(layer(MixerPart::XProj), s.projected);

    run(
        &params.dt_proj,
        &s.projected[..r],
        &mut s.linear,
        &mut s.out[..e],
    );
    convert(&s.out[..e], s.dt, A::step_size);
    tap.record(layer(MixerPart::Dt), s.dt);

    let (b, c_out) = s.projected[r..].split_at(n);
    let token = scan::Token {
        u: s.u,
        dt: s.dt,
        b,
        c: c_out,
    };
    A::scan(&params.scan, token, state.scan, &mut s.scan, s.y);
    tap.record(layer(MixerPart::Scan), s.y);
    if T::STATES {
        tap.record(Layer::States { group, block }, state.scan);
    }

    A::gate(&params.gate, s.y, z, s.gated);
    tap.record(layer(MixerPart::Gate), s.gated);

    run(&params.out_proj, s.gated, &mut s.linear, &mut s.out[..c]);
    convert(&s.out[..c], s.mixed, A::to_act);
    tap.record(layer(MixerPart::OutProj), s.mixed);

    let Some(sum) = &params.skip else {
        return pixel.copy_from_slice(s.mixed);
    };
    A::sum(sum, pixel, s.mixed);
    tap.record(layer(MixerPart::Skip), pixel);
}

#[inline(always)]
fn convert<T: Copy, U>(from: &[T], to: &mut [U], with: impl Fn(T) -> U) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = with(from);
    }
}
