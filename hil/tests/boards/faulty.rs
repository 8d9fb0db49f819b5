//! The firmware's logic behind a pseudo-terminal, as a machine that faults are let into.

use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use mambalite::model_file::ModelFile;
use mambalite_firmware_app::{Port, Session};
use mambalite_hil::Result;
use mambalite_hil::bench::AnyLine;
use mambalite_hil::error::Error;
use mambalite_hil::fault::{Found, Injection, Machine, Scenario, Stand, Subject, Targets, trial};
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::link::{DeviceInfo, Link, Patience};
use mambalite_hil::log::Line;
use mambalite_hil::transport::Serial;
use mambalite_hil_wire::{Encoder, Fault, Response};
use mambalite_kernels::model::{HASH_OFFSET, hash_file};
use serialport::{SerialPort, TTYPort};

use crate::model::{invented, picture};

/// Where the model lies.
const MODEL: u32 = 0x0020_0000;
/// Where the network's function lies; below it are the bytes of the build id.
const FUNCTION: u32 = 0x1000;
const BUILD_ID: u32 = 0x100;

/// Working memory, 64-bit words.
const ARENA_WORDS: usize = 1 << 13;

/// A log with a crash, and the program that it is of: what a real core said.
const CRASH_LOG: &str = include_str!("../../src/crash/fixture/crash.log");
const CRASH_ELF: &[u8] = include_bytes!("../../src/crash/fixture/crash.elf");

/// Time limits for a board that computes in no time on a busy host.
pub(crate) const HASTE: Patience = Patience {
    reply: Duration::from_millis(700),
    resend: Duration::from_millis(150),
    silence: Duration::from_millis(2500),
    attempts: 4,
};

/// States of the board.
const RUNS: u8 = 0;
const STANDS_STILL: u8 = 1;
const CRASHED: u8 = 2;
const OFF: u8 = 3;

/// The board's end of the line.
struct BoardPort {
    line: Arc<Mutex<TTYPort>>,
    state: Arc<AtomicU8>,
    inbox: Vec<u8>,
    at: usize,
}

