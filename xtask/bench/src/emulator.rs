//! Running the firmware in QEMU with the plugin.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::Ended;
use crate::board::Board;
use crate::measurement::{self, Measurement};

const PROGRAM: &str = "qemu-system-arm";

/// Longest run; the usual one takes seconds.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Runs the firmware of a board to its end and returns what was counted.
pub(crate) fn measure(board: &Board, elf: &Path, plugin: &Path) -> Result<Vec<Measurement>> {
    let counted = elf.with_extension("counts");
    // A comma would end the option.
    let plugin = format!(
        "{},hist=on,places=on,out={}",
        plugin.display(),
        counted.display()
    );
    let said = run(board, elf, &["-plugin", &plugin])?;
    let counted =
        fs::read_to_string(&counted).with_context(|| format!("read {}", counted.display()))?;
    measurement::pair(&said, &counted).with_context(|| format!("on {}", board.name))
}

/// Runs a program of a board to its end, with more options of QEMU, and returns what it printed.
pub(crate) fn run(board: &Board, elf: &Path, options: &[&str]) -> Result<String> {
    let said = elf.with_extension("out");
    let file = File::create(&said).with_context(|| format!("create {}", said.display()))?;
    let mut command = Command::new(PROGRAM);
    command
        .args(["-M", board.name, "-nographic"])
        .args(["-monitor", "none", "-serial", "none"])
        .args(["-semihosting-config", "enable=on,target=native"])
        .arg("-kernel")
        .arg(elf)
        .args(options)
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        // What the firmware prints comes here.
        .stderr(file);
    let status = wait(&mut command, board)?;
    let said = fs::read_to_string(&said).with_context(|| format!("read {}", said.display()))?;
    ensure!(
        status.success(),
        "{}: QEMU ended with {status}; last it said: {}",
        board.name,
        said.lines().last().unwrap_or("nothing")
    );
    Ok(said)
}

/// Waits for a program, and ends it if that takes too long.
fn wait(command: &mut Command, board: &Board) -> Result<ExitStatus> {
    let mut child = match command.spawn() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Ended::missing(format!("{PROGRAM} is not installed")));
        }
        child => child.with_context(|| format!("start {PROGRAM}"))?,
    };
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if start.elapsed() > TIMEOUT {
            child.kill()?;
            child.wait()?;
            return Err(Ended::timeout(format!(
                "{}: no end after {TIMEOUT:?}",
                board.name
            )));
        }
        thread::sleep(Duration::from_millis(20));
    }
}
