//! One attempt at a job: go-back-N outwards, everything or nothing inwards.

use std::time::{Duration, Instant};

use mambalite_hil_wire::{Fault, Request, Response, crc32, u32s, u64s};

use super::{Heard, Job, Link};
use crate::error::{Error, Result};
use crate::transport::Transport;

/// Requests to send the same bytes again before the attempt is given up: a line that damages
/// every frame would be asked for ever.
const NAKS_MAX: u32 = 64;

/// What a job brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobResult {
    /// SR picture, raster order, channels interleaved.
    pub output: Vec<u8>,
    /// One digest a layer.
    pub digests: Vec<u64>,
    /// Digests that were to come: all layers', or 0 where none are shown.
    pub digests_expected: usize,
    /// Bits of the traced layer's values.
    pub trace: Vec<u32>,
    /// Core cycles, or instructions of an emulated core, where the board counts them.
    pub cycles: Option<u64>,
    /// Bytes of the arena used.
    pub arena_needed: u32,
    /// Deepest stack since start-up, bytes.
    pub stack_used_bytes: u32,
    /// Stack reserved, bytes.
    pub stack_size_bytes: u32,
    /// Damaged frames that the board has received since start-up.
    pub frames_bad: u32,
    /// Attempts it took.
    pub attempts: u32,
}

