//! The functions that a program finds in the library.
#![expect(unsafe_code, reason = "the driver API passes addresses of the host")]

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::sync::{Mutex, PoisonError};

use mambalite_ptx_vm::{Arg, Launch};

use crate::code::{self, Code};
use crate::driver::{Driver, Result, Work, refuse};
use crate::host_memory;

/// A handle, or an address of the host.
type Pointer = *mut c_void;

/// The only context.
const CONTEXT: usize = 1;
const ATTRIBUTE_CAPABILITY_MAJOR: c_int = 75;
const ATTRIBUTE_CAPABILITY_MINOR: c_int = 76;
const ATTRIBUTE_MEMORY_POOLS: c_int = 115;
const DEVICE_NAME: &CStr = c"PTX interpreter";

static DRIVER: Mutex<Option<Driver>> = Mutex::new(None);

thread_local! {
    /// The context of the thread, 0 for none.
    static CURRENT: Cell<usize> = const { Cell::new(0) };
}

/// Runs a call on the driver.
fn call(run: impl FnOnce(&mut Driver) -> Result) -> c_int {
    let mut driver = DRIVER.lock().unwrap_or_else(PoisonError::into_inner);
    let driver = driver.get_or_insert_with(Driver::new);
    run(driver).err().unwrap_or(code::SUCCESS).0
}

/// Runs a call that needs `cuInit` before it.
fn device_call(run: impl FnOnce(&mut Driver) -> Result) -> c_int {
    call(|driver| match driver.initialised {
        true => run(driver),
        false => Err(code::NOT_INITIALIZED),
    })
}

/// Runs a call that needs a context of the thread, and none that is broken.
fn context_call(run: impl FnOnce(&mut Driver) -> Result) -> c_int {
    device_call(|driver| {
        if CURRENT.get() != CONTEXT {
            return Err(refuse(&"the thread has no context", code::INVALID_CONTEXT));
        }
        driver.check()?;
        run(driver)
    })
}

/// Hands a value back through a pointer.
///
/// # Safety
/// The pointer is null or can be written.
unsafe fn put<T>(to: *mut T, value: T) -> Result {
    if to.is_null() {
        return Err(code::INVALID_VALUE);
    }
    // SAFETY: the caller's promise.
    unsafe { to.write(value) };
    Ok(())
}

/// Defines functions of the driver API; each body returns its code.
macro_rules! api {
    ($($name:ident($($arg:ident: $type:ty),*) $body:block)*) => {$(
        #[doc = concat!("`", stringify!($name), "` of the driver API.")]
        ///
        /// # Safety
        /// As NVIDIA's manual says; pointers may be null.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($arg: $type),*) -> c_int $body
    )*};
}

