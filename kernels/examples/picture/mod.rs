//! The picture that all examples magnify, and a digest of what comes out.

/// Pixels of a row.
pub const WIDTH: usize = 24;
/// Rows.
pub const HEIGHT: usize = 16;
/// Bytes of a row: red, green and blue of each pixel.
pub const ROW_BYTES: usize = WIDTH * 3;

/// Returns row `y` of the picture, `[WIDTH, 3]`: slopes in red and green, a weave in blue.
pub fn row(y: usize) -> [u8; ROW_BYTES] {
    let mut row = [0; ROW_BYTES];
    for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
        pixel.copy_from_slice(&[(x * 10) as u8, (y * 16) as u8, ((x ^ y) * 8) as u8]);
    }
    row
}

/// FNV-1a with 32 bits, over the bytes of the magnified rows.
#[derive(Clone, Copy, Debug)]
pub struct Digest(u32);

impl Digest {
    /// Makes the digest of nothing.
    pub const fn new() -> Self {
        Self(0x811c_9dc5)
    }

    /// Takes the next bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    }

    /// Returns the digest.
    pub fn value(self) -> u32 {
        self.0
    }
}
