//! The inner loops of the matrix product in single precision: a tile of pixels times vectors of
//! outputs, whose sums stay in registers.

#![expect(
    unsafe_code,
    reason = "the inner loop reads and writes what was counted before it"
)]
#![expect(
    clippy::needless_range_loop,
    reason = "an index runs over several arrays of registers at once"
)]

use super::Piece;
use super::float_x86::{SHARED_MAX, SHARING};
use crate::num::simd::Simd;

/// The product of a panel with a block of inputs.
pub(super) struct Product<'a> {
    /// `[1 + inputs, own + shared, LANES]`.
    pub(super) panel: &'a [f32],
    /// Vectors of a pixel's own, at most four.
    pub(super) own: usize,
    /// Vectors that four pixels share, at most [`SHARED_MAX`], beside up to three own ones.
    pub(super) shared: usize,
    /// The first output.
    pub(super) first: usize,
    /// Inputs `k..k + len`.
    pub(super) block: Piece<'a, f32>,
    /// Whether the sums begin with the biases, not with what `out` has.
    pub(super) begins: bool,
    /// Elements from a pixel's inputs to the next one's.
    pub(super) stride: usize,
    /// Elements of a pixel of `out`.
    pub(super) outputs: usize,
    pub(super) pixels: usize,
}

impl Product<'_> {
    /// Adds the product to the sums of all pixels.
    #[inline(always)]
    pub(super) fn add<S: Simd>(&self, s: S, out: &mut [f32]) {
        if !self.is_held::<S>(out) {
            return;
        }
        let out = out.as_mut_ptr();
        let mut pixel = 0;
        if self.shared > 0 {
            // SAFETY: `is_held`.
            pixel = unsafe { self.shared_tiles(s, out) };
        }
        // The first shared vector begins with a pixel's whole part, so that pixels that are not
        // four take it as their own.
        let vectors = self.own + self.shared.min(1);
        match vectors {
            // SAFETY: `is_held`; the pixels from `pixel` on are left.
            1 => unsafe { self.tiles::<S, 1>(s, pixel, out) },
            // SAFETY: as above.
            2 => unsafe { self.tiles::<S, 2>(s, pixel, out) },
            // SAFETY: as above.
            3 => unsafe { self.tiles::<S, 3>(s, pixel, out) },
            // SAFETY: as above.
            _ => unsafe { self.tiles::<S, 4>(s, pixel, out) },
        }
    }

    /// Returns the numbers of a row of the panel.
    #[inline(always)]
    fn row_len<S: Simd>(&self) -> usize {
        (self.own + self.shared) * S::LANES
    }

    /// Returns the outputs of the panel that are not in `own` vectors.
    #[inline(always)]
    fn left<S: Simd>(&self, own: usize) -> usize {
        self.outputs.saturating_sub(self.first + own * S::LANES)
    }

    /// Tells whether the panel, the inputs and the outputs hold what the tiles touch.
    #[inline(always)]
    fn is_held<S: Simd>(&self, out: &[f32]) -> bool {
        let Some(last) = self.pixels.checked_sub(1) else {
            return false;
        };
        let vectors = self.own + self.shared.min(1);
        let left = self.left::<S>(vectors - vectors.min(1));
        (1..=4).contains(&vectors)
            && left > 0
            && (self.shared == 0 || left * SHARING <= self.shared * S::LANES)
            && (self.block.k + self.block.len + 1) * self.row_len::<S>() <= self.panel.len()
            && self.pixels * self.outputs <= out.len()
            && last * self.stride + self.block.len <= self.block.x.len()
    }

    /// Adds the product to the sums of the pixels from `pixel` on, each with `V` vectors of its
    /// own.
    ///
    /// # Safety
    /// `is_held` of the slice at `out`, and `pixel <= pixels`; `V` is `own`, or one more where
    /// vectors are shared.
    #[inline(always)]
    unsafe fn tiles<S: Simd, const V: usize>(&self, s: S, mut pixel: usize, out: *mut f32) {
        let tile = const { S::TILE[V - 1] };
        while pixel < self.pixels {
            pixel += match self.pixels - pixel {
                // SAFETY: so many pixels are left, here and below.
                8.. if tile == 8 => unsafe { self.tile::<S, 8, V>(s, pixel, out) },
                // SAFETY: as above.
                6.. if tile == 6 => unsafe { self.tile::<S, 6, V>(s, pixel, out) },
                // SAFETY: as above.
                4.. => unsafe { self.tile::<S, 4, V>(s, pixel, out) },
                // SAFETY: as above.
                2.. => unsafe { self.tile::<S, 2, V>(s, pixel, out) },
                // SAFETY: as above.
                _ => unsafe { self.tile::<S, 1, V>(s, pixel, out) },
            };
        }
    }

    /// Adds the product to the sums of `P` pixels; returns `P`.
    ///
    /// # Safety
    /// As [`Product::tiles`], and `pixel + P <= pixels`.
    #[inline(always)]
    unsafe fn tile<S: Simd, const P: usize, const V: usize>(
        &self,
        s: S,
        pixel: usize,
        out: *mut f32,
    ) -> usize {
        let front = s.front(self.left::<S>(V - 1));
        let out = out.wrapping_add(pixel * self.outputs + self.first);
        let mut sums = [[s.splat(0.0); V]; P];
        // SAFETY: a row begins with V vectors.
        let biases = unsafe { read_vectors(s, self.panel.as_ptr()) };
        for (p, sums) in sums.iter_mut().enumerate() {
            *sums = biases;
            if !self.begins {
                let from = out.wrapping_add(p * self.outputs);
                // SAFETY: the pixel has V vectors of outputs, the last one of `front`.
                unsafe { read_row(s, from, front, sums) };
            }
        }
        let (mut w, mut x) = self.begin::<S>(pixel);
        for _ in 0..self.block.len {
            // SAFETY: a row begins with V vectors.
            let weights: [S::V; V] = unsafe { read_vectors(s, w) };
            for (p, sums) in sums.iter_mut().enumerate() {
                // SAFETY: `x` has `len` inputs of each pixel.
                let x = s.splat(unsafe { *x.wrapping_add(p * self.stride) });
                for (sum, &w) in sums.iter_mut().zip(&weights) {
                    *sum = s.fma(w, x, *sum);
                }
            }
            w = w.wrapping_add(self.row_len::<S>());
            x = x.wrapping_add(1);
        }
        for (p, sums) in sums.iter().enumerate() {
            // SAFETY: as where they are read.
            unsafe { write_row(s, out.wrapping_add(p * self.outputs), front, sums) };
        }
        P
    }

    /// Returns where the weights of the block's first input and that input of `pixel` lie.
    #[inline(always)]
    fn begin<S: Simd>(&self, pixel: usize) -> (*const f32, *const f32) {
        let row = (self.block.k + 1) * self.row_len::<S>();
        let x = self.block.x.as_ptr().wrapping_add(pixel * self.stride);
        (self.panel.as_ptr().wrapping_add(row), x)
    }

    /// Adds the product to the sums of all pixels but the last that are not four; returns how many.
    ///
    /// # Safety
    /// `is_held` of the slice at `out`, with shared vectors.
    #[inline(always)]
    unsafe fn shared_tiles<S: Simd>(&self, s: S, out: *mut f32) -> usize {
        match self.own {
            // SAFETY: the promise.
            1 => unsafe { self.shared_tiles_beside::<S, 1>(s, out) },
            // SAFETY: the promise.
            2 => unsafe { self.shared_tiles_beside::<S, 2>(s, out) },
            // SAFETY: the promise.
            3 => unsafe { self.shared_tiles_beside::<S, 3>(s, out) },
            _ => 0,
        }
    }

    /// As [`Product::shared_tiles`].
    ///
    /// # Safety
    /// As there, and `V` is `own`.
    #[inline(always)]
    unsafe fn shared_tiles_beside<S: Simd, const V: usize>(&self, s: S, out: *mut f32) -> usize {
        match self.shared {
            // SAFETY: the promise.
            1 => unsafe { self.shared_tiles_of::<S, V, 1>(s, out) },
            // SAFETY: the promise.
            SHARED_MAX => unsafe { self.shared_tiles_of::<S, V, SHARED_MAX>(s, out) },
            _ => 0,
        }
    }

    /// As [`Product::shared_tiles`].
    ///
    /// # Safety
    /// As there, and `V` is `own` and `J` is `shared`.
    #[inline(always)]
    unsafe fn shared_tiles_of<S: Simd, const V: usize, const J: usize>(
        &self,
        s: S,
        out: *mut f32,
    ) -> usize {
        let mut pixel = 0;
        loop {
            pixel += match (self.pixels - pixel) / SHARING {
                0 => return pixel,
                // SAFETY: so many pixels are left.
                2.. if const { V < S::SHARED_TILE } => unsafe {
                    self.shared_tile::<S, 2, V, J>(s, pixel, out)
                },
                // SAFETY: so many pixels are left.
                _ => unsafe { self.shared_tile::<S, 1, V, J>(s, pixel, out) },
            };
        }
    }

    /// Adds the product to the sums of `4 Q` pixels with `V` vectors of their own, of which four
    /// share `J`; returns `4 Q`.
    ///
    /// # Safety
    /// As [`Product::shared_tiles_of`], and `pixel + 4 Q <= pixels`.
    #[inline(always)]
    unsafe fn shared_tile<S: Simd, const Q: usize, const V: usize, const J: usize>(
        &self,
        s: S,
        pixel: usize,
        out: *mut f32,
    ) -> usize {
        let out = out.wrapping_add(pixel * self.outputs + self.first);
        let spans = Spans::<S, J>::new(s, self.left::<S>(V));
        let panel = self.panel.as_ptr();
        // SAFETY: a row has V vectors.
        let biases: [S::V; V] = unsafe { read_vectors(s, panel) };
        // SAFETY: and then J vectors.
        let shared_biases: [S::V; J] = unsafe { read_vectors(s, panel.wrapping_add(V * S::LANES)) };
        let mut own = [[biases; SHARING]; Q];
        let mut shared = [shared_biases; Q];
        if !self.begins {
            for q in 0..Q {
                let row = |p| out.wrapping_add((q * SHARING + p) * self.outputs);
                for p in 0..SHARING {
                    // SAFETY: the pixel has V whole vectors of outputs.
                    own[q][p] = unsafe { read_vectors(s, row(p)) };
                    // SAFETY: and then those that are left.
                    unsafe { spans.read(s, row(p).wrapping_add(V * S::LANES), p, &mut shared[q]) };
                }
            }
        }
        let (mut w, mut x) = self.begin::<S>(pixel);
        for _ in 0..self.block.len {
            // SAFETY: a row has V vectors.
            let weights: [S::V; V] = unsafe { read_vectors(s, w) };
            // SAFETY: and then J vectors.
            let of_shared: [S::V; J] = unsafe { read_vectors(s, w.wrapping_add(V * S::LANES)) };
            for q in 0..Q {
                let mut inputs = [s.splat(0.0); SHARING];
                for p in 0..SHARING {
                    let x = x.wrapping_add((q * SHARING + p) * self.stride);
                    // SAFETY: `x` has `len` inputs of each pixel.
                    inputs[p] = s.splat(unsafe { *x });
                    for v in 0..V {
                        own[q][p][v] = s.fma(weights[v], inputs[p], own[q][p][v]);
                    }
                }
                for j in 0..J {
                    let x = spans.spread(s, j, &inputs);
                    shared[q][j] = s.fma(of_shared[j], x, shared[q][j]);
                }
            }
            w = w.wrapping_add(self.row_len::<S>());
            x = x.wrapping_add(1);
        }
        for q in 0..Q {
            for p in 0..SHARING {
                let to = out.wrapping_add((q * SHARING + p) * self.outputs);
                // SAFETY: the pixel has V whole vectors of outputs.
                unsafe { write_vectors(s, to, &own[q][p]) };
                // SAFETY: and then those that are left.
                unsafe { spans.write(s, to.wrapping_add(V * S::LANES), p, &shared[q]) };
            }
        }
        SHARING * Q
    }
}

