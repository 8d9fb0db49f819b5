//! What the program of a target prints: a line a run.

use std::collections::BTreeSet;

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// As it must be; with the digest for the seed if there is one.
    Pass(Option<String>),
    /// Not for this target.
    Skip,
    /// What is wrong.
    Fail(String),
}

/// The runs of a target.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Name and outcome of each run, in order.
    pub(crate) runs: Vec<(String, Outcome)>,
    /// What is wrong with the target as a whole.
    pub(crate) problems: Vec<String>,
    /// Bytes of the stack used, and there.
    pub(crate) stack: Option<String>,
    /// Whether the program came to its end.
    pub(crate) ended: bool,
}

impl Report {
    /// Reads the lines of a program. `code` is its exit code, `None` if it was killed.
    ///
    /// A run that began and printed no result failed, as does one that printed two. The first of
    /// the lines that are none of the program's tells why it came to no end.
    pub(crate) fn parse(lines: &[String], seed: u64, code: Option<i32>) -> Self {
        let (mut report, mut planned) = (Self::default(), None);
        let (mut open, mut foreign): (Option<String>, Vec<&str>) = (None, Vec::new());
        for line in lines {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let (name, detail) = rest.split_once(' ').unwrap_or((rest, ""));
            let outcome = match word {
                "PASS" => Outcome::Pass((!detail.is_empty()).then(|| detail.to_owned())),
                "SKIP" => Outcome::Skip,
                "FAIL" => Outcome::Fail(detail.to_owned()),
                _ => {
                    match word {
                        "PLAN" => planned = parse_plan(rest, seed),
                        "RUN" => {
                            report.close(open.take());
                            open = Some(name.to_owned());
                        }
                        "STACK" => report.stack = Some(rest.to_owned()),
                        "END" => report.ended = true,
                        _ => foreign.push(line),
                    }
                    continue;
                }
            };
            if open.take().as_deref() == Some(name) {
                report.runs.push((name.to_owned(), outcome));
            } else {
                report.problems.push(format!("no run had begun: {line}"));
            }
        }
        report.close(open);
        report.check(planned, code, &foreign);
        report
    }

    /// Notes a run that printed no result.
    fn close(&mut self, open: Option<String>) {
        if let Some(name) = open {
            let outcome = Outcome::Fail("printed no result".to_owned());
            self.runs.push((name, outcome));
        }
    }

    /// Checks the whole: everything that was planned ran once, and the exit code says the same.
    fn check(&mut self, planned: Option<usize>, code: Option<i32>, foreign: &[&str]) {
        let names: BTreeSet<_> = self.runs.iter().map(|(name, _)| name).collect();
        if names.len() != self.runs.len() {
            self.problems.push("names are not unique".to_owned());
        }
        match planned {
            None => self.problems.push("no plan with the seed".to_owned()),
            Some(0) => self.problems.push("nothing ran".to_owned()),
            Some(planned) if planned != self.runs.len() => {
                let ran = self.runs.len();
                self.problems.push(format!("{ran} of {planned} ran"));
            }
            Some(_) => {}
        }
        if !self.ended {
            let said = foreign.iter().find(|line| !line.is_empty());
            let said = said.unwrap_or(&"and nothing said why");
            self.problems.push(format!("no end: {said}"));
        }
        let wanted = if self.failures().count() > 0 { 3 } else { 0 };
        if self.ended && code != Some(wanted) {
            self.problems
                .push(format!("exit code {code:?}, not {wanted}"));
        }
    }

    /// Returns the runs that failed, and why.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (&str, &str)> {
        self.runs
            .iter()
            .filter_map(|(name, outcome)| match outcome {
                Outcome::Fail(detail) => Some((name.as_str(), detail.as_str())),
                _ => None,
            })
    }

    /// Holds the digests against those of the host: the same names must have the same.
    pub(crate) fn compare(&mut self, host: &Self) {
        for (name, outcome) in &host.runs {
            let Outcome::Pass(Some(wanted)) = outcome else {
                continue;
            };
            match self.runs.iter_mut().find(|(other, _)| other == name) {
                None => self.problems.push(format!("{name} did not run here")),
                Some((_, outcome @ Outcome::Pass(_)))
                    if *outcome != Outcome::Pass(Some(wanted.clone())) =>
                {
                    *outcome = Outcome::Fail(format!("{outcome:?}, the host has {wanted}"));
                }
                Some(_) => {}
            }
        }
    }
}

