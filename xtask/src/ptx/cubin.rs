//! The cubin: what the assembler makes of the text for the processor, and whether it is what the
//! text says.

use std::collections::BTreeMap;

use anyhow::Result;

use super::record::{Entry, Record};
use super::tools::{Contraction, Tools};
use super::{sass, text, usage};

/// A product and a sum that only `.rn` keeps apart.
const CONTRACTION: &str = include_str!("../../ptx/contraction.ptx");
/// Approximations and a flush, an entry each.
const APPROXIMATION: &str = include_str!("../../ptx/approximation.ptx");

/// The cubin of a text.
#[derive(Debug)]
pub(super) struct Product {
    /// An ELF file.
    pub(super) bytes: Vec<u8>,
    /// What is kept besides.
    pub(super) record: Record,
    /// What in it breaks a rule.
    pub(super) complaints: Vec<String>,
}

/// Assembles a text and holds the outcome against the rules.
pub(super) fn build(tools: &Tools, source: &str) -> Result<Product> {
    let (asks, mut complaints) = text::read(source);
    let assembled = tools.assemble(source, Contraction::Allowed)?;
    let (usages, spills) = usage::read(&assembled.report)?;
    complaints.extend(spills);
    let codes = sass::read(&tools.disassemble(&assembled.cubin)?, &assembled.cubin)?;
    let mut entries = BTreeMap::new();
    for (name, &asks) in &asks {
        let (Some(usage), Some(code)) = (usages.get(name), codes.get(name)) else {
            complaints.push(format!("{name} is in the text and not in the cubin"));
            continue;
        };
        let judged = code.judge(asks);
        complaints.extend(judged.into_iter().map(|it| format!("{name}: {it}")));
        let entry = Entry {
            registers: usage.registers,
            stack_bytes: usage.stack_bytes,
            shared_bytes: usage.shared_bytes,
            instructions: code.instructions,
            local: code.local_accesses(),
            fused: code.fused(),
            seeds: code.seeds(),
        };
        entries.insert(name.clone(), entry);
    }
    let unknown = usages.keys().chain(codes.keys());
    for name in unknown.filter(|name| !asks.contains_key(*name)) {
        complaints.push(format!("{name} is in the cubin and not in the text"));
    }
    let forbidden = tools.assemble(source, Contraction::Forbidden)?;
    if forbidden.cubin != assembled.cubin {
        complaints.push("the assembler contracts what the text has apart".to_owned());
    }
    Ok(Product {
        record: Record::new(&tools.version, source, &assembled.cubin, entries),
        bytes: assembled.cubin,
        complaints,
    })
}

/// The negative controls: returns which rule would not have found what it is there for.
/// Takes the text and what was assembled of it.
pub(super) fn controls(tools: &Tools, source: &str, cubin: &[u8]) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    let apart = tools.assemble(CONTRACTION, Contraction::Allowed)?;
    let stripped = text::without_rounding(CONTRACTION);
    let contracted = tools.assemble(&stripped, Contraction::Allowed)?;
    let forbidden = tools.assemble(&stripped, Contraction::Forbidden)?;
    if contracted.cubin == forbidden.cubin || apart.cubin != forbidden.cubin {
        complaints.push("a contraction would not be found".to_owned());
    }
    // The same with all there is. It may be that nothing in it could be contracted.
    let stripped = tools.assemble(&text::without_rounding(source), Contraction::Allowed)?;
    if stripped.cubin == cubin {
        eprintln!("== ptx: nothing in the text could be contracted, without `.rn` neither");
    }
    let (asks, found) = text::read(APPROXIMATION);
    if found.len() < asks.len() {
        complaints.push(format!(
            "of {} texts {} are refused",
            asks.len(),
            found.len()
        ));
    }
    let cubin = tools.assemble(APPROXIMATION, Contraction::Allowed)?.cubin;
    let codes = sass::read(&tools.disassemble(&cubin)?, &cubin)?;
    for (name, &asks) in &asks {
        if codes
            .get(name)
            .is_none_or(|code| code.judge(asks).is_empty())
        {
            complaints.push(format!("{name} would not be found in a cubin"));
        }
    }
    Ok(complaints)
}
