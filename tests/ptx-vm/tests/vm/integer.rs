//! Instructions of integers and bits against Rust.

use mambalite_ptx_vm::{Fault, Launch, Options};

use crate::harness::{Expected, cases, check, check_all, evaluate, fault, run, s16, s32};

#[test]
fn sums_and_differences() {
    check_all(&[
        ("add.s16 %rs9, %rs0, %rs1;", "%rs9", |[a, b, ..]| {
            (a as u16).wrapping_add(b as u16).into()
        }),
        ("add.u32 %r9, %r0, %r1;", "%r9", |[a, b, ..]| {
            (a as u32).wrapping_add(b as u32).into()
        }),
        ("add.s64 %rd9, %rd0, %rd1;", "%rd9", |[a, b, ..]| {
            a.wrapping_add(b)
        }),
        ("add.sat.s32 %r9, %r0, %r1;", "%r9", |[a, b, ..]| {
            s32((a as i32).saturating_add(b as i32))
        }),
        ("sub.u16 %rs9, %rs0, %rs1;", "%rs9", |[a, b, ..]| {
            (a as u16).wrapping_sub(b as u16).into()
        }),
        ("sub.s32 %r9, %r0, %r1;", "%r9", |[a, b, ..]| {
            (a as u32).wrapping_sub(b as u32).into()
        }),
        ("sub.u64 %rd9, %rd0, %rd1;", "%rd9", |[a, b, ..]| {
            a.wrapping_sub(b)
        }),
        ("sub.sat.s32 %r9, %r0, %r1;", "%r9", |[a, b, ..]| {
            s32((a as i32).saturating_sub(b as i32))
        }),
        ("add.s32 %r9, %r0, -3;", "%r9", |[a, ..]| {
            (a as u32).wrapping_sub(3).into()
        }),
        (
            "add.s64 %rd9, %rd0, 0xFFFFFFFFFFFFFFFF;",
            "%rd9",
            |[a, ..]| a.wrapping_sub(1),
        ),
    ]);
}

#[test]
fn carries() {
    check_all(&[
        (
            "add.cc.u32 %r8, %r0, %r1; addc.u32 %r9, %r2, %r3;",
            "%r9",
            |[a, b, c, d]| {
                let carry = (u64::from(a as u32) + u64::from(b as u32)) >> 32;
                (c as u32)
                    .wrapping_add(d as u32)
                    .wrapping_add(carry as u32)
                    .into()
            },
        ),
        (
            "add.cc.s64 %rd8, %rd0, %rd1; addc.cc.s64 %rd9, %rd2, %rd3;",
            "%rd9",
            |[a, b, c, d]| {
                let sum = (u128::from(c) << 64 | u128::from(a))
                    .wrapping_add(u128::from(d) << 64 | u128::from(b));
                (sum >> 64) as u64
            },
        ),
        (
            "add.cc.s64 %rd8, %rd0, %rd1; addc.cc.s64 %rd8, %rd2, %rd3; addc.s64 %rd9, 0, 0;",
            "%rd9",
            |[a, b, c, d]| {
                let (x, y) = (
                    u128::from(c) << 64 | u128::from(a),
                    u128::from(d) << 64 | u128::from(b),
                );
                x.overflowing_add(y).1.into()
            },
        ),
        (
            "sub.cc.s32 %r8, %r0, %r1; subc.cc.s32 %r9, %r2, %r3;",
            "%r9",
            |[a, b, c, d]| {
                let (x, y) = (c << 32 | a & 0xFFFF_FFFF, d << 32 | b & 0xFFFF_FFFF);
                x.wrapping_sub(y) >> 32
            },
        ),
        (
            "sub.cc.s32 %r8, %r0, %r1; subc.cc.s32 %r8, %r2, %r3; subc.s32 %r9, 0, 0;",
            "%r9",
            |[a, b, c, d]| {
                let (x, y) = (c << 32 | a & 0xFFFF_FFFF, d << 32 | b & 0xFFFF_FFFF);
                s32(-i32::from(x < y))
            },
        ),
    ]);
}

