//! The network as a task of Embassy: it computes one row at a time and gives way.

#![no_std]
#![no_main]

use core::sync::atomic::{AtomicUsize, Ordering};

use cortex_m as _; // Its critical sections.
use embassy_executor::Spawner;
use embassy_futures::yield_now;
use mambalite_example_scene::{self as scene, ARENA_WORDS, Digest, HEIGHT, MODEL, WIDTH};
use mambalite_kernels::{Model, NoTap, Upscaler};
use panic_semihosting as _;
use static_cell::ConstStaticCell;

static ARENA: ConstStaticCell<[u64; ARENA_WORDS]> = ConstStaticCell::new([0; ARENA_WORDS]);

/// Turns that the other task had.
static TURNS: AtomicUsize = AtomicUsize::new(0);

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let model = Model::parse(MODEL).unwrap_or_else(|error| scene::stop(error));
    let run = Upscaler::new(&model, WIDTH, HEIGHT, ARENA.take());
    let run = run.unwrap_or_else(|error| scene::stop(error));
    spawner.spawn(upscale(run).unwrap_or_else(|error| scene::stop(error)));
    spawner.spawn(other().unwrap_or_else(|error| scene::stop(error)));
}

/// Magnifies the picture. The last row takes longest: with it all the rows below are completed.
#[embassy_executor::task]
async fn upscale(mut run: Upscaler<'static>) {
    let mut digest = Digest::new();
    for y in 0..HEIGHT {
        let mut sink = |_: usize, row: &[u8]| digest.add(row);
        if let Err(error) = run.push_row(&scene::row(y), &mut NoTap, &mut sink) {
            scene::stop(error);
        }
        yield_now().await;
    }
    if TURNS.load(Ordering::Relaxed) < HEIGHT {
        scene::stop("the other task had no turn between two rows");
    }
    scene::report(digest)
}

/// What else the firmware does.
#[embassy_executor::task]
async fn other() {
    loop {
        TURNS.fetch_add(1, Ordering::Relaxed);
        yield_now().await;
    }
}
