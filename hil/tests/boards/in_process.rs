//! The firmware on a thread of this process, at the other end of a pipe.

use std::thread;
use std::time::Duration;

use mambalite::model_file::ModelFile;
use mambalite_firmware_app::{Board, Port, Runner, Session, Streaming};
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::link::{Link, Patience};
use mambalite_hil::transport::{Pipe, Transport};

/// Name that the board gives itself.
pub(crate) const NAME: &str = "in-process";

/// Time limits for a board that computes in no time.
pub(crate) const HASTE: Patience = Patience {
    reply: Duration::from_millis(700),
    resend: Duration::from_millis(150),
    silence: Duration::from_secs(5),
    attempts: 6,
};

/// Working memory of the board, 64-bit words.
const ARENA_WORDS: usize = 1 << 14;

/// Starts a board with `model` in its memory and returns the host's end of its line. The board
/// ends when that end is dropped.
pub(crate) fn start(model: &ModelFile) -> Pipe {
    start_with_arena(model, ARENA_WORDS)
}

/// As [`start`], with the working memory given in 64-bit words.
pub(crate) fn start_with_arena(model: &ModelFile, arena_words: usize) -> Pipe {
    start_on(model, arena_words, Fixed, Streaming::ALL)
}

/// As [`start_with_arena`], with the board and what runs its network.
pub(crate) fn start_on(
    model: &ModelFile,
    arena_words: usize,
    board: impl Board + Send + 'static,
    runner: impl Runner + Send + 'static,
) -> Pipe {
    let (host, far) = Pipe::pair();
    let model = model.clone();
    thread::spawn(move || {
        let mut arena = vec![0; arena_words];
        let port = PipePort {
            pipe: far,
            inbox: Vec::new(),
            at: 0,
        };
        Session::with_runner(port, board, model.bytes(), &mut arena, runner).run();
    });
    host
}

/// Makes a session with short time limits.
pub(crate) fn link<T: Transport>(line: T) -> Link<T> {
    Link::new(line, HASTE, Interrupt::default())
}

struct PipePort {
    pipe: Pipe,
    inbox: Vec<u8>,
    at: usize,
}

impl Port for PipePort {
    fn read(&mut self) -> Option<u8> {
        while self.at == self.inbox.len() {
            self.inbox.resize(4096, 0);
            let n = self
                .pipe
                .receive(&mut self.inbox, Duration::from_secs(1))
                .ok()?;
            self.inbox.truncate(n);
            self.at = 0;
        }
        self.at += 1;
        self.inbox.get(self.at - 1).copied()
    }

    fn write(&mut self, bytes: &[u8]) {
        // A host that is gone is seen by the next read.
        let _ = self.pipe.send(bytes, Duration::ZERO);
    }
}

/// A board that says fixed things.
pub(crate) struct Fixed;

impl Board for Fixed {
    fn name(&self) -> &str {
        NAME
    }

    fn build_id(&self) -> [u8; 20] {
        [7; 20]
    }

    fn cpuid(&self) -> u32 {
        0x410f_c271
    }

    fn uid(&self) -> [u8; 16] {
        [3; 16]
    }

    fn float_flags(&self) -> u32 {
        0
    }

    fn cycles(&self) -> Option<u64> {
        Some(5)
    }

    fn clock_hz(&self) -> Option<u32> {
        Some(16_000_000)
    }

    fn stack_used_bytes(&self) -> u32 {
        100
    }

    fn stack_bytes(&self) -> u32 {
        1000
    }
}
