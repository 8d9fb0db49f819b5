//! The report as one self-contained HTML page.
//!
//! All text goes through `maud`, which escapes it; what is put in raw are the style sheet and
//! the script of this folder. The page forbids itself, by its content policy, to load anything.

mod board;
mod difference;
mod energy;
mod number;
mod pictures;
mod sensors;

use std::path::Path;

use mambalite::atomic_file;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{BoardReport, Images, JobReport, RunReport};
use crate::error::Result;
use crate::verdict::Verdict;
pub use energy::energy;
use number::{count, duration, grouped};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("compare.js");

/// Nothing from outside; pictures, style and script stand in the page.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; \
     script-src 'unsafe-inline'";

/// Writes the page.
pub(super) fn write(path: &Path, report: &RunReport, images: &[Images]) -> Result<()> {
    let page = render(report, images)?.into_string();
    atomic_file::write(path, |out| out.write_all(page.as_bytes()))?;
    Ok(())
}

/// Returns the whole page.
pub(super) fn render(report: &RunReport, images: &[Images]) -> Result<Markup> {
    let mut sections = Vec::new();
    for (board_idx, entry) in report.boards.iter().enumerate() {
        let own: Vec<&Images> = images
            .iter()
            .filter(|it| it.board_idx == board_idx)
            .collect();
        sections.push(board::section(board_idx, entry, &own)?);
    }
    let headline = headline(report.verdict);
    Ok(html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (headline) " · mambalite" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (top(report))
                main {
                    (banner(report))
                    @if report.boards.len() > 1 { (overview(report)) }
                    @for section in &sections { (section) }
                }
                footer {
                    p { "Repeat with " code { (report.command) } }
                    p { (report.tool) " · every figure of this page is in report.json beside it" }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    })
}

fn top(report: &RunReport) -> Markup {
    html! {
        header {
            span.brand { span.mark aria-hidden="true" { i {} i {} i {} i {} } "mambalite" }
            span.where { "Hardware in the loop" }
            span.when { time datetime=(report.started) { (report.started) } }
        }
    }
}

fn banner(report: &RunReport) -> Markup {
    let boards = &report.boards;
    let jobs: Vec<&JobReport> = boards.iter().flat_map(|it| &it.jobs).collect();
    let layers: usize = jobs.iter().map(|job| job.layers.len()).sum();
    let equal = jobs.iter().flat_map(|job| &job.layers);
    let equal = equal.filter(|layer| layer.equal).count();
    let controls = boards.iter().flat_map(|it| &it.controls);
    let (caught, planted) = controls.fold((0, 0), |(caught, planted), control| {
        (caught + usize::from(control.caught), planted + 1)
    });
    html! {
        section class=(format!("banner {}", tone(report.verdict))) {
            div.verdict {
                span.sign aria-hidden="true" { (sign(report.verdict)) }
                div {
                    h1 { (headline(report.verdict)) }
                    p { (explanation(report.verdict, planted > 0)) }
                }
            }
            dl.figures {
                (figure("Boards", grouped(boards.len()), None))
                (figure("Jobs", grouped(jobs.len()), None))
                (figure("Layer digests equal", grouped(equal), Some(grouped(layers))))
                (figure("Planted faults caught", grouped(caught), Some(grouped(planted))))
                (figure("Time", duration(report.duration_s), None))
            }
        }
    }
}

fn figure(name: &str, value: String, of: Option<String>) -> Markup {
    html! {
        div {
            dt { (name) }
            dd { (value) @if let Some(of) = of { small { " of " (of) } } }
        }
    }
}

/// One line a board, for runs of several.
fn overview(report: &RunReport) -> Markup {
    html! {
        section.card.wide {
            h2 { "Boards of this run" }
            div.scroll {
                table.plain {
                    thead {
                        tr {
                            th { "Board" } th { "Core" } th { "Model" } th { "Precision" }
                            th.n { "Jobs" } th.n { "Pictures" } th { "Verdict" }
                        }
                    }
                    tbody {
                        @for (board_idx, entry) in report.boards.iter().enumerate() {
                            (overview_row(board_idx, entry))
                        }
                    }
                }
            }
        }
    }
}

fn overview_row(board_idx: usize, entry: &BoardReport) -> Markup {
    html! {
        tr {
            td { a href=(format!("#board-{board_idx}")) { (entry.board.name) } }
            td { (entry.board.core) }
            td { (entry.model.name) }
            td { (entry.model.precision) }
            td.n { (count(&entry.jobs)) }
            td.n { (count(&entry.pictures)) }
            td { (badge(entry.verdict)) }
        }
    }
}

/// Returns the verdict as a small coloured label.
fn badge(verdict: Verdict) -> Markup {
    html! {
        span class=(format!("badge {}", tone(verdict))) {
            (sign(verdict)) " " (verdict.word().to_lowercase())
        }
    }
}

fn tone(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "good",
        Verdict::Mismatch | Verdict::ControlMissed => "bad",
        _ => "odd",
    }
}

fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✓",
        Verdict::Mismatch => "≠",
        Verdict::Skip | Verdict::Quarantined => "–",
        _ => "!",
    }
}

fn headline(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "Every bit is equal",
        Verdict::Mismatch => "The board differs from the reference",
        Verdict::ControlMissed => "A planted fault went unnoticed",
        Verdict::Skip => "Nothing was run",
        Verdict::Quarantined => "Nothing that counts was run",
        Verdict::Flaky => "Every bit is equal, but not at the first attempt",
        Verdict::Infra => "What stands around the board failed",
        Verdict::Link => "The line to the board failed",
        Verdict::Timeout => "The board did not answer in time",
        Verdict::Crash => "The firmware took a fault",
    }
}

fn explanation(verdict: Verdict, planted: bool) -> &'static str {
    match verdict {
        Verdict::Pass if !planted => {
            "Board and host reference agree in every layer and every sample. No fault was planted \
             to prove that one would be noticed."
        }
        Verdict::Pass => {
            "Board and host reference agree in every layer and every sample, and every fault \
             that was planted on purpose was noticed."
        }
        Verdict::Mismatch => {
            "At least one value was computed differently on the board. The first one is shown \
             below with its bits."
        }
        Verdict::ControlMissed => {
            "The comparisons found no difference, but they also missed a fault that was planted \
             on purpose. Equality proves nothing here."
        }
        _ => "What was compared until then is shown below.",
    }
}
