//! The driver: streams of work on the interpreter's device.
#![expect(unsafe_code, reason = "copies read and write memory of the host")]

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write as _;

use mambalite_ptx_vm::{Arg, Device, Launch, LaunchError, Module};

use crate::code::{self, Code};
use crate::faults::Faults;
use crate::host_memory::{self, Pinned};

/// What a call has, or the code that it returns.
pub(crate) type Result<T = ()> = core::result::Result<T, Code>;

/// Work of a stream that waits until the host waits for it.
pub(crate) enum Work {
    ToDevice {
        to: u64,
        from: usize,
        bytes: usize,
    },
    ToHost {
        to: usize,
        from: u64,
        bytes: usize,
    },
    Launch {
        /// As [`Driver::function`] counts.
        function: usize,
        grid: Launch,
        args: Vec<Arg>,
        /// Which launch of the process it is.
        number: usize,
    },
    Free {
        address: u64,
    },
}

impl Work {
    /// Returns the bytes of the host that it reads or writes.
    fn host_range(&self) -> Option<(usize, usize)> {
        match *self {
            Self::ToDevice { from, bytes, .. } => Some((from, bytes)),
            Self::ToHost { to, bytes, .. } => Some((to, bytes)),
            Self::Launch { .. } | Self::Free { .. } => None,
        }
    }
}

/// All that the process has of the driver.
pub(crate) struct Driver {
    pub(crate) faults: Faults,
    pub(crate) initialised: bool,
    device: Device,
    /// Bytes of each allocation.
    allocations: BTreeMap<u64, usize>,
    modules: Vec<Option<Module>>,
    functions: Vec<(usize, String)>,
    /// Streams, of which 0 always exists.
    streams: BTreeMap<usize, VecDeque<Work>>,
    streams_made: usize,
    events: usize,
    launches: usize,
    pinned: Pinned,
    /// What ended a launch: every later call returns it.
    broken: Option<Code>,
}

impl Driver {
    pub(crate) fn new() -> Self {
        Self {
            faults: Faults::from_environment(),
            initialised: false,
            device: Device::default(),
            allocations: BTreeMap::new(),
            modules: Vec::new(),
            functions: Vec::new(),
            streams: BTreeMap::from([(0, VecDeque::new())]),
            streams_made: 0,
            events: 0,
            launches: 0,
            pinned: Pinned::default(),
            broken: None,
        }
    }

    /// Refuses a call once a launch has failed.
    pub(crate) fn check(&self) -> Result {
        match self.broken {
            Some(code) => Err(code),
            None => Ok(()),
        }
    }

    /// Adds a line to the log.
    pub(crate) fn log(&self, line: &dyn Display) {
        let Some(path) = &self.faults.log else { return };
        let opened = OpenOptions::new().create(true).append(true).open(path);
        if let Err(error) = opened.and_then(|mut file| writeln!(file, "{line}")) {
            complain(&format!("log to {path}: {error}"));
        }
    }

    /// Returns free and all memory of the device.
    pub(crate) fn memory(&self) -> (usize, usize) {
        let used: usize = self.allocations.values().sum();
        (self.faults.memory.saturating_sub(used), self.faults.memory)
    }

    pub(crate) fn alloc(&mut self, bytes: usize) -> Result<u64> {
        if bytes > self.memory().0 {
            return Err(code::OUT_OF_MEMORY);
        }
        let address = self.device.alloc(bytes).map_err(|error| {
            complain(&error);
            code::OUT_OF_MEMORY
        })?;
        self.allocations.insert(address, bytes);
        Ok(address)
    }

    pub(crate) fn free(&mut self, address: u64) -> Result {
        self.device
            .free(address)
            .map_err(|error| refuse(&error, code::INVALID_VALUE))?;
        self.allocations.remove(&address);
        Ok(())
    }

    pub(crate) fn pin(&mut self, bytes: usize) -> usize {
        self.pinned.alloc(bytes)
    }

