//! Branches of Thumb code.

/// Returns the targets of the direct branches and calls of a function's code that lies at `base`,
/// each with the address of the instruction.
///
/// Constants between the instructions are taken for instructions too: what comes of them is noise,
/// which hardly ever is the address of a function.
pub(crate) fn branches(code: &[u8], base: u32) -> Vec<(u32, u32)> {
    let halves: Vec<_> = code
        .chunks_exact(2)
        .map(|bytes| u32::from(bytes[0]) | u32::from(bytes[1]) << 8)
        .collect();
    let (mut found, mut at) = (Vec::new(), 0);
    while at < halves.len() {
        let address = base.wrapping_add(2 * at as u32);
        let first = halves[at];
        let is_wide = first >> 11 >= 0b11101;
        let offset = match halves.get(at + 1) {
            Some(&second) if is_wide => wide(first, second),
            None if is_wide => None,
            _ => narrow(first),
        };
        // The program counter is two narrow instructions ahead.
        let target = offset.map(|offset| address.wrapping_add(4).wrapping_add_signed(offset));
        found.extend(target.map(|target| (address, target)));
        at += 1 + usize::from(is_wide);
    }
    found
}

/// Returns the distance of a 32-bit branch: BL, B.W, and B.W with a condition.
fn wide(first: u32, second: u32) -> Option<i32> {
    if first >> 11 != 0b11110 || second >> 15 != 1 {
        return None;
    }
    let (sign, low) = (first >> 10 & 1, second & 0x7ff);
    let (j1, j2) = (second >> 13 & 1, second >> 11 & 1);
    if second >> 12 & 1 == 1 {
        let (i1, i2) = (!(j1 ^ sign) & 1, !(j2 ^ sign) & 1);
        let bits = sign << 24 | i1 << 23 | i2 << 22 | (first & 0x3ff) << 12 | low << 1;
        return Some(signed(bits, 25));
    }
    // Condition 14 and 15 are other instructions.
    let is_branch = second >> 14 & 1 == 0 && first >> 7 & 0b111 != 0b111;
    let bits = sign << 20 | j2 << 19 | j1 << 18 | (first & 0x3f) << 12 | low << 1;
    is_branch.then(|| signed(bits, 21))
}

/// Returns the distance of a 16-bit branch.
fn narrow(half: u32) -> Option<i32> {
    match half >> 11 {
        0b11100 => Some(signed((half & 0x7ff) << 1, 12)),
        // Condition 14 and 15 are other instructions.
        0b11010 | 0b11011 if half >> 9 & 0b111 != 0b111 => Some(signed((half & 0xff) << 1, 9)),
        _ => None,
    }
}

/// Extends the sign of a number of some bits.
fn signed(bits: u32, width: u32) -> i32 {
    (bits << (32 - width)) as i32 >> (32 - width)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Encodings by GNU as 2.40, `-mcpu=cortex-m4`.
    #[test]
    fn branches_are_decoded() {
        for (halves, target) in [
            (&[0xf000, 0xf800][..], Some(0x1004)),  // bl .+4
            (&[0xf7ff, 0xfffe], Some(0x1000)),      // bl .
            (&[0xf7ff, 0xd7fe], Some(0xff40_1000)), // bl .-0xc00000
            (&[0xf3ff, 0xdffe], Some(0x00c0_1000)), // bl .+0xc00000
            (&[0xf7ff, 0xbffe], Some(0x1000)),      // b.w .
            (&[0xf0ff, 0xb7fe], Some(0x0050_1000)), // b.w .+0x500000
            (&[0xf43f, 0xaffe], Some(0x1000)),      // beq.w .
            (&[0xf03e, 0xa7fe], Some(0x8_0000)),    // beq.w .+0x7f000
            (&[0xf47a, 0xa7fe], Some(0xfff7_c000)), // bne.w .-0x85000
            (&[0xe7fe], Some(0x1000)),              // b .
            (&[0xe1fe], Some(0x1400)),              // b .+0x400
            (&[0xd0fe], Some(0x1000)),              // beq .
            (&[0xd1de], Some(0x0fc0)),              // bne .-0x40
            (&[0xdeff], None),                      // udf #255
            (&[0xdf00], None),                      // svc #0
            (&[0xf04f, 0x30ff], None),              // mov.w r0, #-1
            (&[0xf3bf, 0x8f4f], None),              // dsb
            (&[0x4770], None),                      // bx lr
        ] {
            let code: Vec<u8> = halves
                .iter()
                .flat_map(|half: &u16| half.to_le_bytes())
                .collect();
            let found = branches(&code, 0x1000);
            assert_eq!(
                found,
                Vec::from_iter(target.map(|t| (0x1000, t))),
                "{halves:x?}"
            );
        }
    }

    #[test]
    fn a_wide_instruction_is_passed_as_a_whole() {
        // The second half of the first would be a branch.
        let code = [0x4f, 0xf0, 0xfe, 0xe7, 0xfe, 0xe7];
        assert_eq!(branches(&code, 0), [(4, 4)]);
        assert!(branches(&[0xff, 0xf7], 0).is_empty());
    }
}