#[test]
fn products() {
    check_all(&[
        ("mul.lo.s16 %rs9, %rs0, %rs1;", "%rs9", |[a, b, ..]| {
            (a as u16).wrapping_mul(b as u16).into()
        }),
        ("mul.lo.s32 %r9, %r0, %r1;", "%r9", |[a, b, ..]| {
            (a as u32).wrapping_mul(b as u32).into()
        }),
        ("mul.lo.u64 %rd9, %rd0, %rd1;", "%rd9", |[a, b, ..]| {
            a.wrapping_mul(b)
        }),
        ("mul.hi.s16 %rs9, %rs0, %rs1;", "%rs9", |[a, b, ..]| {
            s16(((i32::from(a as i16) * i32::from(b as i16)) >> 16) as i16)
        }),
        ("mul.hi.u16 %rs9, %rs0, %rs1;", "%rs9", |[a, b, ..]| {
            (u64::from(a as u16) * u64::from(b as u16)) >> 16
        }),
        ("mul.hi.s32 %r9, %r0, %r1;", "%r9", |[a, b, ..]| {
            s32(((i64::from(a as i32) * i64::from(b as i32)) >> 32) as i32)
        }),
        ("mul.hi.u32 %r9, %r0, %r1;", "%r9", |[a, b, ..]| {
            (u64::from(a as u32) * u64::from(b as u32)) >> 32
        }),
        ("mul.hi.s64 %rd9, %rd0, %rd1;", "%rd9", |[a, b, ..]| {
            ((i128::from(a as i64) * i128::from(b as i64)) >> 64) as u64
        }),
        ("mul.hi.u64 %rd9, %rd0, %rd1;", "%rd9", |[a, b, ..]| {
            ((u128::from(a) * u128::from(b)) >> 64) as u64
        }),
        ("mul.wide.s16 %r9, %rs0, %rs1;", "%r9", |[a, b, ..]| {
            s32(i32::from(a as i16) * i32::from(b as i16))
        }),
        ("mul.wide.u16 %r9, %rs0, %rs1;", "%r9", |[a, b, ..]| {
            u64::from(a as u16) * u64::from(b as u16)
        }),
        ("mul.wide.s32 %rd9, %r0, %r1;", "%rd9", |[a, b, ..]| {
            (i64::from(a as i32) * i64::from(b as i32)) as u64
        }),
        ("mul.wide.u32 %rd9, %r0, %r1;", "%rd9", |[a, b, ..]| {
            u64::from(a as u32) * u64::from(b as u32)
        }),
    ]);
}

#[test]
fn sums_of_products() {
    check_all(&[
        ("mad.lo.s32 %r9, %r0, %r1, %r2;", "%r9", |[a, b, c, _]| {
            (a as u32)
                .wrapping_mul(b as u32)
                .wrapping_add(c as u32)
                .into()
        }),
        (
            "mad.lo.u64 %rd9, %rd0, %rd1, %rd2;",
            "%rd9",
            |[a, b, c, _]| a.wrapping_mul(b).wrapping_add(c),
        ),
        ("mad.hi.s32 %r9, %r0, %r1, %r2;", "%r9", |[a, b, c, _]| {
            s32((((i64::from(a as i32) * i64::from(b as i32)) >> 32) as i32).wrapping_add(c as i32))
        }),
        (
            "mad.hi.u64 %rd9, %rd0, %rd1, %rd2;",
            "%rd9",
            |[a, b, c, _]| (((u128::from(a) * u128::from(b)) >> 64) as u64).wrapping_add(c),
        ),
        (
            "mad.wide.s16 %r9, %rs0, %rs1, %r2;",
            "%r9",
            |[a, b, c, _]| s32((i32::from(a as i16) * i32::from(b as i16)).wrapping_add(c as i32)),
        ),
        (
            "mad.wide.s32 %rd9, %r0, %r1, %rd2;",
            "%rd9",
            |[a, b, c, _]| {
                (i64::from(a as i32) * i64::from(b as i32)).wrapping_add(c as i64) as u64
            },
        ),
        (
            "mad.wide.u32 %rd9, %r0, %r1, %rd2;",
            "%rd9",
            |[a, b, c, _]| (u64::from(a as u32) * u64::from(b as u32)).wrapping_add(c),
        ),
    ]);
}

