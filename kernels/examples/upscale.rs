//! Magnifies a small picture in memory that the program has from its start, as firmware does.
//!
//! `cargo run -p mambalite-kernels --example upscale -- models/mambalite-x4-tiny/w8a8.mls`

#[expect(unreachable_pub, reason = "the firmware examples have it in a library")]
mod picture;

use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::sync::Mutex;

use mambalite_kernels::{Model, NoTap, Plan, Upscaler};
use picture::{Digest, HEIGHT, WIDTH};

/// Largest model file. Firmware has the file in flash, and needs no copy.
const MODEL_BYTES: usize = 128 << 10;
/// Words of 8 bytes for the run.
const ARENA_WORDS: usize = 16 << 10;

/// A model file is read in place, and has to begin at a multiple of 16 bytes.
#[repr(align(16))]
struct Aligned([u8; MODEL_BYTES]);

static MODEL: Mutex<Aligned> = Mutex::new(Aligned([0; MODEL_BYTES]));
static ARENA: Mutex<[u64; ARENA_WORDS]> = Mutex::new([0; ARENA_WORDS]);

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1);
    let path = path.ok_or("name a model file: upscale models/mambalite-x4-tiny/w8a8.mls")?;
    let mut file = MODEL.lock().map_err(|_| "the model is in use")?;
    // A file that is too long is cut, and then refused.
    let bytes_len = read(&mut File::open(&path)?, &mut file.0)?;
    let model = Model::parse(&file.0[..bytes_len])?;

    // What it will take is known before anything runs.
    let plan = Plan::new(&model, WIDTH);
    println!("model {} bytes", plan.flash_bytes);
    println!(
        "arena {} bytes for rows of {WIDTH} pixels",
        plan.arena_bytes
    );

    let mut arena = ARENA.lock().map_err(|_| "the arena is in use")?;
    let mut run = Upscaler::new(&model, WIDTH, HEIGHT, &mut *arena)?;
    let mut digest = Digest::new();
    for y in 0..HEIGHT {
        // Magnified rows come out of the last argument, in order, a few rows later.
        let mut sink = |_: usize, row: &[u8]| digest.add(row);
        run.push_row(&picture::row(y), &mut NoTap, &mut sink)?;
    }
    println!("digest {:#010x}", digest.value());
    Ok(())
}

/// Reads until the end or until the buffer is full, and returns the bytes read.
fn read(from: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut used = 0;
    loop {
        match from.read(&mut buffer[used..])? {
            0 => return Ok(used),
            bytes => used += bytes,
        }
    }
}
