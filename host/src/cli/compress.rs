//! `mambalite compress`: a trained model in less memory.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use mambalite::clock::Clock;
use mambalite::compress::shrink::{Dimensions, shrink};
use mambalite::compress::{Budget, Factored, Factorization};
use mambalite::model_file::ModelFile;
use mambalite::picture::Picture;
use mambalite::{Result, registry};
use mambalite_kernels::config::Weight;
use mambalite_kernels::{Form, Model, Precision};
use serde::Serialize;

use super::calibration::{CalibrationArgs, EvalArgs, eval_means};
use super::network::hash;
use super::output::{Output, refuse_input, refuse_missing_folder};
use super::progress;

const EXAMPLES: &str = "\
Examples:
  mambalite compress teacher.mls --calibration photos/ --parameters 300000 --output small.mls
  mambalite compress teacher.mls --calibration photos/ --macs 200000 --form low-rank \\
      --eval-dataset Set5 --lr Set5_LR/x4 --output small.mls
  mambalite compress teacher.mls --calibration photos/ --states 8 --inner 96 --output small.mls
  mambalite compress teacher.mls --calibration photos/ --milliseconds 900 \\
      --measure './on-the-board.sh {model}' --output small.mls

The command of --measure prints a model's milliseconds, or another measure that grows with them such as
instructions, in its last line; it is asked ten times.

What was lost comes back by `mambalite distill`, with the new model as the student and the old
one as its teacher.";

/// Takes dimensions off a trained f32 model, and factorises its weights to a budget, each with a rank
/// of its own.
///
/// A weight is cut where pictures like those of --calibration lose least: by what its inputs are
/// and by how much its outputs move the result. Nothing is trained.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Cmd {
    /// Name of a shipped model, or an f32 model file.
    #[arg(value_name = "NAME|FILE")]
    model: String,
    #[command(flatten)]
    calibration: CalibrationArgs,
    #[command(flatten)]
    budget: BudgetArgs,
    /// Form of the weights that are cut.
    #[arg(long, default_value = "identity-rows")]
    form: FormArg,
    /// Side of the part of each calibration picture that is looked at, in LR pixels.
    #[arg(long, value_name = "N", default_value_t = 48,
          value_parser = clap::value_parser!(u32).range(8..))]
    patch: u32,
    #[command(flatten)]
    eval: EvalArgs,
    /// Model file to write (.mls).
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = true)]
struct BudgetArgs {
    /// Trained numbers of the new model, at most.
    #[arg(long, value_name = "N", group = "ranks")]
    parameters: Option<usize>,
    /// Multiply-accumulates of an LR pixel, at most.
    #[arg(long, value_name = "N", group = "ranks")]
    macs: Option<usize>,
    /// Milliseconds of a picture, at most: of a square of --row-width on one thread of this machine,
    /// or as --measure says.
    #[arg(long, value_name = "MS", group = "ranks")]
    milliseconds: Option<f64>,
    /// Command that takes the time of the model file `{model}`, such as on a board; words are parted
    /// by blanks.
    #[arg(
        long,
        value_name = "COMMAND",
        requires = "milliseconds",
        value_delimiter = ' '
    )]
    measure: Option<Vec<String>>,
    /// Side of the picture that this machine takes the time with, in LR pixels.
    #[arg(long, value_name = "N", requires = "milliseconds", default_value_t = 64,
          value_parser = clap::value_parser!(u16).range(8..))]
    row_width: u16,
    /// Groups of blocks to keep.
    #[arg(long, value_name = "N")]
    groups: Option<usize>,
    /// Blocks of each group to keep.
    #[arg(long, value_name = "N")]
    blocks: Option<usize>,
    /// Features to keep.
    #[arg(long, value_name = "N")]
    width: Option<usize>,
    /// Inner channels of each mixer to keep.
    #[arg(long, value_name = "N")]
    inner: Option<usize>,
    /// States of each inner channel to keep.
    #[arg(long, value_name = "N")]
    states: Option<usize>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormArg {
    /// Two matrices, of which some rows of the second are the identity: never dearer than dense.
    IdentityRows,
    /// Two matrices.
    LowRank,
}

/// Size of a model.
#[derive(Serialize)]
struct Size {
    parameters: usize,
    macs_per_lr_pixel: usize,
}

/// A weight that was cut.
#[derive(Serialize)]
struct Cut {
    weight: String,
    outputs: usize,
    inputs: usize,
    rank: usize,
}

/// Mean PSNR on luma in dB of the evaluation set.
#[derive(Serialize)]
struct Scores {
    pictures: usize,
    psnr_y_before: f64,
    psnr_y: f64,
}

#[derive(Serialize)]
struct Compressed {
    model: String,
    output: PathBuf,
    before: Size,
    after: Size,
    /// Of the new model, where that was the budget.
    milliseconds: Option<f64>,
    cut: Vec<Cut>,
    scores: Option<Scores>,
    sha256: String,
}

