//! Pins, of the GPIO that all families since the F2 have.

use crate::pac::gpio::Gpio;
use crate::pac::gpio::vals::{Moder, Pupdr};

/// A pin: its port and its number there.
#[derive(Clone, Copy)]
pub struct Pin(pub Gpio, pub usize);

impl Pin {
    /// Connects the pin to a peripheral by the number of its alternate function. A line that nobody
    /// drives is high.
    pub(crate) fn connect(self, function: u8) {
        let Self(port, n) = self;
        port.afr(n / 8).modify(|w| w.set_afr(n % 8, function));
        port.pupdr().modify(|w| w.set_pupdr(n, Pupdr::PULL_UP));
        port.moder().modify(|w| w.set_moder(n, Moder::ALTERNATE));
    }

    /// Makes an output of the pin, at first low.
    pub(crate) fn make_output(self) {
        self.drive(false);
        let Self(port, n) = self;
        port.moder().modify(|w| w.set_moder(n, Moder::OUTPUT));
    }

    /// Drives an output.
    pub(crate) fn drive(self, high: bool) {
        let Self(port, n) = self;
        port.bsrr().write(|w| {
            w.set_bs(n, high);
            w.set_br(n, !high);
        });
    }
}
