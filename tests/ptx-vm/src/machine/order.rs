//! The orders in which blocks and threads run.

use crate::device::ThreadOrder;

/// Chooses who runs next.
pub(crate) struct Order {
    order: ThreadOrder,
    threads: Vec<u32>,
    random: u64,
    /// Step and start of the walk through the blocks.
    walk: (u64, u64),
}

impl Order {
    pub(crate) fn new(order: ThreadOrder, threads: usize) -> Self {
        let threads = 0..threads as u32;
        let seed = match order {
            ThreadOrder::Seeded(seed) => seed,
            _ => 0,
        };
        let mut this = Self {
            order,
            threads: match order {
                ThreadOrder::Reverse => threads.rev().collect(),
                _ => threads.collect(),
            },
            random: seed,
            walk: (0, 0),
        };
        this.walk = (this.next(), this.next());
        this
    }

    /// Returns which block runs as number `index` of `count`.
    pub(crate) fn block(&self, index: u64, count: u64) -> u64 {
        match self.order {
            ThreadOrder::Forward => index,
            ThreadOrder::Reverse => count - 1 - index,
            ThreadOrder::Seeded(_) => {
                // A step without a common divisor visits every block once. Counts are below 2^32.
                let mut step = self.walk.0 % count;
                while common_divisor(step, count) != 1 {
                    step += 1;
                }
                (self.walk.1 % count + step % count * index) % count
            }
        }
    }

    /// Returns the threads in the order of the next interval between barriers.
    pub(crate) fn interval(&mut self) -> &[u32] {
        if matches!(self.order, ThreadOrder::Seeded(_)) {
            for last in (1..self.threads.len()).rev() {
                let other = self.next() % (last as u64 + 1);
                self.threads.swap(last, other as usize);
            }
        }
        &self.threads
    }

    /// Returns the next number of SplitMix64.
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }
}

fn common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_and_thread_runs_once() {
        let orders = [
            ThreadOrder::Forward,
            ThreadOrder::Reverse,
            ThreadOrder::Seeded(1),
            ThreadOrder::Seeded(u64::MAX),
        ];
        for order in orders {
            for count in [1, 2, 6, 12, 97, 1000] {
                let mut order = Order::new(order, count as usize);
                let mut blocks: Vec<_> = (0..count).map(|at| order.block(at, count)).collect();
                blocks.sort_unstable();
                assert!(blocks.into_iter().eq(0..count));
                let mut threads = order.interval().to_vec();
                threads.sort_unstable();
                assert!(threads.into_iter().eq(0..count as u32));
            }
        }
    }

    #[test]
    fn seeds_and_intervals_differ() {
        let mut order = Order::new(ThreadOrder::Seeded(5), 64);
        let first = order.interval().to_vec();
        assert_ne!(first, order.interval());
        assert_ne!(first, Order::new(ThreadOrder::Seeded(6), 64).interval());
        assert_eq!(first, Order::new(ThreadOrder::Seeded(5), 64).interval());
    }
}
