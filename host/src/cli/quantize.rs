//! `mambalite quantize`: a model to fixed point, and what that costs.

use std::path::PathBuf;

use clap::Args;
use mambalite::dataset::Dataset;
use mambalite::metrics::{luma, psnr};
use mambalite::model_file::ModelFile;
use mambalite::picture::Picture;
use mambalite::quantize::{PERCENTILE, quantize};
use mambalite::upscale::{Executor, upscale};
use mambalite::{Result, registry};
use mambalite_kernels::Precision;
use rayon::prelude::*;
use serde::Serialize;

use super::calibration::{Calibration, CalibrationArgs, EvalArgs, eval_means};
use super::network::{fixed_precision_parser, hash};
use super::output::{Output, refuse_input, refuse_missing_folder};
use super::{progress, usage_error};

const EXAMPLES: &str = "\
Examples:
  mambalite quantize mine.mls --calibration photos/ --precision w8a8 --output mine-w8a8.mls
  mambalite quantize mine.mls --calibration photos/ --precision w8a16 --pictures 16 \\
      --eval-dataset Set5 --lr Set5_LR/x4 --output mine-w8a16.mls";

/// Makes a fixed-point model of an f32 model, from pictures that show its value ranges.
///
/// The pictures of --calibration are high-resolution ones, which are reduced by the model's scale
/// (MATLAB's antialiased bicubic), or low-resolution ones with --calibration-lr. Prints what the
/// fixed point costs: PSNR on luma of both models against the high-resolution pictures, and of
/// the new model's results against the old one's.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Cmd {
    /// Name of a shipped model, or an f32 model file.
    #[arg(value_name = "NAME|FILE")]
    model: String,
    #[command(flatten)]
    calibration: CalibrationArgs,
    /// Number format of the new model.
    #[arg(long, value_parser = fixed_precision_parser())]
    precision: Precision,
    /// Part of the values that a range covers, in percent; what lies beyond is clipped.
    #[arg(long, value_name = "PERCENT", default_value_t = PERCENTILE)]
    percentile: f64,
    #[command(flatten)]
    eval: EvalArgs,
    /// Model file to write (.mls).
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

/// Mean PSNR on luma in dB.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Cost {
    set: &'static str,
    pictures: usize,
    /// Of the f32 model against the high-resolution pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    psnr_y_f32: Option<f64>,
    /// Of the new model against them.
    #[serde(skip_serializing_if = "Option::is_none")]
    psnr_y: Option<f64>,
    /// The first less the second.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_db: Option<f64>,
    /// Of the new model's results against those of the f32 model.
    #[serde(skip_serializing_if = "Option::is_none")]
    psnr_y_to_f32: Option<f64>,
}

#[derive(Serialize)]
struct Quantized {
    model: String,
    output: PathBuf,
    precision: String,
    percentile: f64,
    pictures: usize,
    bytes: usize,
    sha256: String,
}

impl Cmd {
    /// Runs the command.
    pub(crate) fn run(self, output: Output) -> Result<()> {
        if !(self.percentile > 50.0 && self.percentile <= 100.0) {
            usage_error("--percentile must lie above 50 and be at most 100");
        }
        let single = registry::load(&self.model, Some(Precision::F32))?;
        refuse_input(&self.output, &[PathBuf::from(&self.model)])?;
        refuse_missing_folder(&self.output)?;
        let eval_set = self.eval.open(&single)?;
        let calibration = self.calibration.load(&single)?;
        let bar = progress::bar(output, calibration.low.len() as u64, "pictures");
        bar.set_message("calibrating");
        let fixed = quantize(
            &single,
            &calibration.low,
            self.precision,
            self.percentile,
            &mut |done| bar.set_position(done as u64),
        );
        bar.finish_and_clear();
        let fixed = fixed?;
        fixed.save(&self.output)?;
        let cost = Cost::of_calibration(&calibration, &single, &fixed, output)?;
        output.print(&cost, || cost.text(self.precision))?;
        if let Some(set) = eval_set {
            let cost = eval_cost(&set, &single, &fixed, output)?;
            output.print(&cost, || cost.text(self.precision))?;
        }
        let quantized = Quantized {
            model: self.model,
            output: self.output,
            precision: self.precision.to_string(),
            percentile: self.percentile,
            pictures: calibration.low.len(),
            bytes: fixed.bytes().len(),
            sha256: hash(&fixed),
        };
        output.print(&quantized, || {
            let Quantized {
                output,
                precision,
                bytes,
                sha256,
                ..
            } = &quantized;
            format!(
                "{}: {precision}, {bytes} bytes\nsha256 {sha256}",
                output.display()
            )
        })
    }
}

