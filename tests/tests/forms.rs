//! The forms of a weight compute the same function: low-rank as its product, identity rows as
//! their full factor.

use std::collections::BTreeMap;

use mambalite::checkpoint::{Checkpoint, Tensor};
use mambalite::import::import;
use mambalite::upscale::{Executor, upscale_with};
use mambalite_kernels::{Anchor, Config, Decay, Form, Layer};
use mambalite_tests::Recorder;
use mambalite_tests::network::{TINY, checkpoint, mixed_forms, picture};

const CONFIGS: [Config; 3] = [
    Config {
        width: 8,
        inner: 16,
        groups: 2,
        states: 4,
        dt_rank: 3,
        ..TINY
    },
    Config {
        channels: 1,
        scale: 3,
        width: 6,
        blocks: 2,
        dt_rank: 2,
        mixer_skip: true,
        ..TINY
    },
    Config {
        anchor: Anchor::None,
        decay: Decay::Tied,
        states: 3,
        width: 10,
        inner: 20,
        ..TINY
    },
];

/// Writes identity rows out: `X.u` gets a row for every output, `X.order` goes.
fn with_full_factors(checkpoint: &Checkpoint) -> Checkpoint {
    let mut out = checkpoint.clone();
    for (name, order) in &checkpoint.tensors {
        let Some(weight) = name.strip_suffix(".order") else {
            continue;
        };
        let u = &checkpoint.tensors[&format!("{weight}.u")];
        let rank = u.shape[1];
        let row = |place: &f32| {
            let place = *place as usize;
            let unit = |r: usize| if r == place { 1.0 } else { 0.0 };
            match place.checked_sub(rank) {
                None => (0..rank).map(unit).collect(),
                Some(other) => u.data[other * rank..][..rank].to_vec(),
            }
        };
        let data: Vec<f32> = order.data.iter().flat_map(row).collect();
        let shape = vec![order.data.len(), rank];
        out.tensors
            .insert(format!("{weight}.u"), Tensor { shape, data });
        out.tensors.remove(name);
    }
    out
}

/// Multiplies the factors of low-rank weights out, in double precision.
fn multiplied(checkpoint: &Checkpoint) -> Checkpoint {
    let mut tensors = BTreeMap::new();
    for (name, tensor) in &checkpoint.tensors {
        let Some(weight) = name.strip_suffix(".u") else {
            if !name.ends_with(".weight.v") {
                tensors.insert(name.clone(), tensor.clone());
            }
            continue;
        };
        let v = &checkpoint.tensors[&format!("{weight}.v")];
        let (outputs, rank) = (tensor.shape[0], tensor.shape[1]);
        let inputs = v.data.len() / rank;
        let product = |i: usize| {
            let (o, k) = (i / inputs, i % inputs);
            let term = |r| f64::from(tensor.data[o * rank + r]) * f64::from(v.data[r * inputs + k]);
            (0..rank).map(term).sum::<f64>() as f32
        };
        let shape = [&[outputs], &v.shape[1..]].concat();
        let data = (0..outputs * inputs).map(product).collect();
        tensors.insert(weight.to_owned(), Tensor { shape, data });
    }
    Checkpoint {
        tensors,
        metadata: checkpoint.metadata.clone(),
    }
}

/// Runs a network and returns its output and the forms it has.
fn run(checkpoint: &Checkpoint) -> (Vec<f64>, Vec<Form>) {
    let file = import(checkpoint).unwrap();
    let model = file.model();
    let picture = picture(12, 9, model.config().channels, 1);
    let mut recorder = Recorder::default();
    upscale_with(
        &model,
        &picture,
        Executor::Stream,
        &mut recorder,
        &mut |_| (),
    )
    .unwrap();
    (
        recorder.layers.remove(&Layer::Output).unwrap(),
        model.forms().collect(),
    )
}

/// Largest difference over the spread of the values.
fn difference(left: &[f64], right: &[f64]) -> f64 {
    assert_eq!(left.len(), right.len());
    let mean = left.iter().sum::<f64>() / left.len() as f64;
    let spread = left.iter().map(|v| (v - mean).abs()).fold(0.0, f64::max);
    assert!(spread > 0.01, "the output is flat");
    left.iter()
        .zip(right)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max)
        / spread
}

#[test]
fn low_rank_equals_its_product() {
    for (config, seed) in CONFIGS.iter().zip(0..) {
        for offset in 0..3 {
            let mixed = checkpoint(config, mixed_forms(config, offset), seed);
            let (found, forms) = run(&mixed);
            assert!(forms.iter().any(|f| matches!(f, Form::LowRank(_))));
            assert!(forms.iter().any(|f| matches!(f, Form::IdentityRows(_))));
            let (wanted, forms) = run(&multiplied(&with_full_factors(&mixed)));
            assert!(forms.iter().all(|f| *f == Form::Dense));
            let error = difference(&wanted, &found);
            assert!(error < 1e-3, "network {seed} offset {offset}: {error:e}");
        }
    }
}

#[test]
fn identity_rows_equal_their_full_factor() {
    for (config, seed) in CONFIGS.iter().zip(10..) {
        let identity = |weight: mambalite_kernels::config::Weight| {
            let rank = (weight.outputs - 1).min(weight.inputs * weight.taps);
            if rank == 0 {
                Form::Dense
            } else {
                Form::IdentityRows(rank)
            }
        };
        let rows = checkpoint(config, identity, seed);
        let (found, forms) = run(&rows);
        assert!(forms.iter().all(|f| matches!(f, Form::IdentityRows(_))));
        let (wanted, forms) = run(&with_full_factors(&rows));
        assert!(forms.iter().all(|f| matches!(f, Form::LowRank(_))));
        let error = difference(&wanted, &found);
        assert!(error < 1e-4, "network {seed}: {error:e}");
    }
}

/// The comparison sees a single wrong weight.
#[test]
fn a_changed_factor_shows() {
    let mixed = checkpoint(&CONFIGS[0], mixed_forms(&CONFIGS[0], 0), 0);
    let mut changed = mixed.clone();
    let u = changed
        .tensors
        .iter_mut()
        .find(|(name, _)| name.ends_with(".weight.u"))
        .unwrap()
        .1;
    u.data[0] += 0.5;
    assert!(difference(&run(&mixed).0, &run(&changed).0) > 1e-3);
}
