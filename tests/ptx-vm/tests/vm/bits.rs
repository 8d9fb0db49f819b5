//! Instructions of bits, fields and bytes against Rust.

use crate::harness::{INPUTS, Random, cases, check, check_all, s16, s32};

#[test]
fn logic() {
    check_all(&[
        ("and.b16 %rs9, %rs0, %rs1;", "%rs9", |[a, b, ..]| {
            a & b & 0xFFFF
        }),
        ("and.b32 %r9, %r0, 0xF0F0F0F0;", "%r9", |[a, ..]| {
            a & 0xF0F0_F0F0
        }),
        ("or.b32 %r9, %r0, %r1;", "%r9", |[a, b, ..]| {
            (a | b) & 0xFFFF_FFFF
        }),
        ("xor.b64 %rd9, %rd0, %rd1;", "%rd9", |[a, b, ..]| a ^ b),
        ("not.b16 %rs9, %rs0;", "%rs9", |[a, ..]| {
            (!(a as u16)).into()
        }),
        ("not.b32 %r9, %r0;", "%r9", |[a, ..]| (!(a as u32)).into()),
        ("not.b64 %rd9, %rd0;", "%rd9", |[a, ..]| !a),
        ("and.pred %p9, %p0, %p1;", "%p9", |[a, b, ..]| {
            (a != 0 && b != 0).into()
        }),
        ("or.pred %p9, %p0, %p1;", "%p9", |[a, b, ..]| {
            (a != 0 || b != 0).into()
        }),
        ("xor.pred %p9, %p0, %p1;", "%p9", |[a, b, ..]| {
            ((a != 0) != (b != 0)).into()
        }),
        ("not.pred %p9, %p0;", "%p9", |[a, ..]| (a == 0).into()),
        ("mov.pred %p9, -1;", "%p9", |_| 1),
        // a & b | c, and all ones.
        (
            "lop3.b32 %r9, %r0, %r1, %r2, 0xEA;",
            "%r9",
            |[a, b, c, _]| (a & b | c) & 0xFFFF_FFFF,
        ),
        (
            "lop3.b32 %r9, %r0, %r1, %r2, 0x96;",
            "%r9",
            |[a, b, c, _]| (a ^ b ^ c) & 0xFFFF_FFFF,
        ),
        ("lop3.b32 %r9, %r0, %r1, %r2, 0xFF;", "%r9", |_| 0xFFFF_FFFF),
        ("lop3.b32 %r9, %r0, %r1, %r2, 0x0C;", "%r9", |[a, b, ..]| {
            !a & b & 0xFFFF_FFFF
        }),
    ]);
}

#[test]
fn shifts_clamp_their_amount() {
    check_all(&[
        ("shl.b16 %rs9, %rs0, %r1;", "%rs9", |[a, b, ..]| {
            (a as u16).checked_shl(b as u32).unwrap_or(0).into()
        }),
        ("shl.b32 %r9, %r0, %r1;", "%r9", |[a, b, ..]| {
            (a as u32).checked_shl(b as u32).unwrap_or(0).into()
        }),
        ("shl.b64 %rd9, %rd0, %r1;", "%rd9", |[a, b, ..]| {
            a.checked_shl(b as u32).unwrap_or(0)
        }),
        ("shr.u16 %rs9, %rs0, %r1;", "%rs9", |[a, b, ..]| {
            (a as u16).checked_shr(b as u32).unwrap_or(0).into()
        }),
        ("shr.u32 %r9, %r0, %r1;", "%r9", |[a, b, ..]| {
            (a as u32).checked_shr(b as u32).unwrap_or(0).into()
        }),
        ("shr.b64 %rd9, %rd0, %r1;", "%rd9", |[a, b, ..]| {
            a.checked_shr(b as u32).unwrap_or(0)
        }),
        ("shr.s16 %rs9, %rs0, %r1;", "%rs9", |[a, b, ..]| {
            s16(a as i16 >> (b as u32).min(15))
        }),
        ("shr.s32 %r9, %r0, %r1;", "%r9", |[a, b, ..]| {
            s32(a as i32 >> (b as u32).min(31))
        }),
        ("shr.s64 %rd9, %rd0, %r1;", "%rd9", |[a, b, ..]| {
            (a as i64 >> (b as u32).min(63)) as u64
        }),
        (
            "shf.l.wrap.b32 %r9, %r0, %r1, %r2;",
            "%r9",
            |[a, b, c, _]| {
                let (a, b, n) = (a as u32, b as u32, c as u32 & 31);
                (b << n | a.checked_shr(32 - n).unwrap_or(0)).into()
            },
        ),
        (
            "shf.r.wrap.b32 %r9, %r0, %r1, %r2;",
            "%r9",
            |[a, b, c, _]| {
                let (a, b, n) = (a as u32, b as u32, c as u32 & 31);
                (b.checked_shl(32 - n).unwrap_or(0) | a >> n).into()
            },
        ),
        (
            "shf.l.clamp.b32 %r9, %r0, %r1, %r2;",
            "%r9",
            |[a, b, c, _]| {
                let (a, b, n) = (a as u32, b as u32, (c as u32).min(32));
                (b.checked_shl(n).unwrap_or(0) | a.checked_shr(32 - n).unwrap_or(0)).into()
            },
        ),
        (
            "shf.r.clamp.b32 %r9, %r0, %r1, %r2;",
            "%r9",
            |[a, b, c, _]| {
                let (a, b, n) = (a as u32, b as u32, (c as u32).min(32));
                (b.checked_shl(32 - n).unwrap_or(0) | a.checked_shr(n).unwrap_or(0)).into()
            },
        ),
    ]);
}

