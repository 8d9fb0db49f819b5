//! A planned fault, and the two places where a run lets it in.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::line::{Damage, Delayed, Shared, Striker};
use super::machine::Machine;
use super::target::Targets;
use super::{Expected, Scenario};
use crate::error::{Error, Result};
use crate::transport::{Damaged, Transport};
use crate::verdict::Stage;

/// Strikes of a line that is bad only now and then, towards the board.
const OUTWARD_FEW: usize = 2;
/// Bytes of a job in which they happen.
const OUTWARD_BYTES: u64 = 1500;
/// The same from the board: one, as each costs an attempt of the whole job.
const INWARD_FEW: usize = 1;
const INWARD_BYTES: u64 = 6000;

/// Bytes between strikes of a line that is bad for ever; no frame with data is as short.
const MANY_INTERVAL: u64 = 400;

/// Least and most delay that nobody minds.
const DELAY_SHORT: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(40));
/// Longer than all attempts at a request together: 4 times 3 s.
const DELAY_LONG: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(15));

/// Damaged frames that a flood consists of; the board logs each of them.
const FLOOD_FRAMES: usize = 400;
/// The same where nobody reads: more than a pseudo-terminal holds, about 70 kB.
const FLOOD_FRAMES_UNREAD: usize = 12_000;
/// One of them, delimiters included.
const FLOOD_FRAME: [u8; 4] = [0, 3, 0xf0, 0];

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// The stage that runs.
    pub stage: Stage,
    /// How much of it is done.
    pub done: u64,
    /// How much there is; 0 where it is not known.
    pub total: u64,
}

impl Point {
    /// Makes the point at the beginning of a stage.
    #[must_use]
    pub fn begin(stage: Stage) -> Self {
        Self {
            stage,
            done: 0,
            total: 0,
        }
    }
}

/// What is done to the machine, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Action {
    /// Nothing: the line alone is at fault.
    None,
    Pause,
    Restart,
    Kill,
    Crash,
    HoldInReset,
    IgnoreLog,
    /// Bytes at addresses, in place of those that were verified.
    Write(Vec<(u32, Vec<u8>)>),
    /// Bytes at an address, and a reset, so that the board reads them when it boots.
    WriteAndRestart(u32, Vec<u8>),
}

/// One fault of one run, planned from a scenario and a seed.
///
/// A run gives its line to [`Injection::wrap_line`] and calls [`Injection::at`] at the beginning
/// of each stage and whenever it has got on.
#[derive(Debug)]
pub struct Injection {
    scenario: Scenario,
    seed: u64,
    action: Action,
    stage: Stage,
    /// Share of the stage after which the machine is acted on.
    share: f64,
    acted: bool,
    failed: Option<String>,
    shared: Shared,
}

impl Injection {
    /// Plans a scenario; the same seed and targets give the same plan.
    ///
    /// # Errors
    /// [`Error::Injection`] when `targets` lacks what is to be written to.
    pub fn plan(scenario: Scenario, seed: u64, targets: &Targets) -> Result<Self> {
        let lacks = |what: &str| Error::Injection {
            scenario,
            cause: format!("the board has no {what} that is known"),
        };
        let action = match scenario {
            Scenario::Hang => Action::Pause,
            Scenario::Reset => Action::Restart,
            Scenario::Vanish => Action::Kill,
            Scenario::Silent => Action::HoldInReset,
            Scenario::LogUnread => Action::IgnoreLog,
            Scenario::Fault if targets.program => Action::Crash,
            Scenario::Fault if targets.undefined.is_empty() => {
                return Err(lacks("function of the network"));
            }
            Scenario::Fault => Action::Write(targets.undefined.clone()),
            Scenario::WrongIdentity => {
                let (address, bytes) = targets.build_id.clone();
                let address = address.ok_or_else(|| lacks("build id in its memory"))?;
                Action::WriteAndRestart(address, bytes)
            }
            Scenario::WrongBits => {
                let weight = targets.weight.ok_or_else(|| lacks("weight that counts"))?;
                Action::Write(vec![(weight.0, vec![weight.1])])
            }
            _ => Action::None,
        };
        let stage = match scenario {
            Scenario::Silent | Scenario::WrongIdentity => Stage::Handshake,
            _ => Stage::Stream,
        };
        // Within a job, and early enough that a reset loses bytes that were not yet taken.
        let share = match scenario {
            Scenario::Hang | Scenario::Reset | Scenario::Fault | Scenario::Vanish => {
                0.1 + Random::new(seed).below(300) as f64 / 1000.0
            }
            _ => 0.0,
        };
        Ok(Self {
            scenario,
            seed,
            action,
            stage,
            share,
            acted: false,
            failed: None,
            shared: Shared::default(),
        })
    }

