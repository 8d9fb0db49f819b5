//! The steps on a board that answers, over any line.

use std::time::{Duration, Instant};

use mambalite::picture::Picture;
use mambalite_hil_wire::{CheckOutcome, Fault};
use mambalite_kernels_check::{SEEDS, cases, numbers};

use super::clock;
use super::gate::Gate;
use super::ladder::{Fall, Ladder, Sign, Trouble};
use super::step::Step;
use crate::bench::check_float_mode;
use crate::board::Counter;
use crate::controls;
use crate::device::{Checked, Device};
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::link::{DeviceInfo, OperatorCheck};
use crate::observer::Watch;
use crate::transport::Transport;
use crate::verdict::Stage;

/// Bytes of the link test, each way: seconds at the usual rates.
const TEST_BYTES: u32 = 16 * 1024;

/// Bits that a byte takes on a serial line, and what frames and answers add, at most.
const LINE_BITS: u32 = 10 + 2;

/// A board that runs, and what it is to show.
pub struct Checkup<'a, 'm, T> {
    /// The board, with its model in its memory.
    pub device: &'a mut Device<'m, T>,
    /// Checks that the board is the one that is meant.
    pub is_meant: &'a dyn Fn(&DeviceInfo) -> Result<()>,
    /// What the board counts.
    pub counter: Counter,
    /// A picture that the board cannot hold as a whole.
    pub picture: &'a Picture,
    /// What sees its gate pin; nothing where nothing does.
    pub gate: Option<Box<dyn Gate + 'a>>,
    /// How often a small picture is run.
    pub soak: u32,
    /// The wish to stop.
    pub interrupt: &'a Interrupt,
}

