//! Runs the blocks and threads of a launch.
//!
//! Blocks run one after the other. Within a block a thread runs until it meets a barrier, an
//! instruction of its warp, or its end; then the next one runs. When no thread can run, warps whose
//! lanes have met go on together, and when all threads wait at the barrier it opens.

mod execute;
mod float;
mod integer;
mod order;
mod view;
mod warp;

use crate::device::Options;
use crate::error::{Fault, LaunchError, Place, Waiting};
use crate::instruction::{Op, Slot};
use crate::launch::Launch;
use crate::machine::execute::{Flow, Registers, execute};
use crate::machine::order::Order;
use crate::machine::view::View;
use crate::memory::{Allocations, Region};
use crate::module::{Code, Preset, Special};
use crate::race::Races;
use crate::stats::Stats;
use crate::traffic::Traffic;

/// Lanes of a warp.
const LANES: usize = 32;
/// Bits of registers that no instruction has written.
const UNDEFINED: u64 = 0xCDCD_CDCD_CDCD_CDCD;

/// All that a launch needs.
pub(crate) struct Setup<'a> {
    pub(crate) code: &'a Code,
    pub(crate) launch: Launch,
    pub(crate) options: Options,
    /// Addresses of the variables of the module.
    pub(crate) variables: &'a [u64],
    pub(crate) parameters: Region,
    pub(crate) allocations: &'a mut Allocations,
}

/// What a thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Ready,
    Barrier {
        barrier: u8,
        aligned: bool,
    },
    /// Has met an instruction of its warp, which it has not executed yet.
    Warp,
    Exited,
}

#[derive(Clone, Copy, Debug)]
struct Thread {
    /// Next instruction; of a thread that waits, the one at which it does.
    at: usize,
    state: State,
}

/// A fault of a thread.
struct Stopped {
    thread: usize,
    fault: Box<Fault>,
}

/// Runs a launch to its end.
pub(crate) fn launch(setup: Setup<'_>) -> Result<Stats, LaunchError> {
    let blocks = setup.launch.blocks();
    let order = setup.options.order;
    let mut machine = Machine::new(setup);
    let mut order = Order::new(order, machine.threads.len());
    for index in 0..blocks {
        let block = machine.block_at(order.block(index, blocks));
        machine.begin(block);
        if let Err(stopped) = machine.run_block(&mut order) {
            return Err(machine.report(block, stopped));
        }
        machine.count_block();
    }
    Ok(machine.finish())
}

struct Machine<'a> {
    code: &'a Code,
    launch: Launch,
    variables: &'a [u64],
    threads: Vec<Thread>,
    /// Registers of all threads, one thread after the other.
    registers: Vec<u64>,
    /// Registers at the start of a thread.
    template: Vec<u64>,
    /// Special registers that threads of a block do not share.
    own: Vec<(Slot, Special)>,
    view: View<'a>,
    /// How often each thread of the block executed each instruction, one thread after the other.
    executed: Vec<u32>,
    /// Instructions that are left, and how many there were.
    left: u64,
    budget: u64,
}

impl<'a> Machine<'a> {
    fn new(setup: Setup<'a>) -> Self {
        let code = setup.code;
        let count = setup.launch.threads() as usize;
        let threads = Thread {
            at: 0,
            state: State::Ready,
        };
        let shared = setup.launch.shared_bytes(code) as usize;
        let budget = setup.options.max_instructions;
        Self {
            code,
            launch: setup.launch,
            variables: setup.variables,
            threads: vec![threads; count],
            registers: vec![0; count * code.slots.len()],
            template: Vec::new(),
            own: Vec::new(),
            view: View {
                allocations: setup.allocations,
                shared: Region::new(shared),
                locals: vec![Region::new(code.local_bytes as usize); count],
                parameters: setup.parameters,
                races: setup.options.detect_races.then(Races::default),
                stats: Stats::default(),
                traffic: Traffic::default(),
                thread: 0,
                first_thread: 0,
            },
            executed: vec![0; count * code.instructions.len()],
            left: budget,
            budget,
        }
    }

    /// Returns the indices of a block that is counted along x first.
    fn block_at(&self, index: u64) -> [u32; 3] {
        let [x, y, _] = self.launch.grid.map(u64::from);
        [index % x, index / x % y, index / x / y].map(|index| index as u32)
    }

