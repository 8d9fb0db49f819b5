//! Whether the counter of cycles says what the host's clock says.

use std::time::Duration;

use crate::board::Counter;

/// What a host that is busy, an adapter and the answers of the line add to a job.
const DELAY: Duration = Duration::from_millis(50);

/// Part by which two clocks may differ: that of an RC oscillator.
const TOLERANCE: f64 = 0.05;

/// A job that ran, as both sides saw it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job {
    /// What the board counted, the same in two jobs or the least of them.
    pub(super) cycles: u64,
    /// What it counted in the job before.
    pub(super) before: u64,
    /// What it says that it counts in a second.
    pub(super) clock_hz: u32,
    /// The shorter of the two jobs on the host's clock, with the line's time.
    pub(super) wall: Duration,
    /// The time that the line takes for the bytes of the job; nothing where it has no rate.
    pub(super) line: Option<Duration>,
}

/// Returns what was seen: `Err` where it cannot be.
pub(super) fn judge(counter: Counter, job: &Job) -> Result<String, String> {
    let Job { cycles, before, .. } = *job;
    if cycles == 0 {
        return Err("the counter stands still while the network runs".to_owned());
    }
    match counter {
        Counter::Instructions if cycles == before => {
            Ok(format!("{cycles} instructions, twice the same"))
        }
        Counter::Instructions => Err(format!(
            "{before} instructions, then {cycles} for the same picture"
        )),
        Counter::Cycles => compare(job),
    }
}

/// The network cannot have computed longer than the job took, nor shorter than what the line leaves.
fn compare(job: &Job) -> Result<String, String> {
    let hz = f64::from(job.clock_hz.max(1));
    let (board, wall) = (job.cycles as f64 / hz, job.wall.as_secs_f64());
    let least = job.line.map(|line| {
        let line = line + DELAY;
        (wall - line.as_secs_f64()) * (1.0 - TOLERANCE)
    });
    let said = format!(
        "{} cycles at {} Hz are {board:.3} s; the job took {wall:.3} s on the host",
        job.cycles, job.clock_hz
    );
    if board > wall * (1.0 + TOLERANCE) {
        return Err(format!("{said}: the clock is faster than that"));
    }
    match least {
        Some(least) if board < least => Err(format!(
            "{said}, at least {least:.3} s of them not for the line: the clock is slower than that, or \
             the counter stops or wraps"
        )),
        Some(_) => Ok(said),
        None => Ok(format!(
            "{said}; the line has no rate, so this is no lower bound"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(cycles: u64, clock_hz: u32, wall_ms: u64, line_ms: Option<u64>) -> Job {
        Job {
            cycles,
            before: cycles,
            clock_hz,
            wall: Duration::from_millis(wall_ms),
            line: line_ms.map(Duration::from_millis),
        }
    }

    #[test]
    fn a_clock_is_right_within_an_oscillator_and_wrong_beyond() {
        let judge = |job| judge(Counter::Cycles, &job);
        // 2 s of computing, 0.5 s of line.
        assert!(judge(job(200_000_000, 100_000_000, 2500, Some(500))).is_ok());
        assert!(judge(job(200_000_000, 72_000_000, 2500, Some(500))).is_err());
        assert!(judge(job(200_000_000, 168_000_000, 2500, Some(500))).is_err());
        assert!(judge(job(0, 100_000_000, 2500, Some(500))).is_err());
        // The line alone could have taken all of it.
        assert!(judge(job(1000, 100_000_000, 2500, Some(2500))).is_ok());
        let unbound = judge(job(1000, 100_000_000, 2500, None)).unwrap();
        assert!(unbound.contains("no lower bound"), "{unbound}");
    }

    #[test]
    fn instructions_are_the_same_each_time() {
        let same = job(77, 1_000_000_000, 1, None);
        assert!(judge(Counter::Instructions, &same).is_ok());
        let other = Job { before: 78, ..same };
        let seen = judge(Counter::Instructions, &other).unwrap_err();
        assert!(seen.contains("78") && seen.contains("77"), "{seen}");
    }
}
