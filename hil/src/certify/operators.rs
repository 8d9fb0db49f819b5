//! The operators of the firmware, checked on the board in the very image that is certified.

use mambalite_hil_certificate::predicate::{Operator, Verdict};
use mambalite_hil_wire::CheckOutcome;

use crate::error::Result;
use crate::link::{Link, OperatorCheck};
use crate::transport::Transport;

/// Seeds of the inputs.
pub const SEEDS: core::ops::RangeInclusive<u64> = 1..=3;

/// Runs all checks of a board with every seed. `progress` gets the number done and that of all.
///
/// Returns them, and in words what those found that did not pass.
///
/// # Errors
/// Those of [`Link::check_operators`].
pub(super) fn run<T: Transport>(
    link: &mut Link<T>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<(Vec<Operator>, Vec<String>)> {
    let rounds = SEEDS.count();
    let (mut operators, mut faults) = (Vec::new(), Vec::new());
    for (round, seed) in SEEDS.enumerate() {
        let mut progress =
            |done: usize, count: usize| progress(round * count + done, rounds * count);
        for check in link.check_operators(seed, &mut progress)? {
            let operator = operator(&check, seed);
            if operator.verdict == Verdict::Fail {
                faults.push(format!(
                    "operator {}, seed {seed}: {}",
                    check.name,
                    check.describe()
                ));
            }
            operators.push(operator);
        }
    }
    Ok((operators, faults))
}

fn operator(check: &OperatorCheck, seed: u64) -> Operator {
    let digest = match check.outcome {
        Some(CheckOutcome::Digest(digest)) => Some(format!("{digest:016x}")),
        _ => None,
    };
    let verdict = match check.outcome {
        Some(CheckOutcome::Skipped) => Verdict::Skip,
        _ if check.is_passed() => Verdict::Pass,
        _ => Verdict::Fail,
    };
    Operator {
        name: check.name.clone(),
        seed,
        digest,
        verdict,
    }
}