#[test]
fn counts_of_bits() {
    check_all(&[
        ("clz.b32 %r9, %r0;", "%r9", |[a, ..]| {
            (a as u32).leading_zeros().into()
        }),
        ("clz.b64 %r9, %rd0;", "%r9", |[a, ..]| {
            a.leading_zeros().into()
        }),
        ("popc.b32 %r9, %r0;", "%r9", |[a, ..]| {
            (a as u32).count_ones().into()
        }),
        ("popc.b64 %r9, %rd0;", "%r9", |[a, ..]| {
            a.count_ones().into()
        }),
        ("brev.b32 %r9, %r0;", "%r9", |[a, ..]| {
            (a as u32).reverse_bits().into()
        }),
        ("brev.b64 %rd9, %rd0;", "%rd9", |[a, ..]| a.reverse_bits()),
        ("bfind.u32 %r9, %r0;", "%r9", |[a, ..]| {
            (31 - (a as u32).leading_zeros() as i32) as u32 as u64
        }),
        ("bfind.s32 %r9, %r0;", "%r9", |[a, ..]| {
            let a = a as i32;
            s32(31 - (if a < 0 { !a } else { a }).leading_zeros() as i32)
        }),
        ("bfind.s64 %r9, %rd0;", "%r9", |[a, ..]| {
            let a = a as i64;
            s32(63 - (if a < 0 { !a } else { a }).leading_zeros() as i32)
        }),
        ("bfind.shiftamt.u64 %r9, %rd0;", "%r9", |[a, ..]| match a {
            0 => 0xFFFF_FFFF,
            a => a.leading_zeros().into(),
        }),
    ]);
}

/// As the PTX manual words `bfe`.
fn bfe(bits: u32, signed: bool, a: u64, b: u64, c: u64) -> u64 {
    let (pos, len, msb) = (b as u32 & 0xFF, c as u32 & 0xFF, bits - 1);
    let bit = |at: u32| a >> at & 1;
    let sign = if signed && len != 0 {
        bit((pos + len - 1).min(msb))
    } else {
        0
    };
    let value = |i| {
        if i < len && pos + i <= msb {
            bit(pos + i)
        } else {
            sign
        }
    };
    (0..bits).map(|i| value(i) << i).sum()
}

/// As the PTX manual words `bfi`.
fn bfi(bits: u32, [a, b, c, d]: [u64; INPUTS]) -> u64 {
    let (pos, len, msb) = (c as u32 & 0xFF, d as u32 & 0xFF, bits - 1);
    let mut result = b & (u64::MAX >> (64 - bits));
    for i in (0..len).take_while(|i| pos + i <= msb) {
        result = result & !(1 << (pos + i)) | (a >> i & 1) << (pos + i);
    }
    result
}

