//! Operator checks: the conformance cases of the kernels, one a request, in the arena.

use mambalite_hil_wire::{Fault, Response};

use crate::board::Port;
use crate::link::Line;

/// Runs the check of a number and tells what became of it.
#[cfg(feature = "checks")]
pub(crate) fn answer<P: Port>(index: u16, seed: u64, arena: &mut [u64], line: &mut Line<P>) {
    use mambalite_kernels_check::runs;

    // A few hundred at most.
    let count = runs().count() as u16;
    let Some(run) = runs().nth(index.into()) else {
        return refuse(Fault::UnknownCheck { count }, line);
    };
    let name = crate::session::text(&run);
    let mut tell = |outcome| {
        line.send(&Response::Check {
            index,
            count,
            name: &name,
            outcome,
        });
    };
    tell(mambalite_hil_wire::CheckOutcome::Begun);
    tell(outcome(run.run(seed, arena)));
}

/// Says that this firmware has no checks.
#[cfg(not(feature = "checks"))]
pub(crate) fn answer<P: Port>(_: u16, _: u64, _: &mut [u64], line: &mut Line<P>) {
    refuse(Fault::Unsupported, line);
}

/// Says why there is no check.
pub(crate) fn refuse<P: Port>(fault: Fault, line: &mut Line<P>) {
    line.send(&Response::Error {
        job: 0,
        fault,
        detail: "",
    });
}

/// Returns what a run found as the wire states it.
#[cfg(feature = "checks")]
fn outcome(found: mambalite_kernels_check::Found) -> mambalite_hil_wire::CheckOutcome {
    use crate::refusal::saturated;
    use mambalite_hil_wire::CheckOutcome;
    use mambalite_kernels_check::{Found, Mismatch};

    match found {
        Found::Digest(digest) => CheckOutcome::Digest(digest),
        Found::Equal => CheckOutcome::Equal,
        Found::Skipped => CheckOutcome::Skipped,
        Found::Wrong(Mismatch::Value {
            case,
            index,
            expected,
            found,
        }) => CheckOutcome::Differs {
            case: saturated(case),
            index: saturated(index),
            expected,
            found,
        },
        Found::Wrong(Mismatch::Guard { case }) => CheckOutcome::WroteOutside {
            case: saturated(case),
        },
        Found::Wrong(Mismatch::Memory { case }) => CheckOutcome::NoMemory {
            case: saturated(case),
        },
    }
}
