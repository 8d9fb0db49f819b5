//! A larger network whose outputs a student learns.
//!
//! It runs on each patch as the student sees it, or on each whole picture once; those outputs are
//! kept in files that later runs find again. A teacher is far from doing the same on a turned
//! picture, or near the border of a patch: outputs of the very patch teach more a minute.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use mambalite_kernels::{Layer, Precision, Tap, Value};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::data::{Pictures, Place};
use super::error::TrainError;
use super::model::Kind;
use crate::model_file::ModelFile;
use crate::picture::Picture;
use crate::upscale::{Executor, upscale_with};
use crate::{Error, Result, atomic_file, registry};

/// First bytes of a file of outputs.
const MAGIC: [u8; 8] = *b"mlteach1";
/// Bytes before the samples: [`MAGIC`], width, height and channels as 32-bit words.
const HEAD_BYTES: u64 = 20;
/// Steps of a stored sample from black to white; 1/16384 is a 64th of a grey level.
const STEPS: f32 = 16384.0;

/// A network of single precision.
#[derive(Debug)]
pub struct Teacher {
    file: ModelFile,
    /// Whether the student learns the features after the groups too.
    features: bool,
}

/// What a teacher makes of a picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Taught {
    /// The output before it is clamped, `[h scale, w scale, channels]` with 1 for white.
    pub output: Vec<f32>,
    /// The features after each group, `[h, w, C]`, where they are learned.
    pub groups: Vec<Vec<f32>>,
}

/// How a teacher is asked.
#[derive(Debug)]
pub enum Teaching {
    /// On each patch.
    Crop(Teacher),
    /// On each picture once.
    Picture(Outputs),
}

/// Files with a teacher's outputs of whole pictures: 16-bit samples in steps of 1/16384, clamped
/// to -2..2.
#[derive(Debug)]
pub struct Outputs {
    /// One for each picture.
    files: Vec<PathBuf>,
}

impl Teacher {
    /// Takes a network of single precision, of which outputs are wanted only.
    pub(crate) fn of(file: ModelFile) -> Self {
        Self {
            file,
            features: false,
        }
    }

    /// Loads a teacher by name or file and checks that it is of the student's kind; where
    /// `features` are to be learned, that includes the width.
    ///
    /// # Errors
    /// Those of [`registry::load`], [`TrainError::Teacher`].
    pub fn load(name: &str, student: Kind, features: bool) -> Result<Self> {
        let file = registry::load(name, Some(Precision::F32))?;
        let model = file.model();
        let config = model.config();
        let Kind {
            channels, scale, ..
        } = student;
        if features && config.width != student.width {
            return Err(TrainError::TeacherWidth {
                teacher: name.to_owned(),
                found: config.width,
                width: student.width,
            }
            .into());
        }
        if (config.channels, config.scale) != (channels, scale) {
            return Err(TrainError::Teacher {
                teacher: name.to_owned(),
                found_channels: config.channels,
                found_scale: config.scale,
                channels,
                scale,
            }
            .into());
        }
        Ok(Self { file, features })
    }

    /// Returns the hash of the model file.
    pub fn hash(&self) -> [u8; 32] {
        self.file.model().sha256()
    }

    /// Runs on a picture.
    ///
    /// # Errors
    /// As [`crate::upscale::upscale`].
    pub fn run(&self, low: &Picture) -> Result<Taught> {
        let model = self.file.model();
        let mut taught = Taught::default();
        if self.features {
            taught.groups.resize(model.config().groups, Vec::new());
        }
        upscale_with(&model, low, Executor::Stream, &mut taught, &mut |_| ())?;
        Ok(taught)
    }

    /// Runs on every picture whose output is not yet in `folder`; `progress` is called after each,
    /// and says whether to go on. Returns nothing where it was told not to.
    ///
    /// # Errors
    /// [`Error::Write`] into the folder; as [`Teacher::run`].
    pub fn outputs(
        &self,
        pictures: &Pictures,
        folder: &Path,
        progress: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<Outputs>> {
        fs::create_dir_all(folder).map_err(|cause| Error::Write {
            path: folder.to_path_buf(),
            cause,
        })?;
        let files = (0..pictures.count()).into_par_iter().with_max_len(1);
        let files = files.map(|picture| {
            let path = folder.join(self.file_name(pictures, picture));
            let low = pictures.whole_low(picture)?;
            let (width, height) = (low.width(), low.height());
            let shape = [
                width * pictures.scale(),
                height * pictures.scale(),
                low.channels(),
            ];
            if !is_whole(&path, shape) {
                save(&path, shape, &self.run(&low)?.output)?;
            }
            Ok(progress().then_some(path))
        });
        // Both an error and the wish to stop end the search for more.
        let files: Option<Vec<_>> = files.collect::<Result<_>>()?;
        Ok(files.map(|files| Outputs { files }))
    }

    /// Names the file of an output by all that it is made of.
    fn file_name(&self, pictures: &Pictures, picture: usize) -> String {
        let mut hash = Sha256::new();
        hash.update(self.hash());
        hash.update(pictures.hash(picture));
        hash.update([pictures.scale() as u8]);
        format!("{}.teacher", hex::encode(&hash.finalize()[..16]))
    }
}

impl Outputs {
    /// Cuts the patch at `place` out of the output.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn crop(&self, pictures: &Pictures, place: Place) -> Result<Vec<f32>> {
        let path = &self.files[place.picture];
        let scale = pictures.scale();
        let (x, y, side) = (place.x * scale, place.y * scale, pictures.side() * scale);
        read(path, x, y, side).map_err(|cause| Error::Read {
            path: path.clone(),
            cause,
        })
    }
}

