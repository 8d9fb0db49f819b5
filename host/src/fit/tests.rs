//! What fits, fits; what is emitted, builds.

use std::path::{Path, PathBuf};

use mambalite_firmware_board_facts::{Facts, constants};
use mambalite_kernels::{ExecError, Layer, Plan, Upscaler};
use proptest::prelude::*;

use super::board::{Change, Stated};
use super::emit::configuration;
use super::shape::placeholder;
use super::*;

/// The folder of this crate, in the repository.
fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the microcontrollers of the repository.
fn boards() -> Vec<Board> {
    let folder = here().parent().unwrap().join("firmware/boards");
    let entries = std::fs::read_dir(folder).unwrap();
    let names = entries.map(|it| it.unwrap().file_name().into_string().unwrap());
    let boards =
        names
            .filter(|it| it != "README.md")
            .filter_map(|name| match Board::load(&name, here()) {
                Err(Error::Fit {
                    cause: FitError::Computer { .. },
                }) => None,
                board => Some(board.unwrap()),
            });
    boards.collect()
}

fn stated(flash: usize, ram: usize) -> Board {
    let stated = Stated {
        flash_bytes: flash,
        ram_bytes: ram,
        core: "cortex-m4f".to_owned(),
        variables_bytes: 1024,
    };
    Board::stated(&stated, Change::default()).unwrap()
}

fn order<'a>(board: &'a Board, models: &[&str]) -> Order<'a> {
    Order {
        board,
        models: models.iter().map(|&it| it.to_owned()).collect(),
        precisions: Precision::ALL.to_vec(),
        picture: (64, 64),
        milliseconds: None,
        clock_hz: None,
    }
}

/// Begins a job of the firmware in an arena of so many bytes.
fn begins(file: &ModelFile, width: usize, arena_bytes: usize) -> Result<(), ExecError> {
    let model = file.model();
    let config = model.config();
    let own = (width * config.channels).div_ceil(8) + Layer::count(config);
    let mut arena = vec![0; (arena_bytes / 8).saturating_sub(own)];
    Upscaler::<{ Precision::SET }>::microcontroller(&model, width, 1, &mut arena).map(drop)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Every row that fits begins a job in the board's arena; one column more than the widest, and
    /// every row whose arena lacks bytes, does not.
    #[test]
    fn what_fits_begins_and_one_column_more_does_not(
        ram_words in 4_000..20_000_usize,
        picture in 1..200_usize,
    ) {
        let board = stated(1 << 20, ram_words * 8);
        let order = Order { picture: (picture, 5), ..order(&board, &[registry::DEFAULT]) };
        let arena = board.division.arena_bytes;
        for row in fit(&order).unwrap().rows {
            let file = registry::load(&row.model, Some(row.kind)).unwrap();
            prop_assert_eq!(row.fits, row.arena_missing_bytes == 0);
            prop_assert_eq!(begins(&file, row.width, arena).is_ok(), row.fits, "{:?}", row);
            // To the byte: the plan takes all that is stated.
            let needed = row.arena_bytes;
            prop_assert!(begins(&file, row.width, needed).is_ok());
            prop_assert!(begins(&file, row.width, needed - 8).is_err());
            let widest = width_max(&file.model(), arena);
            prop_assert!(widest == 0 || begins(&file, widest, arena).is_ok());
            prop_assert!(begins(&file, widest + 1, arena).is_err());
        }
    }
}

#[test]
fn a_placeholder_takes_what_the_model_takes() {
    for shipped in registry::SHIPPED {
        for precision in Precision::ALL {
            let file = shipped.load(precision).unwrap();
            let model = file.model();
            let forms: Vec<_> = model.forms().collect();
            let made = placeholder(model.config(), &forms, precision).unwrap();
            assert_eq!(made.bytes().len(), file.bytes().len(), "{precision}");
            for width in [1, 24, 64] {
                let plan = Plan::microcontroller(&made.model(), width);
                assert_eq!(plan, Plan::microcontroller(&model, width), "{precision}");
            }
        }
    }
}

#[test]
fn every_board_is_read_and_what_is_emitted_builds_and_fits() {
    let boards = boards();
    assert!(boards.len() > 6);
    for board in boards {
        let report = fit(&order(&board, &[registry::DEFAULT])).unwrap();
        let best = report.best.unwrap();
        let text = configuration(&board, &best).unwrap();
        let facts = Facts::parse(&text).unwrap();
        assert_eq!(
            facts.arena_bytes as usize, best.arena_bytes,
            "{}",
            board.name
        );
        let old = &board.file.as_ref().unwrap().text;
        let comments = |text: &str| text.lines().filter(|it| it.starts_with('#')).count();
        assert_eq!(comments(&text), comments(old));
        let made = Board::parse(&text, PathBuf::from("board.toml")).unwrap();
        assert_eq!(made.precisions, [best.kind]);
        let again = fit(&order(&made, &[registry::DEFAULT])).unwrap();
        let mut rows = again.rows.iter();
        let same = rows.find(|it| it.kind == best.kind && it.width == best.width);
        assert!(same.unwrap().fits && same.unwrap().built, "{}", board.name);
    }
}

