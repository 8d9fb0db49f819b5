//! Instructions of f32 against Rust.

use crate::harness::{INPUTS, Random, check};

const NAN: u64 = 0x7FFF_FFFF;

/// Zeros, subnormal numbers, ends of the integer types, infinities and NaNs.
const VALUES: [u32; 26] = [
    0x0000_0000,
    0x8000_0000,
    0x0000_0001,
    0x8000_0001,
    0x007F_FFFF,
    0x0080_0000,
    0x3F00_0000, // 0.5
    0xBF00_0000,
    0x3F80_0000, // 1.0
    0xBF80_0000,
    0x3FC0_0000, // 1.5
    0x4020_0000, // 2.5
    0xC020_0000,
    0x437F_0000, // 255.0
    0x4B00_0001, // 8388609.0
    0x4EFF_FFFF,
    0x4F00_0000, // 2^31
    0xCF00_0000,
    0x4F80_0000, // 2^32
    0x5F00_0000, // 2^63
    0x7F7F_FFFF,
    0xFF7F_FFFF,
    0x7F80_0000,
    0xFF80_0000,
    0x7FC0_0001,
    0xFFA0_0000,
];

fn cases() -> Vec<[u64; INPUTS]> {
    let mut random = Random(11);
    let mut cases = Vec::new();
    for a in VALUES {
        for b in VALUES {
            let c = VALUES[(random.next() % 26) as usize];
            cases.push([a.into(), b.into(), c.into(), 0]);
        }
        for _ in 0..16 {
            let (x, y) = (random.unit(), random.unit());
            let near = [x.to_bits(), y.to_bits(), random.unit().to_bits()];
            cases.push([near[0].into(), near[1].into(), near[2].into(), 0]);
            cases.push([a.into(), random.next() as u32 as u64, near[2].into(), 0]);
        }
    }
    cases
}

/// Returns the bits of a result: all NaNs are one.
fn bits(x: f32) -> u64 {
    if x.is_nan() { NAN } else { x.to_bits().into() }
}

fn check_float(code: &str, result: &str, expected: impl Fn(f32, f32, f32) -> u64) {
    let float = |x: u64| f32::from_bits(x as u32);
    check(code, result, &cases(), |[a, b, c, _]| {
        expected(float(a), float(b), float(c))
    });
}

#[test]
fn arithmetic_rounds_as_rust() {
    check_float("add.rn.f32 %f9, %f0, %f1;", "%f9", |a, b, _| bits(a + b));
    check_float("sub.rn.f32 %f9, %f0, %f1;", "%f9", |a, b, _| bits(a - b));
    check_float("mul.rn.f32 %r9, %r0, %r1;", "%r9", |a, b, _| bits(a * b));
    check_float("div.rn.f32 %f9, %f0, %f1;", "%f9", |a, b, _| bits(a / b));
    check_float("sqrt.rn.f32 %f9, %f0;", "%f9", |a, _, _| bits(a.sqrt()));
    check_float("rcp.rn.f32 %f9, %f0;", "%f9", |a, _, _| bits(1.0 / a));
    check_float("add.rn.f32 %f9, %f0, 0f3F800000;", "%f9", |a, _, _| {
        bits(a + 1.0)
    });
}

#[test]
fn fma_rounds_once() {
    check_float("fma.rn.f32 %f9, %f0, %f1, %f2;", "%f9", |a, b, c| {
        bits(a.mul_add(b, c))
    });
    check_float("mad.rn.f32 %f9, %f0, %f1, %f2;", "%f9", |a, b, c| {
        bits(a.mul_add(b, c))
    });
    // (1 + 2^-12)^2 = 1 + 2^-11 + 2^-24, the last part of which a rounded product loses.
    let (x, y) = (1.0 + 2f32.powi(-12), -1.0 - 2f32.powi(-11));
    let case = [x, x, y, 0.0].map(|x: f32| x.to_bits().into());
    check("fma.rn.f32 %f9, %f0, %f1, %f2;", "%f9", &[case], |_| {
        2f32.powi(-24).to_bits().into()
    });
    let apart = "mul.rn.f32 %f9, %f0, %f1; add.rn.f32 %f9, %f9, %f2;";
    check(apart, "%f9", &[case], |_| 0);
}

#[test]
fn minimum_and_maximum_prefer_numbers() {
    fn less(a: f32, b: f32) -> bool {
        a < b || a == b && a.is_sign_negative()
    }
    check_float("min.f32 %f9, %f0, %f1;", "%f9", |a, b, _| {
        match (a.is_nan(), b.is_nan()) {
            (true, _) => bits(b),
            (_, true) => bits(a),
            _ => bits(if less(a, b) { a } else { b }),
        }
    });
    check_float("max.f32 %f9, %f0, %f1;", "%f9", |a, b, _| {
        match (a.is_nan(), b.is_nan()) {
            (true, _) => bits(b),
            (_, true) => bits(a),
            _ => bits(if less(a, b) { b } else { a }),
        }
    });
    check_float("min.NaN.f32 %f9, %f0, %f1;", "%f9", |a, b, _| {
        match a.is_nan() || b.is_nan() {
            true => NAN,
            _ => bits(if less(a, b) { a } else { b }),
        }
    });
    check_float("max.NaN.f32 %f9, %f0, %f1;", "%f9", |a, b, _| {
        match a.is_nan() || b.is_nan() {
            true => NAN,
            _ => bits(if less(a, b) { b } else { a }),
        }
    });
}

#[test]
fn signs_change_alone() {
    check_float("neg.f32 %f9, %f0;", "%f9", |a, _, _| (-a).to_bits().into());
    check_float("abs.f32 %f9, %f0;", "%f9", |a, _, _| {
        a.abs().to_bits().into()
    });
    check_float("copysign.f32 %f9, %f0, %f1;", "%f9", |a, b, _| {
        b.copysign(a).to_bits().into()
    });
}

