//! Instructions that the lanes of a warp execute together.

use crate::error::Fault;
use crate::instruction::{Op, Shuffle, Slot, Vote, Warp};
use crate::machine::{LANES, Machine, State, Stopped, stopped};

impl Machine<'_> {
    /// Executes the instructions that all their lanes wait at; returns false if none waits.
    ///
    /// It is called when no thread can run. So if lanes wait and none of the groups is complete,
    /// none will ever be, which is a fault.
    pub(crate) fn meet_warps(&mut self) -> Result<bool, Stopped> {
        let mut met = false;
        let mut alone = None;
        for first in (0..self.threads.len()).step_by(LANES) {
            for lane in 0..LANES.min(self.threads.len() - first) {
                let thread = first + lane;
                if self.threads[thread].state != State::Warp {
                    continue;
                }
                match self.missing(first, lane)? {
                    None => {
                        self.execute_warp(first, lane)?;
                        met = true;
                    }
                    Some(missing) => {
                        alone.get_or_insert((first, lane, missing));
                    }
                }
            }
        }
        match alone {
            Some((first, lane, missing)) if !met => {
                let fault = Fault::WarpDivergence {
                    mask: self.mask(first, lane),
                    lane: missing as u32,
                    waiting: self.waiting(first + missing),
                };
                Err(stopped(first + lane, fault))
            }
            _ => Ok(met),
        }
    }

    fn read(&self, thread: usize, slot: Slot) -> u64 {
        self.registers[thread * self.template.len() + slot as usize]
    }

    fn write(&mut self, thread: usize, slot: Slot, value: u64) {
        let slots = self.template.len();
        self.registers[thread * slots + slot as usize] = value;
    }

    /// Returns the instruction that a lane waits at.
    fn warp_op(&self, thread: usize) -> &Warp {
        match self.op(thread) {
            Op::Warp(warp) => warp,
            _ => unreachable!("a thread in State::Warp is at an instruction of its warp"),
        }
    }

    /// Returns the lanes that the instruction of a lane names: for `activemask`, those that are
    /// there.
    fn mask(&self, first: usize, lane: usize) -> u32 {
        match self.warp_op(first + lane) {
            Warp::Shuffle { mask, .. } | Warp::Vote { mask, .. } => {
                self.read(first + lane, *mask) as u32
            }
            Warp::ActiveMask { .. } => {
                let at = self.threads[first + lane].at;
                let lanes = self.threads[first..].iter().take(LANES).enumerate();
                let there =
                    lanes.filter(|(_, thread)| thread.state == State::Warp && thread.at == at);
                there.fold(0, |mask, (lane, _)| mask | 1 << lane)
            }
        }
    }

    /// Returns a lane that the instruction of another names and that does not wait there with it.
    fn missing(&self, first: usize, lane: usize) -> Result<Option<usize>, Stopped> {
        let mask = self.mask(first, lane);
        if mask >> lane & 1 == 0 {
            let lane_index = lane as u32;
            let fault = Fault::WarpMask {
                mask,
                lane: lane_index,
            };
            return Err(stopped(first + lane, fault));
        }
        let at = self.threads[first + lane].at;
        let mut named = (0..LANES).filter(|&other| mask >> other & 1 != 0);
        Ok(named.find(|&other| {
            let there = self.threads.get(first + other);
            let waits = there.is_some_and(|thread| thread.state == State::Warp && thread.at == at);
            !waits || self.mask(first, other) != mask
        }))
    }

    /// Executes the instruction of a lane for all lanes that it names.
    fn execute_warp(&mut self, first: usize, lane: usize) -> Result<(), Stopped> {
        let mask = self.mask(first, lane);
        let lanes = (0..LANES).filter(|&lane| mask >> lane & 1 != 0);
        let lanes = lanes.collect::<Vec<_>>();
        let mut results = Vec::new();
        match *self.warp_op(first + lane) {
            Warp::Shuffle {
                mode,
                d,
                in_range,
                a,
                b,
                c,
                ..
            } => {
                for &lane in &lanes {
                    let thread = first + lane;
                    let control = [self.read(thread, b), self.read(thread, c)];
                    let (source, valid) = shuffle_source(mode, lane as u32, control);
                    if mask >> source & 1 == 0 {
                        let fault = Fault::ShuffleSource {
                            mask,
                            source_lane: source,
                        };
                        return Err(stopped(thread, fault));
                    }
                    results.push((thread, d, self.read(first + source as usize, a)));
                    if let Some(in_range) = in_range {
                        results.push((thread, in_range, valid.into()));
                    }
                }
            }
            Warp::Vote {
                vote,
                d,
                predicate,
                negated,
                ..
            } => {
                let ayes = lanes.iter().fold(0u32, |ayes, &lane| {
                    let aye = (self.read(first + lane, predicate) != 0) != negated;
                    ayes | u32::from(aye) << lane
                });
                let result = match vote {
                    Vote::All => u64::from(ayes == mask),
                    Vote::Any => u64::from(ayes != 0),
                    Vote::Uniform => u64::from(ayes == 0 || ayes == mask),
                    Vote::Ballot => ayes.into(),
                };
                results.extend(lanes.iter().map(|&lane| (first + lane, d, result)));
            }
            Warp::ActiveMask { d } => {
                results.extend(lanes.iter().map(|&lane| (first + lane, d, mask.into())));
            }
        }
        for (thread, slot, value) in results {
            self.write(thread, slot, value);
        }
        for lane in lanes {
            let thread = &mut self.threads[first + lane];
            thread.at += 1;
            thread.state = State::Ready;
        }
        Ok(())
    }
}

/// Returns the lane that a shuffle reads, and whether that is the one asked for.
fn shuffle_source(mode: Shuffle, lane: u32, [b, c]: [u64; 2]) -> (u32, bool) {
    let (b, clamp, segment) = (b as u32 & 31, c as u32 & 31, c as u32 >> 8 & 31);
    let least = lane & segment;
    let most = least | clamp & !segment;
    let (source, valid) = match mode {
        Shuffle::Up => {
            let source = lane.wrapping_sub(b);
            (source, source as i32 >= most as i32)
        }
        Shuffle::Down => (lane + b, lane + b <= most),
        Shuffle::Butterfly => (lane ^ b, lane ^ b <= most),
        Shuffle::Index => {
            let source = least | b & !segment;
            (source, source <= most)
        }
    };
    if valid { (source, true) } else { (lane, false) }
}
