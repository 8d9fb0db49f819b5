//! The line: UART 0, whose DMA fills a ring for ever. What was read of it is all that is kept count of.

use core::sync::atomic::{AtomicU8, AtomicU32, Ordering, fence};

use mambalite_firmware_app::WINDOW_BYTES;
use rp_pac::dma::vals::{DataSize, TransCountMode, TreqSel};
use rp_pac::{DMA, UART0};

use crate::clock::CLOCK_HZ;

const BAUD: u32 = 115_200;
/// Bits of an address in the ring: it has 4096 bytes.
const RING_BITS: u8 = 12;
const RING_BYTES: usize = 1 << RING_BITS;
const _: () = assert!(RING_BYTES >= 2 * WINDOW_BYTES as usize);

/// Channel of the DMA.
const CHANNEL: usize = 0;

/// The DMA goes around addresses that differ in their lowest bits only.
#[repr(align(4096))]
struct Ring([AtomicU8; RING_BYTES]);

static RING: Ring = Ring([const { AtomicU8::new(0) }; RING_BYTES]);
/// Place of the next byte to read.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// Sets the UART up for 8 bits without parity, and the DMA of what it receives. Both are out of reset.
pub(crate) fn start() {
    // 64ths of the divider, rounded.
    let divider = (8 * CLOCK_HZ / BAUD + 1) / 2;
    UART0
        .uartibrd()
        .write(|w| w.set_baud_divint((divider >> 6) as u16));
    UART0
        .uartfbrd()
        .write(|w| w.set_baud_divfrac((divider & 0x3f) as u8));
    UART0.uartlcr_h().write(|w| {
        w.set_wlen(0b11);
        w.set_fen(true);
    });
    UART0.uartdmacr().write(|w| w.set_rxdmae(true));
    UART0.uartcr().write(|w| {
        w.set_uarten(true);
        w.set_txe(true);
        w.set_rxe(true);
    });
    start_dma();
}

fn start_dma() {
    let channel = DMA.ch(CHANNEL);
    let data = UART0.uartdr().as_ptr().expose_provenance();
    channel.read_addr().write_value(data as u32);
    let ring = RING.0.as_ptr().expose_provenance();
    channel.write_addr().write_value(ring as u32);
    channel.trans_count().write(|w| {
        w.set_mode(TransCountMode::ENDLESS);
        w.set_count(1);
    });
    channel.ctrl_trig().write(|w| {
        w.set_data_size(DataSize::SIZE_BYTE);
        w.set_incr_write(true);
        w.set_ring_sel(true);
        w.set_ring_size(RING_BITS);
        w.set_treq_sel(TreqSel::UART0_RX);
        // To itself: to no other.
        w.set_chain_to(CHANNEL as u8);
        w.set_en(true);
    });
}

/// Returns the byte that has waited longest. Bytes beyond the ring would overwrite it; the protocol
/// sends fewer.
pub(crate) fn read() -> Option<u8> {
    let next = NEXT.load(Ordering::Relaxed);
    let place = next as usize % RING_BYTES;
    let filled = DMA.ch(CHANNEL).write_addr().read() as usize % RING_BYTES;
    if place == filled {
        return None;
    }
    // The byte was there before the DMA went on.
    fence(Ordering::SeqCst);
    NEXT.store(next.wrapping_add(1), Ordering::Relaxed);
    Some(RING.0[place].load(Ordering::Relaxed))
}

/// Sends a byte if there is room; returns whether there was.
pub(crate) fn write(byte: u8) -> bool {
    let has_room = !UART0.uartfr().read().txff();
    if has_room {
        UART0.uartdr().write(|w| w.set_data(byte));
    }
    has_room
}
