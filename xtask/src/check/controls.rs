//! Negative controls: faults made on purpose, which the cases must find.

use super::report::Report;

/// A fault to make on a target.
#[derive(Debug)]
pub(crate) struct Control {
    /// Name of the target.
    pub(crate) target: &'static str,
    /// The word for the program that makes the fault.
    pub(crate) word: &'static str,
    /// Returns how the fault shows, or why it does not.
    pub(crate) found: fn(&Report) -> Result<String, String>,
}

/// All controls.
pub(crate) const ALL: [Control; 3] = [
    Control {
        target: "m4f",
        word: "control=flush-to-zero",
        found: subnormal_cases_fail,
    },
    Control {
        target: "m0",
        word: "control=stack-overflow",
        found: ends_early,
    },
    Control {
        target: "rv32",
        word: "control=stack-overflow",
        found: ends_early,
    },
];

/// Every case of subnormal numbers fails, and none of integers does.
fn subnormal_cases_fail(report: &Report) -> Result<String, String> {
    let failed: Vec<_> = report.failures().map(|(name, _)| name).collect();
    let names = || report.runs.iter().map(|(name, _)| name.as_str());
    let missed: Vec<_> = names()
        .filter(|name| name.contains("subnormal") && !failed.contains(name))
        .collect();
    let wrong: Vec<_> = failed
        .iter()
        .filter(|name| name.contains("/fixed") || name.contains("/w8a"))
        .collect();
    let any = names().any(|name| name.contains("subnormal"));
    if any && missed.is_empty() && wrong.is_empty() && report.problems.is_empty() {
        Ok(format!("{} cases fail", failed.len()))
    } else {
        let problems = &report.problems;
        Err(format!(
            "missed by {missed:?}, also failed {wrong:?}, {problems:?}"
        ))
    }
}

/// The program dies before its first run.
fn ends_early(report: &Report) -> Result<String, String> {
    if !report.ended && report.runs.is_empty() {
        Ok(report.problems.last().cloned().unwrap_or_default())
    } else {
        Err(format!("{} runs, end: {}", report.runs.len(), report.ended))
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::*;

    #[test]
    fn every_subnormal_case_has_to_fail() {
        let lines = "PLAN 3 seed 4;RUN exp_subnormal/f32;FAIL exp_subnormal/f32 x;\
                     RUN mul_subnormal/f32;PASS mul_subnormal/f32;\
                     RUN mulhi/fixed;PASS mulhi/fixed;END";
        assert!(subnormal_cases_fail(&report(lines, 3)).is_err());
        let all = lines.replace("PASS mul_subnormal/f32", "FAIL mul_subnormal/f32 x");
        assert_eq!(
            subnormal_cases_fail(&report(&all, 3)).unwrap(),
            "2 cases fail"
        );
        assert!(subnormal_cases_fail(&report("PLAN 1 seed 4;RUN a;PASS a;END", 0)).is_err());
    }

    #[test]
    fn a_program_that_goes_on_is_no_overflow() {
        assert!(ends_early(&report("PLAN 1 seed 4;qemu: fatal: Lockup", 134)).is_ok());
        assert!(ends_early(&report("PLAN 1 seed 4;RUN a;PASS a;END", 0)).is_err());
    }
}
