//! Writes the memory map of the virtual machine named by `BENCH_MACHINE`.

use std::path::PathBuf;
use std::{env, fs};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-env-changed=BENCH_MACHINE");
    let machine = env::var("BENCH_MACHINE")?;
    let (flash, flash_bytes, ram, ram_bytes) = match machine.as_str() {
        "mps2-an386" | "mps2-an500" => (0x0000_0000, 4 << 20, 0x2000_0000, 2 << 20),
        // The secure aliases: these cores start in the secure state.
        "mps2-an505" => (0x1000_0000, 4 << 20, 0x3800_0000, 2 << 20),
        "mps3-an547" => (0x1000_0000, 512 << 10, 0x3100_0000, 2 << 20),
        // An STM32F405, but for its 64 KiB that only the core can reach.
        "netduinoplus2" => (0x0800_0000, 1 << 20, 0x2000_0000, 128 << 10),
        _ => return Err(format!("no memory map for {machine}").into()),
    };
    let map = format!(
        "MEMORY {{\n  FLASH : ORIGIN = {flash:#x}, LENGTH = {flash_bytes:#x}\n  \
         RAM : ORIGIN = {ram:#x}, LENGTH = {ram_bytes:#x}\n}}\n"
    );
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("memory.x"), map)?;
    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rustc-link-arg=-Tlink.x");
    Ok(())
}
