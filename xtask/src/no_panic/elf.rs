//! What a linked program says about panics.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};

use super::thumb;

/// Name of the function that every panic of the program ends in.
const MARKER: &str = "mambalite_panic_is_possible";
/// Begins the names of the project's functions.
const OURS: &str = "mambalite_";

/// Part of the names of the references, and their file's name.
const REFERENCE: &str = "::reference::";
const REFERENCE_FILE: &str = "/reference.rs";

/// What was found in a program.
#[derive(Debug)]
pub(crate) struct Findings {
    /// Names of the functions.
    pub(crate) functions: BTreeSet<String>,
    /// Whether anything of the program can panic.
    pub(crate) can_panic: bool,
    /// Calls by the project's functions that end in a panic, but for those of the references.
    pub(crate) calls: Vec<String>,
}

impl Findings {
    /// Reads a linked program.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let elf = fs::read(path).with_context(|| format!("read {}", path.display()))?;
        let functions = functions(&elf)?;
        let can_panic = functions.values().any(|function| function.name == MARKER);
        let all = calls(&functions, |_| false);
        let lines = lines(path, all.iter().map(|call| call.at))?;
        let of = |at: u32| lines.get(&at).map_or(&[][..], Vec::as_slice);
        let is_reference = |at: u32| of(at).iter().any(|line| line.contains(REFERENCE_FILE));
        let ours = calls(&functions, is_reference);
        // Without a line (calls that the compiler made one, say) it counts as the variant's.
        // An instance of each type parameter has the same lines.
        let shown = ours
            .iter()
            .map(|Call { caller, callee, at }| match of(*at) {
                [] => format!("{caller} calls {callee} at {at:#x}"),
                lines => format!("{}: calls {callee}", lines.join(" < ")),
            });
        let shown: BTreeSet<_> = shown.collect();
        Ok(Self {
            can_panic,
            calls: shown.into_iter().collect(),
            functions: functions.into_values().map(|f| f.name).collect(),
        })
    }
}

/// A call that ends in a panic.
struct Call<'a> {
    caller: &'a str,
    callee: &'a str,
    at: u32,
}

/// A function: its name, and its branches with their addresses.
#[derive(Debug)]
struct Function {
    name: String,
    branches: Vec<(u32, u32)>,
}

/// Returns the functions of a program by address.
fn functions(elf: &[u8]) -> Result<BTreeMap<u32, Function>> {
    let file = object::File::parse(elf).context("read the program")?;
    let mut functions = BTreeMap::new();
    for symbol in file.symbols().filter(|s| s.kind() == SymbolKind::Text) {
        let Some(index) = symbol.section_index() else {
            continue;
        };
        // The lowest bit says that the code is Thumb's.
        let address = symbol.address() & !1;
        let code = file.section_by_index(index)?;
        let code = code.data_range(address, symbol.size())?.unwrap_or_default();
        let (name, address) = (symbol.name()?, u32::try_from(address)?);
        let function = Function {
            name: format!("{:#}", rustc_demangle::demangle(name)),
            branches: thumb::branches(code, address),
        };
        functions.insert(address, function);
    }
    Ok(functions)
}

/// Returns the calls by the project's functions that end in the marker, by direct calls only.
///
/// Left out are those of the references, and those that `is_left_out` says are.
fn calls(functions: &BTreeMap<u32, Function>, is_left_out: impl Fn(u32) -> bool) -> Vec<Call<'_>> {
    let marker = functions.iter().find(|(_, f)| f.name == MARKER);
    let mut to_see: Vec<u32> = marker.map(|(&address, _)| address).into_iter().collect();
    let (mut seen, mut calls) = (BTreeSet::from_iter(to_see.clone()), Vec::new());
    while let Some(panics) = to_see.pop() {
        let callee = &functions[&panics].name;
        for (&address, caller) in functions {
            if address == panics || caller.name.contains(REFERENCE) {
                continue;
            }
            let sites = caller.branches.iter().filter(|(_, to)| *to == panics);
            let sites: Vec<_> = sites
                .map(|&(at, _)| at)
                .filter(|&at| !is_left_out(at))
                .collect();
            if !sites.is_empty() && seen.insert(address) {
                to_see.push(address);
            }
            if caller.name.contains(OURS) {
                let caller = &caller.name;
                calls.extend(sites.into_iter().map(|at| Call { caller, callee, at }));
            }
        }
    }
    calls
}

/// Returns the lines that instructions come of, the innermost of inlined functions first, with
/// `addr2line` of binutils, which every linker of the host comes with.
fn lines(elf: &Path, addresses: impl Iterator<Item = u32>) -> Result<BTreeMap<u32, Vec<String>>> {
    let addresses: Vec<_> = addresses.map(|at| format!("{at:#x}")).collect();
    let (mut lines, mut last) = (BTreeMap::<_, Vec<_>>::new(), None);
    if addresses.is_empty() {
        return Ok(lines);
    }
    let mut command = Command::new("addr2line");
    command.args(["--addresses", "--inlines", "--exe"]).arg(elf);
    let output = command.args(addresses).output();
    let output = output.context("start addr2line; binutils has it")?;
    ensure!(output.status.success(), "addr2line: {}", output.status);
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        if let Some(digits) = line.strip_prefix("0x") {
            last = Some(u32::from_str_radix(digits, 16)?);
        } else if let (Some(at), Some((_, file))) = (last, line.split_once("kernels/src/")) {
            lines
                .entry(at)
                .or_default()
                .push(format!("kernels/src/{file}"));
        }
    }
    Ok(lines)
}
