//! `mambalite fit`: which networks a board has the memory and the time for.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use mambalite::fit::board::{Board, Change, Stated};
use mambalite::fit::emit::configuration;
use mambalite::fit::{FitError, Order, Report, fit};
use mambalite::{Error, Result, atomic_file, registry};
use mambalite_kernels::Precision;

use super::network::precision_parser;
use super::output::{Output, refuse_missing_folder};

const EXAMPLES: &str = "\
Examples:
  mambalite fit --board qemu-mps2-an386-small
  mambalite fit --board firmware/boards/acme/board.toml --picture 160x120 --milliseconds 4000
  mambalite fit --flash 256K --ram 64K --core cortex-m4f
  mambalite fit --board acme --stack 16K --model mine.mls --json
  mambalite fit --board acme --emit firmware/boards/acme/board.toml

The board's file gets arena, stack, precisions and model region of the best choice; all else stays in it.
Exit code 2 where nothing fits: the last lines say what is missing, and what each knob would buy.";

/// Says which models, precisions and strip widths fit a board's flash, RAM and stack, and which of
/// those is the best within a time.
///
/// Flash and arena are exact: the kernels plan their memory before they run. Time is predicted from
/// counted instructions, at one a cycle. The best is the highest PSNR on Set5, then the least time.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Cmd {
    /// Board of this repository, or a board.toml.
    #[arg(long, value_name = "NAME|FILE", required_unless_present = "flash")]
    board: Option<String>,
    /// Flash of a part that has no board.toml, as 256K.
    #[arg(long, value_name = "BYTES", value_parser = bytes, conflicts_with = "board",
          requires_all = ["ram", "core"])]
    flash: Option<usize>,
    /// Its RAM.
    #[arg(long, value_name = "BYTES", value_parser = bytes, requires = "flash")]
    ram: Option<usize>,
    /// Its core, as cortex-m4f.
    #[arg(long, value_name = "NAME", requires = "flash")]
    core: Option<String>,
    /// Its RAM for variables and the buffers of its line [default: 8K].
    #[arg(long, value_name = "BYTES", value_parser = bytes, requires = "flash")]
    variables: Option<usize>,
    /// Flash for the program instead of what the board says; the model gets the rest.
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    program: Option<usize>,
    /// Stack instead of what the board says; the arena gets the rest [with --flash: 24K].
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    stack: Option<usize>,
    /// Shipped model, or a model file; several are compared [default: all shipped ones].
    #[arg(long = "model", value_name = "NAME|FILE")]
    models: Vec<String>,
    /// Number format of shipped models; several are compared [default: all, of which the best is one that
    /// the board's firmware is built for].
    #[arg(long = "precision", value_parser = precision_parser())]
    precisions: Vec<Precision>,
    /// Picture that is to be magnified, in LR pixels.
    #[arg(long, value_name = "WxH", value_parser = size, default_value = "64x64")]
    picture: (usize, usize),
    /// Milliseconds that it may take.
    #[arg(long, value_name = "MS")]
    milliseconds: Option<f64>,
    /// Clock of the core in hertz instead of what the board says.
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u32).range(1..))]
    clock: Option<u32>,
    /// Writes the board's file with the best choice in it; - is stdout, instead of the table.
    #[arg(long, value_name = "FILE|-", requires = "board")]
    emit: Option<PathBuf>,
}

impl Cmd {
    /// Runs the command.
    pub(crate) fn run(self, output: Output) -> Result<()> {
        let board = self.board()?;
        let shipped = || registry::SHIPPED.iter().map(|it| it.name.to_owned());
        let report = fit(&Order {
            board: &board,
            models: match self.models.is_empty() {
                true => shipped().collect(),
                false => self.models,
            },
            precisions: self.precisions,
            picture: self.picture,
            milliseconds: self.milliseconds,
            clock_hz: self.clock,
        })?;
        match self.emit.as_deref() {
            Some(file) if file == Path::new("-") => {
                let text = configuration(&board, chosen(&report)?)?;
                print(&text)
            }
            Some(file) => {
                refuse_missing_folder(file)?;
                output.print(&report, || report.text())?;
                let text = configuration(&board, chosen(&report)?)?;
                atomic_file::write(file, |out| out.write_all(text.as_bytes()))?;
                output.text(|| format!("wrote {}", file.display()))
            }
            None => {
                output.print(&report, || report.text())?;
                chosen(&report)?;
                Ok(())
            }
        }
    }

