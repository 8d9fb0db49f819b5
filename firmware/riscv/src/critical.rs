//! Critical sections: interrupts are masked.

#![expect(unsafe_code, reason = "what a critical section is")]

use crate::csr;

struct Masked;

critical_section::set_impl!(Masked);

// SAFETY: there is one hart, and no interrupt is taken from `acquire` to its `release`; within another
// section, or in a handler, they were masked before and stay so.
unsafe impl critical_section::Impl for Masked {
    unsafe fn acquire() -> bool {
        csr::mask_interrupts()
    }

    unsafe fn release(were_taken: bool) {
        if were_taken {
            // SAFETY: this section is the outermost, and ends.
            unsafe { csr::take_interrupts() };
        }
    }
}
