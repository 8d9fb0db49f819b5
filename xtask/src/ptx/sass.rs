//! What the processor executes: the instructions by the disassembler, and rules for them.
//!
//! The processor approximates reciprocals and roots only (`MUFU`). The assembler makes exact
//! quotients and roots of these by steps of Newton's method, and so it does with quotients of
//! integers, for which it goes through floats. The rest of such a computation may be a helper
//! behind the kernel in the same section. So a kernel's own instructions may have
//!
//! - reciprocals: one a conversion from an integer that rounds up, with which a quotient of
//!   integers begins; more only where the text has `div` or `rcp`,
//! - roots and the flushes of subnormals around them, three each, where the text has `sqrt`,
//! - conversions to an integer that flush, one a conversion that rounds up,
//! - `FFMA` only where the text has `fma` or one of those,
//! - no other function of `MUFU`, no other flush, no rounding but to nearest even.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use anyhow::{Context, Result};
use object::{Object, ObjectSection, ObjectSymbol};
use serde::Deserialize;

use super::text::Asks;

/// What the names of helpers begin with.
const HELPER: &str = "$__internal_";
/// Instructions have this many bytes.
const INSTRUCTION_BYTES: u64 = 16;

/// One entry as the disassembler tells of it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Function {
    function_name: String,
    start: u64,
    sass_instructions: Vec<Instruction>,
}

#[derive(Debug, Deserialize)]
struct Instruction {
    opcode: String,
}

/// The instructions of one entry.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Code {
    /// How often each opcode is there, in the kernel itself and not in a helper.
    own: BTreeMap<String, usize>,
    /// What its helpers do: their names without number and processor.
    helpers: BTreeSet<String>,
    /// Instructions of all, without those that fill the section.
    pub(super) instructions: usize,
}

impl Code {
    /// Accesses to local memory in the kernel itself.
    pub(super) fn local_accesses(&self) -> usize {
        self.count(|words| matches!(words[0], "LDL" | "STL"))
    }

    /// Instructions that are a product and a sum, in the kernel itself.
    pub(super) fn fused(&self) -> usize {
        self.count(|words| words[0] == "FFMA")
    }

    /// Approximations that quotients and roots of floats begin with, in the kernel itself.
    pub(super) fn seeds(&self) -> usize {
        let integers = self.integer_quotients();
        self.count(|words| words[0] == "MUFU")
            .saturating_sub(integers)
    }

    /// Quotients of integers that go through floats: nothing else rounds an integer up.
    fn integer_quotients(&self) -> usize {
        self.count(|words| words[0] == "I2F" && words.contains(&"RP"))
    }

    /// Counts instructions by the parts of their opcodes.
    fn count(&self, matches: impl Fn(&[&str]) -> bool) -> usize {
        let matches = |opcode: &str| matches(&opcode.split('.').collect::<Vec<_>>());
        let found = self.own.iter().filter(|(opcode, _)| matches(opcode));
        found.map(|(_, count)| count).sum()
    }

    /// Returns what breaks a rule.
    pub(super) fn judge(&self, asks: Asks) -> Vec<String> {
        let mut complaints = self.judge_helpers(asks);
        let count = |opcode: &str| self.own.get(opcode).copied().unwrap_or(0);
        let integers = self.integer_quotients();
        let roots = count("MUFU.RSQ");
        for (opcode, &found) in &self.own {
            let words: Vec<_> = opcode.split('.').collect();
            let most = match *words.as_slice() {
                ["MUFU", "RCP"] if asks.quotient => usize::MAX,
                ["MUFU", "RCP"] => integers,
                ["MUFU", "RSQ"] if asks.root => usize::MAX,
                ["MUFU", ..] => 0,
                ["FMUL", "FTZ"] => 2 * roots,
                ["FADD", "FTZ"] => roots,
                ["F2I", "FTZ", ..] => integers,
                _ if words.contains(&"FTZ") => 0,
                ["FADD" | "FMUL" | "FFMA", ..] if rounds_otherwise(&words) => 0,
                ["FFMA", ..] if !asks.fused && !asks.quotient && !asks.root => 0,
                _ => usize::MAX,
            };
            if found > most {
                complaints.push(format!("{found} {opcode}, at most {most} are asked for"));
            }
        }
        complaints
    }

