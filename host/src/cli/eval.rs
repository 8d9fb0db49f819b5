//! `mambalite eval`: scores of a network, or of bicubic enlargement, over a set.

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use mambalite::Result;
use mambalite::dataset::{BicubicProtocol, Dataset, Evaluation};
use mambalite::picture::Color;
use mambalite::upscale::color;
use serde::Serialize;

use super::network::{NetworkArgs, count, executor_name, hash, refuse_scale};
use super::output::Output;
use super::progress;

const EXAMPLES: &str = "\
Examples:
  mambalite eval --dataset Set5 --scale 4
  mambalite eval --dataset Set5 --lr Set5_LR/x4 --scale 4 --model dvmsr.mls
  mambalite eval --dataset BSD100 --scale 3 --method bicubic --protocol y-double
  mambalite eval --dataset Set5 --scale 4 --precision w8a8 --json | tail -n 1";

/// Scores a network, or bicubic enlargement, on a folder of pictures.
///
/// PSNR and SSIM are taken on unrounded luma (BT.601) without a border as wide as the scale. The
/// low-resolution pictures come from --lr, or are made by MATLAB's antialiased bicubic. The last
/// line has the means.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Cmd {
    /// Folder of high-resolution pictures.
    #[arg(long, value_name = "DIR")]
    dataset: PathBuf,
    /// Folder of low-resolution pictures of the same names (x4 and the like may follow them).
    #[arg(long, value_name = "DIR")]
    lr: Option<PathBuf>,
    /// Factor between the two.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(2..=16))]
    scale: u8,
    /// Scores this method instead of a network.
    #[arg(long, conflicts_with_all = ["model", "precision", "backend", "executor", "tile", "halo"])]
    method: Option<Method>,
    /// How the bicubic baseline is taken: as networks are scored, or as most papers print it.
    #[arg(long, requires = "method")]
    protocol: Option<Protocol>,
    #[command(flatten)]
    network: NetworkArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Method {
    Bicubic,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Protocol {
    /// 8-bit RGB pictures, luma of the result; beside networks.
    Rgb,
    /// Luma alone, rounded at both ends only; the published rows. Makes its own LR pictures.
    YDouble,
}

/// Scores of one picture.
#[derive(Serialize)]
struct PictureLine<'a> {
    picture: &'a str,
    psnr_y: f64,
    ssim_y: f64,
}

/// The last line.
#[derive(Serialize)]
struct MeanLine {
    dataset: PathBuf,
    pictures: usize,
    scale: usize,
    #[serde(flatten)]
    method: MethodLine,
    psnr_y: f64,
    ssim_y: f64,
    seconds: f64,
}

/// What was scored.
#[derive(Serialize)]
#[serde(tag = "method", rename_all = "kebab-case")]
enum MethodLine {
    Bicubic {
        protocol: String,
    },
    Network {
        model: String,
        model_sha256: String,
        precision: String,
        executor: String,
        /// `cpu` or `cuda`.
        backend: &'static str,
        /// Name of the GPU, of that.
        device: Option<String>,
    },
}

impl Cmd {
    /// Runs the command.
    pub(crate) fn run(self, output: Output) -> Result<()> {
        let began = Instant::now();
        let (evaluation, method) = match self.method {
            Some(Method::Bicubic) => self.bicubic(output)?,
            None => self.network(output)?,
        };
        print(output, &evaluation)?;
        let line = MeanLine {
            dataset: self.dataset,
            pictures: evaluation.pictures.len(),
            scale: self.scale.into(),
            method,
            psnr_y: evaluation.mean.psnr_y,
            ssim_y: evaluation.mean.ssim_y,
            seconds: began.elapsed().as_secs_f64(),
        };
        let name_width = name_width(&evaluation);
        output.print(&line, || row(name_width, "mean", line.psnr_y, line.ssim_y))
    }

    fn open(&self, color: Color) -> Result<Dataset> {
        Dataset::open(&self.dataset, self.lr.as_deref(), self.scale.into(), color)
    }

    fn bicubic(&self, output: Output) -> Result<(Evaluation, MethodLine)> {
        let set = self.open(Color::AsStored)?;
        let protocol = match self.protocol {
            None | Some(Protocol::Rgb) => BicubicProtocol::Rgb,
            Some(Protocol::YDouble) => BicubicProtocol::YDouble,
        };
        let bar = progress::bar(output, count(&set), "pictures");
        let evaluation = set.evaluate_bicubic(protocol);
        bar.finish_and_clear();
        Ok((
            evaluation?,
            MethodLine::Bicubic {
                protocol: protocol.to_string(),
            },
        ))
    }

    fn network(&self, output: Output) -> Result<(Evaluation, MethodLine)> {
        let executor = self.network.executor();
        let file = self.network.load()?;
        refuse_scale(&self.network.model, &file, self.scale.into())?;
        let model = file.model();
        let set = self.open(color(model.config()))?;
        let backend = self.network.open(&file)?;
        let bar = progress::bar(output, count(&set), "pictures");
        // Pictures run beside one another, a thread each.
        let evaluation = set.evaluate(|low| {
            let high = backend.upscale(low, executor, 1, &|_| ());
            bar.inc(1);
            high.map(|(high, _)| high)
        });
        bar.finish_and_clear();
        let ran = backend.ran();
        let method = MethodLine::Network {
            model: self.network.model.clone(),
            model_sha256: hash(&file),
            precision: model.precision().to_string(),
            executor: executor_name(executor),
            backend: ran.backend,
            device: ran.device,
        };
        Ok((evaluation?, method))
    }
}

/// Prints the rows of the pictures.
fn print(output: Output, evaluation: &Evaluation) -> Result<()> {
    let width = name_width(evaluation);
    output.text(|| format!("{:width$}  PSNR-Y dB  SSIM-Y", "picture"))?;
    for picture in &evaluation.pictures {
        let line = PictureLine {
            picture: &picture.name,
            psnr_y: picture.scores.psnr_y,
            ssim_y: picture.scores.ssim_y,
        };
        output.print(&line, || row(width, line.picture, line.psnr_y, line.ssim_y))?;
    }
    Ok(())
}

fn name_width(evaluation: &Evaluation) -> usize {
    let names = evaluation.pictures.iter().map(|it| it.name.chars().count());
    names.chain(["picture".len()]).max().unwrap_or_default()
}

fn row(width: usize, name: &str, psnr_y: f64, ssim_y: f64) -> String {
    format!("{name:width$}  {psnr_y:9.3}  {ssim_y:6.4}")
}
