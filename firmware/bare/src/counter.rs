//! A counter of 32 bits as one of 64.

use core::cell::Cell;

use critical_section::Mutex;

/// A counter of 64 bits made of a register of 32, which is read at least once in 2^32 counts: of cycles,
/// within a row of the network, and a log message, that is so.
pub struct Counter(Mutex<Cell<u64>>);

impl Counter {
    /// Makes a counter that stands at zero, as its register does.
    #[expect(clippy::new_without_default, reason = "it belongs into a static")]
    pub const fn new() -> Self {
        Self(Mutex::new(Cell::new(0)))
    }

    /// Returns the count; `register` reads the register.
    pub fn count(&self, register: impl FnOnce() -> u32) -> u64 {
        critical_section::with(|section| {
            let count = self.0.borrow(section);
            // The register is read within the section: no reading falls behind another.
            let passed = register().wrapping_sub(count.get() as u32);
            let now = count.get() + u64::from(passed);
            count.set(now);
            now
        })
    }
}
