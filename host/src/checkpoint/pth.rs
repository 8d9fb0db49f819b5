//! PyTorch checkpoints: a zip file with a pickle program and one file for each storage.
//!
//! Nothing of the pickle program is executed; it is read as data (see `pickle`).

use std::collections::HashMap;
use std::io::{Cursor, Read};

use zip::{CompressionMethod, ZipArchive};

use super::pickle::{Element, Id, Program, Storage, Value, View};
use super::{Checkpoint, CheckpointError, MAX_ELEMENTS, Tensor};

/// Keys under which training programs keep the weights, the preferred one first: `params_ema`
/// holds the average over the training that papers evaluate.
const WEIGHT_KEYS: [&str; 3] = ["params_ema", "params", "state_dict"];

/// How many of [`WEIGHT_KEYS`] may lie inside each other.
const MAX_NESTING: usize = 4;

/// The metadata key that tells under which of `params_ema`, `params` and `state_dict` the tensors
/// were found.
pub const ENTRY_KEY: &str = "entry";

/// Reads the bytes of a `.pth` or `.pt` file as PyTorch 1.6 and later write it.
///
/// Of nested dictionaries that under `params_ema` is taken, else that under `params`, else that
/// under `state_dict`, else the outermost; which one stands in the metadata as [`ENTRY_KEY`].
/// Entries that are no tensors are left out.
///
/// # Errors
///
/// [`CheckpointError`] with what is wrong; names of unknown Python objects, number types and
/// instructions are in it.
pub fn parse(bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
    let mut archive = Archive::open(bytes)?;
    let program = Program::run(&archive.read("data.pkl")?)?;
    let (dict, entry) = weights(&program);
    let mut checkpoint = Checkpoint::default();
    let mut elements = 0_usize;
    for (name, id) in program.entries(dict).into_iter().flatten() {
        let Some(Value::Tensor(view)) = program.value(id) else {
            continue;
        };
        let count = element_count(view, name)?;
        elements = elements.saturating_add(count);
        if elements > MAX_ELEMENTS {
            return Err(CheckpointError::TooManyElements {
                limit: MAX_ELEMENTS,
            });
        }
        let Some(Value::Storage(storage)) = program.value(view.storage) else {
            return Err(inconsistent(name, "it has no storage"));
        };
        let data = archive.values(name, view, storage, count)?;
        checkpoint.tensors.insert(
            name.to_owned(),
            Tensor {
                shape: view.shape.clone(),
                data,
            },
        );
    }
    if checkpoint.tensors.is_empty() {
        return Err(CheckpointError::NoTensors {
            keys: keys(&program, dict),
        });
    }
    if !entry.is_empty() {
        checkpoint
            .metadata
            .insert(ENTRY_KEY.to_owned(), entry.join("."));
    }
    Ok(checkpoint)
}

/// Follows [`WEIGHT_KEYS`] from the outermost dictionary inwards.
fn weights(program: &Program) -> (Id, Vec<&'static str>) {
    let mut dict = program.root();
    let mut path = Vec::new();
    while path.len() < MAX_NESTING {
        let inner = WEIGHT_KEYS.iter().find_map(|&wanted| {
            // Of equal keys the last one counts.
            let (_, id) = program
                .entries(dict)?
                .rev()
                .find(|&(key, _)| key == wanted)?;
            matches!(program.value(id), Some(Value::Dict(_))).then_some((wanted, id))
        });
        let Some((key, id)) = inner else { break };
        path.push(key);
        dict = id;
    }
    (dict, path)
}

/// Lists the first keys of a dictionary for a message.
fn keys(program: &Program, dict: Id) -> String {
    let Some(entries) = program.entries(dict) else {
        return "(it is no dictionary)".to_owned();
    };
    let shorten = |(key, _): (&str, Id)| key.chars().take(40).collect::<String>();
    let listed: Vec<String> = entries.take(12).map(shorten).collect();
    if listed.is_empty() {
        "(none)".to_owned()
    } else {
        listed.join(", ")
    }
}

fn element_count(view: &View, name: &str) -> Result<usize, CheckpointError> {
    let product = view
        .shape
        .iter()
        .try_fold(1_usize, |product, &n| product.checked_mul(n));
    product.ok_or_else(|| inconsistent(name, "its shape is too large"))
}

fn inconsistent(name: &str, what: &'static str) -> CheckpointError {
    CheckpointError::Tensor {
        name: name.to_owned(),
        what,
    }
}

/// The zip container, with the storages that were read: tensors may share one.
struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// The folder of all entries, with its slash.
    prefix: String,
    /// Bytes that may still be read. No two entries of a sound file share bytes, so that the
    /// whole file's length suffices; it bounds memory and time for any other.
    budget: u64,
    storages: HashMap<String, Vec<u8>>,
}

