//! Putting an image and a model on a board.

use sha2::{Digest, Sha256};

use crate::board::{Board, Microcontroller};
use crate::error::{Error, Result};
use crate::firmware::Image;

/// What a board keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// The firmware.
    Program,
    /// The model.
    Model,
}

/// A stretch of what a board keeps: of its memory, or the whole of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// What it is part of.
    pub store: Store,
    /// First address; 0 for a file.
    pub address: u32,
    /// Bytes.
    pub len: usize,
}

/// A way to write the memory of a board and to start it.
pub trait Flasher {
    /// Writes `bytes` at `address`; `progress` gets the count of each piece.
    ///
    /// # Errors
    /// [`Error::Flash`] when the memory does not take it, [`Error::Interrupted`].
    fn write(&mut self, address: u32, bytes: &[u8], progress: &mut dyn FnMut(usize)) -> Result<()>;

    /// Reads back `bytes.len()` bytes at `address` and compares; `progress` as for `write`.
    ///
    /// # Errors
    /// [`Error::Flash`] with the first wrong address, [`Error::Interrupted`].
    fn verify(&mut self, address: u32, bytes: &[u8], progress: &mut dyn FnMut(usize))
    -> Result<()>;

    /// Returns `len` bytes at `address` as they are there. A board may stand still from then on; a
    /// reset makes it ready to run again.
    ///
    /// # Errors
    /// [`Error::Flash`] when the memory cannot be read, [`Error::Interrupted`].
    fn read_back(&mut self, address: u32, len: usize) -> Result<Vec<u8>>;

    /// Returns the SHA-256 of a piece as it is there.
    ///
    /// # Errors
    /// As [`Flasher::read_back`].
    fn digest(&mut self, piece: &Piece) -> Result<[u8; 32]> {
        Ok(Sha256::digest(self.read_back(piece.address, piece.len)?).into())
    }

    /// Writes `bytes` into a piece, at an offset; the board is halted.
    ///
    /// # Errors
    /// As [`Flasher::write`].
    fn patch(&mut self, piece: &Piece, offset: u32, bytes: &[u8]) -> Result<()> {
        self.write(piece.address.wrapping_add(offset), bytes, &mut |_| ())
    }

    /// Resets the board and leaves it halted before its first instruction.
    ///
    /// # Errors
    /// [`Error::Emulator`] or [`Error::Flash`] when it does not reset.
    fn reset(&mut self) -> Result<()>;

    /// Lets the board run.
    ///
    /// # Errors
    /// [`Error::Emulator`] or [`Error::Flash`] when it does not run.
    fn resume(&mut self) -> Result<()>;
}

/// A way to look into a board that has crashed.
pub trait Inspector {
    /// Halts the core where it is.
    ///
    /// # Errors
    /// [`Error::Probe`] or [`Error::Emulator`] when it does not halt.
    fn halt(&mut self) -> Result<()>;

    /// Returns the registers of the halted core by name, as the core's manual has them.
    ///
    /// # Errors
    /// [`Error::Probe`] or [`Error::Emulator`] when they cannot be read.
    fn registers(&mut self) -> Result<Vec<(String, u32)>>;

    /// Fills `buffer` with the memory at `address`.
    ///
    /// # Errors
    /// [`Error::Probe`] or [`Error::Emulator`] when it cannot be read.
    fn read(&mut self, address: u32, buffer: &mut [u8]) -> Result<()>;
}

/// Checks that firmware and model fit the memory of a microcontroller; files fit as long as the
/// disk has room.
///
/// # Errors
/// [`Error::Image`] when a segment lies outside the firmware's flash, [`Error::Model`] when the model is
/// larger than its region.
pub fn check_fit(board: &Board, image: &Image, model: &str, model_bytes: &[u8]) -> Result<()> {
    let Some(memory) = board.memory() else {
        return Ok(());
    };
    for segment in &image.segments {
        if !memory
            .firmware_region()
            .holds(segment.address, segment.bytes.len())
        {
            let cause = format!(
                "its segment of {} bytes at {:#010x} lies outside the firmware's flash of `{}`",
                segment.bytes.len(),
                segment.address,
                board.name
            );
            return Err(Error::Image {
                path: image.path.clone(),
                cause,
            });
        }
    }
    let capacity = memory.model.capacity_bytes as usize;
    if model_bytes.len() > capacity {
        let cause = format!(
            "it has {} bytes, {} more than the model memory of `{}`",
            model_bytes.len(),
            model_bytes.len() - capacity,
            board.name
        );
        return Err(Error::Model {
            model: model.to_owned(),
            cause,
        });
    }
    Ok(())
}

/// Returns what a board keeps of firmware and model, and the bytes that are to be there: the firmware by
/// rising address, the model last.
#[must_use]
pub fn pieces<'a>(board: &Board, image: &'a Image, model: &'a [u8]) -> Vec<(Piece, &'a [u8])> {
    let piece = |store, address, bytes: &'a [u8]| {
        let len = bytes.len();
        let piece = Piece {
            store,
            address,
            len,
        };
        (piece, bytes)
    };
    let segments = image.segments.iter();
    let mut pieces: Vec<_> = segments
        .map(|it| piece(Store::Program, it.address, &it.bytes))
        .collect();
    if board.memory().is_none() {
        pieces = vec![piece(Store::Program, 0, &image.elf)];
    }
    pieces.push(piece(Store::Model, board.model_address(), model));
    pieces
}