/// The firmware's build numbers the precisions as the kernels do.
#[test]
fn a_set_of_precisions_is_that_of_the_kernels() {
    let file = Board::load("qemu-mps2-an386-small", here()).unwrap().file;
    let text = file.unwrap().text;
    for precision in Precision::ALL {
        let only = format!("precisions = [\"{precision}\"]");
        let text = text.replace("precisions = [\"w8a8\"]", &only);
        assert!(text.contains(&only));
        let constants = constants(&Facts::parse(&text).unwrap());
        let set = format!("PRECISIONS: u8 = {:#05b};", 1 << precision as u8);
        assert!(constants.contains(&set), "{constants}");
        assert!(precision.is_in(1 << precision as u8));
        assert!(precision.is_in(Precision::SET));
    }
}

#[test]
fn a_change_moves_the_model_and_the_stack() {
    let board = Board::load("qemu-mps2-an386-small", here()).unwrap();
    let before = board.division;
    let change = Change {
        program_bytes: Some(0x2_8000),
        stack_bytes: Some(before.stack_bytes - 1024),
    };
    let board = board.changed(change).unwrap();
    assert_eq!(board.division.arena_bytes, before.arena_bytes + 1024);
    let report = fit(&order(&board, &[registry::DEFAULT])).unwrap();
    let facts = Facts::parse(&configuration(&board, &report.best.unwrap()).unwrap()).unwrap();
    assert_eq!(facts.model.address, facts.flash.origin + 0x2_8000);
    assert_eq!(facts.model.capacity_bytes, facts.flash.length - 0x2_8000);
    assert_eq!(facts.stack_bytes as usize, before.stack_bytes - 1024);
    let all = Change {
        stack_bytes: Some(1 << 20),
        ..Change::default()
    };
    board.changed(all).unwrap_err();
}

#[test]
fn the_best_is_the_highest_score_within_the_time() {
    let board = Board::load("qemu-mps2-an500", here()).unwrap();
    let all: Vec<_> = registry::SHIPPED.iter().map(|it| it.name).collect();
    let free = fit(&order(&board, &all)).unwrap();
    let best = free.best.unwrap();
    let scores = free
        .rows
        .iter()
        .filter(|it| it.fits)
        .filter_map(|it| it.psnr_y);
    assert_eq!(best.psnr_y, scores.max_by(f64::total_cmp));
    // The picture as a whole, which has no margins.
    assert_eq!(best.tile, None);
    let limit = best.milliseconds.unwrap() / 2.0;
    let limited = Order {
        milliseconds: Some(limit),
        ..order(&board, &all)
    };
    let limited = fit(&limited).unwrap();
    assert!(limited.best.unwrap().milliseconds.unwrap() <= limit);
    assert!(limited.rows.iter().any(|it| it.verdict() == "too slow"));
}

#[test]
fn too_little_is_told_with_what_each_knob_buys() {
    let mut board = stated(256 << 10, 40 << 10);
    let report = fit(&order(&board, &[registry::DEFAULT])).unwrap();
    assert_eq!(report.best, None);
    let nearest = report.nearest.unwrap();
    assert!(nearest.arena_missing_bytes > 0);
    let names: Vec<_> = report.knobs.iter().map(|it| it.knob.as_str()).collect();
    for word in ["--stack", "precision", "ranks", "width", "states", "groups"] {
        assert!(names.iter().any(|it| it.contains(word)), "{names:?}");
    }
    // A knob that says so makes it fit, and one that does not leaves something missing.
    for knob in &report.knobs {
        let flash = knob.flash_bytes <= board.division.model_bytes(nearest.kind);
        let arena = knob.arena_bytes <= board.division.arena_bytes;
        if !knob.knob.starts_with("precision") {
            assert_eq!(knob.fits, flash && arena, "{knob:?}");
        }
        let saved = nearest.arena_bytes as i64 - knob.arena_bytes as i64;
        assert_eq!(knob.arena_saved_bytes, saved);
    }
    board.division.arena_bytes = nearest.arena_bytes;
    assert!(
        fit(&order(&board, &[registry::DEFAULT]))
            .unwrap()
            .best
            .is_some()
    );
}

#[test]
fn what_is_no_board_is_told_with_the_mend() {
    let told = |name: &str| Board::load(name, here()).unwrap_err().to_string();
    let unknown = told("qemu-z80");
    for word in ["qemu-z80", "qemu-mps2-an386", "--flash"] {
        assert!(unknown.contains(word), "{unknown}");
    }
    assert!(told("virtual-jetson").contains("Linux"));
    let text = "schema = 1\nname = 1";
    let broken = Board::parse(text, PathBuf::from("x/board.toml")).unwrap_err();
    assert!(broken.to_string().contains("x/board.toml"), "{broken}");
    let stated = Stated {
        flash_bytes: 1 << 18,
        ram_bytes: 1 << 16,
        core: "z80".to_owned(),
        variables_bytes: 0,
    };
    let error = Board::stated(&stated, Change::default()).unwrap_err();
    assert!(error.to_string().contains("--program"), "{error}");
}
