//! `mambalite quantize`: a model to fixed point, and what that costs.

use std::path::PathBuf;

use clap::Args;
use mambalite::dataset::{Dataset, LoadedPair, Pair};
use mambalite::metrics::{luma, psnr};
use mambalite::model_file::ModelFile;
use mambalite::picture::{self, Picture};
use mambalite::quantize::quantize;
use mambalite::upscale::{Executor, color, upscale};
use mambalite::{Result, registry};
use mambalite_kernels::Precision;
use rayon::prelude::*;
use serde::Serialize;

use super::network::{count, fixed_precision_parser, hash};
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
    /// Folder of pictures like those that the model will see.
    #[arg(long, value_name = "DIR")]
    calibration: PathBuf,
    /// The calibration pictures are of low resolution already.
    #[arg(long)]
    calibration_lr: bool,
    /// Number format of the new model.
    #[arg(long, value_parser = fixed_precision_parser())]
    precision: Precision,
    /// Part of the values that a range covers, in percent; what lies beyond is clipped.
    #[arg(long, value_name = "PERCENT", default_value_t = 99.99)]
    percentile: f64,
    /// Takes this many of the calibration pictures, evenly spread over their names.
    #[arg(long, value_name = "N", default_value_t = 32,
          value_parser = clap::value_parser!(u32).range(1..))]
    pictures: u32,
    /// Folder of high-resolution pictures to score both models on.
    #[arg(long, value_name = "DIR")]
    eval_dataset: Option<PathBuf>,
    /// Folder of the low-resolution pictures of --eval-dataset.
    #[arg(long, value_name = "DIR", requires = "eval_dataset")]
    lr: Option<PathBuf>,
    /// Model file to write (.mls).
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

/// Calibration pictures: low resolution, and high resolution where it is known.
struct Calibration {
    low: Vec<Picture>,
    high: Vec<Option<Picture>>,
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
        let eval_set = self.eval_set(&single)?;
        let calibration = self.calibration(&single)?;
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
        let cost = calibration.cost(&single, &fixed, output)?;
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

    /// Opens the evaluation set, before the work begins.
    fn eval_set(&self, single: &ModelFile) -> Result<Option<Dataset>> {
        let model = single.model();
        let config = model.config();
        let open = |high| Dataset::open(high, self.lr.as_deref(), config.scale, color(config));
        self.eval_dataset.as_deref().map(open).transpose()
    }

    /// Reads the calibration pictures.
    fn calibration(&self, single: &ModelFile) -> Result<Calibration> {
        let model = single.model();
        let config = model.config();
        let color = color(config);
        let wanted = self.pictures as usize;
        if self.calibration_lr {
            let paths = spread(picture::find_in_folder(&self.calibration)?, wanted);
            let load = |path: &PathBuf| Picture::load(path, color);
            let low = paths.par_iter().map(load).collect::<Result<Vec<_>>>()?;
            let high = low.iter().map(|_| None).collect();
            return Ok(Calibration { low, high });
        }
        let set = Dataset::open(&self.calibration, None, config.scale, color)?;
        let load = |pair: &Pair| {
            let LoadedPair { high, low } = set.load(pair)?;
            Ok((low, Some(high)))
        };
        let pairs = spread(set.pairs().to_vec(), wanted);
        let loaded = pairs.par_iter().map(load).collect::<Result<Vec<_>>>()?;
        let (low, high) = loaded.into_iter().unzip();
        Ok(Calibration { low, high })
    }
}

impl Calibration {
    /// Runs both models on the pictures.
    fn cost(&self, single: &ModelFile, fixed: &ModelFile, output: Output) -> Result<Cost> {
        let (single, fixed) = (single.model(), fixed.model());
        let scale = single.config().scale;
        let bar = progress::bar(output, self.low.len() as u64, "pictures");
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
        let pairs = self.low.par_iter().zip(&self.high);
        let scores = pairs.map(score).collect::<Result<Vec<_>>>();
        bar.finish_and_clear();
        let scores = scores?;
        let against_high: Option<Vec<_>> = scores.iter().map(|it| it.0).collect();
        let means = against_high.map(|it| {
            let (theirs, ours): (Vec<_>, Vec<_>) = it.into_iter().unzip();
            (mean(&theirs), mean(&ours))
        });
        let to_f32: Vec<f64> = scores.iter().map(|it| it.1).collect();
        Ok(Cost::new(
            "calibration",
            scores.len(),
            means,
            Some(mean(&to_f32)),
        ))
    }
}

impl Cost {
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
    let bar = progress::bar(output, 2 * count(set), "pictures");
    bar.set_message("evaluating");
    let mean = |file: &ModelFile| -> Result<f64> {
        let model = file.model();
        let evaluation = set.evaluate(|low| {
            let high = upscale(&model, low, Executor::Stream);
            bar.inc(1);
            high
        })?;
        Ok(evaluation.mean.psnr_y)
    };
    let means = mean(single).and_then(|theirs| Ok((theirs, mean(fixed)?)));
    bar.finish_and_clear();
    Ok(Cost::new("eval", set.pairs().len(), Some(means?), None))
}

/// Takes at most `wanted`, evenly spread, in order.
fn spread<T: Clone>(all: Vec<T>, wanted: usize) -> Vec<T> {
    if all.len() <= wanted {
        return all;
    }
    (0..wanted)
        .map(|i| all[i * all.len() / wanted].clone())
        .collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_spread_evenly() {
        let all: Vec<usize> = (0..10).collect();
        assert_eq!(spread(all.clone(), 3), [0, 3, 6]);
        assert_eq!(spread(all.clone(), 10), all);
        assert_eq!(spread(all.clone(), 99), all);
    }

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
