//! Cases of the operators of the network, in every precision.

use mambalite_kernels::arith::{Arithmetic, Fixed, FixedInput, FixedScale, Float, Operand};
use mambalite_kernels::linear::{self, Matrix, Weights};
use mambalite_kernels::{Decay, conv1d, conv3x3, gate, norm, scan, sum};

use crate::Case;
use crate::sequence::{Digest, Sequence};

type F32 = Float<f32>;
type W8A16 = Fixed<i16>;
type W8A8 = Fixed<i8>;

/// Channels: two vectors of 8 and a tail of 7.
const E: usize = 23;
/// States.
const N: usize = 5;
/// Pixels that a state lives through.
const STEPS: usize = 12;
const RANK: usize = 5;
const INPUTS: usize = 11;

/// Operators whose fixed point is the same for inputs of 16 and of 8 bits have one case for both.
macro_rules! cases {
    ($($op:ident),*) => {
        pub(crate) const CASES: &[Case] = &[
            Case { name: "norm/f32", run: norm::<F32> },
            Case { name: "norm/fixed", run: norm::<W8A16> },
            Case { name: "sum/f32", run: sum::<F32> },
            Case { name: "sum/fixed", run: sum::<W8A16> },
            $(
                Case { name: concat!(stringify!($op), "/f32"), run: $op::<F32> },
                Case { name: concat!(stringify!($op), "/w8a16"), run: $op::<W8A16> },
                Case { name: concat!(stringify!($op), "/w8a8"), run: $op::<W8A8> },
            )*
        ];
    };
}
cases!(
    conv1d,
    scan_full,
    scan_tied,
    gate,
    linear_dense,
    linear_low_rank,
    linear_identity_rows,
    conv3x3_dense,
    conv3x3_low_rank,
    conv3x3_identity_rows
);

