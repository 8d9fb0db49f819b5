//! One picture on several threads, with the bits of one thread.
//!
//! Row streaming is cut into parts of consecutive stages, a thread each, that hand rows to one
//! another: every stage sees the rows that it sees on one thread, in the same order. Tiles are
//! pictures of their own and go to whichever thread is free. No memory is allocated once the
//! threads run but for what a channel or the thread pool keeps.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use mambalite_kernels::arith::{Arithmetic, Fixed, Float};
use mambalite_kernels::exec::part::{Part, Trunk, Work};
use mambalite_kernels::exec::stream::{Sink, Stream};
use mambalite_kernels::{
    Config, Decay, ExecError, Kernels, Model, NoTap, Plan, Precision, TileGrid,
};
use rayon::prelude::*;

use crate::picture::Picture;
use crate::upscale::{Executor, check_channels, run_tile, upscale_with};
use crate::{Error, Result};

/// Rows that a part may be ahead of the next.
const QUEUE_ROWS: usize = 4;

/// Magnifies a picture on up to `threads` threads and reports how many LR rows are done.
///
/// The bits do not depend on `threads`.
///
/// # Errors
/// As [`crate::upscale::upscale`].
pub fn upscale(
    model: &Model<'_>,
    picture: &Picture,
    executor: Executor,
    threads: usize,
    progress: &(impl Fn(usize) + Sync),
) -> Result<Picture> {
    if threads <= 1 {
        return upscale_with(model, picture, executor, &mut NoTap, &mut |rows| {
            progress(rows)
        });
    }
    check_channels(model, picture)?;
    match executor {
        Executor::Patch { tile, halo } => tiles(model, picture, (tile, halo), threads, progress),
        Executor::Stream => match model.precision() {
            Precision::F32 => Pipeline::<Float<f32>>::run(model, picture, threads, progress),
            Precision::W8A16 => Pipeline::<Fixed<i16>>::run(model, picture, threads, progress),
            Precision::W8A8 => Pipeline::<Fixed<i8>>::run(model, picture, threads, progress),
        },
    }
}

/// Starts threads.
///
/// # Errors
/// [`Error::Threads`] where the system gives no more.
pub fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|cause| Error::Threads {
        threads,
        cause: cause.into(),
    })
}

/// Runs each tile on a thread of a pool.
fn tiles(
    model: &Model<'_>,
    picture: &Picture,
    (tile, halo): (usize, usize),
    threads: usize,
    progress: &(impl Fn(usize) + Sync),
) -> Result<Picture> {
    let (width, height) = (picture.width(), picture.height());
    let scale = model.config().scale;
    let grid = TileGrid::new(width, height, tile, halo);
    let words = Plan::new(model, grid.padded_width_max()).arena_bytes / size_of::<u64>();
    let stride = width * scale * picture.channels();
    let out = Mutex::new(vec![0; stride * height * scale]);
    let pool = pool(threads)?;
    pool.install(|| {
        let tiles = grid.collect::<Vec<_>>().into_par_iter();
        tiles.try_for_each_init(
            || vec![0; words],
            |arena, tile| {
                run_tile(model, picture, &tile, arena, &mut NoTap, &mut |y, row| {
                    let mut out = out.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                    tile.stitch(y, row, scale, picture.channels(), &mut out, stride);
                })?;
                progress(tile.padded.height);
                Ok(())
            },
        )
    })
    .map_err(|cause: ExecError| Error::from(cause))?;
    let out = out
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    Picture::new(width * scale, height * scale, picture.channels(), out)
}

/// A row on its way from one part to the next.
struct Message<A: Arithmetic> {
    row: Vec<A::Act>,
    group_input: Vec<A::Act>,
    first: Vec<A::Act>,
}

/// The two ends of the way from one part to the next: full messages there, empty ones back.
struct Link<A: Arithmetic> {
    full: SyncSender<Message<A>>,
    empty: Receiver<Message<A>>,
}

/// The receiving side of a [`Link`].
struct Intake<A: Arithmetic> {
    full: Receiver<Message<A>>,
    empty: SyncSender<Message<A>>,
}

/// Makes the way from one part to the next, with the messages that it will ever carry.
fn link<A: Arithmetic>(row_len: usize) -> (Link<A>, Intake<A>) {
    let (full, full_out) = sync_channel(QUEUE_ROWS);
    let (empty, empty_out) = sync_channel(QUEUE_ROWS);
    for _ in 0..QUEUE_ROWS {
        let buffer = || Vec::with_capacity(row_len);
        let message = Message {
            row: buffer(),
            group_input: buffer(),
            first: buffer(),
        };
        // There is room: as many go in as the channel holds.
        let _ = empty.try_send(message);
    }
    let intake = Intake {
        full: full_out,
        empty,
    };
    (
        Link {
            full,
            empty: empty_out,
        },
        intake,
    )
}

