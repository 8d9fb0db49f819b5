//! Which patches go through the network together.

use std::collections::BTreeMap;

use mambalite_kernels::{Tile, TileGrid};
use mambalite_kernels_ptx::args::Patches;
use mambalite_kernels_ptx::program::{Memory, Program, ProgramError};

use super::GpuError;

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

    /// Returns what the device has to hold of the model.
    pub(super) fn image(&self) -> Result<Vec<u8>, GpuError> {
        let program = Program::new(self.file, shape((1, 1), 1)?, Memory::default())?;
        Ok(program.image)
    }

    /// Plans pictures that are cut so.
    ///
    /// * `room` - bytes of `device` for everything but the model.
    pub(super) fn plan(
        &mut self,
        pictures: &[TileGrid],
        (device, room): (&str, usize),
    ) -> Result<Plan, GpuError> {
        let groups = group(pictures);
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
fn group(pictures: &[TileGrid]) -> BTreeMap<(usize, usize), Vec<Patch>> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (picture, &tiles) in pictures.iter().enumerate() {
        for tile in tiles {
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

#[cfg(test)]
mod tests {
    use mambalite::registry;
    use mambalite::upscale::{Executor, grid};

    use super::*;

    const TILES: Executor = Executor::Patch { tile: 8, halo: 2 };

    fn plan(
        pictures: &[(usize, usize)],
        executor: Executor,
        room: usize,
    ) -> Result<Plan, GpuError> {
        let file = registry::load(registry::DEFAULT, None).unwrap();
        let cut = |&(width, height): &(usize, usize)| grid(width, height, executor);
        let tiles: Vec<_> = pictures.iter().map(cut).collect();
        Planner::new(file.bytes()).plan(&tiles, ("test", room))
    }

    /// Returns width, height and number of patches of each batch.
    fn shapes(plan: &Plan) -> Vec<(u32, u32, u32)> {
        let shapes = plan.batches.iter().map(|it| it.shape);
        shapes.map(|it| (it.width, it.height, it.count)).collect()
    }

    #[test]
    fn patches_of_one_size_share_a_batch() {
        let plan = plan(&[(24, 16), (32, 16)], TILES, usize::MAX).unwrap();
        assert_eq!(shapes(&plan), [(10, 10, 8), (12, 10, 6)]);
        assert_eq!(plan.lanes, LANES_MAX);
        let of_second = |patch: &&Patch| patch.picture == 1;
        let patches = plan.batches.iter().flat_map(|it| &it.patches);
        assert_eq!(patches.filter(of_second).count(), 8);
    }

    #[test]
    fn a_batch_alone_has_all_the_memory() {
        let whole = plan(&[(24, 16)], Executor::Stream, usize::MAX).unwrap();
        assert_eq!(shapes(&whole), [(24, 16, 1)]);
        assert_eq!(whole.lanes, 1);
        let needed = whole.bytes.arena;
        let tight = plan(&[(24, 16)], Executor::Stream, needed).unwrap();
        assert_eq!(tight.bytes, whole.bytes);
        // Two pictures take turns in it.
        let two = plan(&[(24, 16), (24, 16)], Executor::Stream, needed).unwrap();
        assert_eq!((two.lanes, shapes(&two).len()), (1, 2));
        let refused = plan(&[(24, 16)], Executor::Stream, needed - 1).unwrap_err();
        assert!(
            matches!(refused, GpuError::Memory { needed: found, .. } if found == needed),
            "{refused}"
        );
    }

    #[test]
    fn batches_fit_the_memory_and_are_about_as_large() {
        let one = plan(&[(10, 10)], Executor::Stream, usize::MAX).unwrap();
        let room = LANES_MAX * 5 * one.bytes.arena;
        let pictures = [(10, 10); 11];
        let many = plan(&pictures, Executor::Stream, room).unwrap();
        assert_eq!(shapes(&many), [(10, 10, 4), (10, 10, 4), (10, 10, 3)]);
        assert!(many.lanes * many.bytes.arena <= room);
    }

    #[test]
    fn a_large_memory_does_not_make_batches_without_end() {
        let pictures = [(1024, 256); 9];
        let plan = plan(&pictures, Executor::Stream, usize::MAX).unwrap();
        assert_eq!(shapes(&plan), [(1024, 256, 3); 3]);
    }

    #[test]
    fn what_is_too_large_for_launches_is_refused() {
        let refused = plan(&[(1 << 20, 1 << 20)], Executor::Stream, usize::MAX).unwrap_err();
        assert!(matches!(refused, GpuError::Program { .. }), "{refused}");
        assert_eq!(refused.exit_code(), 2);
    }
}
