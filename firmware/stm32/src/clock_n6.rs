//! Clocks of the N6, from the chip's own oscillator: no crystal is needed.

use crate::pac::RCC;
use crate::pac::rcc::vals::{Cpusw, Cpusws, Syssw, Syssws, Uart16910sel};

/// Takes core and buses to the 64 MHz of the oscillator, whatever the boot ROM has left, and USART1
/// too. The full clock, 600 MHz and more, needs the voltage of the core set first.
///
/// Source: RM0486, chapter 14.
pub fn start_64_mhz() {
    RCC.cfgr().modify(|w| {
        w.set_cpusw(Cpusw::HSI);
        w.set_syssw(Syssw::HSI);
    });
    while RCC.cfgr().read().cpusws() != Cpusws::HSI {}
    while RCC.cfgr().read().syssws() != Syssws::HSI {}
    RCC.ccipr13()
        .modify(|w| w.set_usart1sel(Uart16910sel::HSI_DIV));
}
