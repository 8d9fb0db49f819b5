//! The emulator's program and its command line.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::{gdb_socket, qmp_socket, words_file};
use crate::board::{Board, Emulator};
use crate::error::{Error, Result};

/// Ends the emulator when the harness is killed in a way that runs no destructor. Part of
/// util-linux, so of every Debian.
const GUARD: &str = "setpriv";

/// A program that emulates a kind of processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Program {
    /// Its name.
    name: &'static str,
    /// The Debian package that has it.
    package: &'static str,
    /// What it is told besides the machine.
    options: &'static [&'static str],
}

impl Program {
    /// Returns its name.
    pub(super) fn name(self) -> &'static str {
        self.name
    }
}

/// Returns the program for a target.
pub(super) fn program(target: &str) -> Program {
    if target.starts_with("riscv32") {
        Program {
            name: "qemu-system-riscv32",
            package: "qemu-system-misc",
            // Ours is the first program that runs.
            options: &["-bios", "none"],
        }
    } else {
        Program {
            name: "qemu-system-arm",
            package: "qemu-system-arm",
            options: &[],
        }
    }
}

/// Starts the emulator of a board, whose sockets and error output are in `folder`.
///
/// # Errors
/// [`Error::Missing`] when a program is not installed, [`Error::Emulator`] when it does not start.
pub(super) fn spawn(board: &Board, emulator: &Emulator, folder: &Path) -> Result<Child> {
    let fail = |cause: String| Error::Emulator {
        board: board.name.clone(),
        cause,
    };
    let program = program(&board.target);
    for (name, package) in [(program.name, program.package), (GUARD, "util-linux")] {
        if mambalite_hil_toolchain::find_program(name).is_none() {
            return Err(missing(board, name, package));
        }
    }
    let words = File::create(words_file(folder)).map_err(|e| fail(e.to_string()))?;
    let qmp = format!("unix:{},server=on,wait=off", qmp_socket(folder).display());
    let gdb = format!("unix:{},server=on,wait=off", gdb_socket(folder).display());
    let mut command = Command::new(GUARD);
    command.args(["--pdeathsig", "KILL", program.name]);
    command.args(program.options).args(machine(emulator));
    command.args(["-qmp", &qmp, "-gdb", &gdb]);
    // A group of its own: Ctrl-C goes to the harness, which ends the emulator in order.
    command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(words);
    command
        .spawn()
        .map_err(|e| fail(format!("start {}: {e}", program.name)))
}

/// Returns the options of a machine, with its ports, empty and paused.
fn machine(emulator: &Emulator) -> Vec<String> {
    let mut options: Vec<String> = ["-M", &emulator.machine]
        .iter()
        .chain(&["-display", "none", "-monitor", "none", "-S"])
        .map(|&word| word.to_owned())
        .collect();
    let mut add = |name: &str, value: String| options.extend([name.to_owned(), value]);
    if let Some(instruction_ns) = emulator.instruction_ns {
        // The machine's time is its instructions. It stands still while the core sleeps, so that
        // nothing waits for it.
        let shift = instruction_ns.trailing_zeros();
        add("-icount", format!("shift={shift},sleep=off"));
    }
    let (wire, log) = (emulator.wire_uart, emulator.log_uart);
    for port in 0..=wire.max(log) {
        match &emulator.log_device {
            Some(device) if port == log => {
                // The name that QEMU gives to the ports of the other options.
                add("-chardev", format!("pty,id=serial{port}"));
                add("-device", format!("{device},chardev=serial{port}"));
            }
            _ if port == wire || port == log => add("-serial", "pty".to_owned()),
            _ => add("-serial", "null".to_owned()),
        }
    }
    options
}

fn missing(board: &Board, program: &str, package: &str) -> Error {
    Error::Missing {
        purpose: format!("start `{}`", board.name),
        missing: format!("`{program}`"),
        command: mambalite_hil_toolchain::apt_install(&[package]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn emulator() -> Emulator {
        Emulator {
            machine: "m".to_owned(),
            cpu: "c".to_owned(),
            instruction_ns: Some(64),
            wire_uart: 1,
            log_uart: 2,
            log_device: None,
            gate: None,
        }
    }

    #[test]
    fn ports_and_time_are_those_of_the_board_file() {
        let line = machine(&emulator()).join(" ");
        assert!(line.starts_with("-M m "), "{line}");
        assert!(line.contains("-icount shift=6,sleep=off"), "{line}");
        assert!(
            line.ends_with("-serial null -serial pty -serial pty"),
            "{line}"
        );
    }

    #[test]
    fn a_log_without_a_port_gets_a_device() {
        let mut emulator = emulator();
        emulator.log_device = Some("pci-serial,addr=1".to_owned());
        emulator.instruction_ns = None;
        let line = machine(&emulator).join(" ");
        let tail = "-chardev pty,id=serial2 -device pci-serial,addr=1,chardev=serial2";
        assert!(line.ends_with(tail) && !line.contains("icount"), "{line}");
    }

    #[test]
    fn the_target_decides_on_the_program() {
        assert_eq!(program("thumbv7m-none-eabi").name, "qemu-system-arm");
        let riscv = program("riscv32imac-unknown-none-elf");
        assert_eq!(riscv.name, "qemu-system-riscv32");
    }
}
