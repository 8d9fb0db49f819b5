//! Pixels in memory, or beyond a budget in a file without a name.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::picture::Picture;
use crate::{Error, Result};

/// Keeps pictures.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    /// Bytes of memory that are left.
    memory: usize,
    spill: Option<Spill>,
}

/// The file, which goes away with the process.
#[derive(Debug)]
struct Spill {
    file: Mutex<File>,
    bytes: u64,
}

/// A picture that is kept.
#[derive(Debug)]
pub(super) enum Kept {
    Memory(Picture),
    File {
        /// Place of the first sample.
        offset: u64,
        width: usize,
        height: usize,
        channels: usize,
    },
}

impl Store {
    /// Keeps up to `memory` bytes in memory, the rest in a file in `folder`.
    pub(super) fn new(memory: usize, folder: &Path) -> Self {
        Self {
            folder: folder.to_path_buf(),
            memory,
            spill: None,
        }
    }

    /// Keeps a picture.
    pub(super) fn keep(&mut self, picture: Picture) -> Result<Kept> {
        let bytes = picture.data().len();
        if let Some(left) = self.memory.checked_sub(bytes) {
            self.memory = left;
            return Ok(Kept::Memory(picture));
        }
        let refused = |cause| Error::Write {
            path: self.folder.clone(),
            cause,
        };
        let mut spill = match self.spill.take() {
            Some(spill) => spill,
            None => Spill {
                file: Mutex::new(tempfile::tempfile_in(&self.folder).map_err(refused)?),
                bytes: 0,
            },
        };
        let file = spill.file.get_mut().unwrap_or_else(PoisonError::into_inner);
        file.write_all(picture.data()).map_err(refused)?;
        let (width, height, channels) = picture.shape();
        let offset = spill.bytes;
        spill.bytes += bytes as u64;
        self.spill = Some(spill);
        Ok(Kept::File {
            offset,
            width,
            height,
            channels,
        })
    }

    /// Returns a rectangle of a picture.
    pub(super) fn crop(
        &self,
        kept: &Kept,
        (x, y): (usize, usize),
        (width, height): (usize, usize),
    ) -> Result<Picture> {
        let &(offset, whole, channels) = match kept {
            Kept::Memory(picture) => return picture.crop(x, y, width, height),
            Kept::File {
                offset,
                width: whole,
                channels,
                ..
            } => &(*offset, *whole, *channels),
        };
        let read = |data: &mut [u8]| -> std::io::Result<()> {
            let Some(spill) = &self.spill else {
                return Err(std::io::ErrorKind::NotFound.into());
            };
            let mut file = spill.file.lock().unwrap_or_else(PoisonError::into_inner);
            for (row, y) in data.chunks_exact_mut(width * channels).zip(y..) {
                let start = (y * whole + x) * channels;
                file.seek(SeekFrom::Start(offset + start as u64))?;
                file.read_exact(row)?;
            }
            Ok(())
        };
        let mut data = vec![0; width * height * channels];
        read(&mut data).map_err(|cause| Error::Read {
            path: self.folder.clone(),
            cause,
        })?;
        Picture::new(width, height, channels, data)
    }
}

impl Kept {
    /// Returns width and height.
    pub(super) fn size(&self) -> (usize, usize) {
        match self {
            Self::Memory(picture) => (picture.width(), picture.height()),
            &Self::File { width, height, .. } => (width, height),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: usize, height: usize, seed: u8) -> Picture {
        let sample = |i| (i as u8).wrapping_mul(31).wrapping_add(seed);
        let data = (0..width * height * 3).map(sample).collect();
        Picture::new(width, height, 3, data).unwrap()
    }

    #[test]
    fn crops_of_file_and_memory_are_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let pictures = [picture(7, 9, 1), picture(30, 5, 2), picture(11, 11, 3)];
        // Room for the first and the last only.
        let mut store = Store::new((7 * 9 + 11 * 11) * 3, folder.path());
        let kept = pictures
            .each_ref()
            .map(|it| store.keep(it.clone()).unwrap());
        let in_file = kept.each_ref().map(|it| matches!(it, Kept::File { .. }));
        assert_eq!(in_file, [false, true, false]);
        for (kept, picture) in kept.iter().zip(&pictures) {
            assert_eq!(kept.size(), (picture.width(), picture.height()));
            for (x, y) in [(0, 0), (2, 1), (3, 2)] {
                let found = store.crop(kept, (x, y), (4, 3)).unwrap();
                assert_eq!(found, picture.crop(x, y, 4, 3).unwrap());
            }
        }
    }
}
