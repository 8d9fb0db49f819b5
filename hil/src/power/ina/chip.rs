//! Registers of the INA226 and the INA228.

use std::io;
use std::time::Duration;

/// Registers of one chip.
pub(super) trait Registers: Send {
    /// Fills `into` with a register, the highest byte first.
    fn read(&mut self, register: u8, into: &mut [u8]) -> io::Result<()>;

    /// Writes a register of 16 bits.
    fn write(&mut self, register: u8, value: u16) -> io::Result<()>;
}

/// Which chip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Model {
    /// 16 bits, no sum of energy.
    Ina226,
    /// 20 bits, with a sum of energy of 40 bits.
    Ina228,
}

/// A chip that was identified and set up.
pub(super) struct Chip {
    registers: Box<dyn Registers>,
    model: Model,
    /// One step of the current, amperes.
    current_step_a: f64,
    /// One step of the converter at the shunt, amperes.
    shunt_step_a: f64,
    config: u16,
}

/// What a chip shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reading {
    /// Voltage at the load, volts.
    pub(super) bus_v: f64,
    /// Current, amperes.
    pub(super) current_a: f64,
    /// Power, watts.
    pub(super) power_w: f64,
    /// Energy since the last reset, joules; none for an INA226.
    pub(super) energy_j: Option<f64>,
    /// One step of the power at this voltage and current, watts.
    pub(super) step_w: f64,
    /// Whether the chip says that a number went beyond its registers.
    pub(super) is_overflown: bool,
}

/// Why a chip cannot be set up.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The bus.
    Bus(io::Error),
    /// It says that it is something else.
    Other(String),
    /// Shunt and current do not fit it.
    Unfit(String),
}

/// Of Texas Instruments.
const MANUFACTURER: u16 = 0x5449;
const CONFIG: u8 = 0x00;
const RESET: u16 = 0x8000;
/// How long a chip may take to start after its reset; it needs a fraction of that.
const START: Duration = Duration::from_millis(2);

/// Registers and steps of the INA226.
mod ina226 {
    pub(super) const BUS: u8 = 0x02;
    pub(super) const CURRENT: u8 = 0x04;
    pub(super) const CALIBRATION: u8 = 0x05;
    pub(super) const FLAGS: u8 = 0x06;
    pub(super) const MANUFACTURER: u8 = 0xfe;
    pub(super) const DIE: u8 = 0xff;
    pub(super) const DIE_ID: u16 = 0x226;
    /// Averages of 16, 1.1 ms for each voltage, continuously: a reading is of 35 ms.
    pub(super) const CONFIG: u16 = 0x4527;
    pub(super) const OVERFLOW: u16 = 1 << 2;
    pub(super) const BUS_STEP_V: f64 = 1.25e-3;
    pub(super) const SHUNT_STEP_V: f64 = 2.5e-6;
    pub(super) const SHUNT_MAX_V: f64 = 0.08192;
    pub(super) const CURRENT_STEPS: f64 = 32_768.0;
    /// Calibration times step of the current times shunt.
    pub(super) const SCALE: f64 = 0.00512;
}

/// Registers and steps of the INA228.
mod ina228 {
    pub(super) const ADC_CONFIG: u8 = 0x01;
    pub(super) const SHUNT_CAL: u8 = 0x02;
    pub(super) const BUS: u8 = 0x05;
    pub(super) const CURRENT: u8 = 0x07;
    pub(super) const POWER: u8 = 0x08;
    pub(super) const ENERGY: u8 = 0x09;
    pub(super) const FLAGS: u8 = 0x0b;
    pub(super) const MANUFACTURER: u8 = 0x3e;
    pub(super) const DIE: u8 = 0x3f;
    pub(super) const DIE_ID: u16 = 0x228;
    /// Shunt and bus continuously, 1.052 ms each, averages of 16.
    pub(super) const ADC: u16 = 0xbb6a;
    pub(super) const RESET_SUMS: u16 = 0x4000;
    pub(super) const FINE: u16 = 0x0010;
    pub(super) const OVERFLOW: u16 = 1 << 11 | 1 << 9;
    pub(super) const BUS_STEP_V: f64 = 195.3125e-6;
    pub(super) const SHUNT_STEP_V: f64 = 312.5e-9;
    pub(super) const SHUNT_MAX_V: f64 = 0.16384;
    /// The fine range is a quarter of the whole.
    pub(super) const FINE_FACTOR: f64 = 4.0;
    pub(super) const CURRENT_STEPS: f64 = 524_288.0;
    /// Calibration over step of the current times shunt.
    pub(super) const SCALE: f64 = 13_107.2e6;
    /// Watts of a step of power, over the step of the current.
    pub(super) const POWER_FACTOR: f64 = 3.2;
    /// Joules of a step of energy, over the watts of one of power.
    pub(super) const ENERGY_FACTOR: f64 = 16.0;
}

