//! Pictures that follow from nothing but their names.

use std::path::Path;

use mambalite::picture::{Color, Picture};
use sha2::{Digest, Sha256};

use crate::error::Result;

/// 32 x 32 pixels of NASA's portrait of the astronaut Eileen Collins, in the public domain: the small
/// picture of `cargo xtask demo`.
const PHOTOGRAPH: &[u8] = include_bytes!("photograph.png");

/// Makes a picture of `(width, height)` from the value at `(x, y, channel)`.
fn filled(
    (width, height, channels): (usize, usize, usize),
    value: impl Fn(usize, usize, usize) -> u8,
) -> Result<Picture> {
    let mut data = Vec::with_capacity(width * height * channels);
    for y in 0..height {
        for x in 0..width {
            data.extend((0..channels).map(|c| value(x, y, c)));
        }
    }
    Ok(Picture::new(width, height, channels, data)?)
}

/// Returns the picture of `docs/arithmetic/example.md`.
pub(super) fn example(channels: usize) -> Result<Picture> {
    filled((7, 5, channels), |x, y, c| {
        (37 * x + 59 * y + 83 * c + 7 * x * y) as u8
    })
}

/// Returns random bytes: SHA-256 of seed, id and the number of the block, one block after another.
pub(super) fn random(seed: u64, id: &str, shape: (usize, usize, usize)) -> Result<Picture> {
    let (width, height, channels) = shape;
    let len = width * height * channels;
    let mut data: Vec<u8> = Vec::with_capacity(len + 32);
    for block in 0_u64.. {
        if data.len() >= len {
            break;
        }
        let hash = Sha256::new()
            .chain_update(seed.to_le_bytes())
            .chain_update(id)
            .chain_update(block.to_le_bytes());
        data.extend_from_slice(&hash.finalize());
    }
    data.truncate(len);
    Ok(Picture::new(width, height, channels, data)?)
}

/// What a picture at the edge of what there is shows at `(x, y, channel)`.
type Value = fn(usize, usize, usize) -> u8;

/// Black or white for an odd or an even number.
fn toggle(i: usize) -> u8 {
    if i.is_multiple_of(2) { 255 } else { 0 }
}

/// Returns flat pictures, lines, checkerboards, impulses and ramps, the most telling first.
pub(super) fn edges(channels: usize) -> Result<Vec<(String, Picture)>> {
    let all: [(&str, usize, usize, Value); 18] = [
        ("black-1x1", 1, 1, |_, _, _| 0),
        ("white-1x1", 1, 1, |_, _, _| 255),
        ("row-6x1", 6, 1, |x, _, _| toggle(x)),
        ("column-1x6", 1, 6, |_, y, _| toggle(y)),
        ("checkerboard-3x3", 3, 3, |x, y, _| toggle(x + y)),
        ("impulse-3x3", 3, 3, |x, y, _| {
            toggle(2 * x.abs_diff(1) + 2 * y.abs_diff(1) + usize::from((x, y) != (1, 1)))
        }),
        ("ramp-row-16x1", 16, 1, |x, _, _| (17 * x) as u8),
        ("ramp-column-1x16", 1, 16, |_, y, _| (17 * y) as u8),
        ("black-6x4", 6, 4, |_, _, _| 0),
        ("white-6x4", 6, 4, |_, _, _| 255),
        ("impulse-first-5x4", 5, 4, |x, y, _| {
            toggle(usize::from((x, y) != (0, 0)))
        }),
        ("impulse-last-5x4", 5, 4, |x, y, _| {
            toggle(usize::from((x, y) != (4, 3)))
        }),
        ("hole-4x3", 4, 3, |x, y, _| {
            toggle(usize::from((x, y) == (2, 1)))
        }),
        ("channels-4x2", 4, 2, |x, y, c| toggle(x + y + c)),
        ("checkerboard-of-2-6x4", 6, 4, |x, y, _| {
            toggle(x / 2 + y / 2)
        }),
        ("columns-6x2", 6, 2, |x, _, _| toggle(x)),
        ("rows-2x6", 2, 6, |_, y, _| toggle(y)),
        ("ramp-diagonal-4x4", 4, 4, |x, y, _| {
            (85 * (x + y) / 2) as u8
        }),
    ];
    let picture = |(name, width, height, value): (&str, usize, usize, Value)| {
        let picture = filled((width, height, channels), value)?;
        Ok((format!("edge/{name}"), picture))
    };
    all.into_iter().map(picture).collect()
}

/// Returns a part of the photograph: an eye, the mouth or the hair, as the size is.
pub(super) fn photograph((width, height): (usize, usize), channels: usize) -> Result<Picture> {
    let picture = Picture::decode(PHOTOGRAPH, Path::new("photograph.png"), Color::Rgb)?;
    let (x, y) = match (width, height) {
        (8, 8) => (7, 7),
        (7, 5) => (12, 19),
        (4, 4) => (20, 1),
        _ => (0, 22),
    };
    let part = picture.crop(x, y, width, height)?;
    Ok(if channels == 1 { part.to_gray() } else { part })
}