    fn block_index(&self, [x, y, z]: [u32; 3]) -> u64 {
        let [width, height, _] = self.launch.grid.map(u64::from);
        (u64::from(z) * height + u64::from(y)) * width + u64::from(x)
    }

    fn thread_at(&self, index: usize) -> [u32; 3] {
        let [x, y, _] = self.launch.block;
        let index = index as u32;
        [index % x, index / x % y, index / x / y]
    }

    /// Gives registers and memories of a new block their first values.
    fn begin(&mut self, block: [u32; 3]) {
        self.own.clear();
        self.template.clear();
        for (slot, &preset) in self.code.slots.iter().enumerate() {
            let value = match preset {
                Preset::Register(bits) => UNDEFINED & (u64::MAX >> (64 - bits)),
                Preset::Constant(value) => value,
                Preset::Variable(index, offset) => {
                    self.variables[index].wrapping_add(offset as u64)
                }
                Preset::DynamicShared(offset) => {
                    self.code.dynamic_shared.wrapping_add(offset as u64)
                }
                Preset::Special(Special::BlockSize(axis)) => {
                    self.launch.block[usize::from(axis)].into()
                }
                Preset::Special(Special::Block(axis)) => block[usize::from(axis)].into(),
                Preset::Special(Special::GridSize(axis)) => {
                    self.launch.grid[usize::from(axis)].into()
                }
                Preset::Special(special) => {
                    self.own.push((slot as Slot, special));
                    0
                }
            };
            self.template.push(value);
        }
        let slots = self.template.len();
        for index in 0..self.threads.len() {
            let thread = self.thread_at(index);
            let registers = &mut self.registers[index * slots..][..slots];
            registers.copy_from_slice(&self.template);
            for &(slot, special) in &self.own {
                registers[slot as usize] = own_value(special, index, thread).into();
            }
            self.threads[index] = Thread {
                at: 0,
                state: State::Ready,
            };
            self.view.locals[index].forget();
        }
        self.view.shared.forget();
        self.view.traffic.begin_block();
        let first = self.block_index(block) * self.threads.len() as u64;
        self.view.first_thread = first as u32;
    }

    fn run_block(&mut self, order: &mut Order) -> Result<(), Stopped> {
        if !self.view.races.as_mut().is_none_or(Races::begin_block) {
            return Err(stopped(0, Fault::Intervals(u32::MAX)));
        }
        loop {
            let threads = order.interval();
            loop {
                for &thread in threads {
                    if self.threads[thread as usize].state == State::Ready {
                        self.run_thread(thread as usize)?;
                    }
                }
                if !self.meet_warps()? {
                    break;
                }
            }
            if !self.open_barrier()? {
                return Ok(());
            }
        }
    }

    /// Runs a thread until it waits or ends.
    fn run_thread(&mut self, index: usize) -> Result<(), Stopped> {
        let slots = self.template.len();
        let mut registers = Registers(&mut self.registers[index * slots..][..slots]);
        let instructions = self.code.instructions.len();
        let executed = &mut self.executed[index * instructions..][..instructions];
        self.view.thread = index;
        let thread = &mut self.threads[index];
        let mut at = thread.at;
        loop {
            let instruction = &self.code.instructions[at];
            executed[at] += 1;
            if self.left == 0 {
                thread.at = at;
                return Err(stopped(index, Fault::Budget(self.budget)));
            }
            self.left -= 1;
            if !instruction.guard.passes(registers.0) {
                at += 1;
                continue;
            }
            match execute(&instruction.op, &mut registers, &mut self.view, self.code) {
                Ok(Flow::Next) => at += 1,
                Ok(Flow::Jump(target)) => at = target as usize,
                Ok(Flow::Stop(state)) => {
                    thread.at = at;
                    thread.state = state;
                    return Ok(());
                }
                Err(fault) => {
                    thread.at = at;
                    return Err(Stopped {
                        thread: index,
                        fault,
                    });
                }
            }
        }
    }