impl Model {
    /// Returns the name on the chip.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ina226 => "INA226",
            Self::Ina228 => "INA228",
        }
    }

    /// Returns registers of manufacturer and die, and the die's number.
    fn identity(self) -> (u8, u8, u16) {
        match self {
            Self::Ina226 => (ina226::MANUFACTURER, ina226::DIE, ina226::DIE_ID),
            Self::Ina228 => (ina228::MANUFACTURER, ina228::DIE, ina228::DIE_ID),
        }
    }
}

impl Chip {
    /// Identifies, resets and calibrates a chip at a shunt, ohms, for currents up to `max_a`.
    pub(super) fn set_up(
        mut registers: Box<dyn Registers>,
        model: Model,
        shunt_ohm: f64,
        max_a: f64,
    ) -> Result<Self, Trouble> {
        let (manufacturer, die, wanted) = model.identity();
        let manufacturer = read_u16(&mut *registers, manufacturer)?;
        let die = read_u16(&mut *registers, die)?;
        // The lowest four bits are the revision.
        if manufacturer != MANUFACTURER || die >> 4 != wanted {
            let found = format!("manufacturer {manufacturer:#06x}, die {die:#06x}");
            return Err(Trouble::Other(found));
        }
        registers.write(CONFIG, RESET)?;
        std::thread::sleep(START);
        match model {
            Model::Ina226 => Self::calibrate_226(registers, shunt_ohm, max_a),
            Model::Ina228 => Self::calibrate_228(registers, shunt_ohm, max_a),
        }
    }

    fn calibrate_226(
        mut registers: Box<dyn Registers>,
        shunt_ohm: f64,
        max_a: f64,
    ) -> Result<Self, Trouble> {
        check_shunt(shunt_ohm * max_a, ina226::SHUNT_MAX_V)?;
        let step_a = max_a / ina226::CURRENT_STEPS;
        let calibration = calibration(ina226::SCALE / (step_a * shunt_ohm))?;
        registers.write(ina226::CALIBRATION, calibration)?;
        registers.write(CONFIG, ina226::CONFIG)?;
        Ok(Self {
            registers,
            model: Model::Ina226,
            // What the rounded calibration stands for, so that rounding costs nothing.
            current_step_a: ina226::SCALE / (f64::from(calibration) * shunt_ohm),
            shunt_step_a: ina226::SHUNT_STEP_V / shunt_ohm,
            config: ina226::CONFIG,
        })
    }

    fn calibrate_228(
        mut registers: Box<dyn Registers>,
        shunt_ohm: f64,
        max_a: f64,
    ) -> Result<Self, Trouble> {
        let drop_v = shunt_ohm * max_a;
        check_shunt(drop_v, ina228::SHUNT_MAX_V)?;
        let is_fine = drop_v <= ina228::SHUNT_MAX_V / ina228::FINE_FACTOR;
        let (config, factor) = if is_fine {
            (ina228::FINE, ina228::FINE_FACTOR)
        } else {
            (0, 1.0)
        };
        let scale = ina228::SCALE * factor * shunt_ohm;
        let calibration = calibration(scale * max_a / ina228::CURRENT_STEPS)?;
        registers.write(CONFIG, config)?;
        registers.write(ina228::SHUNT_CAL, calibration)?;
        registers.write(ina228::ADC_CONFIG, ina228::ADC)?;
        Ok(Self {
            registers,
            model: Model::Ina228,
            current_step_a: f64::from(calibration) / scale,
            shunt_step_a: ina228::SHUNT_STEP_V / factor / shunt_ohm,
            config,
        })
    }

    /// Sets the sum of energy to zero, where there is one.
    pub(super) fn reset_energy(&mut self) -> io::Result<()> {
        match self.model {
            Model::Ina226 => Ok(()),
            Model::Ina228 => self
                .registers
                .write(CONFIG, self.config | ina228::RESET_SUMS),
        }
    }

