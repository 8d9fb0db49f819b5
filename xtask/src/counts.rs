//! Counting tests in what test runners print.

use std::fmt;
use std::ops::AddAssign;

/// Tests by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Ran and passed.
    pub(crate) passed: usize,
    /// Ran and failed.
    pub(crate) failed: usize,
    /// Were ignored, or found their data missing.
    pub(crate) skipped: usize,
}

impl Counts {
    /// Counts the tests in the output of cargo test or of nextest.
    ///
    /// A test that finds its data missing prints one line that begins with `SKIP`. To the runner
    /// it passed; here it counts as skipped.
    pub(crate) fn of(lines: &[String]) -> Self {
        let (mut counts, mut said_skip) = (Self::default(), 0);
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
    /// Reads what its `Display` writes; nothing of any other line.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let counts = Self {
            passed: number_before(line, "passed"),
            failed: number_before(line, "failed"),
            skipped: number_before(line, "skipped"),
        };
        (counts.to_string() == line).then_some(counts)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
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
            failed: 0,
            skipped: 345,
        };
        assert_eq!(Counts::parse(&counts.to_string()), Some(counts));
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
    fn a_test_that_says_skip_did_not_pass() {
        let text =
            "    SKIP set5: no such folder\n Summary [ 0.1s] 3 tests run: 3 passed, 0 skipped";
        assert_eq!(count(text), (2, 0, 1));
    }
}