/// Keeps the output as it was before it was clamped, and the features of as many groups as it has
/// room for.
impl Tap for Taught {
    fn record<V: Value>(&mut self, layer: Layer, values: &[V]) {
        let kept = match layer {
            Layer::Output => Some(&mut self.output),
            Layer::Group { group } => self.groups.get_mut(usize::from(group)),
            _ => None,
        };
        if let Some(kept) = kept {
            kept.extend(values.iter().map(|v| v.real() as f32));
        }
    }
}

/// Tells whether a file has an output of `[width, height, channels]`.
fn is_whole(path: &Path, shape: [usize; 3]) -> bool {
    let samples = shape.iter().product::<usize>() as u64;
    let found = File::open(path).and_then(|file| Ok((file.metadata()?.len(), head(&mut &file)?)));
    found.is_ok_and(|it| it == (HEAD_BYTES + 2 * samples, shape))
}

fn save(path: &Path, shape: [usize; 3], output: &[f32]) -> Result<()> {
    atomic_file::write(path, |file| {
        file.write_all(&MAGIC)?;
        for dimension in shape {
            file.write_all(&(dimension as u32).to_le_bytes())?;
        }
        for value in output {
            // The conversion clamps.
            let steps = (value * STEPS).round_ties_even() as i16;
            file.write_all(&steps.to_le_bytes())?;
        }
        Ok(())
    })
}

/// Reads width, height and channels.
fn head(file: &mut impl Read) -> io::Result<[usize; 3]> {
    let mut bytes = [0; HEAD_BYTES as usize];
    file.read_exact(&mut bytes)?;
    let (magic, words) = bytes.split_at(MAGIC.len());
    if magic != MAGIC {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "this is no output of a teacher; remove the file",
        ));
    }
    let mut shape = [0; 3];
    for (dimension, word) in shape.iter_mut().zip(words.chunks_exact(4)) {
        *dimension = u32::from_le_bytes([word[0], word[1], word[2], word[3]]) as usize;
    }
    Ok(shape)
}

/// Reads the square at `(x, y)` of a file of outputs.
fn read(path: &Path, x: usize, y: usize, side: usize) -> io::Result<Vec<f32>> {
    let mut file = File::open(path)?;
    let [width, _, channels] = head(&mut file)?;
    let mut bytes = vec![0; 2 * side * channels];
    let mut output = Vec::with_capacity(side * side * channels);
    for y in y..y + side {
        let sample = (y * width + x) * channels;
        file.seek(SeekFrom::Start(HEAD_BYTES + 2 * sample as u64))?;
        file.read_exact(&mut bytes)?;
        let steps = bytes
            .chunks_exact(2)
            .map(|it| i16::from_le_bytes([it[0], it[1]]));
        output.extend(steps.map(|it| f32::from(it) / STEPS));
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_outputs_come_back_rounded_and_clamped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.teacher");
        let shape = [5, 4, 3];
        let output: Vec<f32> = (0..60).map(|i| i as f32 * 0.03 - 0.4).collect();
        assert!(!is_whole(&path, shape));
        save(&path, shape, &output).unwrap();
        assert!(is_whole(&path, shape));
        assert!(!is_whole(&path, [4, 5, 3]));
        let found = read(&path, 1, 2, 2).unwrap();
        let expected = (2..4).flat_map(|y| (3..9).map(move |i| output_at(y * 15 + i)));
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (found - expected).abs() <= 0.5 / STEPS,
                "{found} {expected}"
            );
        }
        save(&path, [1, 1, 1], &[7.0]).unwrap();
        assert_eq!(read(&path, 0, 0, 1).unwrap(), [32767.0 / STEPS]);
        fs::write(&path, b"something else, of no use").unwrap();
        assert!(read(&path, 0, 0, 1).is_err());
    }

    fn output_at(i: usize) -> f32 {
        i as f32 * 0.03 - 0.4
    }
}
