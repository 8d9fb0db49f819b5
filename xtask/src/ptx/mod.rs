//! `ptx`: the entry points of the GPU, compiled from the kernels to PTX and from that to a cubin,
//! both of which the repository keeps, with a table of what they are of.
//!
//! Each depends on its compiler only, so that anyone with the same one can make it again and
//! compare. The text is of rustc, which is not the same everywhere; the cubin is of the text that
//! is kept and of an assembler that comes in one version.

mod cubin;
mod record;
mod sass;
mod source;
mod text;
mod tools;
mod usage;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::counts::Counts;
use crate::packages::{self, Purpose};
use crate::repository;
use cubin::Product;
use record::Record;
use tools::Tools;

/// Where the text, the cubin and the table are, below the root of the repository.
const TEXT: &str = "kernels/ptx/sm_87.ptx";
const CUBIN: &str = "kernels/ptx/sm_87.cubin";
const TABLE: &str = "kernels/ptx/sm_87.toml";
/// Checks that are of no file alone.
const RULES: &str = "rules of the cubin";
const CONTROLS: &str = "controls of these rules";

/// Builds all and writes it, or with `check` compares it with what the repository has.
pub(crate) fn run(check: bool) -> Result<()> {
    packages::install(&[Purpose::Firmware, Purpose::DeviceCode])?;
    if check {
        let counts = count()?;
        ensure!(counts.failed == 0, "{} checks failed", counts.failed);
        ensure!(
            counts.skipped == 0,
            "{} checks could not run",
            counts.skipped
        );
        return Ok(());
    }
    let text = source::build()?;
    write(TEXT, text.as_bytes())?;
    // The cubin is not of this text until the end; the checks say so if there is no end.
    let tools = Tools::install().with_context(|| format!("{CUBIN} is not of {TEXT} any more"))?;
    let Product {
        bytes,
        record,
        mut complaints,
    } = cubin::build(&tools, &text)?;
    write(CUBIN, &bytes)?;
    write(TABLE, record.to_toml().as_bytes())?;
    complaints.extend(cubin::controls(&tools, &text, &bytes)?);
    summarise(&record);
    // They are written all the same, so that one can look.
    ensure!(complaints.is_empty(), "{CUBIN}: {}", complaints.join("\n"));
    Ok(())
}

/// Builds all, compares it with what the repository has and counts each comparison as a test:
/// skipped where the compiler is another one or the assembler cannot be had.
pub(crate) fn count() -> Result<Counts> {
    let mut counts = Counts::default();
    let kept = String::from_utf8(read(TEXT)?).with_context(|| format!("{TEXT} is no text"))?;
    let built = source::build()?;
    if source::compiler(&kept) == source::compiler(&built) {
        let difference = source::difference(&kept, &built);
        tally(&mut counts, TEXT, &Vec::from_iter(difference));
    } else {
        skip(
            &mut counts,
            &[TEXT],
            &format!(
                "it is of `{}`, here is `{}`",
                source::compiler(&kept),
                source::compiler(&built)
            ),
        );
    }
    let cubin = read(CUBIN)?;
    let table = String::from_utf8(read(TABLE)?).with_context(|| format!("{TABLE} is no text"))?;
    let record = Record::parse(&table).with_context(|| format!("read {TABLE}"))?;
    // Needs no assembler: nobody changed one file and not the others.
    tally(&mut counts, TABLE, &record.mismatches(&kept, &cubin));
    match Tools::install() {
        Ok(tools) => {
            let outcome = remake(&tools, &kept, &cubin, &record);
            let [differences, complaints, controls] = outcome.unwrap_or_else(|error| {
                let error = vec![format!("{error:#}")];
                [error.clone(), error.clone(), error]
            });
            tally(&mut counts, CUBIN, &differences);
            tally(&mut counts, RULES, &complaints);
            tally(&mut counts, CONTROLS, &controls);
        }
        Err(error) => skip(
            &mut counts,
            &[CUBIN, RULES, CONTROLS],
            &format!("the assembler cannot be had: {error:#}"),
        ),
    }
    Ok(counts)
}

/// Assembles the text that is kept; returns where that is not what is kept, what in it breaks a
/// rule, and which rule would not be found broken.
fn remake(tools: &Tools, text: &str, cubin: &[u8], record: &Record) -> Result<[Vec<String>; 3]> {
    let again = cubin::build(tools, text)?;
    let mut differences = record.differences(&again.record);
    if again.bytes != cubin {
        differences.push("other bytes when it is built again".to_owned());
    }
    let controls = cubin::controls(tools, text, &again.bytes)?;
    Ok([differences, again.complaints, controls])
}

/// Counts one comparison, and says what is wrong.
fn tally(counts: &mut Counts, name: &str, complaints: &[String]) {
    counts.judge(name, complaints);
    if complaints.is_empty() {
        eprintln!("== ptx: {name}: as it should be");
    } else if ![RULES, CONTROLS].contains(&name) {
        eprintln!("`cargo xtask ptx` writes {name} anew");
    }
}

/// Counts comparisons that cannot be made, and says why.
fn skip(counts: &mut Counts, names: &[&str], reason: &str) {
    for name in names {
        eprintln!("SKIP {name}: {reason}");
        counts.skipped += 1;
    }
}

/// Says what was made and which entries have arrays in memory.
fn summarise(record: &Record) {
    for path in [TEXT, CUBIN, TABLE] {
        println!("{}", repository::root().join(path).display());
    }
    for (name, entry) in &record.entries {
        if entry.stack_bytes > 0 {
            eprintln!(
                "== ptx: {name} has {} bytes of local memory, {} accesses",
                entry.stack_bytes, entry.local
            );
        }
    }
}

fn path(file: &str) -> PathBuf {
    repository::root().join(file)
}

fn read(file: &str) -> Result<Vec<u8>> {
    fs::read(path(file)).with_context(|| format!("read {file}; `cargo xtask ptx` makes it"))
}

fn write(file: &str, bytes: &[u8]) -> Result<()> {
    fs::write(path(file), bytes).with_context(|| format!("write {file}"))
}
