//! Puts the linker script where the boards find it.

fn main() {
    if let Err(error) = mambalite_firmware_board_facts::place_script("direct-boot.x") {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}
