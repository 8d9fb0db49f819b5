//! Puts the linker script where the programs find it.

fn main() {
    if let Err(error) = mambalite_firmware_board_facts::place_script("riscv.x") {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}
