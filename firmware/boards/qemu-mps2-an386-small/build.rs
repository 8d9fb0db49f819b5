//! Generates the linker scripts and the constants of the board from `board.toml`.

fn main() {
    if let Err(error) = mambalite_firmware_board_facts::build() {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}
