//! Networks on an NVIDIA GPU, with the bytes of the CPU.
//!
//! Pictures are cut as for the CPU: whole, or in tiles with a halo ([`TileGrid`]). Patches of one
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

use std::sync::Arc;

use cudarc::driver::{CudaSlice, CudaStream, DevicePtr};
use mambalite_kernels::{ExecError, Model, NoTap, Plan as CpuPlan, TileGrid, Upscaler};
use mambalite_kernels_ptx::program::ProgramError;

pub use self::error::GpuError;

use self::batch::{Batch, Bytes, Patch, Plan, Planner};
use self::device::Device;
use self::lane::Lane;

/// One part in so many of the free memory is left to others: what the driver needs for itself, and
/// on boards with one memory everything else that runs.
const RESERVE: usize = 8;

/// Width and height of the picture that a device is tried with: more than a tile, and no multiple.
const PROOF: (usize, usize) = (19, 3);

/// A picture that is to go through the network.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Bytes in raster order, the network's channels interleaved.
    pub data: &'a [u8],
    /// Pixels of a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// How it is cut.
    pub tiles: TileGrid,
}

impl<'a> Input<'a> {
    /// Makes one that is not cut.
    pub fn whole(data: &'a [u8], width: usize, height: usize) -> Self {
        let tiles = TileGrid::new(width, height, width.max(height), 0);
        Self {
            data,
            width,
            height,
            tiles,
        }
    }
}

/// A network on a GPU.
///
/// Fields are dropped in their order: the lanes wait for work that reads the model.
pub struct Gpu<'m> {
    lanes: Vec<Lane>,
    model: CudaSlice<u8>,
    stream: Arc<CudaStream>,
    device: Device,
    model_here: Model<'m>,
    /// The model file.
    file: &'m [u8],
    planner: Planner<'m>,
    /// Bytes of the device that lanes may take, all together.
    room: usize,
    /// The launch that failed: the driver refuses everything after it.
    broken: Option<GpuError>,
}

impl<'m> Gpu<'m> {
    /// Opens the first GPU, copies a model to it and tries a small picture.
    ///
    /// * `file` - the model file, where [`Model`] reads it.
    ///
    /// # Errors
    /// Any [`GpuError`].
    pub fn open(file: &'m [u8]) -> Result<Self, GpuError> {
        let planner = Planner::new(file);
        // A network without a program is told before a device is looked for.
        let image = planner.image()?;
        let model_here = Model::parse(file).map_err(ProgramError::from)?;
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
            model_here,
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
        let channels = self.model_here.config().channels;
        // Levels without a pattern that a wrong place could keep.
        let level = |i: usize| ((i + 1) * 7919 % 257).min(255) as u8;
        let data: Vec<u8> = (0..PROOF.0 * PROOF.1 * channels).map(level).collect();
        let input = Input::whole(&data, PROOF.0, PROOF.1);
        let there = self.upscale(&[input], &mut |_| ())?;
        match upscale_here(&self.model_here, &input) {
            Ok(here) if there.iter().all(|there| *there == here) => Ok(()),
            _ => Err(GpuError::Bytes {
                device: self.device.name.clone(),
            }),
        }
    }

    /// Returns the name of the device.
    pub fn device(&self) -> &str {
        &self.device.name
    }

    /// Returns the factor from LR to SR, each direction.
    pub fn scale(&self) -> usize {
        self.model_here.config().scale
    }

    /// Checks that a picture of a size, in one piece, fits the device.
    ///
    /// # Errors
    /// [`GpuError::Memory`], [`GpuError::Program`].
    pub fn check(&mut self, width: usize, height: usize) -> Result<(), GpuError> {
        let tiles = Input::whole(&[], width, height).tiles;
        let device = (self.device.name.as_str(), self.room);
        self.planner.plan(&[tiles], device).map(drop)
    }

