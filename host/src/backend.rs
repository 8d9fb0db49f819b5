//! What computes: the threads of this machine, or a GPU.

#[cfg(feature = "cuda")]
use std::sync::{Mutex, PoisonError};

#[cfg(feature = "cuda")]
use crate::gpu::{Gpu, GpuError};
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
}

/// A GPU that several threads share, a call at a time.
#[cfg(feature = "cuda")]
struct Shared<'m> {
    gpu: Mutex<Gpu<'m>>,
    /// Whether the CPU takes what the GPU cannot.
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

impl<'m> Backend<'m> {
    /// Finds what computes.
    ///
    /// # Errors
    /// Only where [`Choice::Cuda`] is wanted: [`Error::Gpu`], or [`Error::BackendMissing`] if this
    /// program is built without feature `cuda`.
    #[cfg(feature = "cuda")]
    pub fn open(choice: Choice, file: &'m ModelFile) -> Result<Self> {
        let fall_back = choice == Choice::Auto;
        let gpu = match (choice != Choice::Cpu).then(|| Gpu::open(file)) {
            Some(Ok(gpu)) => Some(Shared {
                gpu: Mutex::new(gpu),
                fall_back,
            }),
            Some(Err(cause)) if !fall_back => return Err(cause.into()),
            Some(Err(_)) | None => None,
        };
        Ok(Self { file, gpu })
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
            return shared.ran();
        }
        Ran {
            backend: "cpu",
            device: None,
        }
    }

    /// Magnifies a picture, reports how many LR rows are done and says what computed it.
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
                Err(Error::Gpu { cause }) if shared.gives_way(&cause) => (),
                ended => return Ok((ended?, shared.ran())),
            }
        }
        let model = self.file.model();
        let magnified = parallel::upscale(&model, picture, executor, threads, progress)?;
        let ran = Ran {
            backend: "cpu",
            device: None,
        };
        Ok((magnified, ran))
    }
}

#[cfg(feature = "cuda")]
impl Shared<'_> {
    fn ran(&self) -> Ran {
        let gpu = self.gpu.lock().unwrap_or_else(PoisonError::into_inner);
        Ran {
            backend: "cuda",
            device: Some(gpu.device().to_owned()),
        }
    }

    fn upscale(
        &self,
        picture: &Picture,
        executor: Executor,
        progress: &impl Fn(usize),
    ) -> Result<Picture> {
        let mut gpu = self.gpu.lock().unwrap_or_else(PoisonError::into_inner);
        let mut magnified = gpu.upscale(&[picture], executor, &mut |rows| progress(rows))?;
        Ok(magnified.remove(0))
    }

    /// Returns whether the CPU is taken after this error.
    fn gives_way(&self, cause: &GpuError) -> bool {
        self.fall_back && cause.is_absence()
    }
}