/// Reads `N seed SEED`; the seed must be the one that was asked for.
fn parse_plan(rest: &str, seed: u64) -> Option<usize> {
    let (count, with) = rest.split_once(" seed ")?;
    (with == seed.to_string()).then(|| count.parse().ok())?
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A report of lines that `;` parts.
    pub(crate) fn report(lines: &str, code: i32) -> Report {
        let lines: Vec<_> = lines.split(';').map(str::to_owned).collect();
        Report::parse(&lines, 4, Some(code))
    }

    const GOOD: &str = "PLAN 3 seed 4;RUN a;PASS a 0x1;RUN b;SKIP b;RUN c;PASS c;STACK 8 of 9;END";

    #[test]
    fn a_good_report_has_no_problems() {
        let report = report(GOOD, 0);
        assert_eq!(report.problems, Vec::<String>::new());
        let outcomes: Vec<_> = report
            .runs
            .iter()
            .map(|(_, outcome)| outcome.clone())
            .collect();
        let digest = Some("0x1".to_owned());
        assert_eq!(
            outcomes,
            [Outcome::Pass(digest), Outcome::Skip, Outcome::Pass(None)]
        );
        assert_eq!(report.stack.as_deref(), Some("8 of 9"));
    }

    #[test]
    fn failures_are_told_with_their_detail() {
        let report = report("PLAN 1 seed 4;RUN a;FAIL a digest 7, seed 1;END", 3);
        let failures: Vec<_> = report.failures().collect();
        assert_eq!(failures, [("a", "digest 7, seed 1")]);
        assert!(report.problems.is_empty());
    }

    #[test]
    fn a_run_without_a_line_fails() {
        let middle = report("PLAN 2 seed 4;RUN a;RUN b;PASS b;END", 3);
        assert_eq!(middle.failures().next(), Some(("a", "printed no result")));
        let crashed = report("PLAN 2 seed 4;RUN a;PASS a;RUN b;qemu: fatal: Lockup", 134);
        assert_eq!(crashed.failures().next(), Some(("b", "printed no result")));
        assert!(
            crashed.problems[0].contains("Lockup"),
            "{:?}",
            crashed.problems
        );
    }

    #[test]
    fn what_does_not_add_up_is_a_problem() {
        for (lines, code, problem) in [
            ("PLAN 0 seed 4;END", 0, "nothing ran"),
            ("RUN a;PASS a;END", 0, "no plan"),
            ("PLAN 1 seed 5;RUN a;PASS a;END", 0, "no plan with the seed"),
            ("PLAN 2 seed 4;RUN a;PASS a;END", 0, "1 of 2 ran"),
            ("PLAN 1 seed 4;RUN a;PASS b;END", 0, "no run had begun"),
            (
                "PLAN 2 seed 4;RUN a;PASS a;RUN a;PASS a;END",
                0,
                "not unique",
            ),
            ("PLAN 1 seed 4;RUN a;PASS a", 0, "no end"),
            ("PLAN 1 seed 4;RUN a;PASS a;END", 3, "exit code"),
            ("PLAN 1 seed 4;RUN a;FAIL a x;END", 0, "exit code"),
            ("", 0, "no plan"),
        ] {
            let problems = report(lines, code).problems;
            assert!(
                problems.iter().any(|p| p.contains(problem)),
                "{lines}: {problems:?}"
            );
        }
    }

    #[test]
    fn digests_are_held_against_the_host() {
        let host = report(GOOD, 0);
        let mut same = report(GOOD, 0);
        same.compare(&host);
        assert_eq!((same.failures().count(), same.problems.len()), (0, 0));
        let mut other = report(&GOOD.replace("0x1", "0x2"), 0);
        other.compare(&host);
        assert!(
            other
                .failures()
                .next()
                .unwrap()
                .1
                .contains("the host has 0x1")
        );
        let mut without = report("PLAN 1 seed 4;RUN c;PASS c;END", 0);
        without.compare(&host);
        assert_eq!(without.problems, ["a did not run here"]);
    }
}
