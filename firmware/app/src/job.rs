//! One job: a picture in by rows, its magnification out by rows, digests and the result.

use core::cell::RefCell;

use mambalite_hil_wire::{Fault, NakReason, Request, Response};
use mambalite_kernels::{Config, Digests, Layer, Model};

use crate::board::{Board, Port};
use crate::checks;
use crate::intake::{Intake, Verdict};
use crate::link::{Event, Line, Link};
use crate::log::{info, warning};
use crate::outlet::{Outlet, Picture, Probe, Trace, send_digests};
use crate::refusal::{Refusal, saturated};
use crate::runner::{Run, Runner};
use crate::session::{Desk, text};

/// Bytes of picture that the host may send before the board has worked on those before.
///
/// Small enough that with their frames they fit the buffer of a pty or of a serial driver, so a
/// host that writes and reads in one thread does not block.
pub const WINDOW_BYTES: u32 = 2048;

/// The order to start a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Begin {
    /// Number of the job, not 0.
    pub(crate) job: u32,
    /// LR row length, pixels.
    pub(crate) width: u16,
    /// LR rows.
    pub(crate) height: u16,
    /// Index of the layer to trace.
    pub(crate) trace: Option<u16>,
}

/// How a job, or a request outside one, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The session waits for the next request.
    Idle,
    /// Another job is to start.
    Begin(Begin),
    /// The line is closed.
    Closed,
}

/// A running job; `R` is the picture under way in what runs the network.
pub(crate) struct Job<'j, R> {
    number: u32,
    intake: Intake,
    /// The row that is being filled, and how far it is.
    row: &'j mut [u8],
    row_filled: usize,
    run: R,
    digests: Digests<&'j mut [u64]>,
    trace: Option<Trace>,
    picture: Picture,
    /// Bytes of the arena that the job uses.
    arena_needed: usize,
    /// Cycles spent in the network, where the core counts them.
    cycles: Option<u64>,
    /// Whether the gate pin is high.
    gate: bool,
}

impl<'j, R: Run> Job<'j, R> {
    /// Sets a job up in the working memory.
    ///
    /// # Errors
    /// Why not, if the model, the memory or what runs the network does not allow the job.
    pub(crate) fn new<'m: 'j, F>(
        begin: &Begin,
        model: &Model<'m>,
        runner: &'j mut F,
        arena: &'j mut [u64],
    ) -> Result<Self, Refusal<R::Error>>
    where
        F: Runner<Run<'j> = R, Error = R::Error>,
    {
        let config = *model.config();
        let total = check(begin, &config, R::LAYERS)?;
        let (width, height) = (usize::from(begin.width), usize::from(begin.height));
        let row_bytes = width * config.channels;
        let row_words = row_bytes.div_ceil(size_of::<u64>());
        let layers = if R::LAYERS { Layer::count(&config) } else { 0 };
        let own_words = row_words + layers;
        let network_bytes = runner.arena_bytes(model, width);
        let arena_needed = network_bytes.saturating_add(own_words * size_of::<u64>());
        let available = size_of_val(arena);
        let parts = arena.split_at_mut_checked(own_words);
        let Some((own, rest)) = parts.filter(|_| arena_needed <= available) else {
            return Err(Refusal::Memory {
                needed: arena_needed,
                available,
            });
        };
        let (row, digests) = own.split_at_mut(row_words);
        let run = runner.start(model, (width, height), rest);
        let run = run.map_err(|error| Refusal::Exec {
            fault: F::fault(&error),
            error,
        })?;
        Ok(Self {
            number: begin.job,
            intake: Intake::new(total, WINDOW_BYTES),
            row: &mut bytemuck::cast_slice_mut(row)[..row_bytes],
            row_filled: 0,
            run,
            digests: Digests::new(&config, digests),
            trace: begin.trace.map(|layer| Trace::new(&config, layer)),
            picture: Picture::new(),
            arena_needed,
            cycles: None,
            gate: false,
        })
    }

    /// Runs the job until its result is sent or something else is to be done.
    pub(crate) fn run<P: Port, B: Board>(&mut self, link: &mut Link<P>, desk: &Desk<'_, B>) -> End {
        let end = self.take_picture(link, desk);
        // However it came to an end.
        self.set_gate(false, &desk.board);
        end.unwrap_or_else(|| {
            self.finish(link, &desk.board);
            End::Idle
        })
    }

    /// Drives the gate pin, where it changes.
    fn set_gate<B: Board>(&mut self, on: bool, board: &B) {
        if self.gate != on {
            board.gate(on);
            self.gate = on;
        }
    }

    /// Takes the whole picture in and runs the network on it; returns how the job ended, if it did
    /// before that.
    fn take_picture<P: Port, B: Board>(
        &mut self,
        link: &mut Link<P>,
        desk: &Desk<'_, B>,
    ) -> Option<End> {
        link.line.send(&Response::Begun {
            job: self.number,
            arena_needed: saturated(self.arena_needed),
            credit: self.intake.limit(),
        });
        while !self.intake.is_complete() {
            match link.wait() {
                Event::Closed => return Some(End::Closed),
                Event::Bad(reason) => link.line.send(&self.nak(reason)),
                Event::Frame => {
                    let end = self.serve(link, desk);
                    if end.is_some() {
                        return end;
                    }
                }
            }
        }
        None
    }

