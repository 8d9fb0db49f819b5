//! Which parts of device memory the blocks of a launch touch.

/// Bytes of the smallest piece that moves between device memory and a multiprocessor.
const SECTOR: u64 = 32;

/// What blocks have done to the sectors of an allocation: the number of the last block, from 1.
#[derive(Debug, Default)]
struct Sectors {
    read: Vec<u32>,
    written: Vec<u32>,
}

/// Counts sectors: each once for a block that reads it and once for a block that writes it.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    allocations: Vec<Sectors>,
    block: u32,
    /// Sectors of memory that kernels write to, or that another block has touched, by block.
    by_block: u64,
    /// The same, each once in the launch for reading and once for writing.
    once: u64,
}

impl Traffic {
    pub(crate) fn begin_block(&mut self) {
        self.block += 1;
    }

    /// Notes that the block reads bytes of an allocation; `lasting` ones stay near, however many
    /// blocks read them.
    #[inline]
    pub(crate) fn read(&mut self, allocation: usize, offset: u64, bytes: u64, lasting: bool) {
        let block = self.block;
        let (mut by_block, mut once) = (0, 0);
        let seen = Self::sectors(&mut self.allocations, allocation);
        each(&mut seen.read, offset, bytes, |last| {
            once += u64::from(*last == 0);
            by_block += u64::from(if lasting { *last == 0 } else { *last != block });
            *last = block;
        });
        self.by_block += by_block;
        self.once += once;
    }

    /// Notes that the block writes bytes of an allocation.
    #[inline]
    pub(crate) fn write(&mut self, allocation: usize, offset: u64, bytes: u64) {
        let block = self.block;
        let (mut by_block, mut once) = (0, 0);
        let seen = Self::sectors(&mut self.allocations, allocation);
        each(&mut seen.written, offset, bytes, |last| {
            once += u64::from(*last == 0);
            by_block += u64::from(*last != block);
            *last = block;
        });
        self.by_block += by_block;
        self.once += once;
    }

    /// Returns the bytes of all sectors: by block, and once.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        (self.by_block * SECTOR, self.once * SECTOR)
    }

    fn sectors(allocations: &mut Vec<Sectors>, index: usize) -> &mut Sectors {
        if allocations.len() <= index {
            allocations.resize_with(index + 1, Sectors::default);
        }
        &mut allocations[index]
    }
}

/// Calls `note` with the last block of each sector of the bytes.
#[inline]
fn each(last: &mut Vec<u32>, offset: u64, bytes: u64, mut note: impl FnMut(&mut u32)) {
    let (from, to) = (offset / SECTOR, (offset + bytes - 1) / SECTOR);
    if last.len() as u64 <= to {
        last.resize(to as usize + 1, 0);
    }
    last[from as usize..=to as usize]
        .iter_mut()
        .for_each(&mut note);
}
