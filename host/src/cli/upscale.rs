//! `mambalite upscale`: pictures through a network.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use indicatif::ProgressBar;
use mambalite::backend::Backend;
use mambalite::model_file::ModelFile;
use mambalite::picture::{self, Color, Picture};
use mambalite::upscale::{Executor, grid};
use mambalite::{Error, Result, parallel};
use rayon::prelude::*;
use serde::Serialize;

use super::network::{NetworkArgs, executor_name, hash};
use super::output::{Output, refuse_input, refuse_missing_folder};
use super::progress;

const EXAMPLES: &str = "\
Examples:
  mambalite upscale small.png --output large.png
  mambalite upscale holiday/ --output holiday-x4/
  mambalite upscale a.jpg b.webp --precision w8a8 --output out/
  mambalite upscale small.png --model mine.mls --executor patch --tile 48 --output large.png";

/// Extensions of the files that pictures are written to, in lower case.
const EXTENSIONS: [&str; 5] = ["png", "jpg", "jpeg", "webp", "bmp"];

/// Magnifies pictures.
///
/// Reads PNG, JPEG, WebP and BMP, files or folders (without subfolders). One file goes to the
/// file or into the folder that --output names; several need a folder, which is made where it is
/// missing. In a folder, the result of photo.jpg is photo_x4.png. Files there are replaced, but
/// never an input. A gray picture stays gray; transparency is dropped.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Cmd {
    /// Pictures, or folders of pictures.
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<PathBuf>,
    #[command(flatten)]
    network: NetworkArgs,
    /// Picture to write (.png, .jpg, .webp or .bmp), or a folder.
    #[arg(long, short, value_name = "FILE|DIR")]
    output: PathBuf,
    /// Threads, over pictures and within them; the result does not depend on it [default: all].
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

#[derive(Serialize)]
struct Upscaled {
    input: PathBuf,
    output: PathBuf,
    /// Width of the result in pixels.
    width: usize,
    /// Height of the result in pixels.
    height: usize,
    scale: usize,
    model_sha256: String,
    precision: String,
    executor: String,
    /// What computed it: `cpu` or `cuda`.
    backend: &'static str,
    /// Name of the GPU, if one did.
    device: Option<String>,
    seconds: f64,
}

/// One picture of a run.
struct Job {
    input: PathBuf,
    output: PathBuf,
}

/// What all pictures of a run share.
struct Run<'a> {
    file: &'a ModelFile,
    backend: Backend<'a>,
    executor: Executor,
    bar: ProgressBar,
    /// Threads of one picture.
    threads: usize,
}

impl Cmd {
    /// Runs the command.
    pub(crate) fn run(self, output: Output) -> Result<()> {
        let executor = self.network.executor();
        let inputs = picture::find(&self.inputs)?;
        let file = self.network.load()?;
        let jobs = self.jobs(inputs, file.model().config().scale)?;
        let backend = self.network.open(&file)?;
        // Pictures are read when their turn comes; the bar's length grows with them.
        let bar = progress::bar(output, 0, "LR rows");
        let total = jobs.len();
        let threads = self.threads.map_or_else(all_threads, NonZeroUsize::get);
        let at_once = threads.min(total).max(1);
        let run = Run {
            file: &file,
            backend,
            executor,
            bar,
            threads: threads / at_once,
        };
        let results = jobs.into_par_iter().map(|job| {
            let result = run
                .picture(job)
                .and_then(|done| run.bar.suspend(|| output.print(&done, || done.text())));
            if let (Err(error), true) = (&result, total > 1) {
                run.bar.suspend(|| eprintln!("error: {error}"));
            }
            result
        });
        let pool = parallel::pool(at_once)?;
        let results: Vec<Result<()>> = pool.install(|| results.collect());
        run.bar.finish_and_clear();
        let mut errors: Vec<Error> = results.into_iter().filter_map(Result::err).collect();
        let failed = errors.len();
        match errors.is_empty() {
            true => Ok(()),
            false if total == 1 => Err(errors.remove(0)),
            false => Err(Error::SomePictures {
                failed,
                total,
                first: Box::new(errors.remove(0)),
            }),
        }
    }

