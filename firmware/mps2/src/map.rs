//! Addresses of the board.

#![expect(unsafe_code, reason = "memory-mapped registers")]

use core::ptr::NonNull;

use mambalite_firmware_cmsdk_uart::{Registers, Uart};

/// UART 0, the wire protocol.
const UART0: *mut Registers = 0x4000_4000 as *mut Registers;
/// UART 1, the log.
const UART1: *mut Registers = 0x4000_5000 as *mut Registers;
/// FPGA I/O block: a counter of 100 Hz.
const FPGAIO_CLK100HZ: *const u32 = 0x4002_8014 as *const u32;
/// System configuration: number and revision of the application note.
const SCC_AID: *const u32 = 0x4002_fff8 as *const u32;
/// System configuration: id of the FPGA image.
const SCC_ID: *const u32 = 0x4002_fffc as *const u32;

/// Milliseconds of one count of the 100 Hz counter.
const CLK100HZ_MS: u32 = 10;

/// Takes the UART of the wire.
///
/// # Safety
/// It is taken once, or the former owner never runs again.
pub(crate) const unsafe fn wire_uart() -> Uart {
    let registers = NonNull::new(UART0).expect("an address that is not zero");
    // SAFETY: the UART is at this address on every image; the caller promises the rest.
    unsafe { Uart::new(registers) }
}

/// Takes the UART of the log.
///
/// # Safety
/// It is taken once, or the former owner never runs again.
pub(crate) const unsafe fn log_uart() -> Uart {
    let registers = NonNull::new(UART1).expect("an address that is not zero");
    // SAFETY: the UART is at this address on every image; the caller promises the rest.
    unsafe { Uart::new(registers) }
}

/// Returns the time since reset in milliseconds, in steps of ten.
pub(crate) fn uptime_ms() -> u32 {
    // SAFETY: the counter is readable at any time and reading has no effect.
    unsafe { FPGAIO_CLK100HZ.read_volatile() }.wrapping_mul(CLK100HZ_MS)
}

/// Returns the id of the FPGA image, and number and revision of its application note.
pub(crate) fn image_id() -> [u32; 2] {
    // SAFETY: the register is readable at any time and reading has no effect.
    let id = unsafe { SCC_ID.read_volatile() };
    // SAFETY: the register is readable at any time and reading has no effect.
    let note = unsafe { SCC_AID.read_volatile() };
    [id, note]
}
