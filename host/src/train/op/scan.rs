//! Selective scan: `h = e^(dt A) h + dt u B`, `y = C h + D u`.

use mambalite_kernels::Decay;
use mambalite_kernels::num::float::Real;

use super::lanes::{LANES, Lanes, part, part_mut};
use super::vectorised;

/// States that stay in registers together.
const GROUP: usize = 8;

/// Dimensions of a scan.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Channels `[E]`.
    pub inner: usize,
    /// States of a channel `[N]`.
    pub states: usize,
    /// Values of a pixel in front of B and C.
    pub dt_rank: usize,
    /// Form of the rates.
    pub decay: Decay,
}

/// What the forward pass had of a run of pixels.
pub struct Forward<'a, T> {
    /// Rates `A`, negative, `[N, E]` or `[1, E]` tied.
    pub rate: &'a [T],
    /// Skip `D`, `[E]`.
    pub skip: &'a [T],
    /// Inputs `[pixels, E]`.
    pub u: &'a [T],
    /// Step sizes `[pixels, E]`.
    pub dt: &'a [T],
    /// `[pixels, R + 2 N]`: step size, B, C.
    pub projected: &'a [T],
    /// States before the first of the pixels, `[N, E]`.
    pub start: &'a [T],
}

/// What the backward pass gives.
pub struct Gradients<'a, T> {
    /// `[pixels, E]`, set.
    pub u: &'a mut [T],
    /// `[pixels, E]`, set.
    pub dt: &'a mut [T],
    /// `[pixels, R + 2 N]`; B and C are set.
    pub projected: &'a mut [T],
    /// As [`Forward::rate`], added to.
    pub rate: &'a mut [T],
    /// `[E]`, added to.
    pub skip: &'a mut [T],
    /// Of the states: on entry those after the last pixel, on return those before the first.
    pub states: &'a mut [T],
}

/// Memory that runs share.
#[derive(Debug, Default)]
pub struct Scratch<T> {
    /// Gradients of B and C by channel lane, `[pixels, 2 N]`.
    projected: Vec<Lanes<T>>,
    /// States before and after each pixel, `[pixels + 1, GROUP]`.
    states: Vec<Lanes<T>>,
    /// Decays `[pixels, GROUP]`.
    decays: Vec<Lanes<T>>,
}

/// Returns the gradients of a run of pixels, such as a row; runs go from the last to the first.
///
/// * `gradient` - of the output, `[pixels, E]`.
///
/// The states are computed anew from those before the run, so that a forward pass keeps them once a
/// row only. With `g` the gradient of the state after a pixel, `a = e^(dt A)`: `dC += h dy`, `dB +=
/// g dt u`, `du += g B dt`, `d(dt) += g (B u + A a h')` and `dA += g a h' dt` for the state `h'`
/// before, and `g' = a g + C dy` goes on to the pixel before. Tied rates are `(n + 1) A`. Source: Mamba
/// (arXiv 2312.00752) equations 2a and 2b.
pub fn backward<'a, T: Real>(
    shape: &Shape,
    forward: &Forward<'a, T>,
    gradient: &[T],
    gradients: &mut Gradients<'a, T>,
    scratch: &mut Scratch<T>,
) {
    let (e, n) = (shape.inner, shape.states);
    let pixels = gradient.len() / e;
    scratch.projected.clear();
    scratch.projected.resize(pixels * 2 * n, Lanes::zero());
    scratch.states.resize((pixels + 1) * GROUP, Lanes::zero());
    scratch.decays.resize(pixels * GROUP, Lanes::zero());
    vectorised(
        #[inline(always)]
        || {
            let mut run = Run {
                shape,
                forward,
                gradient,
                gradients,
                scratch,
                at: 0,
            };
            for at in (0..e).step_by(LANES) {
                run.at = at;
                run.skip();
                let mut first = 0;
                while first < n {
                    first += match n - first {
                        GROUP.. => run.states::<GROUP>(first),
                        4.. => run.states::<4>(first),
                        _ => run.states::<1>(first),
                    };
                }
            }
        },
    );
    let width = shape.dt_rank + 2 * n;
    let rows = gradients.projected.chunks_exact_mut(width);
    for (row, sums) in rows.zip(scratch.projected.chunks_exact(2 * n)) {
        for (out, sum) in row[shape.dt_rank..].iter_mut().zip(sums) {
            *out = sum.sum();
        }
    }
}

/// A vector of channels over all pixels of a run.
struct Run<'r, 'a, T> {
    shape: &'r Shape,
    forward: &'r Forward<'a, T>,
    gradient: &'r [T],
    gradients: &'r mut Gradients<'a, T>,
    scratch: &'r mut Scratch<T>,
    /// The first channel.
    at: usize,
}

impl<T: Real> Run<'_, '_, T> {
    /// Returns the vector of row `i` of `values`, `[rows, E]`.
    #[inline(always)]
    fn of(&self, values: &[T], i: usize) -> Lanes<T> {
        let e = self.shape.inner;
        Lanes::load(part(&values[i * e..][..e], self.at))
    }

    #[inline(always)]
    fn pixels(&self) -> usize {
        self.gradient.len() / self.shape.inner
    }

