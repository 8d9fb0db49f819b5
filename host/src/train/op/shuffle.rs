//! Pixel shuffle, backwards: rows of the magnified picture to sub-pixel channels.

/// Gathers a row `dy` of the rows that a row of LR pixels becomes.
///
/// * `x` - `[w * scale, channels]`. * `out` - `[w, channels * scale^2]`, channel `c scale^2 + dy
///   scale + dx`; the channels of other rows stay. The inverse of
///   [`mambalite_kernels::shuffle::row`], and since that is a copy, its backward pass.
pub fn gather<T: Copy>(x: &[T], out: &mut [T], channels: usize, scale: usize, dy: usize) {
    let sub_pixels = channels * scale * scale;
    let pixels = x.chunks_exact(scale * channels);
    for (x, out) in pixels.zip(out.chunks_exact_mut(sub_pixels)) {
        for (dx, x) in x.chunks_exact(channels).enumerate() {
            for (c, &x) in x.iter().enumerate() {
                out[(c * scale + dy) * scale + dx] = x;
            }
        }
    }
}
