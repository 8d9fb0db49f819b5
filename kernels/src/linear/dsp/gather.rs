//! Where the matrix product finds its inputs: those of a few pixels, widened and interleaved.

#![expect(unsafe_code, reason = "inner loops in assembly, raw rows")]

use core::arch::asm;

use super::{GROUP, Taps};

/// An input of a product.
pub(super) trait Input: Copy + Default + 'static {
    /// Returns the integer as it is multiplied.
    fn widen(self) -> i16;

    /// Puts the groups of inputs of an even number of pixels where [`place`] says, at least one
    /// of two.
    ///
    /// # Safety
    /// `shape` counts groups and pixels, below 2^15 each. `x` points to so many groups of inputs,
    /// as many `stride` bytes further on, and so forth; `out` to an aligned place for them all.
    unsafe fn gather(x: *const Self, stride: usize, shape: (usize, usize), out: *mut i16);
}

/// Takes two pixels at a time, and of them the groups one after another, each by `$group`: from
/// `{x}` and `{stride}` bytes further on to r0 to r3.
macro_rules! pairs {
    ($group:literal, ($x:expr, $stride:expr, $shape:expr, $out:expr), $($operand:tt)*) => {
        asm!(
            "2:",
            "uxth {count}, {shape}",
            "3:",
            $group,
            "stm {out}, {{r0-r3}}",
            "add {out}, {step}",
            "subs {count}, #1",
            "bne 3b",
            // Back to the first group, and on to the next two pixels.
            "uxth r0, {shape}",
            "mls {out}, r0, {step}, {out}",
            "add {out}, #16",
            "sub {x}, {x}, r0, lsl #{bits}",
            "add {x}, {x}, {stride}, lsl #1",
            "subs {shape}, #0x10000",
            "bhs 2b",
            x = inout(reg) $x => _, stride = in(reg) $stride, out = inout(reg) $out => _,
            shape = inout(reg) $shape.0 | ($shape.1 / 2 - 1) << 16 => _,
            step = in(reg) $shape.1 * GROUP * size_of::<i16>(), count = out(reg) _,
            bits = const (GROUP * size_of::<Self>()).trailing_zeros(),
            $($operand)*
            out("r0") _, out("r1") _, out("r2") _, out("r3") _,
            options(nostack),
        )
    };
}

impl Input for i8 {
    fn widen(self) -> i16 {
        i16::from(self) << 8
    }

    unsafe fn gather(x: *const Self, stride: usize, shape: (usize, usize), out: *mut i16) {
        // SAFETY: reads four bytes of two pixels and writes sixteen for each group, all of which
        // the caller says are there; there is at least one.
        unsafe {
            pairs!(
                "ldr r3, [{x}, {stride}]
                 ldr r1, [{x}], #4
                 and r2, {upper}, r3, lsl #8
                 and r3, {upper}, r3
                 and r0, {upper}, r1, lsl #8
                 and r1, {upper}, r1",
                (x, stride, shape, out),
                upper = in(reg) 0xff00_ff00_u32,
            );
        }
    }
}

impl Input for i16 {
    fn widen(self) -> i16 {
        self
    }

    unsafe fn gather(x: *const Self, stride: usize, shape: (usize, usize), out: *mut i16) {
        // SAFETY: reads eight bytes of two pixels and writes sixteen for each group, all of which
        // the caller says are there; there is at least one.
        unsafe {
            pairs!(
                "ldr r3, [{x}, {stride}]
                 ldr r1, [{x}], #4
                 ldr r8, [{x}, {stride}]
                 pkhbt r2, r3, r8, lsl #16
                 pkhtb r3, r8, r3, asr #16
                 ldr r8, [{x}], #4
                 pkhbt r0, r1, r8, lsl #16
                 pkhtb r1, r8, r1, asr #16",
                (x, stride, shape, out),
                out("r8") _,
            );
        }
    }
}

/// Inputs that are missing before the first so that all fill groups.
pub(super) fn padding(inputs: usize) -> usize {
    inputs.wrapping_neg() % GROUP
}

/// Returns the place of an input of a pixel among those of `pixels` pixels; `slot` counts from
/// [`padding`]. SXTB16 widens every other byte of a word of weights, and LDM loads a group of two
/// pixels.
fn place(slot: usize, pixel: usize, pixels: usize) -> usize {
    let (group, in_group) = (slot / GROUP, slot % GROUP);
    (group * pixels + pixel) * GROUP + (in_group % 2) * 2 + in_group / 2
}

/// Gathers the inputs of `n` pixels of `taps` from pixel `first` on, an even number; where there
/// is one only, it stands for two. Inputs that no piece holds are left.
pub(super) fn gather<X: Input>(
    taps: &Taps<'_, X>,
    (first, n): (usize, usize),
    padding: usize,
    x: &mut [i16],
) {
    let stride = match first + 1 < taps.pixels() {
        true => taps.stride(),
        false => 0,
    };
    for piece in taps.pieces() {
        let slot = piece.k + padding;
        // Whole groups, after the inputs before the first of them.
        let before = (slot.wrapping_neg() % GROUP).min(piece.len);
        let groups = (piece.len - before) / GROUP;
        let after = before + groups * GROUP;
        let row = first * taps.stride();
        let end = row + (n - 1) * stride + piece.len;
        if piece.x.len() < end || x.len() < place(slot + after, 0, n) {
            return;
        }
        if groups > 0 {
            let from = piece.x.as_ptr().wrapping_add(row + before);
            let to = x.as_mut_ptr().wrapping_add(place(slot + before, 0, n));
            // SAFETY: all rows hold `groups` groups after `before` inputs, and `x` the places of
            // all pixels up to the end of the last group, as just checked, which begin a multiple
            // of eight bytes after an aligned one.
            unsafe { X::gather(from, stride * size_of::<X>(), (groups, n), to) };
        }
        if before == 0 && after == piece.len {
            continue;
        }
        for i in (0..before).chain(after..piece.len) {
            let at = place(slot + i, 0, n);
            for pixel in 0..n {
                let value = piece.x.get(row + pixel * stride + i);
                if let (Some(x), Some(value)) = (x.get_mut(at + pixel * GROUP), value) {
                    *x = value.widen();
                }
            }
        }
    }
}
