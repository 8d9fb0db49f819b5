//! Which patches go through the network together.

use std::collections::BTreeMap;

use mambalite_kernels::Tile;
use mambalite_kernels_ptx::args::Patches;
use mambalite_kernels_ptx::program::{Memory, Program, ProgramError};

use super::GpuError;
use crate::upscale::{Executor, grid};

/// LR pixels of a batch of several patches. Twice as many as keep every thread of a large device
/// busy in the longest layers; more would only take memory and keep copies from overlapping.
const BATCH_PIXELS_MAX: usize = 1 << 20;
/// Batches in flight at once: one computes while the other is copied.
pub(super) const LANES_MAX: usize = 2;

/// A patch of one of the pictures.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patch {
    /// Which picture.
    pub(super) picture: usize,
    pub(super) tile: Tile,
}

/// Patches of one size that go through the network together.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub(super) shape: Patches,
    pub(super) patches: Vec<Patch>,
}

/// All work on some pictures, and the memory that it needs.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) batches: Vec<Batch>,
    /// Batches in flight at once.
    pub(super) lanes: usize,
    /// Bytes of each lane.
    pub(super) bytes: Bytes,
}

/// Bytes that a batch needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bytes {
    /// Of the device.
    pub(super) arena: usize,
    /// Of the pictures that go in and come out.
    pub(super) input: usize,
    pub(super) output: usize,
}

impl Bytes {
    /// Returns the larger of each.
    pub(super) fn max(self, other: Self) -> Self {
        Self {
            arena: self.arena.max(other.arena),
            input: self.input.max(other.input),
            output: self.output.max(other.output),
        }
    }

    /// Returns whether the same memory does for the other, too.
    pub(super) fn covers(self, other: Self) -> bool {
        self.max(other) == self
    }
}

/// Why there is no plan.
enum Refusal {
    /// One patch of the size needs so many bytes.
    Memory {
        size: (usize, usize),
        needed: usize,
    },
    Program(ProgramError),
}

impl From<ProgramError> for Refusal {
    fn from(cause: ProgramError) -> Self {
        Self::Program(cause)
    }
}

/// Plans work with a model.
pub(super) struct Planner<'m> {
    /// The model file.
    file: &'m [u8],
    /// What is known of patches of a size: a program reads the whole model.
    known: BTreeMap<(u32, u32, u32), Result<Bytes, ProgramError>>,
}

impl<'m> Planner<'m> {
    pub(super) fn new(file: &'m [u8]) -> Self {
        Self {
            file,
            known: BTreeMap::new(),
        }
    }

    /// Checks that the network has a program.
    pub(super) fn check(&mut self) -> Result<(), GpuError> {
        self.bytes(shape((1, 1), 1)?)?;
        Ok(())
    }

    /// Plans pictures of the sizes given.
    ///
    /// * `room` - bytes of `device` for everything but the model.
    pub(super) fn plan(
        &mut self,
        pictures: &[(usize, usize)],
        executor: Executor,
        (device, room): (&str, usize),
    ) -> Result<Plan, GpuError> {
        let groups = group(pictures, executor);
        let mut plan = self.with_lanes(&groups, LANES_MAX, room);
        // One batch alone, and patches too large for two at once, have all the memory.
        if !plan.as_ref().is_ok_and(|plan| plan.batches.len() > 1) {
            plan = self.with_lanes(&groups, 1, room);
        }
        plan.map_err(|refusal| match refusal {
            Refusal::Program(cause) => cause.into(),
            Refusal::Memory { size, needed } => GpuError::Memory {
                device: device.to_owned(),
                width: size.0,
                height: size.1,
                needed,
                room,
            },
        })
    }

    fn with_lanes(
        &mut self,
        groups: &BTreeMap<(usize, usize), Vec<Patch>>,
        lanes: usize,
        room: usize,
    ) -> Result<Plan, Refusal> {
        let mut plan = Plan {
            batches: Vec::new(),
            lanes,
            bytes: Bytes::default(),
        };
        for (&size, patches) in groups {
            let most = self.most(size, patches.len(), room / lanes)?;
            // As few batches as can be, all about as large.
            let count = patches.len().div_ceil(patches.len().div_ceil(most));
            plan.bytes = plan.bytes.max(self.bytes(shape(size, count)?)?);
            for patches in patches.chunks(count) {
                plan.batches.push(Batch {
                    shape: shape(size, patches.len())?,
                    patches: patches.to_vec(),
                });
            }
        }
        Ok(plan)
    }

    /// Returns how many patches of a size, at most `wanted`, go at once.
    fn most(&mut self, size: (usize, usize), wanted: usize, room: usize) -> Result<usize, Refusal> {
        let needed = self.bytes(shape(size, 1)?)?.arena;
        if needed > room {
            return Err(Refusal::Memory { size, needed });
        }
        let pixels = (BATCH_PIXELS_MAX / (size.0 * size.1)).max(1);
        let mut count = wanted.min(pixels).min(room / needed);
        // Several patches have needed no more than as many times one; this does not rely on it.
        loop {
            match self.bytes(shape(size, count)?) {
                Ok(found) if found.arena <= room => return Ok(count),
                Ok(_) | Err(ProgramError::Size(_)) if count > 1 => count /= 2,
                Ok(found) => {
                    let needed = found.arena;
                    return Err(Refusal::Memory { size, needed });
                }
                Err(cause) => return Err(cause.into()),
            }
        }
    }

    /// Returns the bytes that a batch needs.
    fn bytes(&mut self, shape: Patches) -> Result<Bytes, ProgramError> {
        let key = (shape.width, shape.height, shape.count);
        let known = self.known.entry(key).or_insert_with(|| {
            let program = Program::new(self.file, shape, Memory::default())?;
            Ok(Bytes {
                arena: program.arena_bytes,
                input: program.input.len as usize,
                output: program.output.len as usize,
            })
        });
        known.clone()
    }
}

/// Cuts pictures and sorts the patches by size.
fn group(pictures: &[(usize, usize)], executor: Executor) -> BTreeMap<(usize, usize), Vec<Patch>> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (picture, &(width, height)) in pictures.iter().enumerate() {
        for tile in grid(width, height, executor) {
            let size = (tile.padded.width, tile.padded.height);
            groups
                .entry(size)
                .or_default()
                .push(Patch { picture, tile });
        }
    }
    groups
}

/// Returns so many patches of a size as programs take them.
fn shape((width, height): (usize, usize), count: usize) -> Result<Patches, ProgramError> {
    // More than can be told are too many, too.
    let side = |length| u32::try_from(length).unwrap_or(u32::MAX);
    let shape = Patches {
        count: side(count),
        width: side(width),
        height: side(height),
    };
    match [shape.count, shape.width, shape.height].contains(&u32::MAX) {
        true => Err(ProgramError::Size(shape)),
        false => Ok(shape),
    }
}