    pub(crate) fn unpin(&mut self, address: usize) -> Result {
        let in_use = self.streams.values().flatten().any(|work| {
            let range = work.host_range();
            range.is_some_and(|(begin, bytes)| self.pinned.block(begin, bytes) == Some(address))
        });
        if in_use {
            let text = "pinned memory is freed that a copy has yet to use";
            return Err(refuse(&text, code::INVALID_VALUE));
        }
        match self.pinned.free(address) {
            true => Ok(()),
            false => Err(refuse(
                &"free of memory that is not pinned",
                code::INVALID_VALUE,
            )),
        }
    }

    pub(crate) fn load(&mut self, text: &str) -> Result<usize> {
        let module = Module::parse(text).map_err(|error| refuse(&error, code::INVALID_PTX))?;
        let target = module.target().trim_start_matches("sm_").parse();
        if target.is_ok_and(|target: i32| target > self.faults.capability) {
            return Err(code::NO_BINARY_FOR_GPU);
        }
        self.device
            .load(&module)
            .map_err(|error| refuse(&error, code::OUT_OF_MEMORY))?;
        self.modules.push(Some(module));
        Ok(self.modules.len())
    }

    pub(crate) fn unload(&mut self, module: usize) -> Result {
        let slot = module
            .checked_sub(1)
            .and_then(|at| self.modules.get_mut(at));
        match slot.and_then(Option::take) {
            Some(_) => Ok(()),
            None => Err(code::INVALID_HANDLE),
        }
    }

    /// Returns the handle of a kernel.
    pub(crate) fn function(&mut self, module: usize, name: &str) -> Result<usize> {
        let loaded = self.module(module).ok_or(code::INVALID_HANDLE)?;
        loaded.kernel(name).ok_or(code::NOT_FOUND)?;
        self.functions.push((module, name.to_owned()));
        Ok(self.functions.len())
    }

    fn module(&self, module: usize) -> Option<&Module> {
        self.modules.get(module.checked_sub(1)?)?.as_ref()
    }

    /// Returns the bytes of each parameter of a kernel.
    pub(crate) fn parameters(&self, function: usize) -> Result<Vec<usize>> {
        let known = function
            .checked_sub(1)
            .and_then(|at| self.functions.get(at));
        let (module, name) = known.ok_or(code::INVALID_HANDLE)?;
        let kernel = self.module(*module).and_then(|module| module.kernel(name));
        let parameters = kernel.ok_or(code::INVALID_HANDLE)?.parameters();
        Ok(parameters.iter().map(|parameter| parameter.bytes).collect())
    }

    pub(crate) fn stream_create(&mut self) -> usize {
        self.streams_made += 1;
        self.streams.insert(self.streams_made, VecDeque::new());
        self.streams_made
    }

    /// Ends a stream; its work is done first.
    pub(crate) fn stream_destroy(&mut self, stream: usize) -> Result {
        self.synchronise(stream)?;
        self.streams.remove(&stream);
        Ok(())
    }

    pub(crate) fn event_create(&mut self) -> usize {
        self.events += 1;
        self.events
    }

    /// Puts work at the end of a stream; it begins when the host waits for the stream.
    ///
    /// # Safety
    /// The host's memory that it names is there until then.
    pub(crate) unsafe fn enqueue(&mut self, stream: usize, work: Work) -> Result {
        // A copy of memory that is not pinned is done when the call returns.
        let range = work.host_range();
        let waits = range.is_some_and(|(at, bytes)| self.pinned.block(at, bytes).is_none());
        match &work {
            Work::ToDevice { bytes, .. } => self.log(&format!("{stream} to-device {bytes}")),
            Work::ToHost { bytes, .. } => self.log(&format!("{stream} to-host {bytes}")),
            Work::Launch { function, .. } => {
                let name = &self.functions[function - 1].1;
                self.log(&format!("{stream} launch {name}"));
            }
            Work::Free { .. } => (),
        }
        let queue = self.streams.get_mut(&stream).ok_or(code::INVALID_HANDLE)?;
        queue.push_back(work);
        match waits {
            true => self.synchronise(stream),
            false => Ok(()),
        }
    }