    /// The way past the states: `D`, and the first values of the gradients.
    #[inline(always)]
    fn skip(&mut self) {
        let (e, at) = (self.shape.inner, self.at);
        let skip = self.of(self.forward.skip, 0);
        let mut d_skip = Lanes::zero();
        for i in 0..self.pixels() {
            let (dy, u) = (self.of(self.gradient, i), self.of(self.forward.u, i));
            d_skip = dy.fma(u, d_skip);
            (dy * skip).store(part_mut(&mut self.gradients.u[i * e..][..e], at));
            Lanes::zero().store(part_mut(&mut self.gradients.dt[i * e..][..e], at));
        }
        d_skip.add_to(part_mut(self.gradients.skip, at));
    }

    /// Returns the rates of states `first..first + K`.
    #[inline(always)]
    fn rates<const K: usize>(&self, first: usize) -> [Lanes<T>; K] {
        let mut rates = [Lanes::zero(); K];
        for (k, rate) in rates.iter_mut().enumerate() {
            *rate = match self.shape.decay {
                Decay::Full => self.of(self.forward.rate, first + k),
                Decay::Tied => {
                    let times = Lanes::splat(T::of_int((first + k + 1) as i32));
                    self.of(self.forward.rate, 0) * times
                }
            };
        }
        rates
    }

    /// Runs states `first..first + K` forward, then backward; returns `K`.
    #[inline(always)]
    fn states<const K: usize>(&mut self, first: usize) -> usize {
        let rates = self.rates::<K>(first);
        self.replay(first, &rates);
        self.reverse(first, &rates);
        K
    }

    /// Computes the decays and states of all pixels anew.
    #[inline(always)]
    fn replay<const K: usize>(&mut self, first: usize, rates: &[Lanes<T>; K]) {
        let (r, n) = (self.shape.dt_rank, self.shape.states);
        let mut h = [Lanes::zero(); K];
        for (k, h) in h.iter_mut().enumerate() {
            *h = self.of(self.forward.start, first + k);
            self.scratch.states[k] = *h;
        }
        for i in 0..self.pixels() {
            let b = &self.forward.projected[i * (r + 2 * n) + r + first..][..K];
            let dt = self.of(self.forward.dt, i);
            let drive = dt * self.of(self.forward.u, i);
            let mut a = [Lanes::zero(); K];
            match self.shape.decay {
                Decay::Full => {
                    for (a, &rate) in a.iter_mut().zip(rates) {
                        *a = (dt * rate).map(T::exponential);
                    }
                }
                Decay::Tied => {
                    let base = (dt * self.of(self.forward.rate, 0)).map(T::exponential);
                    let mut power = base;
                    for _ in 0..first {
                        power = power * base;
                    }
                    for a in &mut a {
                        *a = power;
                        power = power * base;
                    }
                }
            }
            let decays = &mut self.scratch.decays[i * K..][..K];
            let states = &mut self.scratch.states[(i + 1) * K..][..K];
            for k in 0..K {
                h[k] = a[k].fma(h[k], drive * Lanes::splat(b[k]));
                decays[k] = a[k];
                states[k] = h[k];
            }
        }
    }

    /// Goes through the pixels from the last to the first.
    #[inline(always)]
    fn reverse<const K: usize>(&mut self, first: usize, rates: &[Lanes<T>; K]) {
        let (e, r, n) = (self.shape.inner, self.shape.dt_rank, self.shape.states);
        let at = self.at;
        let (mut g, mut d_rate) = ([Lanes::zero(); K], [Lanes::zero(); K]);
        for (k, g) in g.iter_mut().enumerate() {
            *g = self.of(self.gradients.states, first + k);
        }
        for i in (0..self.pixels()).rev() {
            let row = &self.forward.projected[i * (r + 2 * n) + r..][..2 * n];
            let (b, c) = (&row[first..][..K], &row[n + first..][..K]);
            let (dt, u) = (self.of(self.forward.dt, i), self.of(self.forward.u, i));
            let (dy, drive) = (self.of(self.gradient, i), dt * u);
            let sums = &mut self.scratch.projected[i * 2 * n..][..2 * n];
            let (d_b, d_c) = sums.split_at_mut(n);
            let (d_b, d_c) = (&mut d_b[first..][..K], &mut d_c[first..][..K]);
            let states = &self.scratch.states[i * K..][..2 * K];
            let decays = &self.scratch.decays[i * K..][..K];
            let (mut driven, mut decayed) = (Lanes::zero(), Lanes::zero());
            for k in 0..K {
                d_c[k] = dy.fma(states[K + k], d_c[k]);
                let total = dy.fma(Lanes::splat(c[k]), g[k]);
                d_b[k] = total.fma(drive, d_b[k]);
                driven = total.fma(Lanes::splat(b[k]), driven);
                g[k] = total * decays[k];
                let kept = g[k] * states[k];
                decayed = kept.fma(rates[k], decayed);
                d_rate[k] = kept.fma(dt, d_rate[k]);
            }
            let d_dt = driven.fma(u, decayed);
            (driven * dt).add_to(part_mut(&mut self.gradients.u[i * e..][..e], at));
            d_dt.add_to(part_mut(&mut self.gradients.dt[i * e..][..e], at));
        }
        for (k, (g, d_rate)) in g.into_iter().zip(d_rate).enumerate() {
            let n = first + k;
            g.store(part_mut(&mut self.gradients.states[n * e..][..e], at));
            let (row, times) = match self.shape.decay {
                Decay::Full => (n, 1),
                Decay::Tied => (0, n + 1),
            };
            let d_rate = d_rate * Lanes::splat(T::of_int(times as i32));
            d_rate.add_to(part_mut(&mut self.gradients.rate[row * e..][..e], at));
        }
    }
}