#[test]
fn quotients() {
    let cases: Vec<_> = cases()
        .into_iter()
        .filter(|case| case[1] as u16 != 0)
        .collect();
    let table: [(&str, &str, Expected); 8] = [
        ("div.s16 %rs9, %rs0, %rs1;", "%rs9", |[a, b, ..]| {
            s16((a as i16).wrapping_div(b as i16))
        }),
        ("div.u32 %r9, %r0, %r1;", "%r9", |[a, b, ..]| {
            (a as u32 / b as u32).into()
        }),
        ("div.s32 %r9, %r0, %r1;", "%r9", |[a, b, ..]| {
            s32((a as i32).wrapping_div(b as i32))
        }),
        ("div.s64 %rd9, %rd0, %rd1;", "%rd9", |[a, b, ..]| {
            (a as i64).wrapping_div(b as i64) as u64
        }),
        ("rem.u16 %rs9, %rs0, %rs1;", "%rs9", |[a, b, ..]| {
            (a as u16 % b as u16).into()
        }),
        ("rem.s32 %r9, %r0, %r1;", "%r9", |[a, b, ..]| {
            s32((a as i32).wrapping_rem(b as i32))
        }),
        ("rem.u64 %rd9, %rd0, %rd1;", "%rd9", |[a, b, ..]| a % b),
        ("rem.s64 %rd9, %rd0, %rd1;", "%rd9", |[a, b, ..]| {
            (a as i64).wrapping_rem(b as i64) as u64
        }),
    ];
    for (code, result, expected) in table {
        check(code, result, &cases, expected);
    }
    for code in ["div.s32 %r9, -7, 0;", "rem.s32 %r9, -7, 0;"] {
        let (_, fault) = fault(run(code, Launch::linear(1, 1), Options::default()));
        assert_eq!(fault, Fault::DivisionByZero(-7));
    }
}

#[test]
fn least_and_greatest() {
    check_all(&[
        ("min.s16 %rs9, %rs0, %rs1;", "%rs9", |[a, b, ..]| {
            s16((a as i16).min(b as i16))
        }),
        ("min.u32 %r9, %r0, %r1;", "%r9", |[a, b, ..]| {
            (a as u32).min(b as u32).into()
        }),
        ("min.s32 %r9, %r0, %r1;", "%r9", |[a, b, ..]| {
            s32((a as i32).min(b as i32))
        }),
        ("min.s64 %rd9, %rd0, %rd1;", "%rd9", |[a, b, ..]| {
            (a as i64).min(b as i64) as u64
        }),
        ("max.u16 %rs9, %rs0, %rs1;", "%rs9", |[a, b, ..]| {
            (a as u16).max(b as u16).into()
        }),
        ("max.s32 %r9, %r0, %r1;", "%r9", |[a, b, ..]| {
            s32((a as i32).max(b as i32))
        }),
        ("max.u64 %rd9, %rd0, %rd1;", "%rd9", |[a, b, ..]| a.max(b)),
        ("neg.s16 %rs9, %rs0;", "%rs9", |[a, ..]| {
            s16((a as i16).wrapping_neg())
        }),
        ("neg.s32 %r9, %r0;", "%r9", |[a, ..]| {
            s32((a as i32).wrapping_neg())
        }),
        ("neg.s64 %rd9, %rd0;", "%rd9", |[a, ..]| a.wrapping_neg()),
        ("abs.s16 %rs9, %rs0;", "%rs9", |[a, ..]| {
            s16((a as i16).wrapping_abs())
        }),
        ("abs.s32 %r9, %r0;", "%r9", |[a, ..]| {
            s32((a as i32).wrapping_abs())
        }),
        ("abs.s64 %rd9, %rd0;", "%rd9", |[a, ..]| {
            (a as i64).wrapping_abs() as u64
        }),
    ]);
}

