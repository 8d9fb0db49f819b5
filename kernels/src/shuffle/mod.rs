//! Pixel shuffle: sub-pixel channels to rows of the magnified picture.

/// Makes row `dy` of the rows that a row of LR pixels becomes.
///
/// * `x` - `[w, channels * scale^2]`, channel `c scale^2 + dy scale + dx` (PyTorch's order).
/// * `with` - `[w * scale, channels]`: what meets the values. * `out` - `[w * scale, channels]`.
/// * `order` - `(channels, scale, dy)`. * `convert` - makes an output of a value, what it meets and
///   its channel.
///
/// Any number format; the order is exact. Scratch: 0 bytes. Source: ESPCN (arXiv 1609.05158)
/// equation 4.
#[inline(always)]
pub fn row<T: Copy, W: Copy, U>(
    x: &[T],
    with: &[W],
    out: &mut [U],
    (channels, scale, dy): (usize, usize, usize),
    convert: impl Fn(T, W, usize) -> U,
) {
    let len = channels * scale;
    let outputs = out.chunks_exact_mut(len).zip(with.chunks_exact(len));
    for (x, (out, with)) in x.chunks_exact(len * scale).zip(outputs) {
        for channel in 0..channels {
            let x = &x[(channel * scale + dy) * scale..][..scale];
            for (dx, &x) in x.iter().enumerate() {
                let at = dx * channels + channel;
                out[at] = convert(x, with[at], channel);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn shuffles_in_the_order_of_pytorch() {
        // torch.pixel_shuffle(torch.arange(12).view(1, 12, 1, 1), 2): channels of 4 sub-pixels.
        let x = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
        let mut out = [0; 6];
        super::row(&x, &[0; 6], &mut out, (3, 2, 0), |x, _, _| x);
        assert_eq!(out, [0, 4, 8, 1, 5, 9]);
        super::row(&x, &[100; 6], &mut out, (3, 2, 1), |x, w, channel| {
            x + w * channel
        });
        assert_eq!(out, [2, 106, 210, 3, 107, 211]);
        let mut gray = [0; 2];
        super::row(&x[..4], &[(); 2], &mut gray, (1, 2, 1), |x, (), _| x);
        assert_eq!(gray, [2, 3]);
    }
}
