use mambalite_kernels::{Anchor, Config, Decay, Form};
use nalgebra::DMatrix;

use super::factors::Factors;
use super::moments::Moments;
use super::*;
use crate::upscale::{Executor, upscale};

pub(super) fn config() -> Config {
    Config {
        channels: 3,
        scale: 2,
        width: 8,
        inner: 12,
        groups: 1,
        blocks: 2,
        states: 3,
        dt_rank: 2,
        mixer_skip: true,
        anchor: Anchor::Bicubic,
        decay: Decay::Full,
        mean: [0.45, 0.44, 0.4],
    }
}

pub(super) fn network() -> ModelFile {
    let config = config();
    let forms = vec![Form::Dense; config.n_weights()];
    let parameters = Parameters::new(&config, &forms, 5).unwrap();
    parameters.to_file(parameters.values()).unwrap()
}

pub(super) fn patches() -> Vec<Picture> {
    let patch = |seed: u32| {
        let bytes = (0..9 * 7 * 3u32).map(|i| (i.wrapping_mul(seed * 977 + 31) >> 3) as u8);
        Picture::new(9, 7, 3, bytes.collect()).unwrap()
    };
    (1..10).map(patch).collect()
}

fn with_budget(budget: Budget, factored: Factored) -> Result<ModelFile> {
    Factorization::new(&network(), &patches(), &|_| ())?.within(budget, factored)
}

#[test]
fn a_large_budget_changes_nothing() {
    let same = with_budget(Budget::Parameters(1 << 20), Factored::IdentityRows).unwrap();
    assert_eq!(same.bytes(), network().bytes());
}

#[test]
fn budgets_are_kept_and_nearly_used() {
    let config = config();
    let dense = vec![Form::Dense; config.n_weights()];
    let (parameters, macs) = (
        config.parameters(dense.iter().copied()),
        config.macs_per_pixel(dense.iter().copied()),
    );
    for factored in [Factored::LowRank, Factored::IdentityRows] {
        for part in [0.9, 0.7, 0.5] {
            let limit = (parameters as f64 * part) as usize;
            let file = with_budget(Budget::Parameters(limit), factored).unwrap();
            let cost = config.parameters(file.model().forms());
            assert!(
                cost <= limit && cost > limit * 9 / 10,
                "{factored:?} {limit} {cost}"
            );
            let limit = (macs as f64 * part) as usize;
            let file = with_budget(Budget::Macs(limit), factored).unwrap();
            let cost = config.macs_per_pixel(file.model().forms());
            assert!(
                cost <= limit && cost > limit * 9 / 10,
                "{factored:?} {limit} {cost}"
            );
        }
    }
}

#[test]
fn a_budget_below_rank_one_says_what_is_least() {
    let error = with_budget(Budget::Parameters(10), Factored::LowRank).unwrap_err();
    assert!(
        error.to_string().contains("rank 1 everywhere costs"),
        "{error}"
    );
}

#[test]
fn time_budgets_are_kept_and_nearly_used() {
    let whole = network();
    let cost = |file: &ModelFile| {
        let model = file.model();
        model.config().macs_per_pixel(model.forms())
    };
    // A clock that runs by multiply-accumulates, with a part that no rank takes away.
    let time = |file: &ModelFile| 5.0 + cost(file) as f64 / 100.0;
    let ranks = Factorization::new(&whole, &patches(), &|_| ()).unwrap();
    let mut timed = 0;
    let mut within = |limit: f64| {
        timed = 0;
        ranks.within_time(limit, Factored::IdentityRows, &mut |file| {
            timed += 1;
            Ok(time(file))
        })
    };
    let limit = time(&whole) * 0.8;
    let (file, milliseconds) = within(limit).unwrap();
    assert_eq!(milliseconds, time(&file));
    assert!(
        milliseconds <= limit && milliseconds > limit * 0.97,
        "{milliseconds} of {limit}"
    );
    let (same, _) = within(time(&whole)).unwrap();
    assert_eq!(same.bytes(), whole.bytes());
    let refused = within(5.0).unwrap_err().to_string();
    assert!(refused.contains("rank 1 everywhere takes"), "{refused}");
    assert_eq!(timed, 2);
}

#[test]
fn full_rank_gives_the_same_picture() {
    // The largest ranks that the forms have: nothing is lost but rounding.
    let config = config();
    let file = network();
    let model = file.model();
    let parameters = Parameters::of_model(&model).unwrap();
    let moments = moments::collect(&parameters, &patches(), &|_| ()).unwrap();
    let before = upscale(&model, &patches()[0], Executor::Stream).unwrap();
    for identity in [false, true] {
        let mut arrays = Arrays::of_model(&model).unwrap();
        let mut forms = Vec::new();
        for (weight, moments) in config.weights().zip(&moments) {
            let param = weight_param(weight.name);
            let values = arrays.get::<f32>(param.part("weight")).unwrap().to_vec();
            let factors = Factors::new(&values, weight.outputs, moments).unwrap();
            let rank = factors.losses.len() - 1;
            let form = match identity && rank < weight.outputs {
                true => Form::IdentityRows(rank),
                false => Form::LowRank(rank),
            };
            factors.put(&mut arrays, param, form);
            forms.push(form);
        }
        let factored = arrays.to_file(&config, &forms, Precision::F32).unwrap();
        let after = upscale(&factored.model(), &patches()[0], Executor::Stream).unwrap();
        for (a, b) in before.data().iter().zip(after.data()) {
            assert!(a.abs_diff(*b) <= 1, "identity rows {identity}");
        }
    }
}

#[test]
fn what_no_input_has_is_given_up_first() {
    // Two outputs of two inputs, of which the second hardly occurs though its weight is large.
    let moments = Moments {
        inputs: DMatrix::from_row_slice(2, 2, &[1.0, 0.0, 0.0, 1e-5]),
        gradients: DMatrix::identity(2, 2),
    };
    let factors = Factors::new(&[1.0, 0.0, 0.0, 10.0], 2, &moments).unwrap();
    let mut arrays = Arrays::default();
    let param = weight_param(mambalite_kernels::config::WeightName::ConvFirst);
    factors.put(&mut arrays, param, Form::LowRank(1));
    let factor = |name| {
        arrays
            .get::<f32>(param.factor(name).part("weight"))
            .unwrap()
    };
    let (u, v) = (factor("u"), factor("v"));
    assert!(
        (u[0] * v[0] - 1.0).abs() < 1e-6 && (u[1] * v[1]).abs() < 1e-6,
        "{u:?} {v:?}"
    );
    assert!(factors.losses[1] < factors.losses[0] / 100.0);
}