#[test]
fn comparisons_of_numbers_and_nans() {
    type Holds = fn(f32, f32) -> bool;
    let ordered: [(&str, Holds); 6] = [
        ("eq", |a, b| a == b),
        ("ne", |a, b| a != b && !a.is_nan() && !b.is_nan()),
        ("lt", |a, b| a < b),
        ("le", |a, b| a <= b),
        ("gt", |a, b| a > b),
        ("ge", |a, b| a >= b),
    ];
    for (name, holds) in ordered {
        let code = format!("setp.{name}.f32 %p9, %f0, %f1;");
        check_float(&code, "%p9", |a, b, _| holds(a, b).into());
        let code = format!("setp.{name}u.f32 %p9, %f0, %f1;");
        check_float(&code, "%p9", |a, b, _| {
            (holds(a, b) || a.is_nan() || b.is_nan()).into()
        });
    }
    check_float("setp.num.f32 %p9, %f0, %f1;", "%p9", |a, b, _| {
        (!a.is_nan() && !b.is_nan()).into()
    });
    check_float("setp.nan.f32 %p9, %f0, %f1;", "%p9", |a, b, _| {
        (a.is_nan() || b.is_nan()).into()
    });
    check_float("set.gt.u32.f32 %r9, %f0, %f1;", "%r9", |a, b, _| {
        if a > b { 0xFFFF_FFFF } else { 0 }
    });
}

#[test]
fn classes() {
    check_float("testp.finite.f32 %p9, %f0;", "%p9", |a, _, _| {
        a.is_finite().into()
    });
    check_float("testp.infinite.f32 %p9, %f0;", "%p9", |a, _, _| {
        a.is_infinite().into()
    });
    check_float("testp.number.f32 %p9, %f0;", "%p9", |a, _, _| {
        (!a.is_nan()).into()
    });
    check_float("testp.notanumber.f32 %p9, %f0;", "%p9", |a, _, _| {
        a.is_nan().into()
    });
    check_float("testp.normal.f32 %p9, %f0;", "%p9", |a, _, _| {
        (a.is_normal() || a == 0.0).into()
    });
    check_float("testp.subnormal.f32 %p9, %f0;", "%p9", |a, _, _| {
        a.is_subnormal().into()
    });
}

#[test]
fn floats_become_integers() {
    type Round = fn(f32) -> f32;
    let modes: [(&str, Round); 4] = [
        ("rni", f32::round_ties_even),
        ("rzi", f32::trunc),
        ("rmi", f32::floor),
        ("rpi", f32::ceil),
    ];
    for (mode, round) in modes {
        // Rust's `as` saturates and takes NaN to 0, as the hardware does up to 32 bits.
        let code = format!("cvt.{mode}.s32.f32 %r9, %f0;");
        check_float(&code, "%r9", |a, _, _| (round(a) as i32 as u32).into());
        let code = format!("cvt.{mode}.u32.f32 %r9, %f0;");
        check_float(&code, "%r9", |a, _, _| (round(a) as u32).into());
        let code = format!("cvt.{mode}.s16.f32 %rs9, %f0;");
        check_float(&code, "%rs9", |a, _, _| (round(a) as i16 as u16).into());
        let code = format!("cvt.{mode}.sat.s8.f32 %r9, %f0;");
        check_float(&code, "%r9", |a, _, _| {
            (round(a) as i8 as i32 as u32).into()
        });
        let code = format!("cvt.{mode}.s64.f32 %rd9, %f0;");
        check_float(&code, "%rd9", |a, _, _| match a.is_nan() {
            true => 1 << 63,
            false => round(a) as i64 as u64,
        });
        let code = format!("cvt.{mode}.u64.f32 %rd9, %f0;");
        check_float(&code, "%rd9", |a, _, _| match a.is_nan() {
            true => 1 << 63,
            false => round(a) as u64,
        });
        let code = format!("cvt.{mode}.f32.f32 %f9, %f0;");
        check_float(&code, "%f9", |a, _, _| bits(round(a)));
    }
    check_float("cvt.sat.f32.f32 %f9, %f0;", "%f9", |a, _, _| match a {
        a if a > 0.0 => bits(a.min(1.0)),
        _ => 0,
    });
}

#[test]
fn integers_become_floats() {
    let cases = crate::harness::cases();
    type Expected = fn(u64) -> f32;
    let table: [(&str, Expected); 8] = [
        ("cvt.rn.f32.u8 %f9, %r0;", |a| a as u8 as f32),
        ("cvt.rn.f32.s8 %f9, %r0;", |a| a as i8 as f32),
        ("cvt.rn.f32.u16 %f9, %rs0;", |a| a as u16 as f32),
        ("cvt.rn.f32.s16 %f9, %rs0;", |a| a as i16 as f32),
        ("cvt.rn.f32.u32 %f9, %r0;", |a| a as u32 as f32),
        ("cvt.rn.f32.s32 %f9, %r0;", |a| a as i32 as f32),
        ("cvt.rn.f32.u64 %f9, %rd0;", |a| a as f32),
        ("cvt.rn.f32.s64 %f9, %rd0;", |a| a as i64 as f32),
    ];
    for (code, expected) in table {
        check(code, "%f9", &cases, |[a, ..]| expected(a).to_bits().into());
    }
    check("cvt.rn.sat.f32.s32 %f9, %r0;", "%f9", &cases, |[a, ..]| {
        (a as i32 as f32).clamp(0.0, 1.0).to_bits().into()
    });
}
