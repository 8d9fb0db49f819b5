//! What the assembler says that functions use: registers, memory, spills.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

/// What one entry uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Registers of a thread.
    pub(super) registers: u32,
    /// Local memory of a thread, bytes: arrays that are not in registers.
    pub(super) stack_bytes: u32,
    /// Shared memory of a block, bytes.
    pub(super) shared_bytes: u32,
}

/// Returns what every entry uses, and complaints about functions that spill registers.
pub(super) fn read(report: &str) -> Result<(BTreeMap<String, Usage>, Vec<String>)> {
    let (mut entries, mut complaints) = (BTreeMap::<String, Usage>::new(), Vec::new());
    // The entry that is compiled, and the function that the next lines are about: it or its callee.
    let (mut entry, mut function) = (String::new(), String::new());
    for line in report.lines() {
        if let Some(after) = behind(line, "Compiling entry function '") {
            entry = after.split('\'').next().unwrap_or_default().to_owned();
        } else if let Some(after) = behind(line, "Function properties for ") {
            after.trim().clone_into(&mut function);
        } else if line.contains("bytes stack frame") {
            let (stack, stores, loads) = (
                before(line, " bytes stack frame"),
                before(line, " bytes spill stores"),
                before(line, " bytes spill loads"),
            );
            let known = stack.zip(stores).zip(loads);
            let ((stack, stores), loads) = known.with_context(|| format!("ptxas says `{line}`"))?;
            if stores + loads > 0 {
                complaints.push(format!(
                    "{function}: {stores} bytes of spill stores, {loads} of spill loads"
                ));
            }
            let usage = entries.entry(entry.clone()).or_default();
            usage.stack_bytes += stack;
        } else if let Some(after) = behind(line, "Used ") {
            let usage = entries.entry(entry.clone()).or_default();
            let registers = before(line, " registers");
            usage.registers = registers.with_context(|| format!("ptxas says `Used {after}`"))?;
            usage.shared_bytes = before(line, " bytes smem").unwrap_or(0);
        }
    }
    ensure!(!entries.is_empty(), "ptxas names no entry");
    for (name, usage) in &entries {
        ensure!(usage.registers > 0, "ptxas does not say what {name} uses");
    }
    Ok((entries, complaints))
}

/// Returns what stands behind some words.
fn behind<'a>(line: &'a str, words: &str) -> Option<&'a str> {
    line.split_once(words).map(|(_, after)| after)
}

/// Returns the number before some words.
fn before(line: &str, words: &str) -> Option<u32> {
    let (front, _) = line.split_once(words)?;
    front.rsplit([' ', '\t']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "\
ptxas info    : 752 bytes gmem, 16 bytes cmem[4]
ptxas info    : Compiling entry function 'w8a8_scan_8' for 'sm_87'
ptxas info    : Function properties for w8a8_scan_8
    480 bytes stack frame, 600 bytes spill stores, 588 bytes spill loads
ptxas info    : Used 32 registers, used 0 barriers, 480 bytes cumulative stack size, 528 bytes cmem[0]
ptxas info    : Compiling entry function 'f32_sum' for 'sm_87'
ptxas info    : Function properties for f32_sum
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 12 registers, used 1 barriers, 1024 bytes smem, 416 bytes cmem[0]
";

    #[test]
    fn usage_and_spills_are_read() {
        let (entries, complaints) = read(REPORT).unwrap();
        let scan = Usage {
            registers: 32,
            stack_bytes: 480,
            shared_bytes: 0,
        };
        let sum = Usage {
            registers: 12,
            stack_bytes: 0,
            shared_bytes: 1024,
        };
        assert_eq!((entries["w8a8_scan_8"], entries["f32_sum"]), (scan, sum));
        assert_eq!(
            complaints,
            ["w8a8_scan_8: 600 bytes of spill stores, 588 of spill loads"]
        );
    }

    #[test]
    fn a_report_that_leaves_things_out_is_refused() {
        assert!(read("").is_err());
        assert!(read("ptxas info : Compiling entry function 'a' for 'sm_87'\n").is_err());
        let end = REPORT.rfind("ptxas info    : Used").unwrap();
        assert!(read(&REPORT[..end]).is_err());
        assert!(read(&REPORT.replace("Used 12", "Used some")).is_err());
    }
}