impl Cmd {
    /// Runs the command.
    pub(crate) fn run(self, output: Output) -> Result<()> {
        let before = registry::load(&self.model, Some(Precision::F32))?;
        refuse_input(&self.output, &[PathBuf::from(&self.model)])?;
        refuse_missing_folder(&self.output)?;
        let eval_set = self.eval.open(&before)?;
        let pictures = self.calibration.load(&before)?;
        let patches = pictures.low.iter().enumerate();
        let patches: Vec<Picture> = patches
            .map(|(i, picture)| patch(picture, self.patch as usize, i))
            .collect::<Result<_>>()?;
        let bar = progress::bar(output, patches.len() as u64, "patches");
        let after = self.compressed(&before, &patches, &bar);
        bar.finish_and_clear();
        let (after, milliseconds) = after?;
        after.save(&self.output)?;
        let scores = match &eval_set {
            None => None,
            Some(set) => {
                let [psnr_y_before, psnr_y] = eval_means(set, [&before, &after], output)?;
                Some(Scores {
                    pictures: set.pairs().len(),
                    psnr_y_before,
                    psnr_y,
                })
            }
        };
        let compressed = Compressed {
            model: self.model,
            output: self.output,
            before: Size::of(&before),
            after: Size::of(&after),
            milliseconds,
            cut: cuts(&before, &after),
            scores,
            sha256: hash(&after),
        };
        output.print(&compressed, || compressed.text())
    }

    /// Takes dimensions off first, and ranks off what is left; with its milliseconds where they are
    /// the budget.
    fn compressed(
        &self,
        before: &ModelFile,
        patches: &[Picture],
        bar: &ProgressBar,
    ) -> Result<(ModelFile, Option<f64>)> {
        let dimensions = self.budget.dimensions();
        let smaller = shrink(before, patches, &dimensions, &|what| {
            bar.set_message(format!("choosing {what}"));
        })?;
        let budget = self.budget.budget();
        if budget.is_none() && self.budget.milliseconds.is_none() {
            return Ok((smaller, None));
        }
        bar.set_message("looking at pictures");
        let progress = |done| bar.set_position(done as u64);
        let ranks = Factorization::new(&smaller, patches, &progress)?;
        if let Some(budget) = budget {
            return Ok((ranks.within(budget, self.factored())?, None));
        }
        bar.set_message("taking times");
        let limit = self.budget.milliseconds.unwrap_or(f64::INFINITY);
        let clock = self.budget.clock();
        let (file, milliseconds) =
            ranks.within_time(limit, self.factored(), &mut |file| clock.milliseconds(file))?;
        Ok((file, Some(milliseconds)))
    }

    fn factored(&self) -> Factored {
        match self.form {
            FormArg::IdentityRows => Factored::IdentityRows,
            FormArg::LowRank => Factored::LowRank,
        }
    }
}

impl BudgetArgs {
    fn budget(&self) -> Option<Budget> {
        let parameters = self.parameters.map(Budget::Parameters);
        parameters.or(self.macs.map(Budget::Macs))
    }

    fn clock(&self) -> Clock {
        Clock {
            command: self.measure.clone(),
            side: self.row_width.into(),
        }
    }

    fn dimensions(&self) -> Dimensions {
        Dimensions {
            groups: self.groups,
            blocks: self.blocks,
            width: self.width,
            inner: self.inner,
            states: self.states,
        }
    }
}

impl Size {
    fn of(file: &ModelFile) -> Self {
        let model = file.model();
        let config = model.config();
        Self {
            parameters: config.parameters(model.forms()),
            macs_per_lr_pixel: config.macs_per_pixel(model.forms()),
        }
    }
}

impl Compressed {
    fn text(&self) -> String {
        let mut text = String::new();
        for cut in &self.cut {
            let (weight, outputs, inputs, rank) = (&cut.weight, cut.outputs, cut.inputs, cut.rank);
            text += &format!("  {weight:<50} {inputs:>4} -> {outputs:<4} rank {rank}\n");
        }
        text += &format!(
            "parameters {} -> {}, multiply-accumulates an LR pixel {} -> {}\n",
            self.before.parameters,
            self.after.parameters,
            self.before.macs_per_lr_pixel,
            self.after.macs_per_lr_pixel
        );
        if let Some(milliseconds) = self.milliseconds {
            text += &format!("milliseconds {milliseconds:.3}\n");
        }
        if let Some(scores) = &self.scores {
            text += &format!(
                "eval ({} pictures): {:.3} dB before, {:.3} dB now\n",
                scores.pictures, scores.psnr_y_before, scores.psnr_y
            );
        }
        text + &format!("{}\nsha256 {}", self.output.display(), self.sha256)
    }
}

/// Returns the weights of the new model that have factors which the old one did not have.
fn cuts(before: &ModelFile, after: &ModelFile) -> Vec<Cut> {
    let (before, after) = (before.model(), after.model());
    let factors = |model: &Model<'_>| -> Vec<(Weight, Form)> {
        let weights = model.config().weights().zip(model.forms());
        weights.filter(|(_, form)| form.rank().is_some()).collect()
    };
    let old = factors(&before);
    let new = factors(&after);
    let cut = new.into_iter().filter(|it| !old.contains(it));
    cut.map(|(weight, form)| Cut {
        weight: weight.name.to_string(),
        outputs: weight.outputs,
        inputs: weight.inputs * weight.taps,
        rank: form.rank().unwrap_or(weight.outputs),
    })
    .collect()
}

/// Cuts a patch out of picture number `i`: each picture's at another place.
fn patch(picture: &Picture, side: usize, i: usize) -> Result<Picture> {
    let (width, height) = (side.min(picture.width()), side.min(picture.height()));
    let at = |room: usize, step: usize| (i + 1) * step % (room + 1);
    let x = at(picture.width() - width, 61);
    let y = at(picture.height() - height, 97);
    picture.crop(x, y, width, height)
}
