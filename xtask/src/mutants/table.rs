//! The score by file and by kind of fault.

use std::collections::BTreeMap;

use super::Judged;
use super::journal::Verdict;
use super::mutant::Mutant;

/// Mutants of a row or a cell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Found by a test, also those that came to no end.
    pub(super) caught: usize,
    /// Not found, and not on the list.
    pub(super) survived: usize,
    /// Not found, and on the list of those that change no result.
    pub(super) equivalent: usize,
    /// Refused by the compiler.
    pub(super) refused: usize,
}

impl Counts {
    fn add(&mut self, result: &Judged) {
        *match result.line.verdict {
            Verdict::Caught | Verdict::TimedOut => &mut self.caught,
            Verdict::Survived if result.reason.is_some() => &mut self.equivalent,
            Verdict::Survived => &mut self.survived,
            Verdict::NotCompiled => &mut self.refused,
        } += 1;
    }

    /// Returns the mutants caught of those that can be, in percent; 100 where there are none.
    pub(super) fn score(&self) -> f64 {
        match self.caught + self.survived {
            0 => 100.0,
            all => 100.0 * self.caught as f64 / all as f64,
        }
    }

    fn cells(&self) -> String {
        let Self {
            caught,
            survived,
            equivalent,
            refused,
        } = self;
        format!(
            "{caught} | {survived} | {equivalent} | {refused} | {:.1} %",
            self.score()
        )
    }
}

/// Counts all results.
pub(super) fn count<'a>(results: impl IntoIterator<Item = &'a Judged>) -> Counts {
    let mut counts = Counts::default();
    results.into_iter().for_each(|result| counts.add(result));
    counts
}

/// Returns two tables in Markdown: by file, by kind of fault.
pub(super) fn lines(results: &[Judged]) -> Vec<String> {
    let mut lines = rows("file", results, |mutant| format!("`{}`", mutant.file));
    lines.extend(rows("fault", results, |mutant| mutant.fault.to_string()));
    lines
}

/// Returns a table with a row for each name.
fn rows(title: &str, results: &[Judged], name: impl Fn(&Mutant) -> String) -> Vec<String> {
    let mut rows = BTreeMap::<String, Counts>::new();
    for result in results {
        rows.entry(name(&result.mutant)).or_default().add(result);
    }
    let mut lines = vec![
        format!("| {title} | caught | survived | equivalent | refused | score |"),
        "|---|---|---|---|---|---|".to_owned(),
    ];
    let rows = rows.iter();
    lines.extend(rows.map(|(name, row)| format!("| {name} | {} |", row.cells())));
    lines.push(format!("| all | {} |\n", count(results).cells()));
    lines
}
