//! The uncertainty budget.

use serde::{Deserialize, Serialize};

/// Coverage factor of the expanded uncertainty: about 95 %.
pub(super) const COVERAGE: f64 = 2.0;

/// One part of an uncertainty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Term {
    /// Where it comes from.
    pub source: String,
    /// Standard uncertainty of the energy of one inference, joules.
    pub standard_j: f64,
}

impl Term {
    /// Makes a term of something that lies anywhere within `half_j` joules to either side.
    pub(super) fn rectangular(source: &str, half_j: f64) -> Self {
        Self::standard(source, half_j / 3.0_f64.sqrt())
    }

    /// Makes a term of a standard uncertainty, joules.
    pub(super) fn standard(source: &str, standard_j: f64) -> Self {
        Self {
            source: source.to_owned(),
            standard_j: standard_j.abs(),
        }
    }
}

/// Returns the expanded uncertainty of independent terms, joules.
pub(super) fn expanded_j(terms: &[Term]) -> f64 {
    let squares: f64 = terms.iter().map(|it| it.standard_j.powi(2)).sum();
    COVERAGE * squares.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn independent_terms_add_as_squares() {
        let terms = [Term::standard("a", 3.0), Term::standard("b", -4.0)];
        assert!((expanded_j(&terms) - 10.0).abs() < 1e-12);
        let one = Term::rectangular("c", 3.0_f64.sqrt());
        assert!((one.standard_j - 1.0).abs() < 1e-12);
    }
}
