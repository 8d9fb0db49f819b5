//! Which networks a board has the memory and the time for, before anything runs.
//!
//! Memory is exact: the arena is what the kernels' plan says and what the firmware checks a job
//! against. Time is a prediction from counted instructions. Where nothing fits, [`knobs`] says what is
//! missing and what each knob would buy.

pub mod board;
pub mod counts;
pub mod emit;
pub mod knobs;
pub mod measured;
pub mod memory;
pub mod shape;
#[cfg(test)]
mod tests;
pub mod text;

use std::path::PathBuf;

use mambalite_firmware_board_facts::FactsError;
pub use mambalite_kernels::exec::plan::STACK_BYTES;
use mambalite_kernels::{Precision, TileGrid};
use serde::Serialize;

use self::board::{Board, Division};
use self::counts::Counts;
use self::knobs::{Knob, knobs};
use self::measured::Measured;
use self::memory::{arena_needed, width_max};
use crate::model_file::ModelFile;
use crate::{Error, Result, registry};

/// Margin of a tile, LR pixels: that of the harness where none is given.
pub const HALO: usize = 8;
/// Least width of the strips that a picture is cut into: a tile of eight LR pixels and its margins.
pub const TILE_WIDTH_MIN: usize = 8 + 2 * HALO;
/// Flash is given to a program in pieces of this size, bytes: most chips erase no smaller ones.
pub const PAGE_BYTES: usize = 4096;
/// Widths of the strips that are shown beside the picture's and the widest that fits.
const WIDTHS: [usize; 5] = [24, 32, 48, 64, 128];

/// Why it cannot be said what fits, or that nothing does.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// No board of this name.
    #[error(
        "find the board `{name}`: there is none; name {}, or state a memory by --flash, --ram and --core",
        known_boards(known)
    )]
    UnknownBoard {
        /// The name.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// A board file that cannot be used.
    #[error("use `{}`: {cause}", path.display())]
    Facts {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: FactsError,
    },
    /// A board file that cannot be edited.
    #[error("edit `{}`: {cause}", path.display())]
    Edit {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: toml_edit::TomlError,
    },
    /// A computer has no memory map.
    #[error(
        "fit `{}`: it is a computer with Linux, whose memory is the system's; name a microcontroller",
        path.display()
    )]
    Computer {
        /// The file.
        path: PathBuf,
    },
    /// No program of a core was measured.
    #[error(
        "divide the flash of a `{core}`: the program was measured for cortex-m4f and cortex-m7 only; \
         state its bytes by --program"
    )]
    Unmeasured {
        /// The core.
        core: String,
    },
    /// A memory is too small for what is to be in it.
    #[error("divide {what} of {length} bytes: {taken} are taken, which leaves nothing; state less")]
    Division {
        /// The memory.
        what: &'static str,
        /// Its bytes.
        length: usize,
        /// Bytes of what is to be in it.
        taken: usize,
    },
    /// Stated memory has no file to be changed.
    #[error("emit a configuration: stated memory has no board.toml; name a board by --board")]
    NoFile,
    /// Nothing fits.
    #[error("fit `{board}`: no model does; {nearest}")]
    Nothing {
        /// The board.
        board: String,
        /// What the nearest one lacks.
        nearest: String,
    },
}

impl From<FitError> for Error {
    fn from(cause: FitError) -> Self {
        Self::Fit { cause }
    }
}

/// What is to fit.
#[derive(Debug)]
pub struct Order<'a> {
    /// The board.
    pub board: &'a Board,
    /// Names of shipped models, and model files.
    pub models: Vec<String>,
    /// Precisions of shipped models; a file has its own. Where none is named all are looked at, and the
    /// best is one that the board's firmware is built for.
    pub precisions: Vec<Precision>,
    /// Width and height of the picture, LR pixels.
    pub picture: (usize, usize),
    /// Milliseconds of the picture, at most.
    pub milliseconds: Option<f64>,
    /// Clock of the core, hertz; that of the board where there is none.
    pub clock_hz: Option<u32>,
}