// Program and device.
api! {
    cuDriverGetVersion(version: *mut c_int) {
        // SAFETY: the caller's promise.
        call(|driver| unsafe { put(version, driver.faults.driver) })
    }

    cuInit(_flags: c_uint) {
        call(|driver| {
            driver.initialised = driver.faults.init == 0 && driver.faults.devices > 0;
            match driver.faults {
                _ if driver.initialised => Ok(()),
                ref faults if faults.init != 0 => Err(Code(faults.init)),
                _ => Err(code::NO_DEVICE),
            }
        })
    }

    cuGetErrorName(error: c_int, name: *mut *const c_char) {
        // SAFETY: the caller's promise.
        call(|_| unsafe { put(name, Code(error).name().as_ptr()) })
    }

    cuGetErrorString(error: c_int, text: *mut *const c_char) {
        // SAFETY: the caller's promise.
        call(|_| unsafe { put(text, Code(error).name().as_ptr()) })
    }

    cuDeviceGetCount(count: *mut c_int) {
        // SAFETY: the caller's promise.
        device_call(|driver| unsafe { put(count, driver.faults.devices) })
    }

    cuDeviceGet(device: *mut c_int, index: c_int) {
        device_call(|driver| match (0..driver.faults.devices).contains(&index) {
            // SAFETY: the caller's promise.
            true => unsafe { put(device, index) },
            false => Err(code::INVALID_DEVICE),
        })
    }

    cuDeviceGetName(name: *mut c_char, length: c_int, _device: c_int) {
        device_call(|_| {
            let bytes = DEVICE_NAME.to_bytes_with_nul();
            match usize::try_from(length).is_ok_and(|length| length >= bytes.len()) {
                // SAFETY: the caller's promise.
                true => unsafe { host_memory::write(name as usize, bytes) },
                false => return Err(code::INVALID_VALUE),
            }
            Ok(())
        })
    }

    cuDeviceGetAttribute(value: *mut c_int, attribute: c_int, _device: c_int) {
        device_call(|driver| {
            let found = match attribute {
                ATTRIBUTE_CAPABILITY_MAJOR => driver.faults.capability / 10,
                ATTRIBUTE_CAPABILITY_MINOR => driver.faults.capability % 10,
                ATTRIBUTE_MEMORY_POOLS => driver.faults.pools,
                _ => {
                    let text = format!("attribute {attribute} of devices");
                    return Err(refuse(&text, code::NOT_SUPPORTED));
                }
            };
            // SAFETY: the caller's promise.
            unsafe { put(value, found) }
        })
    }

    cuDevicePrimaryCtxRetain(context: *mut Pointer, _device: c_int) {
        // SAFETY: the caller's promise.
        device_call(|_| unsafe { put(context, CONTEXT as Pointer) })
    }

    cuDevicePrimaryCtxRelease_v2(_device: c_int) {
        device_call(|_| Ok(()))
    }

    cuCtxGetCurrent(context: *mut Pointer) {
        // SAFETY: the caller's promise.
        device_call(|_| unsafe { put(context, CURRENT.get() as Pointer) })
    }

    cuCtxSetCurrent(context: Pointer) {
        device_call(|_| {
            CURRENT.set(context as usize);
            Ok(())
        })
    }

    cuCtxSynchronize() {
        context_call(Driver::synchronise_all)
    }
}

// Modules.
api! {
    cuModuleLoadData(module: *mut Pointer, image: *const c_void) {
        context_call(|driver| {
            if image.is_null() {
                return Err(code::INVALID_VALUE);
            }
            // SAFETY: the caller's promise; an image of another kind has a null byte, too.
            let text = unsafe { CStr::from_ptr(image.cast()) };
            // Machine code, which begins with that of ELF, is not for this device.
            let text = text.to_str().map_err(|_| code::NO_BINARY_FOR_GPU)?;
            if text.starts_with("\x7fELF") {
                return Err(code::NO_BINARY_FOR_GPU);
            }
            let loaded = driver.load(text)?;
            // SAFETY: the caller's promise.
            unsafe { put(module, loaded as Pointer) }
        })
    }

    cuModuleUnload(module: Pointer) {
        context_call(|driver| driver.unload(module as usize))
    }

    cuModuleGetFunction(function: *mut Pointer, module: Pointer, name: *const c_char) {
        context_call(|driver| {
            if name.is_null() {
                return Err(code::INVALID_VALUE);
            }
            // SAFETY: the caller's promise.
            let name = unsafe { CStr::from_ptr(name) }.to_string_lossy();
            let found = driver.function(module as usize, &name)?;
            // SAFETY: the caller's promise.
            unsafe { put(function, found as Pointer) }
        })
    }
}

