//! `hil meter` without a meter.

use std::process::{Command, Output};

use mambalite_hil::error::{EXIT_INPUT, EXIT_MISSING};

fn meter(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hil"))
        .arg("meter")
        .args(arguments)
        .output()
        .unwrap()
}

fn assert_fails(arguments: &[&str], code: u8, word: &str) {
    let output = meter(arguments);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code.into()), "{text}");
    assert!(text.contains(word), "{word} in {text}");
}

#[test]
fn a_meter_that_is_not_there_is_missing() {
    let kit = ["--ppk2", "NONE", "--supply-mv", "3300", "--gate", "2"];
    assert_fails(&kit, EXIT_MISSING, "find the PPK2 NONE: not connected");
    let chip = "--ina ina228 --bus 250 --address 0x40 --shunt-uohm 50000 --max-ma 500";
    let chip: Vec<&str> = chip.split(' ').collect();
    assert_fails(&chip, EXIT_MISSING, "open the meter at `/dev/i2c-250`");
    let output = meter(&["--json", "--ppk2", "NONE", "--supply-mv", "3300"]);
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(line["error"].as_str().unwrap().contains("NONE"), "{line}");
}

#[test]
fn arguments_that_do_not_fit_are_named() {
    assert_fails(&[], EXIT_INPUT, "--ppk2");
    assert_fails(&["--ppk2", "A"], EXIT_INPUT, "--supply-mv");
    assert_fails(&["--ina", "ina226"], EXIT_INPUT, "--bus");
    assert_fails(
        &["--ppk2", "A", "--supply-mv", "500"],
        EXIT_INPUT,
        "800 to 5000 mV, not 500",
    );
    let gate = ["--ppk2", "A", "--supply-mv", "3300", "--gate", "8"];
    assert_fails(&gate, EXIT_INPUT, "0 to 7");
}
