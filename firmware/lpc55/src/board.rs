//! A board with an LPC55S69 behind the trait of bare boards: the LPCXpresso55S69 and those wired as it.

#![expect(unsafe_code, reason = "registers of the chip, and its number in flash")]

use core::ptr::with_exposed_provenance;

use lpc55_pac::{GPIO, IOCON, Interrupt, SYSCON, gpio, iocon, syscon};
use mambalite_firmware_bare::{self as bare, Board};
use mambalite_firmware_serial::Serial;

use crate::usart::{self, Usart};

/// Where the chip has its number.
const NUMBER: usize = 0x0009_fc70;
/// The gate: PIO1_9.
const GATE_PORT: usize = 1;
const GATE: u32 = 1 << 9;

static LINE: Serial<Usart> = Serial::new();

/// A board.
#[derive(Debug)]
pub struct Lpc55 {
    _started: (),
}

impl Lpc55 {
    /// Sets clocks, pins and USART up: PIO0_29 to the chip, PIO0_30 from it, PIO1_9 the gate.
    pub fn start() -> Self {
        start_clocks();
        let pins = pins();
        pins.pio0_29
            .write(|w| w.func().alt1().mode().pull_up().digimode().digital());
        pins.pio0_30.write(|w| w.func().alt1().digimode().digital());
        pins.pio1_9.write(|w| w.func().alt0().digimode().digital());
        drive_gate(false);
        // SAFETY: one bit for each pin.
        ports().dirset[GATE_PORT].write(|w| unsafe { w.bits(GATE) });
        LINE.open(usart::start());
        bare::unmask(Interrupt::FLEXCOMM0);
        Self { _started: () }
    }
}

/// Takes core and Flexcomm 0 to 12 MHz, and what is used out of reset.
fn start_clocks() {
    let system = system();
    system.mainclksela.write(|w| w.sel().enum_0x0());
    system.mainclkselb.write(|w| w.sel().enum_0x0());
    system
        .ahbclkctrl0
        .modify(|_, w| w.iocon().set_bit().gpio0().set_bit().gpio1().set_bit());
    system.ahbclkctrl1.modify(|_, w| w.fc0().set_bit());
    system
        .presetctrl0
        .modify(|_, w| w.iocon_rst().clear_bit().gpio1_rst().clear_bit());
    system.presetctrl1.modify(|_, w| w.fc0_rst().clear_bit());
    system.fcclksel0().write(|w| w.sel().enum_0x2());
}

fn drive_gate(high: bool) {
    let ports = ports();
    if high {
        // SAFETY: one bit for each pin.
        ports.set[GATE_PORT].write(|w| unsafe { w.bits(GATE) });
    } else {
        // SAFETY: one bit for each pin.
        ports.clr[GATE_PORT].write(|w| unsafe { w.bits(GATE) });
    }
}

/// Takes what the line has received: the handler of the interrupt of Flexcomm 0.
pub fn receive() {
    LINE.on_interrupt();
}

impl Board for Lpc55 {
    const CLOCK_HZ: u32 = 12_000_000;

    fn read(&mut self) -> Option<u8> {
        LINE.read()
    }

    fn write(&mut self, byte: u8) -> bool {
        LINE.write(byte)
    }

    fn wait(&mut self) {
        LINE.wait();
    }

    fn uid(&self) -> [u8; 16] {
        // SAFETY: 16 bytes of the flash that the factory has written.
        unsafe { with_exposed_provenance::<[u8; 16]>(NUMBER).read_volatile() }
    }

    fn gate(&mut self, on: bool) {
        drive_gate(on);
    }

    fn last_words(byte: u8) {
        LINE.write_now(byte);
    }
}

fn system() -> &'static syscon::RegisterBlock {
    // SAFETY: they are there for ever; only the start uses them.
    unsafe { &*SYSCON::ptr() }
}

fn pins() -> &'static iocon::RegisterBlock {
    // SAFETY: they are there for ever; only the start uses them.
    unsafe { &*IOCON::ptr() }
}

fn ports() -> &'static gpio::RegisterBlock {
    // SAFETY: they are there for ever; setting and clearing need no reading before.
    unsafe { &*GPIO::ptr() }
}
