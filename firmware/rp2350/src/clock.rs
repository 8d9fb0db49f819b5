//! Clocks, from a crystal of 12 MHz.

use rp_pac::clocks::vals::{ClkPeriCtrlAuxsrc, ClkRefCtrlSrc, ClkSysCtrlAuxsrc, ClkSysCtrlSrc};
use rp_pac::resets::regs::Peripherals;
use rp_pac::xosc::vals::{CtrlFreqRange, Enable};
use rp_pac::{CLOCKS, PLL_SYS, RESETS, XOSC};

/// Clock of the core and of the UART.
pub(crate) const CLOCK_HZ: u32 = 150_000_000;

/// Start-up delay of the crystal in units of 256 of its periods: a millisecond.
const CRYSTAL_DELAY: u16 = 47;

/// Takes core and peripherals to [`CLOCK_HZ`]. Source: datasheet, sections 8.1, 8.2 and 8.6.
pub(crate) fn start() {
    XOSC.ctrl()
        .write(|w| w.set_freq_range(CtrlFreqRange::_1_15MHZ));
    XOSC.startup().write(|w| w.set_delay(CRYSTAL_DELAY));
    XOSC.ctrl().modify(|w| w.set_enable(Enable::ENABLE));
    while !XOSC.status().read().stable() {}

    CLOCKS
        .clk_ref_ctrl()
        .modify(|w| w.set_src(ClkRefCtrlSrc::XOSC_CLKSRC));
    // One bit for each source.
    while CLOCKS.clk_ref_selected().read().0 != 1 << ClkRefCtrlSrc::XOSC_CLKSRC as u8 {}
    CLOCKS
        .clk_sys_ctrl()
        .modify(|w| w.set_src(ClkSysCtrlSrc::CLK_REF));
    while CLOCKS.clk_sys_selected().read().0 != 1 << ClkSysCtrlSrc::CLK_REF as u8 {}

    start_pll();
    CLOCKS.clk_sys_ctrl().modify(|w| {
        w.set_auxsrc(ClkSysCtrlAuxsrc::CLKSRC_PLL_SYS);
    });
    CLOCKS
        .clk_sys_ctrl()
        .modify(|w| w.set_src(ClkSysCtrlSrc::CLKSRC_CLK_SYS_AUX));
    while CLOCKS.clk_sys_selected().read().0 != 1 << ClkSysCtrlSrc::CLKSRC_CLK_SYS_AUX as u8 {}
    CLOCKS.clk_peri_ctrl().write(|w| {
        w.set_auxsrc(ClkPeriCtrlAuxsrc::CLK_SYS);
        w.set_enable(true);
    });
}

/// Starts the PLL: 12 MHz * 125 / 5 / 2.
fn start_pll() {
    RESETS.reset().modify(|w| w.set_pll_sys(true));
    release(|w| w.set_pll_sys(true));
    PLL_SYS.cs().write(|w| w.set_refdiv(1));
    PLL_SYS.fbdiv_int().write(|w| w.set_fbdiv_int(125));
    PLL_SYS.pwr().modify(|w| {
        w.set_pd(false);
        w.set_vcopd(false);
    });
    while !PLL_SYS.cs().read().lock() {}
    PLL_SYS.prim().write(|w| {
        w.set_postdiv1(5);
        w.set_postdiv2(2);
    });
    PLL_SYS.pwr().modify(|w| w.set_postdivpd(false));
}

/// Takes peripherals out of reset, and waits until they are.
pub(crate) fn release(choose: impl FnOnce(&mut Peripherals)) {
    let mut chosen = Peripherals(0);
    choose(&mut chosen);
    RESETS.reset().modify(|w| w.0 &= !chosen.0);
    while RESETS.reset_done().read().0 & chosen.0 != chosen.0 {}
}
