//! The program of a board: its code, its symbols, its lines and how its frames are unwound.

use addr2line::Context;
use gimli::{
    BaseAddresses, CfaRule, DebugFrame, EndianSlice, Register, RegisterRule, RunTimeEndian,
    UnwindContext, UnwindSection,
};
use object::{Object, ObjectSection, ObjectSymbol, SectionKind, SymbolKind};

use super::Frame;

/// Frames of inlined functions that are told for one address.
const INLINED_MAX: usize = 32;

type Slice<'e> = EndianSlice<'e, RunTimeEndian>;

/// What an ELF file says of addresses.
pub(super) struct Program<'e> {
    context: Option<Context<Slice<'e>>>,
    unwinding: DebugFrame<Slice<'e>>,
    /// Functions by address: first address, length, name.
    functions: Vec<(u32, u32, String)>,
    /// Stretches of code by address.
    code: Vec<(u32, &'e [u8])>,
}

/// How one frame is left.
pub(super) struct Step {
    /// Register and offset that make the caller's stack pointer.
    pub(super) frame: (Register, i64),
    /// Registers that lie at an offset from the caller's stack pointer.
    pub(super) saved: Vec<(Register, i64)>,
    /// Register of the return address.
    pub(super) return_address: Register,
}

impl<'e> Program<'e> {
    /// Reads an ELF file; one without debug information has fewer answers.
    ///
    /// The error is a text for people.
    pub(super) fn read(elf: &'e [u8]) -> Result<Self, String> {
        let file = object::File::parse(elf).map_err(|e| format!("no ELF file: {e}"))?;
        let endian = if file.is_little_endian() {
            RunTimeEndian::Little
        } else {
            RunTimeEndian::Big
        };
        let section = |name: &str| {
            let section = file.section_by_name(name);
            // Compressed or cut sections count as absent.
            let data = section.and_then(|section| section.data().ok());
            EndianSlice::new(data.unwrap_or_default(), endian)
        };
        let dwarf = gimli::Dwarf::load(|id| Ok::<_, gimli::Error>(section(id.name())));
        let mut unwinding = DebugFrame::from(section(gimli::SectionId::DebugFrame.name()));
        unwinding.set_address_size(if file.is_64() { 8 } else { 4 });
        Ok(Self {
            context: dwarf.and_then(Context::from_dwarf).ok(),
            unwinding,
            functions: functions(&file),
            code: code(&file),
        })
    }

    /// Returns the functions at an address, the innermost of the inlined ones first.
    pub(super) fn frames(&self, address: u32, certain: bool) -> Vec<Frame> {
        let mut frames = self.lines(address, certain);
        let name = || self.function(address).map(|(_, name)| name.to_owned());
        if frames.is_empty() {
            frames.push(Frame {
                address,
                function: String::new(),
                file: String::new(),
                line: 0,
                certain,
            });
        }
        for frame in frames.iter_mut().filter(|frame| frame.function.is_empty()) {
            frame.function = name().unwrap_or_else(|| "unknown function".to_owned());
        }
        frames
    }

    /// Returns what the debug information says of an address.
    fn lines(&self, address: u32, certain: bool) -> Vec<Frame> {
        let mut frames = Vec::new();
        let Some(context) = &self.context else {
            return frames;
        };
        let Ok(mut found) = context.find_frames(u64::from(address)).skip_all_loads() else {
            return frames;
        };
        while let Ok(Some(frame)) = found.next() {
            let name = frame
                .function
                .as_ref()
                .and_then(|name| name.demangle().ok());
            let place = frame.location;
            frames.push(Frame {
                address,
                function: name.map(|it| without_hash(&it)).unwrap_or_default(),
                file: place
                    .as_ref()
                    .and_then(|it| it.file)
                    .unwrap_or_default()
                    .to_owned(),
                line: place.and_then(|it| it.line).unwrap_or(0),
                certain,
            });
            if frames.len() == INLINED_MAX {
                break;
            }
        }
        frames
    }

    /// Returns the first address and the name of the function that an address lies in.
    fn function(&self, address: u32) -> Option<(u32, &str)> {
        let after = self.functions.partition_point(|it| it.0 <= address);
        let (start, length, name) = self.functions.get(after.checked_sub(1)?)?;
        (address - start < (*length).max(1)).then_some((*start, name))
    }

    /// Returns the first address of the function that an address lies in.
    pub(super) fn function_start(&self, address: u32) -> Option<u32> {
        self.function(address).map(|(start, _)| start)
    }

    /// Returns the functions of the symbol table by address: first address, length, name.
    pub(super) fn into_functions(self) -> Vec<(u32, u32, String)> {
        self.functions
    }

    /// Returns `len` bytes of code at an address.
    pub(super) fn code(&self, address: u32, len: usize) -> Option<&'e [u8]> {
        let after = self.code.partition_point(|it| it.0 <= address);
        let (start, bytes) = self.code.get(after.checked_sub(1)?)?;
        let offset = (address - start) as usize;
        bytes.get(offset..)?.get(..len)
    }

    /// Returns how the frame of the function at an address is left; nothing where that is not
    /// known or takes more than registers and offsets.
    pub(super) fn step(&self, address: u32) -> Option<Step> {
        let (bases, address) = (BaseAddresses::default(), u64::from(address));
        let entry = self
            .unwinding
            .fde_for_address(&bases, address, DebugFrame::cie_from_offset)
            .ok()?;
        let mut context = UnwindContext::new();
        let row = entry
            .unwind_info_for_address(&self.unwinding, &bases, &mut context, address)
            .ok()?;
        let CfaRule::RegisterAndOffset { register, offset } = row.cfa() else {
            return None;
        };
        let saved = row.registers().filter_map(|(register, rule)| match rule {
            RegisterRule::Offset(offset) => Some((*register, *offset)),
            _ => None,
        });
        Some(Step {
            frame: (*register, *offset),
            saved: saved.collect(),
            return_address: entry.cie().return_address_register(),
        })
    }
}

/// Returns the functions of the symbol table by address.
fn functions(file: &object::File<'_>) -> Vec<(u32, u32, String)> {
    let mut functions: Vec<_> = file
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text)
        .filter_map(|symbol| {
            let name = addr2line::demangle_auto(symbol.name().ok()?.into(), None);
            // Symbols of Thumb functions have the lowest bit set.
            let thumb = u64::from(file.architecture() == object::Architecture::Arm);
            let start = u32::try_from(symbol.address() & !thumb).ok()?;
            let length = u32::try_from(symbol.size()).ok()?;
            Some((start, length, without_hash(&name)))
        })
        .collect();
    functions.sort();
    functions
}

/// Returns the sections of code by address.
fn code<'e>(file: &object::File<'e>) -> Vec<(u32, &'e [u8])> {
    let mut code: Vec<_> = file
        .sections()
        .filter(|section| section.kind() == SectionKind::Text)
        .filter_map(|section| {
            let start = u32::try_from(section.address()).ok()?;
            Some((start, section.data().ok()?))
        })
        .collect();
    code.sort();
    code
}

/// Returns a name without the hash that ends the older form of mangled names.
fn without_hash(name: &str) -> String {
    let parts = name.rsplit_once("::h");
    let hash = |it: &str| it.len() == 16 && it.bytes().all(|letter| letter.is_ascii_hexdigit());
    match parts {
        Some((front, last)) if hash(last) => front.to_owned(),
        _ => name.to_owned(),
    }
}
