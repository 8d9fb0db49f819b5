//! The working memory of a job on a board, to the byte.

use mambalite_kernels::{Layer, Model, Plan};

/// Largest side of a job, LR pixels: the wire counts them in 16 bits.
pub const SIDE_MAX: usize = u16::MAX as usize;

/// Returns the bytes that a job of `width` LR pixels a row takes of a board's working memory: the
/// network's, one row of input and a digest of eight bytes for each layer.
#[must_use]
pub fn arena_needed(model: &Model<'_>, width: usize) -> usize {
    let row = width * model.config().channels;
    let digests = Layer::count(model.config()) * size_of::<u64>();
    let plan = Plan::microcontroller(model, width);
    row.next_multiple_of(size_of::<u64>()) + digests + plan.arena_bytes
}

/// Returns the widest rows, in LR pixels, whose job fits `available` bytes; 0 where none does.
#[must_use]
pub fn width_max(model: &Model<'_>, available: usize) -> usize {
    let (mut fits, mut too_wide) = (0, SIDE_MAX + 1);
    while too_wide - fits > 1 {
        let middle = fits.midpoint(too_wide);
        if arena_needed(model, middle) <= available {
            fits = middle;
        } else {
            too_wide = middle;
        }
    }
    fits
}
