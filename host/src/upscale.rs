//! Pictures through the network on this machine.

use mambalite_kernels::{Config, ExecError, Model, NoTap, Plan, Tap, Tile, TileGrid, Upscaler};

use crate::picture::{Color, Picture};
use crate::{Error, Result};

/// How a picture goes through the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Executor {
    /// Row by row, as one picture.
    Stream,
    /// In tiles, each with a halo.
    Patch {
        /// Side of a tile's core in LR pixels.
        tile: usize,
        /// Pixels around the core that are run with it.
        halo: usize,
    },
}

/// Returns the colours in which a network takes its pictures.
pub fn color(config: &Config) -> Color {
    if config.channels == 1 {
        Color::Gray
    } else {
        Color::Rgb
    }
}

/// Magnifies a picture.
///
/// # Errors
/// [`Error::Channels`] for a picture of other channels than the network's; [`Error::Run`] when
/// its size cannot be run.
pub fn upscale(model: &Model<'_>, picture: &Picture, executor: Executor) -> Result<Picture> {
    upscale_with(model, picture, executor, &mut NoTap, &mut |_| ())
}

/// Magnifies a picture, shows a tap every layer and reports how many LR rows are done.
///
/// # Errors
/// As [`upscale`].
pub fn upscale_with(
    model: &Model<'_>,
    picture: &Picture,
    executor: Executor,
    tap: &mut impl Tap,
    progress: &mut impl FnMut(usize),
) -> Result<Picture> {
    check_channels(model, picture)?;
    let (width, height, channels) = (picture.width(), picture.height(), picture.channels());
    let scale = model.config().scale;
    let grid = grid(width, height, executor);
    let plan = Plan::new(model, grid.padded_width_max());
    let mut arena = vec![0; plan.arena_bytes / size_of::<u64>()];
    let stride = width * scale * channels;
    let mut out = vec![0; stride * height * scale];
    for tile in grid {
        run_tile(model, picture, &tile, &mut arena, tap, &mut |y, row| {
            // The last of the rows that an LR row becomes.
            if (y + 1).is_multiple_of(scale) {
                progress(1);
            }
            tile.stitch(y, row, scale, channels, &mut out, stride);
        })?;
    }
    Picture::new(width * scale, height * scale, channels, out)
}

/// Returns the pieces in which an executor runs a picture: one, or tiles.
pub fn grid(width: usize, height: usize, executor: Executor) -> TileGrid {
    let (tile, halo) = match executor {
        Executor::Stream => (width.max(height), 0),
        Executor::Patch { tile, halo } => (tile, halo),
    };
    TileGrid::new(width, height, tile, halo)
}

/// Checks that a picture has the network's channels.
pub(crate) fn check_channels(model: &Model<'_>, picture: &Picture) -> Result<()> {
    let (found, expected) = (picture.channels(), model.config().channels);
    match found == expected {
        true => Ok(()),
        false => Err(Error::Channels { found, expected }),
    }
}

/// Runs one tile as a picture of its own.
///
/// * `arena` - as long as the plan for the tile's width says. * `sink` - gets each magnified row of
///   the padded tile.
pub(crate) fn run_tile(
    model: &Model<'_>,
    picture: &Picture,
    tile: &Tile,
    arena: &mut [u64],
    tap: &mut impl Tap,
    sink: &mut impl FnMut(usize, &[u8]),
) -> core::result::Result<(), ExecError> {
    let (padded, channels) = (tile.padded, picture.channels());
    let mut run = Upscaler::new(model, padded.width, padded.height, arena)?;
    for y in padded.y..padded.y + padded.height {
        let from = (y * picture.width() + padded.x) * channels;
        let row = &picture.data()[from..][..padded.width * channels];
        run.push_row(row, tap, sink)?;
    }
    Ok(())
}

impl From<ExecError> for Error {
    fn from(cause: ExecError) -> Self {
        Self::Run { cause }
    }
}