    /// Counts a launch, or refuses it where the environment wants that.
    pub(crate) fn number_launch(&mut self) -> Result<usize> {
        let number = self.launches;
        self.launches += 1;
        match number == self.faults.refused_launch {
            true => Err(refuse(&"launch refused as wanted", code::INVALID_VALUE)),
            false => Ok(number),
        }
    }

    /// Does all work of a stream, and between any two pieces of it one of every other stream, but for
    /// the last: a host that does not wait for that one is found out.
    pub(crate) fn synchronise(&mut self, stream: usize) -> Result {
        self.log(&format!("{stream} synchronise"));
        loop {
            let queue = self.streams.get_mut(&stream).ok_or(code::INVALID_HANDLE)?;
            let Some(work) = queue.pop_front() else {
                return Ok(());
            };
            let others = self.streams.iter_mut().filter(|(at, _)| **at != stream);
            let meanwhile = others.filter(|(_, queue)| queue.len() > 1);
            let meanwhile = meanwhile.filter_map(|(_, queue)| queue.pop_front());
            for work in std::iter::once(work).chain(meanwhile.collect::<Vec<_>>()) {
                if let Err(code) = self.perform(work) {
                    self.broken = Some(code);
                    return Err(code);
                }
            }
        }
    }

    /// Does all work of all streams.
    pub(crate) fn synchronise_all(&mut self) -> Result {
        let streams: Vec<usize> = self.streams.keys().copied().collect();
        streams.into_iter().try_for_each(|it| self.synchronise(it))
    }

    fn perform(&mut self, work: Work) -> Result {
        match work {
            Work::ToDevice { to, from, bytes } => {
                // SAFETY: `enqueue` had the caller's promise.
                let values = unsafe { host_memory::read(from, bytes) };
                let written = self.device.write(to, &values);
                written.map_err(|error| refuse(&error, code::INVALID_VALUE))?;
                // What one copy fills to the last byte, as a model, is not for kernels to write.
                if self.allocations.get(&to) == Some(&bytes) {
                    let protected = self.device.protect(to);
                    protected.map_err(|error| refuse(&error, code::INVALID_VALUE))?;
                }
                Ok(())
            }
            Work::ToHost { to, from, bytes } => {
                let values = self.device.read(from, bytes);
                let values = values.map_err(|error| refuse(&error, code::INVALID_VALUE))?;
                // SAFETY: `enqueue` had the caller's promise.
                unsafe { host_memory::write(to, &values) };
                Ok(())
            }
            Work::Free { address } => self.free(address),
            Work::Launch {
                function,
                grid,
                args,
                number,
            } => self.launch(function, grid, &args, number),
        }
    }

    fn launch(&mut self, function: usize, grid: Launch, args: &[Arg], number: usize) -> Result {
        if number == self.faults.failed_launch {
            return Err(refuse(&"launch failed as wanted", code::LAUNCH_FAILED));
        }
        let (module, name) = &self.functions[function - 1];
        let module = self.modules[module - 1].as_ref();
        let kernel = module.and_then(|module| module.kernel(name));
        let kernel = kernel.ok_or(code::INVALID_HANDLE)?;
        let ran = self.device.launch(kernel, &grid, args);
        ran.map(|_| ()).map_err(|error| match error {
            LaunchError::Fault { .. } => refuse(&error, code::ILLEGAL_ADDRESS),
            _ => refuse(&error, code::LAUNCH_FAILED),
        })
    }
}

/// Says on stderr why a call fails, and returns the code.
pub(crate) fn refuse(why: &dyn Display, code: Code) -> Code {
    complain(why);
    code
}