    /// Returns the scenario.
    #[must_use]
    pub fn scenario(&self) -> Scenario {
        self.scenario
    }

    /// Returns what the run must come to.
    #[must_use]
    pub fn expected(&self) -> Expected {
        self.scenario.expected()
    }

    /// Puts the faults of the line around it; a line without any stays as it is.
    #[must_use]
    pub fn wrap_line(&self, line: Box<dyn Transport>) -> Box<dyn Transport> {
        let few = |damage| self.damaged(damage, false);
        let many = |damage| self.damaged(damage, true);
        let (outward, inward) = match self.scenario {
            Scenario::DropFew => few(Damage::Drop),
            Scenario::FlipFew => few(Damage::Flip),
            Scenario::DuplicateFew => few(Damage::Duplicate),
            Scenario::TruncateFew => few(Damage::Truncate),
            Scenario::DropMany => many(Damage::Drop),
            Scenario::FlipMany => many(Damage::Flip),
            Scenario::DuplicateMany => many(Damage::Duplicate),
            Scenario::TruncateMany => many(Damage::Truncate),
            Scenario::DelayShort => return self.delayed(line, DELAY_SHORT),
            Scenario::DelayLong => return self.delayed(line, DELAY_LONG),
            Scenario::LogFlood | Scenario::LogUnread => {
                return Box::new(Damaged::new(line, self.flood(), |_: &mut Vec<u8>| ()));
            }
            _ => return line,
        };
        let mut strikers = (outward, inward);
        Box::new(Damaged::new(
            line,
            move |bytes: &mut Vec<u8>| strikers.0.strike(bytes),
            move |bytes: &mut Vec<u8>| strikers.1.strike(bytes),
        ))
    }

    /// Lets the fault in where the run is at its point. An error of the machine does not end the
    /// run: [`Injection::check`] tells it.
    pub fn at(&mut self, point: Point, machine: &mut dyn Machine) {
        if point.stage == self.stage {
            self.shared.armed.store(true, Ordering::SeqCst);
        }
        // A share of a total that is not known has no place.
        let begins = self.share > 0.0 && point.total == 0;
        let reached = point.done as f64 >= self.share * point.total as f64;
        if self.acted || point.stage != self.stage || begins || !reached {
            return;
        }
        self.acted = true;
        let done = match &self.action {
            Action::None => Ok(()),
            Action::Pause => machine.pause(),
            Action::Restart => machine.restart(),
            Action::Kill => machine.kill(),
            Action::Crash => machine.crash(),
            Action::HoldInReset => machine.hold_in_reset(),
            Action::IgnoreLog => machine.ignore_log(),
            Action::Write(places) => places
                .iter()
                .try_for_each(|(address, bytes)| machine.write(*address, bytes)),
            Action::WriteAndRestart(address, bytes) => machine
                .write(*address, bytes)
                .and_then(|()| machine.restart()),
        };
        self.failed = done.err().map(|error| error.to_string());
    }

    /// Checks that the fault did happen: a run without it proves nothing.
    ///
    /// # Errors
    /// [`Error::Injection`] when the run never came to the point, the machine refused, or the
    /// line carried too little.
    pub fn check(&self) -> Result<()> {
        let fail = |cause: String| {
            Err(Error::Injection {
                scenario: self.scenario,
                cause,
            })
        };
        if let Some(cause) = &self.failed {
            return fail(cause.clone());
        }
        if !self.acted {
            return fail("the run did not come to its point".to_owned());
        }
        let of_line = self.scenario.is_of_line()
            || matches!(self.scenario, Scenario::LogFlood | Scenario::LogUnread);
        if of_line && self.shared.strikes.load(Ordering::SeqCst) == 0 {
            return fail("the line carried too little".to_owned());
        }
        Ok(())
    }

