//! A GPU that several threads use: what comes while it is busy goes through it together.

use std::sync::mpsc::{SyncSender, TryRecvError, sync_channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::Gpu;
use crate::Result;
use crate::picture::Picture;
use crate::upscale::Executor;

/// A GPU that several threads use.
pub(crate) struct Shared<'m> {
    device: String,
    gpu: Mutex<Gpu<'m>>,
    queue: Mutex<Queue>,
    /// Told at the end of each run.
    ended: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Request>,
    /// Whether a thread runs the GPU.
    busy: bool,
}

/// A picture that waits for the GPU.
struct Request {
    picture: Picture,
    executor: Executor,
    answer: SyncSender<Result<Picture>>,
}

impl<'m> Shared<'m> {
    pub(crate) fn new(gpu: Gpu<'m>) -> Self {
        Self {
            device: gpu.device().to_owned(),
            gpu: Mutex::new(gpu),
            queue: Mutex::default(),
            ended: Condvar::new(),
        }
    }

    /// Returns the name of the device.
    pub(crate) fn device(&self) -> &str {
        &self.device
    }

    /// Magnifies a picture, with others that wait.
    ///
    /// * `progress` - is told the LR rows of all pictures, if it is this thread that runs them.
    pub(crate) fn upscale(
        &self,
        picture: &Picture,
        executor: Executor,
        progress: &impl Fn(usize),
    ) -> Result<Picture> {
        let (answer, magnified) = sync_channel(1);
        let mut queue = lock(&self.queue);
        queue.waiting.push(Request {
            picture: picture.clone(),
            executor,
            answer,
        });
        loop {
            match magnified.try_recv() {
                Ok(result) => return result,
                Err(TryRecvError::Disconnected) => panic!("the thread that ran the GPU panicked"),
                Err(TryRecvError::Empty) if queue.busy => {
                    let woken = self.ended.wait(queue);
                    queue = woken.unwrap_or_else(PoisonError::into_inner);
                }
                Err(TryRecvError::Empty) => {
                    queue.busy = true;
                    let requests = core::mem::take(&mut queue.waiting);
                    drop(queue);
                    let end = End(self);
                    run(&mut lock(&self.gpu), requests, progress);
                    drop(end);
                    queue = lock(&self.queue);
                }
            }
        }
    }
}

/// Ends a run when it is dropped, after a panic too.
struct End<'s, 'm>(&'s Shared<'m>);

impl Drop for End<'_, '_> {
    fn drop(&mut self) {
        lock(&self.0.queue).busy = false;
        self.0.ended.notify_all();
    }
}

/// Runs pictures together or, where that does not go, one by one, and answers each.
fn run(gpu: &mut Gpu<'_>, requests: Vec<Request>, progress: &impl Fn(usize)) {
    // Nobody waits for an answer that cannot be sent.
    if let [first, _, ..] = &requests[..]
        && requests.iter().all(|it| it.executor == first.executor)
    {
        let pictures: Vec<&Picture> = requests.iter().map(|it| &it.picture).collect();
        if let Ok(magnified) = gpu.upscale(&pictures, first.executor, &mut |rows| progress(rows)) {
            for (request, picture) in requests.iter().zip(magnified) {
                let _ = request.answer.send(Ok(picture));
            }
            return;
        }
        // One picture that is too large is not to fail the others; after a failed launch all of them
        // get that.
    }
    for request in requests {
        let Request {
            picture, executor, ..
        } = &request;
        let magnified = gpu.upscale(&[picture], *executor, &mut |rows| progress(rows));
        let _ = request.answer.send(magnified.map(|mut it| it.remove(0)));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
