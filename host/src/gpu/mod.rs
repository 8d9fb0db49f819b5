//! Pictures through a network on an NVIDIA GPU: [`mambalite_host_gpu`] with this crate's pictures and
//! errors.

pub(crate) mod shared;

use mambalite_host_gpu as gpu;

pub use mambalite_host_gpu::GpuError;

use crate::model_file::ModelFile;
use crate::picture::Picture;
use crate::upscale::{Executor, check_channels, grid};
use crate::{Error, Result};

/// A network on a GPU.
pub struct Gpu<'m> {
    gpu: gpu::Gpu<'m>,
    file: &'m ModelFile,
}

impl<'m> Gpu<'m> {
    /// Opens the first GPU, copies a model to it and tries a small picture.
    ///
    /// # Errors
    /// Any [`GpuError`].
    pub fn open(file: &'m ModelFile) -> Result<Self, GpuError> {
        let gpu = gpu::Gpu::open(file.bytes())?;
        Ok(Self { gpu, file })
    }

    /// Returns the name of the device.
    pub fn device(&self) -> &str {
        self.gpu.device()
    }

    /// Magnifies pictures and reports how many LR rows are done, halos included.
    ///
    /// Patches of several pictures share batches where they are of one size.
    ///
    /// # Errors
    /// [`Error::Channels`] for a picture of other channels than the network's; [`Error::Gpu`].
    pub fn upscale(
        &mut self,
        pictures: &[&Picture],
        executor: Executor,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Picture>> {
        let model = self.file.model();
        for picture in pictures {
            check_channels(&model, picture)?;
        }
        let inputs = pictures.iter().map(|it| gpu::Input {
            tiles: grid(it.width(), it.height(), executor),
            ..gpu::Input::whole(it.data(), it.width(), it.height())
        });
        let inputs: Vec<_> = inputs.collect();
        let magnified = self.gpu.upscale(&inputs, progress)?;
        let scale = model.config().scale;
        let magnified = pictures.iter().zip(magnified).map(|(it, data)| {
            let (width, height) = (it.width() * scale, it.height() * scale);
            Picture::new(width, height, it.channels(), data)
        });
        magnified.collect()
    }
}

impl From<GpuError> for Error {
    fn from(cause: GpuError) -> Self {
        Self::Gpu { cause }
    }
}