#[test]
fn comparisons() {
    check_all(&[
        ("setp.eq.b16 %p9, %rs0, %rs1;", "%p9", |[a, b, ..]| {
            (a as u16 == b as u16).into()
        }),
        ("setp.ne.b64 %p9, %rd0, %rd1;", "%p9", |[a, b, ..]| {
            (a != b).into()
        }),
        ("setp.eq.s16 %p9, %rs0, -1;", "%p9", |[a, ..]| {
            (a as u16 == 0xFFFF).into()
        }),
        ("setp.lt.s16 %p9, %rs0, %rs1;", "%p9", |[a, b, ..]| {
            ((a as i16) < b as i16).into()
        }),
        ("setp.le.s32 %p9, %r0, %r1;", "%p9", |[a, b, ..]| {
            (a as i32 <= b as i32).into()
        }),
        ("setp.gt.s64 %p9, %rd0, %rd1;", "%p9", |[a, b, ..]| {
            (a as i64 > b as i64).into()
        }),
        ("setp.ge.s32 %p9, %r0, %r1;", "%p9", |[a, b, ..]| {
            (a as i32 >= b as i32).into()
        }),
        ("setp.lt.u32 %p9, %r0, %r1;", "%p9", |[a, b, ..]| {
            ((a as u32) < b as u32).into()
        }),
        ("setp.lo.u32 %p9, %r0, %r1;", "%p9", |[a, b, ..]| {
            ((a as u32) < b as u32).into()
        }),
        ("setp.ls.u64 %p9, %rd0, %rd1;", "%p9", |[a, b, ..]| {
            (a <= b).into()
        }),
        ("setp.hi.u16 %p9, %rs0, %rs1;", "%p9", |[a, b, ..]| {
            (a as u16 > b as u16).into()
        }),
        ("setp.hs.u32 %p9, %r0, %r1;", "%p9", |[a, b, ..]| {
            (a as u32 >= b as u32).into()
        }),
    ]);
}

#[test]
fn comparisons_that_meet_a_predicate() {
    check_all(&[
        (
            "setp.lt.and.s32 %p9, %r0, %r1, %p2;",
            "%p9",
            |[a, b, c, _]| ((a as i32) < b as i32 && c != 0).into(),
        ),
        (
            "setp.eq.or.b32 %p9, %r0, %r1, !%p2;",
            "%p9",
            |[a, b, c, _]| (a as u32 == b as u32 || c == 0).into(),
        ),
        (
            "setp.ne.xor.b32 %p9, %r0, %r1, %p2;",
            "%p9",
            |[a, b, c, _]| ((a as u32 != b as u32) != (c != 0)).into(),
        ),
        ("setp.lt.u32 %p9|%p8, %r0, %r1;", "%p8", |[a, b, ..]| {
            (a as u32 >= b as u32).into()
        }),
        (
            "setp.lt.and.u32 %p8|%p9, %r0, %r1, %p2;",
            "%p9",
            |[a, b, c, _]| (a as u32 >= b as u32 && c != 0).into(),
        ),
        ("setp.lt.u32 _|%p9, %r0, %r1;", "%p9", |[a, b, ..]| {
            (a as u32 >= b as u32).into()
        }),
        ("set.lt.u32.s32 %r9, %r0, %r1;", "%r9", |[a, b, ..]| {
            s32(-i32::from((a as i32) < b as i32))
        }),
        (
            "set.eq.and.s32.u32 %r9, %r0, %r1, %p2;",
            "%r9",
            |[a, b, c, _]| s32(-i32::from(a as u32 == b as u32 && c != 0)),
        ),
        ("set.ge.f32.u32 %f9, %r0, %r1;", "%f9", |[a, b, ..]| {
            f32::from(u8::from(a as u32 >= b as u32)).to_bits().into()
        }),
    ]);
}

