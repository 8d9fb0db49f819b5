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
