//! `mambalite inspect`: what is in a model file, and what a run of it needs.

use core::fmt::Write;

use clap::Args;
use mambalite::model_file::ModelFile;
use mambalite::{Result, registry};
use mambalite_kernels::{Anchor, Decay, Form, Plan, Precision};
use serde::Serialize;

use super::network::{hash, precision_parser};
use super::output::Output;

const EXAMPLES: &str = "\
Examples:
  mambalite inspect mambalite-x4-tiny
  mambalite inspect mine.mls --width 128
  mambalite inspect mine.mls --board-free --json";

/// Shows the parameters, operations, memory and weights of a model.
///
/// Operations are multiply-accumulates of one LR pixel: convolutions and projections as usual,
/// the scan 4 a state and 2 a channel. Memory is that of the row-streaming executor.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Cmd {
    /// Name of a shipped model, or a model file.
    #[arg(value_name = "NAME|FILE")]
    model: String,
    /// Number format; without it a shipped model is shown in f32 and a file as it is.
    #[arg(long, value_parser = precision_parser())]
    precision: Option<Precision>,
    /// Width of the picture that memory is planned for, in LR pixels.
    #[arg(long, value_name = "N", default_value_t = 64,
          value_parser = clap::value_parser!(u16).range(1..))]
    width: u16,
    /// Leaves out what depends on the machine that runs this command (the object's bytes).
    #[arg(long)]
    board_free: bool,
}

#[derive(Serialize)]
struct Inspected {
    model: String,
    precision: String,
    sha256: String,
    parameters: usize,
    macs_per_lr_pixel: usize,
    network: Network,
    memory: Memory,
    weights: Vec<WeightRow>,
}

#[derive(Serialize)]
struct Network {
    channels: usize,
    scale: usize,
    width: usize,
    inner: usize,
    groups: usize,
    blocks: usize,
    states: usize,
    dt_rank: usize,
    mixer_skip: bool,
    anchor: &'static str,
    decay: &'static str,
    mean: [f32; 3],
}

/// Memory of a streamed run.
#[derive(Serialize)]
struct Memory {
    width: usize,
    flash_bytes: usize,
    arena_bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    object_bytes: Option<usize>,
    stack_bytes: usize,
}

#[derive(Serialize)]
struct WeightRow {
    name: String,
    outputs: usize,
    inputs: usize,
    taps: usize,
    form: &'static str,
    rank: Option<usize>,
    parameters: usize,
}

impl Cmd {
    /// Runs the command.
    pub(crate) fn run(self, output: Output) -> Result<()> {
        let file = registry::load(&self.model, self.precision)?;
        let inspected = self.inspect(&file);
        output.print(&inspected, || inspected.text())
    }

    fn inspect(&self, file: &ModelFile) -> Inspected {
        let model = file.model();
        let plan = Plan::microcontroller(&model, self.width.into());
        let config = model.config();
        let row = |(weight, form): (mambalite_kernels::config::Weight, Form)| WeightRow {
            name: weight.name.to_string(),
            outputs: weight.outputs,
            inputs: weight.inputs,
            taps: weight.taps,
            form: match form {
                Form::Dense => "dense",
                Form::LowRank(_) => "low-rank",
                Form::IdentityRows(_) => "identity-rows",
            },
            rank: form.rank(),
            parameters: weight.parameters(form),
        };
        Inspected {
            model: self.model.clone(),
            precision: model.precision().to_string(),
            sha256: hash(file),
            parameters: config.parameters(model.forms()),
            macs_per_lr_pixel: config.macs_per_pixel(model.forms()),
            network: Network::of(config),
            memory: Memory {
                width: self.width.into(),
                flash_bytes: plan.flash_bytes,
                arena_bytes: plan.arena_bytes,
                object_bytes: (!self.board_free).then_some(plan.object_bytes),
                stack_bytes: plan.stack_bytes,
            },
            weights: config.weights().zip(model.forms()).map(row).collect(),
        }
    }
}

impl Network {
    fn of(config: &mambalite_kernels::Config) -> Self {
        Self {
            channels: config.channels,
            scale: config.scale,
            width: config.width,
            inner: config.inner,
            groups: config.groups,
            blocks: config.blocks,
            states: config.states,
            dt_rank: config.dt_rank,
            mixer_skip: config.mixer_skip,
            anchor: match config.anchor {
                Anchor::None => "none",
                Anchor::Nearest => "nearest",
                Anchor::Bicubic => "bicubic",
            },
            decay: match config.decay {
                Decay::Full => "full",
                Decay::Tied => "tied",
            },
            mean: config.mean,
        }
    }
}

impl Inspected {
    fn text(&self) -> String {
        let Self {
            network: n,
            memory: m,
            ..
        } = self;
        let name_width = self
            .weights
            .iter()
            .map(|it| it.name.len())
            .max()
            .unwrap_or(0);
        let mut text = format!(
            "model              {}\n\
             precision          {}\n\
             sha256             {}\n\
             parameters         {}\n\
             MACs per LR pixel  {}\n\
             network            x{}, {} channels, width {}, inner {}, {} groups of {} blocks, \
             {} states, dt rank {}\n\
             options            mixer skip {}, anchor {}, decay {}, mean {:?}\n\n\
             memory for rows of {} LR pixels\n\
             \x20 flash   {:>10} bytes\n\
             \x20 arena   {:>10} bytes\n",
            self.model,
            self.precision,
            self.sha256,
            self.parameters,
            self.macs_per_lr_pixel,
            n.scale,
            n.channels,
            n.width,
            n.inner,
            n.groups,
            n.blocks,
            n.states,
            n.dt_rank,
            n.mixer_skip,
            n.anchor,
            n.decay,
            n.mean,
            m.width,
            m.flash_bytes,
            m.arena_bytes,
        );
        // Writing to a string does not fail.
        if let Some(bytes) = m.object_bytes {
            let _ = writeln!(text, "  object  {bytes:>10} bytes (on this machine)");
        }
        let _ = writeln!(text, "  stack   {:>10} bytes\n", m.stack_bytes);
        let _ = write!(
            text,
            "{:name_width$}  outputs x inputs x taps  {:13}  rank  parameters",
            "weight", "form"
        );
        for w in &self.weights {
            let shape = format!("{} x {} x {}", w.outputs, w.inputs, w.taps);
            let rank = w
                .rank
                .map_or_else(|| "-".to_owned(), |rank| rank.to_string());
            let _ = write!(
                text,
                "\n{:name_width$}  {shape:>23}  {:13}  {rank:>4}  {:>10}",
                w.name, w.form, w.parameters
            );
        }
        text
    }
}
