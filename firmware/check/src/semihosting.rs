//! Semihosting: how a program without a system prints and ends in an emulator or under a debugger.
//!
//! Source: Arm, Semihosting for AArch32 and AArch64; RISC-V Semihosting 0.4.

#![expect(unsafe_code, reason = "instructions that call the host")]

use core::arch::asm;
use core::fmt::{self, Write};

use mambalite_kernels_check::{GOLDEN_WORDS, MEMORY_WORDS};

const SYS_WRITE0: usize = 0x04;
const SYS_GET_CMDLINE: usize = 0x15;
const SYS_EXIT_EXTENDED: usize = 0x20;

/// Reason of an exit by the program's own will, with an exit code.
const APPLICATION_EXIT: usize = 0x20026;

/// The host's console.
pub(crate) struct Console;

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // The call takes a string that ends with a zero.
        let mut line = [0; 64];
        for piece in text.as_bytes().chunks(line.len() - 1) {
            line[..piece.len()].copy_from_slice(piece);
            line[piece.len()] = 0;
            call(SYS_WRITE0, line.as_mut_ptr().cast());
        }
        Ok(())
    }
}

/// Reads the command line into a buffer; an empty one where the host gives none.
pub(crate) fn command_line(buffer: &mut [u8]) -> &str {
    let mut block = [buffer.as_mut_ptr() as usize, buffer.len()];
    if call(SYS_GET_CMDLINE, block.as_mut_ptr().cast()) != 0 {
        return "";
    }
    let bytes = buffer.get(..block[1]).unwrap_or_default();
    str::from_utf8(bytes)
        .unwrap_or_default()
        .trim_end_matches('\0')
}

/// Ends the program.
pub(crate) fn exit(code: u8) -> ! {
    let mut block = [APPLICATION_EXIT, code.into()];
    loop {
        call(SYS_EXIT_EXTENDED, block.as_mut_ptr().cast());
    }
}

/// Asks the host for something.
#[cfg(target_arch = "arm")]
fn call(operation: usize, argument: *mut u8) -> usize {
    let result;
    // SAFETY: the argument of each call above is the block that the call's definition asks for.
    unsafe {
        asm!("bkpt #0xab", inlateout("r0") operation => result, in("r1") argument, options(nostack))
    };
    result
}

/// Asks the host for something: a breakpoint between two shifts that do nothing.
#[cfg(target_arch = "riscv32")]
fn call(operation: usize, argument: *mut u8) -> usize {
    let result;
    // SAFETY: as above. The three instructions are uncompressed and lie in one page.
    unsafe {
        asm!(
            ".balign 16", ".option push", ".option norvc",
            "slli x0, x0, 0x1f", "ebreak", "srai x0, x0, 7",
            ".option pop",
            inlateout("a0") operation => result, in("a1") argument, options(nostack)
        );
    }
    result
}

/// Words of memory for the runs. A core with little RAM has no variants, only cases.
const WORDS: usize = if cfg!(small_ram) {
    GOLDEN_WORDS
} else {
    MEMORY_WORDS
};

/// Runs a program that gets its command line and prints to the host, and ends.
pub(crate) fn run() -> ! {
    static mut MEMORY: [u64; WORDS] = [0; WORDS];
    // SAFETY: this function is the whole program and nothing interrupts it, so that there is no
    // other reference.
    let memory = unsafe { &mut *(&raw mut MEMORY) };
    let mut buffer = [0; 128];
    let code = match crate::Options::parse(command_line(&mut buffer).split_whitespace()) {
        Ok(options) => crate::check(&mut Console, &options, memory).unwrap_or(crate::BUG),
        Err(word) => {
            // The console reports no errors.
            let _ = writeln!(Console, "what is {word}?");
            crate::USAGE
        }
    };
    exit(code)
}

/// Tells of the end of a program that failed, and ends it.
pub(crate) fn abort(what: impl fmt::Display) -> ! {
    let _ = writeln!(Console, "\nFAULT {what}");
    exit(crate::BUG)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    abort(info)
}
