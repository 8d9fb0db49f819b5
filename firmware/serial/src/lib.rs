//! The line of a board over a UART without a buffer: what an interrupt receives waits in a ring.
//!
//! While the network computes nobody reads, for seconds. Every chip's UART is a [`Uart`] in a few
//! lines; the handler of its receive interrupt calls [`Serial::on_interrupt`].

#![cfg_attr(not(test), no_std)]

use core::cell::{Cell, RefCell};

use critical_section::Mutex;
use heapless::Deque;
use mambalite_firmware_app::WINDOW_BYTES;

/// Bytes that wait: a window of the protocol, and as much again for its frames.
pub const RING_BYTES: usize = 2 * WINDOW_BYTES as usize;

/// The registers of a UART that is set up.
pub trait Uart: Copy {
    /// Takes a received byte, `None` when there is none. A byte lost to an overrun is that: the
    /// frame that it was of is asked for again.
    fn receive(self) -> Option<u8>;

    /// Sends a byte if there is room; returns whether there was.
    fn send(self, byte: u8) -> bool;
}

/// A UART, shared between the program and the handler of its interrupt.
pub struct Serial<U> {
    uart: Mutex<Cell<Option<U>>>,
    received: Mutex<RefCell<Deque<u8, RING_BYTES>>>,
}

impl<U: Uart> Serial<U> {
    /// Makes a line without a UART: nothing comes, and what is written is lost.
    #[expect(clippy::new_without_default, reason = "it belongs into a static")]
    pub const fn new() -> Self {
        Self {
            uart: Mutex::new(Cell::new(None)),
            received: Mutex::new(RefCell::new(Deque::new())),
        }
    }

    /// Begins to use a UART that is set up.
    pub fn open(&self, uart: U) {
        critical_section::with(|section| self.uart.borrow(section).set(Some(uart)));
    }

    /// Takes what the UART has received: called by the handler of its interrupt, which that ends. A
    /// byte that finds the ring full is lost.
    pub fn on_interrupt(&self) {
        critical_section::with(|section| {
            let mut received = self.received.borrow_ref_mut(section);
            while let Some(byte) = self.uart.borrow(section).get().and_then(Uart::receive) {
                let _ = received.push_back(byte);
            }
        });
    }

    /// Returns the byte that has waited longest.
    pub fn read(&self) -> Option<u8> {
        critical_section::with(|section| self.received.borrow_ref_mut(section).pop_front())
    }

    /// Sends a byte if there is room; returns whether there was.
    pub fn write(&self, byte: u8) -> bool {
        let uart = critical_section::with(|section| self.uart.borrow(section).get());
        uart.is_none_or(|uart| uart.send(byte))
    }

    /// Sends a byte, and waits for room.
    pub fn write_now(&self, byte: u8) {
        while !self.write(byte) {}
    }

    /// Sleeps until an interrupt, unless a byte waits.
    ///
    /// Interrupts are masked from the look to the sleep: one that comes between ends the sleep, and
    /// its handler runs behind it.
    pub fn wait(&self) {
        critical_section::with(|section| {
            if self.received.borrow_ref(section).is_empty() {
                sleep();
            }
        });
    }
}

#[cfg(target_arch = "arm")]
use cortex_m::asm::wfi as sleep;

#[cfg(not(target_arch = "arm"))]
use core::hint::spin_loop as sleep;

#[cfg(test)]
mod tests {
    use super::*;

    /// A UART that has received bytes, and has room for some.
    #[derive(Debug, Clone, Copy)]
    struct Fake<'a> {
        received: &'a RefCell<Vec<u8>>,
        sent: &'a RefCell<Vec<u8>>,
        room: usize,
    }

    impl Uart for Fake<'_> {
        fn receive(self) -> Option<u8> {
            let mut received = self.received.borrow_mut();
            (!received.is_empty()).then(|| received.remove(0))
        }

        fn send(self, byte: u8) -> bool {
            let mut sent = self.sent.borrow_mut();
            let has_room = sent.len() < self.room;
            if has_room {
                sent.push(byte);
            }
            has_room
        }
    }

    /// Runs a check on a line whose UART has received bytes; returns those that it sent.
    fn with_received(bytes: &[u8], check: impl FnOnce(&Serial<Fake<'_>>)) -> Vec<u8> {
        let (received, sent) = (RefCell::new(bytes.to_vec()), RefCell::default());
        let serial = Serial::new();
        serial.open(Fake {
            received: &received,
            sent: &sent,
            room: 2,
        });
        check(&serial);
        drop(serial);
        sent.into_inner()
    }

    #[test]
    fn bytes_wait_in_order_until_they_are_read() {
        with_received(&[1, 2, 3], |serial| {
            assert_eq!(serial.read(), None, "no interrupt has come");
            serial.on_interrupt();
            serial.wait();
            let read: Vec<_> = core::iter::from_fn(|| serial.read()).collect();
            assert_eq!(read, [1, 2, 3]);
        });
    }

    #[test]
    fn a_window_and_its_frames_wait_and_more_is_lost() {
        let bytes: Vec<_> = (0..RING_BYTES + 5).map(|i| i as u8).collect();
        with_received(&bytes, |serial| {
            serial.on_interrupt();
            let read: Vec<_> = core::iter::from_fn(|| serial.read()).collect();
            assert_eq!(read, bytes[..RING_BYTES]);
        });
    }

    #[test]
    fn a_byte_without_room_is_told() {
        let sent = with_received(&[], |serial| {
            serial.write_now(7);
            assert_eq!((serial.write(8), serial.write(9)), (true, false));
        });
        assert_eq!(sent, [7, 8]);
    }

    #[test]
    fn a_line_without_a_uart_holds_nothing_up() {
        let serial = Serial::<Fake<'_>>::new();
        serial.on_interrupt();
        assert_eq!((serial.write(1), serial.read()), (true, None));
    }
}