/// Writes and verifies firmware and model; `progress` gets bytes done, of
/// [`flash_work`] in all.
///
/// # Errors
/// Those of [`Flasher::write`] and [`Flasher::verify`].
pub fn flash(
    flasher: &mut dyn Flasher,
    memory: &Microcontroller,
    image: &Image,
    model: &[u8],
    progress: &mut dyn FnMut(usize),
) -> Result<()> {
    let parts = image
        .segments
        .iter()
        .map(|segment| (segment.address, segment.bytes.as_slice()))
        .chain([(memory.model.address, model)]);
    for (address, bytes) in parts {
        flasher.write(address, bytes, progress)?;
        flasher.verify(address, bytes, progress)?;
    }
    Ok(())
}

/// Returns the bytes that [`flash`] writes and reads back.
#[must_use]
pub fn flash_work(image: &Image, model: &[u8]) -> usize {
    2 * (image
        .segments
        .iter()
        .map(|segment| segment.bytes.len())
        .sum::<usize>()
        + model.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Wanted;
    use crate::board::{ModelRegion, Reach, Region};
    use crate::firmware::Segment;

    /// Memory that spoils one byte.
    struct Memory {
        bytes: Vec<u8>,
        spoil: Option<usize>,
    }

    impl Flasher for Memory {
        fn write(&mut self, at: u32, bytes: &[u8], progress: &mut dyn FnMut(usize)) -> Result<()> {
            let at = at as usize;
            self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
            if let Some(place) = self.spoil {
                self.bytes[place] ^= 4;
            }
            progress(bytes.len());
            Ok(())
        }

        fn verify(&mut self, at: u32, bytes: &[u8], progress: &mut dyn FnMut(usize)) -> Result<()> {
            progress(bytes.len());
            let found = &self.bytes[at as usize..][..bytes.len()];
            let fail = |cause| Error::Flash {
                address: at,
                len: bytes.len(),
                cause,
            };
            if found == bytes {
                Ok(())
            } else {
                Err(fail("verify".to_owned()))
            }
        }

        fn read_back(&mut self, at: u32, len: usize) -> Result<Vec<u8>> {
            Ok(self.bytes[at as usize..][..len].to_vec())
        }

        fn reset(&mut self) -> Result<()> {
            Ok(())
        }

        fn resume(&mut self) -> Result<()> {
            Ok(())
        }
    }

    fn board() -> Board {
        Board {
            name: "b".to_owned(),
            chip: String::new(),
            core: String::new(),
            target: String::new(),
            target_cpu: None,
            arena_bytes: 1,
            reach: Reach::Flash(memory()),
            backend: Wanted::Cpu,
        }
    }

    fn memory() -> Microcontroller {
        Microcontroller {
            stack_bytes: 1,
            precisions: None,
            flash: Region {
                origin: 0,
                length: 96,
            },
            probe_origin: None,
            ram: Region {
                origin: 512,
                length: 64,
            },
            model: ModelRegion {
                address: 64,
                capacity_bytes: 32,
            },
            peripherals: std::collections::BTreeMap::new(),
            probe_chip: None,
            emulator: None,
        }
    }

    fn image(address: u32, len: usize) -> Image {
        let segments = vec![Segment {
            address,
            bytes: vec![7; len],
        }];
        Image {
            path: "x.elf".into(),
            elf: vec![],
            segments,
            build_id: [0; 20],
            driver: None,
        }
    }

    #[test]
    fn all_bytes_are_written_and_read_back() {
        let mut chip = Memory {
            bytes: vec![0; 200],
            spoil: None,
        };
        let (image, model) = (image(3, 50), [9; 30]);
        let mut done = 0;
        flash(&mut chip, &memory(), &image, &model, &mut |n| done += n).unwrap();
        assert_eq!(done, flash_work(&image, &model));
        assert_eq!(chip.bytes[3..53], [7; 50]);
        assert_eq!(chip.bytes[64..94], [9; 30]);
        let pieces = pieces(&board(), &image, &model);
        assert_eq!(pieces.len(), 2);
        for (piece, bytes) in &pieces {
            assert_eq!(chip.digest(piece).unwrap(), *Sha256::digest(bytes));
        }
        chip.patch(&pieces[0].0, 2, &[6]).unwrap();
        assert_eq!(chip.bytes[5], 6);
        chip.spoil = Some(70);
        let error = flash(&mut chip, &memory(), &image, &model, &mut |_| ()).unwrap_err();
        assert_eq!(error.exit_code(), crate::error::EXIT_LINK);
    }

    #[test]
    fn what_does_not_fit_is_refused_before_it_is_written() {
        assert!(check_fit(&board(), &image(0, 64), "m", &[0; 32]).is_ok());
        let error = check_fit(&board(), &image(1, 64), "m", &[]).unwrap_err();
        assert!(
            error.to_string().contains("outside the firmware's flash"),
            "{error}"
        );
        let error = check_fit(&board(), &image(0, 64), "m", &[0; 35]).unwrap_err();
        assert!(error.to_string().contains("3 more than"), "{error}");
    }
}
