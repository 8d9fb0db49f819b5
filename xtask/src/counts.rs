//! Counting tests in what test runners print.

use std::fmt;
use std::ops::AddAssign;

/// Tests by outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Ran and passed.
    pub(crate) passed: usize,
    /// Ran and failed.
    pub(crate) failed: usize,
    /// Were ignored, or found their data missing.
    pub(crate) skipped: usize,
    /// Names of those that failed, where the runner tells them.
    pub(crate) failures: Vec<String>,
}

/// What a line that names a failure begins with.
const FAILURE: &str = "FAILED ";

impl Counts {
    /// Counts the tests in the output of cargo test or of nextest.
    ///
    /// A test that finds its data missing prints one line that begins with `SKIP`. To the runner
    /// it passed; here it counts as skipped.
    pub(crate) fn of(lines: &[String]) -> Self {
        let (mut counts, mut said_skip) = (Self::default(), 0);
        let mut after_summary = false;
        for whole in lines {
            let line = whole.trim_start();
            // Indented, it is what a test printed under nextest, which counts it in its summary.
            if let Some(summary) = whole.strip_prefix("test result: ") {
                counts.passed += number_before(summary, "passed");
                counts.failed += number_before(summary, "failed");
                counts.skipped += number_before(summary, "ignored");
            } else if line.starts_with("Summary [") {
                // What nextest calls skipped is what its filter left out.
                counts.passed += number_before(line, "passed");
                counts.failed += number_before(line, "failed");
                counts.failed += number_before(line, "timed out");
                after_summary = true;
            } else if after_summary && let Some((_, name)) = line.split_once("s] (") {
                // nextest repeats after its summary what did not pass.
                counts
                    .failures
                    .extend(name.split_once(") ").map(|(_, name)| name.to_owned()));
            } else if let Some(name) = failed_by_cargo_test(whole) {
                counts.failures.push(name.to_owned());
            } else if line.starts_with("SKIP") {
                said_skip += 1;
            }
        }
        said_skip = said_skip.min(counts.passed);
        counts.passed -= said_skip;
        counts.skipped += said_skip;
        counts
    }
}

impl Counts {
    /// Counts a test that failed, and says why.
    pub(crate) fn fail(&mut self, name: impl Into<String>, why: impl fmt::Display) {
        let name = name.into();
        println!("FAIL {name}: {why}");
        self.failed += 1;
        self.failures.push(name);
    }

    /// Counts a test by what it complains of, and says that.
    pub(crate) fn judge(&mut self, name: impl Into<String>, complaints: &[String]) {
        match complaints {
            [] => self.passed += 1,
            complaints => self.fail(name, complaints.join("\n  ")),
        }
    }

    /// Reads what its `Display` wrote last in a text.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().rev();
        let (passed, failed, skipped) = lines.by_ref().find_map(sum)?;
        let names = lines.map_while(|line| line.strip_prefix(FAILURE));
        let mut failures: Vec<_> = names.map(str::to_owned).collect();
        failures.reverse();
        Some(Self {
            passed,
            failed,
            skipped,
            failures,
        })
    }
}

/// Failures by name, a line each, and the sum in a line.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for name in &self.failures {
            writeln!(f, "{FAILURE}{name}")?;
        }
        f.write_str(&sum_line(self.passed, self.failed, self.skipped))
    }
}

fn sum_line(passed: usize, failed: usize, skipped: usize) -> String {
    format!("{passed} passed, {failed} failed, {skipped} skipped")
}

/// Reads what `sum_line` writes; nothing of any other line.
fn sum(line: &str) -> Option<(usize, usize, usize)> {
    let [passed, failed, skipped] =
        ["passed", "failed", "skipped"].map(|word| number_before(line, word));
    (sum_line(passed, failed, skipped) == line).then_some((passed, failed, skipped))
}

/// Returns the name of the test in a line `test NAME ... FAILED`.
fn failed_by_cargo_test(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.failures.extend(other.failures);
    }
}

/// Returns the number that stands before a word, 0 if there is none.
fn number_before(summary: &str, word: &str) -> usize {
    let Some(at) = summary.find(&format!(" {word}")) else {
        return 0;
    };
    let number = summary[..at]
        .rsplit(|letter: char| !letter.is_ascii_digit())
        .next();
    number.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> (usize, usize, usize) {
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        let counts = Counts::of(&lines);
        (counts.passed, counts.failed, counts.skipped)
    }

    #[test]
    fn cargo_test_is_counted() {
        let text = "test result: ok. 12 passed; 0 failed; 2 ignored; 0 measured; 3 filtered out\n\
                    test result: FAILED. 1 passed; 4 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(count(text), (13, 4, 2));
    }

    #[test]
    fn a_sum_is_read_back() {
        let counts = Counts {
            passed: 12,
            failed: 2,
            skipped: 345,
            failures: vec!["kernels a::b".into(), "c".into()],
        };
        let text = format!("FAILED of another\nmore before\n{counts}\nand after");
        assert_eq!(Counts::parse(&text), Some(counts));
        for line in [
            "",
            "12 passed, 0 failed",
            " 12 passed, 0 failed, 3 skipped, seed 4",
        ] {
            assert_eq!(Counts::parse(line), None, "{line}");
        }
    }

    #[test]
    fn nextest_is_counted() {
        let text = "     Summary [   1.013s] 14 tests run: 11 passed (1 slow), 2 failed, \
                    1 timed out, 30 skipped";
        assert_eq!(count(text), (11, 3, 0));
        let printed = "    test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured\n";
        assert_eq!(count(&format!("{printed}{text}")), (11, 3, 0));
    }

    #[test]
    fn failures_are_named() {
        let text = "test a::b ... FAILED\n        FAIL [   0.1s] (1/3) hil::boards x::early\n  Summary [ 0.1s] \
            2 tests run: 0 passed, 2 failed\n        FAIL [   0.1s] (1/3) hil::boards x::y\n     \
            TIMEOUT [ 120.0s] (3/3) hil z\nerror: test run failed";
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        let names = ["a::b", "hil::boards x::y", "hil z"];
        assert_eq!(Counts::of(&lines).failures, names);
    }

    #[test]
    fn a_test_that_says_skip_did_not_pass() {
        let text =
            "    SKIP set5: no such folder\n Summary [ 0.1s] 3 tests run: 3 passed, 0 skipped";
        assert_eq!(count(text), (2, 0, 1));
    }
}
