//! The thread of a probe, on a chip that is memory, and RTT in it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use super::*;
use crate::transport::Transport;

/// Where the control block of the tests is.
const BLOCK: u32 = 0x100;

/// What the chip is and what was done to it, shared with the test.
#[derive(Default)]
struct Inside {
    memory: Vec<u8>,
    done: Vec<String>,
    /// Whether the firmware has made the control block.
    has_block: bool,
    up: [VecDeque<u8>; 2],
    down: Vec<u8>,
    /// Bytes that the board's buffer takes at once.
    room: usize,
    broken: bool,
}

#[derive(Clone, Default)]
struct Fake(Arc<Mutex<Inside>>);

impl Fake {
    fn new() -> Self {
        let fake = Self::default();
        fake.inside().memory = vec![0xff; 1 << 14];
        fake.inside().room = 7;
        fake
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap()
    }

    fn start(&self) -> Probe {
        let chip = self.clone();
        Probe::start("probe-test", &Interrupt::default(), move || {
            Ok(Box::new(chip))
        })
        .unwrap()
    }

    fn note(&self, what: &str) -> Result<()> {
        let mut inside = self.inside();
        inside.done.push(what.to_owned());
        if inside.broken {
            let cause = "no acknowledgement".to_owned();
            return Err(ProbeError::operation("halt the chip")(cause).into());
        }
        Ok(())
    }
}

impl Chip for Fake {
    fn program(&mut self, at: u32, bytes: &[u8], told: &mut dyn FnMut(usize)) -> Result<()> {
        self.note("program")?;
        for (index, byte) in bytes.iter().enumerate() {
            self.inside().memory[at as usize + index] = *byte;
            told(1);
        }
        Ok(())
    }

    fn is_programmed(&mut self, at: u32, bytes: &[u8]) -> Result<bool> {
        self.note("compare")?;
        Ok(self.inside().memory[at as usize..][..bytes.len()] == *bytes)
    }

    fn read(&mut self, at: u32, buffer: &mut [u8]) -> Result<()> {
        self.note("read")?;
        let inside = self.inside();
        buffer.copy_from_slice(&inside.memory[at as usize..][..buffer.len()]);
        Ok(())
    }

    fn write_word(&mut self, at: u32, word: u32) -> Result<()> {
        self.note(&format!("{at:#x} = {word:#x}"))?;
        self.inside().has_block = false;
        Ok(())
    }

    fn reset(&mut self) -> Result<()> {
        self.note("reset")
    }

    fn halt(&mut self) -> Result<()> {
        self.note("halt")
    }

    fn resume(&mut self) -> Result<()> {
        self.note("resume")
    }

    fn registers(&mut self) -> Result<Vec<(String, u32)>> {
        Ok(vec![("PC".to_owned(), 0x42)])
    }

    fn attach_rtt(&mut self, address: u32) -> Result<bool> {
        assert_eq!(address, BLOCK);
        Ok(self.inside().has_block)
    }

    fn read_rtt(&mut self, channel: usize, buffer: &mut [u8]) -> Result<usize> {
        if self.inside().broken {
            self.note("read RTT")?;
        }
        let mut inside = self.inside();
        let n = inside.up[channel].len().min(buffer.len());
        let bytes = inside.up[channel].drain(..n);
        buffer
            .iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = from);
        Ok(n)
    }

    fn write_rtt(&mut self, channel: usize, bytes: &[u8]) -> Result<usize> {
        assert_eq!(channel, FRAMES);
        let mut inside = self.inside();
        let n = bytes.len().min(inside.room);
        inside.down.extend(&bytes[..n]);
        Ok(n)
    }
}

/// Gives the probe a line whose image would have the block of the tests.
fn line(probe: &Probe) -> (RttLine, RttLog) {
    let (line, ends) = RttLine::new();
    let (log, pieces) = sync_channel(2);
    let dropped = Arc::default();
    let carrier = rtt::Carrier::new(BLOCK, ends, log, Arc::clone(&dropped));
    let work = |desk: &mut Desk, _: &mut dyn FnMut(usize)| {
        desk.carrier = Some(carrier);
        Ok(())
    };
    probe.call("start RTT", work).unwrap();
    (line, RttLog { pieces, dropped })
}

