//! All that a run needs to go on to the same bits, in one safetensors file.
//!
//! Times are not in it: a run that was interrupted and one that was not have the same last file.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use bytemuck::Pod;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use crate::train::config::Config;
use crate::train::error::TrainError;
use crate::train::optimizer::State;
use crate::{Error, Result, atomic_file};

/// Key of the file's metadata.
const KEY: &str = "mambalite.run";
/// The version of what lies there.
const SCHEMA: u32 = 1;

/// The state of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Parameters, moments, average, and steps done.
    pub state: State,
    /// Steps of the run, once they are known.
    pub steps: Option<u64>,
    /// Scores so far.
    pub history: Vec<Score>,
    /// The configuration.
    pub config: Config,
    /// What the run was started with.
    pub inputs: Inputs,
}

/// The score after a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Steps done.
    pub step: u64,
    /// Mean PSNR on luma in dB.
    pub psnr_y: f64,
}

/// Hashes of the files that decide a run, in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Inputs {
    /// Of the training pictures.
    pub pictures: String,
    /// Of the model that the run starts from.
    pub start: Option<String>,
    /// Of the teacher.
    pub teacher: Option<String>,
}

impl Inputs {
    /// Names what differs.
    pub fn differ(&self, other: &Self) -> Option<&'static str> {
        if self.pictures != other.pictures {
            Some("the training pictures")
        } else if self.start != other.start {
            Some("the model that it starts from")
        } else if self.teacher != other.teacher {
            Some("the teacher")
        } else {
            None
        }
    }
}

/// What is not an array.
#[derive(Deserialize, Serialize)]
struct Head {
    schema: u32,
    step: u64,
    steps: Option<u64>,
    config: Config,
    inputs: Inputs,
}

impl Checkpoint {
    /// Writes the file, atomically.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn save(&self, path: &Path) -> Result<()> {
        let bytes = self.to_bytes().map_err(|cause| Error::Write {
            path: path.to_path_buf(),
            cause: std::io::Error::other(cause),
        })?;
        atomic_file::write(path, |file| file.write_all(&bytes))
    }

    fn to_bytes(&self) -> Result<Vec<u8>, String> {
        let head = Head {
            schema: SCHEMA,
            step: self.state.step,
            steps: self.steps,
            config: self.config.clone(),
            inputs: self.inputs.clone(),
        };
        let head = serde_json::to_string(&head).map_err(|cause| cause.to_string())?;
        let steps: Vec<u64> = self.history.iter().map(|it| it.step).collect();
        let psnrs: Vec<f64> = self.history.iter().map(|it| it.psnr_y).collect();
        let state = &self.state;
        let tensors = [
            ("values", view(&state.values, Dtype::F32)?),
            ("first", view(&state.first, Dtype::F32)?),
            ("second", view(&state.second, Dtype::F32)?),
            ("average", view(&state.average, Dtype::F32)?),
            ("history.step", view(&steps, Dtype::U64)?),
            ("history.psnr_y", view(&psnrs, Dtype::F64)?),
        ];
        let metadata = HashMap::from([(KEY.to_owned(), head)]);
        safetensors::serialize(tensors, Some(metadata)).map_err(|cause| cause.to_string())
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Read`], [`TrainError::Checkpoint`].
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(|cause| Error::Read {
            path: path.to_path_buf(),
            cause,
        })?;
        let damaged = |cause| TrainError::Checkpoint {
            path: path.to_path_buf(),
            cause,
        };
        Ok(Self::of_bytes(&bytes).map_err(damaged)?)
    }

    fn of_bytes(bytes: &[u8]) -> Result<Self, String> {
        let text = |cause: safetensors::SafeTensorError| cause.to_string();
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(text)?;
        let head = metadata.metadata().as_ref().and_then(|it| it.get(KEY));
        let head = head.ok_or("it is no checkpoint of a run")?;
        let head: Head = serde_json::from_str(head).map_err(|cause| cause.to_string())?;
        if head.schema != SCHEMA {
            return Err(format!("it is of version {}, not {SCHEMA}", head.schema));
        }
        let tensors = SafeTensors::deserialize(bytes).map_err(text)?;
        let numbers = |name| numbers::<f32>(&tensors, name, Dtype::F32);
        let state = State {
            values: numbers("values")?,
            first: numbers("first")?,
            second: numbers("second")?,
            average: numbers("average")?,
            step: head.step,
        };
        let len = state.values.len();
        if [&state.first, &state.second, &state.average]
            .iter()
            .any(|it| it.len() != len)
        {
            return Err("its arrays have different lengths".to_owned());
        }
        let steps = self::numbers::<u64>(&tensors, "history.step", Dtype::U64)?;
        let psnrs = self::numbers::<f64>(&tensors, "history.psnr_y", Dtype::F64)?;
        let history = steps.into_iter().zip(psnrs);
        Ok(Self {
            state,
            steps: head.steps,
            history: history
                .map(|(step, psnr_y)| Score { step, psnr_y })
                .collect(),
            config: head.config,
            inputs: head.inputs,
        })
    }
}

/// Shows an array to safetensors, whose files are little-endian as every machine that this runs
/// on.
fn view<T: Pod>(values: &[T], dtype: Dtype) -> Result<TensorView<'_>, String> {
    let bytes = bytemuck::cast_slice(values);
    TensorView::new(dtype, vec![values.len()], bytes).map_err(|cause| cause.to_string())
}

fn numbers<T: Pod>(tensors: &SafeTensors<'_>, name: &str, dtype: Dtype) -> Result<Vec<T>, String> {
    let tensor = tensors.tensor(name).map_err(|cause| cause.to_string())?;
    if tensor.dtype() != dtype {
        return Err(format!("array `{name}` is of another type"));
    }
    let pieces = tensor.data().chunks_exact(size_of::<T>());
    Ok(pieces.map(bytemuck::pod_read_unaligned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::config::EXAMPLE;

    fn checkpoint() -> Checkpoint {
        let mut state = State::new(vec![0.1, -2.0, 1e-30]);
        state.second[1] = 3.5;
        state.step = 7;
        Checkpoint {
            state,
            steps: Some(20),
            history: vec![
                Score {
                    step: 0,
                    psnr_y: 28.123_456_789_012_345,
                },
                Score {
                    step: 5,
                    psnr_y: f64::INFINITY,
                },
            ],
            config: Config::parse(EXAMPLE, Path::new("example")).unwrap(),
            inputs: Inputs {
                pictures: "ab".to_owned(),
                start: None,
                teacher: Some("cd".to_owned()),
            },
        }
    }

    #[test]
    fn comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        let written = checkpoint();
        written.save(&path).unwrap();
        let read = Checkpoint::load(&path).unwrap();
        assert_eq!(read, written);
        assert_eq!(read.to_bytes().unwrap(), fs::read(&path).unwrap());
    }

    #[test]
    fn damage_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        let bytes = checkpoint().to_bytes().unwrap();
        let other =
            safetensors::serialize([("values", view(&[1.0_f32], Dtype::F32).unwrap())], None);
        let cases = [
            (&bytes[..bytes.len() - 1], "damaged"),
            (b"nothing", "damaged"),
            (&other.unwrap()[..], "no checkpoint of a run"),
        ];
        for (bytes, expected) in cases {
            fs::write(&path, bytes).unwrap();
            let message = Checkpoint::load(&path).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn inputs_that_differ_are_named() {
        let inputs = checkpoint().inputs;
        let mut other = inputs.clone();
        assert_eq!(inputs.differ(&other), None);
        other.teacher = None;
        assert_eq!(inputs.differ(&other), Some("the teacher"));
    }
}
