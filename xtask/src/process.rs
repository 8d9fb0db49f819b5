//! Running programs.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Returns the cargo that runs this task.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Returns the command that runs the program of a package of the workspace; its arguments come last.
pub(crate) fn cargo_run(package: &str) -> Command {
    let mut command = cargo();
    command.args(["run", "--locked", "--quiet", "--package", package, "--"]);
    command
}

/// Returns the first line that a program prints, if it runs and succeeds.
pub(crate) fn first_line(program: impl AsRef<OsStr>, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output
        .status
        .success()
        .then(|| text.lines().next().unwrap_or_default().to_owned())
}

/// Tells whether a program runs and succeeds, without showing what it prints.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Runs a program in a folder and shows what it does.
pub(crate) fn run(command: &mut Command, folder: &Path) -> Result<()> {
    show(command);
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.current_dir(folder).stdin(Stdio::null()).status();
    let status = status.with_context(|| format!("start {program}"))?;
    if !status.success() {
        bail!("{program} ended with {status}");
    }
    Ok(())
}

/// Runs a program, shows what it prints and returns whether it succeeded, and its lines.
pub(crate) fn run_and_listen(command: &mut Command, folder: &Path) -> Result<(bool, Vec<String>)> {
    show(command);
    let program = command.get_program().to_string_lossy().into_owned();
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .with_context(|| format!("start {program}"))?;
    let errors = child.stderr.take();
    let errors = thread::spawn(move || errors.map(|pipe| echo(pipe, std::io::stderr())));
    let mut lines = child
        .stdout
        .take()
        .map_or_else(Vec::new, |pipe| echo(pipe, std::io::stdout()));
    lines.extend(errors.join().ok().flatten().unwrap_or_default());
    let status = child
        .wait()
        .with_context(|| format!("wait for {program}"))?;
    Ok((status.success(), lines))
}

/// Runs a program to its end or to a limit of time, and returns its exit code, `None` if it was
/// killed, and its lines: standard output, standard error, and whether it was killed for the time.
pub(crate) fn listen(
    command: &mut Command,
    folder: &Path,
    limit: Duration,
) -> Result<(Option<i32>, Vec<String>)> {
    show(command);
    let program = command.get_program().to_string_lossy().into_owned();
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .with_context(|| format!("start {program}"))?;
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let output = thread::spawn(move || output.map(|pipe| echo(pipe, std::io::sink())));
    let errors = thread::spawn(move || errors.map(|pipe| echo(pipe, std::io::sink())));
    let (deadline, mut late) = (Instant::now() + limit, None);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > deadline {
            child.kill()?;
            late = Some(format!("killed after {} s", limit.as_secs()));
            break child.wait()?;
        }
        thread::sleep(Duration::from_millis(10));
    };
    let mut lines = output.join().ok().flatten().unwrap_or_default();
    lines.extend(errors.join().ok().flatten().unwrap_or_default());
    lines.extend(late);
    Ok((status.code(), lines))
}

/// Copies lines from a pipe to a stream and keeps them.
fn echo(pipe: impl Read, mut to: impl Write) -> Vec<String> {
    let mut lines = Vec::new();
    for line in BufReader::new(pipe)
        .split(b'\n')
        .map_while(|line| line.ok())
    {
        let line = String::from_utf8_lossy(&line).into_owned();
        // Nobody may be listening any more; the lines still count.
        let _ = writeln!(to, "{line}");
        lines.push(line);
    }
    lines
}

fn show(command: &Command) {
    let program = Path::new(command.get_program());
    let name = program
        .file_name()
        .unwrap_or(program.as_os_str())
        .to_string_lossy();
    let arguments = command
        .get_args()
        .map(|argument| argument.to_string_lossy());
    let words: Vec<_> = arguments.collect();
    eprintln!("== {name} {}", words.join(" "));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_without_an_end_is_killed() {
        let mut sleep = Command::new("sleep");
        let limit = Duration::from_millis(50);
        let (code, lines) = listen(sleep.arg("60"), Path::new("."), limit).unwrap();
        assert_eq!((code, lines), (None, vec!["killed after 0 s".to_owned()]));
    }
}
