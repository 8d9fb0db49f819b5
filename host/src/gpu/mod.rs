//! Pictures through the network on an NVIDIA GPU, with the bytes of the CPU.
//!
//! Pictures are cut as for the CPU: whole, or in tiles with a halo ([`Executor`]). Patches of one
//! size go through the network together, as the launches of a [`Program`]; how many is set by the
//! memory that the device has free. There are two lanes, each a stream with memory of its own, so
//! that the copies of one batch and what the host does with it overlap with the kernels of the
//! other. All memory is planned and taken before the first launch.
//!
//! The driver's library is opened at run time. No GPU has run this yet: the tests run it through a
//! stand-in for that library, which interprets the kernels.
//!
//! [`Program`]: mambalite_kernels_ptx::program::Program

mod batch;
mod device;
mod error;
mod lane;
pub(crate) mod shared;

use std::sync::Arc;

use cudarc::driver::{CudaSlice, CudaStream, DevicePtr};

pub use self::error::GpuError;

use self::batch::{Batch, Bytes, Patch, Plan, Planner};
use self::device::Device;
use self::lane::Lane;
use crate::model_file::ModelFile;
use crate::picture::Picture;
use crate::upscale::{Executor, check_channels, upscale};
use crate::{Error, Result};

/// One part in so many of the free memory is left to others: what the driver needs for itself, and
/// on boards with one memory everything else that runs.
const RESERVE: usize = 8;

/// Width and height of the picture that a device is tried with: more than a tile, and no multiple.
const PROOF: (usize, usize) = (19, 3);

/// A network on a GPU.
///
/// Fields are dropped in their order: the lanes wait for work that reads the model.
pub struct Gpu<'m> {
    lanes: Vec<Lane>,
    model: CudaSlice<u8>,
    stream: Arc<CudaStream>,
    device: Device,
    file: &'m ModelFile,
    planner: Planner<'m>,
    /// Bytes of the device that lanes may take, all together.
    room: usize,
    /// The launch that failed: the driver refuses everything after it.
    broken: Option<GpuError>,
}

impl<'m> Gpu<'m> {
    /// Opens the first GPU, copies a model to it and tries a small picture.
    ///
    /// # Errors
    /// Any [`GpuError`].
    pub fn open(file: &'m ModelFile) -> Result<Self, GpuError> {
        let planner = Planner::new(file.bytes());
        // A network without a program is told before a device is looked for.
        let image = planner.image()?;
        let device = Device::open()?;
        let failed = |call| GpuError::call(&device.name, call);
        let stream = device.context.new_stream();
        let stream = stream.map_err(failed("make a stream"))?;
        let model = stream.clone_htod(&image);
        let model = model.map_err(failed("copy the model to the device"))?;
        // Other streams read it.
        stream
            .synchronize()
            .map_err(failed("copy the model to the device"))?;
        let memory = device.context.mem_get_info();
        let (free, _) = memory.map_err(failed("ask for the free memory"))?;
        let mut gpu = Self {
            lanes: Vec::new(),
            model,
            stream,
            device,
            file,
            planner,
            room: free - free / RESERVE,
            broken: None,
        };
        gpu.prove()?;
        Ok(gpu)
    }

    /// Magnifies a small picture here and on the device: the bytes have to be the same. A driver that
    /// compiles the kernels in another way, or a device that computes in one, is found here.
    fn prove(&mut self) -> Result<(), GpuError> {
        let channels = self.file.model().config().channels;
        // Levels without a pattern that a wrong place could keep.
        let level = |i: usize| ((i + 1) * 7919 % 257).min(255) as u8;
        let data = (0..PROOF.0 * PROOF.1 * channels).map(level).collect();
        let proved = Picture::new(PROOF.0, PROOF.1, channels, data).and_then(|picture| {
            let here = upscale(&self.file.model(), &picture, Executor::Stream)?;
            let there = self.upscale(&[&picture], Executor::Stream, &mut |_| ())?;
            Ok(there.iter().all(|there| there.data() == here.data()))
        });
        match proved {
            Ok(true) => Ok(()),
            Err(Error::Gpu { cause }) => Err(cause),
            Ok(false) | Err(_) => Err(GpuError::Bytes {
                device: self.device.name.clone(),
            }),
        }
    }

