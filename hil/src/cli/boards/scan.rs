//! `hil boards scan`.

use clap::Args;
use mambalite_hil::Result;
use mambalite_hil::board::Boards;
use mambalite_hil::error::EXIT_PASS;
use mambalite_hil::inventory::hardware::{Device, System, stubs};
use serde::Serialize;

use crate::cli::output::Output;

/// Where the rules go: before 73-seat-late.rules, which acts on `uaccess`.
const RULES: &str = "/etc/udev/rules.d/70-hil.rules";

/// Prints what is plugged in, as a rig file to begin with.
#[derive(Args, Debug)]
pub(crate) struct Cmd {
    /// Kind of all boards that are plugged in, as `hil boards list` names it.
    #[arg(long, value_name = "NAME")]
    board: Option<String>,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    device: &'a Device,
    missing_rules: Vec<String>,
}

impl Cmd {
    pub(super) fn run(self, boards: &Boards, output: Output) -> Result<u8> {
        if let Some(name) = &self.board {
            boards.load(name)?;
        }
        let plugged = System::here().scan();
        if output.json {
            for device in &plugged.devices {
                let missing_rules = device.missing_rules();
                output.object(
                    "device",
                    Line {
                        device,
                        missing_rules,
                    },
                );
            }
            return Ok(EXIT_PASS);
        }
        output.line(stubs(&plugged, self.board.as_deref()).trim_end());
        if plugged.devices.is_empty() {
            eprintln!("note: no debug probe, power meter or serial port is plugged in by USB");
        }
        let mut rules: Vec<_> = plugged
            .devices
            .iter()
            .flat_map(Device::missing_rules)
            .collect();
        rules.sort();
        rules.dedup();
        if !rules.is_empty() {
            eprintln!("note: this user may not open all of these; put into {RULES}:");
            for rule in rules {
                eprintln!("    {rule}");
            }
            eprintln!(
                "  be a member of plugdev (`sudo usermod -aG plugdev $USER`, log in anew), then run:"
            );
            eprintln!("    sudo udevadm control --reload && sudo udevadm trigger");
        }
        Ok(EXIT_PASS)
    }
}
