//! The memories that a thread sees.

use crate::error::{Fault, Space};
use crate::instruction::Access;
use crate::machine::execute::Registers;
use crate::machine::integer::extend;
use crate::memory::{
    Allocations, LOCAL_START, LOCAL_TAG, PARAM_START, PARAM_TAG, Region, SHARED_START, SHARED_TAG,
    TAG_SHIFT, within,
};
use crate::race::{Race, Races, Watched};
use crate::stats::Stats;
use crate::traffic::Traffic;

/// Memories of the device, of a block, and of its threads.
pub(crate) struct View<'a> {
    pub(crate) allocations: &'a mut Allocations,
    pub(crate) shared: Region,
    pub(crate) locals: Vec<Region>,
    pub(crate) parameters: Region,
    pub(crate) races: Option<Races>,
    pub(crate) stats: Stats,
    pub(crate) traffic: Traffic,
    /// The thread that runs, within its block.
    pub(crate) thread: usize,
    /// The first thread of the block, counted through all blocks.
    pub(crate) first_thread: u32,
}

/// A memory that an address was found to be of.
#[derive(Clone, Copy)]
enum Memory {
    Device(usize),
    Shared,
    Local,
    Parameters,
}

impl View<'_> {
    /// Loads the elements of an access into registers.
    #[inline]
    pub(crate) fn load(
        &mut self,
        access: Access,
        address: u64,
        registers: &mut Registers<'_>,
        slots: &[u32],
    ) -> Result<(), Box<Fault>> {
        let size = access.ty.bytes();
        let bytes = size * u64::from(access.count);
        let (memory, offset) = self.find(access, address, bytes)?;
        for (index, &slot) in slots.iter().enumerate() {
            let value = self.region(memory).get(offset + index as u64 * size, size);
            let Some(value) = value else {
                return Err(Box::new(Fault::Uninitialised {
                    space: access.space,
                    address,
                    bytes,
                }));
            };
            registers.set(slot, extend(access.ty, value, access.register_bits));
        }
        match memory {
            Memory::Device(index) => {
                self.stats.global_loads += 1;
                self.stats.global_load_bytes += bytes;
                let watch = !self.allocations.list[index].read_only;
                self.traffic.read(index, offset, bytes, !watch);
                if let Some(races) = self.races.as_mut().filter(|_| watch) {
                    let thread = self.first_thread + self.thread as u32;
                    let read = races.read(Watched::Device(index), offset, bytes, thread);
                    return read.map_err(|race| raced(access, address - offset, race));
                }
            }
            Memory::Shared => {
                self.stats.shared_loads += 1;
                self.stats.shared_load_bytes += bytes;
                if let Some(races) = &mut self.races {
                    let thread = self.first_thread + self.thread as u32;
                    let read = races.read(Watched::Shared, offset, bytes, thread);
                    return read.map_err(|race| raced(access, address - offset, race));
                }
            }
            Memory::Local | Memory::Parameters => {}
        }
        Ok(())
    }

    /// Stores registers to the elements of an access.
    #[inline]
    pub(crate) fn store(
        &mut self,
        access: Access,
        address: u64,
        registers: &Registers<'_>,
        slots: &[u32],
    ) -> Result<(), Box<Fault>> {
        let size = access.ty.bytes();
        let bytes = size * u64::from(access.count);
        let (memory, offset) = self.find(access, address, bytes)?;
        let watched = match memory {
            Memory::Device(index) if !self.allocations.list[index].read_only => {
                self.stats.global_stores += 1;
                self.stats.global_store_bytes += bytes;
                self.traffic.write(index, offset, bytes);
                Some(Watched::Device(index))
            }
            Memory::Shared => {
                self.stats.shared_stores += 1;
                self.stats.shared_store_bytes += bytes;
                Some(Watched::Shared)
            }
            Memory::Local => None,
            Memory::Device(_) | Memory::Parameters => {
                return Err(Box::new(Fault::ReadOnly {
                    space: access.space,
                    address,
                    bytes,
                }));
            }
        };
        if let (Some(watched), Some(races)) = (watched, &mut self.races) {
            let thread = self.first_thread + self.thread as u32;
            let write = races.write(watched, offset, bytes, thread);
            write.map_err(|race| raced(access, address - offset, race))?;
        }
        for (index, &slot) in slots.iter().enumerate() {
            let offset = offset + index as u64 * size;
            self.region_mut(memory)
                .set(offset, size, registers.get(slot));
        }
        Ok(())
    }

    /// Returns the memory and the offset in it of an access that is aligned and in bounds.
    #[inline]
    fn find(&self, access: Access, address: u64, bytes: u64) -> Result<(Memory, u64), Box<Fault>> {
        let space = access.space;
        if address & (bytes - 1) != 0 {
            return Err(Box::new(Fault::Misaligned {
                space,
                address,
                bytes,
            }));
        }
        let (memory, start) = match (space, address >> TAG_SHIFT) {
            (Space::Generic, 0) | (Space::Global | Space::Const, _) => {
                let (index, offset) = self.allocations.kernel_range(space, address, bytes)?;
                return Ok((Memory::Device(index), offset));
            }
            (Space::Shared, _) => (Memory::Shared, SHARED_START),
            (Space::Local, _) => (Memory::Local, LOCAL_START),
            (Space::Param, _) => (Memory::Parameters, PARAM_START),
            (Space::Generic, SHARED_TAG) => (Memory::Shared, window(SHARED_TAG) + SHARED_START),
            (Space::Generic, LOCAL_TAG) => (Memory::Local, window(LOCAL_TAG) + LOCAL_START),
            (Space::Generic, PARAM_TAG) => (Memory::Parameters, window(PARAM_TAG) + PARAM_START),
            _ => {
                return Err(Box::new(Fault::Unmapped {
                    space,
                    address,
                    bytes,
                }));
            }
        };
        let length = self.region(memory).len();
        let offset = address.wrapping_sub(start);
        if !within(offset, bytes, length) {
            return Err(Box::new(Fault::OutOfBounds {
                space,
                address,
                bytes,
                base: start,
                length,
            }));
        }
        Ok((memory, offset))
    }

    fn region(&self, memory: Memory) -> &Region {
        match memory {
            Memory::Device(index) => &self.allocations.list[index].region,
            Memory::Shared => &self.shared,
            Memory::Local => &self.locals[self.thread],
            Memory::Parameters => &self.parameters,
        }
    }

    fn region_mut(&mut self, memory: Memory) -> &mut Region {
        match memory {
            Memory::Device(index) => &mut self.allocations.list[index].region,
            Memory::Shared => &mut self.shared,
            Memory::Local => &mut self.locals[self.thread],
            Memory::Parameters => &mut self.parameters,
        }
    }
}

/// Returns the first generic address with the tag.
fn window(tag: u64) -> u64 {
    tag << TAG_SHIFT
}

/// Returns the difference of generic addresses from those of the space.
pub(crate) fn window_of(space: Space) -> u64 {
    match space {
        Space::Shared => window(SHARED_TAG),
        Space::Local => window(LOCAL_TAG),
        Space::Param => window(PARAM_TAG),
        Space::Generic | Space::Global | Space::Const => 0,
    }
}

/// Makes a fault of a race; the machine adds the indices of the other thread.
fn raced(access: Access, base: u64, race: Race) -> Box<Fault> {
    Box::new(Fault::Race {
        space: access.space,
        address: base + race.offset,
        conflict: race.conflict,
        other_block: [0; 3],
        other: [race.other, 0, 0],
    })
}
