//! Tiles with a halo: how a picture is cut and put together again.
//!
//! Each tile is run as a picture of its own, core and halo, and only the core of the result is
//! kept. The scan sees the tile, not the picture, so that the geometry is part of a run's identity;
//! one tile that covers the picture gives the bits of the whole picture.

/// A rectangle of LR pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    /// Left column.
    pub x: usize,
    /// Top row.
    pub y: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// One tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// What is kept.
    pub core: Rect,
    /// What is run: the core and up to a halo on each side, inside the picture.
    pub padded: Rect,
}

/// The tiles of a picture, in raster order.
#[derive(Clone, Copy, Debug)]
pub struct TileGrid {
    width: usize,
    height: usize,
    tile: usize,
    halo: usize,
    next: usize,
}

impl TileGrid {
    /// Cuts a picture into cores of `tile` x `tile` pixels (less at the right and bottom) with a
    /// halo; a `tile` of 0 is taken as 1.
    pub fn new(width: usize, height: usize, tile: usize, halo: usize) -> Self {
        Self {
            width,
            height,
            tile: tile.max(1),
            halo,
            next: 0,
        }
    }

    /// Returns the number of tiles.
    pub fn count_tiles(&self) -> usize {
        self.width.div_ceil(self.tile) * self.height.div_ceil(self.tile)
    }

    /// Returns the width of the widest padded tile, for the memory plan.
    pub fn padded_width_max(&self) -> usize {
        self.width
            .min(self.tile.saturating_add(self.halo.saturating_mul(2)))
    }
}

impl Iterator for TileGrid {
    type Item = Tile;

    fn next(&mut self) -> Option<Tile> {
        if self.next >= self.count_tiles() {
            return None;
        }
        let columns = self.width.div_ceil(self.tile);
        let (row, column) = (self.next / columns, self.next % columns);
        self.next += 1;
        let (x, width, left, padded_width) = self.side(column, self.width);
        let (y, height, top, padded_height) = self.side(row, self.height);
        Some(Tile {
            core: Rect {
                x,
                y,
                width,
                height,
            },
            padded: Rect {
                x: left,
                y: top,
                width: padded_width,
                height: padded_height,
            },
        })
    }
}

impl TileGrid {
    /// Returns begin and length of the core and of the padded tile along one side.
    fn side(&self, index: usize, len: usize) -> (usize, usize, usize, usize) {
        let begin = index * self.tile;
        let end = len.min(begin + self.tile);
        let padded_begin = begin.saturating_sub(self.halo);
        let padded_end = len.min(end.saturating_add(self.halo));
        (begin, end - begin, padded_begin, padded_end - padded_begin)
    }
}

impl Tile {
    /// Copies the part of a magnified row of the padded tile that belongs to the core.
    ///
    /// * `y` - row of the magnified padded tile. * `row` - its pixels. * `picture` - the magnified
    ///   picture, rows of `stride` bytes. * `pixel_bytes` - channels. Rows outside the core are
    ///   dropped.
    pub fn stitch(
        &self,
        y: usize,
        row: &[u8],
        scale: usize,
        pixel_bytes: usize,
        picture: &mut [u8],
        stride: usize,
    ) {
        let top = (self.core.y - self.padded.y) * scale;
        if y < top || y >= top + self.core.height * scale {
            return;
        }
        let unit = scale * pixel_bytes;
        let from = (self.core.x - self.padded.x) * unit;
        let len = self.core.width * unit;
        let to = (self.core.y * scale + y - top) * stride + self.core.x * unit;
        if let (Some(to), Some(from)) = (picture.get_mut(to..to + len), row.get(from..from + len)) {
            to.copy_from_slice(from);
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Every pixel of the picture is in exactly one core, and each core in its padded tile.
        #[test]
        fn cores_partition(width in 1..40usize, height in 1..40usize, tile in 1..20usize, halo in 0..9usize) {
            let mut seen = std::vec![0u8; width * height];
            let grid = TileGrid::new(width, height, tile, halo);
            prop_assert_eq!(grid.count(), grid.count_tiles());
            for Tile { core, padded } in grid {
                prop_assert!(padded.x <= core.x && padded.y <= core.y);
                prop_assert!(padded.x + padded.width >= core.x + core.width);
                prop_assert!(padded.y + padded.height >= core.y + core.height);
                prop_assert!(padded.x + padded.width <= width && padded.y + padded.height <= height);
                prop_assert!(padded.width <= grid.padded_width_max());
                for y in core.y..core.y + core.height {
                    for x in core.x..core.x + core.width {
                        seen[y * width + x] += 1;
                    }
                }
            }
            prop_assert!(seen.iter().all(|&n| n == 1));
        }
    }

    #[test]
    fn a_tile_beyond_all_numbers_is_the_picture() {
        for (tile, halo) in [(usize::MAX, 1), (1, usize::MAX)] {
            assert_eq!(TileGrid::new(10, 9, tile, halo).padded_width_max(), 10);
        }
    }
}
