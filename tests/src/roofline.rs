//! Predicted times of the GPU's launches, from what the interpreter counts and what a card can do.
//!
//! A prediction, not a measurement: it knows how many instructions warps issue to which pipes, how
//! many bytes blocks move, and how long the longest warp is. It does not know caches, bank conflicts,
//! launches' own time, nor what ptxas makes of the PTX.

use mambalite_kernels::Precision;
use mambalite_kernels_ptx::args::{Conv1d, Patches, Scan, Weight};
use mambalite_kernels_ptx::program::Launch;
use mambalite_ptx_vm::Stats;

/// What a card can do.
#[derive(Clone, Copy, Debug)]
pub struct Card {
    /// Name.
    pub name: &'static str,
    /// Streaming multiprocessors.
    pub multiprocessors: f64,
    /// Cycles a second.
    pub clock: f64,
    /// Bytes a second between device memory and the GPU.
    pub bandwidth: f64,
}

/// Jetson Orin Nano 8 GB: NVIDIA's data sheet (1024 CUDA cores in 8 multiprocessors, 625 MHz, 68 GB/s).
pub const ORIN_NANO: Card = Card {
    name: "Jetson Orin Nano 8 GB",
    multiprocessors: 8.0,
    clock: 625e6,
    bandwidth: 68e9,
};

/// Warps that each multiprocessor issues a cycle, by pipe (compute capability 8.7, CUDA programming
/// guide: 128 results of f32, 64 of 32-bit integers and dot products, 32 lanes of loads and stores).
const ISSUE: f64 = 4.0;
const INTEGER: f64 = 2.0;
const MEMORY: f64 = 1.0;
/// Cycles from an instruction to the next one that needs its result.
const LATENCY: f64 = 4.0;

/// A launch's prediction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Prediction {
    /// Seconds of the pipe or memory that takes longest.
    pub seconds: f64,
    /// Seconds that no implementation can go below: its multiply-adds at the card's peak, or its bytes
    /// at full bandwidth.
    pub roofline: f64,
    /// Multiply-adds.
    pub macs: f64,
    /// What takes longest.
    pub bound: &'static str,
}

impl Card {
    /// Predicts a launch, as one of a batch `times` as large as the one that was counted.
    #[must_use]
    pub fn predict(
        &self,
        launch: &Launch,
        stats: &Stats,
        patches: Patches,
        times: f64,
    ) -> Prediction {
        let issued = &stats.issued;
        let cycles = |count: u64, rate: f64| times * count as f64 / (rate * self.multiprocessors);
        let pipes = [
            ("issue", cycles(issued.instructions, ISSUE) / self.clock),
            (
                "integer",
                cycles(issued.integer + issued.dp4a, INTEGER) / self.clock,
            ),
            ("load/store", cycles(issued.memory, MEMORY) / self.clock),
            ("bytes", times * stats.traffic_bytes as f64 / self.bandwidth),
            ("latency", issued.longest_warp as f64 * LATENCY / self.clock),
        ];
        let (bound, seconds) = pipes
            .into_iter()
            .fold(("", 0.0), |a, b| if b.1 > a.1 { b } else { a });
        let macs = times * macs(launch, patches) as f64;
        let peak = macs_per_cycle(&launch.entry) * self.multiprocessors * self.clock;
        let bytes = times * stats.touched_bytes as f64;
        Prediction {
            seconds,
            roofline: (macs / peak).max(bytes / self.bandwidth),
            macs,
            bound,
        }
    }
}

/// Returns the most multiply-adds of a multiprocessor in a cycle.
fn macs_per_cycle(entry: &str) -> f64 {
    let precision = Precision::ALL
        .into_iter()
        .find(|precision| entry.starts_with(&format!("{precision}_")));
    match precision {
        Some(Precision::W8A8) => 256.0,
        _ => 128.0,
    }
}

/// Counts the multiply-adds of a launch, as [`mambalite_kernels::Config::macs_per_pixel`] does.
///
/// # Panics
/// If there is no such operator.
#[must_use]
pub fn macs(launch: &Launch, patches: Patches) -> usize {
    let pixels = patches.count as usize * patches.pixels();
    let (_, operator) = launch.entry.split_once('_').unwrap_or_default();
    let weight = |arg: usize| weight_macs(&bytemuck::pod_read_unaligned(&launch.args[arg]));
    pixels
        * match operator {
            "conv3x3_bytes" | "conv3x3_normed" => weight(1),
            "conv3x3_acts" | "in_proj" | "out_proj" => weight(0),
            "sequence" => {
                let conv1d: Conv1d = bytemuck::pod_read_unaligned(&launch.args[0]);
                4 * conv1d.inner as usize + weight(1) + weight(2)
            }
            "norm" | "picture" => 0,
            _ => {
                let states = operator
                    .strip_prefix("scan_")
                    .and_then(|it| it.parse().ok());
                let states: usize =
                    states.unwrap_or_else(|| panic!("no such operator: {operator}"));
                let scan: Scan = bytemuck::pod_read_unaligned(&launch.args[0]);
                scan.skip.len as usize * (4 * states + 2)
            }
        }
}

fn weight_macs(weight: &Weight) -> usize {
    let first = weight.first.outputs * weight.first.inputs * weight.taps;
    (first + weight.second.outputs * weight.second.inputs) as usize
}
