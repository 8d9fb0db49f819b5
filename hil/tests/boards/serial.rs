//! Serial ports: how much of the line is used, and what happens when one fails.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mambalite_hil::Error;
use mambalite_hil::device::{Device, Extras};
use mambalite_hil::error::EXIT_TIMEOUT;
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::inventory::PortId;
use mambalite_hil::link::{Link, Patience};
use mambalite_hil::transport::{FoundPort, PortError, PortList, Serial, SteadySerial};
use serialport::{SerialPort, TTYPort};

use crate::in_process::{HASTE, NAME, link};
use crate::model::{invented, picture};
use crate::paced::PacedBoard;

/// Streams a picture of `width` by `height` at `baud`; returns the used share of the line from the
/// board, which is the busy one.
fn share(baud: u32, width: usize, height: usize) -> f64 {
    let file = invented(4);
    let model = file.model();
    let board = PacedBoard::start(&file, baud, &[]);
    let line = Serial::open_at(board.path(), baud).unwrap();
    let mut device = Device::new(link(line), NAME, &model);
    device.link.hello().unwrap();
    board.carried();
    let start = Instant::now();
    let checked = device
        .check(&picture(width, height), &mut |_, _| ())
        .unwrap();
    assert!(checked.comparison.is_equal());
    let (outward, inward) = board.carried();
    println!(
        "{baud} baud: {} bytes out, {} bytes in, {:.1} % of the line, {:.2} s",
        outward.bytes,
        inward.bytes,
        inward.share() * 100.0,
        start.elapsed().as_secs_f64()
    );
    inward.share()
}

/// The board sends four times what it takes, so its direction is the one to be kept busy. A board that
/// is emulated beside it may hold it up, so it has three tries.
#[test]
fn timed_nine_tenths_of_the_line_are_used() {
    for (baud, width, height) in [(115_200, 48, 48), (921_600, 100, 160)] {
        let enough = (0..3).any(|_| share(baud, width, height) >= 0.9);
        assert!(enough, "{baud} baud");
    }
}

/// Boots as real boards do: with noise, and half a frame of what was before.
#[test]
fn garbage_before_the_handshake_is_passed_over() {
    let noise: Vec<u8> = (0..2000_u32).map(|i| ((i * i) >> 3) as u8).collect();
    let board = PacedBoard::start(&invented(4), 921_600, &noise);
    let line = Serial::open(board.path()).unwrap();
    let mut link = link(line);
    assert_eq!(link.hello().unwrap().board, NAME);
    assert!(link.counters().bad() > 0);
}

/// What is plugged in, for the test to change.
#[derive(Clone, Default)]
struct Bench(Arc<Mutex<Vec<FoundPort>>>);

impl Bench {
    fn plug(&self, path: Option<PathBuf>) {
        let port = |path| FoundPort {
            path,
            usb: "0483:374b".to_owned(),
            serial: "A1".to_owned(),
            interface: Some(2),
        };
        *self.0.lock().unwrap() = path.map(port).into_iter().collect();
    }

    fn list(&self) -> PortList {
        let ports = Arc::clone(&self.0);
        Box::new(move || Ok(ports.lock().unwrap().clone()))
    }

    fn open(&self, patience: Duration) -> Result<SteadySerial, Error> {
        let id = PortId {
            serial: "A1".to_owned(),
            interface: Some(2),
        };
        SteadySerial::open(id, 921_600, self.list(), patience, &Interrupt::default())
    }
}

#[test]
fn a_port_may_take_a_while_to_appear_but_not_for_ever() {
    let bench = Bench::default();
    let start = Instant::now();
    let error = bench.open(Duration::from_millis(150)).unwrap_err();
    assert!(
        matches!(error, Error::Port(PortError::Missing { .. })),
        "{error}"
    );
    assert!(start.elapsed() < Duration::from_secs(3));
    let late = bench.clone();
    let board = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        let board = PacedBoard::start(&invented(4), 921_600, &[]);
        late.plug(Some(board.path().to_owned()));
        board
    });
    let line = bench.open(Duration::from_secs(10)).unwrap();
    assert_eq!(link(line).hello().unwrap().board, NAME);
    drop(board.join().unwrap());
}

/// The board resets in the middle of a picture, and comes back under another name.
#[test]
fn a_port_that_vanishes_in_mid_stream_and_comes_back_costs_an_attempt() {
    let file = invented(4);
    let model = file.model();
    let bench = Bench::default();
    let first = PacedBoard::start(&file, 921_600, &[]);
    bench.plug(Some(first.path().to_owned()));
    let patience = Patience {
        resend: Duration::from_millis(300),
        ..HASTE
    };
    let line = bench.open(Duration::from_secs(10)).unwrap();
    let mut device = Device::new(
        Link::new(line, patience, Interrupt::default()),
        NAME,
        &model,
    );
    device.link.hello().unwrap();
    let (mut first, mut second) = (Some(first), None);
    let picture = picture(60, 60);
    let result = device.run(&picture, Extras::default(), &mut |_, received| {
        if received > 4000 && first.is_some() {
            bench.plug(None);
            first = None;
            let board = PacedBoard::start(&file, 921_600, &[]);
            bench.plug(Some(board.path().to_owned()));
            second = Some(board);
        }
    });
    let result = result.unwrap();
    assert!(second.is_some() && result.attempts > 1);
    let reference = mambalite_hil::reference::run(&model, &picture).unwrap();
    assert!(result.output == reference.output);
}

#[test]
fn a_port_that_does_not_come_back_ends_the_run() {
    let file = invented(4);
    let model = file.model();
    let bench = Bench::default();
    let board = PacedBoard::start(&file, 921_600, &[]);
    bench.plug(Some(board.path().to_owned()));
    let line = bench.open(Duration::from_millis(300)).unwrap();
    let mut device = Device::new(link(line), NAME, &model);
    let mut board = Some(board);
    let result = device.run(&picture(60, 60), Extras::default(), &mut |_, received| {
        if received > 4000 {
            bench.plug(None);
            board = None;
        }
    });
    let error = result.unwrap_err();
    assert!(
        matches!(error, Error::Port(PortError::Missing { .. })),
        "{error}"
    );
}

/// The terminal takes a few kilobytes, and then nothing.
#[test]
fn a_board_that_does_not_read_is_a_timeout_and_frees_the_port() {
    let (_far, near) = TTYPort::pair().unwrap();
    let path = near.name().unwrap();
    drop(near);
    let patience = Patience {
        silence: Duration::from_millis(300),
        reply: Duration::from_millis(20),
        ..HASTE
    };
    let line = Serial::open(path.as_ref()).unwrap();
    let mut link = Link::new(line, patience, Interrupt::default());
    let error = link.echo(&[7; 200_000]).unwrap_err();
    assert_eq!(error.exit_code(), EXIT_TIMEOUT);
    drop(link);
    assert!(Serial::open(path.as_ref()).is_ok());
}
