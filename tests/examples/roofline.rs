//! `cargo run --release -p mambalite-tests --example roofline [MODEL]`: a table of predicted times on a
//! Jetson Orin Nano, launch by launch, in Markdown.

use std::collections::BTreeMap;

use mambalite::registry;
use mambalite_kernels::Precision;
use mambalite_kernels_ptx::args::Patches;
use mambalite_ptx_vm::{Options, Stats};
use mambalite_tests::gpu::{self, Run};
use mambalite_tests::network::picture;
use mambalite_tests::roofline::{ORIN_NANO, Prediction};

/// Side of the patches, LR pixels.
const SIDE: usize = 64;
/// Patches of a picture of 1280x720 from 320x180, by their pixels.
const PICTURE: f64 = 320.0 * 180.0 / (SIDE * SIDE) as f64;

/// What the launches of one entry point do together.
#[derive(Default)]
struct Row {
    launches: usize,
    prediction: Prediction,
    traffic: u64,
    touched: u64,
    instructions: u64,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = std::env::args().nth(1);
    let model = model.as_deref().unwrap_or(registry::DEFAULT);
    let patches = Patches {
        count: 1,
        width: SIDE as u32,
        height: SIDE as u32,
    };
    println!(
        "Predicted for {}, {model}, patches of {SIDE}x{SIDE}.",
        ORIN_NANO.name
    );
    for precision in Precision::ALL {
        let file = registry::load(model, Some(precision))?;
        let options = Options {
            detect_races: false,
            max_instructions: u64::MAX,
            ..Options::default()
        };
        let channels = file.model().config().channels;
        let run = gpu::run(&file, &[picture(SIDE, SIDE, channels, 1)], options)?;
        table(precision, &run, patches);
    }
    Ok(())
}

fn table(precision: Precision, run: &Run, patches: Patches) {
    println!("\n{precision}, one patch of a batch of 256:\n");
    println!(
        "| launch | n | us | bound | us at the roofline | ratio | bytes / minimum | warp instructions / MAC |"
    );
    println!("|---|---:|---:|---|---:|---:|---:|---:|");
    let mut rows = BTreeMap::<&str, Row>::new();
    for (launch, stats) in &run.launches {
        add(
            rows.entry(&launch.entry).or_default(),
            stats,
            predict(launch, stats, patches, 256.0),
        );
    }
    let mut total = Row::default();
    for (entry, row) in &rows {
        print(entry, row);
        total.launches += row.launches;
        total.prediction.seconds += row.prediction.seconds;
        total.prediction.roofline += row.prediction.roofline;
        total.prediction.macs += row.prediction.macs;
        total.traffic += row.traffic;
        total.touched += row.touched;
        total.instructions += row.instructions;
    }
    print("all", &total);
    for batch in [1.0, PICTURE, 256.0] {
        let time: f64 = run
            .launches
            .iter()
            .map(|(launch, stats)| predict(launch, stats, patches, batch).seconds * batch)
            .sum();
        println!(
            "- {batch:.1} patches at once: {:.2} ms, {:.2} ms a patch",
            time * 1e3,
            time * 1e3 / batch
        );
    }
}

/// Predicts one patch of a batch.
fn predict(
    launch: &mambalite_kernels_ptx::program::Launch,
    stats: &Stats,
    patches: Patches,
    batch: f64,
) -> Prediction {
    let all = ORIN_NANO.predict(launch, stats, patches, batch);
    Prediction {
        seconds: all.seconds / batch,
        roofline: all.roofline / batch,
        macs: all.macs / batch,
        bound: all.bound,
    }
}

fn add(row: &mut Row, stats: &Stats, prediction: Prediction) {
    row.launches += 1;
    row.prediction.seconds += prediction.seconds;
    row.prediction.roofline += prediction.roofline;
    row.prediction.macs += prediction.macs;
    row.prediction.bound = prediction.bound;
    row.traffic += stats.traffic_bytes;
    row.touched += stats.touched_bytes;
    row.instructions += stats.issued.instructions;
}

fn print(entry: &str, row: &Row) {
    let Prediction {
        seconds,
        roofline,
        macs,
        bound,
    } = row.prediction;
    println!(
        "| {entry} | {} | {:.1} | {bound} | {:.1} | {:.2} | {:.2} | {:.2} |",
        row.launches,
        seconds * 1e6,
        roofline * 1e6,
        seconds / roofline,
        row.traffic as f64 / row.touched as f64,
        row.instructions as f64 * 32.0 / macs,
    );
}
