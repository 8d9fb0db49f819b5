//! A panic would be a fault of this library; it ends the program as C does.

#![expect(unsafe_code, reason = "calls the library of C")]

use core::panic::PanicInfo;

unsafe extern "C" {
    fn abort() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: C's `abort` may be called from anywhere and does not return.
    unsafe { abort() }
}