    /// Reads voltage, current, power, energy and flags.
    pub(super) fn read(&mut self) -> io::Result<Reading> {
        match self.model {
            Model::Ina226 => self.read_226(),
            Model::Ina228 => self.read_228(),
        }
    }

    fn read_226(&mut self) -> io::Result<Reading> {
        let registers = &mut *self.registers;
        let flags = read_u16(registers, ina226::FLAGS)?;
        let bus_v = f64::from(read_u16(registers, ina226::BUS)?) * ina226::BUS_STEP_V;
        let current = read_u16(registers, ina226::CURRENT)?.cast_signed();
        let current_a = f64::from(current) * self.current_step_a;
        let is_at_end = current == i16::MAX || current == i16::MIN;
        Ok(Reading {
            bus_v,
            current_a,
            // The register of power has 25 times coarser steps.
            power_w: bus_v * current_a,
            energy_j: None,
            step_w: self.step_w(bus_v, current_a, ina226::BUS_STEP_V),
            is_overflown: flags & ina226::OVERFLOW != 0 || is_at_end,
        })
    }

    fn read_228(&mut self) -> io::Result<Reading> {
        let registers = &mut *self.registers;
        let flags = read_u16(registers, ina228::FLAGS)?;
        // Voltage and current are 20 bits at the top of 24.
        let bus = read_wide::<3>(registers, ina228::BUS)? >> 4;
        let bus_v = wide(bus) * ina228::BUS_STEP_V;
        let current = read_wide::<3>(registers, ina228::CURRENT)? >> 4;
        let current_a = signed(current) * self.current_step_a;
        let power_step_w = ina228::POWER_FACTOR * self.current_step_a;
        let power = read_wide::<3>(registers, ina228::POWER)?;
        let energy = read_wide::<5>(registers, ina228::ENERGY)?;
        Ok(Reading {
            bus_v,
            current_a,
            power_w: wide(power) * power_step_w,
            energy_j: Some(wide(energy) * power_step_w * ina228::ENERGY_FACTOR),
            step_w: self.step_w(bus_v, current_a, ina228::BUS_STEP_V) + power_step_w,
            is_overflown: flags & ina228::OVERFLOW != 0,
        })
    }

    fn step_w(&self, bus_v: f64, current_a: f64, bus_step_v: f64) -> f64 {
        let current_step_a = self.current_step_a.max(self.shunt_step_a);
        current_step_a * bus_v + bus_step_v * current_a.abs()
    }
}

impl From<io::Error> for Trouble {
    fn from(cause: io::Error) -> Self {
        Self::Bus(cause)
    }
}

fn check_shunt(drop_v: f64, max_v: f64) -> Result<(), Trouble> {
    if drop_v > 0.0 && drop_v <= max_v {
        return Ok(());
    }
    Err(Trouble::Unfit(format!(
        "the largest current drops {:.2} mV at the shunt, the chip takes 0 to {:.2} mV",
        drop_v * 1e3,
        max_v * 1e3
    )))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to fit"
)]
fn calibration(value: f64) -> Result<u16, Trouble> {
    let value = value.round();
    // The highest bit of the register is not used.
    if (1.0..=32_767.0).contains(&value) {
        return Ok(value as u16);
    }
    Err(Trouble::Unfit(format!(
        "shunt and largest current need the calibration {value}, the chip takes 1 to 32767"
    )))
}

fn read_u16(registers: &mut dyn Registers, register: u8) -> io::Result<u16> {
    let mut bytes = [0; 2];
    registers.read(register, &mut bytes)?;
    Ok(u16::from_be_bytes(bytes))
}

fn read_wide<const BYTES: usize>(registers: &mut dyn Registers, register: u8) -> io::Result<u64> {
    let mut bytes = [0; BYTES];
    registers.read(register, &mut bytes)?;
    Ok(bytes
        .iter()
        .fold(0, |value, &byte| value << 8 | u64::from(byte)))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "at most 40 bits, a double holds 53"
)]
fn wide(value: u64) -> f64 {
    value as f64
}

