//! A rig file, and what labgrid's client says: refused with faults that have places, or read.

#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mambalite_hil::board::Boards;
use mambalite_hil::inventory::{Inventory, day};
use mambalite_hil::{Error, labgrid};

static BOARDS: LazyLock<Boards> = LazyLock::new(|| {
    Boards::find(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("they are shipped")
});

fuzz_target!(|text: &str| {
    let _ = labgrid::resources(text);
    let today = day("2026-11-29").expect("it is a day");
    match Inventory::parse(Path::new("fuzz.toml"), text, &BOARDS, today) {
        Ok(inventory) => drop(inventory.select(&[], &[])),
        Err(Error::File(file)) => {
            assert!(file.faults().iter().any(|fault| fault.is_error()));
            let lines = text.matches('\n').count() + 1;
            for fault in file.faults() {
                assert!(file.position(fault).0 <= lines);
            }
            drop(file.render(true));
        }
        Err(error) => panic!("{error}"),
    }
});