    fn board(&self) -> Result<Board> {
        let change = Change {
            program_bytes: self.program,
            stack_bytes: self.stack,
        };
        if let Some(board) = &self.board {
            let here = std::env::current_dir().map_err(|cause| Error::Read {
                path: PathBuf::from("."),
                cause,
            })?;
            return Board::load(board, &here)?.changed(change);
        }
        let stated = Stated {
            flash_bytes: self.flash.unwrap_or_default(),
            ram_bytes: self.ram.unwrap_or_default(),
            core: self.core.clone().unwrap_or_default(),
            variables_bytes: self.variables.unwrap_or(VARIABLES_BYTES),
        };
        Board::stated(&stated, change)
    }
}

/// RAM for variables and the buffers of a line where none is stated: more than the frames of a window
/// and a log take.
const VARIABLES_BYTES: usize = 8 * 1024;

/// Returns the best choice.
fn chosen(report: &Report) -> Result<&mambalite::fit::Row, FitError> {
    let nearest = || report.nearest.as_ref().map(mambalite::fit::Row::lacks);
    report.best.as_ref().ok_or_else(|| FitError::Nothing {
        board: report.board.clone(),
        nearest: nearest().unwrap_or_default(),
    })
}

/// Prints a file as it is.
fn print(text: &str) -> Result<()> {
    let written = std::io::stdout().write_all(text.as_bytes());
    written.map_err(|cause| Error::Write {
        path: PathBuf::from("stdout"),
        cause,
    })
}

/// Reads bytes as `65536`, `0x10000`, `64K` or `1M`.
fn bytes(text: &str) -> Result<usize, String> {
    let (digits, unit) = match text.strip_suffix(['K', 'M']) {
        Some(digits) if text.ends_with('M') => (digits, 1024 * 1024),
        Some(digits) => (digits, 1024),
        None => (text, 1),
    };
    let number = match digits.strip_prefix("0x") {
        Some(digits) => usize::from_str_radix(digits, 16).ok(),
        None => digits.parse().ok(),
    };
    // No microcontroller addresses more than 32 bits.
    let number = number.and_then(|it| it.checked_mul(unit));
    let number = number.filter(|&it| it > 0 && it <= u32::MAX as usize);
    number.ok_or_else(|| format!("`{text}` is no size; write bytes as 65536, 0x10000, 64K or 1M"))
}

/// Reads `160x120`.
fn size(text: &str) -> Result<(usize, usize), String> {
    let sides = text.split_once('x');
    let side = |text: &str| text.parse::<u16>().ok().filter(|&it| it > 0);
    let sides = sides.and_then(|(width, height)| side(width).zip(side(height)));
    let sides = sides.map(|(width, height)| (width.into(), height.into()));
    sides.ok_or_else(|| format!("`{text}` is no picture; write WIDTHxHEIGHT as 160x120"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_nonsense_is_not() {
        for (text, expected) in [
            ("64K", 65_536),
            ("0x10000", 65_536),
            ("1M", 1 << 20),
            ("7", 7),
        ] {
            assert_eq!(bytes(text), Ok(expected));
        }
        for text in ["", "K", "-1", "64k", "9000000M", "0"] {
            assert!(bytes(text).is_err(), "{text}");
        }
        assert_eq!(size("160x120"), Ok((160, 120)));
        for text in ["", "160", "0x1", "70000x1", "1x1x1"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