/// A network in strips of a width on a board.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Name of a shipped model, or its file.
    pub model: String,
    /// Its number format.
    pub precision: String,
    /// The same.
    #[serde(skip)]
    pub kind: Precision,
    /// Width of a job, LR pixels.
    pub width: usize,
    /// Side of the tiles that the picture is cut into for it; nothing where it goes as a whole.
    pub tile: Option<usize>,
    /// Flash of the model, bytes.
    pub flash_bytes: usize,
    /// Flash that is missing, bytes.
    pub flash_missing_bytes: usize,
    /// Working memory, bytes.
    pub arena_bytes: usize,
    /// Working memory that is missing, bytes.
    pub arena_missing_bytes: usize,
    /// The most of the stack that was measured of such firmware, bytes.
    pub stack_bytes: Option<usize>,
    /// Stack that is missing, bytes.
    pub stack_missing_bytes: usize,
    /// Predicted instructions of an LR row of the picture.
    pub instructions_per_row: Option<f64>,
    /// Predicted milliseconds of the picture, at an instruction a cycle.
    pub milliseconds: Option<f64>,
    /// Luma PSNR on Set5, dB, of a shipped model.
    pub psnr_y: Option<f64>,
    /// Whether all of it fits the memory, and the time where it is limited.
    pub fits: bool,
    /// Whether the board's firmware is built for the precision as it is.
    pub built: bool,
}

/// What fits a board.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The board.
    pub board: String,
    /// Whether it is a memory that no board file describes.
    pub stated: bool,
    /// Its core.
    pub core: String,
    /// Its memory.
    pub memory: Division,
    /// Clock that times are predicted for, hertz.
    pub clock_hz: Option<u32>,
    /// Width and height of the picture, LR pixels.
    pub picture: (usize, usize),
    /// All that was looked at.
    pub rows: Vec<Row>,
    /// The best of those that fit: the highest PSNR, then the least time.
    pub best: Option<Row>,
    /// Where nothing fits: the network that lacks least.
    pub nearest: Option<Row>,
    /// What would make it fit.
    pub knobs: Vec<Knob>,
}

/// Says which networks fit a board.
///
/// # Errors
/// Those of [`registry::load`].
pub fn fit(order: &Order<'_>) -> Result<Report> {
    let mut rows = Vec::new();
    let mut files = Vec::new();
    for name in &order.models {
        let precisions = match order.precisions.is_empty() {
            true => &Precision::ALL,
            false => &order.precisions[..],
        };
        for (precision, psnr_y) in known(name, precisions) {
            let file = registry::load(name, precision)?;
            rows.extend(rows_of(order, name, &file, psnr_y));
            files.push((name.clone(), file));
        }
    }
    let named = !order.precisions.is_empty();
    let fitting = rows.iter().filter(|it| it.fits && (it.built || named));
    let best = fitting.max_by(|a, b| better(a, b)).cloned();
    let lacks = |row: &&Row| row.flash_missing_bytes + row.arena_missing_bytes;
    let nearest = rows.iter().filter(|_| best.is_none()).min_by_key(lacks);
    let nearest = nearest.cloned();
    let file_of = |row: &Row| {
        let of_row = |(name, file): &&(String, ModelFile)| {
            *name == row.model && file.model().precision() == row.kind
        };
        files.iter().find(of_row).map(|(_, file)| file)
    };
    let knobs = nearest.as_ref().and_then(|row| {
        let file = file_of(row)?;
        Some(knobs(order.board, row, &file.model()))
    });
    Ok(Report {
        board: order.board.name.clone(),
        stated: order.board.file.is_none(),
        core: order.board.core.clone(),
        memory: order.board.division,
        clock_hz: order.clock_hz.or(order.board.clock_hz),
        picture: order.picture,
        rows,
        best,
        nearest,
        knobs: knobs.unwrap_or_default(),
    })
}

/// Returns what a name stands for: a shipped model in precisions with the PSNR of each, or a file.
fn known(name: &str, precisions: &[Precision]) -> Vec<(Option<Precision>, Option<f64>)> {
    match registry::SHIPPED.iter().find(|it| it.name == name) {
        None => vec![(None, None)],
        Some(shipped) => {
            let each = precisions.iter();
            each.map(|&it| (Some(it), Some(shipped.psnr_y(it))))
                .collect()
        }
    }
}