#[test]
fn choices() {
    check_all(&[
        ("selp.b16 %rs9, %rs0, %rs1, %p2;", "%rs9", |[a, b, c, _]| {
            (if c != 0 { a } else { b }) & 0xFFFF
        }),
        ("selp.b64 %rd9, %rd0, -5, %p2;", "%rd9", |[a, _, c, _]| {
            if c != 0 { a } else { -5i64 as u64 }
        }),
        ("slct.u32.s32 %r9, %r0, %r1, %r2;", "%r9", |[a, b, c, _]| {
            (if c as i32 >= 0 { a } else { b }) & 0xFFFF_FFFF
        }),
        (
            "slct.b64.f32 %rd9, %rd0, %rd1, %f2;",
            "%rd9",
            |[a, b, c, _]| {
                if f32::from_bits(c as u32) >= 0.0 {
                    a
                } else {
                    b
                }
            },
        ),
    ]);
}

#[test]
fn conversions() {
    check_all(&[
        ("cvt.u32.u64 %r9, %rd0;", "%r9", |[a, ..]| (a as u32).into()),
        ("cvt.u64.u32 %rd9, %r0;", "%rd9", |[a, ..]| {
            (a as u32).into()
        }),
        ("cvt.s64.s32 %rd9, %r0;", "%rd9", |[a, ..]| {
            i64::from(a as i32) as u64
        }),
        ("cvt.s32.s16 %r9, %rs0;", "%r9", |[a, ..]| {
            s32((a as i16).into())
        }),
        ("cvt.u32.u16 %r9, %rs0;", "%r9", |[a, ..]| (a as u16).into()),
        ("cvt.s32.s8 %r9, %r0;", "%r9", |[a, ..]| {
            s32((a as i8).into())
        }),
        ("cvt.s16.s8 %rs9, %rs0;", "%rs9", |[a, ..]| {
            s16((a as i8).into())
        }),
        ("cvt.u16.u8 %rs9, %r0;", "%rs9", |[a, ..]| (a as u8).into()),
        ("cvt.s8.s32 %r9, %r0;", "%r9", |[a, ..]| {
            s32((a as i8).into())
        }),
        ("cvt.u8.s32 %r9, %r0;", "%r9", |[a, ..]| (a as u8).into()),
        ("cvt.u64.s16 %rd9, %rs0;", "%rd9", |[a, ..]| {
            i64::from(a as i16) as u64
        }),
        ("cvt.sat.s8.s32 %r9, %r0;", "%r9", |[a, ..]| {
            s32((a as i32).clamp(-128, 127))
        }),
        ("cvt.sat.u8.s32 %r9, %r0;", "%r9", |[a, ..]| {
            s32((a as i32).clamp(0, 255))
        }),
        ("cvt.sat.s16.u32 %rs9, %r0;", "%rs9", |[a, ..]| {
            (a as u32).min(0x7FFF).into()
        }),
        ("cvt.sat.s32.s64 %r9, %rd0;", "%r9", |[a, ..]| {
            s32((a as i64).clamp(i32::MIN.into(), i32::MAX.into()) as i32)
        }),
        ("cvt.sat.u32.s64 %r9, %rd0;", "%r9", |[a, ..]| {
            (a as i64).clamp(0, u32::MAX.into()) as u64
        }),
        ("cvt.sat.u64.s64 %rd9, %rd0;", "%rd9", |[a, ..]| {
            (a as i64).max(0) as u64
        }),
        ("cvt.sat.s64.u64 %rd9, %rd0;", "%rd9", |[a, ..]| {
            a.min(i64::MAX as u64)
        }),
    ]);
}

#[test]
fn predicates_switch_instructions_off() {
    let cases = cases();
    let results = evaluate(
        "mov.b32 %r9, 1; @%p0 mov.b32 %r9, 2; @!%p1 add.s32 %r9, %r9, 4;",
        "%r9",
        &cases,
    );
    for ([a, b, ..], found) in cases.into_iter().zip(results) {
        assert_eq!(found, 1 + u64::from(a != 0) + 4 * u64::from(b == 0));
    }
}
