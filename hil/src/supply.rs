//! Switches the power of a rig off and on.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::inventory::{PowerControl, Rig};

/// How long the power stays off: capacitors hold a board up for a while.
const OFF: Duration = Duration::from_secs(2);

/// How long a board and its probe may take to be back.
const ON: Duration = Duration::from_secs(3);

/// Longest time of one command.
const LIMIT: Duration = Duration::from_secs(30);

/// How often a command is looked after.
const POLL: Duration = Duration::from_millis(50);

/// Folder of the USB ports.
const PORTS: &str = "/sys/bus/usb/devices";

/// Switches the power of `rig` off and on. It is on again whatever happens in between. Returns
/// false where the rig has no means to do so.
///
/// # Errors
/// [`Error::Supply`] when the means fail.
pub fn cycle(rig: &Rig, interrupt: &Interrupt) -> Result<bool> {
    let fail = |cause: String| Error::Supply {
        rig: rig.name.clone(),
        cause,
    };
    match &rig.power {
        PowerControl::None => return Ok(false),
        PowerControl::UsbPort { port } => cycle_port(&Path::new(PORTS).join(port)).map_err(fail)?,
        PowerControl::Commands { on, off } => {
            let switched_off = run(off, interrupt).map(|()| std::thread::sleep(OFF));
            // On even when the other failed, or the user wants to stop.
            run(on, &Interrupt::default()).map_err(fail)?;
            switched_off.map_err(fail)?;
        }
    }
    std::thread::sleep(ON);
    Ok(true)
}

/// Switches a port of a USB hub; the file is kept open, since the folder may go with the device.
fn cycle_port(port: &Path) -> core::result::Result<(), String> {
    use std::os::unix::fs::FileExt;
    let path = port.join("disable");
    let file = std::fs::OpenOptions::new().write(true).open(&path);
    let file = file.map_err(|error| format!("open {}: {error}", path.display()))?;
    let set = |value: &[u8]| {
        let written = file.write_all_at(value, 0);
        written.map_err(|error| format!("write {}: {error}", path.display()))
    };
    let off = set(b"1").map(|()| std::thread::sleep(OFF));
    set(b"0")?;
    off
}

/// Runs a command of the user to its end.
fn run(words: &[String], interrupt: &Interrupt) -> core::result::Result<(), String> {
    let (program, arguments) = words.split_first().ok_or("the command is empty")?;
    let text = words.join(" ");
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| format!("start `{text}`: {error}"))?;
    let start = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Ok(status),
            Err(error) => break Err(format!("wait for `{text}`: {error}")),
            Ok(None) if interrupt.is_set() => break Err("interrupted".to_owned()),
            Ok(None) if start.elapsed() > LIMIT => {
                break Err(format!("`{text}` takes more than {} s", LIMIT.as_secs()));
            }
            Ok(None) => std::thread::sleep(POLL),
        }
    };
    // Gone already, but for the last two cases.
    let _ = child.kill();
    let _ = child.wait();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{text}` ended with {status}")),
        Err(cause) => Err(cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_power_is_on_again_even_when_switching_it_off_fails() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("on");
        let mut rig = Rig::of_board("b");
        assert!(!cycle(&rig, &Interrupt::default()).unwrap());
        rig.power = PowerControl::Commands {
            on: words(&format!("touch {}", mark.display())),
            off: words("false"),
        };
        let error = cycle(&rig, &Interrupt::default()).unwrap_err();
        assert!(error.to_string().contains("`false` ended with"), "{error}");
        assert!(mark.exists());
    }

    #[test]
    fn a_port_of_a_hub_is_switched_off_and_on() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("disable"), "x").unwrap();
        cycle_port(folder.path()).unwrap();
        assert_eq!(std::fs::read(folder.path().join("disable")).unwrap(), b"0");
        assert!(cycle_port(&folder.path().join("gone")).is_err());
    }
}