    /// Serves the frame in the decoder; returns how the job ended, if it did.
    fn serve<P: Port, B: Board>(&mut self, link: &mut Link<P>, desk: &Desk<'_, B>) -> Option<End> {
        let Link { decoder, line, .. } = link;
        let Some(Ok(request)) = decoder.frame().map(|frame| frame.request()) else {
            line.send(&self.nak(NakReason::Malformed));
            return None;
        };
        match request {
            Request::Begin {
                job,
                width,
                height,
                trace,
            } => {
                warning!("job {=u32} is dropped for job {=u32}", self.number, job);
                return Some(End::Begin(Begin {
                    job,
                    width,
                    height,
                    trace,
                }));
            }
            Request::Data { job, offset, bytes } if job == self.number => {
                match self.intake.judge(offset, bytes.len()) {
                    Verdict::Take(from) => {
                        let fresh = bytes.get(from..).unwrap_or_default();
                        return self.take(fresh, line, &desk.board);
                    }
                    Verdict::Old => line.send(&self.credit()),
                    Verdict::Nak(reason) => line.send(&self.nak(reason)),
                    Verdict::Wait => {}
                }
            }
            Request::Data { .. } => line.send(&self.nak(NakReason::UnknownJob)),
            Request::Abort { job } if job == self.number => {
                desk.answer(&request, line);
                return Some(End::Idle);
            }
            // It would need the arena.
            Request::Check { .. } => checks::refuse(Fault::Busy { job: self.number }, line),
            Request::Hello
            | Request::Echo { .. }
            | Request::Abort { .. }
            | Request::Sensors { .. }
            | Request::LinkTest { .. }
            | Request::SetRate { .. }
            | Request::KeepRate { .. } => {
                desk.answer(&request, line);
            }
        }
        None
    }

    /// Takes bytes of the picture, and runs the network on each row that they complete.
    fn take<P: Port, B: Board>(
        &mut self,
        bytes: &[u8],
        line: &mut Line<P>,
        board: &B,
    ) -> Option<End> {
        let mut bytes = bytes;
        while !bytes.is_empty() {
            let room = &mut self.row[self.row_filled..];
            let (piece, rest) = bytes.split_at(room.len().min(bytes.len()));
            room[..piece.len()].copy_from_slice(piece);
            self.row_filled += piece.len();
            self.intake.advance(piece.len());
            bytes = rest;
            if self.row_filled < self.row.len() {
                break;
            }
            self.row_filled = 0;
            if let Err(error) = self.push_row(line, board) {
                let (job, detail) = (self.number, text(&error));
                line.send(&Response::Error {
                    job,
                    fault: Fault::Exec,
                    detail: &detail,
                });
                return Some(End::Idle);
            }
        }
        if self.intake.grant() {
            line.send(&self.credit());
        }
        None
    }

    /// Runs the network on the row; what it puts out goes on the line at once.
    fn push_row<P: Port, B: Board>(
        &mut self,
        line: &mut Line<P>,
        board: &B,
    ) -> Result<(), R::Error> {
        self.set_gate(true, board);
        let outlet = RefCell::new(Outlet::new(line, board, self.number));
        let (digests, trace) = (&mut self.digests, self.trace.as_mut());
        let mut probe = Probe {
            digests,
            trace,
            outlet: &outlet,
        };
        let picture = &mut self.picture;
        let mut sink = |_, row: &[u8]| picture.send(row, &mut outlet.borrow_mut());
        let before = board.cycles();
        let outcome = self.run.push_row(self.row, &mut probe, &mut sink);
        if let Some((start, end)) = before.zip(board.cycles()) {
            let spent = end.wrapping_sub(start).wrapping_sub(outlet.borrow().cycles);
            self.cycles = Some(self.cycles.unwrap_or(0).wrapping_add(spent));
        }
        outcome
    }

    /// Sends what is left of the trace, the digests and the result.
    fn finish<P: Port, B: Board>(&mut self, link: &mut Link<P>, board: &B) {
        let mut outlet = Outlet::new(&mut link.line, board, self.number);
        if let Some(trace) = &mut self.trace {
            trace.flush(&mut outlet);
        }
        let digests = self.digests.as_slice();
        send_digests(digests, &mut outlet);
        outlet.send(&Response::Result {
            job: self.number,
            output_crc32: self.picture.crc32(),
            // The family has at most 1191.
            layers: digests.len() as u16,
            cycles: self.cycles,
            stack_used_bytes: board.stack_used_bytes(),
            stack_size_bytes: board.stack_bytes(),
            frames_bad: link.frames_bad,
        });
        info!("job {=u32} is done", self.number);
    }

    fn credit(&self) -> Response<'static> {
        let (next_offset, limit) = (self.intake.expected(), self.intake.limit());
        Response::Credit {
            job: self.number,
            next_offset,
            limit,
        }
    }

    fn nak(&self, reason: NakReason) -> Response<'static> {
        Response::Nak {
            job: self.number,
            expected_offset: self.intake.expected(),
            reason,
        }
    }
}

/// Checks an order against the model; returns the bytes of the LR picture.
fn check<E>(begin: &Begin, config: &Config, layers: bool) -> Result<u32, Refusal<E>> {
    if begin.job == 0 {
        return Err(Refusal::JobNumber);
    }
    if let Some(layer) = begin.trace
        && (!layers || usize::from(layer) >= Layer::count(config))
    {
        return Err(Refusal::UnknownLayer { layer });
    }
    let pixels = u64::from(begin.width) * u64::from(begin.height);
    let input = pixels * config.channels as u64;
    let output = input * (config.scale * config.scale) as u64;
    match u32::try_from(input) {
        Ok(0) => Err(Refusal::Empty),
        Ok(bytes) if output <= u64::from(u32::MAX) => Ok(bytes),
        _ => Err(Refusal::TooLarge),
    }
}
