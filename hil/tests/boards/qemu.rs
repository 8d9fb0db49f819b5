//! The firmware in QEMU: flashed, reset, talked to and ended like a board.

use std::path::Path;
use std::time::Duration;

use mambalite::picture::Picture;
use mambalite_hil::bench::{Bench, check_identity};
use mambalite_hil::board::{Board, Boards};
use mambalite_hil::device::{Checked, Device, Extras};
use mambalite_hil::error::EXIT_LINK;
use mambalite_hil::firmware;
use mambalite_hil::flasher::{Flasher, check_fit};
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::inventory::Rig;
use mambalite_hil::link::{Damage, DeviceModel, Link, Outcome, Patience, RateTimes, tune};
use mambalite_hil::observer::{Silent, Watch};
use mambalite_hil::qemu::Qemu;
use mambalite_hil::transport::{BaudPort, Transport};
use mambalite_hil_wire::CheckOutcome;
use mambalite_kernels_check::SEEDS;

use crate::checks::assert_golden;
use crate::model::{invented, picture};
use crate::process::wait_until;
use crate::qemu_run::can_run;

fn boards() -> Boards {
    Boards::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// A spoiled model is refused after a reset, the mended one is taken.
fn spoil_and_mend<T: Transport>(
    board: &Board,
    bytes: &[u8],
    bench: &mut Bench,
    device: &mut Device<'_, T>,
) {
    let address = board.model_address() + bytes.len() as u32 - 20;
    let good = bytes[bytes.len() - 20];
    for (byte, refused) in [(good ^ 1, true), (good, false)] {
        let flasher = bench.flasher();
        flasher.write(address, &[byte], &mut |_| ()).unwrap();
        flasher.reset().unwrap();
        flasher.resume().unwrap();
        let model = device.link.hello().unwrap().model;
        assert_eq!(
            matches!(model, DeviceModel::Refused { .. }),
            refused,
            "{model:?}"
        );
    }
}

/// A line to which the rate means nothing.
struct AnyRate;

impl BaudPort for AnyRate {
    fn set_baud(&mut self, _baud: u32) -> mambalite_hil::Result<()> {
        Ok(())
    }
}

/// The firmware has the rates that its clock has, tests the line at the fastest, and goes back to
/// the first rate when it is told to and when nobody speaks to it. QEMU itself ignores the rate.
fn change_rate<T: Transport>(link: &mut Link<T>) {
    let times = RateTimes {
        silence: Duration::from_millis(800),
        ..RateTimes::default()
    };
    link.set_rate_control(Box::new(AnyRate), 115_200, times);
    let tuned = tune(link, &[3_000_000, 921_600]).unwrap();
    assert!(matches!(tuned.rates[0].outcome, Outcome::Refused(_)));
    assert_eq!((tuned.baud, tuned.is_clean()), (921_600, true), "{tuned:?}");
    std::thread::sleep(times.silence * 2);
    link.hello().unwrap();
    assert_eq!(link.baud(), Some(921_600), "agreed on anew");
    assert_eq!(tune(link, &[]).unwrap().baud, 115_200);
}

/// Runs a picture on both sides; it must be equal.
fn check<T: Transport>(device: &mut Device<'_, T>, picture: &Picture) -> Checked {
    let checked = device.check(picture, &mut |_, _| ()).unwrap();
    let found = checked.comparison.describe();
    assert!(checked.comparison.is_equal(), "{found}");
    checked
}

/// The gate pin, the first LED of the board, is high in the middle of a job and low after it.
fn watch_gate<T: Transport>(board: &Board, bench: &mut Bench, device: &mut Device<'_, T>) {
    let led = board.memory().unwrap().peripherals["fpga-io"];
    let mut is = |on: bool| {
        let flasher = bench.flasher();
        let read = flasher.verify(led, &[on.into(), 0, 0, 0], &mut |_| ());
        flasher.resume().unwrap();
        read.unwrap();
    };
    is(false);
    // More than the board can hold, so that it cannot be done when the host stands still.
    let picture = picture(48, 60);
    let mut seen = false;
    let mut middle = |_, received| {
        if !seen && received > 0 {
            is(true);
            seen = true;
        }
    };
    device.check(&picture, &mut middle).unwrap();
    assert!(seen);
    is(false);
}

/// The operators of the Cortex-M4F, its own instructions among them; of the others once is enough.
fn check_operators<T: Transport>(name: &str, device: &mut Device<'_, T>) {
    if name != "qemu-mps2-an386" {
        return;
    }
    let checks = device.link.check_operators(SEEDS[0], &mut |_, _| ());
    let checks = checks.unwrap();
    assert_golden(&checks);
    let dsp = checks.iter().find(|it| it.name == "linear/w8a8/dsp");
    assert_eq!(dsp.unwrap().outcome, Some(CheckOutcome::Equal));
    assert!(device.link.hello().unwrap().clock_hz.is_some());
}

/// A damaged frame is asked for again, and the result is the same.
fn run_damaged<T: Transport>(device: &mut Device<'_, T>, picture: &Picture, checked: &Checked) {
    let damage = Some(Damage {
        frame_idx: 1,
        bit_idx: 999,
    });
    let extras = Extras {
        trace: Some(0),
        damage,
    };
    let again = device.run(picture, extras, &mut |_, _| ()).unwrap();
    assert!(again.output == checked.result.output);
    assert!(!again.trace.is_empty() && again.frames_bad > 0);
}

/// Everything that a run does to one board, step by step.
fn exercise(name: &str) {
    let (interrupt, boards, file) = (Interrupt::default(), boards(), invented(5));
    let model = file.model();
    let board = boards.load(name).unwrap();
    let image = firmware::build(&boards, &board, true, &interrupt, &mut |_| ()).unwrap();
    check_fit(&board, &image, "invented", file.bytes()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let (limits, watch) = ((Patience::default(), &interrupt), Watch::new(&Silent, name));
    let (mut bench, mut link) = Bench::start(
        (&board, &Rig::of_board(name)),
        &image,
        file.bytes(),
        &log,
        limits,
        &watch,
    )
    .unwrap();
    let info = link.hello().unwrap();
    check_identity(&info, &board, &image.build_id, &model.sha256()).unwrap();
    assert_eq!(link.echo(&[0, 1, 2, 0xff].repeat(2000)).unwrap(), 0);
    change_rate(&mut link);

    let mut device = Device::new(link, name, &model);
    let picture = picture(24, 20);
    let checked = check(&mut device, &picture);
    assert_eq!(checked.result.attempts, 1);
    assert!(checked.result.stack_used_bytes > 0);
    assert!(checked.result.stack_used_bytes < checked.result.stack_size_bytes);
    assert!(checked.result.arena_needed <= board.arena_bytes);

    run_damaged(&mut device, &picture, &checked);

    // A reset before would cut the line.
    let said = || std::fs::read_to_string(&log).unwrap();
    wait_until("the board ends its job", || {
        said().contains("job 2 is done")
    });
    spoil_and_mend(&board, file.bytes(), &mut bench, &mut device);
    check(&mut device, &picture);

    watch_gate(&board, &mut bench, &mut device);
    check_operators(name, &mut device);

    let lines = bench.finish();
    assert!(
        lines.iter().any(|line| line.message.contains("job")),
        "{lines:?}"
    );
    assert!(lines.iter().all(|line| !line.place.is_empty()), "{lines:?}");
    let file = std::fs::read_to_string(log).unwrap();
    assert_eq!(file.lines().count(), lines.len());
    let error = device.link.hello().unwrap_err();
    assert_eq!(
        error.exit_code(),
        EXIT_LINK,
        "a board that is gone: {error}"
    );
}

#[test]
fn a_cortex_m4_computes_the_same_bits() {
    if !can_run() {
        return;
    }
    exercise("qemu-mps2-an386");
}

#[test]
fn a_cortex_m7_computes_the_same_bits() {
    if !can_run() {
        return;
    }
    exercise("qemu-mps2-an500");
}

#[test]
fn a_dropped_emulator_is_gone() {
    if !can_run() {
        return;
    }
    let board = boards().load("qemu-mps2-an386").unwrap();
    let mut qemu = Qemu::start(&board, &Interrupt::default()).unwrap();
    let process = format!("/proc/{}/cmdline", qemu.process_id());
    let words = std::fs::read_to_string(&process).unwrap();
    assert!(words.contains("qemu-system-arm"), "{words}");
    qemu.write(0, &[1, 2, 3], &mut |_| ()).unwrap();
    qemu.verify(0, &[1, 2, 3], &mut |_| ()).unwrap();
    let error = qemu.verify(0, &[1, 2, 4], &mut |_| ()).unwrap_err();
    assert!(error.to_string().contains("0x00000002"), "{error}");
    drop(qemu);
    assert!(!Path::new(&process).exists());
}

#[test]
fn running_an_empty_board_is_told_as_a_lock_up() {
    if !can_run() {
        return;
    }
    let board = boards().load("qemu-mps2-an386").unwrap();
    let mut qemu = Qemu::start(&board, &Interrupt::default()).unwrap();
    qemu.reset().unwrap();
    // The core may fault before or after the emulator has answered.
    let _ = qemu.resume();
    let error = (0..50).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        qemu.reset().err()
    });
    let error = error
        .expect("an emulator that aborted takes no orders")
        .to_string();
    assert!(error.contains("locked up"), "{error}");
}
