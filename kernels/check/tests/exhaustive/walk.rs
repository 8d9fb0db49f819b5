//! Walking ranges of inputs on all cores.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// Inputs that a thread takes at a time.
const BLOCK: u32 = 1 << 14;

/// Positive finite `f32`, 0 included.
const POSITIVE: u32 = f32::INFINITY.to_bits();

/// All finite `f32`, as numbers of [`float`].
pub(crate) const ALL: Range<u32> = 0..2 * POSITIVE;
/// Those that are not positive.
pub(crate) const NEGATIVE: Range<u32> = 0..POSITIVE;

/// Returns the finite `f32` with a number: they ascend with it, from `f32::MIN` over -0 and 0.
pub(crate) fn float(number: u32) -> f32 {
    match number.checked_sub(POSITIVE) {
        None => f32::from_bits(1 << 31 | (POSITIVE - 1 - number)),
        Some(bits) => f32::from_bits(bits),
    }
}

/// What was found about some inputs.
pub(crate) trait Tally: Default + Send {
    /// Adds what was found about others.
    fn merge(&mut self, other: Self);
}

/// Returns how many numbers of a range are walked.
pub(crate) fn count(range: &Range<u32>, stride: u32) -> u32 {
    (range.end - range.start).div_ceil(stride)
}

/// Calls `look` with blocks of numbers of a range, one in `stride`, on all cores.
///
/// A block begins with the last number of the one before, so that neighbours are always seen
/// together.
pub(crate) fn walk<T: Tally>(
    range: Range<u32>,
    stride: u32,
    look: impl Fn(&[u32], &mut T) + Sync,
) -> T {
    let (start, steps, next) = (range.start, count(&range, stride), AtomicU32::new(0));
    let work = || {
        let (mut tally, mut numbers) = (T::default(), Vec::new());
        loop {
            let first = next.fetch_add(1, Ordering::Relaxed) * BLOCK;
            if first >= steps {
                return tally;
            }
            let last = first.saturating_add(BLOCK).min(steps - 1);
            numbers.clear();
            numbers.extend((first..=last).map(|step| start + step * stride));
            look(&numbers, &mut tally);
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut all = T::default();
        for worker in workers {
            all.merge(worker.join().expect("a walk does not panic"));
        }
        all
    })
}
