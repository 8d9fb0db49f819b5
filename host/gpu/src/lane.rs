//! A stream with memory of its own: one batch at a time.
#![expect(
    unsafe_code,
    reason = "copies and kernels work on memory while the host goes on"
)]

use core::ffi::c_void;
use std::collections::HashMap;
use std::sync::Arc;

use cudarc::driver::{
    CudaFunction, CudaSlice, CudaStream, DevicePtr, DriverError, PinnedHostSlice, result, sys,
};
use mambalite_kernels_ptx::args::{Array, Patches};
use mambalite_kernels_ptx::program::{Memory, Program};

use super::GpuError;
use super::batch::{Batch, Bytes};
use super::device::Device;

/// A launch whose entry point is found.
struct Launch {
    entry: String,
    function: CudaFunction,
    blocks: u32,
    block: u32,
    shared: u32,
    args: Vec<Vec<u8>>,
}

/// A program whose entry points are found.
struct Ready {
    launches: Vec<Launch>,
    input: Array,
    output: Array,
}

/// A stream with memory of its own: one batch at a time.
pub(super) struct Lane {
    stream: Arc<CudaStream>,
    arena: CudaSlice<u8>,
    input: PinnedHostSlice<u8>,
    output: PinnedHostSlice<u8>,
    bytes: Bytes,
    /// Programs on this lane's arena, by width, height and number of patches.
    programs: HashMap<(u32, u32, u32), Ready>,
    /// The batch under way.
    busy: Option<Batch>,
}

impl Lane {
    /// Takes memory for batches of so many bytes.
    pub(super) fn new(device: &Device, bytes: Bytes) -> Result<Self, GpuError> {
        let failed = |call| GpuError::call(&device.name, call);
        let context = &device.context;
        let stream = context.new_stream().map_err(failed("make a stream"))?;
        // SAFETY: programs write every byte of it before they read it.
        let arena = unsafe { stream.alloc(bytes.arena) };
        let arena = arena.map_err(failed("allocate memory of the device"))?;
        let pinned = "allocate pinned memory of the host";
        // The host only writes it, which need not go through its caches.
        // SAFETY: `zeroed` writes all of it.
        let input = unsafe {
            context.alloc_pinned_with_flags(bytes.input, sys::CU_MEMHOSTALLOC_WRITECOMBINED)
        };
        let input = input.and_then(zeroed).map_err(failed(pinned))?;
        // SAFETY: `zeroed` writes all of it.
        let output = unsafe { context.alloc_pinned_with_flags(bytes.output, 0) };
        let output = output.and_then(zeroed).map_err(failed(pinned))?;
        Ok(Self {
            stream,
            arena,
            input,
            output,
            bytes,
            programs: HashMap::new(),
            busy: None,
        })
    }

    /// Returns whether a batch of so many bytes fits.
    pub(super) fn covers(&self, bytes: Bytes) -> bool {
        self.bytes.covers(bytes)
    }

    /// Begins a batch and returns while it computes.
    ///
    /// * `file`, `model` - the model file here, its image on the device. * `fill` - writes the patches.
    pub(super) fn begin(
        &mut self,
        device: &Device,
        (file, model): (&[u8], u64),
        batch: Batch,
        fill: impl FnOnce(&Batch, &mut [u8]),
    ) -> Result<(), GpuError> {
        let failed = |call| GpuError::call(&device.name, call);
        debug_assert!(self.busy.is_none(), "one batch at a time");
        let context = &device.context;
        context
            .bind_to_thread()
            .map_err(failed("enter the context"))?;
        self.prepare(device, (file, model), batch.shape)?;
        let ready = &self.programs[&key(batch.shape)];
        let input = self.input.as_mut_slice().map_err(failed("use the input"))?;
        let input = &mut input[..ready.input.len as usize];
        fill(&batch, input);
        let stream = self.stream.cu_stream();
        // From here on there may be work under way.
        self.busy = Some(batch);
        // SAFETY: the stream's work is awaited before the host touches the input again, and before
        // it or the arena is freed; the program places as many bytes there.
        let copied = unsafe { result::memcpy_htod_async(ready.input.address, input, stream) };
        copied.map_err(failed("copy patches to the device"))?;
        for launch in &ready.launches {
            launch.start(stream).map_err(|error| GpuError::Launch {
                device: device.name.clone(),
                what: format!("start the kernel {}", launch.entry),
                code: error.0,
            })?;
        }
        let output = self
            .output
            .as_mut_slice()
            .map_err(failed("use the output"))?;
        let output = &mut output[..ready.output.len as usize];
        // SAFETY: as of the copy to the device.
        let copied = unsafe { result::memcpy_dtoh_async(output, ready.output.address, stream) };
        copied.map_err(failed("copy patches from the device"))
    }

