//! Where the inputs of a run of pixels lie.

/// Pieces that the inputs of a pixel can come in: the rows of a 3x3 convolution.
const PIECES: usize = 3;

/// Consecutive inputs `k..k + len` of each pixel.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'x, X> {
    /// The first input that the piece holds.
    pub k: usize,
    /// Inputs of a pixel.
    pub len: usize,
    /// The inputs of pixel `i` are `x[i * stride..][..len]`.
    pub x: &'x [X],
}

/// The inputs of a run of pixels, in up to three pieces each.
///
/// Inputs that no piece holds lie outside the picture and are left out of the sums. A projection
/// has one piece; a 3x3 convolution has one a row, whose pixels overlap.
#[derive(Clone, Copy, Debug)]
pub struct Taps<'x, X> {
    pieces: [Piece<'x, X>; PIECES],
    n_pieces: usize,
    stride: usize,
    pixels: usize,
}

impl<'x, X> Taps<'x, X> {
    /// Takes `pixels` pixels, each `stride` elements after the one before, and no inputs yet.
    #[inline(always)]
    pub fn new(pixels: usize, stride: usize) -> Self {
        let none = || Piece {
            k: 0,
            len: 0,
            x: &[],
        };
        Self {
            pieces: [none(), none(), none()],
            n_pieces: 0,
            stride,
            pixels,
        }
    }

    /// Takes `pixels` pixels whose inputs lie in one piece.
    #[inline(always)]
    pub fn rows(pixels: usize, stride: usize, len: usize, x: &'x [X]) -> Self {
        let mut taps = Self::new(pixels, stride);
        taps.push(Piece { k: 0, len, x });
        taps
    }

    /// Adds the next piece, of higher `k` than those before; at most three.
    ///
    /// The number of pixels falls to those whose inputs `x` holds, so that a reader of
    /// [`Taps::pieces`] needs no further check.
    #[inline(always)]
    pub fn push(&mut self, piece: Piece<'x, X>) {
        let held = match piece.x.len().checked_sub(piece.len) {
            None => 0,
            Some(_) if self.stride == 0 => self.pixels,
            Some(rest) => rest / self.stride + 1,
        };
        self.pixels = self.pixels.min(held);
        if let Some(place) = self.pieces.get_mut(self.n_pieces) {
            *place = piece;
            self.n_pieces += 1;
        }
    }

    /// Returns the pieces, in ascending `k`.
    #[inline(always)]
    pub fn pieces(&self) -> &[Piece<'x, X>] {
        self.pieces.get(..self.n_pieces).unwrap_or_default()
    }

    /// Returns the number of pixels.
    #[inline(always)]
    pub fn pixels(&self) -> usize {
        self.pixels
    }

    /// Returns the elements from a pixel's inputs to the next one's.
    #[inline(always)]
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Returns the pixels from `first` on, at most `pixels` of them.
    #[inline(always)]
    #[must_use]
    pub fn range(&self, first: usize, pixels: usize) -> Self {
        let mut taps = Self::new(pixels.min(self.pixels.saturating_sub(first)), self.stride);
        for piece in self.pieces() {
            taps.push(Piece {
                k: piece.k,
                len: piece.len,
                x: piece.x.get(first * self.stride..).unwrap_or_default(),
            });
        }
        taps
    }

    /// Returns the inputs of a pixel with their places, in ascending `k`.
    #[inline(always)]
    pub fn inputs(&self, pixel: usize) -> impl Iterator<Item = (usize, X)> + '_
    where
        X: Copy,
    {
        self.pieces().iter().flat_map(move |piece| {
            let values = piece.x.iter().skip(pixel * self.stride).take(piece.len);
            values.enumerate().map(|(i, &x)| (piece.k + i, x))
        })
    }
}
