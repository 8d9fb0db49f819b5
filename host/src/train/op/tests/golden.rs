//! Gradients of the operators against those of PyTorch's autograd in double precision.

use super::*;
use crate::train::tests::golden::Golden;

/// Checks the gradients of an operator: pairs of an input's name and what was computed for it.
fn check(golden: &Golden, op: &str, gradients: &[(&str, &[f64])]) {
    for (input, found) in gradients {
        let name = format!("{op}.d_{input}");
        assert_close(&name, found, golden.get(&name));
    }
}

#[test]
fn scans_have_the_gradients_of_autograd() {
    let golden = Golden::load("ops");
    let names = ["rate", "skip", "u", "dt", "projected"];
    for (op, decay) in [("scan.full", Decay::Full), ("scan.tied", Decay::Tied)] {
        let case = ScanCase {
            inputs: names.map(|name| golden.get(&format!("{op}.{name}")).to_vec()),
            g: golden.get(&format!("{op}.g")).to_vec(),
            ..ScanCase::new(5, 6, decay)
        };
        for (name, d) in names.into_iter().zip(case.backward()) {
            check(&golden, op, &[(name, &d)]);
        }
    }
}

#[test]
fn conv1d_has_the_gradients_of_autograd() {
    let golden = Golden::load("ops");
    let of = |name: &str| golden.get(&format!("conv1d.{name}"));
    let parameters = conv1d::Parameters {
        taps: of("taps"),
        bias: of("bias"),
    };
    let e = parameters.bias.len();
    let (mut taps, mut bias) = (vec![0.0; 4 * e], vec![0.0; e]);
    let mut in_proj = vec![0.0; of("in_proj").len()];
    let mut gradients = conv1d::Gradients {
        taps: &mut taps,
        bias: &mut bias,
    };
    conv1d::backward(
        &parameters,
        of("in_proj"),
        of("g"),
        &mut in_proj,
        &mut gradients,
    );
    let found: [(&str, &[f64]); 3] = [("in_proj", &in_proj), ("taps", &taps), ("bias", &bias)];
    check(&golden, "conv1d", &found);
}

#[test]
fn norm_gate_and_step_have_the_gradients_of_autograd() {
    let golden = Golden::load("ops");
    let of = |name: &str| golden.get(name);
    let width = of("norm.gamma").len();
    let (mut x, mut gamma, mut beta) = (of("norm.g").to_vec(), vec![0.0; width], vec![0.0; width]);
    let mut parameters = norm::Gradients {
        gamma: &mut gamma,
        beta: &mut beta,
    };
    norm::backward(of("norm.x"), of("norm.gamma"), &mut x, &mut parameters);
    let found: [(&str, &[f64]); 3] = [("x", &x), ("gamma", &gamma), ("beta", &beta)];
    check(&golden, "norm", &found);

    let (mut y, mut x) = (of("gate.g").to_vec(), vec![0.0; of("gate.x").len()]);
    gate::backward(of("gate.y"), of("gate.x"), 5, &mut y, &mut x);
    check(&golden, "gate", &[("y", &y), ("x", &x)]);

    let mut d = of("step.g").to_vec();
    step::backward(of("step.output"), &mut d);
    check(&golden, "step", &[("input", &d)]);
}

#[test]
fn weights_have_the_gradients_of_autograd() {
    let golden = Golden::load("ops");
    for taps in [1, 9] {
        for (rank, form) in [(0, "dense"), (3, "low-rank"), (3, "identity")] {
            let op = format!("weight.{taps}.{form}");
            let of = |name: &str| golden.get(&format!("{op}.{name}"));
            let (weight, len) = weight(taps, rank, form == "identity");
            let mut values = vec![0.0; len];
            let x = weight_gradient(&weight, taps, (of("values"), of("x"), of("g")), &mut values);
            check(&golden, &op, &[("x", &x), ("values", &values)]);
        }
    }
}
