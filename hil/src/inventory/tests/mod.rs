//! Rig files, and what is plugged in, on trees that stand in for sysfs.

mod faults;
mod files;
mod plugged;

use std::path::Path;

use jiff::civil::{Date, date};

use super::Inventory;
use crate::Error;
use crate::board::Boards;
use crate::config::FaultyFile;

const TODAY: Date = date(2026, 11, 29);

/// Boards of three kinds: virtual, real, and a computer.
struct Kinds(tempfile::TempDir);

impl Kinds {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let real = crate::board::GOOD.split("[virtual]").next().unwrap();
        let computer = "schema = 1\nname = \"computer\"\nchip = \"X\"\ncore = \"X\"\n\
             target = \"aarch64-unknown-linux-gnu\"\narena-bytes = 0x1000\n[ssh]\nhost = \"h\"\n";
        for (name, text) in [
            ("qemu-x", crate::board::GOOD.to_owned()),
            ("real-x", real.replace("qemu-x", "real-x")),
            ("computer", computer.to_owned()),
        ] {
            let folder = dir.path().join("firmware/boards").join(name);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("board.toml"), text).unwrap();
        }
        std::fs::create_dir_all(dir.path().join("hil/rigs")).unwrap();
        Self(dir)
    }

    fn boards(&self) -> Boards {
        Boards::find(self.0.path()).unwrap()
    }

    fn parse(&self, text: &str) -> Result<Inventory, FaultyFile> {
        match Inventory::parse(Path::new("b.toml"), text, &self.boards(), TODAY) {
            Ok(inventory) => Ok(inventory),
            Err(Error::File(file)) => Err(*file),
            Err(error) => panic!("{error}"),
        }
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.boards().rigs().join(name), text).unwrap();
    }
}

const GOOD: &str = r#"schema = 1
[bench]
name = "shelf"
notes = "by the window"

[[rig]]
name = "nucleo-1"
board = "real-x"
probe = { vid = "0483", pid = "374b", serial = "066BFF01" }
port = { serial = "066BFF01", interface = 2 }
tags = ["m7", "slow"]
timeout-multiplier = 2.0

# Feeds the board too.
[rig.meter]
kind = "ppk2"
serial = "E1F2"
supply-mv = 3300
source = true
gate = 0

[rig.power]
kind = "usb-port"
port = "1-1:1.0/1-1-port2"

[[rig]]
name = "v-1" # quick
board = "qemu-x"
tags = ["m7"]
quarantine = { reason = "hangs", owner = "kim", expires = "2026-11-29" }
"#;