    /// Returns the name of the device.
    pub fn device(&self) -> &str {
        &self.device.name
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
        if let Some(cause) = &self.broken {
            return Err(cause.clone().into());
        }
        let model = self.file.model();
        for picture in pictures {
            check_channels(&model, picture)?;
        }
        let sizes: Vec<_> = pictures
            .iter()
            .map(|it| (it.width(), it.height()))
            .collect();
        let device = (self.device.name.as_str(), self.room);
        let plan = self.planner.plan(&sizes, executor, device)?;
        let scale = model.config().scale;
        let mut out: Vec<Vec<u8>> = pictures
            .iter()
            .map(|it| vec![0; it.data().len() * scale * scale])
            .collect();
        let ran = self.run(plan, pictures, &mut |batch: &Batch, bytes: &[u8]| {
            stitch(batch, bytes, (pictures, scale), &mut out);
            progress(batch.patches.len() * batch.shape.height as usize);
        });
        if let Err(cause) = ran {
            // What else is under way is of no use.
            self.lanes.clear();
            if !cause.is_absence() {
                self.broken = Some(cause.clone());
            }
            return Err(cause.into());
        }
        let magnified = pictures.iter().zip(out).map(|(it, data)| {
            let (width, height) = (it.width() * scale, it.height() * scale);
            Picture::new(width, height, it.channels(), data)
        });
        magnified.collect()
    }

    /// Runs all batches, on the lanes in turn.
    fn run(
        &mut self,
        plan: Plan,
        pictures: &[&Picture],
        take: &mut dyn FnMut(&Batch, &[u8]),
    ) -> Result<(), GpuError> {
        if plan.batches.is_empty() {
            return Ok(());
        }
        self.reserve(plan.lanes, plan.bytes)?;
        let (model, _) = self.model.device_ptr(&self.stream);
        let lanes = &mut self.lanes[..plan.lanes];
        let batches = plan.batches.len();
        for (turn, batch) in plan.batches.into_iter().enumerate() {
            let lane = &mut lanes[turn % plan.lanes];
            lane.finish(&self.device, &mut *take)?;
            let model = (self.file.bytes(), model);
            lane.begin(&self.device, model, batch, |batch, input| {
                fill(batch, pictures, input);
            })?;
        }
        for turn in batches..batches + plan.lanes {
            lanes[turn % plan.lanes].finish(&self.device, &mut *take)?;
        }
        Ok(())
    }

    /// Takes the memory of so many lanes, unless those there are do.
    fn reserve(&mut self, count: usize, bytes: Bytes) -> Result<(), GpuError> {
        let lanes = &self.lanes;
        if lanes.len() >= count && lanes.iter().all(|lane| lane.covers(bytes)) {
            return Ok(());
        }
        self.lanes.clear();
        // Memory is given back in the order of its stream: it is there when that has come to it.
        let freed = self.device.context.synchronize();
        freed.map_err(GpuError::call(
            &self.device.name,
            "free memory of the device",
        ))?;
        for _ in 0..count {
            self.lanes.push(Lane::new(&self.device, bytes)?);
        }
        Ok(())
    }
}

/// Writes the pixels of a batch, one patch after the other.
fn fill(batch: &Batch, pictures: &[&Picture], mut input: &mut [u8]) {
    for Patch { picture, tile } in &batch.patches {
        let picture = pictures[*picture];
        let row_bytes = tile.padded.width * picture.channels();
        for y in tile.padded.y..tile.padded.y + tile.padded.height {
            let from = (y * picture.width() + tile.padded.x) * picture.channels();
            let (row, rest) = input.split_at_mut(row_bytes);
            row.copy_from_slice(&picture.data()[from..][..row_bytes]);
            input = rest;
        }
    }
}

/// Puts magnified patches into the pictures.
fn stitch(
    batch: &Batch,
    bytes: &[u8],
    (pictures, scale): (&[&Picture], usize),
    out: &mut [Vec<u8>],
) {
    let patch_bytes = bytes.len() / batch.patches.len();
    for (patch, bytes) in batch.patches.iter().zip(bytes.chunks_exact(patch_bytes)) {
        let picture = pictures[patch.picture];
        let channels = picture.channels();
        let stride = picture.width() * scale * channels;
        let rows = bytes.chunks_exact(patch.tile.padded.width * scale * channels);
        for (y, row) in rows.enumerate() {
            let out = &mut out[patch.picture];
            patch.tile.stitch(y, row, scale, channels, out, stride);
        }
    }
}

impl From<GpuError> for Error {
    fn from(cause: GpuError) -> Self {
        Self::Gpu { cause }
    }
}