/// Receives exactly `len` bytes.
fn receive(line: &mut RttLine, len: usize) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), [0; 64]);
    while all.len() < len {
        let n = line.receive(&mut buffer, Duration::from_secs(10)).unwrap();
        assert!(n > 0, "after {} bytes", all.len());
        all.extend(&buffer[..n]);
    }
    all
}

#[test]
fn memory_is_written_read_back_and_counted() {
    let fake = Fake::new();
    let mut probe = fake.start();
    let bytes: Vec<u8> = (0..5000_u32).map(|i| i as u8).collect();
    let (mut written, mut compared) = (0, 0);
    probe.write(64, &bytes, &mut |n| written += n).unwrap();
    probe.verify(64, &bytes, &mut |n| compared += n).unwrap();
    assert_eq!((written, compared), (5000, 5000));
    fake.inside().memory[64 + 4500] ^= 1;
    let error = probe.verify(64, &bytes, &mut |_| ()).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Flash {
                address: 4564,
                len: 1,
                ..
            }
        ),
        "{error}"
    );
    let mut back = [0; 4];
    Inspector::read(&mut probe, 66, &mut back).unwrap();
    assert_eq!(back, [2, 3, 4, 5]);
    assert_eq!(probe.registers().unwrap(), [("PC".to_owned(), 0x42)]);
}

#[test]
fn flash_is_written_where_the_probe_has_it() {
    let fake = Fake::new();
    let mut probe = fake.start();
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("qemu-x");
    std::fs::create_dir(&folder).unwrap();
    let text = crate::board::GOOD
        .replace("origin = 0,", "origin = 0x2000, probe-origin = 0x20,")
        .replace("origin = 0x20000000", "origin = 0x200")
        .replace("length = 0x10000 }", "length = 0x1e00 }")
        .replace("arena-bytes = 0x1000", "arena-bytes = 8");
    std::fs::write(folder.join("board.toml"), text).unwrap();
    let boards = crate::board::Boards::at(root.path().to_owned());
    probe.set_memory(&boards.load("qemu-x").unwrap()).unwrap();
    // Flash, then RAM.
    for (address, place) in [(0x2010, 0x30), (0x300, 0x300)] {
        let bytes = [1, 2, 3, 4];
        let mut told = 0;
        probe.write(address, &bytes, &mut |n| told += n).unwrap();
        assert_eq!(fake.inside().memory[place..][..4], bytes);
        probe.verify(address, &bytes, &mut |n| told += n).unwrap();
        assert_eq!(told, 8);
        fake.inside().memory[place + 1] = 9;
        let error = probe.verify(address, &bytes, &mut |_| ()).unwrap_err();
        assert!(matches!(error, Error::Flash { .. }), "{error}");
    }
    // What the core sees is at the core's address.
    fake.inside().memory[0x2010] = 7;
    assert_eq!(probe.read_back(0x2010, 1).unwrap(), [7]);
}

#[test]
fn an_error_of_the_probe_reaches_the_caller() {
    let fake = Fake::new();
    let mut probe = fake.start();
    fake.inside().broken = true;
    let error = probe.halt().unwrap_err();
    assert_eq!(error.to_string(), "halt the chip: no acknowledgement");
    let missing = || {
        let (probe, found) = ("1:2:3".to_owned(), vec!["0483:374b:A".to_owned()]);
        Err(ProbeError::Missing { probe, found }.into())
    };
    let error = Probe::start("probe-none", &Interrupt::default(), missing).unwrap_err();
    assert!(
        error.to_string().ends_with("there are: 0483:374b:A"),
        "{error}"
    );
}

#[test]
fn a_wait_for_the_probe_ends_with_an_interrupt() {
    let interrupt = Interrupt::default();
    let stop = interrupt.clone();
    let slow = move || {
        stop.set();
        std::thread::sleep(Duration::from_millis(500));
        Ok(Box::new(Fake::new()) as Box<dyn Chip>)
    };
    let error = Probe::start("probe-slow", &interrupt, slow).unwrap_err();
    assert!(matches!(error, Error::Interrupted), "{error}");
}

