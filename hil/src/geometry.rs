//! How a picture is cut into jobs, and whether a board has the memory for them.

use std::path::Path;

pub use mambalite::fit::HALO as HALO_DEFAULT;
use mambalite::fit::memory::SIDE_MAX;
pub use mambalite::fit::memory::{arena_needed, width_max};
use mambalite::upscale::Executor;
use mambalite_kernels::{Model, TileGrid};

use crate::backend::Wanted;
use crate::board::Board;
use crate::error::{Error, Result};

/// Sides of suggested tiles are multiples of this, LR pixels.
const TILE_STEP: usize = 8;

/// Returns the tiles of a picture of `width` x `height` LR pixels; one where it goes as a whole.
#[must_use]
pub fn tiles(width: usize, height: usize, executor: Executor) -> TileGrid {
    match executor {
        Executor::Stream => TileGrid::new(width, height, width.max(height), 0),
        Executor::Patch { tile, halo } => TileGrid::new(width, height, tile, halo),
    }
}

/// Checks that a board can take every job of a picture.
///
/// # Errors
/// [`Error::ArenaTooSmall`] with the missing bytes and a tile that fits, [`Error::Unfit`] when
/// no tile fits or a job is too large for the wire.
pub fn check(
    board: &Board,
    model: &Model<'_>,
    picture: &Path,
    (width, height): (usize, usize),
    executor: Executor,
) -> Result<()> {
    for tile in tiles(width, height, executor) {
        if tile.padded.width.max(tile.padded.height) > SIDE_MAX {
            let cause = format!(
                "a job has at most {SIDE_MAX} pixels a side; use --executor patch --tile N"
            );
            return Err(Error::Unfit {
                path: picture.to_owned(),
                cause,
            });
        }
    }
    // A GPU has memory of its own; what fits it only its driver knows.
    if board.backend == Wanted::Cuda {
        return Ok(());
    }
    let widest = tiles(width, height, executor).padded_width_max();
    let needed = arena_needed(model, widest);
    let available = board.arena_bytes as usize;
    if needed <= available {
        return Ok(());
    }
    let halo = match executor {
        Executor::Stream => HALO_DEFAULT,
        Executor::Patch { halo, .. } => halo,
    };
    match tile_max(model, available, halo) {
        0 => Err(Error::Unfit {
            path: picture.to_owned(),
            cause: format!(
                "the arena of `{}` lacks {} bytes, and no tile with a halo of {halo} fits",
                board.name,
                needed - available
            ),
        }),
        tile => Err(Error::ArenaTooSmall {
            board: board.name.clone(),
            width: widest,
            height,
            needed,
            available,
            tile,
        }),
    }
}

/// Returns the largest good side of a tile whose padded rows fit `available` bytes, 0 where none
/// does.
#[must_use]
pub fn tile_max(model: &Model<'_>, available: usize, halo: usize) -> usize {
    let fits = width_max(model, available);
    let tile = fits.saturating_sub(halo.saturating_mul(2));
    if tile < TILE_STEP {
        tile
    } else {
        tile / TILE_STEP * TILE_STEP
    }
}
