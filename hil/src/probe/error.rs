//! What goes wrong with a debug probe and the chip behind it.

use crate::error::{EXIT_INPUT, EXIT_LINK, EXIT_MISSING};

/// Why a probe, or the chip behind it, cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// The harness was built without them.
    #[error(
        "use debug probe {probe}: this `hil` was built without `--features probe`; build it with"
    )]
    NotBuilt {
        /// The probe.
        probe: String,
    },
    /// The rig has none.
    #[error(
        "flash `{rig}`: its rig file names no probe; `hil boards scan` shows what is plugged in"
    )]
    NoProbe {
        /// The rig.
        rig: String,
    },
    /// Its id is not one.
    #[error("read probe id {probe}: {cause}")]
    Id {
        /// The probe.
        probe: String,
        /// What is wrong.
        cause: String,
    },
    /// No such probe is plugged in.
    #[error(
        "find debug probe {probe}: not there (plugged in?); there are: {}",
        if found.is_empty() { "none".to_owned() } else { found.join(", ") }
    )]
    Missing {
        /// What was looked for.
        probe: String,
        /// What is there.
        found: Vec<String>,
    },
    /// The user may not open it.
    #[error(
        "open debug probe {probe}: permission denied; put this line into \
         /etc/udev/rules.d/70-mambalite.rules, run `sudo udevadm control --reload`, plug it in anew: {rule}"
    )]
    Denied {
        /// The probe.
        probe: String,
        /// A rule of udev that lets users at the console and of the group `plugdev` open it.
        rule: String,
    },
    /// It does not open.
    #[error("open debug probe {probe}: {cause}; close other programs that use it")]
    Open {
        /// The probe.
        probe: String,
        /// Its words.
        cause: String,
    },
    /// The board file does not say which chip it is.
    #[error(
        "flash board `{board}`: its board.toml has no `probe-chip`; `probe-rs chip list` has the names"
    )]
    NoChip {
        /// The board.
        board: String,
    },
    /// There is no chip of this name.
    #[error(
        "attach to chip `{chip}`: {cause}; `probe-rs chip list` has the names for `probe-chip`"
    )]
    UnknownChip {
        /// Its name.
        chip: String,
        /// What the list of chips says.
        cause: String,
    },
    /// Another chip is there.
    #[error(
        "attach to chip `{chip}`: its core is {found}, board.toml says {expected}; \
         is the probe on another board?"
    )]
    WrongCore {
        /// The chip expected.
        chip: String,
        /// The core expected.
        expected: String,
        /// The core found.
        found: String,
    },
    /// The chip is protected against reading.
    #[error(
        "attach to chip `{chip}`: it is locked ({cause}); to erase all of it and unlock it, run \
         `probe-rs erase --chip {chip} --probe {probe} --allow-erase-all`"
    )]
    Locked {
        /// The probe.
        probe: String,
        /// The chip.
        chip: String,
        /// Its words.
        cause: String,
    },
    /// The chip does not answer.
    #[error(
        "attach to chip `{chip}` by probe {probe}: {normal}; under reset: {under_reset}; \
         check power, cable and the wire of the reset pin"
    )]
    Attach {
        /// The probe.
        probe: String,
        /// The chip.
        chip: String,
        /// What happened at first.
        normal: String,
        /// What happened with the chip held in reset.
        under_reset: String,
    },
    /// An operation failed.
    #[error("{what}: {cause}")]
    Operation {
        /// What was to be done.
        what: &'static str,
        /// What happened.
        cause: String,
    },
    /// The probe says nothing.
    #[error("{what}: the probe has said nothing for {seconds} s; plug it in anew")]
    Hung {
        /// What was to be done.
        what: &'static str,
        /// How long.
        seconds: u64,
    },
    /// The firmware has no RTT.
    #[error("find the RTT control block: {cause}")]
    NoRtt {
        /// Why not.
        cause: String,
    },
}

impl ProbeError {
    /// Returns the exit code of a run that ended with this error.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Id { .. }
            | Self::NoProbe { .. }
            | Self::NoChip { .. }
            | Self::UnknownChip { .. } => EXIT_INPUT,
            Self::NotBuilt { .. }
            | Self::Missing { .. }
            | Self::Denied { .. }
            | Self::Open { .. } => EXIT_MISSING,
            _ => EXIT_LINK,
        }
    }

    /// Makes the error of a failed operation.
    #[cfg(any(feature = "probe", test))]
    pub(super) fn operation(what: &'static str) -> impl FnOnce(String) -> Self {
        move |cause| Self::Operation { what, cause }
    }
}

/// Returns a rule of udev for a probe of this vendor and product.
#[must_use]
pub fn udev_rule(vid: &str, pid: &str) -> String {
    format!(
        "SUBSYSTEM==\"usb\", ATTR{{idVendor}}==\"{}\", ATTR{{idProduct}}==\"{}\", \
         MODE=\"660\", GROUP=\"plugdev\", TAG+=\"uaccess\"",
        vid.to_lowercase(),
        pid.to_lowercase()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_names_the_device_in_lower_case() {
        let rule = udev_rule("0D28", "0204");
        assert!(rule.contains("ATTR{idVendor}==\"0d28\", ATTR{idProduct}==\"0204\""));
    }

    #[test]
    fn what_the_user_wrote_is_his_input_and_what_is_not_there_is_missing() {
        let probe = "0483:374b:A".to_owned();
        let missing = ProbeError::Missing {
            probe,
            found: Vec::new(),
        };
        assert_eq!(missing.exit_code(), EXIT_MISSING);
        assert!(missing.to_string().contains("there are: none"), "{missing}");
        let board = "b".to_owned();
        assert_eq!(ProbeError::NoChip { board }.exit_code(), EXIT_INPUT);
        let seconds = 60;
        let hung = ProbeError::Hung {
            what: "halt",
            seconds,
        };
        assert_eq!(crate::Error::from(hung).exit_code(), EXIT_LINK);
    }
}
