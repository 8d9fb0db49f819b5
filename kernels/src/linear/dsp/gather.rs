//! Where the matrix product finds its inputs: those of a few pixels, widened and interleaved.

#![expect(unsafe_code, reason = "inner loops in assembly, raw rows")]

use core::arch::asm;

use super::{GROUP, Taps};

/// An input of a product.
pub(super) trait Input: Copy + Default + 'static {
    /// Returns the integer as it is multiplied.
    fn widen(self) -> i16;

    /// Puts `groups` groups of inputs of two pixels where [`place`] says, at least one.
    ///
    /// # Safety
    /// `x` points to `4 * groups` inputs each, `out` to an aligned place for eight numbers, and
    /// `groups - 1` times `stride` bytes further on there is one more.
    unsafe fn gather(x: [*const Self; 2], out: *mut i16, groups: usize, stride: usize);
}

impl Input for i8 {
    fn widen(self) -> i16 {
        i16::from(self) << 8
    }

    unsafe fn gather([a, b]: [*const Self; 2], out: *mut i16, groups: usize, stride: usize) {
        // SAFETY: reads four bytes of each pixel and writes sixteen in each of `groups` rounds,
        // which the caller says are there; there is at least one round.
        unsafe {
            asm!(
                "2:",
                "ldr r1, [{a}], #4",
                "ldr r3, [{b}], #4",
                "and r0, {upper}, r1, lsl #8",
                "and r1, {upper}, r1",
                "and r2, {upper}, r3, lsl #8",
                "and r3, {upper}, r3",
                "stm {out}, {{r0-r3}}",
                "add {out}, {stride}",
                "subs {groups}, #1",
                "bne 2b",
                a = inout(reg) a => _, b = inout(reg) b => _, out = inout(reg) out => _,
                groups = inout(reg) groups => _, stride = in(reg) stride,
                upper = in(reg) 0xff00_ff00_u32,
                out("r0") _, out("r1") _, out("r2") _, out("r3") _,
                options(nostack),
            );
        }
    }
}

impl Input for i16 {
    fn widen(self) -> i16 {
        self
    }

    unsafe fn gather([a, b]: [*const Self; 2], out: *mut i16, groups: usize, stride: usize) {
        // SAFETY: reads eight bytes of each pixel and writes sixteen in each of `groups` rounds,
        // which the caller says are there; there is at least one round.
        unsafe {
            asm!(
                "2:",
                "ldr r8, [{a}], #4",
                "ldr r1, [{a}], #4",
                "ldr r9, [{b}], #4",
                "ldr r3, [{b}], #4",
                "pkhbt r0, r8, r1, lsl #16",
                "pkhtb r1, r1, r8, asr #16",
                "pkhbt r2, r9, r3, lsl #16",
                "pkhtb r3, r3, r9, asr #16",
                "stm {out}, {{r0-r3}}",
                "add {out}, {stride}",
                "subs {groups}, #1",
                "bne 2b",
                a = inout(reg) a => _, b = inout(reg) b => _, out = inout(reg) out => _,
                groups = inout(reg) groups => _, stride = in(reg) stride,
                out("r0") _, out("r1") _, out("r2") _, out("r3") _, out("r8") _, out("r9") _,
                options(nostack),
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

/// Gathers the inputs of `N` pixels of `taps` from pixel `first` on; where there are fewer, the
/// last one stands for those beyond it. Inputs that no piece holds are left.
pub(super) fn gather<X: Input, const N: usize>(
    taps: &Taps<'_, X>,
    first: usize,
    padding: usize,
    x: &mut [i16],
) {
    let (last, stride) = (taps.pixels().saturating_sub(1), taps.stride());
    for piece in taps.pieces() {
        let slot = piece.k + padding;
        // Whole groups, after the inputs before the first of them.
        let before = (slot.wrapping_neg() % GROUP).min(piece.len);
        let groups = (piece.len - before) / GROUP;
        let after = before + groups * GROUP;
        let end = last * stride + piece.len;
        if piece.x.len() < end || x.len() < place(slot + after, 0, N) {
            return;
        }
        for pixel in (0..N).step_by(2) {
            let rows = [pixel, pixel + 1].map(|pixel| (first + pixel).min(last) * stride);
            if groups > 0 {
                let from = rows.map(|row| piece.x.as_ptr().wrapping_add(row + before));
                let to = x.as_mut_ptr().wrapping_add(place(slot + before, pixel, N));
                // SAFETY: both rows hold `groups` groups after `before` inputs, and `x` the places
                // of all pixels up to the end of the last group, as just checked, which begin
                // a multiple of eight bytes after an aligned one.
                unsafe { X::gather(from, to, groups, N * GROUP * size_of::<i16>()) };
            }
            let mut put = |i: usize| {
                for (row, pixel) in rows.into_iter().zip(pixel..) {
                    let (x, value) = (x.get_mut(place(slot + i, pixel, N)), piece.x.get(row + i));
                    if let (Some(x), Some(value)) = (x, value) {
                        *x = value.widen();
                    }
                }
            };
            (0..before).for_each(&mut put);
            (after..piece.len).for_each(&mut put);
        }
    }
}
