//! Puts the linker script where the programs for Cortex-M find it.

use std::path::PathBuf;
use std::{env, fs, process};

const SCRIPT: &str = "start-block.x";

fn main() {
    println!("cargo::rerun-if-changed={SCRIPT}");
    let Some(out) = env::var_os("OUT_DIR").map(PathBuf::from) else {
        eprintln!("error: not run by cargo");
        process::exit(1);
    };
    if let Err(error) = fs::copy(SCRIPT, out.join(SCRIPT)) {
        eprintln!("error: copy {SCRIPT}: {error}");
        process::exit(1);
    }
    println!("cargo::rustc-link-search={}", out.display());
}
