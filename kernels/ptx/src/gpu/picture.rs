//! The magnified pictures.
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "all rest on one promise: the arrays are those that the arguments say"
)]

use mambalite_kernels::anchor;
use mambalite_kernels::config::{Anchor, Config, Decay};

use super::block::{block, thread};
use super::parameters::Device;
use super::product::unrolled;
use crate::args::{self, Array, Patches};
use crate::layout::THREADS;

/// Makes pixels of sub-pixels and anchor: threads `[patches, pixels, channels]`, each for the values
/// that a value becomes.
#[inline(always)]
pub(super) unsafe fn picture<A: Device>(
    pictures: &args::Pictures,
    patches: &Patches,
    bytes: Array,
    x: Array,
    out: Array,
) {
    // SAFETY: the caller's promise. The scale is a constant in each.
    unsafe {
        match pictures.scale {
            2 => magnify::<A, 2>(pictures, patches, bytes, x, out),
            3 => magnify::<A, 3>(pictures, patches, bytes, x, out),
            _ => magnify::<A, 4>(pictures, patches, bytes, x, out),
        }
    }
}

/// As [`picture`].
#[inline(always)]
unsafe fn magnify<A: Device, const SCALE: usize>(
    pictures: &args::Pictures,
    patches: &Patches,
    bytes: Array,
    x: Array,
    out: Array,
) {
    let item = (block() * THREADS + thread()) as u32;
    let (channels, width) = (pictures.channels, patches.width);
    let pixels = patches.pixels() as u32;
    if item >= patches.count * pixels * channels {
        return;
    }
    let (pixel, channel) = (item / channels, item % channels);
    let (patch, at) = (pixel / pixels, pixel % pixels);
    let (row, column) = (at / width, at % width);
    let config = config(pictures, channel as usize);
    // SAFETY: the caller's promise.
    let window = unsafe {
        window(
            &config,
            patches,
            bytes,
            (patch * pixels, row, column),
            channel,
        )
    };
    for dy in 0..SCALE {
        let weights = &anchor::WEIGHTS[SCALE - 2][dy];
        let columns = unrolled!(taps C => anchor::weighted(weights, window[C]));
        let row = (patch * patches.height + row) as usize * SCALE + dy;
        let first = (row * width as usize + column as usize) * SCALE;
        for dx in 0..SCALE {
            let from = item as usize * SCALE * SCALE + dy * SCALE + dx;
            // SAFETY: as above.
            let x: A::Act = unsafe { x.read(from) };
            let value = match config.anchor {
                Anchor::None => A::centred(&config, 0, x),
                Anchor::Nearest => A::anchored(x, window[CENTRE][CENTRE] << 20),
                Anchor::Bicubic => {
                    let weights = &anchor::WEIGHTS[SCALE - 2][dx];
                    A::anchored(x, anchor::weighted(weights, columns))
                }
            };
            let to = (first + dx) * channels as usize + channel as usize;
            // SAFETY: as above.
            unsafe { out.write(to, A::to_pixel(value)) };
        }
    }
}

/// The tap at a pixel itself.
const CENTRE: usize = anchor::BICUBIC_REACH;

/// Returns a channel of the pixels around one of a patch, mirrored at its borders: `[column][row]`;
/// of those around it only what the anchor looks at.
///
/// * `place` - the first pixel of the patch, row and column in it.
#[inline(always)]
unsafe fn window(
    config: &Config,
    patches: &Patches,
    bytes: Array,
    (first, row, column): (u32, u32, u32),
    channel: u32,
) -> [[i32; anchor::TAPS]; anchor::TAPS] {
    let near = |at: u32, len: u32, tap: usize| {
        anchor::mirror((at as usize + tap) as isize - CENTRE as isize, len as usize) as u32
    };
    let read = |row: u32, column: u32| {
        let pixel = first + row * patches.width + column;
        // SAFETY: the caller's promise.
        i32::from(unsafe { bytes.read::<u8>((pixel * config.channels as u32 + channel) as usize) })
    };
    let mut window = [[0; anchor::TAPS]; anchor::TAPS];
    match config.anchor {
        Anchor::None => {}
        Anchor::Nearest => window[CENTRE][CENTRE] = read(row, column),
        Anchor::Bicubic => {
            let rows = unrolled!(taps R => near(row, patches.height, R));
            let columns = unrolled!(taps C => near(column, patches.width, C));
            window = unrolled!(taps C => unrolled!(taps R => read(rows[R], columns[C])));
        }
    }
    window
}

/// Returns what the pictures' functions look at of a configuration, for a channel as the first.
#[inline(always)]
pub(super) fn config(pictures: &args::Pictures, channel: usize) -> Config {
    // Not by index: arguments that are indexed would be copied to memory.
    let [first, second, third] = pictures.mean;
    let mean = match channel {
        0 => first,
        1 => second,
        _ => third,
    };
    Config {
        channels: pictures.channels as usize,
        scale: pictures.scale as usize,
        width: 1,
        inner: 1,
        groups: 1,
        blocks: 1,
        states: 1,
        dt_rank: 1,
        mixer_skip: false,
        anchor: match pictures.anchor {
            0 => Anchor::None,
            1 => Anchor::Nearest,
            _ => Anchor::Bicubic,
        },
        decay: Decay::Full,
        mean: [mean; 3],
    }
}
