//! What the environment has this driver pretend.

use std::str::FromStr;

/// Set by the environment when the first call comes.
#[derive(Clone, Debug)]
pub(crate) struct Faults {
    /// `FAKE_CUDA_DRIVER`: version of CUDA, as 1000 * major + 10 * minor.
    pub(crate) driver: i32,
    /// `FAKE_CUDA_INIT`: what `cuInit` returns.
    pub(crate) init: i32,
    /// `FAKE_CUDA_DEVICES`: number of devices.
    pub(crate) devices: i32,
    /// `FAKE_CUDA_CAPABILITY`: compute capability, as 10 * major + minor.
    pub(crate) capability: i32,
    /// `FAKE_CUDA_MEMORY`: bytes of the device.
    pub(crate) memory: usize,
    /// `FAKE_CUDA_POOLS`: whether memory is had in the order of a stream.
    pub(crate) pools: i32,
    /// `FAKE_CUDA_REFUSED_LAUNCH`: the launch that is refused, from 0.
    pub(crate) refused_launch: usize,
    /// `FAKE_CUDA_FAILED_LAUNCH`: the launch that fails once it runs, from 0.
    pub(crate) failed_launch: usize,
    /// `FAKE_CUDA_LOG`: the file that gets a line for each call that does something.
    pub(crate) log: Option<String>,
}

impl Faults {
    pub(crate) fn from_environment() -> Self {
        Self {
            driver: variable("FAKE_CUDA_DRIVER", 12060),
            init: variable("FAKE_CUDA_INIT", 0),
            devices: variable("FAKE_CUDA_DEVICES", 1),
            capability: variable("FAKE_CUDA_CAPABILITY", 87),
            memory: variable("FAKE_CUDA_MEMORY", 1 << 30),
            pools: variable("FAKE_CUDA_POOLS", 1),
            refused_launch: variable("FAKE_CUDA_REFUSED_LAUNCH", usize::MAX),
            failed_launch: variable("FAKE_CUDA_FAILED_LAUNCH", usize::MAX),
            log: std::env::var("FAKE_CUDA_LOG").ok(),
        }
    }
}

/// Reads a number; a test that sets anything else is to fail.
fn variable<T: FromStr>(name: &str, default: T) -> T {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name}={text}: expected a number")),
        Err(_) => default,
    }
}
