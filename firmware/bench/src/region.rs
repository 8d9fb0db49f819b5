//! The region that is counted.

#![expect(unsafe_code, reason = "the markers are instructions")]

use core::arch::asm;
use core::hint::black_box;

use mambalite_kernels_check::bench::Meter;

/// Marks the kernel of a case for the count plugin.
pub(crate) struct Region;

impl Meter for Region {
    fn measure(&mut self, kernel: &mut dyn FnMut()) {
        // The compiler must not know what is called, lest it moves work out of the region.
        let kernel = black_box(kernel);
        // SAFETY: a hint that changes nothing; as it may touch memory, no access moves past it.
        unsafe { asm!("dbg #1", options(nostack, preserves_flags)) };
        kernel();
        // SAFETY: as before.
        unsafe { asm!("dbg #2", options(nostack, preserves_flags)) };
    }
}
