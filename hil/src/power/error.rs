//! What goes wrong with a meter, as opposed to a figure that is refused.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{EXIT_INPUT, EXIT_LINK, EXIT_MISSING, EXIT_TIMEOUT};

/// A meter that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PowerError {
    /// A virtual board has a meter.
    #[error(
        "measure `{board}`: it is virtual and uses the power of this computer; instructions are \
         counted instead, so remove its meter"
    )]
    Virtual {
        /// The board.
        board: String,
    },
    /// What the user states of a meter cannot be.
    #[error("set the meter up: {cause}")]
    Settings {
        /// What, with what it may be.
        cause: String,
    },
    /// There is no such kit.
    #[error(
        "find the PPK2 {serial}: not connected{}; compare `lsusb -v -d 1915:c00a`",
        if found.is_empty() { String::new() } else { format!(", but there is {}", found.join(", ")) }
    )]
    NoKit {
        /// Serial number asked for.
        serial: String,
        /// Serial numbers of the kits that are there.
        found: Vec<String>,
    },
    /// The ports of a kit cannot be told apart.
    #[error(
        "choose the port of PPK2 {serial}: {} and none has interface 1; bring its firmware up to \
         date with Nordic's Power Profiler",
        ports.join(", ")
    )]
    ManyPorts {
        /// Serial number.
        serial: String,
        /// Its ports.
        ports: Vec<String>,
    },
    /// The system does not let the meter be opened.
    #[error(
        "open the meter at `{}`: {cause}; is another program using it, and are you in the group of \
         that device file (`ls -l {}`)?",
        path.display(),
        path.display()
    )]
    Open {
        /// The device file.
        path: PathBuf,
        /// The system's answer.
        cause: String,
    },
    /// The kit does not tell its calibration.
    #[error("read the calibration of PPK2 {serial}: {cause}; unplug it, plug it in and run again")]
    Metadata {
        /// Serial number.
        serial: String,
        /// What is missing or wrong.
        cause: String,
    },
    /// The chip on the bus is another one.
    #[error(
        "identify the {chip} at {address:#04x} of `{}`: it says {found}; compare address and chip \
         with `i2cdetect`",
        path.display()
    )]
    OtherChip {
        /// The chip asked for.
        chip: &'static str,
        /// The bus.
        path: PathBuf,
        /// Its address.
        address: u8,
        /// What it says.
        found: String,
    },
    /// A transfer on the bus failed.
    #[error("talk to the meter at {address:#04x} of `{}`: {cause}; check wiring and address", path.display())]
    Bus {
        /// The bus.
        path: PathBuf,
        /// Address of the chip.
        address: u8,
        /// The system's answer.
        cause: io::Error,
    },
    /// The meter vanished.
    #[error("read from the {meter}: {cause}; check its cable and run again")]
    Gone {
        /// Model and serial number.
        meter: String,
        /// The system's answer.
        cause: String,
    },
    /// The meter does not answer.
    #[error("wait for {what} of the {meter}: nothing for {} s", after.as_secs_f32())]
    Silent {
        /// Model and serial number.
        meter: String,
        /// What was waited for.
        what: &'static str,
        /// How long.
        after: Duration,
    },
}

impl PowerError {
    /// Returns the exit code of a command that ended with this error.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Virtual { .. } | Self::Settings { .. } => EXIT_INPUT,
            Self::NoKit { .. }
            | Self::ManyPorts { .. }
            | Self::Open { .. }
            | Self::OtherChip { .. } => EXIT_MISSING,
            Self::Metadata { .. } | Self::Bus { .. } | Self::Gone { .. } => EXIT_LINK,
            Self::Silent { .. } => EXIT_TIMEOUT,
        }
    }
}
