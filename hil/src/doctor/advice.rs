//! What is likely behind a step that failed, and what to do about it.

use serde::Serialize;

use super::ladder::Trouble;
use super::step::Step;
use crate::error::Error;

/// Words for whoever stands before the board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// The likely cause; none of a step that was left out.
    pub cause: Option<String>,
    /// What to do.
    pub mend: String,
}

/// Returns the advice for a step that failed. Where the error's own words name the mend, they are not
/// said again.
pub(super) fn advice(step: Step, trouble: &Trouble) -> Advice {
    let error = match trouble {
        Trouble::Error(error) => Some(error),
        Trouble::Wrong(_) => None,
    };
    let (cause, mend) = special(step, error).unwrap_or_else(|| usual(step));
    Advice {
        cause: Some(cause.to_owned()),
        mend: mend.to_owned(),
    }
}

/// Returns cause and mend of errors that say more than the step does.
fn special(step: Step, error: Option<&Error>) -> Option<(&'static str, &'static str)> {
    Some(match (step, error?) {
        (_, Error::Missing { .. }) => (
            "a program of the host is not installed",
            "run the command that the message names",
        ),
        (_, Error::Busy { .. }) => (
            "another run has the board",
            "wait for it, or see who it is: hil lease list",
        ),
        (_, Error::OutOfOrder { .. }) => (
            "the board did not come back after an earlier run",
            "look at it, then clear the mark as the message says",
        ),
        (Step::Build, Error::Model { .. } | Error::ArenaTooSmall { .. }) => (
            "model and board.toml do not go together",
            "give the [model] region or the arena more room, or take a smaller model or precision: \
             mambalite fit --board NAME",
        ),
        (Step::Build, Error::Image { .. }) => (
            "the program is larger than the flash before the model, or the linker script is another board's",
            "move [model] address up in board.toml, or build without the feature `checks`",
        ),
        (Step::Hello, Error::Port(_)) => (
            "the serial port of the rig is not there, or not yours to open",
            "hil boards scan lists the ports; a user of Linux needs the group dialout",
        ),
        (Step::Hello, Error::Protocol { .. }) => (
            "the firmware is of another version of this repository",
            "run again without --no-build",
        ),
        (Step::Identity, Error::Identity { what, .. }) => identity(what),
        (Step::Arithmetic | Step::Reference | Step::Variants, Error::Timeout { .. }) => (
            "the core hangs or resets within this check: a watchdog, a stack that overflows, an \
             instruction that the core has not",
            "stop the watchdog before `bare::run`, look at stack-bytes and target-cpu in board.toml",
        ),
        _ => return None,
    })
}

/// Returns cause and mend for a fact that differs.
fn identity(what: &str) -> (&'static str, &'static str) {
    match what {
        "unique id" => (
            "the rig file names another board of this kind; or `uid` reads the wrong register",
            "if this is the board that is meant, put the id shown into the rig file as uid",
        ),
        "build id" => (
            "old firmware runs: the flash was written elsewhere, or the board starts from another memory",
            "check [flash] origin in board.toml and the boot pins, then reset the board",
        ),
        "model" => (
            "the firmware looks for the model at another address, or the model's flash is not memory-mapped",
            "check [model] in board.toml; build again, so that firmware and harness have the same address",
        ),
        "name" | "arena" => (
            "firmware and board.toml are not of one state",
            "run again without --no-build",
        ),
        _ => (
            "this is not the board, or not the build, that is meant",
            "compare board.toml, the rig file and what is plugged in",
        ),
    }
}

/// Returns cause and mend that a step mostly has.
fn usual(step: Step) -> (&'static str, &'static str) {
    match step {
        Step::Build => (
            "the board's main.rs or board.toml is not right yet",
            "the compiler's words are above; cargo xtask firmware --board NAME shows all of them",
        ),
        Step::Probe => (
            "the probe, the emulator or the computer is not reached",
            "check cable, power and the rig file; hil boards scan shows what is plugged in",
        ),
        Step::Chip => (
            "board.toml names another chip or machine than the one that is there",
            "correct probe-chip (or [virtual] machine) in board.toml; is the probe on another board?",
        ),
        Step::Flash => (
            "the memory map is not the chip's, or the flash is protected",
            "compare [flash], [ram] and [model] in board.toml with the datasheet; unlock the chip",
        ),
        Step::Hello => (
            "the firmware stops before its session, or the line is not the one that is listened to: \
             pins crossed, another port, another baud rate",
            "read the log above; check TX and RX, the UART's clock and CLOCK_HZ, and port and baud in \
             the rig file",
        ),
        Step::Identity => (
            "this is not the board, or not the build, that is meant",
            "compare board.toml, the rig file and what is plugged in",
        ),
        Step::Link => (
            "bits are lost: a rate that one side does not have exactly, a receiver without a buffer, a \
             long or unshielded wire",
            "lower baud in the rig file; let the UART fill a buffer by interrupt or DMA \
             (docs/porting.md); compare CLOCK_HZ with the clock tree",
        ),
        above => of_the_network(above),
    }
}

/// Returns cause and mend of the steps on a board that answers over a line that is whole.
fn of_the_network(step: Step) -> (&'static str, &'static str) {
    match step {
        Step::Arithmetic => (
            "the floating-point unit flushes subnormals, rounds another way or is switched off; or the \
             compiler was told of another core",
            "leave FPSCR at 0 before `bare::run`; check target and target-cpu in board.toml",
        ),
        Step::Reference => (
            "memory is not what it seems: flash wait states, a cache that is not coherent, RAM that is \
             not all there, a supply that sags at full clock",
            "run at the reset clock; if that helps, mend wait states and voltage scale; check [ram]",
        ),
        Step::Variants => (
            "a variant uses instructions that this core has in another way, or the extension is off",
            "name it in an issue with the line above; leave its instructions out by target-cpu until then",
        ),
        Step::Network => (
            "operators are right and the network is not: the model's flash reads wrong, the arena \
             overlaps something, an interrupt changes registers",
            "hil run names the first layer and element; check [model], arena-bytes and interrupt handlers",
        ),
        Step::Clock => (
            "CLOCK_HZ is not the clock of the core, or the counter stops, wraps or counts something else",
            "measure the clock at a pin; correct CLOCK_HZ; a counter of 32 bits has to be extended \
             (`bare` does it for DWT and mcycle)",
        ),
        Step::Gate => (
            "`gate` drives another pin, or none, or the wire goes to another input of the meter",
            "toggle the pin by hand; hil meter --gate N shows the edges; docs/power.md has the wiring",
        ),
        Step::Soak => (
            "rare faults: noise on the line, a race with an interrupt, a supply that sags, heat",
            "hil run on the same picture names layer and element; try a lower clock and a shorter wire",
        ),
        // The certificate: every other step has its words here or in `usual`.
        _ => (
            "the evidence is not complete",
            "the reasons are above; commit the source first, then docs/certification.md",
        ),
    }
}
