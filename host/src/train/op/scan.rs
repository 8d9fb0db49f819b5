//! Selective scan: `h = e^(dt A) h + dt u B`, `y = C h + D u`.

use mambalite_kernels::Decay;
use pulp::{Arch, Simd, WithSimd};

use super::lanes::{Lanes, Memory, Scalar, lanes};

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
pub struct Scratch {
    /// Gradients of B and C by channel lane, `[pixels, 2 N]`.
    projected: Memory,
    /// States before and after each pixel, `[pixels + 1, GROUP]`.
    states: Memory,
    /// Decays `[pixels, GROUP]`.
    decays: Memory,
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
pub fn backward<T: Scalar>(
    shape: &Shape,
    forward: &Forward<'_, T>,
    gradient: &[T],
    gradients: &mut Gradients<'_, T>,
    scratch: &mut Scratch,
) {
    Arch::new().dispatch(Scan {
        shape,
        forward,
        gradient,
        gradients,
        scratch,
    });
}

struct Scan<'r, 'f, 'g, T> {
    shape: &'r Shape,
    forward: &'r Forward<'f, T>,
    gradient: &'r [T],
    gradients: &'r mut Gradients<'g, T>,
    scratch: &'r mut Scratch,
}

impl<T: Scalar> WithSimd for Scan<'_, '_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let (e, n) = (self.shape.inner, self.shape.states);
        let pixels = self.gradient.len() / e;
        let Scratch {
            projected,
            states,
            decays,
        } = self.scratch;
        let projected = projected.vectors::<T, S>(pixels * 2 * n);
        projected.fill(T::v_splat(s, T::zero()));
        let mut run = Run {
            s,
            shape: self.shape,
            forward: self.forward,
            gradient: self.gradient,
            gradients: self.gradients,
            projected,
            states: states.vectors::<T, S>((pixels + 1) * GROUP),
            decays: decays.vectors::<T, S>(pixels * GROUP),
            pixels,
            at: 0,
        };
        for at in (0..e).step_by(lanes::<T, S>()) {
            run.at = at;
            run.skip();
            let mut first = 0;
            while first < n {
                first += match n - first {
                    GROUP.. => run.advance::<GROUP>(first),
                    4.. => run.advance::<4>(first),
                    _ => run.advance::<1>(first),
                };
            }
        }
        let width = self.shape.dt_rank + 2 * n;
        let rows = run.gradients.projected.chunks_exact_mut(width);
        for (row, sums) in rows.zip(run.projected.chunks_exact(2 * n)) {
            for (out, &sum) in row[self.shape.dt_rank..].iter_mut().zip(sums) {
                *out = T::v_sum(s, sum);
            }
        }
    }
}

/// A vector of channels over all pixels of a run.
struct Run<'r, 'f, 'g, T: Scalar, S: Simd> {
    s: S,
    shape: &'r Shape,
    forward: &'r Forward<'f, T>,
    gradient: &'r [T],
    gradients: &'r mut Gradients<'g, T>,
    projected: &'r mut [T::Vector<S>],
    states: &'r mut [T::Vector<S>],
    decays: &'r mut [T::Vector<S>],
    pixels: usize,
    /// The first channel.
    at: usize,
}

