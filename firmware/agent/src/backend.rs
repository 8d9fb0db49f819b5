//! What runs the network: this processor, or an NVIDIA GPU.

use mambalite_firmware_app::{Run, Runner};
use mambalite_hil_wire::{Backend, Fault};
use mambalite_host_gpu::{Gpu, GpuError, Input};
use mambalite_kernels::{Model, Tap};

use crate::arguments::Choice;
use crate::sensors::cut;

/// What was found to run the network.
pub(crate) enum Found<'m> {
    /// The kernels on this processor.
    Cpu {
        /// Why no GPU, where one was looked for.
        note: String,
    },
    /// A GPU that gave the bytes of this processor for a small picture.
    Gpu(Box<OnGpu<'m>>),
}

/// What the handshake says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Facts {
    /// This processor; why no GPU.
    Cpu(String),
    /// A GPU; its name.
    Cuda(String),
}

impl<'m> Found<'m> {
    /// Looks for what is wanted.
    ///
    /// * `model` - the model file, and what may follow it. One that cannot be read needs no GPU: the
    ///   handshake says what is wrong with it.
    ///
    /// # Errors
    /// For [`Choice::Cuda`] whatever is wrong, for [`Choice::Auto`] only a GPU whose kernels fail or
    /// err.
    pub(crate) fn new(choice: Choice, model: &'m [u8]) -> Result<Self, GpuError> {
        let cpu = |note: String| Ok(Self::Cpu { note });
        if choice == Choice::Cpu {
            return cpu(String::new());
        }
        let file = Model::parse(model).ok();
        let Some(file) = file.and_then(|it| model.get(..it.bytes_len())) else {
            return cpu("there is no model that it could run".to_owned());
        };
        match Gpu::open(file) {
            Ok(gpu) => Ok(Self::Gpu(Box::new(OnGpu(gpu)))),
            Err(cause) if choice == Choice::Auto && cause.is_absence() => cpu(cause.to_string()),
            Err(cause) => Err(cause),
        }
    }

    /// Returns what the handshake says of it.
    pub(crate) fn facts(&self) -> Facts {
        match self {
            Self::Cpu { note } => Facts::Cpu(cut(note)),
            Self::Gpu(gpu) => Facts::Cuda(cut(gpu.0.device())),
        }
    }
}

impl Facts {
    /// Returns them as the wire states them.
    pub(crate) fn on_the_wire(&self) -> Backend<'_> {
        match self {
            Self::Cpu(note) => Backend::Cpu { note },
            Self::Cuda(device) => Backend::Cuda { device },
        }
    }
}

/// A network on a GPU.
pub(crate) struct OnGpu<'m>(Gpu<'m>);

/// A picture that is gathered, for the GPU takes it whole.
pub(crate) struct Picture<'r, 'm> {
    gpu: &'r mut Gpu<'m>,
    pixels: Vec<u8>,
    width: usize,
    height: usize,
    rows: usize,
}

impl<'m> Runner for OnGpu<'m> {
    type Error = GpuError;
    type Run<'r>
        = Picture<'r, 'm>
    where
        Self: 'r;

    fn fault(error: &GpuError) -> Fault {
        match error {
            GpuError::Memory { .. } | GpuError::Program { .. } => Fault::Geometry,
            _ => Fault::Exec,
        }
    }

    /// None: the memory is the device's.
    fn arena_bytes(&self, _model: &Model<'_>, _width: usize) -> usize {
        0
    }

    fn start<'r, 'f: 'r>(
        &'r mut self,
        _model: &Model<'f>,
        (width, height): (usize, usize),
        _arena: &'r mut [u64],
    ) -> Result<Picture<'r, 'm>, GpuError> {
        // A picture that is too large is refused before it is sent.
        self.0.check(width, height)?;
        Ok(Picture {
            gpu: &mut self.0,
            pixels: Vec::new(),
            width,
            height,
            rows: 0,
        })
    }
}

impl Run for Picture<'_, '_> {
    type Error = GpuError;
    /// Its kernels do several layers at once and leave only some of them in memory.
    const LAYERS: bool = false;

    fn push_row(
        &mut self,
        row: &[u8],
        _tap: &mut impl Tap,
        sink: &mut impl FnMut(usize, &[u8]),
    ) -> Result<(), GpuError> {
        self.pixels.extend_from_slice(row);
        self.rows += 1;
        if self.rows < self.height {
            return Ok(());
        }
        let input = Input::whole(&self.pixels, self.width, self.height);
        let magnified = self.gpu.upscale(&[input], &mut |_| ())?;
        let row_bytes = row.len() * self.gpu.scale();
        let rows = magnified.iter().flat_map(|it| it.chunks(row_bytes));
        rows.enumerate().for_each(|(y, row)| sink(y, row));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_model_nothing_is_looked_for() {
        for choice in [Choice::Cuda, Choice::Auto] {
            let found = Found::new(choice, b"no model").unwrap();
            let Facts::Cpu(note) = found.facts() else {
                panic!("a GPU without a model");
            };
            assert!(note.contains("no model"), "{note}");
        }
        let found = Found::new(Choice::Cpu, b"").unwrap();
        assert_eq!(found.facts(), Facts::Cpu(String::new()));
    }
}
