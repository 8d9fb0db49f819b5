//! Threads that cut patches ahead of the loop.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::patch::{Patch, Patches};
use crate::train::error::TrainError;
use crate::{Error, Result};

/// Batches that the threads may be ahead of the loop.
const BATCHES_AHEAD: usize = 4;

/// Gives batches in order, whatever the threads do.
///
/// Thread `w` of `n` cuts the patches `w`, `w + n`, ... of the run, each for itself, and the loop
/// takes one from each in turn.
#[derive(Debug)]
pub struct Loader {
    batch: usize,
    /// Patches that were taken.
    taken: usize,
    queues: Vec<Receiver<Result<Patch>>>,
    threads: Vec<JoinHandle<()>>,
    waited: Duration,
}

impl Loader {
    /// Starts `threads` threads on the batches from step `first` on, counted from 0.
    ///
    /// # Errors
    /// [`Error::Threads`] where the system gives no more.
    pub fn start(patches: &Arc<Patches>, first: u64, batch: usize, threads: usize) -> Result<Self> {
        let threads = threads.max(1);
        let ahead = (BATCHES_AHEAD * batch).div_ceil(threads);
        let mut loader = Self {
            batch,
            taken: 0,
            queues: Vec::new(),
            threads: Vec::new(),
            waited: Duration::ZERO,
        };
        for start in 0..threads {
            let (queue, out) = sync_channel(ahead);
            let patches = Arc::clone(patches);
            let work = move || cut(&patches, (start..).step_by(threads), first, batch, &queue);
            let thread = thread::Builder::new().name(format!("patches {start}"));
            let thread = thread.spawn(work).map_err(|cause| Error::Threads {
                threads,
                cause: cause.into(),
            })?;
            loader.queues.push(out);
            loader.threads.push(thread);
        }
        Ok(loader)
    }

    /// Returns the next batch.
    ///
    /// # Errors
    /// Those of [`Patches::patch`].
    pub fn next_batch(&mut self) -> Result<Vec<Patch>> {
        let began = Instant::now();
        let batch = (0..self.batch).map(|_| {
            let queue = &self.queues[self.taken % self.queues.len()];
            self.taken += 1;
            queue.recv().map_err(|_| TrainError::LoaderEnded)?
        });
        let batch = batch.collect();
        self.waited += began.elapsed();
        batch
    }

    /// Returns how long the loop has waited for patches.
    pub fn waited(&self) -> Duration {
        self.waited
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        // A thread whose queue is gone ends with the patch that it is at.
        self.queues.clear();
        for thread in self.threads.drain(..) {
            // One that panicked has said so; the loop saw its queue end.
            let _ = thread.join();
        }
    }
}

/// Cuts the patches `numbers`, counted from step `first` on, until nobody takes them any more.
fn cut(
    patches: &Patches,
    numbers: impl Iterator<Item = usize>,
    first: u64,
    batch: usize,
    queue: &SyncSender<Result<Patch>>,
) {
    for number in numbers {
        let (step, index) = (first + (number / batch) as u64, (number % batch) as u64);
        let patch = patches.patch(step, index);
        let failed = patch.is_err();
        if queue.send(patch).is_err() || failed {
            return;
        }
    }
}
