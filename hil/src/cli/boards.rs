//! `hil boards`: what boards there are.

use clap::Subcommand;
use mambalite_hil::board::{Board, Boards};
use mambalite_hil::{Error, Result};
use serde::Serialize;

use super::output::Output;

/// Shows the boards of the repository.
#[derive(Debug, Subcommand)]
pub(crate) enum Cmd {
    /// Lists the boards with their memory.
    List,
}

#[derive(Serialize)]
struct Entry<'a> {
    #[serde(flatten)]
    board: &'a Board,
    runnable: bool,
}

impl Cmd {
    /// Runs the command.
    pub(crate) fn run(self, output: Output) -> Result<u8> {
        let Self::List = self;
        let boards = find()?;
        let names = boards.names()?;
        if !output.json {
            output.line(&format!(
                "{:<22} {:<26} {:<12} {:>10} {:>10}",
                "NAME", "CHIP", "CORE", "ARENA KiB", "MODEL KiB"
            ));
        }
        for name in names {
            let board = boards.load(&name)?;
            if output.json {
                let runnable = board.is_runnable();
                let board = &board;
                output.object("board", Entry { board, runnable });
                continue;
            }
            output.line(&format!(
                "{:<22} {:<26} {:<12} {:>10} {:>10}",
                board.name,
                board.chip,
                board.core,
                board.arena_bytes / 1024,
                board.memory().map_or("file".to_owned(), |memory| {
                    (memory.model.capacity_bytes / 1024).to_string()
                })
            ));
        }
        Ok(mambalite_hil::error::EXIT_PASS)
    }
}

/// Finds the boards at or above the working directory, else those of the source tree.
pub(crate) fn find() -> Result<Boards> {
    let here = std::env::current_dir().map_err(|cause| Error::Read {
        path: ".".into(),
        cause,
    })?;
    Boards::find(&here).or_else(|error| {
        let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        Boards::find(source).map_err(|_| error)
    })
}
