//! What in a board's memory is worth changing.

use mambalite::model_file::ModelFile;
use mambalite::picture::Picture;
use object::{Architecture, Object, ObjectSymbol};

use crate::board::Board;
use crate::controls;
use crate::crash;
use crate::error::Result;
use crate::firmware::Image;

/// Part of the names of the functions that run the network on a row.
const NETWORK: &str = "exec::stream::Stream<";
/// Part of the name of the one that is entered for each row.
const ROW: &str = "::tick";

/// Symbol of the linker scripts at the note with the build id.
const BUILD_ID: &str = "__build_id_start";
/// Bytes of an ELF note of owner "GNU" before its contents.
const NOTE_HEADER_BYTES: u32 = 16;

/// An instruction that Thumb leaves undefined for ever.
const UNDEFINED_THUMB: [u8; 2] = [0x00, 0xde];
/// An instruction that RISC-V keeps illegal for ever.
const UNDEFINED_RISCV: [u8; 2] = [0, 0];

/// Places in the memory of one board with one program and one model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Targets {
    /// Functions of the network, with an undefined instruction for each.
    pub undefined: Vec<(u32, Vec<u8>)>,
    /// The firmware is a program on Linux, which a signal can end.
    pub program: bool,
    /// Address of a weight's byte, and another value that changes the picture.
    pub weight: Option<(u32, u8)>,
    /// Address of the first bytes of the build id where it has one, and other bytes.
    pub build_id: (Option<u32>, Vec<u8>),
}

impl Targets {
    /// Finds the places of a microcontroller; a computer with Linux has none but its program.
    ///
    /// `picture` is what will be sent: the weight changes its result.
    ///
    /// # Errors
    /// Those of the host's reference.
    pub fn find(board: &Board, image: &Image, file: &ModelFile, picture: &Picture) -> Result<Self> {
        if board.memory().is_none() {
            return Ok(Self {
                program: true,
                ..Self::default()
            });
        }
        let elf = object::File::parse(image.elf.as_slice()).ok();
        let is_arm = elf
            .as_ref()
            .is_none_or(|it| it.architecture() == Architecture::Arm);
        let undefined = if is_arm {
            UNDEFINED_THUMB
        } else {
            UNDEFINED_RISCV
        };
        let rows = crash::find_functions(&image.elf, |name| {
            name.contains(NETWORK) && name.contains(ROW)
        });
        let note = elf.as_ref().and_then(|elf| {
            let symbol = elf.symbols().find(|it| it.name() == Ok(BUILD_ID))?;
            u32::try_from(symbol.address()).ok()
        });
        let weight = controls::weight_that_counts(file, picture)?;
        Ok(Self {
            undefined: rows
                .into_iter()
                .map(|(address, _)| (address, undefined.to_vec()))
                .collect(),
            program: false,
            weight: weight.map(|(offset, byte)| {
                let offset = offset as u32;
                (board.model_address().wrapping_add(offset), byte)
            }),
            build_id: (
                note.map(|it| it.wrapping_add(NOTE_HEADER_BYTES)),
                vec![!image.build_id[0]],
            ),
        })
    }
}
