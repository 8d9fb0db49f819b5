//! The default model on a strip of noise that is nowhere in memory: what a small board must hold.

use mambalite_kernels::arith::Fixed;
use mambalite_kernels::{Model, NoTap, Stream};

use super::network::W8A8;
use crate::sequence::{Digest, Sequence};

/// LR pixels of a row.
pub const WIDTH: usize = 64;
/// Rows.
pub const HEIGHT: usize = 64;
/// Bytes of a row of three colours.
pub const ROW_BYTES: usize = WIDTH * 3;

/// Words of eight bytes that the run takes on a microcontroller: what the plan says.
pub const ARENA_WORDS: usize = 6_532;

/// Returns the model; nothing if the file is broken.
pub fn model() -> Option<Model<'static>> {
    Model::parse(&W8A8.0).ok()
}

/// Makes the strip row by row, magnifies it, and returns the digest of all magnified rows.
///
/// Nothing where the arena is shorter than the plan of this machine says.
pub fn run(arena: &mut [u64]) -> Option<u64> {
    let model = model()?;
    let mut stream = Stream::<Fixed<i8>>::new(&model, WIDTH, HEIGHT, arena).ok()?;
    let (mut noise, mut digest, mut rows) = (Sequence::new(1), Digest::new(), 0);
    let mut sink = |_: usize, bytes: &[u8]| {
        digest.add(bytemuck::must_cast_slice::<u8, i8>(bytes));
        rows += 1;
    };
    let mut row = [0; ROW_BYTES];
    for _ in 0..HEIGHT {
        row.fill_with(|| noise.bits() as u8);
        stream.push_row(&row, &mut NoTap, &mut sink).ok()?;
    }
    (rows == HEIGHT * model.config().scale).then(|| digest.finish())
}

#[cfg(test)]
mod tests {
    use mambalite_kernels::Plan;

    use super::*;

    #[test]
    fn the_arena_is_the_plan() {
        let plan = Plan::microcontroller(&model().unwrap(), WIDTH);
        assert_eq!(ARENA_WORDS * size_of::<u64>(), plan.arena_bytes);
    }
}
