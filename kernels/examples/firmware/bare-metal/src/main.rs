//! A picture through the network with no system and no allocator: static memory, row by row.

#![no_std]
#![no_main]

use cortex_m as _; // Its critical sections.
use mambalite_example_scene::{self as scene, ARENA_WORDS, Digest, HEIGHT, MODEL, WIDTH};
#[cfg(not(feature = "w8a8"))]
use mambalite_kernels::Upscaler;
use mambalite_kernels::{Model, NoTap};
use panic_semihosting as _;
use static_cell::ConstStaticCell;

/// Runs models of one precision only, and takes less flash.
#[cfg(feature = "w8a8")]
type Upscaler<'a> = mambalite_kernels::Stream<'a, mambalite_kernels::arith::Fixed<i8>>;

static ARENA: ConstStaticCell<[u64; ARENA_WORDS]> = ConstStaticCell::new([0; ARENA_WORDS]);

#[cortex_m_rt::entry]
fn main() -> ! {
    let model = Model::parse(MODEL).unwrap_or_else(|error| scene::stop(error));
    let run = Upscaler::new(&model, WIDTH, HEIGHT, ARENA.take());
    let mut run = run.unwrap_or_else(|error| scene::stop(error));
    let mut digest = Digest::new();
    for y in 0..HEIGHT {
        let mut sink = |_: usize, row: &[u8]| digest.add(row);
        if let Err(error) = run.push_row(&scene::row(y), &mut NoTap, &mut sink) {
            scene::stop(error);
        }
    }
    scene::report(digest)
}
