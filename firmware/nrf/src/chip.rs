//! What the chips differ in.

#[cfg(feature = "nrf52840")]
pub(crate) use nrf_pac::{CLOCK, Interrupt::UARTE0 as INTERRUPT, P0, P1, UARTE0};
#[cfg(feature = "nrf5340")]
pub(crate) use nrf_pac::{
    CLOCK_S as CLOCK, Interrupt::SERIAL0 as INTERRUPT, P0_S as P0, P1_S as P1, UARTE0_S as UARTE0,
};

/// Clock of the core, hertz.
#[cfg(feature = "nrf52840")]
pub(crate) const CLOCK_HZ: u32 = 64_000_000;
#[cfg(feature = "nrf5340")]
pub(crate) const CLOCK_HZ: u32 = 128_000_000;

/// Starts the crystal, which the rate of the line needs, and the cache; takes the core to its full
/// clock.
pub(crate) fn start_clock() {
    CLOCK.events_hfclkstarted().write_value(0);
    CLOCK.tasks_hfclkstart().write_value(1);
    while CLOCK.events_hfclkstarted().read() == 0 {}
    #[cfg(feature = "nrf52840")]
    nrf_pac::NVMC.icachecnf().modify(|w| w.set_cacheen(true));
    #[cfg(feature = "nrf5340")]
    {
        use nrf_pac::clock::vals::Hclk;
        CLOCK.hfclkctrl().write(|w| w.set_hclk(Hclk::Div1));
        nrf_pac::CACHE_S.enable().write(|w| w.set_enable(true));
    }
}

/// Returns the chip's number of 64 bits, and zeros behind it.
pub(crate) fn uid() -> [u8; 16] {
    #[cfg(feature = "nrf52840")]
    let word = |n| nrf_pac::FICR.deviceid(n).read();
    #[cfg(feature = "nrf5340")]
    let word = |n| nrf_pac::FICR_S.info().deviceid(n).read();
    let number = u128::from(word(0)) | u128::from(word(1)) << 32;
    number.to_le_bytes()
}