#[test]
fn frames_and_log_go_through_rtt_and_the_frames_never_wait_for_the_log() {
    let fake = Fake::new();
    let mut probe = fake.start();
    let (mut line, log) = line(&probe);
    // A block of the run before is not read.
    fake.inside().has_block = true;
    fake.inside().up[FRAMES].extend(b"stale");
    probe.reset().unwrap();
    let spoilt = format!("{BLOCK:#x} = 0xdeadc0de");
    assert_eq!(fake.inside().done, ["reset".to_owned(), spoilt]);
    fake.inside().up[FRAMES].clear();
    probe.resume().unwrap();
    fake.inside().has_block = true;
    let sent: Vec<u8> = (0..100).collect();
    line.send(&sent, Duration::from_secs(1)).unwrap();
    fake.inside().up[FRAMES].extend(b"frame");
    assert_eq!(receive(&mut line, 5), b"frame");
    // Nobody reads the log: two pieces are held, the others are counted.
    for _ in 0..5 {
        fake.inside().up[LOG].extend(b"log");
        while !fake.inside().up[LOG].is_empty() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    fake.inside().up[FRAMES].extend(b"on");
    assert_eq!(receive(&mut line, 2), b"on");
    assert_eq!(
        log.pieces.try_iter().flatten().count() as u64 + log.dropped(),
        15
    );
    assert_eq!(log.dropped(), 9);
    while fake.inside().down.len() < sent.len() {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(fake.inside().down, sent);
}

#[test]
fn a_board_that_takes_nothing_is_a_timeout_and_a_probe_that_fails_ends_the_line() {
    let fake = Fake::new();
    let mut probe = fake.start();
    let (mut line, _log) = line(&probe);
    fake.inside().room = 0;
    fake.inside().has_block = true;
    probe.resume().unwrap();
    let error = line
        .send(&[1; 100_000], Duration::from_millis(100))
        .unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
    fake.inside().broken = true;
    let mut buffer = [0; 8];
    let error = line
        .receive(&mut buffer, Duration::from_secs(10))
        .unwrap_err();
    assert!(matches!(error, Error::Line { .. }), "{error}");
    assert!(error.to_string().contains("no acknowledgement"), "{error}");
}

#[test]
fn the_control_block_is_found_in_the_image() {
    let none = control_block(&elf(b"_OTHER"), "a.elf".as_ref()).unwrap_err();
    assert!(none.to_string().contains("a.elf"), "{none}");
    assert_eq!(
        control_block(&elf(b"_SEGGER_RTT"), "a.elf".as_ref()).unwrap(),
        0x2000_0100
    );
    assert!(control_block(b"no", "a.elf".as_ref()).is_err());
}

/// Makes an ELF file with one symbol at 0x20000100.
fn elf(name: &[u8]) -> Vec<u8> {
    let strings = [b"\0", name, b"\0"].concat();
    let mut file = Vec::new();
    let half = |it: u16| it.to_le_bytes();
    let word = |it: u32| it.to_le_bytes();
    // Behind the header come the strings, the symbols and the table of sections.
    let symbols = (52 + strings.len()).next_multiple_of(4);
    let sections = symbols + 32;
    file.extend(b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0");
    file.extend([half(2), half(40), half(1), half(0)].concat());
    file.extend([word(0), word(0), word(sections as u32), word(0)].concat());
    file.extend([half(52), half(32), half(0), half(40), half(3), half(1)].concat());
    file.extend(&strings);
    file.resize(symbols, 0);
    file.extend([0; 16]);
    file.extend([word(1), word(0x2000_0100), word(24)].concat());
    file.extend([0x11, 0]);
    file.extend(half(1));
    let mut section = |kind: u32, at: usize, len: usize, link: u32, info: u32, entry: u32| {
        let fields = [0, kind, 0, 0, at as u32, len as u32, link, info, 1, entry];
        file.extend(fields.map(u32::to_le_bytes).as_flattened());
    };
    section(0, 0, 0, 0, 0, 0);
    section(3, 52, strings.len(), 0, 0, 0);
    section(2, symbols, 32, 1, 1, 16);
    file
}