/// Numbers and parameters of a precision in their allowed ranges.
trait Inputs: Arithmetic {
    fn act(s: &mut Sequence) -> Self::Act;
    fn input(s: &mut Sequence) -> Self::In;
    fn step(s: &mut Sequence) -> Self::Wide;
    fn weight(s: &mut Sequence) -> Self::Weight;
    fn offset(s: &mut Sequence) -> Self::Bias;
    fn scale<'a>(multiplier: &'a [i32], shift: &'a [u8]) -> Self::Scale<'a>;
    fn with_norm(s: &mut Sequence, run: &mut dyn FnMut(&mut Sequence, &Self::Norm<'_>));
    fn with_conv1d(s: &mut Sequence, run: &mut dyn FnMut(&mut Sequence, &Self::Conv1d<'_>));
    fn with_scan(
        s: &mut Sequence,
        decay: Decay,
        run: &mut dyn FnMut(&mut Sequence, &Self::Scan<'_>),
    );
    fn gate_params(s: &mut Sequence) -> Self::Gate;
    fn sum_params(s: &mut Sequence) -> Self::Sum;
}

impl Inputs for F32 {
    fn act(s: &mut Sequence) -> f32 {
        s.float(2.0)
    }

    fn input(s: &mut Sequence) -> f32 {
        s.float(2.0)
    }

    fn step(s: &mut Sequence) -> f32 {
        s.float(0.5) + 0.5
    }

    fn weight(s: &mut Sequence) -> f32 {
        s.float(0.5)
    }

    fn offset(s: &mut Sequence) -> f32 {
        s.float(0.2)
    }

    fn scale<'a>(_: &'a [i32], _: &'a [u8]) {}

    fn with_norm(s: &mut Sequence, run: &mut dyn FnMut(&mut Sequence, &Self::Norm<'_>)) {
        let (gamma, beta) = (
            s.array::<_, E>(|s| s.float(2.0)),
            s.array::<_, E>(|s| s.float(1.0)),
        );
        run(
            s,
            &norm::FloatParams {
                gamma: &gamma,
                beta: &beta,
            },
        );
    }

    fn with_conv1d(s: &mut Sequence, run: &mut dyn FnMut(&mut Sequence, &Self::Conv1d<'_>)) {
        let (taps, bias) = (
            s.array::<_, { 4 * E }>(Self::weight),
            s.array::<_, E>(Self::offset),
        );
        run(
            s,
            &conv1d::FloatParams {
                taps: &taps,
                bias: &bias,
            },
        );
    }

    fn with_scan(
        s: &mut Sequence,
        decay: Decay,
        run: &mut dyn FnMut(&mut Sequence, &Self::Scan<'_>),
    ) {
        let rate = s.array::<_, { N * E }>(|s| s.float(2.0) - 2.0);
        let skip = s.array::<_, E>(|s| s.float(1.0));
        run(
            s,
            &scan::FloatParams {
                rate: &rate,
                skip: &skip,
                decay,
            },
        );
    }

    fn gate_params(_: &mut Sequence) {}

    fn sum_params(_: &mut Sequence) {}
}

fn multiplier(s: &mut Sequence) -> i32 {
    s.integer(1 << 30, i32::MAX)
}

fn term(s: &mut Sequence) -> i32 {
    s.integer(-(1 << 30), 1 << 30)
}

/// A shift that leaves results of some size more often than the ends of the range do.
fn shift(s: &mut Sequence) -> u8 {
    s.integer(1, 12) as u8
}

impl<I: FixedInput> Inputs for Fixed<I> {
    fn act(s: &mut Sequence) -> i16 {
        s.integer(-32767, 32767) as i16
    }

    fn input(s: &mut Sequence) -> I {
        I::saturate(s.integer(-32767, 32767) >> (16 - I::BITS))
    }

    fn step(s: &mut Sequence) -> i32 {
        s.integer(0, 64 << 24) >> s.integer(0, 12)
    }

    fn weight(s: &mut Sequence) -> i8 {
        s.integer(-127, 127) as i8
    }

    fn offset(s: &mut Sequence) -> i32 {
        s.integer(-(1 << 24), 1 << 24)
    }

    fn scale<'a>(multiplier: &'a [i32], shift: &'a [u8]) -> FixedScale<'a> {
        FixedScale { multiplier, shift }
    }

    fn with_norm(s: &mut Sequence, run: &mut dyn FnMut(&mut Sequence, &Self::Norm<'_>)) {
        let (gain, offset) = (s.array::<_, E>(term), s.array::<_, E>(term));
        let (shift, epsilon) = (
            s.integer(10, 30) as u8,
            u64::from(s.bits()).max(1) << s.integer(0, 30),
        );
        run(
            s,
            &norm::FixedParams {
                gain: &gain,
                offset: &offset,
                shift,
                epsilon,
            },
        );
    }

    fn with_conv1d(s: &mut Sequence, run: &mut dyn FnMut(&mut Sequence, &Self::Conv1d<'_>)) {
        let (taps, bias) = (
            s.array::<_, { 4 * E }>(Self::weight),
            s.array::<_, E>(Self::offset),
        );
        let (multipliers, shifts) = (s.array::<_, E>(multiplier), s.array::<_, E>(shift));
        let params = conv1d::FixedParams {
            taps: &taps,
            bias: &bias,
            multiplier: &multipliers,
            shift: &shifts,
            fraction: s.integer(0, 15) as u8,
            out_multiplier: multiplier(s),
            out_shift: shift(s),
        };
        run(s, &params);
    }

    fn with_scan(
        s: &mut Sequence,
        decay: Decay,
        run: &mut dyn FnMut(&mut Sequence, &Self::Scan<'_>),
    ) {
        let rate = s.array::<_, { N * E }>(|s| s.bits() >> s.integer(0, 20));
        let state_shift = s.array::<_, E>(|s| s.integer(1, 40) as u8);
        let (multipliers, skip) = (s.array::<_, E>(term), s.array::<_, E>(term));
        let shifts = s.array::<_, E>(|s| s.integer(8, 30) as u8);
        let params = scan::FixedParams {
            rate: &rate,
            state_shift: &state_shift,
            multiplier: &multipliers,
            skip: &skip,
            shift: &shifts,
            decay,
        };
        run(s, &params);
    }

    fn gate_params(s: &mut Sequence) -> gate::FixedParams {
        gate::FixedParams {
            multiplier: multiplier(s),
            shift: shift(s),
            fraction: s.integer(0, 15) as u8,
        }
    }

    fn sum_params(s: &mut Sequence) -> sum::FixedParams {
        sum::FixedParams {
            a: term(s),
            b: term(s),
            shift: s.integer(8, 30) as u8,
        }
    }
}

fn digest(seed: u64, run: impl FnOnce(&mut Sequence, &mut Digest)) -> u64 {
    let (mut sequence, mut digest) = (Sequence::new(seed), Digest::new());
    run(&mut sequence, &mut digest);
    digest.finish()
}

fn norm<A: Inputs>(seed: u64) -> u64 {
    digest(seed, |s, digest| {
        A::with_norm(s, &mut |s, params| {
            let mut out = [A::Acc::default(); E];
            for _ in 0..STEPS {
                A::norm(params, &s.array::<_, E>(A::act), &mut out);
                digest.add(&out);
            }
            A::norm(params, &[A::act(s); E], &mut out);
            digest.add(&out);
        });
    })
}

fn conv1d<A: Inputs>(seed: u64) -> u64 {
    digest(seed, |s, digest| {
        A::with_conv1d(s, &mut |s, params| {
            let mut history = [A::Act::default(); 3 * E];
            let mut out = [A::In::default(); E];
            for _ in 0..STEPS {
                A::conv1d(params, &mut history, &s.array::<_, E>(A::act), &mut out);
                digest.add(&out);
            }
            digest.add(&history);
        });
    })
}

fn scan_full<A: Inputs>(seed: u64) -> u64 {
    scan::<A>(seed, Decay::Full)
}

fn scan_tied<A: Inputs>(seed: u64) -> u64 {
    scan::<A>(seed, Decay::Tied)
}

fn scan<A: Inputs>(seed: u64, decay: Decay) -> u64 {
    digest(seed, |s, digest| {
        A::with_scan(s, decay, &mut |s, params| {
            let mut state = [A::Wide::default(); N * E];
            let (mut drive, mut decay, mut base) = (
                [A::Wide::default(); E],
                [A::Wide::default(); E],
                [A::Wide::default(); E],
            );
            let (mut sum, mut out) = ([A::ScanSum::default(); E], [A::Act::default(); E]);
            for _ in 0..STEPS {
                let (u, dt) = (s.array::<_, E>(A::input), s.array::<_, E>(A::step));
                let (b, c) = (s.array::<_, N>(A::act), s.array::<_, N>(A::act));
                let token = scan::Token {
                    u: &u,
                    dt: &dt,
                    b: &b,
                    c: &c,
                };
                let mut scratch = scan::Scratch {
                    drive: &mut drive,
                    decay: &mut decay,
                    base: &mut base,
                    sum: &mut sum,
                };
                A::scan(params, token, &mut state, &mut scratch, &mut out);
                digest.add(&out);
            }
            digest.add(&state);
        });
    })
}

fn gate<A: Inputs>(seed: u64) -> u64 {
    digest(seed, |s, digest| {
        for _ in 0..STEPS {
            let params = A::gate_params(s);
            let mut out = [A::In::default(); E];
            A::gate(
                &params,
                &s.array::<_, E>(A::act),
                &s.array::<_, E>(A::act),
                &mut out,
            );
            digest.add(&out);
        }
    })
}

fn sum<A: Inputs>(seed: u64) -> u64 {
    digest(seed, |s, digest| {
        for _ in 0..STEPS {
            let params = A::sum_params(s);
            let mut a = s.array::<_, E>(A::act);
            A::sum(&params, &mut a, &s.array::<_, E>(A::act));
            digest.add(&a);
        }
    })
}

#[derive(Clone, Copy)]
enum Shape {
    Dense,
    LowRank,
    IdentityRows,
}

/// Makes a weight of `K` inputs (all taps) and [`E`] outputs.
fn with_weights<A: Inputs, const K: usize>(
    s: &mut Sequence,
    shape: Shape,
    run: &mut dyn FnMut(&mut Sequence, &Weights<'_, A>),
) {
    let weights: [[A::Weight; E]; K] = s.array(|s| s.array(A::weight));
    let factor: [[A::Weight; E]; RANK] = s.array(|s| s.array(A::weight));
    let bias = s.array::<_, E>(A::offset);
    let (multipliers, shifts) = (
        s.array::<_, E>(multiplier),
        s.array::<_, E>(|s| s.integer(6, 14) as u8),
    );
    let order: [u16; E] = core::array::from_fn(|i| ((i * 7 + 3) % E) as u16);
    let matrix = |weights, outputs: usize, from: usize, has_bias: bool| Matrix {
        outputs,
        weights,
        bias: if has_bias {
            &bias[from..from + outputs]
        } else {
            &[]
        },
        scale: A::scale(
            &multipliers[from..from + outputs],
            &shifts[from..from + outputs],
        ),
    };
    let (all, factor) = (weights.as_flattened(), factor.as_flattened());
    let v = matrix(&all[..K * RANK], RANK, 0, false);
    let weights = match shape {
        Shape::Dense => Weights::Dense(matrix(all, E, 0, true)),
        Shape::LowRank => Weights::LowRank {
            v,
            u: matrix(factor, E, 0, true),
        },
        Shape::IdentityRows => Weights::IdentityRows {
            v,
            copies: matrix(&[], RANK, 0, true),
            u: matrix(&factor[..RANK * (E - RANK)], E - RANK, RANK, true),
            order: &order,
        },
    };
    run(s, &weights);
}

/// A projection of several pixels, of inputs and of activations.
fn linear<A: Inputs>(seed: u64, shape: Shape) -> u64 {
    fn pixels<A: Inputs, X: Operand<A::Acc>>(
        s: &mut Sequence,
        digest: &mut Digest,
        weights: &Weights<'_, A>,
        next: fn(&mut Sequence) -> X,
    ) {
        let (mut acc, mut middle) = ([A::Acc::default(); E], [A::Act::default(); RANK]);
        for _ in 0..STEPS {
            let mut scratch = linear::Scratch {
                acc: &mut acc,
                middle: &mut middle,
            };
            let mut out = [A::Acc::default(); E];
            linear::run(weights, &s.array::<_, INPUTS>(next), &mut scratch, &mut out);
            digest.add(&out);
        }
    }
    digest(seed, |s, digest| {
        with_weights::<A, INPUTS>(s, shape, &mut |s, weights| {
            pixels(s, digest, weights, A::input);
            pixels(s, digest, weights, A::act);
        });
    })
}

/// A row at the top, in the middle and at the bottom of a picture, one pixel and four wide.
fn conv3x3<A: Inputs>(seed: u64, shape: Shape) -> u64 {
    const COLOURS: usize = 3;
    const WIDTH: usize = 4;
    digest(seed, |s, digest| {
        with_weights::<A, { 9 * COLOURS }>(s, shape, &mut |s, weights| {
            let rows: [[A::In; WIDTH * COLOURS]; 3] = s.array(|s| s.array(A::input));
            let (mut acc, mut middle) = ([A::Acc::default(); E], [A::Act::default(); RANK]);
            for (width, missing) in [(WIDTH, 0), (WIDTH, 1), (WIDTH, 2), (1, 0), (1, 1), (1, 2)] {
                let row = |i: usize| (i != missing || i == 1).then(|| &rows[i][..width * COLOURS]);
                let mut scratch = linear::Scratch {
                    acc: &mut acc,
                    middle: &mut middle,
                };
                let (mut out, mut pixel) = ([A::Act::default(); WIDTH * E], [A::Acc::default(); E]);
                let out = &mut out[..width * E];
                let rows = [row(0), row(1), row(2)];
                conv3x3::row(weights, rows, out, &mut pixel, &mut scratch, E, COLOURS);
                digest.add(out);
            }
        });
    })
}

macro_rules! shapes {
    ($($name:ident: $op:ident $shape:ident),*) => {$(
        fn $name<A: Inputs>(seed: u64) -> u64 {
            $op::<A>(seed, Shape::$shape)
        }
    )*};
}
shapes!(
    linear_dense: linear Dense,
    linear_low_rank: linear LowRank,
    linear_identity_rows: linear IdentityRows,
    conv3x3_dense: conv3x3 Dense,
    conv3x3_low_rank: conv3x3 LowRank,
    conv3x3_identity_rows: conv3x3 IdentityRows
);
