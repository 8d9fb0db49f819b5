//! `mambalite export`: a model file for other programs.

use std::path::{Path, PathBuf};

use clap::Args;
use mambalite::checkpoint::safetensors;
use mambalite::model_file::ModelFile;
use mambalite::{Error, Result, atomic_file, export, registry};
use mambalite_kernels::Precision;
use serde::Serialize;

use super::network::hash;
use super::output::{Output, refuse_input, refuse_missing_folder};

const EXAMPLES: &str = "\
Examples:
  mambalite export student.mls --output student.safetensors
  mambalite import student.safetensors --output again.mls
  mambalite export student.mls --output student.onnx

The second of these files has the bits of student.mls. PyTorch loads, trains and saves such
files with the package in host/torch.";

/// Writes an f32 model for other programs: safetensors with PyTorch's parameter names, or ONNX.
///
/// The ending of --output decides.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Cmd {
    /// Name of a shipped model, or an f32 model file.
    #[arg(value_name = "NAME|FILE")]
    model: String,
    /// File to write (.safetensors or .onnx).
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

/// A format of other programs.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Format {
    Safetensors,
    Onnx,
}

impl Format {
    /// Returns the format of a file name's ending.
    fn of(path: &Path) -> Result<Self> {
        let ending = path.extension().and_then(|it| it.to_str());
        match ending.map(str::to_ascii_lowercase).as_deref() {
            Some("safetensors") => Ok(Self::Safetensors),
            Some("onnx") => Ok(Self::Onnx),
            _ => Err(Error::ExportEnding {
                path: path.to_path_buf(),
            }),
        }
    }
}

#[derive(Serialize)]
struct Written {
    model: String,
    output: PathBuf,
    format: Format,
    parameters: usize,
    /// Decay rates that the format cannot hold exactly.
    rates_rounded: usize,
    /// Of the model file.
    sha256: String,
}

impl Cmd {
    /// Runs the command.
    pub(crate) fn run(self, output: Output) -> Result<()> {
        let format = Format::of(&self.output)?;
        refuse_input(&self.output, &[PathBuf::from(&self.model)])?;
        refuse_missing_folder(&self.output)?;
        let file = registry::load(&self.model, Some(Precision::F32))?;
        let rates_rounded = self.write(format, &file)?;
        let model = file.model();
        let written = Written {
            parameters: model.config().parameters(model.forms()),
            sha256: hash(&file),
            model: self.model,
            output: self.output,
            format,
            rates_rounded,
        };
        output.print(&written, || {
            let path = written.output.display();
            let rounded = match written.rates_rounded {
                0 => String::new(),
                n => format!("\n{n} decay rates have no logarithm in f32 and were rounded"),
            };
            format!("{path}: {} parameters{rounded}", written.parameters)
        })
    }

    /// Writes the file; returns the number of rates that were rounded.
    fn write(&self, format: Format, file: &ModelFile) -> Result<usize> {
        let refused = |cause| Error::Model {
            path: PathBuf::from(&self.model),
            cause,
        };
        match format {
            Format::Safetensors => {
                let exported = export::checkpoint(&file.model()).map_err(refused)?;
                safetensors::save(&exported.checkpoint, &self.output)?;
                Ok(exported.rates_rounded)
            }
            Format::Onnx => {
                let bytes = export::onnx(&file.model()).map_err(refused)?;
                atomic_file::write(&self.output, |out| out.write_all(&bytes))?;
                Ok(0)
            }
        }
    }
}
