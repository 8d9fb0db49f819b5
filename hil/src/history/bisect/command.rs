//! A command of the user as judge, as with `git bisect run`.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::{Candidate, Criterion, Judge, Ruling};
use crate::error::{Error, Result};
use crate::history::HistoryError;
use crate::interrupt::Interrupt;
use crate::report;

/// Exit code of a command that cannot tell.
const CODE_SKIP: i32 = 125;
/// How often the command and the user's wish to stop are looked at.
const POLL: Duration = Duration::from_millis(20);

/// Runs a command for each candidate. In its words `{elf}` stands for the image and `{out}` for an
/// empty folder. A `report.json` that it leaves there is ruled by the criterion; else its exit
/// code counts: 0 is good, 125 cannot be told, 1 to 124 are bad, all others end the search.
#[derive(Debug)]
pub struct CommandJudge {
    rig: String,
    precision: String,
    words: Vec<String>,
    interrupt: Interrupt,
}

impl CommandJudge {
    /// Makes the judge of a rig.
    #[must_use]
    pub fn new(rig: &str, precision: &str, words: Vec<String>, interrupt: Interrupt) -> Self {
        Self {
            rig: rig.to_owned(),
            precision: precision.to_owned(),
            words,
            interrupt,
        }
    }

    fn fail(&self, cause: impl ToString) -> Error {
        Error::History(HistoryError::Judge {
            command: self.words.join(" "),
            cause: cause.to_string(),
        })
    }

    fn wait(&self, child: &mut Child) -> Result<ExitStatus> {
        loop {
            if let Some(status) = child.try_wait().map_err(|error| self.fail(error))? {
                return Ok(status);
            }
            if let Err(error) = self.interrupt.check() {
                // It may be gone by now, and then there is nothing to end.
                let _ = child.kill();
                let _ = child.wait();
                return Err(error);
            }
            std::thread::sleep(POLL);
        }
    }
}

impl Judge for CommandJudge {
    fn judge(
        &mut self,
        _candidate: &Candidate,
        elf: &Path,
        criterion: &Criterion,
    ) -> Result<Ruling> {
        let out = tempfile::tempdir().map_err(|error| self.fail(error))?;
        let place = |word: &String| {
            word.replace("{elf}", &elf.to_string_lossy())
                .replace("{out}", &out.path().to_string_lossy())
        };
        let mut words = self.words.iter().map(place);
        let program = words.next().ok_or_else(|| self.fail("no command"))?;
        let mut child = Command::new(program)
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| self.fail(error))?;
        let status = self.wait(&mut child)?;
        let json = out.path().join(report::JSON_FILE);
        if json.is_file() {
            let run = report::read(&json)?;
            let mut own = run
                .boards
                .iter()
                .filter(|it| it.rig == self.rig && it.model.precision == self.precision);
            return match own.next() {
                Some(board) => Ok(criterion.rule(board)),
                None => Err(self.fail(format!("its report lacks rig `{}`", self.rig))),
            };
        }
        match status.code() {
            Some(0) => Ok(Ruling::Good),
            Some(CODE_SKIP) => Ok(Ruling::Skip),
            Some(1..CODE_SKIP) => Ok(Ruling::Bad),
            _ => Err(self.fail(status)),
        }
    }
}
