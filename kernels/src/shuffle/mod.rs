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
    let sub_pixels = channels * scale * scale;
    for (x, out) in x
        .chunks_exact(sub_pixels)
        .zip(out.chunks_exact_mut(scale * channels))
    {
        for (dx, out) in out.chunks_exact_mut(channels).enumerate() {
            for (c, out) in out.iter_mut().enumerate() {
                *out = x[(c * scale + dy) * scale + dx];
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
