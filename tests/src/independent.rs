//! Runs the second implementation of the specification, `tests/independent`, beside the kernels'
//! reference, and compares them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mambalite::model_file::ModelFile;
use mambalite::picture::Picture;
use mambalite_kernels::arith::{Arithmetic, Fixed, Float};
use mambalite_kernels::exec::part::Part;
use mambalite_kernels::exec::stream::Stream;
use mambalite_kernels::{Digests, Kernels, Layer, Plan, Precision};

/// The folder that holds the package.
pub const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

/// Exit status of the second implementation for a file that it refuses.
const REFUSED: i32 = 2;

/// What a picture gives in a network.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Run {
    /// Name and digest of each layer, in the order of execution.
    pub layers: Vec<(String, u64)>,
    /// Bytes of the magnified picture.
    pub bytes: Vec<u8>,
}

impl Run {
    /// Returns the first layer, or byte, in which `other` differs.
    pub fn first_difference(&self, other: &Self) -> Option<String> {
        let pairs = self.layers.iter().zip(&other.layers);
        for ((name, ours), (of_other, theirs)) in pairs {
            if name != of_other {
                return Some(format!("layer {name}: it is {of_other} there"));
            }
            if ours != theirs {
                return Some(format!("layer {name}: {ours:#018x}, not {theirs:#018x}"));
            }
        }
        if self.layers.len() != other.layers.len() {
            let (ours, theirs) = (self.layers.len(), other.layers.len());
            return Some(format!("{ours} layers, not {theirs}"));
        }
        let differs = self
            .bytes
            .iter()
            .zip(&other.bytes)
            .position(|(a, b)| a != b);
        match differs {
            Some(i) => Some(format!(
                "byte {i}: {}, not {}",
                self.bytes[i], other.bytes[i]
            )),
            None if self.bytes.len() == other.bytes.len() => None,
            None => Some(format!(
                "{} bytes, not {}",
                self.bytes.len(),
                other.bytes.len()
            )),
        }
    }
}

/// Says whether there is a Python to run the second implementation; prints `SKIP` where not.
pub fn has_python() -> bool {
    let found = Command::new("python3").arg("--version").output();
    let found = found.is_ok_and(|output| output.status.success());
    if !found {
        println!("SKIP independent: python3 is not installed");
    }
    found
}

/// Runs a module of the package in a folder that holds it (or a changed copy).
///
/// # Errors
/// `python3` does not start.
pub fn python(folder: &Path, module: &str, arguments: &[&str]) -> io::Result<Output> {
    Command::new("python3")
        .args(["-B", "-m", module])
        .args(arguments)
        .current_dir(folder)
        .output()
}

/// Runs a model file in the second implementation: what it gives, or why it refuses the file.
///
/// * `folder` - the folder that holds the package.
/// * `scratch` - a folder for the files that it reads and writes.
///
/// # Errors
/// Files cannot be written or read, or the program fails in another way than by refusing; the
/// message holds what it printed.
pub fn independent(
    folder: &Path,
    scratch: &Path,
    model: &[u8],
    picture: &Picture,
) -> io::Result<Result<Run, String>> {
    let [model_path, small, big] = ["model.mls", "small.pnm", "big.pnm"].map(|n| scratch.join(n));
    std::fs::write(&model_path, model)?;
    std::fs::write(&small, portable(picture))?;
    let text = |path: &PathBuf| path.display().to_string();
    let arguments = [&text(&model_path), &text(&small), "--output", &text(&big)].map(String::from);
    let output = python(
        folder,
        "independent",
        &arguments.each_ref().map(String::as_str),
    )?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(0) => {}
        Some(REFUSED) => return Ok(Err(errors)),
        _ => return Err(io::Error::other(errors)),
    }
    let mut layers = digests(&output.stdout)?;
    layers.pop();
    let file = std::fs::read(big)?;
    // Three lines of header stand before the bytes.
    let bytes = file
        .splitn(4, |&byte| byte == b'\n')
        .nth(3)
        .unwrap_or_default();
    let bytes = bytes.to_vec();
    Ok(Ok(Run { layers, bytes }))
}

/// Reads lines of a name and a digest; the last line is of the picture's bytes.
fn digests(text: &[u8]) -> io::Result<Vec<(String, u64)>> {
    let bad = |line: &str| io::Error::other(format!("no digest: {line}"));
    let parse = |line: &str| {
        let (name, digest) = line.split_once(" 0x").ok_or_else(|| bad(line))?;
        let digest = u64::from_str_radix(digest, 16).map_err(|_| bad(line))?;
        Ok((name.to_owned(), digest))
    };
    String::from_utf8_lossy(text).lines().map(parse).collect()
}

/// Returns the golden digests that a folder's second implementation computes: of the cases that
/// are named, or of all.
///
/// # Errors
/// The program fails or prints something else; the message holds what it printed.
pub fn golden(folder: &Path, names: &[&str]) -> io::Result<BTreeMap<String, Vec<u64>>> {
    let output = python(folder, "independent.golden", names)?;
    if !output.status.success() {
        return Err(io::Error::other(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ));
    }
    let mut cases = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let mut words = line.split(' ');
        let name = words.next().unwrap_or_default().to_owned();
        let digest = |word: &str| u64::from_str_radix(word.trim_start_matches("0x"), 16);
        let digests = words.map(digest).collect::<Result<_, _>>();
        cases.insert(name, digests.map_err(io::Error::other)?);
    }
    Ok(cases)
}

/// Returns a picture as binary PGM or PPM.
fn portable(picture: &Picture) -> Vec<u8> {
    let (width, height, channels) = picture.shape();
    let signature = if channels == 3 { "P6" } else { "P5" };
    let mut file = format!("{signature}\n{width} {height}\n255\n").into_bytes();
    file.extend_from_slice(picture.data());
    file
}

/// Runs a model in the kernels' reference, never in a variant.
///
/// # Panics
/// The picture is not of the model's channels.
pub fn reference(file: &ModelFile, picture: &Picture) -> Run {
    match file.model().precision() {
        Precision::F32 => reference_of::<Float<f32>>(file, picture),
        Precision::W8A16 => reference_of::<Fixed<i16>>(file, picture),
        Precision::W8A8 => reference_of::<Fixed<i8>>(file, picture),
    }
}

fn reference_of<A: Arithmetic>(file: &ModelFile, picture: &Picture) -> Run {
    let model = file.model();
    let (width, height, _) = picture.shape();
    let kernels = Kernels::<A>::reference();
    let words = Plan::with_kernels(&kernels, &model, width)
        .arena_bytes
        .div_ceil(8);
    let mut arena = vec![0; words];
    let whole = Part::whole(model.config());
    let mut stream = Stream::with_kernels(kernels, whole, &model, (width, height), &mut arena)
        .expect("the arena is as long as the plan says");
    let mut digests = Digests::new(model.config(), vec![0; Layer::count(model.config())]);
    let mut bytes = Vec::new();
    for row in picture.rows() {
        let mut sink = |_: usize, row: &[u8]| bytes.extend_from_slice(row);
        stream
            .push_row(row, &mut digests, &mut sink)
            .expect("a row of the picture");
    }
    let names = Layer::all(model.config()).map(|layer| layer.to_string());
    let layers = names.zip(digests.as_slice().iter().copied()).collect();
    Run { layers, bytes }
}
