//! The device: its memory, and the launches on it.

use std::collections::HashMap;

use crate::error::{DeviceError, LaunchError};
use crate::launch::{self, Arg, Launch};
use crate::machine::{self, Setup};
use crate::memory::{ALLOCATION_BYTES_MAX, Allocation, Allocations, Region};
use crate::module::{Kernel, Module, Variable};
use crate::stats::Stats;

/// Instructions of a launch before it counts as endless, unless the options say otherwise.
const INSTRUCTIONS_MAX: u64 = 20_000_000_000;

/// The order in which the threads of a block run between two barriers, and in which blocks run.
///
/// A kernel without races gives the same result in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThreadOrder {
    /// By rising index.
    #[default]
    Forward,
    /// By falling index.
    Reverse,
    /// In another order after each barrier, by the seed.
    Seeded(u64),
}

/// How a device runs kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Order of the threads.
    pub order: ThreadOrder,
    /// Whether unordered accesses of two threads are errors. Finding them costs time, and 24 bytes
    /// for each byte that a kernel touches.
    pub detect_races: bool,
    /// Instructions, over all threads, after which a launch ends with an error.
    pub max_instructions: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            order: ThreadOrder::Forward,
            detect_races: true,
            max_instructions: INSTRUCTIONS_MAX,
        }
    }
}

/// Memory, and what runs kernels on it.
///
/// Allocations have addresses far apart. An address is a `u64` as on a GPU; nothing that a kernel
/// or the host does with one can reach another allocation or the host's own memory.
#[derive(Clone, Debug, Default)]
pub struct Device {
    options: Options,
    allocations: Allocations,
    /// For each module that was loaded, the allocations of its variables.
    modules: HashMap<u64, Vec<usize>>,
}

