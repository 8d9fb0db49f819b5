//! A count of places that threads wait for.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::error::Result;
use crate::interrupt::Interrupt;

/// How often a waiting thread looks whether the run shall stop.
const SLICE: Duration = Duration::from_millis(100);

/// Places for threads.
#[derive(Debug)]
pub(super) struct Permits {
    free: Mutex<usize>,
    given_back: Condvar,
}

/// A place; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Permit<'a>(&'a Permits);

impl Permits {
    /// Makes `count` places, at least one.
    pub(super) fn new(count: usize) -> Self {
        Self {
            free: Mutex::new(count.max(1)),
            given_back: Condvar::new(),
        }
    }

    /// Waits for a place. Others are waited for, each of which has its own deadline.
    ///
    /// # Errors
    /// Those of [`Interrupt::check`].
    pub(super) fn take(&self, interrupt: &Interrupt) -> Result<Permit<'_>> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            interrupt.check()?;
            let woken = self.given_back.wait_timeout(free, SLICE);
            free = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        *free -= 1;
        Ok(Permit(self))
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let free = &self.0.free;
        *free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.given_back.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn no_more_threads_than_places() {
        let (permits, now, most) = (Permits::new(2), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let _permit = permits.take(&Interrupt::default()).unwrap();
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(20));
                    now.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        assert_eq!(most.into_inner(), 2);
        let all = (
            permits.take(&Interrupt::default()),
            permits.take(&Interrupt::default()),
        );
        let stop = Interrupt::default();
        stop.set();
        assert!(permits.take(&stop).is_err() && all.0.is_ok() && all.1.is_ok());
    }
}
