//! Anchors: a plain magnification of the input that the network corrects.
//!
//! Computed in integers in every precision, so that its bits are the same everywhere. Values are
//! grey levels in Q.20, not clamped.

/// Rows and columns on each side of a pixel that the bicubic anchor sees.
pub const BICUBIC_REACH: usize = 2;
/// Rows or columns that a value of the bicubic anchor is computed of.
pub const TAPS: usize = 2 * BICUBIC_REACH + 1;

/// Cubic weights (a = -0.5) of the taps -2 to 2 for sub-pixel `phase` of `scale`, Q.10.
///
/// Exact for scales 2 and 4; for 3 rounded to nearest with the remainder on the centre, so that
/// the sum is 1024.
const fn weights(scale: i64, phase: i64) -> [i32; TAPS] {
    let d = 2 * scale;
    let offset = 2 * phase + 1 - scale; // Sub-pixel minus pixel centre, in units of 1/d.
    let mut out = [0; TAPS];
    let mut sum = 0;
    let mut tap = 0;
    while tap < TAPS {
        let m = (offset - d * (tap as i64 - BICUBIC_REACH as i64)).abs();
        let doubled = if m <= d {
            3 * m * m * m - 5 * m * m * d + 2 * d * d * d
        } else if m <= 2 * d {
            -m * m * m + 5 * m * m * d - 8 * m * d * d + 4 * d * d * d
        } else {
            0
        };
        let denominator = d * d * d; // Of half the doubled weight, in Q.10: 1024 / (2 d^3).
        let scaled = doubled * 512;
        let half = if scaled < 0 {
            -denominator / 2
        } else {
            denominator / 2
        };
        out[tap] = ((scaled + half) / denominator) as i32;
        sum += out[tap];
        tap += 1;
    }
    out[BICUBIC_REACH] += 1024 - sum;
    out
}

/// Cubic weights `[scale - 2][phase][tap]`, Q.10, of the taps -2 to 2.
pub const WEIGHTS: [[[i32; TAPS]; 4]; 3] = {
    let mut out = [[[0; TAPS]; 4]; 3];
    let mut scale = 2;
    while scale <= 4 {
        let mut phase = 0;
        while phase < scale {
            out[scale - 2][phase] = weights(scale as i64, phase as i64);
            phase += 1;
        }
        scale += 1;
    }
    out
};

/// Returns the index that `i` mirrors to in `0..len` (the border pixel is repeated).
#[inline(always)]
pub fn mirror(i: isize, len: usize) -> usize {
    let len = len as isize;
    if (0..len).contains(&i) {
        return i as usize;
    }
    let i = i.rem_euclid(2 * len);
    (if i < len { i } else { 2 * len - 1 - i }) as usize
}

/// Returns the sum of the values, each times its weight: exact in 32 bits.
#[inline(always)]
pub fn weighted(weights: &[i32; TAPS], values: [i32; TAPS]) -> i32 {
    let [a, b, c, d, e] = *weights;
    let [p, q, r, s, t] = values;
    a * p + b * q + c * r + d * s + e * t
}

/// Computes the vertical half of bicubic magnification: what row `dy` of the rows that LR row `y`
/// becomes is at the LR pixels' columns.
///
/// * `row_at(i)` - input row `i`, `[w, channels]`; asked for rows `y - 2` to `y + 2`, mirrored at
///   the picture's borders. * `out` - `[w, channels]`, Q.10.
///
/// Exact in 32 bits. Scratch: 0 bytes. Error and source: see [`bicubic`].
#[inline]
pub fn bicubic_column<'p>(
    row_at: impl Fn(usize) -> &'p [u8],
    (y, height): (usize, usize),
    (scale, dy): (usize, usize),
    out: &mut [i32],
) {
    let rows: [&[u8]; TAPS] = core::array::from_fn(|tap| {
        let row = row_at(mirror((y + tap) as isize - BICUBIC_REACH as isize, height));
        &row[..out.len()]
    });
    let [p, q, r, s, t] = rows;
    let weights = WEIGHTS[scale - 2][dy];
    let pixels = p.iter().zip(q).zip(r).zip(s).zip(t);
    for (out, ((((p, q), r), s), t)) in out.iter_mut().zip(pixels) {
        *out = weighted(&weights, [p, q, r, s, t].map(|&pixel| i32::from(pixel)));
    }
}