impl Device {
    /// Makes a device without memory in use.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            ..Self::default()
        }
    }

    /// Sets how the next launches run.
    pub fn set_options(&mut self, options: Options) {
        self.options = options;
    }

    /// Allocates bytes without a value and returns their address, a multiple of 256.
    ///
    /// # Errors
    ///
    /// Returns an error for 0 bytes, more than 1 GiB, or if addresses run out.
    pub fn alloc(&mut self, bytes: usize) -> Result<u64, DeviceError> {
        if bytes > ALLOCATION_BYTES_MAX {
            return Err(DeviceError::Size {
                bytes,
                limit: ALLOCATION_BYTES_MAX,
            });
        }
        let index = self.allocations.place(Region::new(bytes))?;
        Ok(self.allocations.list[index].base)
    }

    /// Allocates memory with these bytes and returns its address.
    ///
    /// # Errors
    ///
    /// As [`Device::alloc`].
    pub fn upload(&mut self, bytes: &[u8]) -> Result<u64, DeviceError> {
        let address = self.alloc(bytes.len())?;
        self.write(address, bytes)?;
        Ok(address)
    }

    /// Frees an allocation. Its addresses are never given away again.
    ///
    /// # Errors
    ///
    /// Returns an error if the address does not begin a live allocation of the host.
    pub fn free(&mut self, address: u64) -> Result<(), DeviceError> {
        let allocation = self.own(address)?;
        allocation.live = false;
        allocation.region = Region::default();
        Ok(())
    }

    /// Makes writes of kernels to an allocation a fault. The host may still write it.
    ///
    /// # Errors
    ///
    /// Returns an error if the address does not begin a live allocation of the host.
    pub fn protect(&mut self, address: u64) -> Result<(), DeviceError> {
        self.own(address)?.read_only = true;
        Ok(())
    }

    /// Copies bytes to the device.
    ///
    /// # Errors
    ///
    /// Returns an error if they do not lie within one live allocation.
    pub fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        let (allocation, offset) = self.allocations.host_range(address, bytes.len())?;
        allocation.region.write(offset, bytes);
        Ok(())
    }

    /// Copies bytes from the device.
    ///
    /// # Errors
    ///
    /// Returns an error if they do not lie within one live allocation, or if one was never written.
    pub fn read(&mut self, address: u64, bytes: usize) -> Result<Vec<u8>, DeviceError> {
        let (allocation, offset) = self.allocations.host_range(address, bytes)?;
        let read = allocation.region.read(offset, bytes);
        read.map(<[u8]>::to_vec)
            .map_err(|at| DeviceError::Uninitialised {
                address,
                bytes,
                at: allocation.base + at as u64,
            })
    }

    /// Places the variables of a module with their initial values, if that has not been done.
    ///
    /// A launch does this itself; values that kernels give the variables last until the device is
    /// dropped.
    ///
    /// # Errors
    ///
    /// Returns an error if addresses run out.
    pub fn load(&mut self, module: &Module) -> Result<(), DeviceError> {
        if self.modules.contains_key(&module.id) {
            return Ok(());
        }
        let mut indices = Vec::new();
        for variable in &module.variables {
            let mut bytes = variable.initial.clone();
            bytes.resize(variable.bytes as usize, 0);
            let index = self.allocations.place(Region::written(bytes))?;
            let allocation = &mut self.allocations.list[index];
            allocation.constant = variable.constant;
            allocation.read_only = variable.constant;
            allocation.variable = true;
            indices.push(index);
        }
        for (variable, &index) in module.variables.iter().zip(&indices) {
            self.relocate(variable, index, &indices);
        }
        self.modules.insert(module.id, indices);
        Ok(())
    }

    /// Returns address and bytes of a variable of a module that is loaded.
    pub fn variable(&self, module: &Module, name: &str) -> Option<(u64, usize)> {
        let indices = self.modules.get(&module.id)?;
        let mut variables = module.variables.iter();
        let at = variables.position(|variable| variable.name == name)?;
        let allocation = &self.allocations.list[*indices.get(at)?];
        Some((allocation.base, allocation.length as usize))
    }

    /// Runs a kernel to its end.
    ///
    /// # Errors
    ///
    /// Returns an error if sizes or arguments do not fit the kernel, or the first [`Fault`] of a
    /// thread; memory then is as the threads left it.
    ///
    /// [`Fault`]: crate::Fault
    pub fn launch(
        &mut self,
        kernel: Kernel<'_>,
        launch: &Launch,
        args: &[Arg],
    ) -> Result<Stats, LaunchError> {
        launch.check(kernel.code)?;
        let parameters = launch::parameters(kernel.code, args)?;
        self.load(kernel.module).map_err(LaunchError::Load)?;
        let indices = self.modules.get(&kernel.module.id);
        let bases = indices.into_iter().flatten();
        let list = &self.allocations.list;
        let variables = bases.map(|&index| list[index].base).collect::<Vec<_>>();
        machine::launch(Setup {
            code: kernel.code,
            launch: *launch,
            options: self.options,
            variables: &variables,
            parameters,
            allocations: &mut self.allocations,
        })
    }

    /// Returns the live allocation of the host that begins at the address.
    fn own(&mut self, address: u64) -> Result<&mut Allocation, DeviceError> {
        let error = DeviceError::NotAllocated(address);
        let Some(index) = self.allocations.index(address) else {
            return Err(error);
        };
        let allocation = &mut self.allocations.list[index];
        if allocation.base != address || !allocation.live || allocation.variable {
            return Err(error);
        }
        Ok(allocation)
    }

    /// Writes the addresses that a variable holds.
    fn relocate(&mut self, variable: &Variable, index: usize, indices: &[usize]) {
        for relocation in &variable.relocations {
            let target = self.allocations.list[indices[relocation.variable]].base;
            let value = target.wrapping_add(relocation.addend as u64) >> relocation.shift;
            let bytes = &value.to_le_bytes()[..relocation.bytes];
            let region = &mut self.allocations.list[index].region;
            region.write(relocation.offset, bytes);
        }
    }
}