impl<T: Scalar, S: Simd> Run<'_, '_, '_, T, S> {
    /// Returns the vector of row `i` of `values`, `[rows, E]`.
    #[inline(always)]
    fn of(&self, values: &[T], i: usize) -> Lanes<T, S> {
        let e = self.shape.inner;
        Lanes::load(self.s, &values[i * e..][..e], self.at)
    }

    #[inline(always)]
    fn splat(&self, x: T) -> Lanes<T, S> {
        Lanes::splat(self.s, x)
    }

    /// The way past the states: `D`, and the first values of the gradients.
    #[inline(always)]
    fn skip(&mut self) {
        let (e, at) = (self.shape.inner, self.at);
        let skip = self.of(self.forward.skip, 0);
        let zero = Lanes::zero(self.s);
        let mut d_skip = zero;
        for i in 0..self.pixels {
            let (dy, u) = (self.of(self.gradient, i), self.of(self.forward.u, i));
            d_skip = dy.fma(u, d_skip);
            (dy * skip).store(&mut self.gradients.u[i * e..][..e], at);
            zero.store(&mut self.gradients.dt[i * e..][..e], at);
        }
        d_skip.add_to(self.gradients.skip, at);
    }

    /// Returns the rates of states `first..first + K`.
    #[inline(always)]
    fn rates<const K: usize>(&self, first: usize) -> [Lanes<T, S>; K] {
        let mut rates = [Lanes::zero(self.s); K];
        for (k, rate) in rates.iter_mut().enumerate() {
            *rate = match self.shape.decay {
                Decay::Full => self.of(self.forward.rate, first + k),
                Decay::Tied => {
                    let times = self.splat(T::of_int((first + k + 1) as i32));
                    self.of(self.forward.rate, 0) * times
                }
            };
        }
        rates
    }

    /// Runs states `first..first + K` forward, then backward; returns `K`.
    #[inline(always)]
    fn advance<const K: usize>(&mut self, first: usize) -> usize {
        let rates = self.rates::<K>(first);
        self.replay(first, &rates);
        self.reverse(first, &rates);
        K
    }

    /// Computes the decays and states of all pixels anew.
    #[inline(always)]
    fn replay<const K: usize>(&mut self, first: usize, rates: &[Lanes<T, S>; K]) {
        let (r, n) = (self.shape.dt_rank, self.shape.states);
        let base_rate = self.of(self.forward.rate, 0);
        let mut h = [Lanes::zero(self.s); K];
        for (k, h) in h.iter_mut().enumerate() {
            *h = self.of(self.forward.start, first + k);
            self.states[k] = h.vector();
        }
        for i in 0..self.pixels {
            let b = &self.forward.projected[i * (r + 2 * n) + r + first..][..K];
            let dt = self.of(self.forward.dt, i);
            let drive = dt * self.of(self.forward.u, i);
            let mut a = [dt; K];
            match self.shape.decay {
                Decay::Full => {
                    for (a, &rate) in a.iter_mut().zip(rates) {
                        *a = (dt * rate).exp();
                    }
                }
                Decay::Tied => {
                    let base = (dt * base_rate).exp();
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
            let decays = &mut self.decays[i * K..][..K];
            let states = &mut self.states[(i + 1) * K..][..K];
            for k in 0..K {
                h[k] = a[k].fma(h[k], drive * Lanes::splat(self.s, b[k]));
                decays[k] = a[k].vector();
                states[k] = h[k].vector();
            }
        }
    }

    /// Goes through the pixels from the last to the first.
    #[inline(always)]
    fn reverse<const K: usize>(&mut self, first: usize, rates: &[Lanes<T, S>; K]) {
        let (e, r, n) = (self.shape.inner, self.shape.dt_rank, self.shape.states);
        let (s, at) = (self.s, self.at);
        let (mut g, mut d_rate) = ([Lanes::zero(s); K], [Lanes::zero(s); K]);
        for (k, g) in g.iter_mut().enumerate() {
            *g = self.of(self.gradients.states, first + k);
        }
        for i in (0..self.pixels).rev() {
            let row = &self.forward.projected[i * (r + 2 * n) + r..][..2 * n];
            let (b, c) = (&row[first..][..K], &row[n + first..][..K]);
            let (dt, u) = (self.of(self.forward.dt, i), self.of(self.forward.u, i));
            let (dy, drive) = (self.of(self.gradient, i), dt * u);
            let (d_b, d_c) = self.projected[i * 2 * n..][..2 * n].split_at_mut(n);
            let (d_b, d_c) = (&mut d_b[first..][..K], &mut d_c[first..][..K]);
            let states = &self.states[i * K..][..2 * K];
            let decays = &self.decays[i * K..][..K];
            let (mut driven, mut decayed) = (Lanes::zero(s), Lanes::zero(s));
            for k in 0..K {
                let (before, after) = (Lanes::of(s, states[k]), Lanes::of(s, states[K + k]));
                d_c[k] = dy.fma(after, Lanes::of(s, d_c[k])).vector();
                let total = dy.fma(Lanes::splat(s, c[k]), g[k]);
                d_b[k] = total.fma(drive, Lanes::of(s, d_b[k])).vector();
                driven = total.fma(Lanes::splat(s, b[k]), driven);
                g[k] = total * Lanes::of(s, decays[k]);
                let kept = g[k] * before;
                decayed = kept.fma(rates[k], decayed);
                d_rate[k] = kept.fma(dt, d_rate[k]);
            }
            let d_dt = driven.fma(u, decayed);
            (driven * dt).add_to(&mut self.gradients.u[i * e..][..e], at);
            d_dt.add_to(&mut self.gradients.dt[i * e..][..e], at);
        }
        for (k, (g, d_rate)) in g.into_iter().zip(d_rate).enumerate() {
            let n = first + k;
            g.store(&mut self.gradients.states[n * e..][..e], at);
            let (row, times) = match self.shape.decay {
                Decay::Full => (n, 1),
                Decay::Tied => (0, n + 1),
            };
            let d_rate = d_rate * self.splat(T::of_int(times as i32));
            d_rate.add_to(&mut self.gradients.rate[row * e..][..e], at);
        }
    }
}
