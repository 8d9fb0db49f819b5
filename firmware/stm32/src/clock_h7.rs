//! Clocks and caches of the H7, from the chip's own oscillator: no crystal is needed.

#![expect(unsafe_code, reason = "the registers of the caches, at start-up")]

use cortex_m::Peripherals;

use crate::pac::pwr::vals::Vos;
use crate::pac::rcc::vals::{Hpre, Plldiv, Pllm, Plln, Pllrge, Pllsrc, Pllvcosel, Ppre, Sw};
use crate::pac::{FLASH, PWR, RCC};

/// Wait states and programming delay of the flash at an AXI clock of 200 MHz.
const FLASH_WAITS: u8 = 2;

/// Takes the core of an H743 to 400 MHz, its buses to 200 MHz and all APBs to 100 MHz, from the
/// 64 MHz after reset, and enables both caches: no DMA is in use. 480 MHz need a supply that not
/// every board and revision has.
///
/// Source: RM0433, sections 4.3.8 (wait states), 6.6.2 (voltage) and 8.5.
pub fn start_400_mhz() {
    // Written once after power is there; later writes change nothing.
    PWR.cr3().modify(|w| {
        w.set_bypass(false);
        w.set_ldoen(true);
        w.set_scuen(true);
    });
    while !PWR.csr1().read().actvosrdy() {}
    PWR.d3cr().modify(|w| w.set_vos(Vos::SCALE1));
    while !PWR.d3cr().read().vosrdy() {}
    FLASH.acr().modify(|w| {
        w.set_latency(FLASH_WAITS);
        w.set_wrhighfreq(FLASH_WAITS);
    });
    while FLASH.acr().read().latency() != FLASH_WAITS {}
    divide_buses();
    start_pll();
    RCC.cfgr().modify(|w| w.set_sw(Sw::PLL1_P));
    while RCC.cfgr().read().sws() != Sw::PLL1_P {}
    start_caches();
}

/// Sets what divides the core's clock for the buses.
fn divide_buses() {
    RCC.d1cfgr().modify(|w| {
        w.set_d1cpre(Hpre::DIV1);
        w.set_hpre(Hpre::DIV2);
        w.set_d1ppre(Ppre::DIV2);
    });
    RCC.d2cfgr().modify(|w| {
        w.set_d2ppre1(Ppre::DIV2);
        w.set_d2ppre2(Ppre::DIV2);
    });
    RCC.d3cfgr().modify(|w| w.set_d3ppre(Ppre::DIV2));
}

/// Starts the first PLL: 64 MHz / 4 * 50 / 2.
fn start_pll() {
    RCC.pllckselr().modify(|w| {
        w.set_pllsrc(Pllsrc::HSI);
        w.set_divm(0, Pllm::DIV4);
    });
    RCC.pllcfgr().modify(|w| {
        w.set_pllrge(0, Pllrge::RANGE8);
        w.set_pllvcosel(0, Pllvcosel::WIDE_VCO);
        w.set_divpen(0, true);
    });
    RCC.plldivr(0).modify(|w| {
        w.set_plln(Plln::MUL50);
        w.set_pllp(Plldiv::DIV2);
    });
    RCC.cr().modify(|w| w.set_pllon(0, true));
    while !RCC.cr().read().pllrdy(0) {}
}

/// Enables the caches of the core.
fn start_caches() {
    // SAFETY: called once at start-up; nothing else uses the cache maintenance of the core.
    let Peripherals {
        mut SCB, mut CPUID, ..
    } = unsafe { Peripherals::steal() };
    SCB.enable_icache();
    SCB.enable_dcache(&mut CPUID);
}