    /// Waits for the batch under way, if there is one, and hands its magnified patches on.
    pub(super) fn finish(
        &mut self,
        device: &Device,
        take: impl FnOnce(&Batch, &[u8]),
    ) -> Result<(), GpuError> {
        let Some(batch) = self.busy.take() else {
            return Ok(());
        };
        // What fails here is a kernel or a copy that began without an error.
        self.stream
            .synchronize()
            .map_err(|error| GpuError::Launch {
                device: device.name.clone(),
                what: "a kernel failed".to_owned(),
                code: error.0,
            })?;
        let output = self.output.as_slice();
        let output = output.map_err(GpuError::call(&device.name, "use the output"))?;
        let len = self.programs[&key(batch.shape)].output.len as usize;
        take(&batch, &output[..len]);
        Ok(())
    }

    /// Makes the program for patches of a size, unless there is one.
    fn prepare(
        &mut self,
        device: &Device,
        (file, model): (&[u8], u64),
        shape: Patches,
    ) -> Result<(), GpuError> {
        if self.programs.contains_key(&key(shape)) {
            return Ok(());
        }
        let (arena, _) = self.arena.device_ptr(&self.stream);
        let program = Program::new(file, shape, Memory { model, arena })?;
        let launches = program.launches.into_iter().map(|launch| {
            let function = device.module.load_function(&launch.entry);
            let function = function.map_err(|error| GpuError::Launch {
                device: device.name.clone(),
                what: format!("find the kernel {}", launch.entry),
                code: error.0,
            })?;
            Ok(Launch {
                entry: launch.entry,
                function,
                blocks: launch.blocks,
                block: launch.block,
                shared: launch.shared,
                args: launch.args,
            })
        });
        let ready = Ready {
            launches: launches.collect::<Result<_, GpuError>>()?,
            input: program.input,
            output: program.output,
        };
        self.programs.insert(key(shape), ready);
        Ok(())
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        // The memory is freed next, and after an error there may still be work on it. What became
        // of that work is of no use to anyone.
        let _ = self.stream.synchronize();
    }
}

impl Launch {
    /// Puts it at the end of a stream.
    fn start(&self, stream: sys::CUstream) -> Result<(), DriverError> {
        let mut args: Vec<*mut c_void> = self
            .args
            .iter()
            .map(|arg| arg.as_ptr().cast_mut().cast())
            .collect();
        // SAFETY: the program has the arguments that its entry points take, with addresses within
        // the model and the arena, both of which live until the stream's work is done; the driver
        // copies the arguments before it returns.
        unsafe {
            result::launch_kernel(
                self.function.cu_function(),
                (self.blocks, 1, 1),
                (self.block, 1, 1),
                self.shared,
                stream,
                &mut args,
            )
        }
    }
}

/// Writes zeros to new memory, which has no values yet.
fn zeroed(mut memory: PinnedHostSlice<u8>) -> Result<PinnedHostSlice<u8>, DriverError> {
    let len = memory.len();
    let begin = memory.as_mut_ptr()?;
    // SAFETY: it is as long, and nothing else knows of it.
    unsafe { begin.write_bytes(0, len) };
    Ok(memory)
}

fn key(shape: Patches) -> (u32, u32, u32) {
    (shape.width, shape.height, shape.count)
}
