//! Output and exit through the emulator.

#![expect(unsafe_code, reason = "a breakpoint calls the emulator")]

use core::arch::asm;
use core::fmt::{self, Write};
use core::panic::PanicInfo;

use cortex_m_rt::{ExceptionFrame, exception};

/// Operations of Arm's semihosting.
const SYS_WRITE0: u32 = 0x04;
const SYS_EXIT_EXTENDED: u32 = 0x20;
/// `ADP_Stopped_ApplicationExit`.
const APPLICATION_EXIT: u32 = 0x2_0026;

/// A line, which ends with the zero that `SYS_WRITE0` wants.
struct Line {
    bytes: [u8; 160],
    used: usize,
}

impl Write for Line {
    /// Fails if the line is full.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.used + text.len();
        let Some(room) = self.bytes.get_mut(self.used..end).filter(|_| end < 160) else {
            return Err(fmt::Error);
        };
        room.copy_from_slice(text.as_bytes());
        self.used = end;
        Ok(())
    }
}

/// Prints a line; ends with code 1 if it is longer than the buffer.
pub(crate) fn print(text: fmt::Arguments<'_>) {
    let mut line = Line {
        bytes: [0; 160],
        used: 0,
    };
    if line.write_fmt(text).is_err() {
        exit(1);
    }
    call(SYS_WRITE0, line.bytes.as_ptr() as usize);
}

/// Ends the emulator with an exit code.
pub(crate) fn exit(code: u32) -> ! {
    let block = [APPLICATION_EXIT, code];
    loop {
        call(SYS_EXIT_EXTENDED, block.as_ptr() as usize);
    }
}

/// Calls the emulator, which reads what the parameter points to and writes nothing.
fn call(operation: u32, parameter: usize) {
    // SAFETY: this program runs under an emulator with semihosting only; operations used here
    // read memory that the callers hold and return in r0.
    unsafe {
        asm!(
            "bkpt #0xab",
            inout("r0") operation => _,
            in("r1") parameter,
            options(nostack, preserves_flags)
        );
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    if let Some(place) = info.location() {
        print(format_args!("panic at {}:{}\n", place.file(), place.line()));
    }
    exit(1)
}

/// Any fault of the core: all others escalate to this one.
#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    print(format_args!("hard fault at {:#010x}\n", frame.pc()));
    exit(1)
}