#[test]
fn fields_of_bits() {
    check_all(&[
        ("bfe.u32 %r9, %r0, %r1, %r2;", "%r9", |[a, b, c, _]| {
            bfe(32, false, a, b, c)
        }),
        ("bfe.s32 %r9, %r0, %r1, %r2;", "%r9", |[a, b, c, _]| {
            bfe(32, true, a, b, c)
        }),
        ("bfe.u64 %rd9, %rd0, %r1, %r2;", "%rd9", |[a, b, c, _]| {
            bfe(64, false, a, b, c)
        }),
        ("bfe.s64 %rd9, %rd0, %r1, %r2;", "%rd9", |[a, b, c, _]| {
            bfe(64, true, a, b, c)
        }),
        ("bfi.b32 %r9, %r0, %r1, %r2, %r3;", "%r9", |case| {
            bfi(32, case)
        }),
        ("bfi.b64 %rd9, %rd0, %rd1, %r2, %r3;", "%rd9", |case| {
            bfi(64, case)
        }),
        ("prmt.b32 %r9, %r0, %r1, %r2;", "%r9", |[a, b, c, _]| {
            let bytes = (b << 32 | a & 0xFFFF_FFFF).to_le_bytes();
            let byte = |i: u64| {
                let selector = c >> (4 * i) & 0xF;
                let byte = bytes[selector as usize & 7];
                let byte = if selector < 8 {
                    byte
                } else if byte < 0x80 {
                    0
                } else {
                    0xFF
                };
                u64::from(byte) << (8 * i)
            };
            (0..4).map(byte).sum()
        }),
        ("prmt.b32 %r9, %r0, %r1, 0x3340U;", "%r9", |[a, b, ..]| {
            let (top, low) = (a >> 24 & 0xFF, a & 0xFF);
            low | (b & 0xFF) << 8 | top << 16 | top << 24
        }),
    ]);
}

#[test]
fn dot_products() {
    let mut random = Random(3);
    let mut all = cases();
    all.extend((0..500).map(|_| [random.next(), random.next(), random.next(), random.next()]));
    fn four(signed_a: bool, signed_b: bool, [a, b, c, _]: [u64; INPUTS]) -> u64 {
        let part = |x: u64, i: usize, signed: bool| {
            let byte = x.to_le_bytes()[i];
            if signed {
                i32::from(byte as i8)
            } else {
                i32::from(byte)
            }
        };
        let products = (0..4).map(|i| part(a, i, signed_a) * part(b, i, signed_b));
        s32(products.fold(c as i32, i32::wrapping_add))
    }
    fn two(first: usize, signed_a: bool, signed_b: bool, [a, b, c, _]: [u64; INPUTS]) -> u64 {
        let half = |i: u32| {
            let half = (a >> (16 * i)) as u16;
            if signed_a {
                i32::from(half as i16)
            } else {
                i32::from(half)
            }
        };
        let byte = |i: usize| {
            let byte = b.to_le_bytes()[i];
            if signed_b {
                i32::from(byte as i8)
            } else {
                i32::from(byte)
            }
        };
        let products = (0..2).map(|i| half(i as u32) * byte(first + i));
        s32(products.fold(c as i32, i32::wrapping_add))
    }
    for (a, signed_a) in [("s32", true), ("u32", false)] {
        for (b, signed_b) in [("s32", true), ("u32", false)] {
            let code = format!("dp4a.{a}.{b} %r9, %r0, %r1, %r2;");
            check(&code, "%r9", &all, |case| four(signed_a, signed_b, case));
            for (half, first) in [("lo", 0), ("hi", 2)] {
                let code = format!("dp2a.{half}.{a}.{b} %r9, %r0, %r1, %r2;");
                check(&code, "%r9", &all, |case| {
                    two(first, signed_a, signed_b, case)
                });
            }
        }
    }
}

#[test]
fn packing() {
    check_all(&[
        ("mov.b32 %r9, {%rs0, %rs1};", "%r9", |[a, b, ..]| {
            a & 0xFFFF | (b & 0xFFFF) << 16
        }),
        ("mov.b64 %rd9, {%r0, %r1};", "%rd9", |[a, b, ..]| {
            a & 0xFFFF_FFFF | b << 32
        }),
        (
            "mov.b64 %rd9, {%rs0, %rs1, %rs2, 7};",
            "%rd9",
            |[a, b, c, _]| a & 0xFFFF | (b & 0xFFFF) << 16 | (c & 0xFFFF) << 32 | 7 << 48,
        ),
        ("mov.b32 {%rs8, %rs9}, %r0;", "%rs9", |[a, ..]| {
            a >> 16 & 0xFFFF
        }),
        ("mov.b64 {_, %r9}, %rd0;", "%r9", |[a, ..]| a >> 32),
        ("mov.b64 {%r9, _}, %rd0;", "%r9", |[a, ..]| a & 0xFFFF_FFFF),
        (
            "mov.b64 {%rs6, %rs7, %rs8, %rs9}, %rd0;",
            "%rs8",
            |[a, ..]| a >> 32 & 0xFFFF,
        ),
        (
            "{ .reg .b32 t; mov.b64 {t, %r9}, %rd0; add.u32 %r9, %r9, t; }",
            "%r9",
            |[a, ..]| (a as u32).wrapping_add((a >> 32) as u32).into(),
        ),
    ]);
}
