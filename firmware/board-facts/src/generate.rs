//! What the build script of a board writes: linker scripts, constants, linker arguments.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use crate::facts::{Facts, FactsError, Precision};

/// A build script that could not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Cargo did not set a variable that it always sets for build scripts.
    #[error("read {name}: not run by cargo")]
    NotCargo {
        /// The variable.
        name: &'static str,
    },
    /// A file could not be read or written.
    #[error("access {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The facts cannot be used.
    #[error("use {}: {source}", path.display())]
    Facts {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: FactsError,
    },
    /// The facts are those of another board.
    #[error("use board.toml of {found} for the package {wanted}")]
    OtherBoard {
        /// Name in the file.
        found: String,
        /// Name of the package.
        wanted: String,
    },
}

/// Puts a linker script of a package where the linker finds it.
///
/// # Errors
/// If it is not run by cargo, or the file cannot be copied.
pub fn place_script(script: &str) -> Result<(), BuildError> {
    println!("cargo::rerun-if-changed={script}");
    let out = PathBuf::from(variable("OUT_DIR")?);
    fs::copy(script, out.join(script)).map_err(|source| BuildError::File {
        path: script.into(),
        source,
    })?;
    println!("cargo::rustc-link-search={}", out.display());
    Ok(())
}

/// Does all the work of the build script of a board.
///
/// Reads `board.toml` beside the manifest, writes `memory.x`, `build-id.x` and `board.rs` to
/// `OUT_DIR`, and tells cargo the arguments of the linker.
///
/// # Errors
/// If it is not run by cargo, a file cannot be read or written, or the facts are wrong.
pub fn build() -> Result<(), BuildError> {
    let folder = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(variable("OUT_DIR")?);
    let package = variable("CARGO_PKG_NAME")?;
    let path = folder.join("board.toml");
    let text = fs::read_to_string(&path).map_err(|source| BuildError::File {
        path: path.clone(),
        source,
    })?;
    let facts = Facts::parse(&text).map_err(|source| BuildError::Facts {
        path: path.clone(),
        source,
    })?;
    if facts.name != package {
        return Err(BuildError::OtherBoard {
            found: facts.name,
            wanted: package,
        });
    }
    write(&out, "memory.x", &memory_script(&facts))?;
    write(&out, "build-id.x", build_id_script())?;
    write(&out, "board.rs", &constants(&facts))?;
    println!("cargo:rerun-if-changed={}", path.display());
    println!("cargo:rustc-link-search={}", out.display());
    let script = if facts.target.starts_with("riscv32") {
        "-Triscv.x"
    } else {
        "-Tlink.x"
    };
    for argument in [script, "-Tdefmt.x", "-Tbuild-id.x", "--build-id=sha1"] {
        println!("cargo:rustc-link-arg={argument}");
    }
    Ok(())
}

/// Returns the memory map as a linker script, for `link.x` of cortex-m-rt or for `riscv.x`.
///
/// The stack has a region of its own at the bottom of the RAM. It grows downwards, so an
/// overflow leaves the RAM and faults; it never reaches a variable.
pub fn memory_script(facts: &Facts) -> String {
    let program_bytes = facts.model.address - facts.flash.origin;
    let ram_origin = facts.ram.origin + facts.stack_bytes;
    let ram_bytes = facts.ram.length - facts.stack_bytes;
    format!(
        "/* Generated from board.toml of {name}. */\n\
         MEMORY {{\n\
         \x20 FLASH : ORIGIN = {flash:#x}, LENGTH = {program_bytes:#x}\n\
         \x20 MODEL : ORIGIN = {model:#x}, LENGTH = {capacity:#x}\n\
         \x20 STACK : ORIGIN = {stack:#x}, LENGTH = {stack_bytes:#x}\n\
         \x20 RAM : ORIGIN = {ram_origin:#x}, LENGTH = {ram_bytes:#x}\n\
         }}\n\
         _stack_end = ORIGIN(STACK);\n\
         _stack_start = ORIGIN(STACK) + LENGTH(STACK);\n\
         __model_start = ORIGIN(MODEL);\n\
         __model_end = ORIGIN(MODEL) + LENGTH(MODEL);\n",
        name = facts.name,
        flash = facts.flash.origin,
        model = facts.model.address,
        capacity = facts.model.capacity_bytes,
        stack = facts.ram.origin,
        stack_bytes = facts.stack_bytes,
    )
}