    /// Decides where each picture goes, before any of them is run.
    fn jobs(&self, inputs: Vec<PathBuf>, scale: usize) -> Result<Vec<Job>> {
        let ends_with_separator = self.output.as_os_str().as_encoded_bytes().ends_with(b"/");
        let several = inputs.len() > 1 || self.inputs.iter().any(|it| it.is_dir());
        let is_picture = has_picture_extension(&self.output) && !self.output.is_dir();
        if several && (is_picture || self.output.is_file()) {
            let (path, pictures) = (self.output.clone(), inputs.len());
            return Err(Error::OutputNotFolder { path, pictures });
        }
        if !several && !self.output.is_dir() && !ends_with_separator {
            if !is_picture {
                let path = self.output.clone();
                return Err(Error::PictureExtension { path });
            }
            refuse_input(&self.output, &inputs)?;
            refuse_missing_folder(&self.output)?;
            let output = self.output.clone();
            return Ok(inputs
                .into_iter()
                .map(|input| Job {
                    input,
                    output: output.clone(),
                })
                .collect());
        }
        let mut owners: BTreeMap<PathBuf, &Path> = BTreeMap::new();
        for input in &inputs {
            let stem = input.file_stem().unwrap_or_default().to_string_lossy();
            let path = self.output.join(format!("{stem}_x{scale}.png"));
            if let Some(first) = owners.insert(path.clone(), input) {
                let (first, second) = (first.to_path_buf(), input.clone());
                return Err(Error::OutputClash {
                    path,
                    first,
                    second,
                });
            }
            refuse_input(&path, &inputs)?;
        }
        std::fs::create_dir_all(&self.output).map_err(|cause| Error::Write {
            path: self.output.clone(),
            cause,
        })?;
        let job = |(output, input): (PathBuf, &Path)| Job {
            input: input.to_path_buf(),
            output,
        };
        Ok(owners.into_iter().map(job).collect())
    }
}

impl Run<'_> {
    /// Magnifies one picture.
    fn picture(&self, job: Job) -> Result<Upscaled> {
        let began = Instant::now();
        let model = self.file.model();
        let config = model.config();
        let stored = Picture::load(&job.input, Color::AsStored)?;
        let gray_on_rgb = stored.channels() == 1 && config.channels == 3;
        let low = if gray_on_rgb { stored.to_rgb() } else { stored };
        self.bar.inc_length(rows(&low, self.executor));
        let step = |rows| self.bar.inc(rows as u64);
        let magnified = self
            .backend
            .upscale(&low, self.executor, self.threads, &step);
        let (mut high, ran) = magnified?;
        if gray_on_rgb {
            high = high.to_gray();
        }
        high.save(&job.output)?;
        Ok(Upscaled {
            input: job.input,
            output: job.output,
            width: high.width(),
            height: high.height(),
            scale: config.scale,
            model_sha256: hash(self.file),
            precision: model.precision().to_string(),
            executor: executor_name(self.executor),
            backend: ran.backend,
            device: ran.device,
            seconds: began.elapsed().as_secs_f64(),
        })
    }
}

impl Upscaled {
    fn text(&self) -> String {
        let Self {
            output,
            width,
            height,
            device,
            seconds,
            ..
        } = self;
        let device = device
            .as_ref()
            .map_or_else(String::new, |it| format!(" on {it}"));
        format!(
            "{} ({width}x{height}, {seconds:.2} s{device})",
            output.display()
        )
    }
}

/// Returns the number of threads that the machine runs at once.
fn all_threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Counts the rows that an executor runs, halos included.
fn rows(picture: &Picture, executor: Executor) -> u64 {
    let tiles = grid(picture.width(), picture.height(), executor);
    tiles.map(|it| it.padded.height as u64).sum()
}

fn has_picture_extension(path: &Path) -> bool {
    let extension = path
        .extension()
        .and_then(|it| it.to_str())
        .map(str::to_ascii_lowercase);
    extension.is_some_and(|it| EXTENSIONS.contains(&it.as_str()))
}