// Memory.
api! {
    cuMemGetInfo_v2(free: *mut usize, total: *mut usize) {
        context_call(|driver| {
            let (free_bytes, all) = driver.memory();
            // SAFETY: the caller's promise.
            unsafe { put(free, free_bytes) }?;
            // SAFETY: the caller's promise.
            unsafe { put(total, all) }
        })
    }

    cuMemAlloc_v2(address: *mut u64, bytes: usize) {
        context_call(|driver| {
            let found = driver.alloc(bytes)?;
            // SAFETY: the caller's promise.
            unsafe { put(address, found) }
        })
    }

    cuMemAllocAsync(address: *mut u64, bytes: usize, _stream: Pointer) {
        context_call(|driver| {
            let found = driver.alloc(bytes)?;
            // SAFETY: the caller's promise.
            unsafe { put(address, found) }
        })
    }

    cuMemFree_v2(address: u64) {
        context_call(|driver| {
            driver.synchronise_all()?;
            driver.free(address)
        })
    }

    cuMemFreeAsync(address: u64, stream: Pointer) {
        // SAFETY: no memory of the host.
        context_call(|driver| unsafe {
            driver.enqueue(stream as usize, Work::Free { address })
        })
    }

    cuMemHostAlloc(address: *mut Pointer, bytes: usize, _flags: c_uint) {
        context_call(|driver| {
            let found = driver.pin(bytes);
            // SAFETY: the caller's promise.
            unsafe { put(address, found as Pointer) }
        })
    }

    cuMemFreeHost(address: Pointer) {
        context_call(|driver| driver.unpin(address as usize))
    }

    cuMemcpyHtoDAsync_v2(to: u64, from: *const c_void, bytes: usize, stream: Pointer) {
        let work = Work::ToDevice { to, from: from as usize, bytes };
        // SAFETY: the caller's promise.
        context_call(|driver| unsafe { driver.enqueue(stream as usize, work) })
    }

    cuMemcpyDtoHAsync_v2(to: Pointer, from: u64, bytes: usize, stream: Pointer) {
        let work = Work::ToHost { to: to as usize, from, bytes };
        // SAFETY: the caller's promise.
        context_call(|driver| unsafe { driver.enqueue(stream as usize, work) })
    }
}

// Streams and events. Nothing records an event on the way that is tested, so waiting for one is
// nothing; a program that records one finds no such function.
api! {
    cuStreamCreate(stream: *mut Pointer, _flags: c_uint) {
        context_call(|driver| {
            let made = driver.stream_create();
            // SAFETY: the caller's promise.
            unsafe { put(stream, made as Pointer) }
        })
    }

    cuStreamDestroy_v2(stream: Pointer) {
        context_call(|driver| driver.stream_destroy(stream as usize))
    }

    cuStreamSynchronize(stream: Pointer) {
        context_call(|driver| driver.synchronise(stream as usize))
    }

    cuEventCreate(event: *mut Pointer, _flags: c_uint) {
        context_call(|driver| {
            let made = driver.event_create();
            // SAFETY: the caller's promise.
            unsafe { put(event, made as Pointer) }
        })
    }

    cuEventDestroy_v2(_event: Pointer) {
        context_call(|_| Ok(()))
    }

    cuEventSynchronize(_event: Pointer) {
        context_call(|_| Ok(()))
    }

    cuLaunchKernel(
        function: Pointer,
        grid_x: c_uint, grid_y: c_uint, grid_z: c_uint,
        block_x: c_uint, block_y: c_uint, block_z: c_uint,
        shared: c_uint, stream: Pointer, args: *mut Pointer, extra: *mut Pointer
    ) {
        context_call(|driver| {
            if !extra.is_null() {
                return Err(refuse(&"arguments in `extra`", code::NOT_SUPPORTED));
            }
            let number = driver.number_launch()?;
            let mut values = Vec::new();
            for (at, bytes) in driver.parameters(function as usize)?.into_iter().enumerate() {
                // SAFETY: there is an address for each parameter, the caller's promise.
                let arg = unsafe { args.wrapping_add(at).read() };
                // SAFETY: as many bytes are there, the caller's promise.
                values.push(Arg::Bytes(unsafe { host_memory::read(arg as usize, bytes) }));
            }
            let grid = Launch {
                grid: [grid_x, grid_y, grid_z],
                block: [block_x, block_y, block_z],
                dynamic_shared: shared,
            };
            let work = Work::Launch { function: function as usize, grid, args: values, number };
            // SAFETY: no memory of the host.
            unsafe { driver.enqueue(stream as usize, work) }
        })
    }
}