/// Returns the rows of a model: strips of several widths.
fn rows_of(order: &Order<'_>, name: &str, file: &ModelFile, psnr_y: Option<f64>) -> Vec<Row> {
    let model = file.model();
    let (picture_width, _) = order.picture;
    let widest = width_max(&model, order.board.division.arena_bytes);
    let narrower = WIDTHS.into_iter().chain([widest]);
    let narrower = narrower.filter(|&it| (TILE_WIDTH_MIN..picture_width).contains(&it));
    let mut widths: Vec<usize> = narrower.chain([picture_width]).collect();
    widths.sort_unstable();
    widths.dedup();
    let precision = model.precision();
    let counts = Counts::of(&order.board.core, precision);
    let per_pixel = counts.and_then(|it| it.per_pixel(&model));
    let rows = widths.into_iter();
    rows.map(|width| row(order, (name, file), (psnr_y, per_pixel), width))
        .collect()
}

fn row(
    order: &Order<'_>,
    (name, file): (&str, &ModelFile),
    (psnr_y, per_pixel): (Option<f64>, Option<f64>),
    width: usize,
) -> Row {
    let (model, division) = (file.model(), &order.board.division);
    let precision = model.precision();
    let (picture_width, picture_height) = order.picture;
    let tile = (width < picture_width).then(|| width - 2 * HALO);
    let grid = match tile {
        Some(tile) => TileGrid::new(picture_width, picture_height, tile, HALO),
        None => TileGrid::new(
            picture_width,
            picture_height,
            picture_width.max(picture_height),
            0,
        ),
    };
    let pixels: usize = grid.map(|it| it.padded.width * it.padded.height).sum();
    let instructions = per_pixel.map(|it| it * pixels as f64);
    let clock = order.clock_hz.or(order.board.clock_hz);
    let milliseconds = instructions.zip(clock);
    let milliseconds = milliseconds.map(|(count, hz)| count / f64::from(hz) * 1e3);
    let (flash_bytes, arena_bytes) = (model.bytes_len(), arena_needed(&model, width));
    let measured = Measured::of(&order.board.core, precision);
    let stack_bytes = measured.and_then(|it| it.stack_bytes);
    let missing = |needed: usize, there: usize| needed.saturating_sub(there);
    let flash_missing_bytes = missing(flash_bytes, division.model_bytes(precision));
    let arena_missing_bytes = missing(arena_bytes, division.arena_bytes);
    let stack_missing_bytes = missing(stack_bytes.unwrap_or(0), division.stack_bytes);
    let in_time = order
        .milliseconds
        .is_none_or(|limit| milliseconds.is_some_and(|it| it <= limit));
    Row {
        model: name.to_owned(),
        precision: precision.to_string(),
        kind: precision,
        width,
        tile,
        flash_bytes,
        flash_missing_bytes,
        arena_bytes,
        arena_missing_bytes,
        stack_bytes,
        stack_missing_bytes,
        instructions_per_row: instructions.map(|it| it / picture_height as f64),
        milliseconds,
        psnr_y,
        fits: flash_missing_bytes + arena_missing_bytes + stack_missing_bytes == 0 && in_time,
        built: order.board.precisions.contains(&precision),
    }
}

/// Compares two rows that fit: the better one is the greater.
fn better(a: &Row, b: &Row) -> core::cmp::Ordering {
    let quality = |row: &Row| row.psnr_y.unwrap_or(f64::NEG_INFINITY);
    // Without a clock the wider strips, with fewer margins, take less time.
    let time = |row: &Row| row.milliseconds.unwrap_or(-(row.width as f64));
    let by_quality = quality(a).total_cmp(&quality(b));
    by_quality.then(time(b).total_cmp(&time(a)))
}

fn known_boards(known: &[String]) -> String {
    match known.is_empty() {
        true => "a board.toml, as there is no folder firmware/boards here or above".to_owned(),
        false => format!("one of {}", known.join(", ")),
    }
}