impl<'a> Archive<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, CheckpointError> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(damaged_zip)?;
        let prefixes: Vec<String> = zip
            .file_names()
            .filter_map(|name| Some(name.ok()?.strip_suffix("data.pkl")?.to_owned()))
            .filter(|prefix| prefix.ends_with('/'))
            .collect();
        let [prefix] = prefixes.as_slice() else {
            return Err(CheckpointError::NotPth {
                found: prefixes.len(),
            });
        };
        let prefix = prefix.clone();
        let mut archive = Self {
            zip,
            prefix,
            budget: bytes.len() as u64,
            storages: HashMap::new(),
        };
        // Files from before PyTorch 2.1 have no such entry and are little-endian.
        if archive
            .zip
            .index_for_name(&format!("{}byteorder", archive.prefix))
            .is_some()
        {
            let order = archive.read("byteorder")?;
            if order.trim_ascii() != b"little" {
                let found = String::from_utf8_lossy(&order).chars().take(40).collect();
                return Err(CheckpointError::ByteOrder { found });
            }
        }
        Ok(archive)
    }

    fn read(&mut self, name: &str) -> Result<Vec<u8>, CheckpointError> {
        let path = format!("{}{name}", self.prefix);
        let entry = self.zip.by_name(&path).map_err(damaged_zip)?;
        if entry.compression() != CompressionMethod::Stored {
            let cause = format!("entry `{path}` is compressed, which PyTorch never does");
            return Err(CheckpointError::Zip { cause });
        }
        self.budget =
            self.budget
                .checked_sub(entry.size())
                .ok_or_else(|| CheckpointError::Zip {
                    cause: format!("entry `{path}` overlaps others"),
                })?;
        let mut content = Vec::new();
        let limit = entry.size();
        entry
            .take(limit + 1)
            .read_to_end(&mut content)
            .map_err(|cause| CheckpointError::Zip {
                cause: format!("entry `{path}`: {cause}"),
            })?;
        if content.len() as u64 != limit {
            let cause = format!("entry `{path}` has not the stated length");
            return Err(CheckpointError::Zip { cause });
        }
        Ok(content)
    }

    fn values(
        &mut self,
        name: &str,
        view: &View,
        storage: &Storage,
        count: usize,
    ) -> Result<Vec<f32>, CheckpointError> {
        let float = match storage.element {
            Element::Float(float) => float,
            Element::Other(dtype) => {
                let (name, dtype) = (name.to_owned(), dtype.to_owned());
                return Err(CheckpointError::DataType { name, dtype });
            }
        };
        if count == 0 {
            return Ok(Vec::new());
        }
        let last = last_index(view).filter(|&last| last < storage.length);
        last.ok_or_else(|| inconsistent(name, "it reaches beyond its storage"))?;
        let bytes = self.storage(&storage.key)?;
        if storage
            .length
            .checked_mul(float.bytes())
            .is_none_or(|needed| bytes.len() < needed)
        {
            return Err(inconsistent(name, "its storage is shorter than stated"));
        }
        let values: Option<Vec<f32>> = indices(view, count)
            .map(|index| {
                let start = index * float.bytes();
                float.decode(bytes.get(start..start + float.bytes())?)
            })
            .collect();
        values.ok_or_else(|| inconsistent(name, "it reaches beyond its storage"))
    }

    fn storage(&mut self, key: &str) -> Result<&[u8], CheckpointError> {
        if !self.storages.contains_key(key) {
            let content = self.read(&format!("data/{key}"))?;
            self.storages.insert(key.to_owned(), content);
        }
        Ok(self
            .storages
            .get(key)
            .map(Vec::as_slice)
            .unwrap_or_default())
    }
}

/// Returns the largest storage index of a view that is not empty; `None` where it overflows.
fn last_index(view: &View) -> Option<usize> {
    let mut dimensions = view.shape.iter().zip(&view.strides);
    dimensions.try_fold(view.offset, |index, (&length, &stride)| {
        index.checked_add(length.checked_sub(1)?.checked_mul(stride)?)
    })
}

/// Walks the storage indices of a view, whose last index was checked, in row-major order.
fn indices(view: &View, count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(|position| {
        let mut rest = position;
        let mut index = view.offset;
        for (&length, &stride) in view.shape.iter().zip(&view.strides).rev() {
            index += rest % length * stride;
            rest /= length;
        }
        index
    })
}

fn damaged_zip(cause: zip::result::ZipError) -> CheckpointError {
    CheckpointError::Zip {
        cause: cause.to_string(),
    }
}
