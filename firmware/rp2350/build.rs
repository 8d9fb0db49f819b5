//! Puts the linker script where the programs for Cortex-M find it.

fn main() {
    if let Err(error) = mambalite_firmware_board_facts::place_script("start-block.x") {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}
