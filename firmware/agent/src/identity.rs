//! Who this program and this computer are.

use std::hint::black_box;
use std::path::Path;

use object::Object;

/// The program itself; qemu-user shows the emulated one there.
const PROGRAM: &str = "/proc/self/exe";
/// Main ID register of the first core.
const MIDR: &str = "sys/devices/system/cpu/cpu0/regs/identification/midr_el1";
/// Serial number of the module.
const SERIAL: &str = "proc/device-tree/serial-number";

/// Bits of FPCR: default NaN, flush to zero, and the place of the rounding mode.
const DEFAULT_NAN: u32 = 1 << 25;
const FLUSH_TO_ZERO: u32 = 1 << 24;
const ROUNDING_SHIFT: u32 = 22;

/// Returns the build id that the linker put into this program, zeros where it put none.
pub(crate) fn build_id() -> [u8; 20] {
    let read = || {
        let program = std::fs::read(PROGRAM).ok()?;
        let file = object::File::parse(&*program).ok()?;
        file.build_id().ok()??.try_into().ok()
    };
    read().unwrap_or_default()
}

/// Returns the main ID register of the first core, which AArch64 has in the place of CPUID; 0
/// where the kernel does not tell it.
pub(crate) fn cpuid(root: &Path) -> u32 {
    let text = std::fs::read_to_string(root.join(MIDR)).unwrap_or_default();
    let digits = text.trim().trim_start_matches("0x");
    // Its upper half is reserved.
    u64::from_str_radix(digits, 16).map_or(0, |midr| midr as u32)
}

/// Returns the front of the module's serial number, zeros where there is none.
pub(crate) fn uid(root: &Path) -> [u8; 16] {
    let mut uid = [0; 16];
    let serial = std::fs::read(root.join(SERIAL)).unwrap_or_default();
    for (place, byte) in uid.iter_mut().zip(serial.iter().filter(|&&byte| byte != 0)) {
        *place = *byte;
    }
    uid
}

/// Returns the mode bits of FPCR as arithmetic shows them; reading the register is no safe code.
pub(crate) fn float_flags() -> u32 {
    let add = |a: f32, b: f32| black_box(black_box(a) + black_box(b));
    // Less than half of the last bit of 1.
    let little = f32::EPSILON / 8.0;
    let up = add(1.0, little) > 1.0;
    let down = add(-1.0, -little) < -1.0;
    let rounding = match (up, down) {
        (true, _) => 1,
        (false, true) => 2,
        (false, false) if add(1.0, -little) < 1.0 => 3,
        (false, false) => 0,
    };
    let flushes = black_box(black_box(f32::MIN_POSITIVE) * black_box(0.5)) == 0.0;
    let payload = f32::from_bits(f32::NAN.to_bits() | 1);
    let defaults = add(payload, 1.0).to_bits() & 1 == 0;
    (rounding << ROUNDING_SHIFT)
        | if flushes { FLUSH_TO_ZERO } else { 0 }
        | if defaults { DEFAULT_NAN } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_float_mode_is_that_of_the_number_contract() {
        assert_eq!(float_flags(), 0);
    }

    #[test]
    fn registers_and_serial_numbers_are_read() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!((cpuid(root.path()), uid(root.path())), (0, [0; 16]));
        for (file, text) in [(MIDR, "0x00000000410fd421\n"), (SERIAL, "1421123\0")] {
            let file = root.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        assert_eq!(cpuid(root.path()), 0x410f_d421);
        assert_eq!(&uid(root.path())[..8], b"1421123\0");
    }
}
