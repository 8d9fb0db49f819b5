//! Parts of the network: runs of consecutive stages that may work at the same time.

use core::ops::Range;

use crate::arith::Arithmetic;
use crate::config::Config;

/// A run of consecutive stages of the network, cut between blocks.
///
/// Blocks are counted through all groups; the first part also has the first convolution, and the
/// part that reaches past the last block all that comes after the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    blocks: Range<usize>,
    groups: usize,
    blocks_per_group: usize,
    is_last: bool,
}

/// What one part hands to the next of a row.
pub struct Trunk<'r, A: Arithmetic> {
    /// The trunk, `[w, C]`.
    pub row: &'r [A::Act],
    /// The input of the group that the cut divides, `[w, C]`; empty where it divides none.
    pub group_input: &'r [A::Act],
    /// The first feature, `[w, C]`.
    pub first: &'r [A::Act],
}

impl Part {
    /// Returns the whole network as one part.
    pub fn whole(config: &Config) -> Self {
        Self {
            blocks: 0..config.groups * config.blocks,
            groups: config.groups,
            blocks_per_group: config.blocks,
            is_last: true,
        }
    }

    /// Cuts the network into at most `count` parts of about the same work.
    ///
    /// * `block`, `conv`, `last` - the work of a block, of a group's convolution and of all that
    ///   comes after the last block, in any unit. * `put` - takes the parts in order.
    pub fn cut(config: &Config, count: usize, work: Work, mut put: impl FnMut(Self)) {
        let n = config.groups * config.blocks;
        let ends_group = |i: usize| (i + 1).is_multiple_of(config.blocks);
        let of = |i: usize| work.block + if ends_group(i) { work.conv } else { 0 };
        let total = work.first + (0..n).map(of).sum::<u64>() + work.last;
        let count = count.clamp(1, n + 1) as u64;
        let (mut begin, mut done, mut parts) = (0, work.first, 0);
        for i in 0..n {
            let after = done + of(i);
            // A cut comes where the work passes the share of the parts so far, on the nearer side.
            let share = total * (parts + 1) / count;
            let nearer = after > share && after - share > share.saturating_sub(done);
            if parts + 1 < count && nearer && i > begin {
                put(Self::whole(config).range(begin, i, false));
                (begin, parts) = (i, parts + 1);
            }
            done = after;
        }
        let share = total * (parts + 1) / count;
        if parts + 1 < count && begin < n && done + work.last > share {
            put(Self::whole(config).range(begin, n, false));
            begin = n;
        }
        put(Self::whole(config).range(begin, n, true));
    }

    fn range(self, begin: usize, end: usize, is_last: bool) -> Self {
        Self {
            blocks: begin..end,
            is_last,
            ..self
        }
    }

    /// Tells whether the first convolution is in it.
    pub(super) fn has_first(&self) -> bool {
        self.blocks.start == 0
    }

    /// Tells whether what comes after the body is in it.
    pub(super) fn has_last(&self) -> bool {
        self.is_last
    }

    /// Returns the groups of which it has blocks.
    pub(super) fn groups(&self) -> Range<usize> {
        let end = self.blocks.end.div_ceil(self.blocks_per_group);
        self.blocks.start / self.blocks_per_group..end
    }

    /// Returns the blocks that it has of a group.
    pub(super) fn blocks_of(&self, group: usize) -> Range<usize> {
        let first = group * self.blocks_per_group;
        let within = |block: usize| block.clamp(first, first + self.blocks_per_group) - first;
        within(self.blocks.start)..within(self.blocks.end)
    }

    /// Tells whether the convolution at the end of a group is in it.
    pub(super) fn ends_group(&self, group: usize) -> bool {
        self.blocks_of(group).end == self.blocks_per_group
    }

    /// Returns the group that the cut before it divides, and the block at the cut.
    pub(super) fn resumes_group(&self) -> Option<(usize, usize)> {
        self.divided(self.blocks.start)
    }

    /// Returns the group that the cut after it divides, and the block at the cut.
    pub(super) fn leaves_group(&self) -> Option<(usize, usize)> {
        self.divided(self.blocks.end)
    }

    /// Tells whether the cut after it comes at the end of this group.
    pub(super) fn stops_after(&self, group: usize) -> bool {
        !self.is_last && self.blocks.end == (group + 1) * self.blocks_per_group
    }

    fn divided(&self, block: usize) -> Option<(usize, usize)> {
        let place = (block / self.blocks_per_group, block % self.blocks_per_group);
        (place.1 > 0).then_some(place)
    }

    /// Returns the tick, after that of row 0 of the picture, in which its row 0 comes in.
    pub(super) fn lag_of_input(&self) -> usize {
        match self.has_first() {
            true => 0,
            false => 1 + self.blocks.start / self.blocks_per_group,
        }
    }

    /// Returns how many rows its last stage is behind the picture's input.
    pub(super) fn lag_of_output(&self) -> usize {
        match self.is_last {
            true => self.groups + 3,
            false => self.lag_of_trunk(),
        }
    }

    /// Returns how many rows the trunk at its end is behind the picture's input.
    pub(super) fn lag_of_trunk(&self) -> usize {
        1 + self.blocks.end / self.blocks_per_group
    }
}

/// Work of the stages, in any unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// The first convolution.
    pub first: u64,
    /// A block.
    pub block: u64,
    /// The convolution of a group.
    pub conv: u64,
    /// All that comes after the last group.
    pub last: u64,
}