/// Why an attempt brought nothing.
pub(super) enum Failure {
    /// Something was lost on the way here; another attempt may do.
    Damaged(String),
    /// No use in trying again.
    Final(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

/// State of one attempt.
pub(super) struct Attempt<'l, 'j, T> {
    link: &'l mut Link<T>,
    job: &'j Job<'j>,
    id: u32,
    /// First byte not yet sent; moves back when the board asks.
    sent: usize,
    /// Highest byte ever sent.
    reached: usize,
    /// First byte that the board has not acknowledged.
    acknowledged: usize,
    /// First byte that the board does not yet allow.
    limit: usize,
    data_frames: usize,
    /// Requests of the board to send again since it last took something.
    naks: u32,
    moved: Instant,
    resend_after: Duration,
    result: JobResult,
}

impl<'l, 'j, T: Transport> Attempt<'l, 'j, T> {
    pub(super) fn new(link: &'l mut Link<T>, job: &'j Job<'j>, id: u32) -> Self {
        let resend_after = link.patience.resend;
        let result = JobResult {
            output: Vec::with_capacity(job.output_len),
            digests: Vec::new(),
            digests_expected: job.layers.into(),
            trace: Vec::new(),
            cycles: None,
            arena_needed: 0,
            stack_used_bytes: 0,
            stack_size_bytes: 0,
            frames_bad: 0,
            attempts: 1,
        };
        Self {
            link,
            job,
            id,
            sent: 0,
            reached: 0,
            acknowledged: 0,
            limit: 0,
            data_frames: 0,
            naks: 0,
            moved: Instant::now(),
            resend_after,
            result,
        }
    }

    pub(super) fn run(
        mut self,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<JobResult, Failure> {
        self.begin()?;
        self.moved = Instant::now();
        loop {
            let wait = if self.may_send() {
                self.send_piece()?;
                Duration::ZERO
            } else {
                Duration::from_millis(50)
            };
            match self.link.look(wait)? {
                Heard::Nothing => self.check_silence()?,
                Heard::Bad(error) => return Err(Failure::Damaged(error.to_string())),
                Heard::Frame { lost: true } => {
                    return Err(Failure::Damaged("a frame of the board was lost".to_owned()));
                }
                Heard::Frame { lost: false } => {
                    if self.take_frame()? {
                        return Ok(self.result);
                    }
                    progress(self.acknowledged, self.result.output.len());
                }
            }
        }
    }

    /// Starts the job and waits until the board has taken it.
    fn begin(&mut self) -> Result<(), Failure> {
        let Job {
            width,
            height,
            trace,
            ..
        } = *self.job;
        let request = Request::Begin {
            job: self.id,
            width,
            height,
            trace,
        };
        self.link.send(&request)?;
        let (id, patience) = (self.id, self.link.patience.reply);
        let answer = self.link.wait_for(patience, |response| match *response {
            Response::Begun {
                job,
                arena_needed,
                credit,
            } if job == id => Some(Ok((arena_needed, credit))),
            Response::Error { job, fault, detail } if job == id || is_end(fault, job) => {
                Some(Err(Error::Refused {
                    fault,
                    detail: detail.to_owned(),
                }))
            }
            _ => None,
        })?;
        match answer {
            Some(begun) => {
                let (arena_needed, credit) = begun?;
                self.result.arena_needed = arena_needed;
                self.limit = credit as usize;
                Ok(())
            }
            None => Err(Failure::Damaged(
                "the board did not take the job".to_owned(),
            )),
        }
    }

    fn may_send(&self) -> bool {
        self.sent < self.limit.min(self.job.pixels.len())
    }

    fn send_piece(&mut self) -> Result<()> {
        let end = self
            .limit
            .min(self.job.pixels.len())
            .min(self.sent + self.link.piece);
        let bytes = self.job.pixels.get(self.sent..end).unwrap_or_default();
        let damage = self
            .job
            .damage
            .filter(|damage| damage.frame_idx == self.data_frames);
        self.data_frames += 1;
        let request = Request::Data {
            job: self.id,
            offset: self.sent as u32,
            bytes,
        };
        self.link
            .send_damaged(&request, damage.map(|damage| damage.bit_idx))?;
        self.link.counters.bytes_resent += self.reached.min(end).saturating_sub(self.sent) as u64;
        self.sent = end;
        self.reached = self.reached.max(end);
        Ok(())
    }

    /// Decides what a silent line means: lost data, a lost result, a hung board, or patience.
    fn check_silence(&mut self) -> Result<(), Failure> {
        let silent = self.link.heard.max(self.moved).elapsed();
        let total = self.job.pixels.len();
        let done = self.result.output.len() == self.job.output_len && self.acknowledged == total;
        // With the whole output here, digests and result follow at once: silence means that they
        // were lost. The same holds for a frame that stops half-way.
        let resend = self.link.patience.resend;
        if silent > resend && (done || self.link.decoder.is_partial()) {
            return Err(Failure::Damaged(
                "the end of the board's answer was lost".to_owned(),
            ));
        }
        self.link.keep_rate_alive()?;
        if self.acknowledged < self.sent && self.link.is_rate_lost(silent) {
            let cause = "the board does not understand this rate any more";
            return Err(Failure::Damaged(cause.to_owned()));
        }
        if silent > self.link.patience.silence {
            let after = self.link.patience.silence;
            return Err(Failure::Final(Error::Timeout {
                what: "the board's result",
                after,
            }));
        }
        if silent > self.resend_after && self.acknowledged < self.sent {
            self.link.counters.resends += 1;
            self.sent = self.acknowledged;
            self.moved = Instant::now();
            // A board that computes cannot answer; asking ever more often would only flood it.
            self.resend_after *= 2;
        }
        Ok(())
    }

    /// Takes in the frame that the decoder holds; returns whether it was the last of the job.
    fn take_frame(&mut self) -> Result<bool, Failure> {
        let Some(frame) = self.link.decoder.frame() else {
            return Ok(false);
        };
        let Ok(response) = frame.response() else {
            self.link.counters.unknown += 1;
            return Ok(false);
        };
        let (id, job, result) = (self.id, self.job, &mut self.result);
        match response {
            Response::Credit {
                job,
                next_offset,
                limit,
            } if job == id => self.take_credit(next_offset as usize, limit as usize)?,
            Response::Nak {
                job,
                expected_offset,
                ..
            } if job == id => self.take_nak(expected_offset as usize)?,
            Response::Nak { job: 0, .. } => {
                return Err(Failure::Damaged("the board dropped the job".to_owned()));
            }
            Response::Result { job: of, .. } if of == id => {
                finish(result, job, &response)?;
                return Ok(true);
            }
            Response::Error {
                job: of,
                fault,
                detail,
            } if of == id || is_end(fault, of) => {
                let detail = detail.to_owned();
                return Err(Failure::Final(Error::Refused { fault, detail }));
            }
            other => take_part(result, job, id, &other)?,
        }
        Ok(false)
    }

    /// The board has all bytes before `next` and allows those before `limit`.
    fn take_credit(&mut self, next: usize, limit: usize) -> Result<(), Failure> {
        if next > self.reached {
            return Err(misbehaved("it acknowledges bytes never sent"));
        }
        if next > self.acknowledged {
            self.acknowledged = next;
            self.sent = self.sent.max(next);
            self.moved = Instant::now();
            self.naks = 0;
            self.resend_after = self.link.patience.resend;
        }
        self.limit = self.limit.max(limit);
        Ok(())
    }

    /// The board wants the bytes from `expected` on again.
    fn take_nak(&mut self, expected: usize) -> Result<(), Failure> {
        self.link.counters.naks += 1;
        if expected > self.reached {
            return Err(misbehaved("it expects bytes never sent"));
        }
        self.naks = if expected > self.acknowledged {
            0
        } else {
            self.naks + 1
        };
        if self.naks > NAKS_MAX {
            let cause = "the board got the same bytes damaged again and again";
            return Err(Failure::Damaged(cause.to_owned()));
        }
        self.acknowledged = self.acknowledged.max(expected);
        self.sent = self.acknowledged;
        Ok(())
    }
}

/// Reports whether an error is the firmware's last word: its fault handler knows no job.
fn is_end(fault: Fault, job: u32) -> bool {
    job == 0 && fault == Fault::Exec
}

/// Takes in a part of the result; late frames of an earlier attempt are passed over.
fn take_part(
    result: &mut JobResult,
    job: &Job<'_>,
    id: u32,
    part: &Response<'_>,
) -> Result<(), Failure> {
    match *part {
        Response::Output {
            job: of,
            offset,
            bytes,
        } if of == id => {
            in_order(offset as usize, result.output.len(), "output")?;
            result.output.extend_from_slice(bytes);
            within(result.output.len(), job.output_len, "output")
        }
        Response::Trace {
            job: of,
            layer,
            offset,
            bits,
        } if of == id => {
            if Some(layer) != job.trace {
                return Err(misbehaved("it traces a layer nobody asked for"));
            }
            in_order(offset as usize, result.trace.len(), "trace")?;
            result.trace.extend(u32s(bits));
            Ok(())
        }
        Response::Digests {
            job: of,
            first,
            values,
        } if of == id => {
            in_order(usize::from(first), result.digests.len(), "digests")?;
            result.digests.extend(u64s(values));
            within(result.digests.len(), usize::from(job.layers), "digests")
        }
        _ => Ok(()),
    }
}

/// Takes in the last message of a job and checks that nothing is missing.
fn finish(result: &mut JobResult, job: &Job<'_>, last: &Response<'_>) -> Result<(), Failure> {
    let &Response::Result {
        output_crc32,
        layers,
        cycles,
        stack_used_bytes,
        stack_size_bytes,
        frames_bad,
        ..
    } = last
    else {
        return Ok(());
    };
    if result.output.len() != job.output_len {
        return Err(misbehaved("it ends the job before the whole output"));
    }
    if layers != job.layers || result.digests.len() != usize::from(layers) {
        return Err(misbehaved(
            "the number of digests is not that of the model's layers",
        ));
    }
    if crc32(&result.output) != output_crc32 {
        return Err(Failure::Damaged(
            "the checksum of the output differs".to_owned(),
        ));
    }
    result.cycles = cycles;
    result.stack_used_bytes = stack_used_bytes;
    result.stack_size_bytes = stack_size_bytes;
    result.frames_bad = frames_bad;
    Ok(())
}

fn in_order(offset: usize, expected: usize, what: &str) -> Result<(), Failure> {
    if offset == expected {
        return Ok(());
    }
    Err(Failure::Damaged(format!(
        "{what} at {offset}, expected {expected}"
    )))
}

fn within(len: usize, limit: usize, what: &str) -> Result<(), Failure> {
    if len <= limit {
        Ok(())
    } else {
        Err(misbehaved(&format!("more {what} than there can be")))
    }
}

fn misbehaved(what: &str) -> Failure {
    Failure::Final(Error::Misbehaved {
        cause: format!("the board broke the protocol: {what}"),
    })
}