/// Hands rows on: to the next part, or to the picture.
enum Outlet<'p, A: Arithmetic> {
    Link(Link<A>),
    Picture { out: &'p mut [u8], stride: usize },
}

impl<A: Arithmetic> Sink<A> for Outlet<'_, A> {
    fn row(&mut self, y: usize, row: &[u8]) {
        if let Self::Picture { out, stride } = self {
            out[y * *stride..][..*stride].copy_from_slice(row);
        }
    }

    fn trunk(&mut self, _y: usize, trunk: Trunk<'_, A>) {
        let Self::Link(link) = self else { return };
        // The next part is gone only after an error of its own, which its thread returns.
        let Ok(mut message) = link.empty.recv() else {
            return;
        };
        for (buffer, values) in [
            (&mut message.row, trunk.row),
            (&mut message.group_input, trunk.group_input),
            (&mut message.first, trunk.first),
        ] {
            buffer.clear();
            buffer.extend_from_slice(values);
        }
        let _ = link.full.send(message);
    }
}

/// What all parts of a run share.
struct Pipeline<'r, A: Arithmetic> {
    kernels: Kernels<A>,
    model: &'r Model<'r>,
    picture: &'r Picture,
    words: usize,
}

impl<A> Pipeline<'_, A>
where
    A: Arithmetic<Act: Send, In: Send, Wide: Send> + Send + Sync,
{
    fn run(
        model: &Model<'_>,
        picture: &Picture,
        threads: usize,
        progress: &(impl Fn(usize) + Sync),
    ) -> Result<Picture> {
        let (width, height) = (picture.width(), picture.height());
        let config = model.config();
        let kernels = Kernels::<A>::best();
        let plan = Plan::with_kernels(&kernels, model, width);
        let pipeline = Pipeline {
            kernels,
            model,
            picture,
            words: plan.arena_bytes / size_of::<u64>(),
        };
        let stride = width * config.scale * picture.channels();
        let mut out = vec![0; stride * height * config.scale];
        let mut parts = Vec::new();
        Part::cut(config, threads, work(config), |part| parts.push(part));
        thread::scope(|scope| {
            let mut intake = None;
            let mut others = Vec::new();
            let last = parts.pop();
            for part in parts {
                let (link, next) = link::<A>(width * config.width);
                let before = intake.replace(next);
                let pipeline = &pipeline;
                others.push(
                    scope.spawn(move || pipeline.part(part, before, Outlet::Link(link), &|_| ())),
                );
            }
            let outlet = Outlet::Picture {
                out: &mut out,
                stride,
            };
            let mut result = match last {
                Some(part) => pipeline.part(part, intake.take(), outlet, progress),
                None => Ok(()),
            };
            for thread in others {
                let ended = thread.join();
                let ended = ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                result = result.and(ended);
            }
            result
        })?;
        let (width, height) = (width * config.scale, height * config.scale);
        Picture::new(width, height, picture.channels(), out)
    }

    /// Runs one part over all rows, as they come from the part before.
    fn part(
        &self,
        part: Part,
        intake: Option<Intake<A>>,
        mut outlet: Outlet<'_, A>,
        progress: &impl Fn(usize),
    ) -> core::result::Result<(), ExecError> {
        let size = (self.picture.width(), self.picture.height());
        let mut arena = vec![0; self.words];
        let mut stream = Stream::with_kernels(self.kernels, part, self.model, size, &mut arena)?;
        let row_bytes = size.0 * self.picture.channels();
        for row in self.picture.data().chunks_exact(row_bytes) {
            match &intake {
                None => stream.push(row, None, &mut NoTap, &mut outlet)?,
                Some(intake) => {
                    // The part before is gone only after an error, which its thread returns.
                    let Ok(message) = intake.full.recv() else {
                        return Ok(());
                    };
                    let trunk = Trunk {
                        row: &message.row,
                        group_input: &message.group_input,
                        first: &message.first,
                    };
                    stream.push(row, Some(trunk), &mut NoTap, &mut outlet)?;
                    let _ = intake.empty.send(message);
                }
            }
            progress(1);
        }
        Ok(())
    }
}

/// Estimates the work of the stages in multiply-adds. An exponential of a scan takes as long as 12
/// of them, what else is done for an inner channel as long as 100 (profile of DVMSR with AVX-512).
fn work(config: &Config) -> Work {
    let square = 9 * config.width * config.width;
    let (c, e, n, r) = (config.width, config.inner, config.states, config.dt_rank);
    let exponentials = match config.decay {
        Decay::Full => e * n,
        Decay::Tied => e,
    };
    let matrices = 3 * c * e + e * config.projected() + r * e;
    let block = matrices + 4 * e * n + 12 * exponentials + 100 * e;
    let last = square + 9 * c * config.sub_pixels() + 20 * config.sub_pixels();
    Work {
        first: (9 * config.channels * c) as u64,
        block: block as u64,
        conv: square as u64,
        last: last as u64,
    }
}
