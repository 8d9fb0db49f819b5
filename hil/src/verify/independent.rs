//! Every vector once more, with the second implementation: `tests/independent`, in Python, which shares
//! no line with the kernels. It is part of this program, so that a certificate is verified without the
//! repository.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use mambalite::picture::Picture;
use tempfile::TempDir;

use super::VerifyError;
use super::again::Expected;
use crate::error::{Error, Result};

macro_rules! package {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../tests/independent/",
            $name
        )))),*]
    };
}

/// The files of the package that a network takes.
const PACKAGE: &[(&str, &str)] = package![
    "__init__.py",
    "digest.py",
    "fixed.py",
    "model_file.py",
    "network.py",
    "picture.py",
    "sequence.py",
    "single.py",
    "vectors.py",
];

/// The model's file in the folder of the package.
const MODEL: &str = "model.mls";

/// Second implementations at work; dropped, they are ended.
pub(super) struct Workers {
    workers: Vec<Worker>,
    count: usize,
    _folder: TempDir,
}

/// One process, and which vectors it computes, in order.
struct Worker {
    process: Process,
    vectors: Vec<usize>,
}

/// A process that does not outlive its owner.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Lets as many processes as there are processors compute `pictures`; nothing where there is no Python.
///
/// # Errors
/// [`Error::Write`], [`VerifyError::Independent`].
pub(super) fn start(model: &[u8], pictures: &[&Picture]) -> Result<Option<Workers>> {
    let version = Command::new("python3").arg("--version").output();
    if !version.is_ok_and(|output| output.status.success()) {
        return Ok(None);
    }
    let folder = tempfile::tempdir().map_err(Error::write(&std::env::temp_dir()))?;
    let package = folder.path().join("independent");
    std::fs::create_dir(&package).map_err(Error::write(&package))?;
    for (name, text) in PACKAGE {
        let path = package.join(name);
        std::fs::write(&path, text).map_err(Error::write(&path))?;
    }
    let path = folder.path().join(MODEL);
    std::fs::write(&path, model).map_err(Error::write(&path))?;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let shares = shares(pictures, processors);
    let start = |vectors| Worker::start(folder.path(), vectors, pictures);
    let workers = shares.into_iter().map(start).collect::<Result<_>>()?;
    Ok(Some(Workers {
        workers,
        count: pictures.len(),
        _folder: folder,
    }))
}

/// Deals pictures to `count` workers, each to the one that has the fewest pixels, the largest first.
fn shares(pictures: &[&Picture], count: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<_> = (0..pictures.len()).collect();
    let pixels = |index: usize| pictures.get(index).map_or(0, |it| it.data().len());
    order.sort_by_key(|&index| std::cmp::Reverse(pixels(index)));
    let mut shares = vec![(0, Vec::new()); count.min(pictures.len())];
    for index in order {
        if let Some((load, share)) = shares.iter_mut().min_by_key(|(load, _)| *load) {
            *load += pixels(index);
            share.push(index);
        }
    }
    shares.into_iter().map(|(_, share)| share).collect()
}

impl Worker {
    fn start(folder: &Path, vectors: Vec<usize>, pictures: &[&Picture]) -> Result<Self> {
        let spawned = Command::new("python3")
            // Nothing of the user's own is imported, and no compiled file is written.
            .args(["-B", "-s", "-m", "independent.vectors", MODEL])
            .current_dir(folder)
            .env_remove("PYTHONPATH")
            .env_remove("PYTHONHOME")
            .env_remove("PYTHONSAFEPATH")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut process = Process(spawned.map_err(failed)?);
        let mut lines = String::new();
        for picture in vectors.iter().filter_map(|&index| pictures.get(index)) {
            let (width, height, channels) = picture.shape();
            let pixels = hex::encode(picture.data());
            lines += &format!("{width} {height} {channels} {pixels}\n");
        }
        // It reads all before it writes, and so does not wait for us.
        if let Some(mut input) = process.0.stdin.take() {
            input.write_all(lines.as_bytes()).map_err(failed)?;
        }
        Ok(Self { process, vectors })
    }

    /// Waits for the end and returns what its vectors gave.
    fn finish(&mut self) -> Result<Vec<Expected>> {
        let child = &mut self.process.0;
        let mut text = Vec::new();
        let mut errors = Vec::new();
        // Errors are few lines at its end, which fit the pipe.
        for (pipe, kept) in [
            (child.stdout.take().map(boxed), &mut text),
            (child.stderr.take().map(boxed), &mut errors),
        ] {
            if let Some(mut pipe) = pipe {
                pipe.read_to_end(kept).map_err(failed)?;
            }
        }
        let status = child.wait().map_err(failed)?;
        let text = String::from_utf8_lossy(&text);
        let found: Vec<_> = text.lines().filter_map(parse).collect();
        if !status.success() || found.len() != self.vectors.len() {
            let errors = String::from_utf8_lossy(&errors);
            return Err(failed(format!("{status}: {}", errors.trim())).into());
        }
        Ok(found)
    }
}

fn boxed(pipe: impl std::io::Read + 'static) -> Box<dyn std::io::Read> {
    Box::new(pipe)
}

fn parse(line: &str) -> Option<Expected> {
    let (output, layers) = line.split_once(' ')?;
    Some(Expected {
        output: output.to_owned(),
        layers: layers.to_owned(),
    })
}

impl Workers {
    /// Waits for all and returns what the pictures gave, in their order.
    ///
    /// # Errors
    /// [`VerifyError::Independent`] with its words.
    pub(super) fn finish(mut self) -> Result<Vec<Expected>> {
        let mut found = vec![None; self.count];
        for worker in &mut self.workers {
            let outputs = worker.finish()?;
            for (&index, output) in worker.vectors.iter().zip(outputs) {
                if let Some(place) = found.get_mut(index) {
                    *place = Some(output);
                }
            }
        }
        Ok(found.into_iter().flatten().collect())
    }
}

fn failed(cause: impl ToString) -> VerifyError {
    VerifyError::Independent {
        cause: cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_is_dealt_once_and_the_shares_are_even() {
        let sizes = [9, 1, 4, 4, 2, 7, 3];
        let all: Vec<_> = sizes
            .iter()
            .map(|&width| Picture::new(width, 1, 1, vec![0; width]).unwrap())
            .collect();
        let pictures: Vec<_> = all.iter().collect();
        let shares = shares(&pictures, 2);
        let mut dealt = shares.concat();
        dealt.sort_unstable();
        assert_eq!(dealt, (0..sizes.len()).collect::<Vec<_>>());
        let load = |share: &Vec<usize>| share.iter().map(|&it| sizes[it]).sum::<usize>();
        assert_eq!(shares.iter().map(load).collect::<Vec<_>>(), [15, 15]);
    }
}
