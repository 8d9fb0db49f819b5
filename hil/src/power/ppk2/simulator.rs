//! A kit that is played on a pseudo-terminal, faster than a real one.
//!
//! It turns a known current into counts by the inverse of the kit's formula, and sends them with
//! whatever faults a test asks for.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serialport::{SerialPort, TTYPort};

use super::metadata::{Calibration, Metadata};

/// The answer of a kit, with a calibration like that of a real one.
pub(crate) const METADATA: &str = "Calibrated: 0
R0: 1003.3506\nR1: 101.5865\nR2: 10.1478\nR3: 0.9491\nR4: 0.0431
GS0: 1.5\nGS1: 0.9\nGS2: 1.1\nGS3: 0.05\nGS4: 0.02
GI0: 0.99\nGI1: 0.98\nGI2: 0.985\nGI3: 0.99\nGI4: 0.97
O0: 112.8\nO1: 79.9\nO2: 65.5\nO3: 80\nO4: 60
VDD: 3700\nHW: 9173\nmode: 2
S0: 1e-8\nS1: 2e-8\nS2: 3e-7\nS3: 2e-6\nS4: 0.000025
I0: -4e-8\nI1: -1e-7\nI2: 1e-6\nI3: 1e-5\nI4: 0.00015
UG0: 1\nUG1: 1\nUG2: 1\nUG3: 1\nUG4: 1
IA: 56
END
";

/// Currents at which the kit takes the next range, amperes.
const RANGE_TOPS: [f64; 4] = [50e-6, 500e-6, 5e-3, 60e-3];
/// Samples after a change of range that are too high, and by which factor.
const SPIKE: (u64, f64) = (1, 1.4);
/// Samples that are written at once.
const CHUNK: u64 = 256;

/// The current in amperes and the logic inputs, by the number of the sample.
pub(crate) type Profile = Box<dyn Fn(u64) -> (f64, u8) + Send>;

/// What goes wrong at a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    /// As many samples are not sent.
    Lose(u64),
    /// The sample's word lacks as many bytes.
    Slip(usize),
    /// The sample's counter is wrong.
    Damage,
    /// The kit is unplugged.
    Vanish,
    /// The kit sends nothing more.
    Hang,
}

/// How the kit behaves.
pub(crate) struct Kit {
    pub(crate) profile: Profile,
    /// In the order of their samples.
    pub(crate) faults: Vec<(u64, Fault)>,
    pub(crate) metadata: String,
    /// How often it breaks off in the middle of its metadata.
    pub(crate) broken_answers: u32,
    pub(crate) supply_v: f64,
}

/// A kit that runs.
pub(crate) struct Simulator {
    path: PathBuf,
    /// Held so that the line is not hung up before the last command was read.
    near: Option<TTYPort>,
    is_ended: Arc<AtomicBool>,
    commands: Arc<Mutex<Vec<Vec<u8>>>>,
    thread: Option<JoinHandle<()>>,
}