impl Cost {
    /// Runs both models on the calibration pictures.
    fn of_calibration(
        pictures: &Calibration,
        single: &ModelFile,
        fixed: &ModelFile,
        output: Output,
    ) -> Result<Cost> {
        let (single, fixed) = (single.model(), fixed.model());
        let scale = single.config().scale;
        let bar = progress::bar(output, pictures.low.len() as u64, "pictures");
        bar.set_message("comparing");
        let score = |(low, high): (&Picture, &Option<Picture>)| {
            let ours = upscale(&fixed, low, Executor::Stream)?;
            let theirs = upscale(&single, low, Executor::Stream)?;
            bar.inc(1);
            let luma_psnr = |a: &Picture, b: &Picture| {
                psnr(
                    &luma(a).without_border(scale)?,
                    &luma(b).without_border(scale)?,
                )
            };
            let against_high = match high {
                Some(high) => Some((luma_psnr(high, &theirs)?, luma_psnr(high, &ours)?)),
                None => None,
            };
            Ok((against_high, luma_psnr(&theirs, &ours)?))
        };
        let pairs = pictures.low.par_iter().zip(&pictures.high);
        let scores = pairs.map(score).collect::<Result<Vec<_>>>();
        bar.finish_and_clear();
        let scores = scores?;
        let against_high: Option<Vec<_>> = scores.iter().map(|it| it.0).collect();
        let means = against_high.map(|it| {
            let (theirs, ours): (Vec<_>, Vec<_>) = it.into_iter().unzip();
            (mean(&theirs), mean(&ours))
        });
        let to_f32: Vec<f64> = scores.iter().map(|it| it.1).collect();
        Ok(Self::new(
            "calibration",
            scores.len(),
            means,
            Some(mean(&to_f32)),
        ))
    }

    fn new(
        set: &'static str,
        pictures: usize,
        means: Option<(f64, f64)>,
        psnr_y_to_f32: Option<f64>,
    ) -> Self {
        Self {
            set,
            pictures,
            psnr_y_f32: means.map(|it| it.0),
            psnr_y: means.map(|it| it.1),
            cost_db: means.map(|it| it.0 - it.1),
            psnr_y_to_f32,
        }
    }

    fn text(&self, precision: Precision) -> String {
        let mut text = format!("{} ({} pictures)", self.set, self.pictures);
        if let (Some(theirs), Some(ours), Some(cost)) = (self.psnr_y_f32, self.psnr_y, self.cost_db)
        {
            text +=
                &format!("\n  f32 {theirs:.3} dB, {precision} {ours:.3} dB: costs {cost:.3} dB");
        }
        if let Some(psnr) = self.psnr_y_to_f32 {
            text += &format!("\n  {precision} against the results of f32: {psnr:.2} dB");
        }
        text
    }
}

/// Scores both models on the evaluation set.
fn eval_cost(set: &Dataset, single: &ModelFile, fixed: &ModelFile, output: Output) -> Result<Cost> {
    let means = eval_means(set, [single, fixed], output)?;
    Ok(Cost::new(
        "eval",
        set.pairs().len(),
        Some((means[0], means[1])),
        None,
    ))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_f32_less_fixed() {
        let cost = Cost::new("eval", 5, Some((32.25, 32.0)), None);
        assert_eq!(cost.cost_db, Some(0.25));
        assert!(
            cost.text(Precision::W8A8)
                .contains("w8a8 32.000 dB: costs 0.250 dB")
        );
        assert_eq!(Cost::new("calibration", 1, None, Some(40.0)).cost_db, None);
    }
}
