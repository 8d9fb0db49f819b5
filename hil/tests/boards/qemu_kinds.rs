//! Every kind of virtual board with the shipped model: the same bits, the same count of instructions
//! in every run, and a crash that the log describes.

use std::path::Path;

use mambalite::model_file::ModelFile;
use mambalite::registry;
use mambalite_hil::bench::Bench;
use mambalite_hil::board::{Board, Boards, Counter};
use mambalite_hil::device::{Device, Extras};
use mambalite_hil::firmware::{self, Image};
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::inventory::Rig;
use mambalite_hil::link::Patience;
use mambalite_hil::log::Line;
use mambalite_hil::observer::{Silent, Watch};
use mambalite_kernels::Precision;
use object::{Object, ObjectSymbol};

use crate::model::picture;
use crate::qemu_run::{assert_pass, can_run_on, run};

/// A board with its firmware and the shipped model.
struct Setup {
    board: Board,
    image: Image,
    file: ModelFile,
}

impl Setup {
    /// Builds the firmware; `None` where the board cannot be run here, with what is missing.
    fn new(name: &str) -> Option<Self> {
        let boards = Boards::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        let board = boards.load(name).unwrap();
        if !can_run_on(&board) {
            return None;
        }
        let interrupt = Interrupt::default();
        let image = firmware::build(&boards, &board, true, &interrupt, &mut |_| ()).unwrap();
        let file = registry::load(registry::DEFAULT, Some(Precision::W8A8)).unwrap();
        Some(Self { board, image, file })
    }

    /// Starts the board, and calls `work` with it; returns what that returns, and the log.
    fn boot<R>(
        &self,
        work: impl FnOnce(&mut Bench, &mut Device<'_, mambalite_hil::bench::AnyLine>) -> R,
    ) -> (R, Vec<Line>) {
        let folder = tempfile::tempdir().unwrap();
        let (log, interrupt) = (folder.path().join("log"), Interrupt::default());
        let (board, model) = (&self.board, self.file.model());
        let (mut bench, mut link) = Bench::start(
            (board, &Rig::of_board(&board.name)),
            &self.image,
            self.file.bytes(),
            &log,
            (Patience::default(), &interrupt),
            &Watch::new(&Silent, board.name.as_str()),
        )
        .unwrap();
        link.hello().unwrap();
        let mut device = Device::new(link, &board.name, &model);
        let outcome = work(&mut bench, &mut device);
        (outcome, bench.finish())
    }

    /// Returns the instructions of a picture, as the board counts them in one job after another.
    fn instructions(&self, jobs: usize) -> Vec<u64> {
        let lr = picture(12, 7);
        let (counts, _) = self.boot(|_, device| {
            let count = |_| {
                let checked = device.check(&lr, &mut |_, _| ()).unwrap();
                let comparison = &checked.comparison;
                assert!(comparison.is_equal(), "{}", comparison.describe());
                checked.result.cycles.unwrap()
            };
            (0..jobs).map(count).collect()
        });
        counts
    }

    /// Returns an address that each job comes by.
    fn function(&self) -> u32 {
        let file = object::File::parse(&*self.image.elf).unwrap();
        let found = file.symbols().find(|symbol| {
            let name = symbol.name().unwrap_or_default();
            symbol.is_definition() && name.contains("Upscaler") && name.contains("microcontroller")
        });
        // The lowest bit of a function of Thumb code is no part of its address.
        found.unwrap().address() as u32 & !1
    }

    /// Returns the log of a board that came by an instruction that is none.
    fn crash(&self) -> Vec<Line> {
        let invalid: [u8; 4] = match self.board.target.starts_with("riscv32") {
            true => [0; 4],
            false => [0x00, 0xde, 0x00, 0xde],
        };
        let ((), log) = self.boot(|bench, device| {
            let flasher = bench.flasher();
            flasher
                .write(self.function(), &invalid, &mut |_| ())
                .unwrap();
            flasher.resume().unwrap();
            let outcome = device.run(&picture(4, 4), Extras::default(), &mut |_, _| ());
            let error = outcome.map(|_| ()).unwrap_err().to_string();
            assert!(error.contains("its log has the registers"), "{error}");
        });
        log
    }
}

/// Checks one kind: its counts, in two starts, and its crash.
fn exercise(name: &str) {
    if let Some(setup) = Setup::new(name) {
        check_counts(name, &setup);
        check_crash(&setup);
    }
}

fn check_counts(name: &str, setup: &Setup) {
    assert_eq!(setup.board.counter(), Counter::Instructions);
    let (counts, again) = (setup.instructions(2), setup.instructions(1));
    println!("{name}: {counts:?}, {again:?} instructions");
    assert!(counts.iter().chain(&again).all(|&count| count == counts[0]));
    // 84 pixels, a few thousand instructions each at least.
    assert!(counts[0] > 100_000, "{counts:?}");
}

fn check_crash(setup: &Setup) {
    let log = setup.crash();
    let lines: Vec<&str> = log.iter().map(|line| line.message.as_str()).collect();
    let riscv = setup.board.target.starts_with("riscv32");
    let (registers, status, place) = match riscv {
        true => (REGISTERS_RISCV, STATUS_RISCV, "mepc"),
        false => (REGISTERS_ARM, STATUS_ARM, "pc"),
    };
    let registers = items(&lines, "fault regs ", registers);
    let status = items(&lines, "fault status ", status);
    let all: Vec<_> = registers.iter().chain(&status).collect();
    let value = |name: &str| all.iter().find(|(it, _)| it == name).unwrap().1;
    assert_eq!(value(place), setup.function(), "{lines:?}");
    // An undefined instruction: UNDEFINSTR of the usage fault, escalated; cause 2 of RISC-V.
    let reason = match riscv {
        true => (value("mcause"), 2),
        false => (value("cfsr"), 1 << 16),
    };
    assert_eq!(reason.0, reason.1, "{lines:?}");
    check_stack(&lines, value("sp"), &setup.board);
}

const REGISTERS_ARM: &str = "r0 r1 r2 r3 r12 lr pc xpsr sp";
const STATUS_ARM: &str = "cfsr hfsr mmfar bfar";
const REGISTERS_RISCV: &str = "ra sp gp tp t0 t1 t2 t3 t4 t5 t6 a0 a1 a2 a3 a4 a5 a6 a7";
const STATUS_RISCV: &str = "mcause mepc mtval";

/// Reads `name=0x…` of the line that starts with `head`, and checks the names.
fn items(lines: &[&str], head: &str, names: &str) -> Vec<(String, u32)> {
    let line = lines.iter().find_map(|line| line.strip_prefix(head));
    let line = line.unwrap_or_else(|| panic!("no `{head}` in {lines:?}"));
    let items: Vec<_> = line
        .split(' ')
        .map(|item| item.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), word(value)))
        .collect();
    let found: Vec<_> = items.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(found.join(" "), names);
    items
}

