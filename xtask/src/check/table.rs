//! Operators by targets.

use super::report::{Outcome, Report};

/// Returns the lines of a table with a row an operator and a column a target.
///
/// A cell counts the runs by outcome: `PASS 3`, `PASS 3 SKIP 1`, `FAIL 1`.
pub(crate) fn lines(reports: &[(&str, Report)]) -> Vec<String> {
    let mut operators: Vec<&str> = Vec::new();
    for name in reports.iter().flat_map(|(_, report)| &report.runs) {
        let operator = operator(&name.0);
        if !operators.contains(&operator) {
            operators.push(operator);
        }
    }
    let mut rows = vec![vec!["operator".to_owned()]];
    rows[0].extend(reports.iter().map(|(target, _)| (*target).to_owned()));
    for name in operators {
        let mut row = vec![name.to_owned()];
        row.extend(reports.iter().map(|(_, report)| cell(report, name)));
        rows.push(row);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<_> = (0..=reports.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn cell(report: &Report, wanted: &str) -> String {
    let (mut passed, mut skipped, mut failed) = (0, 0, 0);
    for (_, outcome) in report
        .runs
        .iter()
        .filter(|(name, _)| operator(name) == wanted)
    {
        match outcome {
            Outcome::Pass(_) => passed += 1,
            Outcome::Skip => skipped += 1,
            Outcome::Fail(_) => failed += 1,
        }
    }
    let parts = [(passed, "PASS"), (skipped, "SKIP"), (failed, "FAIL")];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    parts
        .map(|(count, word)| format!("{word} {count}"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Returns what comes before the number format in the name of a run.
fn operator(name: &str) -> &str {
    name.split('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(runs: &[(&str, Outcome)]) -> Report {
        let runs = runs
            .iter()
            .map(|(name, outcome)| ((*name).to_owned(), outcome.clone()));
        Report {
            runs: runs.collect(),
            ..Report::default()
        }
    }

    #[test]
    fn outcomes_are_counted_by_operator() {
        let fail = Outcome::Fail(String::new());
        let host = report(&[
            ("a/f32", Outcome::Pass(None)),
            ("a/w8a8", Outcome::Skip),
            ("b/f32", fail),
        ]);
        let m0 = report(&[("a/f32", Outcome::Pass(None))]);
        let lines = lines(&[("host", host), ("m0", m0)]);
        assert_eq!(lines[1], "a         PASS 1 SKIP 1  PASS 1");
        assert_eq!(lines[2], "b         FAIL 1");
    }
}