/// Reads 20 bits as a two's complement.
fn signed(value: u64) -> f64 {
    let sign = 1_u64 << 19;
    wide(value & (sign - 1)) - wide(value & sign)
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;

    fn chip(model: Model, shunt_ohm: f64, max_a: f64) -> (Chip, Fake) {
        let fake = Fake::new(model);
        let chip = Chip::set_up(Box::new(fake.clone()), model, shunt_ohm, max_a);
        (chip.ok().unwrap(), fake)
    }

    #[test]
    fn an_ina226_is_calibrated_by_the_rule_of_its_datasheet() {
        // 0.00512 / (1 A / 2^15 * 0.1 ohm / 2) = 3355.4, rounded.
        let (mut chip, fake) = chip(Model::Ina226, 0.05, 1.0);
        assert_eq!(fake.written(ina226::CALIBRATION), 3355);
        assert_eq!(fake.written(CONFIG), ina226::CONFIG);
        let step_a = 0.00512 / (3355.0 * 0.05);
        fake.set(ina226::BUS, 2640, 2);
        fake.set(ina226::CURRENT, 0x10000 - 1000, 2);
        let reading = chip.read().unwrap();
        assert!((reading.bus_v - 3.3).abs() < 1e-12);
        assert!((reading.current_a + 1000.0 * step_a).abs() < 1e-12);
        assert!((reading.power_w + 3300.0 * step_a).abs() < 1e-12);
        assert_eq!((reading.energy_j, reading.is_overflown), (None, false));
        fake.set(ina226::FLAGS, 1 << 2, 2);
        assert!(chip.read().unwrap().is_overflown);
    }

    #[test]
    fn an_ina228_takes_the_finest_range_that_holds_the_current() {
        let (_, wide) = chip(Model::Ina228, 0.015, 10.0);
        // 13107.2e6 * 10 / 2^19 * 0.015 = 3750.
        assert_eq!(
            (wide.written(CONFIG), wide.written(ina228::SHUNT_CAL)),
            (0, 3750)
        );
        let (mut chip, fine) = chip(Model::Ina228, 0.05, 0.5);
        // 4 * 13107.2e6 * 0.5 / 2^19 * 0.05 = 2500.
        assert_eq!(
            (fine.written(CONFIG), fine.written(ina228::SHUNT_CAL)),
            (0x10, 2500)
        );
        let step_a = 0.5 / 524_288.0;
        fine.set(ina228::BUS, 16_896 << 4, 3);
        fine.set(ina228::CURRENT, (0x10_0000 - 4096) << 4 | 0xf, 3);
        fine.set(ina228::POWER, 123_456, 3);
        fine.set(ina228::ENERGY, 0xff_1234_5678, 5);
        let reading = chip.read().unwrap();
        assert!((reading.bus_v - 3.3).abs() < 1e-12);
        assert!((reading.current_a + 4096.0 * step_a).abs() < 1e-15);
        assert!((reading.power_w - 123_456.0 * 3.2 * step_a).abs() < 1e-12);
        let energy_j = f64::from(0xff12_u32) * 16_777_216.0 + f64::from(0x34_5678_u32);
        let wanted = energy_j * 51.2 * step_a;
        assert!((reading.energy_j.unwrap() - wanted).abs() < 1e-6 * wanted);
        chip.reset_energy().unwrap();
        assert_eq!(fine.written(CONFIG), 0x4010, "the range stays");
        for flag in [1 << 11, 1 << 9] {
            fine.set(ina228::FLAGS, flag, 2);
            assert!(chip.read().unwrap().is_overflown);
        }
    }

    #[test]
    fn another_chip_or_an_unfit_shunt_is_an_error() {
        let trouble = |model, registers: Fake, shunt_ohm, max_a| {
            Chip::set_up(Box::new(registers), model, shunt_ohm, max_a)
                .err()
                .unwrap()
        };
        let other = trouble(Model::Ina228, Fake::new(Model::Ina226), 0.1, 0.1);
        assert!(matches!(other, Trouble::Other(found) if found.contains("0x0000")));
        let large = trouble(Model::Ina226, Fake::new(Model::Ina226), 0.1, 1.0);
        assert!(matches!(large, Trouble::Unfit(cause) if cause.contains("100.00 mV")));
        let small = trouble(Model::Ina226, Fake::new(Model::Ina226), 1e-6, 0.01);
        assert!(matches!(small, Trouble::Unfit(cause) if cause.contains("calibration")));
        let fake = Fake::new(Model::Ina226);
        fake.break_off();
        assert!(matches!(
            trouble(Model::Ina226, fake, 0.1, 0.1),
            Trouble::Bus(_)
        ));
    }

    #[test]
    fn the_sign_is_that_of_20_bits() {
        assert_eq!(signed(0x7_ffff), 524_287.0);
        assert_eq!(signed(0x8_0000), -524_288.0);
        assert_eq!(signed(0xf_ffff), -1.0);
    }
}
