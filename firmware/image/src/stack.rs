//! The stack and the most that was ever used of it.

#![expect(unsafe_code, reason = "symbols of the linker script")]

use core::ptr::addr_of;

/// What the stack is filled with before `main` runs.
pub const STACK_PAINT: u32 = 0xcccc_cccc;

unsafe extern "C" {
    /// Lowest word of the stack.
    static _stack_end: u32;
    /// Word after the stack, where it starts to grow downwards.
    static _stack_start: u32;
}

/// Returns the size of the stack in bytes.
pub fn stack_bytes() -> u32 {
    address(addr_of!(_stack_start)) - address(addr_of!(_stack_end))
}

/// Returns the most bytes of the stack in use at any time since reset.
///
/// The stack is painted before `main` runs; the lowest word that lost its paint is the mark. A
/// function that reserves space without writing to it is not seen.
pub fn stack_used_bytes() -> u32 {
    let end = addr_of!(_stack_end);
    let words = (stack_bytes() / 4) as usize;
    let untouched = (0..words).take_while(|&index| {
        // SAFETY: the word lies between the two symbols, inside the stack.
        let word = unsafe { end.add(index) };
        // SAFETY: the stack is RAM; the read is volatile, since the compiler knows no object here.
        let paint = unsafe { word.read_volatile() };
        paint == STACK_PAINT
    });
    stack_bytes() - 4 * u32::try_from(untouched.count()).unwrap_or(0)
}

/// Returns words of the stack and their addresses, from the one at `address` upwards.
///
/// An address outside the stack is taken for the nearest inside: after an overflow that is the
/// lowest word. Beyond the last word come the variables, so that every word there is can be read.
pub fn stack_words(from: u32) -> impl Iterator<Item = (u32, u32)> {
    let (end, start) = (addr_of!(_stack_end), addr_of!(_stack_start));
    let from = from.clamp(address(end), address(start));
    let first = ((from - address(end)) / 4) as usize;
    (first..).map(move |index| {
        let place = end.wrapping_add(index);
        // SAFETY: the stack and the variables behind it are RAM, and the callers stop long before
        // its end; the read is volatile, since the compiler knows no object here.
        (address(place), unsafe { place.read_volatile() })
    })
}

/// Returns the address a symbol stands for.
fn address(symbol: *const u32) -> u32 {
    // Addresses have 32 bits on every core this crate is built for.
    symbol as usize as u32
}