impl BoardPort {
    /// Waits while the board stands still; reports whether it still runs.
    fn lives(&mut self) -> bool {
        loop {
            match self.state.load(Ordering::SeqCst) {
                RUNS => return true,
                OFF => return false,
                CRASHED => {
                    // Before the words: who hears them may switch the board off at once.
                    let still = self.state.compare_exchange(
                        CRASHED,
                        STANDS_STILL,
                        Ordering::SeqCst,
                        Ordering::SeqCst,
                    );
                    if still.is_ok() {
                        self.tell_crash();
                    }
                }
                _ => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    /// Says what a fault handler says.
    fn tell_crash(&mut self) {
        let mut encoder = Encoder::new();
        let response = Response::Error {
            job: 0,
            fault: Fault::Exec,
            detail: "the firmware took a hard fault",
        };
        let words = encoder.response(&response).unwrap();
        let _ = self.line.lock().unwrap().write_all(words);
    }
}

impl Port for BoardPort {
    fn read(&mut self) -> Option<u8> {
        while self.at == self.inbox.len() {
            if !self.lives() {
                return None;
            }
            self.inbox.resize(512, 0);
            self.at = 0;
            let read = self.line.lock().unwrap().read(&mut self.inbox);
            self.inbox.truncate(*read.as_ref().unwrap_or(&0));
            match read {
                Err(e) if e.kind() != ErrorKind::TimedOut => return None,
                _ => {}
            }
        }
        self.at += 1;
        Some(self.inbox[self.at - 1])
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut left = bytes;
        while !left.is_empty() && self.lives() {
            let written = self.line.lock().unwrap().write(left);
            match written {
                Ok(n) => left = &left[n..],
                Err(e) if e.kind() == ErrorKind::TimedOut => {}
                Err(_) => return,
            }
        }
    }
}

/// What the board says of itself; its build id can be written to.
#[derive(Clone)]
struct Facts(Arc<Mutex<[u8; 20]>>);

impl mambalite_firmware_app::Board for Facts {
    fn name(&self) -> &str {
        "faulty"
    }

    fn build_id(&self) -> [u8; 20] {
        *self.0.lock().unwrap()
    }

    fn cpuid(&self) -> u32 {
        0
    }

    fn uid(&self) -> [u8; 16] {
        [0; 16]
    }

    fn float_flags(&self) -> u32 {
        0
    }

    fn cycles(&self) -> Option<u64> {
        None
    }

    fn stack_used_bytes(&self) -> u32 {
        1
    }

    fn stack_bytes(&self) -> u32 {
        2
    }
}

/// A board that is on.
struct Faulty {
    model: Vec<u8>,
    /// The board's end of the line; nothing where the board is gone.
    line: Option<Arc<Mutex<TTYPort>>>,
    facts: Facts,
    state: Arc<AtomicU8>,
    session: Option<JoinHandle<()>>,
    crashed: bool,
}

impl Faulty {
    /// Switches a board on; returns the host's end of its line too.
    fn start(file: &ModelFile) -> Result<(Self, Serial)> {
        let (mut far, near) = TTYPort::pair().map_err(|e| Error::Line {
            cause: e.to_string(),
        })?;
        far.set_timeout(Duration::from_millis(5)).unwrap();
        let line = Serial::open(Path::new(&near.name().unwrap()))?;
        drop(near);
        let mut board = Self {
            model: file.bytes().to_vec(),
            line: Some(Arc::new(Mutex::new(far))),
            facts: Facts(Arc::new(Mutex::new([7; 20]))),
            state: Arc::new(AtomicU8::new(OFF)),
            session: None,
            crashed: false,
        };
        board.boot();
        Ok((board, line))
    }

    fn boot(&mut self) {
        let Some(line) = self.line.clone() else {
            return;
        };
        self.state = Arc::new(AtomicU8::new(RUNS));
        let (state, facts) = (Arc::clone(&self.state), self.facts.clone());
        let words = self.model.len().div_ceil(16);
        let mut flash = vec![0_u128; words];
        bytemuck::cast_slice_mut(&mut flash)[..self.model.len()].copy_from_slice(&self.model);
        let run = move || {
            let port = BoardPort {
                line,
                state,
                inbox: Vec::new(),
                at: 0,
            };
            let mut arena = vec![0; ARENA_WORDS];
            Session::new(port, facts, bytemuck::cast_slice(&flash), &mut arena).run();
        };
        let thread = std::thread::Builder::new().name("faulty-board".to_owned());
        self.session = Some(thread.spawn(run).unwrap());
    }

    fn halt(&mut self) {
        self.state.store(OFF, Ordering::SeqCst);
        if let Some(session) = self.session.take() {
            session.join().unwrap();
        }
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.halt();
    }
}

impl Machine for Faulty {
    fn pause(&mut self) -> Result<()> {
        self.state.store(STANDS_STILL, Ordering::SeqCst);
        Ok(())
    }

    fn restart(&mut self) -> Result<()> {
        self.halt();
        self.boot();
        Ok(())
    }

    fn hold_in_reset(&mut self) -> Result<()> {
        self.halt();
        Ok(())
    }

    fn kill(&mut self) -> Result<()> {
        self.halt();
        self.line = None;
        Ok(())
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<()> {
        match address {
            FUNCTION => {
                self.crashed = true;
                self.state.store(CRASHED, Ordering::SeqCst);
            }
            BUILD_ID => self.facts.0.lock().unwrap()[..bytes.len()].copy_from_slice(bytes),
            _ => {
                let at = (address - MODEL) as usize;
                self.model[at..at + bytes.len()].copy_from_slice(bytes);
                let hash = hash_file(&self.model);
                self.model[HASH_OFFSET..HASH_OFFSET + hash.len()].copy_from_slice(&hash);
                // A session owns its copy of the flash.
                self.restart()?;
            }
        }
        Ok(())
    }
}

impl Stand for Faulty {
    fn finish(self: Box<Self>) -> Vec<Line> {
        let said = if self.crashed { CRASH_LOG } else { "" };
        let line = |text: &str| Line {
            time: String::new(),
            level: String::new(),
            message: text.to_owned(),
            place: String::new(),
        };
        said.lines().map(line).collect()
    }
}

/// The scenarios that this board can take: it has no port for a log.
pub(crate) fn scenarios() -> impl Iterator<Item = Scenario> {
    Scenario::ALL
        .into_iter()
        .filter(|&it| it != Scenario::LogUnread)
}

/// Runs one job with a fault in it.
pub(crate) fn run(scenario: Scenario, seed: u64) -> Found {
    let file = invented(4);
    let (model, picture) = (file.model(), picture(40, 30));
    // The bits of one weight are set apart: exponent and sign are left as they are.
    let weight = (file.bytes().len() - 18) as u32;
    let targets = Targets {
        undefined: vec![(FUNCTION, vec![0, 0xde])],
        program: false,
        weight: Some((MODEL + weight, file.bytes()[weight as usize] ^ 0x40)),
        build_id: (Some(BUILD_ID), vec![8]),
    };
    let mut injection = Injection::plan(scenario, seed, &targets).unwrap();
    let subject = Subject {
        board: "faulty",
        elf: CRASH_ELF,
        model: &model,
        picture: &picture,
        check_identity: &|info: &DeviceInfo| {
            if info.build_id == [7; 20] {
                return Ok(());
            }
            Err(Error::Identity {
                what: "build id",
                board: hex::encode(info.build_id),
                host: hex::encode([7; 20]),
            })
        },
    };
    trial(&subject, &mut injection, || {
        let (board, line) = Faulty::start(&file)?;
        let line: AnyLine = Box::new(line);
        let stand: Box<dyn Stand> = Box::new(board);
        Ok((stand, Link::new(line, HASTE, Interrupt::default())))
    })
    .unwrap()
}
