//! `mambalite compress`: a trained model in less memory.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use mambalite::compress::{Budget, Factored, compress};
use mambalite::model_file::ModelFile;
use mambalite::picture::Picture;
use mambalite::{Result, registry};
use mambalite_kernels::Precision;
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

What was lost comes back by `mambalite distill`, with the new model as the student and the old
one as its teacher.";

/// Factorises the weights of a trained f32 model to a budget, each with a rank of its own.
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
#[group(required = true, multiple = false)]
struct BudgetArgs {
    /// Trained numbers of the new model, at most.
    #[arg(long, value_name = "N")]
    parameters: Option<usize>,
    /// Multiply-accumulates of an LR pixel, at most.
    #[arg(long, value_name = "N")]
    macs: Option<usize>,
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
        bar.set_message("looking at pictures");
        let (budget, factored) = (self.budget(), self.factored());
        let progress = |done| bar.set_position(done as u64);
        let after = compress(&before, &patches, budget, factored, &progress);
        bar.finish_and_clear();
        let after = after?;
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
            cut: cuts(&before, &after),
            scores,
            sha256: hash(&after),
        };
        output.print(&compressed, || compressed.text())
    }

    fn budget(&self) -> Budget {
        match (self.budget.parameters, self.budget.macs) {
            (Some(limit), _) => Budget::Parameters(limit),
            (None, limit) => Budget::Macs(limit.unwrap_or(usize::MAX)),
        }
    }

    fn factored(&self) -> Factored {
        match self.form {
            FormArg::IdentityRows => Factored::IdentityRows,
            FormArg::LowRank => Factored::LowRank,
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
        if let Some(scores) = &self.scores {
            text += &format!(
                "eval ({} pictures): {:.3} dB before, {:.3} dB now\n",
                scores.pictures, scores.psnr_y_before, scores.psnr_y
            );
        }
        text + &format!("{}\nsha256 {}", self.output.display(), self.sha256)
    }
}

/// Returns the weights whose form changed.
fn cuts(before: &ModelFile, after: &ModelFile) -> Vec<Cut> {
    let (before, after) = (before.model(), after.model());
    let forms = before.forms().zip(after.forms());
    let weights = before.config().weights().zip(forms);
    let changed = weights.filter(|(_, (before, after))| before != after);
    changed
        .map(|(weight, (_, form))| Cut {
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
