//! The magnified pictures.
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "all rest on one promise: the arrays are those that the arguments say"
)]

use mambalite_kernels::anchor;
use mambalite_kernels::config::{Anchor, Config, Decay};

use super::block::{block, thread};
use super::parameters::Device;
use crate::args::{self, Array, Patches};
use crate::layout::THREADS;

/// Makes pixels of sub-pixels and anchor: threads `[patches, pixels, scale, channels]`, each for the
/// `scale` values of a magnified row.
#[inline(always)]
pub(super) unsafe fn picture<A: Device>(
    pictures: &args::Pictures,
    patches: &Patches,
    (bytes, x): (Array, Array),
    out: Array,
) {
    let thread = block() * THREADS + thread();
    let (channels, scale) = (pictures.channels as usize, pictures.scale as usize);
    let (width, height, pixels) = (
        patches.width as usize,
        patches.height as usize,
        patches.pixels(),
    );
    if thread >= patches.count as usize * pixels * scale * channels {
        return;
    }
    let (rest, channel) = (thread / channels, thread % channels);
    let (pixel, dy) = (rest / scale, rest % scale);
    let (patch, at) = (pixel / pixels, pixel % pixels);
    // SAFETY: the caller's promise.
    let (bytes, x): (&[u8], &[A::Act]) = unsafe { (bytes.slice(), x.slice()) };
    let Some(x) = x.get((pixel * channels + channel) * scale * scale + dy * scale..) else {
        return;
    };
    let bytes = bytes
        .get(patch * pixels * channels + channel..)
        .unwrap_or_default();
    let config = config(pictures, channel);
    let mut anchors = [0; 4];
    let (row, column) = (at / width, at % width);
    match config.anchor {
        Anchor::None => {}
        Anchor::Nearest => {
            let value = bytes
                .get(at * channels..at * channels + 1)
                .unwrap_or_default();
            anchor::nearest(value, scale, 1, &mut anchors[..scale]);
        }
        Anchor::Bicubic => {
            let mut columns = [0; 2 * anchor::BICUBIC_REACH + 1];
            for (tap, value) in columns.iter_mut().enumerate() {
                let column = anchor::mirror((column + tap) as isize - 2, width);
                let row_at = |y: usize| &bytes[(y * width + column) * channels..];
                let value = core::slice::from_mut(value);
                anchor::bicubic_column(row_at, (row, height), (scale, dy), value);
            }
            anchor::bicubic(
                &columns,
                anchor::BICUBIC_REACH,
                scale,
                1,
                &mut anchors[..scale],
            );
        }
    }
    let first = (patch * height + row) * scale + dy;
    for (dx, (&x, &anchor)) in x.iter().zip(&anchors[..scale]).enumerate() {
        let value = match config.anchor {
            Anchor::None => A::centred(&config, 0, x),
            Anchor::Nearest | Anchor::Bicubic => A::anchored(x, anchor),
        };
        let to = (first * width + column) * scale + dx;
        // SAFETY: as above.
        unsafe { out.write(to * channels + channel, A::to_pixel(value)) };
    }
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
