//! The network on command, so that start-up is not timed and peers can take turns.
//!
//! A line `run` on the standard input runs the network once and answers with the seconds it took; a
//! line `output FILE` writes the last result there (bytes, interleaved). The first answer, after
//! loading, is `ready N` with the number of threads that runs use.

use std::fs;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use mambalite::model_file::ModelFile;
use mambalite::parallel;
use mambalite::picture::Picture;
use mambalite::upscale::{Executor, color};

/// Runs the network on the picture. The one place that knows how the library is called.
fn magnify(model: &ModelFile, picture: &Picture, threads: usize) -> Result<Picture> {
    let (model, executor) = (model.model(), Executor::Stream);
    Ok(parallel::upscale(
        &model,
        picture,
        executor,
        threads,
        &|_| (),
    )?)
}

/// Loads, says so, and serves the standard input to its end.
pub(crate) fn run(
    model: &Path,
    picture: &Path,
    (width, height): (usize, usize),
    threads: usize,
) -> Result<()> {
    let model = ModelFile::load(model)?;
    let data = fs::read(picture).with_context(|| format!("read {}", picture.display()))?;
    let channels = match color(model.model().config()) {
        mambalite::picture::Color::Gray => 1,
        _ => 3,
    };
    let picture = Picture::new(width, height, channels, data)?;
    answer(&format!("ready {threads}"))?;
    let mut last = None;
    for line in io::stdin().lock().lines() {
        let line = line?;
        match (line.split_once(' '), &last) {
            (None, _) if line == "run" => {
                let start = Instant::now();
                last = Some(magnify(&model, &picture, threads)?);
                answer(&start.elapsed().as_secs_f64().to_string())?;
            }
            (Some(("output", path)), Some(last)) => {
                fs::write(path, last.data()).with_context(|| format!("write {path}"))?;
                answer("done")?;
            }
            _ => bail!("not a command here: {line}"),
        }
    }
    Ok(())
}

fn answer(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}
