//! The default model on a board of 256 KiB flash and 64 KiB RAM, in rows as wide as its arena holds.

use std::path::Path;

use mambalite::fit::memory::width_max;
use mambalite::registry;
use mambalite_hil::Result;
use mambalite_hil::board::{Boards, Microcontroller};
use mambalite_hil::firmware;
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::observer::Silent;
use mambalite_hil::run::{self, Order, Outcome};
use mambalite_hil::state::State;
use mambalite_kernels::Precision;
use object::elf::SHF_ALLOC;
use object::{Object, ObjectSection, SectionFlags};
use tempfile::TempDir;

use crate::model::picture;
use crate::qemu_run::{assert_pass, can_run};

const BOARD: &str = "qemu-mps2-an386-small";

/// Runs a picture of so many columns.
fn run(folder: &TempDir, boards: &Boards, width: usize, precision: Precision) -> Result<Outcome> {
    let input = folder.path().join("lr.png");
    picture(width, 9).save(&input).unwrap();
    let state = State::at(folder.path().join("state"));
    let order = Order {
        boards: vec![BOARD.to_owned()],
        model: registry::DEFAULT.to_owned(),
        precisions: vec![precision],
        ..Order::new(input, folder.path().join("out"), state)
    };
    run::run(&order, boards, &Interrupt::default(), &Silent)
}

/// Checks that all of a program that takes memory lies in the part's.
fn check_memory(elf: &[u8], memory: &Microcontroller) {
    let file = object::File::parse(elf).unwrap();
    let mut count = 0;
    for section in file.sections() {
        let SectionFlags::Elf { sh_flags, .. } = section.flags() else {
            panic!("no ELF file");
        };
        if !sh_flags.contains(SHF_ALLOC) || section.size() == 0 {
            continue;
        }
        let (address, len) = (section.address() as u32, section.size() as usize);
        let inside = memory.flash.holds(address, len) || memory.ram.holds(address, len);
        assert!(inside, "{:?} at {address:#010x}", section.name());
        count += 1;
    }
    assert!(count >= 4, "{count} sections");
}

#[test]
fn the_default_model_runs_in_256_kib_of_flash_and_64_kib_of_ram() {
    if !can_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let boards = Boards::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let board = boards.load(BOARD).unwrap();
    let memory = board.memory().unwrap();
    assert_eq!(
        (memory.flash.length, memory.ram.length),
        (256 << 10, 64 << 10)
    );
    let file = registry::load(registry::DEFAULT, Some(Precision::W8A8)).unwrap();
    let widest = width_max(&file.model(), board.arena_bytes as usize);
    assert_pass(&run(&folder, &boards, widest, Precision::W8A8).unwrap(), 1);
    let interrupt = Interrupt::default();
    let image = firmware::build(&boards, &board, false, &interrupt, &mut |_| ()).unwrap();
    check_memory(&image.elf, memory);
    let wider = run(&folder, &boards, widest + 1, Precision::W8A8);
    let wider = wider.map(|_| ()).unwrap_err().to_string();
    assert!(wider.contains("its arena lacks"), "{wider}");
    let other = run(&folder, &boards, 8, Precision::F32);
    let other = other.map(|_| ()).unwrap_err().to_string();
    assert!(other.contains("built without f32"), "{other}");
}
