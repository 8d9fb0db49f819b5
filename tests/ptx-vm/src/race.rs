//! Finds accesses of two threads that nothing orders.
//!
//! A barrier orders the threads of a block; nothing orders blocks. The detector numbers the
//! stretches between barriers ("epochs") through all blocks of a launch, and keeps for every byte
//! the last write and the reads since. As at most two different readers matter, it keeps two.

use std::fmt;

/// Bytes that get their cells together.
const PAGE_BYTES: u64 = 1024;

/// What two threads do to the same byte, the earlier first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// This thread reads what the other wrote.
    ReadAfterWrite,
    /// This thread writes what the other read.
    WriteAfterRead,
    /// Both write.
    WriteAfterWrite,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReadAfterWrite => "a read, unordered after a write",
            Self::WriteAfterRead => "a write, unordered after a read",
            Self::WriteAfterWrite => "a write, unordered after a write",
        })
    }
}

/// Two accesses that nothing orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Race {
    /// The byte, from the start of the memory.
    pub(crate) offset: u64,
    pub(crate) conflict: Conflict,
    /// The other thread, counted through all blocks.
    pub(crate) other: u32,
}

/// What is known of a byte. Epoch 0 is none.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    write_epoch: u32,
    writer: u32,
    read_epoch: u32,
    reader: u32,
    /// Another reader of the same epoch, or the same.
    second_reader: u32,
    /// One more than a reader of a block before that of `reader`, or 0.
    earlier_reader: u32,
}

/// The cells of a piece of memory, made where they are needed.
#[derive(Clone, Debug, Default)]
struct Shadow {
    pages: Vec<Option<Box<[Cell]>>>,
}

impl Shadow {
    fn cell(&mut self, offset: u64) -> &mut Cell {
        let page = (offset / PAGE_BYTES) as usize;
        if page >= self.pages.len() {
            self.pages.resize(page + 1, None);
        }
        let cells = self.pages[page]
            .get_or_insert_with(|| vec![Cell::default(); PAGE_BYTES as usize].into());
        &mut cells[(offset % PAGE_BYTES) as usize]
    }
}

/// The memories that are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watched {
    Shared,
    /// An allocation of the device.
    Device(usize),
}

/// The detector of a launch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Races {
    epoch: u32,
    /// First epoch of the block that runs.
    block_epoch: u32,
    shared: Shadow,
    device: Vec<Shadow>,
}

impl Races {
    /// Begins a block; false if there are no epochs left.
    pub(crate) fn begin_block(&mut self) -> bool {
        let begun = self.pass_barrier();
        self.block_epoch = self.epoch;
        begun
    }

    /// Orders what follows after what was; false if there are no epochs left.
    pub(crate) fn pass_barrier(&mut self) -> bool {
        let next = self.epoch.checked_add(1);
        self.epoch = next.unwrap_or(self.epoch);
        next.is_some()
    }

    pub(crate) fn read(
        &mut self,
        watched: Watched,
        offset: u64,
        bytes: u64,
        thread: u32,
    ) -> Result<(), Race> {
        let (epoch, block_epoch) = (self.epoch, self.block_epoch);
        for offset in offset..offset + bytes {
            let cell = self.cell(watched, offset);
            let unordered = cell.write_epoch != 0
                && (cell.write_epoch < block_epoch
                    || cell.write_epoch == epoch && cell.writer != thread);
            if unordered {
                return Err(Race {
                    offset,
                    conflict: Conflict::ReadAfterWrite,
                    other: cell.writer,
                });
            }
            if cell.read_epoch == epoch {
                if cell.reader != thread {
                    cell.second_reader = thread;
                }
                continue;
            }
            if cell.read_epoch != 0 && cell.read_epoch < block_epoch {
                cell.earlier_reader = cell.reader + 1;
            }
            cell.read_epoch = epoch;
            cell.reader = thread;
            cell.second_reader = thread;
        }
        Ok(())
    }

