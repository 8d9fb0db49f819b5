//! `hil meter`: whether a meter works.

use std::time::Duration;

use clap::{ArgGroup, Args, ValueEnum};
use mambalite_hil::Result;
use mambalite_hil::error::{EXIT_MISSING, EXIT_PASS};
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::inventory;
use mambalite_hil::power::check::{self, Check};
use mambalite_hil::power::{self, Live, Meter, MeterFacts, PowerError, ina, ppk2};
use serde::Serialize;

use super::boards::{self, Bench};
use super::output::Output;

/// Opens a meter, shows the power for some seconds, and tests the gate.
///
/// The board is to run meanwhile, so that its gate pin moves. Wiring is in docs/power.md.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("meter").required(true).args(["rig", "ppk2", "ina"]))]
pub(crate) struct Cmd {
    /// Rig whose meter it is; see `hil boards list`.
    #[arg(long, value_name = "NAME")]
    rig: Option<String>,
    #[command(flatten)]
    bench: Bench,
    /// Serial number of a PPK2, as `lsusb -v -d 1915:c00a` shows it.
    #[arg(long, value_name = "SERIAL", requires = "supply_mv")]
    ppk2: Option<String>,
    /// Supply of the board, millivolts: what the PPK2 gives, or what you measured.
    #[arg(long, value_name = "MV")]
    supply_mv: Option<u16>,
    /// Lets the PPK2 feed the board; else it stands in the board's supply.
    #[arg(long, requires = "ppk2")]
    source: bool,
    /// Logic input of the gate pin, 0 to 7; exit code 5 when no edge is seen there.
    #[arg(long, value_name = "INPUT", requires = "ppk2")]
    gate: Option<u8>,
    /// Chip on an I2C bus of this computer.
    #[arg(long, value_name = "CHIP", requires_all = ["bus", "address", "shunt_uohm", "max_ma"])]
    ina: Option<Chip>,
    /// Number of the bus: `/dev/i2c-N`.
    #[arg(long, value_name = "N")]
    bus: Option<u8>,
    /// Address on the bus, as 0x40.
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    address: Option<u8>,
    /// Shunt, microohms.
    #[arg(long, value_name = "UOHM")]
    shunt_uohm: Option<u32>,
    /// Largest current, milliamperes.
    #[arg(long, value_name = "MA")]
    max_ma: Option<u32>,
    /// Time to measure, seconds.
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=3600))]
    seconds: u16,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Chip {
    Ina226,
    Ina228,
}

#[derive(Serialize)]
struct MeterLine<'a> {
    #[serde(flatten)]
    check: &'a Check,
    meter: &'a MeterFacts,
    gate: Option<u8>,
    gate_seen: Option<bool>,
}

impl Cmd {
    /// Runs the command.
    pub(crate) fn run(self, output: Output) -> Result<u8> {
        let interrupt = Interrupt::on_signals()?;
        let mut meter = self.open()?;
        let facts = meter.facts().clone();
        if !output.json {
            output.line(&format!(
                "{} {}, {}",
                facts.model, facts.serial, facts.operation
            ));
        }
        let length = Duration::from_secs(self.seconds.into());
        let check = check::watch(&mut *meter, length, &interrupt, |live| {
            if !output.json {
                output.line(&look(live));
            }
        })?;
        drop(meter);
        let gate_seen = self.gate.map(|input| check.has_seen(input));
        if output.json {
            let line = MeterLine {
                check: &check,
                meter: &facts,
                gate: self.gate,
                gate_seen,
            };
            output.object("meter", line);
        } else {
            summary(output, &check, self.gate);
        }
        Ok(match gate_seen {
            Some(false) => EXIT_MISSING,
            _ => EXIT_PASS,
        })
    }

    fn open(&self) -> Result<Box<dyn Meter>> {
        if let Some(name) = &self.rig {
            return self.open_of_rig(name);
        }
        if let (Some(chip), Some(bus), Some(address), Some(shunt_uohm), Some(max_ma)) = (
            self.ina,
            self.bus,
            self.address,
            self.shunt_uohm,
            self.max_ma,
        ) {
            let chip = match chip {
                Chip::Ina226 => "ina226",
                Chip::Ina228 => "ina228",
            };
            let settings = ina::Settings::new(chip, address, shunt_uohm, max_ma)?;
            return Ok(Box::new(ina::Ina::open(bus, settings)?));
        }
        // Arguments are checked before: without a chip there is a kit and its supply.
        let serial = self.ppk2.as_deref().unwrap_or_default();
        let supply_mv = self.supply_mv.unwrap_or_default();
        let gate = self.gate.unwrap_or_default();
        let settings = ppk2::Settings::new(serial, supply_mv, self.source, gate)?;
        Ok(Box::new(ppk2::Ppk2::open(settings)?))
    }
}

impl Cmd {
    /// Opens the meter of a rig.
    fn open_of_rig(&self, name: &String) -> Result<Box<dyn Meter>> {
        let boards = boards::find()?;
        let inventories = self.bench.load(&boards)?;
        let rigs = inventory::select(&inventories, core::slice::from_ref(name), &[])?;
        let meter = rigs.first().map(|rig| power::open(&rig.meter, None));
        let none = || PowerError::Settings {
            cause: format!("rig `{name}` has no meter that this computer reads"),
        };
        Ok(meter.transpose()?.flatten().ok_or_else(none)?)
    }
}

/// Reads an address in hex or decimal.
fn address(text: &str) -> std::result::Result<u8, String> {
    let number = match text.strip_prefix("0x") {
        Some(hex) => u8::from_str_radix(hex, 16),
        None => text.parse(),
    };
    number.map_err(|error| error.to_string())
}

/// Returns one look as a line.
fn look(live: &Live) -> String {
    let milliwatts = |it: Option<f64>| it.map_or("-".to_owned(), |it| format!("{:.3}", it * 1e3));
    format!(
        "{:>12} mW   {:>12} to {:<12} {} samples, {} lost",
        milliwatts(live.mean_w),
        milliwatts(live.min_w),
        milliwatts(live.max_w),
        live.samples,
        live.lost_samples
    )
}

fn summary(output: Output, check: &Check, gate: Option<u8>) {
    let mean = check
        .mean_w
        .map_or("no sample".to_owned(), |it| format!("{:.3} mW", it * 1e3));
    output.line(&format!(
        "mean {mean} over {:.1} s; {} samples, {} lost",
        check.length_s, check.samples, check.lost_samples
    ));
    if let Some(rising) = &check.rising {
        let inputs = rising.iter().enumerate();
        let edges: Vec<String> = inputs.map(|(i, count)| format!("D{i} {count}")).collect();
        output.line(&format!("rising edges: {}", edges.join(", ")));
    }
    match gate {
        Some(input) if check.has_seen(input) => {
            output.line(&format!("gate: edge seen on D{input}"));
        }
        Some(input) => output.line(&format!(
            "gate: no edge seen on D{input}; let the board run, connect its gate pin and ground, \
             and VCC of the logic port to the board's I/O voltage"
        )),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hex_or_decimal() {
        assert_eq!(address("0x40"), Ok(0x40));
        assert_eq!(address("64"), Ok(64));
        assert!(address("0x140").is_err() && address("x").is_err());
    }

    #[test]
    fn a_look_without_samples_has_no_numbers() {
        let text = look(&Live::default());
        assert!(
            text.contains("- mW") && text.contains("0 samples, 0 lost"),
            "{text}"
        );
    }
}