fn complain(why: &dyn Display) {
    eprintln!("fake-cuda: {why}");
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: usize = 64;

    fn driver() -> (Driver, u64, usize, usize) {
        let mut driver = Driver::new();
        let stream = driver.stream_create();
        let (array, pinned) = (driver.alloc(2 * BYTES).unwrap(), driver.pin(BYTES));
        (driver, array, pinned, stream)
    }

    fn to_device(to: u64, from: usize) -> Work {
        Work::ToDevice {
            to,
            from,
            bytes: BYTES,
        }
    }

    fn to_host(to: usize, from: u64) -> Work {
        Work::ToHost {
            to,
            from,
            bytes: BYTES,
        }
    }

    /// Puts work at the end of a stream, on memory that the test keeps until it is done.
    fn enqueue(driver: &mut Driver, stream: usize, work: Work) {
        // SAFETY: what it names is pinned or a vector, both longer than the copy.
        unsafe { driver.enqueue(stream, work) }.unwrap();
    }

    fn bytes(address: usize) -> Vec<u8> {
        // SAFETY: it is pinned memory of so many bytes.
        unsafe { host_memory::read(address, BYTES) }
    }

    fn fill(address: usize, value: u8) {
        // SAFETY: it is pinned memory of so many bytes.
        unsafe { host_memory::write(address, &[value; BYTES]) };
    }

    #[test]
    fn work_waits_for_the_host() {
        let (mut driver, array, input, stream) = driver();
        let output = driver.pin(BYTES);
        fill(input, 1);
        enqueue(&mut driver, stream, to_device(array, input));
        enqueue(&mut driver, stream, to_host(output, array));
        assert_eq!(bytes(output), [0xa5; BYTES]);
        // Overwritten too early: the device gets the new bytes.
        fill(input, 2);
        driver.synchronise(stream).unwrap();
        assert_eq!(bytes(output), [2; BYTES]);
    }

    #[test]
    fn streams_get_into_the_way_of_one_another() {
        let (mut driver, array, first, stream) = driver();
        let (second, output, other) =
            (driver.pin(BYTES), driver.pin(BYTES), driver.stream_create());
        fill(first, 1);
        fill(second, 2);
        // Both use one array and do not wait for each other.
        enqueue(&mut driver, stream, to_device(array, first));
        enqueue(&mut driver, other, to_device(array, second));
        enqueue(&mut driver, other, to_host(second, array));
        enqueue(&mut driver, stream, to_host(output, array));
        driver.synchronise(stream).unwrap();
        assert_eq!(bytes(output), [2; BYTES]);
    }

    #[test]
    fn memory_that_is_not_pinned_is_copied_at_once() {
        let (mut driver, array, output, stream) = driver();
        let mut values = [1_u8; BYTES];
        let copy = to_device(array, values.as_ptr() as usize);
        enqueue(&mut driver, stream, copy);
        values.fill(2);
        enqueue(&mut driver, stream, to_host(output, array));
        driver.synchronise(stream).unwrap();
        assert_eq!(bytes(output), [1; BYTES]);
    }

    #[test]
    fn pinned_memory_in_use_cannot_be_freed() {
        let (mut driver, array, pinned, stream) = driver();
        enqueue(&mut driver, stream, to_device(array, pinned));
        assert_eq!(driver.unpin(pinned), Err(code::INVALID_VALUE));
        driver.synchronise(stream).unwrap();
        assert_eq!(driver.unpin(pinned), Ok(()));
    }

    #[test]
    fn bytes_that_nothing_wrote_break_the_context() {
        let (mut driver, array, pinned, stream) = driver();
        enqueue(&mut driver, stream, to_host(pinned, array));
        assert_eq!(driver.synchronise(stream), Err(code::INVALID_VALUE));
        assert_eq!(driver.check(), Err(code::INVALID_VALUE));
    }

    #[test]
    fn memory_ends() {
        let (mut driver, array, ..) = driver();
        let free = driver.memory().0;
        assert_eq!(driver.alloc(free + 1), Err(code::OUT_OF_MEMORY));
        driver.free(array).unwrap();
        assert_eq!(driver.memory().0, free + 2 * BYTES);
        assert_eq!(driver.free(array), Err(code::INVALID_VALUE));
    }
}
