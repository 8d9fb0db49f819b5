//! The vectors of each variant in single precision against the reference, bit for bit, through the
//! entry points of the operators.

use std::ops::Range;

use libtest_mimic::{Failed, Trial};
use mambalite_kernels::arith::Float;
use mambalite_kernels::scan::Tokens;
use mambalite_kernels::{Decay, Rows, Variant, conv1d, gate, scan, step};

use crate::walk::{ALL, NEGATIVE, Tally, count, float, walk};

/// An operator whose outputs each show a function of one input.
struct Op {
    name: &'static str,
    /// Inputs that the operator can meet.
    inputs: Range<u32>,
    /// Returns the name of a variant.
    variant: fn(index: usize) -> Option<&'static str>,
    /// Runs a variant; `None` where this machine lacks it.
    run: fn(index: usize, x: &[f32]) -> Option<Vec<f32>>,
}

const OPS: [Op; 4] = [
    Op {
        name: "soft_plus in step/f32",
        inputs: ALL,
        variant: |index| name(step::F32, index),
        run: run_step,
    },
    Op {
        name: "logistic in gate/f32",
        inputs: ALL,
        variant: |index| name(gate::F32, index),
        run: run_gate,
    },
    Op {
        name: "logistic in conv1d/f32",
        inputs: ALL,
        variant: |index| name(conv1d::F32, index),
        run: run_conv1d,
    },
    Op {
        name: "exponential in scan/f32",
        inputs: NEGATIVE,
        variant: |index| name(scan::F32, index),
        run: run_scan,
    },
];

/// The first input whose output differs, the reference's and the variant's.
#[derive(Default)]
struct Difference {
    first: Option<(f32, f32, f32)>,
}

impl Tally for Difference {
    fn merge(&mut self, other: Self) {
        self.first = self.first.or(other.first);
    }
}

/// Returns a test for each variant; one that this machine cannot run is listed as ignored.
pub(crate) fn trials(stride: u32) -> Vec<Trial> {
    let variants = OPS.into_iter().flat_map(|op| {
        let inputs = op.inputs;
        (1..).map_while(move |index| {
            let name = format!("{}/{}", op.name, (op.variant)(index)?);
            let (skips, inputs) = ((op.run)(index, &[0.0]).is_none(), inputs.clone());
            let title = name.clone();
            let trial = Trial::test(name, move || {
                check(
                    &title,
                    inputs,
                    stride,
                    |x| (op.run)(0, x),
                    |x| (op.run)(index, x),
                )
            });
            Some(trial.with_ignored_flag(skips))
        })
    });
    variants.collect()
}

fn check(
    name: &str,
    inputs: Range<u32>,
    stride: u32,
    reference: impl Fn(&[f32]) -> Option<Vec<f32>> + Sync,
    variant: impl Fn(&[f32]) -> Option<Vec<f32>> + Sync,
) -> Result<(), Failed> {
    let count = count(&inputs, stride);
    let found: Difference = walk(inputs, stride, |numbers, found: &mut Difference| {
        let x: Vec<_> = numbers.iter().copied().map(float).collect();
        let expected = reference(&x).expect("every machine has the reference");
        let outputs = variant(&x).expect("the machine has the variant");
        let mut compared = x.iter().zip(expected).zip(outputs);
        let different = compared.find(|((_, a), b)| a.to_bits() != b.to_bits());
        found.first = found.first.or(different.map(|((&x, a), b)| (x, a, b)));
    });
    if let Some((x, expected, found)) = found.first {
        return Err(format!("{x:e} gives {found:e}, not {expected:e}").into());
    }
    if stride == 1 {
        eprintln!("{name}: {count} inputs, the same bits");
    }
    Ok(())
}

fn name<K>(table: &[Variant<K>], index: usize) -> Option<&'static str> {
    table.get(index).map(|variant| variant.name)
}

fn kernel<K>(table: &[Variant<K>], index: usize) -> Option<K> {
    table.get(index).and_then(|variant| (variant.get)())
}

/// Step sizes: softplus itself.
fn run_step(index: usize, x: &[f32]) -> Option<Vec<f32>> {
    let mut out = vec![0.0; x.len()];
    kernel(step::F32, index)?(x, &mut out);
    Some(out)
}

/// The gate of 1: `x * logistic(x)`.
fn run_gate(index: usize, x: &[f32]) -> Option<Vec<f32>> {
    let (ones, mut out) = (vec![1.0; x.len()], vec![0.0; x.len()]);
    kernel(gate::F32, index)?(&(), &ones, Rows::packed(x, x.len()), &mut out);
    Some(out)
}

/// One pixel after zeros with the taps 0, 0, 0, 1: `x * logistic(x)`.
fn run_conv1d(index: usize, x: &[f32]) -> Option<Vec<f32>> {
    let n = x.len();
    let (mut out, mut history, bias) = (vec![0.0; n], vec![0.0; 3 * n], vec![0.0; n]);
    let mut taps = vec![0.0; 3 * n];
    taps.resize(4 * n, 1.0);
    let params = conv1d::FloatParams {
        taps: &taps,
        bias: &bias,
    };
    kernel(conv1d::F32, index)?(&params, &mut history, Rows::packed(x, n), &mut out);
    Some(out)
}

/// The decay of a state of 1 in a time of `|x|` at the rate of -1: `e^-|x|`.
fn run_scan(index: usize, x: &[f32]) -> Option<Vec<f32>> {
    let kernel: scan::Kernel<Float<f32>> = kernel(scan::F32, index)?;
    let n = x.len();
    let (rate, zeros, mut state) = (vec![-1.0; n], vec![0.0; n], vec![1.0; n]);
    let dt: Vec<_> = x.iter().map(|x| x.abs()).collect();
    let params = scan::FloatParams {
        rate: &rate,
        skip: &zeros,
        decay: Decay::Full,
    };
    let tokens = Tokens {
        u: &zeros,
        dt: &dt,
        b: Rows::packed(&[0.0], 1),
        c: Rows::packed(&[1.0], 1),
    };
    let mut out = vec![0.0; n];
    let mut scratch = vec![0; (kernel.scratch_words)((n, 1))];
    (kernel.run)(&params, &tokens, &mut state, &mut scratch, &mut out);
    Some(out)
}