/// Returns the linker script that keeps the build id in flash and marks it with symbols.
pub fn build_id_script() -> &'static str {
    "SECTIONS {\n\
     \x20 .note.gnu.build-id : ALIGN(4) {\n\
     \x20   __build_id_start = .;\n\
     \x20   KEEP(*(.note.gnu.build-id));\n\
     \x20   __build_id_end = .;\n\
     \x20 } > FLASH\n\
     }\n\
     INSERT AFTER .rodata;\n"
}

/// Returns the constants of the board as Rust source.
pub fn constants(facts: &Facts) -> String {
    let mut source = format!(
        "/// Name of the board.\n\
         pub(crate) const NAME: &str = {:?};\n\
         /// Working memory of the network, in words of eight bytes.\n\
         pub(crate) const ARENA_WORDS: usize = {};\n\
         /// Precisions that the firmware is built for: bit 0 f32, bit 1 w8a16, bit 2 w8a8.\n\
         pub(crate) const PRECISIONS: u8 = {:#05b};\n",
        facts.name,
        facts.arena_bytes / 8,
        precisions(facts),
    );
    let instruction = facts
        .virtual_board
        .as_ref()
        .and_then(|it| it.instruction_ns);
    let instruction = instruction.map(|ns| ("instruction-ns", ns));
    let peripherals = facts
        .peripherals
        .iter()
        .map(|(key, value)| (key.as_str(), *value));
    for (key, value) in peripherals.chain(instruction) {
        let name = key.to_uppercase().replace('-', "_");
        source += &format!(
            "/// `{key}` of the board file.\n\
             pub(crate) const {name}: u32 = {value:#x};\n"
        );
    }
    source
}

/// Returns the precisions as the kernels' set of them.
fn precisions(facts: &Facts) -> u8 {
    let bits = facts.precisions.iter().map(|it| match it {
        Precision::F32 => 0b001,
        Precision::W8a16 => 0b010,
        Precision::W8a8 => 0b100,
    });
    bits.fold(0, |set, bit| set | bit)
}

/// Reads a variable that cargo sets.
fn variable(name: &'static str) -> Result<String, BuildError> {
    env::var(name).map_err(|_| BuildError::NotCargo { name })
}

/// Writes one generated file.
fn write(folder: &Path, name: &str, text: &str) -> Result<(), BuildError> {
    let path = folder.join(name);
    fs::write(&path, text).map_err(|source| BuildError::File { path, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts::parse(include_str!("../../boards/qemu-mps2-an386/board.toml")).unwrap()
    }

    #[test]
    fn the_stack_lies_below_the_variables() {
        let script = memory_script(&facts());
        assert!(
            script.contains("STACK : ORIGIN = 0x20000000, LENGTH = 0x8000"),
            "{script}"
        );
        assert!(
            script.contains("RAM : ORIGIN = 0x20008000, LENGTH = 0x3f8000"),
            "{script}"
        );
    }

    #[test]
    fn the_program_ends_below_the_model() {
        let script = memory_script(&facts());
        assert!(
            script.contains("FLASH : ORIGIN = 0x0, LENGTH = 0x200000"),
            "{script}"
        );
        assert!(
            script.contains("MODEL : ORIGIN = 0x200000, LENGTH = 0x200000"),
            "{script}"
        );
    }

    #[test]
    fn the_constants_name_the_board_and_its_arena() {
        let source = constants(&facts());
        assert!(
            source.contains("NAME: &str = \"qemu-mps2-an386\";"),
            "{source}"
        );
        assert!(source.contains("ARENA_WORDS: usize = 131072;"), "{source}");
        assert!(source.contains("LOG_UART: u32 = 0x40005000;"), "{source}");
        assert!(source.contains("INSTRUCTION_NS: u32 = 0x80;"), "{source}");
    }
}
