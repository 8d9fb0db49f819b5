//! `mambalite import`: a checkpoint to a model file.

use std::path::PathBuf;

use clap::Args;
use mambalite::{Error, Result, checkpoint, import};
use serde::Serialize;

use super::network::hash;
use super::output::{Output, refuse_input};

const EXAMPLES: &str = "\
Examples:
  mambalite import DVMSR.pth --output dvmsr.mls
  mambalite import student.safetensors --output student.mls --json";

/// Makes a model file (f32) from a PyTorch or safetensors checkpoint.
///
/// The names of the tensors are those of DVMSR. Unknown and missing tensors are errors that name
/// them.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Cmd {
    /// Checkpoint: .pth, .pt or .safetensors.
    file: PathBuf,
    /// Model file to write (.mls).
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Serialize)]
struct Imported {
    input: PathBuf,
    output: PathBuf,
    parameters: usize,
    scale: usize,
    channels: usize,
    bytes: usize,
    sha256: String,
}

impl Cmd {
    /// Runs the command.
    pub(crate) fn run(self, output: Output) -> Result<()> {
        refuse_input(&self.output, std::slice::from_ref(&self.file))?;
        let checkpoint = checkpoint::load(&self.file)?;
        let file = import::import(&checkpoint).map_err(|cause| Error::Import {
            path: self.file.clone(),
            cause,
        })?;
        file.save(&self.output)?;
        let model = file.model();
        let config = model.config();
        let imported = Imported {
            input: self.file,
            output: self.output,
            parameters: config.parameters(model.forms()),
            scale: config.scale,
            channels: config.channels,
            bytes: model.bytes_len(),
            sha256: hash(&file),
        };
        output.print(&imported, || {
            let Imported {
                output,
                parameters,
                scale,
                bytes,
                sha256,
                ..
            } = &imported;
            let path = output.display();
            format!("{path}: x{scale}, {parameters} parameters, {bytes} bytes\nsha256 {sha256}")
        })
    }
}