    /// Makes the damage of both directions.
    fn damaged(&self, damage: Damage, many: bool) -> (Striker, Striker) {
        let random = |salt: u64| Random::new(self.seed ^ salt << 32);
        let (out, back) = (random(1), random(2));
        let shared = &self.shared;
        if many {
            let striker = |random| Striker::many(damage, MANY_INTERVAL, shared, random);
            return (striker(out), striker(back));
        }
        (
            Striker::few(damage, OUTWARD_FEW, OUTWARD_BYTES, shared, out),
            Striker::few(damage, INWARD_FEW, INWARD_BYTES, shared, back),
        )
    }

    fn delayed(&self, line: Box<dyn Transport>, delay: (Duration, Duration)) -> Box<dyn Transport> {
        let random = Random::new(self.seed);
        Box::new(Delayed::new(line, delay, &self.shared, random))
    }

    /// Puts damaged frames in front of the first one of a job.
    fn flood(&self) -> impl FnMut(&mut Vec<u8>) + Send + 'static {
        let shared = self.shared.clone();
        let frames = if self.scenario == Scenario::LogUnread {
            FLOOD_FRAMES_UNREAD
        } else {
            FLOOD_FRAMES
        };
        move |bytes| {
            let armed = shared.armed.load(Ordering::SeqCst);
            if armed && shared.strikes.fetch_add(1, Ordering::SeqCst) == 0 {
                bytes.splice(0..0, FLOOD_FRAME.repeat(frames));
            }
        }
    }
}

/// A generator of numbers that a seed determines (SplitMix64).
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a number below `limit`, 0 where that is 0.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31).checked_rem(limit).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine that notes what is done to it.
    #[derive(Default)]
    struct Notes(Vec<String>);

    impl Machine for Notes {
        fn pause(&mut self) -> Result<()> {
            self.0.push("pause".to_owned());
            Ok(())
        }

        fn write(&mut self, address: u32, bytes: &[u8]) -> Result<()> {
            self.0.push(format!("{address} {bytes:?}"));
            Ok(())
        }
    }

    fn stream(done: u64) -> Point {
        Point {
            stage: Stage::Stream,
            done,
            total: 1000,
        }
    }

    #[test]
    fn a_machine_is_acted_on_once_and_in_mid_job() {
        let targets = Targets::default();
        let mut injection = Injection::plan(Scenario::Hang, 7, &targets).unwrap();
        let mut machine = Notes::default();
        injection.at(Point::begin(Stage::Handshake), &mut machine);
        injection.at(Point::begin(Stage::Stream), &mut machine);
        injection.at(stream(50), &mut machine);
        assert!(machine.0.is_empty());
        assert!(injection.check().is_err());
        injection.at(stream(500), &mut machine);
        injection.at(stream(600), &mut machine);
        assert_eq!(machine.0, ["pause"]);
        assert!(injection.check().is_ok());
    }

    #[test]
    fn what_a_machine_cannot_do_is_told() {
        let targets = Targets::default();
        let mut injection = Injection::plan(Scenario::Vanish, 7, &targets).unwrap();
        injection.at(stream(900), &mut Notes::default());
        let error = injection.check().unwrap_err().to_string();
        assert!(
            error.contains("vanish") && error.contains("cannot"),
            "{error}"
        );
        for scenario in [
            Scenario::Fault,
            Scenario::WrongBits,
            Scenario::WrongIdentity,
        ] {
            let error = Injection::plan(scenario, 1, &targets).unwrap_err();
            assert!(error.to_string().contains("known"), "{error}");
        }
    }

    #[test]
    fn numbers_follow_from_the_seed() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            (0..50).map(|_| random.below(10)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert!((0..10).all(|digit| draw(1).contains(&digit)));
        assert_eq!(Random::new(1).below(0), 0);
    }
}