struct Player {
    kit: Kit,
    calibration: Calibration,
    port: Option<TTYPort>,
    faults: VecDeque<(u64, Fault)>,
    input: Vec<u8>,
    is_running: bool,
    sample: u64,
    range: Option<(u8, u64)>,
    is_ended: Arc<AtomicBool>,
    commands: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Default for Kit {
    fn default() -> Self {
        Self {
            profile: Box::new(|_| (0.0, 0)),
            faults: Vec::new(),
            metadata: METADATA.to_owned(),
            broken_answers: 0,
            supply_v: 3.3,
        }
    }
}

impl Simulator {
    pub(crate) fn start(kit: Kit) -> Self {
        let (mut port, near) = TTYPort::pair().unwrap();
        port.set_timeout(Duration::from_millis(20)).unwrap();
        let path = PathBuf::from(near.name().unwrap());
        let is_ended = Arc::new(AtomicBool::new(false));
        let commands = Arc::new(Mutex::new(Vec::new()));
        let told = METADATA.split_once("END").unwrap().0;
        let player = Player {
            calibration: Metadata::parse(told).unwrap().calibration,
            faults: kit.faults.clone().into(),
            kit,
            port: Some(port),
            input: Vec::new(),
            is_running: false,
            sample: 0,
            range: None,
            is_ended: Arc::clone(&is_ended),
            commands: Arc::clone(&commands),
        };
        let thread = std::thread::spawn(move || player.play());
        Self {
            path,
            near: Some(near),
            is_ended,
            commands,
            thread: Some(thread),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the commands so far.
    pub(crate) fn commands(&self) -> Vec<Vec<u8>> {
        self.commands.lock().unwrap().clone()
    }

    /// Waits for a command.
    pub(crate) fn await_command(&self, command: &[u8], count: usize) -> bool {
        (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            let commands = self.commands();
            commands.iter().filter(|it| *it == command).count() >= count
        })
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.is_ended.store(true, Ordering::SeqCst);
        // Ends a write that nobody reads.
        self.near = None;
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Player {
    fn play(mut self) {
        while !self.is_ended.load(Ordering::SeqCst) && self.port.is_some() {
            self.listen();
            if self.is_running {
                self.send_samples();
            }
        }
    }

    fn listen(&mut self) {
        let port = self.port.as_mut().unwrap();
        // Reading waits; samples must not.
        if self.is_running && port.bytes_to_read().unwrap_or(0) == 0 {
            return;
        }
        let mut buffer = [0; 64];
        match port.read(&mut buffer) {
            Ok(n) => self.input.extend(&buffer[..n]),
            Err(e) if e.kind() == std::io::ErrorKind::TimedOut => {}
            // Nobody has the other side open.
            Err(_) => {
                self.is_running = false;
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        while let Some(&code) = self.input.first() {
            let len = match code {
                0x0c | 0x11 => 2,
                0x0d => 3,
                _ => 1,
            };
            if self.input.len() < len {
                return;
            }
            let command: Vec<u8> = self.input.drain(..len).collect();
            self.obey(&command);
            self.commands.lock().unwrap().push(command);
        }
    }

    fn obey(&mut self, command: &[u8]) {
        match command[0] {
            0x06 => self.is_running = true,
            0x07 => self.is_running = false,
            0x19 => {
                let text = self.kit.metadata.clone();
                let is_broken = self.kit.broken_answers > 0;
                self.kit.broken_answers = self.kit.broken_answers.saturating_sub(1);
                let sent = if is_broken {
                    text.len() / 3
                } else {
                    text.len()
                };
                // In pieces, as over USB.
                for piece in text.as_bytes()[..sent].chunks(64) {
                    self.write(piece);
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            _ => {}
        }
    }

    fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.is_ended.load(Ordering::SeqCst) {
            let Some(port) = self.port.as_mut() else {
                return;
            };
            match port.write(bytes) {
                Ok(n) => bytes = &bytes[n..],
                Err(e) if e.kind() == std::io::ErrorKind::TimedOut => {}
                Err(_) => {
                    self.is_running = false;
                    return;
                }
            }
        }
    }

    fn send_samples(&mut self) {
        let mut bytes = Vec::new();
        for _ in 0..CHUNK {
            let fault = self.faults.front().copied();
            let fault = fault.filter(|(at, _)| *at <= self.sample).map(|it| it.1);
            if fault.is_some() {
                self.faults.pop_front();
            }
            let mut word = self.word().to_vec();
            self.sample += 1;
            match fault {
                None => {}
                Some(Fault::Lose(count)) => {
                    self.sample += count - 1;
                    continue;
                }
                Some(Fault::Slip(count)) => word.truncate(4 - count),
                Some(Fault::Damage) => word[2] ^= 0x90,
                Some(Fault::Vanish) => {
                    self.write(&bytes);
                    self.port = None;
                    return;
                }
                Some(Fault::Hang) => {
                    self.is_running = false;
                    break;
                }
            }
            bytes.extend(word);
        }
        self.write(&bytes);
    }

    fn word(&mut self) -> [u8; 4] {
        let (mut amps, logic) = (self.kit.profile)(self.sample);
        let range = RANGE_TOPS.iter().filter(|&&top| amps > top).count() as u8;
        let since = match self.range {
            Some((old, since)) if old == range => since,
            Some(_) => self.sample,
            None => self.sample.wrapping_sub(SPIKE.0),
        };
        self.range = Some((range, since));
        if self.sample.wrapping_sub(since) < SPIKE.0 {
            amps *= SPIKE.1;
        }
        let word = u32::from(self.counts(amps, range))
            | u32::from(range) << 14
            | (self.sample as u32 % 64) << 18
            | u32::from(logic) << 24;
        word.to_le_bytes()
    }

    /// Solves `ug * (r * (gs * r + gi) + s * volts + i) = amps` for `r`, and that for counts.
    fn counts(&self, amps: f64, range: u8) -> u16 {
        let f = self.calibration.0[usize::from(range)];
        let offset = f.s * self.kit.supply_v + f.i;
        let rest = amps / f.ug - offset;
        let root = (f.gi * f.gi + 4.0 * f.gs * rest).max(0.0).sqrt();
        let r = (root - f.gi) / (2.0 * f.gs);
        let counts = r / (1.8 / 163_840.0 / f.r) + f.o;
        (counts / 4.0).round().clamp(0.0, 16_383.0) as u16
    }
}
