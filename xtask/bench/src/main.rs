//! `cargo xtask bench`: what the kernels cost, operator by variant by target.
//!
//! On the virtual boards instructions are counted, which is exact and repeatable; on the host
//! times are taken, of which only ratios of one run are shown. One more board shows what memory the
//! default model takes.

mod anchors;
mod baseline;
mod board;
mod emulator;
mod firmware;
mod functions;
mod host;
mod measurement;
mod page;
mod parts;
mod profile;
mod ram;
mod table;
mod whole_tensors;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;

use crate::anchors::Anchors;
use crate::baseline::{Baseline, Report};
use crate::board::{BOARDS, Board};
use crate::functions::Functions;
use crate::ram::Ram;
use crate::table::Table;

/// Measures the kernels.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask bench")]
struct Arguments {
    /// A virtual board, or `host` for ratios of times; all of them if none is named.
    #[arg(long, value_parser = board::target_names())]
    target: Vec<String>,
    /// Shows only operators, formats or variants whose name has this text.
    #[arg(long)]
    filter: Option<String>,
    /// Writes the baselines and the tables of docs/performance.md.
    #[arg(long, conflicts_with_all = ["filter", "check"])]
    update: bool,
    /// Compares with the baselines; ends with code 3 if something is worse or missing.
    #[arg(long)]
    check: bool,
    /// Prints one object a line instead of tables.
    #[arg(long)]
    json: bool,
    /// Shows what each case spends in which function instead of tables.
    #[arg(long, conflicts_with_all = ["update", "check", "json"])]
    profile: bool,
}

/// An end that is not a bug of this program, with its exit code (docs/exit-codes.md).
#[derive(Debug)]
struct Ended {
    code: u8,
    message: String,
}

impl Ended {
    /// A result that is wrong, or worse than it was.
    fn regression(message: String) -> anyhow::Error {
        Self { code: 3, message }.into()
    }

    /// A filter that leaves nothing.
    fn nothing(message: &str) -> anyhow::Error {
        let message = message.to_owned();
        Self { code: 4, message }.into()
    }

    /// A tool that is missing.
    fn missing(message: String) -> anyhow::Error {
        Self { code: 5, message }.into()
    }

