//! Time of a training step: `cargo run --release --example step_time -- [STEPS]`.

use std::time::Instant;

use mambalite::picture::Picture;
use mambalite::train::network::Network;
use mambalite::train::parameters::Parameters;
use mambalite_kernels::{Anchor, Config, Decay, Form};

fn main() {
    let steps: usize = std::env::args()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(10);
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
        decay: Decay::Full,
        mean: [0.45; 3],
    };
    let forms: Vec<Form> = config
        .weights()
        .map(|w| match w.name.to_string() {
            name if name.ends_with("in_proj") || name.ends_with("out_proj") => Form::LowRank(12),
            name if name.contains(".conv") || name == "conv_after_body" => Form::LowRank(1),
            _ => Form::Dense,
        })
        .collect();
    let parameters = Parameters::new(&config, &forms, 1).unwrap();
    let network = Network::new(parameters);
    let values = network.parameters().values().to_vec();
    let patches: Vec<Picture> = (0..8)
        .map(|p| {
            let bytes = (0..48 * 48 * 3)
                .map(|i| ((i * 37 + p * 11) % 251) as u8)
                .collect();
            Picture::new(48, 48, 3, bytes).unwrap()
        })
        .collect();
    let mut gradient = vec![0.0; values.len()];
    let objective = |_: usize, output: &[f32], gradient: &mut [f32]| {
        let scale = 1.0 / output.len() as f32;
        for (g, x) in gradient.iter_mut().zip(output) {
            *g = scale.copysign(x - 0.5);
        }
        0.0
    };
    let pool = mambalite::parallel::pool(2).unwrap();
    let mut times: Vec<f64> = (0..steps)
        .map(|_| {
            let start = Instant::now();
            pool.install(|| network.gradient(&values, &patches, &objective, &mut gradient))
                .unwrap();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!(
        "{} parameters, min {:.1} ms, median {:.1} ms",
        values.len(),
        times[0],
        times[steps / 2]
    );
}
