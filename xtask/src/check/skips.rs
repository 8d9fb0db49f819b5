//! Which runs may, and must, be skipped on a target.

use anyhow::{Context, Result, ensure};

use super::report::{Outcome, Report};

/// The list of right skips.
#[derive(Debug)]
pub(crate) struct Skips(Vec<Line>);

/// `TARGET,... RUN`, or `TARGET,... RUN unless FLAG...`.
#[derive(Debug)]
struct Line {
    targets: Vec<String>,
    /// Name of a run; `*` stands for any part of it.
    run: String,
    /// Flags of the processor; with all of them the run is not to be skipped.
    unless: Vec<String>,
}

impl Skips {
    /// Reads the list; `#` begins a comment.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut lines = Vec::new();
        for line in text.lines() {
            let mut words = line
                .split('#')
                .next()
                .unwrap_or_default()
                .split_whitespace();
            let Some(targets) = words.next() else {
                continue;
            };
            let run = words.next().with_context(|| format!("no run in: {line}"))?;
            let condition = words.next();
            let unless: Vec<_> = words.map(str::to_owned).collect();
            let complete = match condition {
                None => true,
                Some(word) => word == "unless" && !unless.is_empty(),
            };
            ensure!(complete, "not `TARGET,... RUN [unless FLAG...]`: {line}");
            lines.push(Line {
                targets: targets.split(',').map(str::to_owned).collect(),
                run: run.to_owned(),
                unless,
            });
        }
        Ok(Self(lines))
    }

    /// Returns the targets that are named.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .flat_map(|line| line.targets.iter().map(String::as_str))
    }

    /// Makes failures of the skips that are not on the list and of the runs that are on it and
    /// were not skipped. `flags` are those of the processor.
    pub(crate) fn judge(&self, target: &str, report: &mut Report, flags: &[String]) {
        let right: Vec<_> = self
            .0
            .iter()
            .filter(|line| line.targets.iter().any(|name| name == target))
            .collect();
        for line in &right {
            if !report.runs.iter().any(|(name, _)| matches(&line.run, name)) {
                let problem = format!("the list of skips has {}, but there is none", line.run);
                report.problems.push(problem);
            }
        }
        for (name, outcome) in &mut report.runs {
            let listed = right
                .iter()
                .any(|line| matches(&line.run, name) && line.applies(flags));
            match outcome {
                Outcome::Skip if !listed => {
                    *outcome = Outcome::Fail("skipped, but not on the list of skips".to_owned());
                }
                Outcome::Pass(_) if listed => {
                    *outcome = Outcome::Fail("on the list of skips, but ran".to_owned());
                }
                _ => {}
            }
        }
    }
}

impl Line {
    fn applies(&self, flags: &[String]) -> bool {
        self.unless.is_empty() || !self.unless.iter().all(|flag| flags.contains(flag))
    }
}

/// Tells whether a name fits a pattern.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let mut parts: Vec<_> = parts.collect();
    // Without a star nothing may be left; the last part has to be at the end.
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::*;

    /// Failures and problems that a list finds in a report of two runs, `op/ref` and `op/simd`.
    fn judge(list: &str, simd: &str, flags: &[&str]) -> (Vec<String>, usize) {
        let lines = format!("PLAN 2 seed 4;RUN op/ref;PASS op/ref;RUN op/simd;{simd} op/simd;END");
        let mut report = report(&lines, 0);
        let flags: Vec<_> = flags.iter().map(|&flag| flag.to_owned()).collect();
        Skips::parse(list)
            .unwrap()
            .judge("host", &mut report, &flags);
        let failures = report.failures().map(|(name, _)| name.to_owned()).collect();
        (failures, report.problems.len())
    }

    #[test]
    fn a_skip_has_to_be_listed() {
        assert_eq!(judge("", "SKIP", &[]), (vec!["op/simd".to_owned()], 0));
        assert_eq!(
            judge("m0 */simd", "SKIP", &[]),
            (vec!["op/simd".to_owned()], 0)
        );
        assert_eq!(judge("m0,host */simd # no unit", "SKIP", &[]), (vec![], 0));
    }

    #[test]
    fn a_listed_skip_must_not_run() {
        assert_eq!(
            judge("host op/simd", "PASS", &[]),
            (vec!["op/simd".to_owned()], 0)
        );
        assert_eq!(judge("", "PASS", &[]), (vec![], 0));
    }

    #[test]
    fn a_flag_of_the_processor_decides() {
        let list = "host */simd unless avx2 fma";
        assert_eq!(judge(list, "SKIP", &["fma"]), (vec![], 0));
        assert_eq!(judge(list, "PASS", &["avx2", "fma"]), (vec![], 0));
        assert_eq!(
            judge(list, "SKIP", &["avx2", "fma"]),
            (vec!["op/simd".to_owned()], 0)
        );
        assert_eq!(
            judge(list, "PASS", &["avx2"]),
            (vec!["op/simd".to_owned()], 0)
        );
    }

    #[test]
    fn a_line_for_no_run_is_a_problem() {
        assert_eq!(judge("host other/*", "PASS", &[]), (vec![], 1));
    }

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, name, fits) in [
            ("a/b", "a/b", true),
            ("a/b", "a/bc", false),
            ("*/avx2", "scan/f32/avx2", true),
            ("*/avx2", "scan/f32/avx2x", false),
            ("scan/*/avx*", "scan/f32/avx512", true),
            ("scan/*/avx*", "gate/f32/avx512", false),
            ("*", "anything", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn lists_that_say_nothing_are_refused() {
        for text in ["host", "host a when b", "host a unless"] {
            assert!(Skips::parse(text).is_err(), "{text}");
        }
    }
}
