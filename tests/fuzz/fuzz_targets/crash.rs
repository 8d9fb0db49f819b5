//! A board's log and its program: the decoder of crashes survives both.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mambalite_hil::crash::{decode, find_functions};
use mambalite_hil::log::Line;

/// A recorded crash, and the program that took it.
const ELF: &[u8] = include_bytes!("../../../hil/src/crash/fixture/crash.elf");
const LOG: &str = include_str!("../../../hil/src/crash/fixture/crash.log");

fn lines(text: &str) -> Vec<Line> {
    let line = |text: &str| Line {
        time: String::new(),
        level: String::new(),
        message: text.to_owned(),
        place: String::new(),
    };
    text.lines().map(line).collect()
}

fuzz_target!(|bytes: &[u8]| {
    // Bytes as a log, as a program, and as changes of the recorded program: three bytes each are a
    // place and a value.
    if let Ok(text) = core::str::from_utf8(bytes) {
        let report = decode(&lines(text), ELF);
        let _ = report.map(|it| it.to_string());
    }
    let _ = decode(&lines(LOG), bytes);
    let mut elf = ELF.to_vec();
    for change in bytes.chunks_exact(3) {
        let place = usize::from(u16::from_le_bytes([change[0], change[1]])) % elf.len();
        elf[place] = change[2];
    }
    let _ = decode(&lines(LOG), &elf);
    let _ = find_functions(&elf, |_| true);
});
