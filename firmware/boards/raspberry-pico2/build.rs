//! Generates the linker scripts and the constants of the board from `board.toml`.

fn main() {
    // What the boot ROM looks for; before the script of the program, whose code it moves.
    println!("cargo::rustc-link-arg=-Tstart-block.x");
    if let Err(error) = mambalite_firmware_board_facts::build() {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}