/// The lanes of four pixels in `J` vectors: of each pixel `J` quarters.
struct Spans<S: Simd, const J: usize> {
    /// The outputs of a pixel in a vector, no lanes where it has none there.
    outputs: [[S::Mask; SHARING]; J],
    /// The lanes of a vector from a pixel's first on.
    from: [[S::Mask; SHARING]; J],
}

impl<S: Simd, const J: usize> Spans<S, J> {
    /// Lanes of a pixel.
    const LEN: usize = J * S::LANES / SHARING;

    /// Takes pixels of `left` outputs, at most [`Self::LEN`].
    #[inline(always)]
    fn new(s: S, left: usize) -> Self {
        let mut spans = Self {
            outputs: [[s.front(0); SHARING]; J],
            from: [[s.front(0); SHARING]; J],
        };
        for j in 0..J {
            for p in 0..SHARING {
                let lane = |output: usize| (p * Self::LEN + output).saturating_sub(j * S::LANES);
                spans.outputs[j][p] = s.between(lane(0), lane(left));
                spans.from[j][p] = s.between(lane(0), S::LANES);
            }
        }
        spans
    }

    /// Tells whether a pixel has lanes in a vector.
    #[inline(always)]
    fn meet(j: usize, p: usize) -> bool {
        p * Self::LEN < (j + 1) * S::LANES && (p + 1) * Self::LEN > j * S::LANES
    }