/// Computes the horizontal half of bicubic magnification, from LR pixel `first` on.
///
/// * `column` - what [`bicubic_column`] gave, `[w, channels]`. * `out` - `[n * scale, channels]`,
///   Q.20, for `n` LR pixels.
///
/// Exact in 32 bits (below 2^29). Scratch: 0 bytes. Error of both halves against f64: none for
/// scales 2 and 4, below 0.7 grey levels for 3. Source: MATLAB `imresize` without rounding in
/// between.
pub fn bicubic(column: &[i32], first: usize, scale: usize, channels: usize, out: &mut [i32]) {
    let weights = &WEIGHTS[scale - 2][..scale];
    match (channels, scale) {
        // The common one, which the compiler unrolls, with constant weights.
        (3, 4) => bicubic_of::<3>(column, first, const { &WEIGHTS[2] }, out),
        (1, _) => bicubic_of::<1>(column, first, weights, out),
        _ => bicubic_of::<3>(column, first, weights, out),
    }
}

/// [`bicubic`] with the channels known, by the weights of each phase.
#[inline(always)]
fn bicubic_of<const CHANNELS: usize>(
    column: &[i32],
    first: usize,
    weights: &[[i32; TAPS]],
    out: &mut [i32],
) {
    let (column, out) = (column.as_chunks().0, out.as_chunks_mut::<CHANNELS>().0);
    for (x, out) in (first..).zip(out.chunks_exact_mut(weights.len())) {
        let inside = x.checked_sub(BICUBIC_REACH);
        let inside = inside.and_then(|begin| column.get(begin..)?.first_chunk::<TAPS>());
        let mirrored;
        let values: &[[i32; CHANNELS]; TAPS] = match inside {
            Some(values) => values,
            None => {
                mirrored = core::array::from_fn(|tap| {
                    column[mirror((x + tap) as isize - BICUBIC_REACH as isize, column.len())]
                });
                &mirrored
            }
        };
        for channel in 0..CHANNELS {
            let values = values.map(|value| value[channel]);
            for (out, weights) in out.iter_mut().zip(weights) {
                out[channel] = weighted(weights, values);
            }
        }
    }
}

