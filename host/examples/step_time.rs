//! Time and memory of a training step on two threads: `cargo run --release --example step_time`.
//!
//! Eight patches of 48x48 pixels, four blocks of width 48 with projections of rank 12 and eight
//! states: once as a network of the family, with its two dense convolutions, and once with these
//! at rank 1, which leaves about the work of a plain stack of blocks.

use std::time::Instant;

use mambalite::picture::Picture;
use mambalite::train::Model;
use mambalite::train::network::Network;
use mambalite::train::parameters::Parameters;
use mambalite::{Error, Result, parallel};
use mambalite_kernels::config::{Projection, WeightName};
use mambalite_kernels::{Anchor, Config, Decay, Form, ModelError};

const STEPS: usize = 20;
const SIDE: usize = 48;
const BATCH: usize = 8;

fn main() -> Result<()> {
    for (name, convolution) in [
        ("dense convolutions", Form::Dense),
        ("convolutions of rank 1", Form::LowRank(1)),
    ] {
        for decay in [Decay::Full, Decay::Tied] {
            let (parameters, milliseconds) = time(convolution, decay)?;
            println!("{name}, {decay:?} rates: {parameters} parameters, {milliseconds:.1} ms");
        }
    }
    Ok(())
}

/// Returns the parameters and the median time.
fn time(convolution: Form, decay: Decay) -> Result<(usize, f64)> {
    let config = Config {
        channels: 3,
        scale: 4,
        width: 48,
        inner: 96,
        groups: 1,
        blocks: 4,
        states: 8,
        dt_rank: 3,
        mixer_skip: true,
        anchor: Anchor::None,
        decay,
        mean: [0.45; 3],
    };
    let form = |name| match name {
        WeightName::Projection { part, .. } => match part {
            Projection::InProj | Projection::OutProj => Form::LowRank(12),
            Projection::XProj | Projection::DtProj => Form::Dense,
        },
        WeightName::GroupConv { .. } | WeightName::ConvAfterBody => convolution,
        WeightName::ConvFirst | WeightName::Upsample => Form::Dense,
    };
    let forms: Vec<Form> = config.weights().map(|w| form(w.name)).collect();
    let diverged = |cause: ModelError| Error::TrainingDiverged { cause };
    let network = Network::new(Parameters::new(&config, &forms, 1).map_err(diverged)?);
    let values = network.parameters().values();
    let patches: Vec<Picture> = (0..BATCH).map(patch).collect::<Result<_>>()?;
    let mut gradient = vec![0.0; values.len()];
    let pool = parallel::pool(2)?;
    let mut step = || -> Result<f64> {
        let start = Instant::now();
        pool.install(|| network.gradient(values, &patches, &objective, &mut gradient))?;
        Ok(start.elapsed().as_secs_f64() * 1e3)
    };
    let mut times = (0..STEPS).map(|_| step()).collect::<Result<Vec<f64>>>()?;
    times.sort_by(f64::total_cmp);
    Ok((values.len(), times[STEPS / 2]))
}

fn patch(i: usize) -> Result<Picture> {
    let bytes = (0..SIDE * SIDE * 3).map(|k| ((k * 37 + i * 11) % 251) as u8);
    Picture::new(SIDE, SIDE, 3, bytes.collect())
}

/// L1 against grey.
fn objective(_: usize, output: &[f32], gradient: &mut [f32]) -> f64 {
    let share = 1.0 / output.len() as f32;
    for (g, x) in gradient.iter_mut().zip(output) {
        *g = share.copysign(x - 0.5);
    }
    output
        .iter()
        .map(|x| f64::from((x - 0.5).abs()))
        .sum::<f64>()
        / output.len() as f64
}
