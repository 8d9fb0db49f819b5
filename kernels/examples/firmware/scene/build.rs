//! Shows the linker where `memory.x` and `device.x` are.

fn main() {
    for script in ["memory.x", "device.x"] {
        println!("cargo::rerun-if-changed={script}");
    }
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo::rustc-link-search={folder}");
}
