//! Arguments of the commands that look at pictures to change a model, and score it afterwards.

use std::path::PathBuf;

use clap::Args;
use mambalite::Result;
use mambalite::dataset::{Dataset, LoadedPair, Pair};
use mambalite::model_file::ModelFile;
use mambalite::picture::{self, Picture};
use mambalite::upscale::{Executor, color, upscale};
use rayon::prelude::*;

use super::network::count;
use super::output::Output;
use super::progress;

/// Which pictures show a model what it will see.
#[derive(Args, Debug)]
pub(crate) struct CalibrationArgs {
    /// Folder of pictures like those that the model will see.
    #[arg(long, value_name = "DIR")]
    calibration: PathBuf,
    /// The calibration pictures are of low resolution already.
    #[arg(long)]
    calibration_lr: bool,
    /// Takes this many of the calibration pictures, evenly spread over their names.
    #[arg(long, value_name = "N", default_value_t = 32,
          value_parser = clap::value_parser!(u32).range(1..))]
    pictures: u32,
}

/// Which pictures a model is scored on.
#[derive(Args, Debug)]
pub(crate) struct EvalArgs {
    /// Folder of high-resolution pictures to score both models on.
    #[arg(long, value_name = "DIR")]
    eval_dataset: Option<PathBuf>,
    /// Folder of the low-resolution pictures of --eval-dataset.
    #[arg(long, value_name = "DIR", requires = "eval_dataset")]
    lr: Option<PathBuf>,
}

/// Calibration pictures: low resolution, and high resolution where it is known.
pub(crate) struct Calibration {
    pub(crate) low: Vec<Picture>,
    pub(crate) high: Vec<Option<Picture>>,
}

impl CalibrationArgs {
    /// Reads the calibration pictures.
    pub(crate) fn load(&self, model: &ModelFile) -> Result<Calibration> {
        let model = model.model();
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

impl EvalArgs {
    /// Opens the evaluation set, before the work begins.
    pub(crate) fn open(&self, model: &ModelFile) -> Result<Option<Dataset>> {
        let model = model.model();
        let config = model.config();
        let open = |high| Dataset::open(high, self.lr.as_deref(), config.scale, color(config));
        self.eval_dataset.as_deref().map(open).transpose()
    }
}

/// Scores models on a set: mean PSNR on luma in dB.
pub(crate) fn eval_means<const N: usize>(
    set: &Dataset,
    models: [&ModelFile; N],
    output: Output,
) -> Result<[f64; N]> {
    let bar = progress::bar(output, N as u64 * count(set), "pictures");
    bar.set_message("evaluating");
    let mut means = [0.0; N];
    for (mean, file) in means.iter_mut().zip(models) {
        let model = file.model();
        let evaluation = set.evaluate(|low| {
            let high = upscale(&model, low, Executor::Stream);
            bar.inc(1);
            high
        });
        *mean = evaluation
            .inspect_err(|_| bar.finish_and_clear())?
            .mean
            .psnr_y;
    }
    bar.finish_and_clear();
    Ok(means)
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
}
