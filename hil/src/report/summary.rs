//! The run in five lines, for a chat: `summary.txt`, and `summary.md` in Markdown.

use std::path::Path;

use mambalite::atomic_file;

use super::html::number::duration;
use super::{BoardReport, Difference, RunReport};
use crate::error::Result;
use crate::verdict::Verdict;

/// Rigs that are named in a line; of more their number is.
const NAMED_MAX: usize = 3;
/// Longest text of one thing, characters: a chat cuts what is longer.
const TEXT_MAX: usize = 160;

/// Writes both files.
pub(super) fn write(text: &Path, markdown: &Path, report: &RunReport) -> Result<()> {
    let lines = lines(report);
    let plain = lines.join("\n") + "\n";
    atomic_file::write(text, |out| out.write_all(plain.as_bytes()))?;
    let marked = render_markdown(&lines);
    atomic_file::write(markdown, |out| out.write_all(marked.as_bytes()))?;
    Ok(())
}

/// Returns the five lines: verdict, counts, bits, measures, what to look at first.
pub(super) fn lines(report: &RunReport) -> [String; 5] {
    let boards = &report.boards;
    let mut rigs: Vec<&str> = boards.iter().map(|it| it.rig.as_str()).collect();
    rigs.sort_unstable();
    rigs.dedup();
    let verdict = match report.verdict {
        Verdict::Pass if !report.regressions.is_empty() => "REGRESSION",
        other => other.word(),
    };
    let first = format!(
        "{verdict}: {}, {} in {}, started {}",
        plural(rigs.len(), "rig"),
        plural(boards.len(), "run"),
        duration(report.duration_s),
        report.started
    );
    [
        first,
        counts(boards),
        bits(boards),
        measures(report),
        look_at(report),
    ]
    .map(|it| shorten(&it))
}

fn counts(boards: &[BoardReport]) -> String {
    let count = |verdict: &Verdict| boards.iter().filter(|it| it.verdict == *verdict).count();
    let mut parts: Vec<String> = Vec::new();
    for verdict in Verdict::ALL.iter().rev() {
        let of_it = boards.iter().filter(|it| it.verdict == *verdict);
        let mut names: Vec<&str> = of_it.map(|it| it.rig.as_str()).collect();
        names.dedup();
        match (count(verdict), verdict) {
            (0, _) => {}
            (n, Verdict::Pass) => parts.push(format!("{n} {}", verdict.word())),
            (n, _) if names.len() > NAMED_MAX => parts.push(format!("{n} {}", verdict.word())),
            (n, _) => parts.push(format!("{n} {} ({})", verdict.word(), names.join(", "))),
        }
    }
    if parts.is_empty() {
        return "Nothing was run".to_owned();
    }
    parts.join(", ")
}

fn bits(boards: &[BoardReport]) -> String {
    let layers = || {
        boards
            .iter()
            .flat_map(|it| &it.jobs)
            .flat_map(|job| &job.layers)
    };
    let equal = layers().filter(|it| it.equal).count();
    let controls = || boards.iter().flat_map(|it| &it.controls);
    let caught = controls().filter(|it| it.caught).count();
    format!(
        "Bits: {equal} of {} layer digests equal, {caught} of {} planted faults caught",
        layers().count(),
        controls().count()
    )
}

fn measures(report: &RunReport) -> String {
    match report.regressions.as_slice() {
        [] => "Measures: no regression told".to_owned(),
        [one] => format!("Measures: {}", one.text),
        [first, rest @ ..] => format!("Measures: {}; and {} more", first.text, rest.len()),
    }
}

fn look_at(report: &RunReport) -> String {
    let worst = report.boards.iter().filter(|it| it.verdict > Verdict::Pass);
    let Some(worst) = worst.max_by_key(|it| it.verdict) else {
        return "Look at: nothing; report.html has the details".to_owned();
    };
    let what = match (
        &worst.first_difference,
        &worst.failure,
        worst.attempts.first(),
    ) {
        (Some(found), _, _) => difference(found),
        (None, Some(failure), _) => {
            format!("failed at {}: {}", failure.stage.word(), failure.cause)
        }
        (None, None, Some(first)) => {
            format!(
                "first attempt failed at {}: {}",
                first.stage.word(),
                first.cause
            )
        }
        (None, None, None) => worst.verdict.word().to_owned(),
    };
    format!("Look at: {} {}, {what}", worst.rig, worst.model.precision)
}

/// Says where both sides part, in a line.
pub(super) fn difference(found: &Difference) -> String {
    format!(
        "first difference in {}, tile {}, layer {}, element {}: board {}, reference {}",
        found.picture,
        found.tile,
        found.layer,
        found.element,
        found.device_bits,
        found.reference_bits
    )
}

fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Makes one line of a text, and no longer than a chat bears.
fn shorten(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= TEXT_MAX {
        return line;
    }
    line.chars().take(TEXT_MAX - 1).chain(['…']).collect()
}

/// The verdict bold, the rest a list. Names are text: what Markdown would read is escaped.
fn render_markdown(lines: &[String; 5]) -> String {
    let escape = |line: &str| {
        let special = |c: char| "\\`*_{}[]<>#|~".contains(c);
        let mark = |c| special(c).then_some('\\').into_iter().chain([c]);
        line.chars().flat_map(mark).collect::<String>()
    };
    let [first, rest @ ..] = lines;
    let mut text = format!("**{}**\n\n", escape(first));
    for line in rest {
        text += &format!("- {}\n", escape(line));
    }
    text
}