    /// Returns each pixel's input in its lanes of a vector.
    #[inline(always)]
    fn spread(&self, s: S, j: usize, inputs: &[S::V; SHARING]) -> S::V {
        let first = j * S::LANES / Self::LEN;
        let mut x = inputs[first];
        for p in first + 1..SHARING {
            if Self::meet(j, p) {
                x = s.blend(self.from[j][p], inputs[p], x);
            }
        }
        x
    }

    /// Reads the outputs of a pixel into its lanes.
    ///
    /// # Safety
    /// They can be read at `from`.
    #[inline(always)]
    unsafe fn read(&self, s: S, from: *const f32, p: usize, vectors: &mut [S::V; J]) {
        for j in 0..J {
            if Self::meet(j, p) {
                let from = from.wrapping_add(j * S::LANES).wrapping_sub(p * Self::LEN);
                // SAFETY: the promise: the mask has lanes of the pixel's outputs only.
                let values = unsafe { s.read_masked(from, self.outputs[j][p]) };
                vectors[j] = s.blend(self.outputs[j][p], values, vectors[j]);
            }
        }
    }

    /// Writes the outputs of a pixel.
    ///
    /// # Safety
    /// They can be written at `to`.
    #[inline(always)]
    unsafe fn write(&self, s: S, to: *mut f32, p: usize, vectors: &[S::V; J]) {
        for j in 0..J {
            if Self::meet(j, p) {
                let to = to.wrapping_add(j * S::LANES).wrapping_sub(p * Self::LEN);
                // SAFETY: the promise: the mask has lanes of the pixel's outputs only.
                unsafe { s.write_masked(to, self.outputs[j][p], vectors[j]) };
            }
        }
    }
}

