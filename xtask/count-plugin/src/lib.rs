//! A QEMU plugin (TCG plugin interface, version 1) that counts the instructions that an Arm
//! M-profile program executes between `dbg #1` and `dbg #2`.
//!
//! `dbg` is an architectural hint: the core does nothing. The markers themselves are not counted.
//! For each region the plugin writes one line, in the order in which the regions end:
//!
//! ```text
//! region 0 201 subs=100 bne=100 mov=1
//! ```
//!
//! and one line `total N` when QEMU ends. A marker that does not fit (an end without a begin, a
//! begin inside a region) is written as `error ...`. Arguments: `out=FILE` (default: the standard
//! error output), `hist=on` for the mnemonics, `top=N` for how many of them (default 12),
//! `places=on` for a second line a region, with the sum and the count of every address:
//!
//! ```text
//! places 0 201 1040=1 1042=100 1044=100
//! ```
//!
//! The counts are those of one virtual core; instructions are not cycles.

mod counter;
mod marker;
mod options;
/// The interface itself is not linked into unit tests: only QEMU has the functions it calls.
#[cfg(not(test))]
mod qemu;