/// Reads `0x` and eight digits.
fn word(text: &str) -> u32 {
    assert_eq!(text.len(), 10, "{text}");
    u32::from_str_radix(text.strip_prefix("0x").unwrap(), 16).unwrap()
}

/// Checks that the stack is shown from `sp` on, four lines of eight words.
fn check_stack(lines: &[&str], sp: u32, board: &Board) {
    let memory = board.memory().unwrap();
    let stack = memory.ram.origin..memory.ram.origin + memory.stack_bytes;
    assert!(stack.contains(&sp), "{sp:#010x}");
    let shown = lines
        .iter()
        .filter_map(|line| line.strip_prefix("fault stack "));
    let mut count = 0;
    for (index, line) in shown.enumerate() {
        let (address, words) = line.split_once(": ").unwrap();
        assert_eq!(word(address), sp + 32 * index as u32);
        assert_eq!(words.split(' ').map(word).count(), 8, "{line}");
        count += 1;
    }
    assert_eq!(count, 4, "{lines:?}");
}

/// Checks a whole run, with all controls.
fn run_one(name: &str) {
    if Setup::new(name).is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let outcome = run(&folder, &[name], registry::DEFAULT, &[Precision::W8A8]);
    assert_pass(&outcome, 1);
    let text = std::fs::read_to_string(&outcome.paths.json).unwrap();
    assert!(text.contains("\"counter\": \"instructions\""), "{text}");
}

#[test]
fn a_cortex_m3_passes_counts_and_tells_of_a_crash() {
    exercise("qemu-mps2-an385");
    run_one("qemu-mps2-an385");
}

#[test]
fn a_cortex_m4_counts_and_tells_of_a_crash() {
    exercise("qemu-mps2-an386");
}

#[test]
fn a_cortex_m7_counts_and_tells_of_a_crash() {
    exercise("qemu-mps2-an500");
}

#[test]
fn a_cortex_m33_passes_counts_and_tells_of_a_crash() {
    exercise("qemu-mps2-an505");
    run_one("qemu-mps2-an505");
}

#[test]
fn a_cortex_m55_passes_counts_and_tells_of_a_crash() {
    exercise("qemu-mps3-an547");
    run_one("qemu-mps3-an547");
}

/// The only board whose line fills its buffer by interrupt, and which counts nothing.
#[test]
fn an_stm32f405_passes_through_its_usart_and_tells_of_a_crash() {
    let name = "qemu-netduinoplus2";
    let Some(setup) = Setup::new(name) else {
        return;
    };
    check_crash(&setup);
    run_one(name);
}

#[test]
fn a_risc_v_passes_counts_and_tells_of_a_crash() {
    exercise("qemu-riscv32-virt");
    run_one("qemu-riscv32-virt");
}
