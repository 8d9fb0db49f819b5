//! Which functions the instructions of a program are of, those that were inlined too.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::Ended;

/// Begins the names of the project's functions.
const OURS: &str = "mambalite_";

/// Functions by the address of an instruction, the innermost of inlined ones first.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Functions(BTreeMap<u32, Vec<String>>);

impl Functions {
    /// Reads the debug info and the symbols of a program, with `addr2line` of binutils, which every
    /// linker of the host comes with.
    pub(crate) fn read(elf: &Path, addresses: &BTreeSet<u32>) -> Result<Self> {
        // A file: nobody has to write while the answers are read.
        let path = elf.with_extension("addresses");
        let lines: String = addresses.iter().map(|at| format!("{at:#x}\n")).collect();
        fs::write(&path, lines).with_context(|| format!("write {}", path.display()))?;
        let mut command = Command::new("addr2line");
        command
            .args(["--addresses", "--functions", "--inlines", "--exe"])
            .arg(elf)
            .stdin(File::open(&path)?);
        let output = match command.output() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Ended::missing("no addr2line: install binutils".to_owned()));
            }
            output => output.context("start addr2line")?,
        };
        ensure!(output.status.success(), "addr2line: {}", output.status);
        let functions = Self::parse(&String::from_utf8_lossy(&output.stdout))?;
        ensure!(
            functions.0.keys().eq(addresses),
            "addr2line answers {} of {} addresses",
            functions.0.len(),
            addresses.len()
        );
        Ok(functions)
    }

    /// Reads an address, then a function and its place in the source a pair of lines, and so on.
    fn parse(text: &str) -> Result<Self> {
        let (mut functions, mut last) = (BTreeMap::<_, Vec<_>>::new(), None);
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(digits) = line.strip_prefix("0x") {
                let address = u32::from_str_radix(digits, 16)?;
                last = Some(functions.entry(address).or_default());
                continue;
            }
            let (Some(names), Some(_)) = (&mut last, lines.next()) else {
                bail!("addr2line wrote {line:?}");
            };
            names.push(format!("{:#}", rustc_demangle::demangle(line)));
        }
        Ok(Self(functions))
    }

    /// Tells whether the instruction at an address is of a function, or of one inlined there.
    pub(crate) fn is_of(&self, address: u32, function: &str) -> bool {
        let is = |name: &String| match name.strip_prefix(function) {
            // What follows is for which types.
            Some(rest) => rest.is_empty() || rest.starts_with("::<"),
            None => false,
        };
        self.names(address).iter().any(is)
    }

    /// Returns the innermost of the project's functions about an instruction, else the outermost of
    /// all.
    pub(crate) fn ours(&self, address: u32) -> &str {
        let names = self.names(address);
        // A method's name begins with its type.
        let is_ours = |name: &&String| name.trim_start_matches(['<', '&']).starts_with(OURS);
        let ours = names.iter().find(is_ours);
        ours.or(names.last()).map_or("unknown", String::as_str)
    }

    fn names(&self, address: u32) -> &[String] {
        self.0.get(&address).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Functions of which `a::silu` is at 0x20, inlined in `a::run`, which is at 0x24 too.
    pub(crate) fn functions() -> Functions {
        let text = "0x00000020\ncore::ptr::read::<mambalite_a::T>\nptr.rs:1\nmambalite_a::silu::<i8>\na.rs:2\n\
                    mambalite_a::run\na.rs:3\n0x00000024\nmambalite_a::run\n??:?\n\
                    0x00000028\nmemcpy\n??:?\n";
        Functions::parse(text).unwrap()
    }

    #[test]
    fn instructions_are_of_all_functions_about_them() {
        let functions = functions();
        assert!(functions.is_of(0x20, "mambalite_a::silu"));
        assert!(functions.is_of(0x20, "mambalite_a::run"));
        assert!(functions.is_of(0x24, "mambalite_a::run"));
        assert!(!functions.is_of(0x24, "mambalite_a::silu"));
        assert!(!functions.is_of(0x20, "mambalite_a::sil"));
        assert!(!functions.is_of(0x30, "mambalite_a::run"));
    }

    #[test]
    fn the_innermost_function_of_ours_is_shown() {
        let functions = functions();
        assert_eq!(functions.ours(0x20), "mambalite_a::silu::<i8>");
        assert_eq!(functions.ours(0x24), "mambalite_a::run");
        assert_eq!(functions.ours(0x28), "memcpy");
        assert_eq!(functions.ours(0x30), "unknown");
    }

    #[test]
    fn names_are_demangled() {
        let name = "_RINvNtNtCshjw7N9Olm5q_17mambalite_kernels6conv1d3dsp3runaE";
        let functions = Functions::parse(&format!("0x10\n{name}\n??:?\n")).unwrap();
        assert!(functions.is_of(0x10, "mambalite_kernels::conv1d::dsp::run"));
    }

    #[test]
    fn other_lines_are_errors() {
        assert!(Functions::parse("main\na.rs:1\n").is_err());
        assert!(Functions::parse("0x10\nmain\n").is_err());
        assert!(Functions::parse("0xhello\n").is_err());
    }

    #[test]
    fn this_program_has_functions() {
        let program = std::env::current_exe().unwrap();
        let folder = std::env::temp_dir().join(format!("functions-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let elf = folder.join("program.elf");
        fs::copy(program, &elf).unwrap();
        let addresses = BTreeSet::from([0x10, 0x20]);
        let functions = Functions::read(&elf, &addresses).unwrap();
        assert_eq!(functions.0.len(), 2);
        assert!(Functions::read(&folder.join("none.elf"), &addresses).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
