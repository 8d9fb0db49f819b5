//! Pixel shuffle: sub-pixel channels to rows of the magnified picture.

/// Returns row `dy` of the rows that a row of LR pixels becomes.
///
/// * `x` - `[w, channels * scale^2]`, channel `c scale^2 + dy scale + dx` (PyTorch's order).
/// * `out` - `[w * scale, channels]`.
///
/// A copy: any number format, no error. Scratch: 0 bytes. Source: ESPCN (arXiv 1609.05158)
/// equation 4.
#[inline]
pub fn row<T: Copy>(x: &[T], out: &mut [T], channels: usize, scale: usize, dy: usize) {
    row_with(x, out, (channels, scale, dy), |x, _, _| x);
}

/// As [`row`], of `(channels, scale, dy)`, but for what `convert` makes of each value, its channel
/// and its place in `out`.
#[inline(always)]
pub fn row_with<T: Copy, U>(
    x: &[T],
    out: &mut [U],
    (channels, scale, dy): (usize, usize, usize),
    convert: impl Fn(T, usize, usize) -> U,
) {
    let (sub_pixels, len) = (channels * scale * scale, channels * scale);
    let pixels = x.chunks_exact(sub_pixels).zip(out.chunks_exact_mut(len));
    for (i, (x, out)) in pixels.enumerate() {
        for channel in 0..channels {
            let mut at = channel;
            for &x in &x[(channel * scale + dy) * scale..][..scale] {
                if let Some(out) = out.get_mut(at) {
                    *out = convert(x, channel, i * len + at);
                }
                at += channels;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn shuffles_in_the_order_of_pytorch() {
        // torch.pixel_shuffle(torch.arange(8).view(1, 8, 1, 1), 2): channels of 4 sub-pixels.
        let x = [0, 1, 2, 3, 4, 5, 6, 7];
        let mut out = [0; 4];
        super::row(&x, &mut out, 2, 2, 0);
        assert_eq!(out, [0, 4, 1, 5]);
        super::row(&x, &mut out, 2, 2, 1);
        assert_eq!(out, [2, 6, 3, 7]);
    }
}