    /// Magnifies pictures and reports how many LR rows are done, halos included. Returns the bytes of
    /// each in raster order.
    ///
    /// Patches of several pictures share batches where they are of one size.
    ///
    /// # Errors
    /// [`GpuError`].
    ///
    /// # Panics
    /// If a picture has not as many bytes as its size and the network's channels say.
    pub fn upscale(
        &mut self,
        pictures: &[Input<'_>],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Vec<u8>>, GpuError> {
        if let Some(cause) = &self.broken {
            return Err(cause.clone());
        }
        let (channels, scale) = (
            self.model_here.config().channels,
            self.model_here.config().scale,
        );
        for it in pictures {
            assert_eq!(it.data.len(), it.width * it.height * channels);
        }
        let tiles: Vec<_> = pictures.iter().map(|it| it.tiles).collect();
        let device = (self.device.name.as_str(), self.room);
        let plan = self.planner.plan(&tiles, device)?;
        let mut out: Vec<Vec<u8>> = pictures
            .iter()
            .map(|it| vec![0; it.data.len() * scale * scale])
            .collect();
        let ran = self.run(plan, pictures, &mut |batch: &Batch, bytes: &[u8]| {
            stitch(batch, bytes, (pictures, channels, scale), &mut out);
            progress(batch.patches.len() * batch.shape.height as usize);
        });
        if let Err(cause) = ran {
            // What else is under way is of no use.
            self.lanes.clear();
            if !cause.is_absence() {
                self.broken = Some(cause.clone());
            }
            return Err(cause);
        }
        Ok(out)
    }

    /// Runs all batches, on the lanes in turn.
    fn run(
        &mut self,
        plan: Plan,
        pictures: &[Input<'_>],
        take: &mut dyn FnMut(&Batch, &[u8]),
    ) -> Result<(), GpuError> {
        if plan.batches.is_empty() {
            return Ok(());
        }
        self.reserve(plan.lanes, plan.bytes)?;
        let (model, _) = self.model.device_ptr(&self.stream);
        let channels = self.model_here.config().channels;
        let lanes = &mut self.lanes[..plan.lanes];
        let batches = plan.batches.len();
        for (turn, batch) in plan.batches.into_iter().enumerate() {
            let lane = &mut lanes[turn % plan.lanes];
            lane.finish(&self.device, &mut *take)?;
            let model = (self.file, model);
            lane.begin(&self.device, model, batch, |batch, input| {
                fill(batch, (pictures, channels), input);
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
fn fill(batch: &Batch, (pictures, channels): (&[Input<'_>], usize), mut input: &mut [u8]) {
    for Patch { picture, tile } in &batch.patches {
        let picture = pictures[*picture];
        let row_bytes = tile.padded.width * channels;
        for y in tile.padded.y..tile.padded.y + tile.padded.height {
            let from = (y * picture.width + tile.padded.x) * channels;
            let (row, rest) = input.split_at_mut(row_bytes);
            row.copy_from_slice(&picture.data[from..][..row_bytes]);
            input = rest;
        }
    }
}

/// Puts magnified patches into the pictures.
fn stitch(
    batch: &Batch,
    bytes: &[u8],
    (pictures, channels, scale): (&[Input<'_>], usize, usize),
    out: &mut [Vec<u8>],
) {
    let patch_bytes = bytes.len() / batch.patches.len();
    for (patch, bytes) in batch.patches.iter().zip(bytes.chunks_exact(patch_bytes)) {
        let picture = pictures[patch.picture];
        let stride = picture.width * scale * channels;
        let rows = bytes.chunks_exact(patch.tile.padded.width * scale * channels);
        for (y, row) in rows.enumerate() {
            let out = &mut out[patch.picture];
            patch.tile.stitch(y, row, scale, channels, out, stride);
        }
    }
}

/// Magnifies a picture in one piece on the CPU.
fn upscale_here(model: &Model<'_>, picture: &Input<'_>) -> Result<Vec<u8>, ExecError> {
    let (width, channels) = (picture.width, model.config().channels);
    let mut arena = vec![0; CpuPlan::new(model, width).arena_bytes / size_of::<u64>()];
    let mut run = Upscaler::new(model, width, picture.height, &mut arena)?;
    let mut out = Vec::new();
    for row in picture.data.chunks_exact(width * channels) {
        run.push_row(row, &mut NoTap, &mut |_, row| out.extend_from_slice(row))?;
    }
    Ok(out)
}
