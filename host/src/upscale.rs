//! Pictures through the network on this machine.

use mambalite_kernels::{Config, ExecError, Model, NoTap, Plan, Tap, TileGrid, Upscaler};

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
    let config = model.config();
    if picture.channels() != config.channels {
        return Err(Error::Channels {
            found: picture.channels(),
            expected: config.channels,
        });
    }
    let (width, height, channels) = (picture.width(), picture.height(), config.channels);
    let (tile, halo) = match executor {
        Executor::Stream => (width.max(height), 0),
        Executor::Patch { tile, halo } => (tile, halo),
    };
    let grid = TileGrid::new(width, height, tile, halo);
    let plan = Plan::new(model, grid.padded_width_max());
    let mut arena = vec![0; plan.arena_bytes / size_of::<u64>()];
    let stride = width * config.scale * channels;
    let mut out = vec![0; stride * height * config.scale];
    for tile in grid {
        let padded = tile.padded;
        let mut run = Upscaler::new(model, padded.width, padded.height, &mut arena)?;
        for y in padded.y..padded.y + padded.height {
            let row =
                &picture.data()[(y * width + padded.x) * channels..][..padded.width * channels];
            run.push_row(row, tap, &mut |y, row: &[u8]| {
                tile.stitch(y, row, config.scale, channels, &mut out, stride);
            })?;
            progress(1);
        }
    }
    Picture::new(width * config.scale, height * config.scale, channels, out)
}

impl From<ExecError> for Error {
    fn from(cause: ExecError) -> Self {
        Self::Run { cause }
    }
}
