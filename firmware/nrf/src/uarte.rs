//! The UART with DMA, a byte at a time: no DMA of it fills a ring.
//!
//! The next byte is received to the place of the last one, so that an interrupt has the time of a
//! byte, 87 microseconds, to take it.

use core::sync::atomic::{AtomicBool, AtomicU8, Ordering, fence};

use mambalite_firmware_serial::Uart;
use nrf_pac::shared::regs::Psel;
use nrf_pac::shared::vals::Connect;
use nrf_pac::uarte::vals::{Baudrate, Enable};

use crate::board::Pin;
use crate::chip::UARTE0;

/// Where the DMA puts a byte, and takes one from.
static RECEIVED: AtomicU8 = AtomicU8::new(0);
static SENT: AtomicU8 = AtomicU8::new(0);
/// Whether a byte was ever sent, of which the DMA tells when it is out.
static HAS_SENT: AtomicBool = AtomicBool::new(false);

/// The UART, set up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Uarte;

/// Sets the UART up for 115,200 baud and 8 bits without parity, with its receive interrupt.
pub(crate) fn start(transmit: Pin, receive: Pin) -> Uarte {
    let address = |byte: &'static AtomicU8| byte.as_ptr().expose_provenance() as u32;
    UARTE0.psel().txd().write_value(selected(transmit));
    UARTE0.psel().rxd().write_value(selected(receive));
    UARTE0
        .baudrate()
        .write(|w| w.set_baudrate(Baudrate::Baud115200));
    UARTE0.enable().write(|w| w.set_enable(Enable::Enabled));
    let dma = UARTE0.dma();
    dma.rx().ptr().write_value(address(&RECEIVED));
    dma.rx().maxcnt().write(|w| w.set_maxcnt(1));
    dma.tx().ptr().write_value(address(&SENT));
    dma.tx().maxcnt().write(|w| w.set_maxcnt(1));
    UARTE0.shorts().write(|w| w.set_endrx_startrx(true));
    UARTE0.intenset().write(|w| w.set_dmarxend(true));
    UARTE0.tasks_dma().rx().start().write_value(1);
    Uarte
}

fn selected(pin: Pin) -> Psel {
    let mut psel = Psel(0);
    psel.set_port(pin.port == 1);
    psel.set_pin(pin.number);
    psel.set_connect(Connect::Connected);
    psel
}

impl Uart for Uarte {
    fn receive(self) -> Option<u8> {
        let end = UARTE0.events_dma().rx().end();
        if end.read() == 0 {
            return None;
        }
        end.write_value(0);
        fence(Ordering::SeqCst);
        Some(RECEIVED.load(Ordering::Relaxed))
    }

    fn send(self, byte: u8) -> bool {
        let end = UARTE0.events_dma().tx().end();
        if HAS_SENT.load(Ordering::Relaxed) && end.read() == 0 {
            return false;
        }
        end.write_value(0);
        SENT.store(byte, Ordering::Relaxed);
        HAS_SENT.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        UARTE0.tasks_dma().tx().start().write_value(1);
        true
    }
}
