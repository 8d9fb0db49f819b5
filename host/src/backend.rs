//! What computes: the threads of this machine, or a GPU.

#[cfg(feature = "cuda")]
use crate::gpu::{Gpu, shared::Shared};
use crate::model_file::ModelFile;
use crate::picture::Picture;
use crate::upscale::Executor;
use crate::{Error, Result, parallel};

/// Which backend is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The GPU where there is one that can run the network, or else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// The GPU, or nothing.
    Cuda,
}

/// A network on what computes it. The bytes that it gives do not depend on that.
pub struct Backend<'m> {
    file: &'m ModelFile,
    #[cfg(feature = "cuda")]
    gpu: Option<Shared<'m>>,
    /// Whether the CPU takes what the GPU cannot.
    #[cfg(feature = "cuda")]
    fall_back: bool,
}

/// Where a picture was computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// `cpu` or `cuda`.
    pub backend: &'static str,
    /// Name of the device, of a GPU.
    pub device: Option<String>,
}

impl Ran {
    const ON_CPU: Self = Self {
        backend: "cpu",
        device: None,
    };

    #[cfg(feature = "cuda")]
    fn on_gpu(gpu: &Shared<'_>) -> Self {
        Self {
            backend: "cuda",
            device: Some(gpu.device().to_owned()),
        }
    }
}

impl<'m> Backend<'m> {
    /// Finds what computes.
    ///
    /// # Errors
    /// [`Error::Gpu`]: for [`Choice::Cuda`] whatever is wrong, for [`Choice::Auto`] only a GPU whose
    /// kernels fail or err. [`Error::BackendMissing`] for [`Choice::Cuda`] if this program is built
    /// without feature `cuda`.
    #[cfg(feature = "cuda")]
    pub fn open(choice: Choice, file: &'m ModelFile) -> Result<Self> {
        let fall_back = choice == Choice::Auto;
        let gpu = match (choice != Choice::Cpu).then(|| Gpu::open(file)) {
            Some(Ok(gpu)) => Some(Shared::new(gpu)),
            Some(Err(cause)) if !fall_back || !cause.is_absence() => return Err(cause.into()),
            Some(Err(_)) | None => None,
        };
        Ok(Self {
            file,
            gpu,
            fall_back,
        })
    }

    /// Finds what computes.
    ///
    /// # Errors
    /// [`Error::BackendMissing`] for [`Choice::Cuda`]: this program is built without feature `cuda`.
    #[cfg(not(feature = "cuda"))]
    pub fn open(choice: Choice, file: &'m ModelFile) -> Result<Self> {
        match choice {
            Choice::Auto | Choice::Cpu => Ok(Self { file }),
            Choice::Cuda => Err(Error::BackendMissing { backend: "cuda" }),
        }
    }

    /// Returns what pictures run on, where nothing speaks against it.
    pub fn ran(&self) -> Ran {
        #[cfg(feature = "cuda")]
        if let Some(shared) = &self.gpu {
            return Ran::on_gpu(shared);
        }
        Ran::ON_CPU
    }

    /// Magnifies a picture, reports how many LR rows are done and says what computed it.
    ///
    /// Several threads may call this: a GPU takes the pictures that wait for it together, and the rows
    /// of all of them are reported to one of the callers.
    ///
    /// * `threads` - of the CPU.
    ///
    /// # Errors
    /// As [`parallel::upscale`]; [`Error::Gpu`].
    pub fn upscale(
        &self,
        picture: &Picture,
        executor: Executor,
        threads: usize,
        progress: &(impl Fn(usize) + Sync),
    ) -> Result<(Picture, Ran)> {
        #[cfg(feature = "cuda")]
        if let Some(shared) = &self.gpu {
            match shared.upscale(picture, executor, progress) {
                Err(Error::Gpu { cause }) if self.fall_back && cause.is_absence() => (),
                ended => return Ok((ended?, Ran::on_gpu(shared))),
            }
        }
        let model = self.file.model();
        let magnified = parallel::upscale(&model, picture, executor, threads, progress)?;
        Ok((magnified, Ran::ON_CPU))
    }
}
