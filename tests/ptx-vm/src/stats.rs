//! Counts of a launch: the same for every run, so a change in them is a change in the kernel.

use crate::instruction::Class;

/// Counts over all threads of a launch.
///
/// An instruction that its predicate switches off counts as executed, as it takes its place in the
/// pipeline of a GPU; it moves no bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Instructions of all classes.
    pub instructions: u64,
    /// Moves, conversions, comparisons and arithmetic of integers and bits.
    pub integer: u64,
    /// Arithmetic, comparisons and conversions of f32, without the fused multiply-adds.
    pub float: u64,
    /// `fma.rn.f32`.
    pub fma: u64,
    /// `dp4a` and `dp2a`.
    pub dp4a: u64,
    /// Loads and stores of every space.
    pub memory: u64,
    /// Branches, barriers, exits, shuffles, votes and fences.
    pub control: u64,
    /// Load instructions that read global memory or module constants.
    pub global_loads: u64,
    /// Bytes that they read.
    pub global_load_bytes: u64,
    /// Store instructions that write global memory.
    pub global_stores: u64,
    /// Bytes that they write.
    pub global_store_bytes: u64,
    /// Load instructions that read shared memory.
    pub shared_loads: u64,
    /// Bytes that they read.
    pub shared_load_bytes: u64,
    /// Store instructions that write shared memory.
    pub shared_stores: u64,
    /// Bytes that they write.
    pub shared_store_bytes: u64,
    /// Barriers that blocks passed: one for a block, however many threads it has.
    pub barriers: u64,
    /// Instructions that warps issue: see [`Issued`].
    pub issued: Issued,
    /// Bytes of the 32-byte sectors of device memory that blocks touch: each once for a block that
    /// reads it and once for a block that writes it; what kernels may only read once for all blocks.
    pub traffic_bytes: u64,
    /// The same, each sector once for all blocks: what no launch with these inputs and outputs can do
    /// without.
    pub touched_bytes: u64,
}

/// Instructions that warps issue.
///
/// An instruction counts as often as the lane that executes it most often: lanes of a warp that
/// branch apart and meet again. It is less than a GPU issues where lanes run the same instruction
/// apart from each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Issued {
    /// Of all classes.
    pub instructions: u64,
    /// As [`Stats::integer`].
    pub integer: u64,
    /// As [`Stats::float`] and [`Stats::fma`] together.
    pub float: u64,
    /// As [`Stats::dp4a`].
    pub dp4a: u64,
    /// As [`Stats::memory`].
    pub memory: u64,
    /// As [`Stats::control`].
    pub control: u64,
    /// Of the warp that issues most.
    pub longest_warp: u64,
}

impl Issued {
    pub(crate) fn add(&mut self, class: Class, count: u64) {
        self.instructions += count;
        *match class {
            Class::Integer => &mut self.integer,
            Class::Float | Class::Fma => &mut self.float,
            Class::Dot => &mut self.dp4a,
            Class::Memory => &mut self.memory,
            Class::Control => &mut self.control,
        } += count;
    }
}

impl Stats {
    /// Adds `count` executions of instructions of the class.
    pub(crate) fn add(&mut self, class: Class, count: u64) {
        self.instructions += count;
        *match class {
            Class::Integer => &mut self.integer,
            Class::Float => &mut self.float,
            Class::Fma => &mut self.fma,
            Class::Dot => &mut self.dp4a,
            Class::Memory => &mut self.memory,
            Class::Control => &mut self.control,
        } += count;
    }
}