/// Returns `N` vectors.
///
/// # Safety
/// They can be read at `from`.
#[inline(always)]
unsafe fn read_vectors<S: Simd, const N: usize>(s: S, from: *const f32) -> [S::V; N] {
    let mut vectors = [s.splat(0.0); N];
    for (n, v) in vectors.iter_mut().enumerate() {
        // SAFETY: the promise.
        *v = unsafe { s.read(from.wrapping_add(n * S::LANES)) };
    }
    vectors
}

/// Writes vectors.
///
/// # Safety
/// They can be written at `to`.
#[inline(always)]
unsafe fn write_vectors<S: Simd>(s: S, to: *mut f32, vectors: &[S::V]) {
    for (n, &v) in vectors.iter().enumerate() {
        // SAFETY: the promise.
        unsafe { s.write(to.wrapping_add(n * S::LANES), v) };
    }
}

/// Reads the sums of a pixel.
///
/// # Safety
/// All but the last vector and the lanes `front` of the last can be read at `from`.
#[inline(always)]
unsafe fn read_row<S: Simd, const V: usize>(
    s: S,
    from: *const f32,
    front: S::Mask,
    sums: &mut [S::V; V],
) {
    for (v, sum) in sums.iter_mut().enumerate() {
        let from = from.wrapping_add(v * S::LANES);
        *sum = if v + 1 < V {
            // SAFETY: the promise.
            unsafe { s.read(from) }
        } else {
            // SAFETY: the promise.
            unsafe { s.read_masked(from, front) }
        };
    }
}

/// Writes the sums of a pixel.
///
/// # Safety
/// All but the last vector and the lanes `front` of the last can be written at `to`.
#[inline(always)]
unsafe fn write_row<S: Simd, const V: usize>(s: S, to: *mut f32, front: S::Mask, sums: &[S::V; V]) {
    for (v, &sum) in sums.iter().enumerate() {
        let to = to.wrapping_add(v * S::LANES);
        if v + 1 < V {
            // SAFETY: the promise.
            unsafe { s.write(to, sum) };
        } else {
            // SAFETY: the promise.
            unsafe { s.write_masked(to, front, sum) };
        }
    }
}