    pub(crate) fn write(
        &mut self,
        watched: Watched,
        offset: u64,
        bytes: u64,
        thread: u32,
    ) -> Result<(), Race> {
        let (epoch, block_epoch) = (self.epoch, self.block_epoch);
        for offset in offset..offset + bytes {
            let cell = self.cell(watched, offset);
            let race = |conflict, other| {
                Err(Race {
                    offset,
                    conflict,
                    other,
                })
            };
            let unordered = |at: u32, other: u32| {
                at != 0 && (at < block_epoch || at == epoch && other != thread)
            };
            if unordered(cell.write_epoch, cell.writer) {
                return race(Conflict::WriteAfterWrite, cell.writer);
            }
            if let Some(reader) = cell.earlier_reader.checked_sub(1) {
                return race(Conflict::WriteAfterRead, reader);
            }
            for reader in [cell.reader, cell.second_reader] {
                if unordered(cell.read_epoch, reader) {
                    return race(Conflict::WriteAfterRead, reader);
                }
            }
            cell.write_epoch = epoch;
            cell.writer = thread;
        }
        Ok(())
    }

    fn cell(&mut self, watched: Watched, offset: u64) -> &mut Cell {
        let Watched::Device(index) = watched else {
            let cell = self.shared.cell(offset);
            // Every block has its own shared memory: what others did to theirs is nothing.
            if cell.write_epoch < self.block_epoch {
                cell.write_epoch = 0;
            }
            if cell.read_epoch < self.block_epoch {
                cell.read_epoch = 0;
            }
            return cell;
        };
        if index >= self.device.len() {
            self.device.resize(index + 1, Shadow::default());
        }
        self.device[index].cell(offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Watched = Watched::Device(1);

    fn begun() -> Races {
        let mut races = Races::default();
        assert!(races.begin_block());
        races
    }

    fn race(offset: u64, conflict: Conflict, other: u32) -> Result<(), Race> {
        Err(Race {
            offset,
            conflict,
            other,
        })
    }

    #[test]
    fn threads_of_an_interval_conflict() {
        let mut races = begun();
        races.write(A, 4, 4, 7).unwrap();
        races.read(A, 4, 4, 7).unwrap();
        races.write(A, 4, 4, 7).unwrap();
        assert_eq!(races.read(A, 0, 8, 8), race(4, Conflict::ReadAfterWrite, 7));
        assert_eq!(
            races.write(A, 7, 1, 8),
            race(7, Conflict::WriteAfterWrite, 7)
        );
        assert_eq!(
            races.write(A, 0, 1, 9),
            race(0, Conflict::WriteAfterRead, 8)
        );
    }

    #[test]
    fn a_second_reader_is_not_forgotten() {
        for readers in [[1, 2], [2, 1]] {
            let mut races = begun();
            for reader in readers {
                races.read(Watched::Shared, 0, 1, reader).unwrap();
            }
            let found = races.write(Watched::Shared, 0, 1, 1);
            assert_eq!(found, race(0, Conflict::WriteAfterRead, 2));
        }
    }

    #[test]
    fn barriers_order_a_block_but_not_blocks() {
        let mut races = begun();
        races.write(A, 0, 1, 1).unwrap();
        races.read(A, 1, 1, 1).unwrap();
        races.read(A, 2, 1, 1).unwrap();
        races.write(Watched::Shared, 0, 1, 1).unwrap();
        races.pass_barrier();
        races.read(A, 0, 1, 2).unwrap();
        races.write(A, 1, 1, 2).unwrap();
        races.begin_block();
        assert_eq!(races.read(A, 0, 1, 9), race(0, Conflict::ReadAfterWrite, 1));
        races.read(Watched::Shared, 0, 1, 9).unwrap();
        races.read(A, 2, 1, 9).unwrap();
        assert_eq!(
            races.write(A, 2, 1, 9),
            race(2, Conflict::WriteAfterRead, 1)
        );
    }
}
