//! The report as one self-contained HTML page.
//!
//! All text goes through `maud`, which escapes it; what is put in raw are the style sheet and
//! the script of this folder. The page forbids itself, by its content policy, to load anything.

mod attempts;
mod board;
mod certificate;
mod crash;
mod difference;
mod energy;
mod matrix;
pub(super) mod number;
mod pictures;
mod sensors;
mod trends;

use std::path::Path;

use mambalite::atomic_file;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{BoardReport, Images, JobReport, RunReport};
use crate::error::Result;
use crate::history::Series;
use crate::verdict::Verdict;
pub use certificate::certificate;
pub use crash::card as crash_card;
pub use energy::energy;
use number::{duration, grouped};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("compare.js");

/// Nothing from outside; pictures, style and script stand in the page.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; \
     script-src 'unsafe-inline'";

/// Writes the page.
pub(super) fn write(
    path: &Path,
    report: &RunReport,
    images: &[Images],
    series: &[Series],
) -> Result<()> {
    let page = render(report, images, series)?.into_string();
    atomic_file::write(path, |out| out.write_all(page.as_bytes()))?;
    Ok(())
}

/// Returns the whole page.
pub(super) fn render(report: &RunReport, images: &[Images], series: &[Series]) -> Result<Markup> {
    let mut sections = Vec::new();
    for (board_idx, entry) in report.boards.iter().enumerate() {
        let own: Vec<&Images> = images
            .iter()
            .filter(|it| it.board_idx == board_idx)
            .collect();
        let trends = trends::card(report, entry, series);
        sections.push(board::section(board_idx, entry, &own, &trends)?);
    }
    let body = html! {
        (top(report))
        main {
            (banner(report))
            (trends::regressions(&report.regressions))
            @if report.boards.len() > 1 {
                (overview(report))
                (matrix::card(report))
            }
            @for section in &sections { (section) }
        }
        footer {
            p { "Repeat with " code { (report.command) } }
            p { (report.tool) " · every figure of this page is in report.json beside it" }
        }
        script { (PreEscaped(SCRIPT)) }
    };
    Ok(page(headline(report), &body))
}

/// Returns a whole page: what stands around `body`.
fn page(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (title) " · mambalite" }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    }
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
        section class=(format!("banner {}", tone_of_run(report))) {
            div.verdict {
                span.sign aria-hidden="true" { (sign(report.verdict)) }
                div {
                    h1 { (headline(report)) }
                    p { (explanation(report.verdict, planted > 0)) }
                    @if boards.len() > 1 { (tally(boards)) }
                }
            }
            dl.figures {
                (figure("Runs of boards", grouped(boards.len()), None))
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

/// How many runs of boards ended in which way, the worst first.
fn tally(boards: &[BoardReport]) -> Markup {
    html! {
        p.tally {
            @for verdict in Verdict::ALL.into_iter().rev() {
                @let count = boards.iter().filter(|it| it.verdict == verdict).count();
                @if count > 0 {
                    span class=(format!("badge {}", tone(verdict))) {
                        (count) " " (verdict.word().to_lowercase())
                    }
                }
            }
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
                            th { "Rig" } th { "Core" } th { "Model" } th { "Precision" }
                            th.n { "Layers equal" } th.n { "Attempts" } th { "Verdict" }
                            th { "Why" }
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
    let layers = || entry.jobs.iter().flat_map(|job| &job.layers);
    let equal = layers().filter(|layer| layer.equal).count();
    html! {
        tr {
            td { a href=(format!("#board-{board_idx}")) { (entry.rig) } }
            td { (entry.board.core) }
            td { (entry.model.name) }
            td { (entry.model.precision) }
            td.n { (grouped(equal)) " of " (grouped(layers().count())) }
            td.n { (entry.attempts.len() + 1) }
            td { (badge(entry.verdict)) }
            td.words { (why(entry)) }
        }
    }
}

/// Says in a few words what is behind a verdict that is no pass.
fn why(entry: &BoardReport) -> String {
    if let Some(found) = &entry.quarantine {
        let quarantine = &found.quarantine;
        return format!("until {}: {}", quarantine.expires, quarantine.reason);
    }
    if let Some(found) = &entry.first_difference {
        return format!("{}, tile {}, {}", found.picture, found.tile, found.layer);
    }
    if let Some(failure) = &entry.failure {
        return format!("{}: {}", failure.stage.word(), failure.cause);
    }
    let missed = entry.controls.iter().find(|it| !it.caught);
    let before = entry.attempts.first();
    match (missed, before) {
        (Some(control), _) => format!("not caught: {}", control.name),
        (None, Some(attempt)) => format!("before: {}: {}", attempt.stage.word(), attempt.cause),
        (None, None) => String::new(),
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

/// A run that is slower than it may be is not as it should be either.
fn tone_of_run(report: &RunReport) -> &'static str {
    match report.verdict {
        Verdict::Pass if !report.regressions.is_empty() => "odd",
        verdict => tone(verdict),
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

fn headline(report: &RunReport) -> &'static str {
    match report.verdict {
        Verdict::Pass if !report.regressions.is_empty() => {
            "Every bit is equal, but a measure is worse than before"
        }
        Verdict::Mismatch if report.boards.len() > 1 => "A board differs from the reference",
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
