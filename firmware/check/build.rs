//! Writes the linker script of a bare machine from the memory map that xtask passes.

use std::path::PathBuf;
use std::{env, fs, process};

/// Start and length of the flash, `0x0 0x400000`.
const FLASH: &str = "CHECK_FLASH";
/// Start and length of the RAM.
const RAM: &str = "CHECK_RAM";
/// Length of the stack, at the bottom of the RAM.
const STACK: &str = "CHECK_STACK";

/// A RAM smaller than this has no room to test variants in.
const SMALL_BYTES: u64 = 0x4_0000;

fn main() {
    if let Err(error) = build() {
        eprintln!("error: {error}");
        process::exit(1);
    }
}

fn build() -> Result<(), String> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(small_ram)");
    if variable("CARGO_CFG_TARGET_OS")? != "none" {
        return Ok(());
    }
    let out = PathBuf::from(variable("OUT_DIR")?);
    let ([flash, flash_bytes], [ram, ram_bytes]) = (numbers(FLASH)?, numbers(RAM)?);
    let [stack_bytes] = numbers(STACK)?;
    if ram_bytes < SMALL_BYTES {
        println!("cargo::rustc-cfg=small_ram");
    }
    // The stack grows downwards: an overflow leaves the RAM, it never reaches a variable.
    let script = format!(
        "MEMORY {{\n\
         \x20 FLASH : ORIGIN = {flash:#x}, LENGTH = {flash_bytes:#x}\n\
         \x20 STACK : ORIGIN = {ram:#x}, LENGTH = {stack_bytes:#x}\n\
         \x20 RAM : ORIGIN = {:#x}, LENGTH = {:#x}\n\
         }}\n\
         _stack_end = ORIGIN(STACK);\n\
         _stack_start = ORIGIN(STACK) + LENGTH(STACK);\n",
        ram + stack_bytes,
        ram_bytes.saturating_sub(stack_bytes),
    );
    let path = out.join("memory.x");
    fs::write(&path, script).map_err(|error| format!("write {}: {error}", path.display()))?;
    println!("cargo::rustc-link-search={}", out.display());
    let script = match variable("CARGO_CFG_TARGET_ARCH")?.as_str() {
        "arm" => "link.x",
        _ => "riscv.x",
    };
    println!("cargo::rustc-link-arg=-T{script}");
    Ok(())
}

fn variable(name: &str) -> Result<String, String> {
    println!("cargo::rerun-if-env-changed={name}");
    env::var(name).map_err(|_| format!("no {name}; build with `cargo xtask check-kernels`"))
}

/// Reads hexadecimal numbers.
fn numbers<const N: usize>(name: &str) -> Result<[u64; N], String> {
    let text = variable(name)?;
    let numbers: Result<Vec<_>, _> = text
        .split_whitespace()
        .map(|word| u64::from_str_radix(word.trim_start_matches("0x"), 16))
        .collect();
    let numbers = numbers.ok().and_then(|numbers| numbers.try_into().ok());
    numbers.ok_or_else(|| format!("{name} has not {N} hexadecimal numbers: {text}"))
}