/// A step on the board, which has introduced itself.
type Look<C> = fn(&mut C, &DeviceInfo, &Watch<'_>) -> Result<Sign, Trouble>;

impl<T: Transport> Checkup<'_, '_, T> {
    /// Climbs until a step fails.
    ///
    /// # Errors
    /// The step that failed.
    pub fn run(&mut self, ladder: &mut Ladder<'_>, watch: &Watch<'_>) -> Result<(), Box<Fall>> {
        watch.begin(Stage::Handshake, 0);
        let hello = self.device.link.hello();
        let info = hello.map_err(|error| Fall::new(Step::Hello, error))?;
        ladder.take(Step::Hello, Sign::Green(describe(&info)));
        watch.end();
        let looks: [(Step, Stage, Look<Self>); 9] = [
            (Step::Identity, Stage::Handshake, Self::identity),
            (Step::Link, Stage::Handshake, Self::link),
            (Step::Arithmetic, Stage::Operators, Self::arithmetic),
            (Step::Reference, Stage::Operators, Self::reference),
            (Step::Variants, Stage::Operators, Self::variants),
            (Step::Network, Stage::Stream, Self::network),
            (Step::Clock, Stage::Stream, Self::clock),
            (Step::Gate, Stage::Stream, Self::gate),
            (Step::Soak, Stage::Stream, Self::soak),
        ];
        for (step, stage, look) in looks {
            watch.begin(stage, 0);
            let sign = look(self, &info, watch).map_err(|trouble| Fall::new(step, trouble))?;
            watch.end();
            ladder.take(step, sign);
        }
        Ok(())
    }

    fn identity(&mut self, info: &DeviceInfo, _: &Watch<'_>) -> Result<Sign, Trouble> {
        (self.is_meant)(info)?;
        let uid = hex::encode(info.uid);
        Ok(Sign::Green(match info.uid {
            [0, ..] if info.uid.iter().all(|&byte| byte == 0) => {
                "build and model as flashed; the board has no number of its own".to_owned()
            }
            _ => format!("build and model as flashed; uid {uid}"),
        }))
    }

    fn link(&mut self, _: &DeviceInfo, _: &Watch<'_>) -> Result<Sign, Trouble> {
        let start = Instant::now();
        let test = self.device.link.test(TEST_BYTES)?;
        let rate = f64::from(test.bytes) / start.elapsed().as_secs_f64() / 1024.0;
        let baud = self.device.link.baud();
        let baud = baud.map_or(String::new(), |it| format!(" at {it} baud"));
        if test.is_clean() {
            let kib = test.bytes / 1024;
            return Ok(Sign::Green(format!(
                "{kib} KiB each way{baud}, {rate:.0} KiB/s, every bit right"
            )));
        }
        Err(Trouble::Wrong(format!(
            "of {} bytes each way{baud}: {} bits wrong at the board, {} here, {} pieces lost, \
             {} damaged frames here, {} told by the board",
            test.bytes,
            test.outward_wrong_bits,
            test.inward_wrong_bits,
            test.pieces_lost,
            test.frames_bad,
            test.naks
        )))
    }

    fn arithmetic(&mut self, info: &DeviceInfo, watch: &Watch<'_>) -> Result<Sign, Trouble> {
        check_float_mode(info)?;
        let mode = "floats round to nearest and keep subnormals";
        Ok(match self.golden((0, numbers().count()), watch)? {
            Some(count) => Sign::Green(format!("{mode}; {count} golden cases")),
            None => Sign::Green(format!("{mode}; the firmware has no checks")),
        })
    }

    fn reference(&mut self, _: &DeviceInfo, watch: &Watch<'_>) -> Result<Sign, Trouble> {
        let range = (numbers().count(), cases().count());
        Ok(match self.golden(range, watch)? {
            Some(count) => Sign::Green(format!("{count} golden cases, digests as published")),
            None => without_checks(),
        })
    }

    fn variants(&mut self, _: &DeviceInfo, watch: &Watch<'_>) -> Result<Sign, Trouble> {
        let (mut passed, mut skipped) = (0, 0);
        let mut index = cases().count();
        loop {
            let Some((check, count)) = self.check(index, watch)? else {
                return Ok(without_checks());
            };
            match check.outcome {
                Some(CheckOutcome::Skipped) => skipped += 1,
                _ => passed += 1,
            }
            index += 1;
            if index >= count {
                break;
            }
        }
        Ok(Sign::Green(format!(
            "{passed} variants equal to the bit, {skipped} whose instructions the core has not"
        )))
    }

    /// Runs the golden cases of a range of indices; returns their number, nothing where the firmware has
    /// no checks.
    fn golden(
        &mut self,
        (from, to): (usize, usize),
        watch: &Watch<'_>,
    ) -> Result<Option<usize>, Trouble> {
        for (index, case) in cases().enumerate().take(to).skip(from) {
            let Some((check, _)) = self.check(index, watch)? else {
                return Ok(None);
            };
            if check.name != case.name {
                let seen = format!(
                    "check {index} of the firmware is {}, of this program {}",
                    check.name, case.name
                );
                return Err(Trouble::Wrong(seen));
            }
        }
        Ok(Some(to - from))
    }

    /// Runs one operator check, which has to pass; nothing where the firmware has none.
    fn check(
        &mut self,
        index: usize,
        watch: &Watch<'_>,
    ) -> Result<Option<(OperatorCheck, usize)>, Trouble> {
        self.interrupt.check()?;
        watch.reach(index as u64);
        let [seed, ..] = SEEDS;
        let (check, count) = match self.device.link.check_operator(index, seed) {
            Err(Error::Refused {
                fault: Fault::Unsupported,
                ..
            }) => return Ok(None),
            checked => checked?,
        };
        if check.is_passed() {
            return Ok(Some((check, count)));
        }
        let seen = format!("{}, seed {seed}: {}", check.name, check.describe());
        Err(Trouble::Wrong(seen))
    }

    fn network(&mut self, _: &DeviceInfo, _: &Watch<'_>) -> Result<Sign, Trouble> {
        let checked = equal(self.device.check(self.picture, &mut |_, _| ())?)?;
        let (used, size) = (
            checked.result.stack_used_bytes,
            checked.result.stack_size_bytes,
        );
        Ok(Sign::Green(format!(
            "{}x{} pixels, {} layers equal, {used} of {size} bytes of stack",
            self.picture.width(),
            self.picture.height(),
            checked.comparison.layers.len(),
        )))
    }

    fn clock(&mut self, info: &DeviceInfo, _: &Watch<'_>) -> Result<Sign, Trouble> {
        let mut jobs = Vec::new();
        for _ in 0..2 {
            self.interrupt.check()?;
            jobs.push(self.device.check(self.picture, &mut |_, _| ())?);
        }
        let counted: Vec<_> = jobs.iter().filter_map(|it| it.result.cycles).collect();
        let wall = jobs.iter().map(|it| it.wall).min();
        let (&[before, cycles], Some(clock_hz), Some(wall)) =
            (counted.as_slice(), info.clock_hz, wall)
        else {
            return Ok(Sign::Left(
                "the board counts nothing".to_owned(),
                "implement `cycles` of `Board`, and state CLOCK_HZ",
            ));
        };
        let output = jobs.first().map_or(0, |it| it.result.output.len());
        let bytes = (self.picture.data().len() + output) as u64;
        let line = self.device.link.baud().map(|baud| {
            Duration::from_millis(bytes * u64::from(LINE_BITS) * 1000 / u64::from(baud.max(1)))
        });
        let job = clock::Job {
            cycles,
            before,
            clock_hz,
            wall,
            line,
        };
        match clock::judge(self.counter, &job) {
            Ok(seen) => Ok(Sign::Green(seen)),
            Err(seen) => Err(Trouble::Wrong(seen)),
        }
    }

    fn gate(&mut self, _: &DeviceInfo, _: &Watch<'_>) -> Result<Sign, Trouble> {
        let Some(gate) = &mut self.gate else {
            return Ok(Sign::Left(
                "nothing sees a gate pin".to_owned(),
                "where power is to be measured, wire it to a meter: docs/power.md",
            ));
        };
        gate.begin(self.interrupt)?;
        let (mut is_over, mut outcome) = (false, Ok(()));
        let mut middle = |_, received| {
            if !is_over && received > 0 {
                is_over = true;
                outcome = gate.middle();
            }
        };
        self.device.check(self.picture, &mut middle)?;
        outcome?;
        match gate.end()? {
            Ok(seen) => Ok(Sign::Green(seen)),
            Err(seen) => Err(Trouble::Wrong(seen)),
        }
    }

    fn soak(&mut self, _: &DeviceInfo, watch: &Watch<'_>) -> Result<Sign, Trouble> {
        let picture = controls::crop(self.picture)?;
        let before = self.device.link.counters().bad();
        for run in 0..self.soak {
            self.interrupt.check()?;
            watch.reach(run.into());
            let checked = self.device.check(&picture, &mut |_, _| ())?;
            if !checked.comparison.is_equal() {
                let found = checked.comparison.describe();
                return Err(Trouble::Wrong(format!(
                    "run {} of {}: {found}",
                    run + 1,
                    self.soak
                )));
            }
        }
        let bad = self.device.link.counters().bad() - before;
        Ok(Sign::Green(format!(
            "{} runs equal, {bad} damaged frames mended by the line",
            self.soak
        )))
    }
}

/// Says what a board says of itself.
fn describe(info: &DeviceInfo) -> String {
    let clock = info.clock_hz.map_or(String::new(), |hz| {
        format!(", {:.1} MHz", f64::from(hz) / 1e6)
    });
    format!(
        "{}{clock}, arena {} bytes, window {} bytes",
        info.board, info.arena_bytes, info.window
    )
}

fn without_checks() -> Sign {
    Sign::Left(
        "the firmware was built without operator checks".to_owned(),
        "build it with the feature `checks` where the flash has room; the network below covers what it uses",
    )
}

/// Returns a job whose every bit is right.
fn equal(checked: Checked) -> Result<Checked, Trouble> {
    match checked.comparison.is_equal() {
        true => Ok(checked),
        false => Err(Trouble::Wrong(checked.comparison.describe())),
    }
}