    /// An emulator that did not end.
    fn timeout(message: String) -> anyhow::Error {
        Self { code: 6, message }.into()
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Ended {}

fn main() -> ExitCode {
    let Err(error) = run(&Arguments::parse()) else {
        return ExitCode::SUCCESS;
    };
    eprintln!("error: {error:#}");
    let code = error.downcast_ref().map_or(1, |ended: &Ended| ended.code);
    ExitCode::from(code)
}

fn run(arguments: &Arguments) -> Result<()> {
    let wanted = |name: &str| {
        arguments.target.is_empty() || arguments.target.iter().any(|target| target == name)
    };
    let boards: Vec<_> = BOARDS.iter().filter(|board| wanted(board.name)).collect();
    if !boards.is_empty() {
        run_boards(arguments, &boards)?;
    }
    // Instructions are what has functions.
    if arguments.profile {
        return match boards.is_empty() {
            true => Err(Ended::nothing(
                "only cases on virtual boards have a profile",
            )),
            false => Ok(()),
        };
    }
    // A filter chooses among the cases, of which memory is none.
    if wanted(ram::BOARD.name) && arguments.filter.is_none() {
        run_ram(arguments)?;
    } else if arguments.target == [ram::BOARD.name] {
        return Err(Ended::nothing("memory has no cases to filter"));
    }
    // Times have no baseline: on a shared machine they are for reading only.
    if wanted(board::HOST) && !arguments.update && !arguments.check {
        host::run(arguments.filter.as_deref(), arguments.json)?;
    }
    Ok(())
}

fn run_boards(arguments: &Arguments, boards: &[&Board]) -> Result<()> {
    let anchors = Anchors::read(&repository().join("kernels/check/anchors.toml"))?;
    let filter = arguments.filter.as_deref();
    let (mut report, mut tables) = (Report::default(), Vec::new());
    let digests = host::digests();
    let plugin = firmware::plugin()?;
    for board in boards {
        let elf = firmware::build(board, firmware::CASES)?;
        let mut measurements = emulator::measure(board, &elf, &plugin)?;
        for measurement in &measurements {
            measurement::check_digest(measurement, &digests)
                .with_context(|| format!("on {}", board.name))?;
        }
        let places = measurements.iter().flat_map(|one| one.places.keys());
        let functions = Functions::read(&elf, &places.copied().collect())?;
        parts::add(&mut measurements, &functions).with_context(|| format!("on {}", board.name))?;
        let (path, rustc) = (baseline_path(board), firmware::compiler()?);
        let found = Baseline::new(rustc, &measurements);
        if arguments.update {
            found.write(&path, board)?;
        } else if arguments.check {
            report.add(Baseline::read(&path)?.compare(&found, board, filter));
        }
        measurements.retain(|one| filter.is_none_or(|text| one.key().contains(text)));
        if measurements.is_empty() {
            return Err(Ended::nothing("no case has that name"));
        }
        if arguments.profile {
            print!("{}", profile::text(board, &measurements, &functions));
            continue;
        }
        tables.push(Table::new(board, measurements, &anchors));
    }
    // The page shows all boards.
    let page = page();
    let text = page::markdown(&tables);
    let whole = boards.len() == BOARDS.len() && filter.is_none();
    if arguments.update && whole {
        page::update(&page, "mcu", &text)?;
    }
    if arguments.check {
        if whole && report.notes.is_empty() && !page::is_current(&page, "mcu", &text)? {
            report
                .complaints
                .push("docs/performance.md shows other counts".to_owned());
        }
        return conclude(&report, &tables);
    }
    for table in &tables {
        print!(
            "{}",
            if arguments.json {
                table.json()?
            } else {
                table.text()
            }
        );
    }
    Ok(())
}

/// Shows, writes or checks what memory the default model takes.
fn run_ram(arguments: &Arguments) -> Result<()> {
    let (ram, page) = (Ram::measure()?, page());
    let text = ram.markdown();
    if arguments.update {
        return page::update(&page, "ram", &text);
    }
    if !arguments.check {
        print!(
            "{}",
            if arguments.json {
                ram.json()?
            } else {
                ram.text()
            }
        );
        return Ok(());
    }
    if let Some(complaint) = ram.complaint() {
        return Err(Ended::regression(complaint));
    }
    let shown = std::fs::read_to_string(&page)?;
    if !shown.contains(ram.rustc()) {
        eprintln!(
            "ram: docs/performance.md was measured with another compiler than {}",
            ram.rustc()
        );
    } else if !page::is_current(&page, "ram", &text)? {
        let message = "docs/performance.md shows other memory; cargo xtask bench --update";
        return Err(Ended::regression(message.to_owned()));
    }
    println!("bench: memory is as it was");
    Ok(())
}

/// Says how a check went.
fn conclude(report: &Report, tables: &[Table]) -> Result<()> {
    for line in report.notes.iter().chain(&report.complaints) {
        eprintln!("{line}");
    }
    let rows: usize = tables.iter().map(|table| table.rows.len()).sum();
    if report.complaints.is_empty() {
        println!(
            "bench: {rows} counts on {} boards are as they were",
            tables.len()
        );
        return Ok(());
    }
    Err(Ended::regression(format!(
        "{} complaints about {rows} counts; if they are meant: cargo xtask bench --update",
        report.complaints.len()
    )))
}

fn baseline_path(board: &Board) -> PathBuf {
    let folder = repository().join("kernels/check/baselines");
    folder.join(format!("{}.toml", board.name))
}

fn page() -> PathBuf {
    repository().join("docs/performance.md")
}

/// Returns the root of the repository.
fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}
