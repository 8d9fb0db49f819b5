//! The functions of the number contract on every input: errors against f64, and the same bits
//! from the vectors of each variant.
//!
//! Every test walks one input in 4099, so that it is quick; `KERNEL_STRIDE=1` walks all and prints
//! what it found. `cargo xtask exhaustive` does that.

mod accuracy;
mod variants;
mod walk;

use std::process::ExitCode;

use libtest_mimic::Arguments;

/// Distance of the inputs walked where none is given. A prime: every exponent, sign and low bit is
/// met.
const STRIDE: u32 = 4099;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let stride = std::env::var("KERNEL_STRIDE");
    let stride = stride.ok().and_then(|text| text.parse().ok());
    let stride = stride.unwrap_or(STRIDE).max(1);
    let mut trials = accuracy::trials(stride);
    trials.extend(variants::trials(stride));
    libtest_mimic::run(&arguments, trials).exit_code()
}