    fn judge_helpers(&self, asks: Asks) -> Vec<String> {
        let allowed = |name: &&String| {
            let (operation, rest) = name.split_once('_').unwrap_or((name, ""));
            let of_integers = ["u16", "s16", "u32", "s32", "u64", "s64"].contains(&rest);
            let of_floats = rest.starts_with("rn_") && !rest.contains("_ftz_");
            match operation {
                "div" | "rem" if of_integers => true,
                "div" | "rcp" => of_floats && asks.quotient,
                "sqrt" => of_floats && asks.root,
                _ => false,
            }
        };
        let refused = self.helpers.iter().filter(|name| !allowed(name));
        refused
            .map(|name| format!("has the helper {name}, which is not asked for"))
            .collect()
    }
}

fn rounds_otherwise(words: &[&str]) -> bool {
    words.iter().any(|word| ["RZ", "RM", "RP"].contains(word))
}

/// Reads the code of every entry from the disassembler's JSON and the cubin's symbols.
pub(super) fn read(json: &[u8], cubin: &[u8]) -> Result<BTreeMap<String, Code>> {
    let (_, functions): (serde_json::Value, Vec<Function>) =
        serde_json::from_slice(json).context("nvdisasm printed something else")?;
    let helpers = helpers(cubin)?;
    let mut entries = BTreeMap::new();
    for function in functions {
        let helpers = helpers.get(&function.function_name);
        let code = code(&function, helpers.map_or(&[], Vec::as_slice));
        entries.insert(function.function_name, code);
    }
    Ok(entries)
}

/// Where helpers are in the section of an entry, and their names.
type Helpers = Vec<(Range<u64>, String)>;

/// Returns the helpers of every entry.
fn helpers(cubin: &[u8]) -> Result<BTreeMap<String, Helpers>> {
    let file = object::File::parse(cubin).context("the cubin is no ELF file")?;
    let mut helpers = BTreeMap::<_, Helpers>::new();
    for symbol in file.symbols() {
        let name = symbol.name().context("a symbol without a name")?;
        let Some(index) = symbol.section_index().filter(|_| name.starts_with(HELPER)) else {
            continue;
        };
        let section = file.section_by_index(index)?;
        let entry = section.name()?.strip_prefix(".text.").unwrap_or_default();
        let range = symbol.address()..symbol.address() + symbol.size();
        helpers
            .entry(entry.to_owned())
            .or_default()
            .push((range, operation(name).to_owned()));
    }
    Ok(helpers)
}

/// Returns what a helper does: `div_u64` of `$__internal_0_$__cuda_sm20_div_u64`.
fn operation(name: &str) -> &str {
    let named = name.split_once("__cuda_").map(|(_, after)| after);
    let named = named.and_then(|after| after.split_once('_'));
    named.map_or(name, |(_, operation)| operation)
}

