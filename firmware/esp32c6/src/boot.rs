//! What the boot ROM takes for a program, and what it leaves to end: watchdogs.

#![expect(
    unsafe_code,
    reason = "a section that the linker script places, and registers of the chip"
)]

use esp32c6::{LP_WDT, PCR, TIMG0, TIMG1, lp_wdt, pcr, timg0};

/// The ROM enters a program that begins with these two words behind them.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".header")]
static DIRECT_BOOT_HEADER: [u32; 2] = [0xaedb_041d; 2];

/// Opens the registers of a watchdog; all other values close them.
const KEY: u32 = 0x50d8_3aa1;

/// Switches off the watchdogs that the ROM starts: those of the two timer groups, that of the low-power
/// system, and the super watchdog, which feeds itself from then on.
pub(crate) fn stop_watchdogs() {
    for group in [groups().0, groups().1] {
        // SAFETY: the key.
        group.wdtwprotect().write(|w| unsafe { w.bits(KEY) });
        // SAFETY: zeros are off, in every field; the bit has the watchdog take them over.
        unsafe {
            group
                .wdtconfig0()
                .write_with_zero(|w| w.wdt_conf_update_en().set_bit());
        }
        // SAFETY: no key.
        group.wdtwprotect().write(|w| unsafe { w.bits(0) });
    }
    let low_power = low_power();
    // SAFETY: the key.
    low_power.wdtwprotect().write(|w| unsafe { w.bits(KEY) });
    // SAFETY: zeros are off, in every field.
    low_power.wdtconfig0().write(|w| unsafe { w.bits(0) });
    // SAFETY: no key.
    low_power.wdtwprotect().write(|w| unsafe { w.bits(0) });
    // SAFETY: the key.
    low_power.swd_wprotect().write(|w| unsafe { w.bits(KEY) });
    low_power
        .swd_conf()
        .modify(|_, w| w.swd_auto_feed_en().set_bit());
    // SAFETY: no key.
    low_power.swd_wprotect().write(|w| unsafe { w.bits(0) });
}

/// Takes the core to the crystal's clock, undivided; it is what the ROM runs at.
pub(crate) fn start_clock() {
    let clocks = clocks();
    clocks
        .cpu_freq_conf()
        // SAFETY: a divider of the list that the manual has for this source.
        .modify(|_, w| unsafe { w.cpu_ls_div_num().bits(0) });
    clocks
        .sysclk_conf()
        // SAFETY: the crystal, which always runs.
        .modify(|_, w| unsafe { w.soc_clk_sel().bits(0) });
}

fn groups() -> (&'static timg0::RegisterBlock, &'static timg0::RegisterBlock) {
    // SAFETY: they are there for ever; only the start uses them.
    let first = unsafe { &*TIMG0::ptr() };
    // SAFETY: as above.
    let second = unsafe { &*TIMG1::ptr() };
    (first, second)
}

fn low_power() -> &'static lp_wdt::RegisterBlock {
    // SAFETY: they are there for ever; only the start uses them.
    unsafe { &*LP_WDT::ptr() }
}

/// Returns the registers of clocks and resets.
pub(crate) fn clocks() -> &'static pcr::RegisterBlock {
    // SAFETY: they are there for ever; only the start uses them.
    unsafe { &*PCR::ptr() }
}
