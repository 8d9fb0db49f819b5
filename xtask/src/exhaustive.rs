//! `exhaustive`: the functions of the number contract on every input.

use anyhow::{Result, ensure};

use crate::{process, repository};

/// Runs the test on all inputs and shows its figures.
///
/// Where the host has a fused multiply-add, it is compiled in: the same bits as the call of the
/// library's, several times as fast. That takes a folder of its own, so that other builds stay.
pub(crate) fn run() -> Result<()> {
    let mut command = process::cargo();
    command
        .args(["test", "--locked", "--release"])
        .args(["--package", "mambalite-kernels-check"])
        .args(["--test", "exhaustive", "--target-dir"])
        .arg(repository::target().join("exhaustive"))
        // One at a time: each takes all cores, and the figures stay with their names.
        .args(["--", "--test-threads=1"])
        .env("KERNEL_STRIDE", "1");
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("fma") {
        command.env("RUSTFLAGS", "-Ctarget-feature=+avx2,+fma");
    }
    let (succeeded, _) = process::run_and_listen(&mut command, &repository::root())?;
    ensure!(succeeded, "not every input gives what it must");
    Ok(())
}
