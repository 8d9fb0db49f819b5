//! Clocks of the F4, from the chip's own oscillator: no crystal is needed.

use crate::pac::flash::vals::Latency;
use crate::pac::rcc::vals::{Pllm, Plln, Pllp, Pllsrc, Ppre, Sw};
use crate::pac::{FLASH, PWR, RCC};

/// Takes the core of an F446 to 180 MHz, APB1 to 45 MHz and APB2 to 90 MHz, from the 16 MHz after
/// reset.
///
/// Source: RM0390, sections 3.4 (wait states), 5.1.4 (over-drive) and 6.2.
pub fn start_180_mhz() {
    RCC.apb1enr().modify(|w| w.set_pwren(true));
    // 16 MHz / 8 * 180 / 2.
    RCC.pllcfgr().modify(|w| {
        w.set_pllsrc(Pllsrc::HSI);
        w.set_pllm(Pllm::DIV8);
        w.set_plln(Plln::MUL180);
        w.set_pllp(Pllp::DIV2);
    });
    RCC.cr().modify(|w| w.set_pllon(true));
    // Beyond 168 MHz.
    PWR.cr1().modify(|w| w.set_oden(true));
    while !PWR.csr1().read().odrdy() {}
    PWR.cr1().modify(|w| w.set_odswen(true));
    while !PWR.csr1().read().odswrdy() {}
    FLASH.acr().modify(|w| {
        w.set_latency(Latency::WS5);
        w.set_prften(true);
        w.set_icen(true);
        w.set_dcen(true);
    });
    while !RCC.cr().read().pllrdy() {}
    RCC.cfgr().modify(|w| {
        w.set_ppre1(Ppre::DIV4);
        w.set_ppre2(Ppre::DIV2);
        w.set_sw(Sw::PLL1_P);
    });
    while RCC.cfgr().read().sws() != Sw::PLL1_P {}
}
