//! The meter against a bus that is played.

use super::fake::Fake;
use super::*;
use crate::error::{EXIT_INPUT, EXIT_LINK, EXIT_MISSING};
use crate::power::energy::{Method, Refusal};

fn settings(chip: &str) -> Settings {
    let mut settings = Settings::new(chip, 0x40, 50_000, 500).unwrap();
    settings.idle_s = 0.1;
    settings
}

fn ina(fake: &Fake, chip: &str) -> Result<Ina> {
    Ina::set_up(Box::new(fake.clone()), bus::path(9), settings(chip))
}

#[test]
fn a_run_is_three_stretches() {
    let fake = Fake::new(Model::Ina226);
    // 3.3 V, 100 mA in steps of 500 mA / 2^15, nearly.
    fake.set(0x02, 2640, 2);
    fake.set(0x04, 6554, 2);
    let mut meter = ina(&fake, "ina226").unwrap();
    let interrupt = Interrupt::default();
    meter.begin(&interrupt).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let live = meter.live().unwrap();
    assert!((live.mean_w.unwrap() - 0.33).abs() < 1e-3, "{live:?}");
    assert!(live.samples >= 3);
    let report = meter.finish(7, &interrupt).unwrap();
    assert_eq!((report.method, report.pulses), (Method::Window, None));
    assert!((report.idle.before_w.unwrap() - 0.33).abs() < 1e-3);
    assert!((report.idle.after_w.unwrap() - 0.33).abs() < 1e-3);
    let no_signal = |it: &Refusal| matches!(it, Refusal::NoSignal { .. } | Refusal::Coarse { .. });
    assert!(report.refusals.iter().any(no_signal), "{report:?}");
    assert!(matches!(report.refusals[0], Refusal::TooShort { .. }));
    assert!(meter.thread.is_none(), "stopped");
    assert_eq!(meter.facts().serial, "/dev/i2c-9 0x40");
    assert_eq!(report.meter.operation, "shunt 50 milliohms");
}

#[test]
fn an_overflow_is_told() {
    let fake = Fake::new(Model::Ina228);
    let mut meter = ina(&fake, "ina228").unwrap();
    let interrupt = Interrupt::default();
    meter.begin(&interrupt).unwrap();
    fake.set(0x0b, 1 << 11, 2);
    let report = meter.finish(7, &interrupt).unwrap();
    assert!(matches!(report.refusals[0], Refusal::Saturated { times } if times > 0));
}

#[test]
fn a_chip_that_is_gone_is_an_error_and_leaves_no_thread() {
    let fake = Fake::new(Model::Ina226);
    let mut meter = ina(&fake, "ina226").unwrap();
    let interrupt = Interrupt::default();
    meter.begin(&interrupt).unwrap();
    fake.break_off();
    std::thread::sleep(POLL * 3);
    let error = meter.finish(7, &interrupt).unwrap_err();
    assert!(error.to_string().contains("no acknowledge"), "{error}");
    assert_eq!(error.exit_code(), EXIT_LINK);
    let error = meter.begin(&interrupt).unwrap_err();
    assert_eq!(error.exit_code(), EXIT_LINK);
}

#[test]
fn what_is_not_there_is_missing_and_what_cannot_be_is_input() {
    let error = ina(&Fake::new(Model::Ina226), "ina228").err().unwrap();
    assert_eq!(error.exit_code(), EXIT_MISSING, "{error}");
    assert!(
        error.to_string().contains("INA228 at 0x40 of `/dev/i2c-9`"),
        "{error}"
    );
    let error = Ina::open(250, settings("ina226")).err().unwrap();
    assert_eq!(error.exit_code(), EXIT_MISSING, "{error}");
    for (chip, address) in [("ina219", 0x40), ("ina226", 0x50)] {
        let error = Settings::new(chip, address, 1, 1).unwrap_err();
        assert_eq!(error.exit_code(), EXIT_INPUT);
    }
}

#[test]
fn nothing_is_measured_before_the_start() {
    let mut meter = ina(&Fake::new(Model::Ina226), "ina226").unwrap();
    assert!(meter.live().is_err());
    assert!(meter.finish(5, &Interrupt::default()).is_err());
}