    /// Lets all threads that wait at the barrier go on; returns false if all have ended.
    fn open_barrier(&mut self) -> Result<bool, Stopped> {
        let mut first = None;
        for index in 0..self.threads.len() {
            let thread = self.threads[index];
            let State::Barrier { barrier, aligned } = thread.state else {
                continue;
            };
            let (_, expected) = *first.get_or_insert((index, barrier));
            // Lanes of a warp must meet at one instruction if the barrier says so.
            let warp = index / LANES * LANES..index;
            let mut before = warp.filter(|&lane| self.threads[lane].state != State::Exited);
            let apart = |lane: &usize| aligned && self.threads[*lane].at != thread.at;
            let other = match first {
                Some((other, _)) if expected != barrier => Some(other),
                _ => before.find(apart),
            };
            if let Some(other) = other {
                let fault = Fault::BarrierDivergence {
                    barrier,
                    other: self.thread_at(other),
                    waiting: self.waiting(other),
                };
                return Err(stopped(index, fault));
            }
        }
        let Some((first, _)) = first else {
            return Ok(false);
        };
        if !self.view.races.as_mut().is_none_or(Races::pass_barrier) {
            return Err(stopped(first, Fault::Intervals(u32::MAX)));
        }
        for thread in &mut self.threads {
            if thread.state != State::Exited {
                thread.state = State::Ready;
                thread.at += 1;
            }
        }
        self.view.stats.barriers += 1;
        Ok(true)
    }

    /// Returns what a thread that cannot run does.
    fn waiting(&self, index: usize) -> Waiting {
        let Some(thread) = self.threads.get(index) else {
            return Waiting::Absent;
        };
        let line = self.code.lines[thread.at];
        match thread.state {
            State::Exited => Waiting::Exited,
            State::Barrier { barrier, .. } => Waiting::Barrier { barrier, line },
            State::Warp | State::Ready => Waiting::Warp(line),
        }
    }

    /// Adds to a fault where it happened.
    fn report(&self, block: [u32; 3], stopped: Stopped) -> LaunchError {
        let mut fault = *stopped.fault;
        if let Fault::Race {
            other, other_block, ..
        } = &mut fault
        {
            // Until here the thread is counted through all blocks: see `view::raced`.
            let threads = self.threads.len() as u32;
            let index = other[0];
            *other_block = self.block_at((index / threads).into());
            *other = self.thread_at((index % threads) as usize);
        }
        LaunchError::Fault {
            place: Box::new(Place {
                kernel: self.code.name.clone(),
                line: self.code.lines[self.threads[stopped.thread].at],
                block,
                thread: self.thread_at(stopped.thread),
            }),
            fault,
        }
    }

    /// Counts what the threads of a block have executed.
    fn count_block(&mut self) {
        let stats = &mut self.view.stats;
        let instructions = self.code.instructions.len();
        for warp in self.executed.chunks(LANES * instructions) {
            let before = stats.issued.instructions;
            for (at, instruction) in self.code.instructions.iter().enumerate() {
                let lanes = warp.iter().skip(at).step_by(instructions);
                let (all, most) = lanes.fold((0, 0), |(all, most), &count| {
                    (all + u64::from(count), count.max(most))
                });
                if all > 0 {
                    let class = instruction.op.class();
                    stats.add(class, all);
                    stats.issued.add(class, most.into());
                }
            }
            let warp = stats.issued.instructions - before;
            stats.issued.longest_warp = stats.issued.longest_warp.max(warp);
        }
        self.executed.fill(0);
    }

    fn finish(self) -> Stats {
        let (traffic_bytes, touched_bytes) = self.view.traffic.bytes();
        Stats {
            traffic_bytes,
            touched_bytes,
            ..self.view.stats
        }
    }

    /// Returns the instruction that a thread waits at.
    fn op(&self, thread: usize) -> &'a Op {
        &self.code.instructions[self.threads[thread].at].op
    }
}

fn stopped(thread: usize, fault: Fault) -> Stopped {
    Stopped {
        thread,
        fault: Box::new(fault),
    }
}

/// Returns a special register that threads of a block do not share.
fn own_value(special: Special, index: usize, thread: [u32; 3]) -> u32 {
    let lane = (index % LANES) as u32;
    let from = u32::MAX << lane;
    match special {
        Special::Thread(axis) => thread[usize::from(axis)],
        Special::Lane => lane,
        Special::Warp => (index / LANES) as u32,
        Special::LanesBelow => !from,
        Special::LanesUpTo => !from | 1 << lane,
        Special::LaneItself => 1 << lane,
        Special::LanesFrom => from,
        Special::LanesAbove => from & !(1 << lane),
        Special::BlockSize(_) | Special::Block(_) | Special::GridSize(_) => 0,
    }
}
