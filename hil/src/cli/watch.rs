//! `hil watch`: a run in progress on the terminal.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use mambalite_hil::Result;
use mambalite_hil::error::{EXIT_PASS, Error};
use mambalite_hil::events::Reader;
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::watch::Watch;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};

use super::output::Output;

/// How often the file and the keyboard are looked at.
const POLL: Duration = Duration::from_millis(200);

/// Shows the rigs of a run in progress, one row each.
///
/// Reads events.jsonl in the folder of the run until `q` is pressed. Without a terminal, or with
/// --json, it prints the events that there are and ends.
#[derive(Args, Debug)]
pub(crate) struct Cmd {
    /// Folder of the run, as given to `hil run --out`.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

impl Cmd {
    /// Runs the command.
    pub(crate) fn run(self, output: Output) -> Result<u8> {
        let mut reader = Reader::open(&self.dir)?;
        if output.json || !std::io::stdout().is_terminal() {
            for entry in reader.read()? {
                let line = serde_json::to_string(&entry).map_err(broken)?;
                output.line(&line);
            }
            return Ok(EXIT_PASS);
        }
        let interrupt = Interrupt::on_signals()?;
        let mut terminal = ratatui::try_init().map_err(broken)?;
        let outcome = follow(&mut terminal, &mut reader, &interrupt);
        ratatui::restore();
        if let Some(verdict) = outcome?.verdict() {
            output.line(verdict.word());
        }
        Ok(EXIT_PASS)
    }
}

/// Follows the run until the user has seen enough.
fn follow(
    terminal: &mut ratatui::DefaultTerminal,
    reader: &mut Reader,
    interrupt: &Interrupt,
) -> Result<Watch> {
    let mut watch = Watch::default();
    loop {
        for entry in reader.read()? {
            watch.take(entry);
        }
        terminal.draw(|frame| watch.draw(frame)).map_err(broken)?;
        interrupt.check()?;
        if is_quit()? {
            return Ok(watch);
        }
    }
}

/// Waits a moment for a key that ends the view.
fn is_quit() -> Result<bool> {
    if !event::poll(POLL).map_err(broken)? {
        return Ok(false);
    }
    let Event::Key(key) = event::read().map_err(broken)? else {
        return Ok(false);
    };
    let stop = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    Ok(stop || key.code == KeyCode::Char('q') || key.code == KeyCode::Esc)
}

fn broken(cause: impl ToString) -> Error {
    Error::Line {
        cause: cause.to_string(),
    }
}
