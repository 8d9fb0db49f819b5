//! The table beside the artefacts: what they are of, and what every entry uses.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// The form of the table that this writes and reads.
const SCHEMA: u32 = 1;

/// All that is kept of a cubin besides it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Record {
    pub(super) schema: u32,
    /// Version of the assembler.
    pub(super) ptxas: String,
    /// Digest of the text.
    pub(super) ptx_sha256: String,
    /// Digest of what was assembled of it.
    pub(super) cubin_sha256: String,
    /// By name.
    pub(super) entries: BTreeMap<String, Entry>,
}

/// What one entry is made of. It never spills: that is a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Entry {
    /// Registers of a thread.
    pub(super) registers: u32,
    /// Local memory of a thread.
    pub(super) stack_bytes: u32,
    /// Shared memory of a block.
    pub(super) shared_bytes: u32,
    /// Instructions of the code, helpers with it.
    pub(super) instructions: usize,
    /// Those that access local memory.
    pub(super) local: usize,
    /// Those that are a product and a sum.
    pub(super) fused: usize,
    /// Those that approximate, as the first step of a quotient or root of floats.
    pub(super) seeds: usize,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{{ registers = {}, stack-bytes = {}, shared-bytes = {}, \
             instructions = {}, local = {}, fused = {}, seeds = {} }}",
            self.registers,
            self.stack_bytes,
            self.shared_bytes,
            self.instructions,
            self.local,
            self.fused,
            self.seeds
        )
    }
}

impl Record {
    /// Makes a table.
    pub(super) fn new(
        ptxas: &str,
        text: &str,
        cubin: &[u8],
        entries: BTreeMap<String, Entry>,
    ) -> Self {
        Self {
            schema: SCHEMA,
            ptxas: ptxas.to_owned(),
            ptx_sha256: digest(text.as_bytes()),
            cubin_sha256: digest(cubin),
            entries,
        }
    }

    /// Reads a table.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let record: Self = toml::from_str(text).context("not a table of this kind")?;
        ensure!(
            record.schema == SCHEMA,
            "its schema is {}, not {SCHEMA}",
            record.schema
        );
        Ok(record)
    }

    /// Writes the table, one line an entry, so that a change of one is one line.
    pub(super) fn to_toml(&self) -> String {
        let mut text = format!(
            "# Written by `cargo xtask ptx`: what sm_87.cubin is of and what a thread of each entry uses.\n\
             schema = {}\n\
             ptxas = \"{}\"\n\
             ptx-sha256 = \"{}\"\n\
             cubin-sha256 = \"{}\"\n\n\
             # Nothing is spilled. `local`, `fused` and `seeds` count instructions of the kernel\n\
             # itself: of local memory, FFMA, and approximations that quotients and roots of floats\n\
             # begin with; `instructions` are those of its helpers too.\n\
             [entries]\n",
            self.schema, self.ptxas, self.ptx_sha256, self.cubin_sha256
        );
        for (name, entry) in &self.entries {
            // A string takes all that is written to it.
            let _ = writeln!(text, "{name} = {entry}");
        }
        text
    }

    /// Returns where the artefacts are not those of the table; needs no assembler.
    pub(super) fn mismatches(&self, text: &str, cubin: &[u8]) -> Vec<String> {
        let mut complaints = Vec::new();
        for (name, kept, found) in [
            ("ptx-sha256", &self.ptx_sha256, digest(text.as_bytes())),
            ("cubin-sha256", &self.cubin_sha256, digest(cubin)),
        ] {
            if *kept != found {
                complaints.push(format!("{name} is {kept}, the file's is {found}"));
            }
        }
        complaints
    }

    /// Returns how a table made again differs from this one.
    pub(super) fn differences(&self, again: &Self) -> Vec<String> {
        let mut complaints = Vec::new();
        for (name, kept, found) in [
            ("ptxas", &self.ptxas, &again.ptxas),
            ("ptx-sha256", &self.ptx_sha256, &again.ptx_sha256),
            ("cubin-sha256", &self.cubin_sha256, &again.cubin_sha256),
        ] {
            if kept != found {
                complaints.push(format!("{name} is {kept}, made again it is {found}"));
            }
        }
        let names: BTreeSet<_> = self.entries.keys().chain(again.entries.keys()).collect();
        for name in names {
            match (self.entries.get(name), again.entries.get(name)) {
                (Some(kept), Some(found)) if kept != found => {
                    complaints.push(format!("{name} is {kept}, made again it is {found}"));
                }
                (Some(_), None) => complaints.push(format!("{name} is no entry any more")),
                (None, Some(_)) => complaints.push(format!("{name} is a new entry")),
                _ => {}
            }
        }
        complaints
    }
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let entry = Entry {
            registers: 30,
            stack_bytes: 120,
            shared_bytes: 1024,
            instructions: 400,
            local: 7,
            fused: 15,
            seeds: 1,
        };
        let entries = [("f32_gate", entry), ("w8a8_sum", entry)];
        let entries = entries.map(|(name, entry)| (name.to_owned(), entry));
        Record::new("12.6.85", "text", b"cubin", entries.into())
    }

    #[test]
    fn what_is_written_is_read() {
        let record = record();
        assert_eq!(Record::parse(&record.to_toml()).unwrap(), record);
    }

    #[test]
    fn tables_of_another_form_are_refused() {
        let text = record().to_toml();
        assert!(Record::parse(&text.replace("schema = 1", "schema = 2")).is_err());
        assert!(Record::parse(&text.replace("seeds", "seed")).is_err());
        assert!(Record::parse("").is_err());
    }

    #[test]
    fn files_of_another_build_are_found() {
        let record = record();
        assert!(record.mismatches("text", b"cubin").is_empty());
        assert_eq!(record.mismatches("texts", b"cubin").len(), 1);
        assert_eq!(record.mismatches("texts", b"cubins").len(), 2);
    }

    #[test]
    fn every_entry_that_differs_is_named() {
        let (kept, mut again) = (record(), record());
        assert!(kept.differences(&again).is_empty());
        again.entries.remove("f32_gate");
        if let Some(entry) = again.entries.get_mut("w8a8_sum") {
            entry.registers = 31;
        }
        let complaints = kept.differences(&again);
        assert_eq!(complaints.len(), 2);
        assert_eq!(complaints[0], "f32_gate is no entry any more");
        assert!(complaints[1].contains("it is { registers = 31, "));
        assert_eq!(again.differences(&kept)[0], "f32_gate is a new entry");
    }
}
