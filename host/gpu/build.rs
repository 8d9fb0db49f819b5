//! Compresses the kernels: programs that are copied to a board are to be small.

use std::path::Path;
use std::{env, fs, io};

/// Where the kernels are kept, and their names.
const FOLDER: &str = "../../kernels/ptx";
const FILES: [&str; 2] = ["sm_87.ptx", "sm_87.cubin"];

/// More takes longer and gains little.
const LEVEL: u8 = 6;

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let out = env::var_os("OUT_DIR").unwrap_or_default();
    for file in FILES {
        let from = Path::new(FOLDER).join(file);
        println!("cargo::rerun-if-changed={}", from.display());
        let deflated = miniz_oxide::deflate::compress_to_vec(&fs::read(&from)?, LEVEL);
        fs::write(Path::new(&out).join(file), deflated)?;
    }
    Ok(())
}
