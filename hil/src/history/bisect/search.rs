//! Binary search with candidates that cannot be judged.

use std::collections::BTreeSet;

use super::Ruling;
use crate::error::Result;

/// How far a search came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The last that is good.
    pub good: usize,
    /// The first that is known to be bad; all between the two cannot be told.
    pub bad: usize,
}

/// Searches candidates 0 to `len - 1`, of which the first is good and the last is bad. Where the
/// middle cannot be judged, its nearest neighbour is, as `git bisect skip` does.
///
/// # Errors
/// Those of `judge`.
pub fn search(len: usize, judge: &mut dyn FnMut(usize) -> Result<Ruling>) -> Result<Bounds> {
    let (mut good, mut bad) = (0, len.saturating_sub(1));
    let mut skipped = BTreeSet::new();
    loop {
        let middle = usize::midpoint(good, bad);
        let open = (good + 1..bad).filter(|idx| !skipped.contains(idx));
        let Some(next) = open.min_by_key(|idx| idx.abs_diff(middle)) else {
            return Ok(Bounds { good, bad });
        };
        match judge(next)? {
            Ruling::Good => good = next,
            Ruling::Bad => bad = next,
            Ruling::Skip => {
                skipped.insert(next);
            }
        }
    }
}