fn code(function: &Function, helpers: &[(Range<u64>, String)]) -> Code {
    let mut code = Code::default();
    for (_, name) in helpers {
        code.helpers.insert(name.clone());
    }
    let addresses = (function.start..).step_by(INSTRUCTION_BYTES as usize);
    for (address, instruction) in addresses.zip(&function.sass_instructions) {
        let opcode = &instruction.opcode;
        code.instructions += usize::from(opcode != "NOP");
        if !helpers.iter().any(|(range, _)| range.contains(&address)) {
            *code.own.entry(opcode.clone()).or_default() += 1;
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(opcodes: &[&str], helpers: &[(Range<u64>, String)]) -> Code {
        let instructions = opcodes
            .iter()
            .map(|opcode| format!(r#"{{"opcode":"{opcode}"}}"#));
        let instructions: Vec<_> = instructions.collect();
        let json = format!(
            r#"{{"function-name":"a","start":0,"length":64,"other-attributes":[],
                "sass-instructions":[{}]}}"#,
            instructions.join(",")
        );
        code(&serde_json::from_str(&json).unwrap(), helpers)
    }

    fn judge(opcodes: &[&str], asks: Asks) -> Vec<String> {
        entry(opcodes, &[]).judge(asks)
    }

    const ROOT: Asks = Asks {
        fused: false,
        quotient: false,
        root: true,
    };
    const QUOTIENT: Asks = Asks {
        fused: false,
        quotient: true,
        root: false,
    };
    const FUSED: Asks = Asks {
        fused: true,
        quotient: false,
        root: false,
    };

    #[test]
    fn helpers_are_apart_and_filling_is_not_counted() {
        let helper = (0x20..0x30, "div_u64".to_owned());
        let code = entry(&["LDL.64", "FFMA", "MUFU.RCP", "STL", "NOP"], &[helper]);
        assert_eq!((code.instructions, code.fused()), (4, 1));
        assert_eq!((code.local_accesses(), code.seeds()), (2, 0));
        assert_eq!(code.judge(FUSED), Vec::<String>::new());
    }

    #[test]
    fn quotients_of_integers_go_through_floats() {
        let division = ["I2F.U32.RP", "MUFU.RCP", "F2I.FTZ.U32.TRUNC.NTZ"];
        assert!(judge(&division, Asks::default()).is_empty());
        assert_eq!(
            judge(&division[1..], Asks::default()),
            [
                "1 F2I.FTZ.U32.TRUNC.NTZ, at most 0 are asked for",
                "1 MUFU.RCP, at most 0 are asked for"
            ]
        );
        let conversion = ["I2F.S16", "MUFU.RCP"];
        assert_eq!(judge(&conversion, Asks::default()).len(), 1);
        assert_eq!(entry(&conversion, &[]).seeds(), 1);
        assert!(judge(&["MUFU.RCP", "FFMA"], QUOTIENT).is_empty());
    }

    #[test]
    fn roots_flush_what_they_need() {
        let root = ["MUFU.RSQ", "FMUL.FTZ", "FMUL.FTZ", "FADD.FTZ", "FFMA"];
        assert!(judge(&root, ROOT).is_empty());
        assert_eq!(judge(&root, QUOTIENT).len(), 1);
        assert_eq!(judge(&root[1..], ROOT).len(), 2);
    }

    #[test]
    fn what_is_not_asked_for_is_refused() {
        for opcode in [
            "MUFU.EX2",
            "MUFU.SQRT",
            "MUFU.RCP64H",
            "FADD.FTZ",
            "FSETP.GT.FTZ.AND",
            "FFMA.RZ",
            "FMUL.RM",
        ] {
            let all = Asks {
                fused: true,
                quotient: true,
                root: true,
            };
            assert_eq!(judge(&[opcode], all).len(), 1, "{opcode}");
        }
        assert_eq!(
            judge(&["FFMA"], Asks::default()),
            ["1 FFMA, at most 0 are asked for"]
        );
        assert!(judge(&["FADD", "FMUL", "FADD.SAT"], Asks::default()).is_empty());
    }

    #[test]
    fn helpers_need_a_reason() {
        let judge = |name: &str, asks| {
            let name = operation(name).to_owned();
            entry(&[], &[(0..0x10, name)]).judge(asks).len()
        };
        assert_eq!(
            judge("$__internal_0_$__cuda_sm20_div_u64", Asks::default()),
            0
        );
        assert_eq!(
            judge("$__internal_1_$__cuda_sm20_rem_s64", Asks::default()),
            0
        );
        let slow = "$__internal_2_$__cuda_sm3x_div_rn_noftz_f32_slowpath";
        assert_eq!((judge(slow, QUOTIENT), judge(slow, ROOT)), (0, 1));
        let root = "$__internal_3_$__cuda_sm20_sqrt_rn_f32_slowpath";
        assert_eq!((judge(root, QUOTIENT), judge(root, ROOT)), (1, 0));
        let flushing = "$__internal_4_$__cuda_sm3x_div_rn_ftz_f32_slowpath";
        assert_eq!(judge(flushing, QUOTIENT), 1);
        assert_eq!(judge("$__internal_5_something_else", QUOTIENT), 1);
    }
}