/// Repeats LR pixels for any of the rows that they become.
///
/// * `pixels` - `[n, channels]`; more are left. * `out` - `[n * scale, channels]`, Q.20. Exact.
///   Scratch: 0 bytes.
#[inline]
pub fn nearest(pixels: &[u8], scale: usize, channels: usize, out: &mut [i32]) {
    for (pixel, out) in pixels
        .chunks_exact(channels)
        .zip(out.chunks_exact_mut(scale * channels))
    {
        for out in out.chunks_exact_mut(channels) {
            for (out, &pixel) in out.iter_mut().zip(pixel) {
                *out = i32::from(pixel) << 20;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cubic(x: f64) -> f64 {
        let x = libm::fabs(x);
        match x {
            ..=1.0 => 1.5 * x * x * x - 2.5 * x * x + 1.0,
            ..=2.0 => -0.5 * x * x * x + 2.5 * x * x - 4.0 * x + 2.0,
            _ => 0.0,
        }
    }

    #[test]
    fn weights_are_the_cubic() {
        for scale in 2..=4usize {
            for (phase, w) in WEIGHTS[scale - 2][..scale].iter().enumerate() {
                assert_eq!(w.iter().sum::<i32>(), 1024);
                let offset = (phase as f64 + 0.5) / scale as f64 - 0.5;
                for (tap, &w) in w.iter().enumerate() {
                    // Rounded; the centre has what the others leave.
                    let tolerance = match (scale, tap) {
                        (3, BICUBIC_REACH) => 1.6,
                        (3, _) => 0.5,
                        _ => 0.0,
                    };
                    let exact = 1024.0 * cubic(offset - (tap as f64 - 2.0));
                    assert!(
                        (f64::from(w) - exact).abs() <= tolerance,
                        "{scale} {phase} {tap}"
                    );
                }
            }
        }
    }

    #[test]
    fn mirrors_at_the_border() {
        let places: heapless::Vec<usize, 8> = (-3..5).map(|i| mirror(i, 2)).collect();
        assert_eq!(places, [1, 1, 0, 0, 1, 1, 0, 0]);
        assert_eq!(mirror(-2, 1), 0);
    }

    /// Every scale and number of channels against the definition in f64, from each LR pixel on.
    #[test]
    fn pictures_are_magnified_as_defined() {
        const SIZE: (usize, usize) = (7, 5);
        let (width, height) = SIZE;
        for (scale, channels) in [2, 3, 4].into_iter().flat_map(|s| [(s, 1), (s, 3)]) {
            // Levels that no fit would find: a multiplicative walk modulo a prime.
            let level = |i: usize| ((i + 1) * 7919 % 257).min(255) as u8;
            let picture: [u8; 7 * 5 * 3] = core::array::from_fn(level);
            let at = |x: usize, y: usize, c: usize| picture[(y * width + x) * channels + c];
            let tolerance = if scale == 3 { 0.7 } else { 0.0 };
            for (y, dy) in (0..height).flat_map(|y| (0..scale).map(move |dy| (y, dy))) {
                let mut column = [0; 7 * 3];
                let column = &mut column[..width * channels];
                let row = |y: usize| &picture[y * width * channels..];
                bicubic_column(row, (y, height), (scale, dy), column);
                for first in 0..width {
                    let mut out = [0; 7 * 4 * 3];
                    let out = &mut out[..(width - first) * scale * channels];
                    bicubic(column, first, scale, channels, out);
                    for (i, &out) in out.iter().enumerate() {
                        let (x, c) = (first * scale + i / channels, i % channels);
                        let place = ((x, y * scale + dy), scale);
                        let exact = magnified(|x, y| at(x, y, c), place, SIZE);
                        let error = f64::from(out) / f64::from(1 << 20) - exact;
                        assert!(
                            error.abs() <= tolerance,
                            "{scale} {channels} {place:?}: {error}"
                        );
                    }
                }
            }
        }
    }

    /// One value of a magnified picture by both cubics at once.
    fn magnified(
        at: impl Fn(usize, usize) -> u8,
        ((x, y), scale): ((usize, usize), usize),
        (width, height): (usize, usize),
    ) -> f64 {
        let centre = |i: usize| (i as f64 + 0.5) / scale as f64 - 0.5;
        let taps = |i: usize| {
            let pixel = (i / scale) as isize;
            pixel - 2..=pixel + 2
        };
        let mut sum = 0.0;
        for (j, i) in taps(y).flat_map(|j| taps(x).map(move |i| (j, i))) {
            let weight = cubic(centre(x) - i as f64) * cubic(centre(y) - j as f64);
            sum += weight * f64::from(at(mirror(i, width), mirror(j, height)));
        }
        sum
    }

    #[test]
    fn constant_picture_stays() {
        let row = [200u8; 6];
        let (mut column, mut out) = ([0; 6], [0; 18]);
        bicubic_column(|_| &row, (0, 1), (3, 1), &mut column);
        for channels in [1, 3] {
            bicubic(&column, 0, 3, channels, &mut out);
            assert_eq!(out, [200 << 20; 18]);
        }
        nearest(&row, 3, 3, &mut out);
        assert_eq!(out, [200 << 20; 18]);
    }
}
