//! Generates the linker scripts and the constants of the board from `board.toml`.

fn main() {
    if let Err(error) = mambalite_firmware_board_facts::build() {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
    // Where the boot ROM wants header and start; behind the script that has the memory.
    println!("cargo::rustc-link-arg=-Tdirect-boot.x");
}
