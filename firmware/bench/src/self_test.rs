//! Regions of a known number of instructions: the counter itself is checked in every run.

#![expect(unsafe_code, reason = "the instructions are counted by hand")]

use core::arch::asm;

use crate::semihosting::print;

/// A region of `$count` instructions.
macro_rules! region {
    ($count:literal, $($line:literal),*) => {
        // SAFETY: writes no memory and no register but the one that is declared.
        unsafe {
            asm!(
                "dbg #1",
                $($line,)*
                "dbg #2",
                inout("r0") 0 => _,
                options(nomem, nostack)
            );
        }
        print(format_args!("self\t{}\n", $count));
    };
}

/// Runs regions of 0, 10, 201 and 20001 instructions.
pub(crate) fn run() {
    region!(0,);
    region!(10, "adds r0, #1", ".rept 9", "nop", ".endr");
    region!(201, "movs r0, #100", "2: subs r0, #1", "bne 2b");
    region!(20001, "movw r0, #10000", "2: subs r0, #1", "bne 2b");
}
