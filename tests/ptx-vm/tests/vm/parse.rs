//! Errors of the parser, and texts that must not bring it down.

use mambalite_ptx_vm::{Module, ParseErrorKind};
use proptest::prelude::*;

use crate::harness::{module, parse_error};
use crate::kernels::TEXT;

/// Line of the first instruction in [`parse_error`].
const LINE: u32 = 7;

#[test]
fn what_is_not_exact_is_refused() {
    for opcode in [
        "add.f32",
        "sub.f32",
        "mul.f32",
        "add.ftz.f32",
        "add.rn.ftz.f32",
        "mul.rz.f32",
        "sub.rm.f32",
        "add.rp.f32",
        "div.approx.f32",
        "div.full.f32",
        "div.rz.f32",
        "div.f32",
        "min.ftz.f32",
        "copysign.ftz.f32",
    ] {
        let error = parse_error(&format!("\n{opcode} %f0, %f1, %f2;"));
        assert_eq!(error.line, LINE + 1, "{opcode}");
        assert!(
            matches!(error.kind, ParseErrorKind::Inexact { .. }),
            "{opcode}: {error}"
        );
    }
    for opcode in [
        "sqrt.approx.f32",
        "sqrt.f32",
        "sqrt.rz.f32",
        "rcp.approx.ftz.f32",
        "rsqrt.approx.f32",
        "ex2.approx.f32",
        "lg2.approx.f32",
        "sin.approx.f32",
        "cos.approx.f32",
        "tanh.approx.f32",
        "neg.ftz.f32",
        "abs.ftz.f32",
        "cvt.rn.ftz.f32.s32",
        "cvt.rz.f32.s32",
    ] {
        let error = parse_error(&format!("{opcode} %f0, %f1;"));
        assert!(
            matches!(error.kind, ParseErrorKind::Inexact { .. }),
            "{opcode}: {error}"
        );
    }
    for opcode in ["fma.f32", "fma.rz.f32", "fma.rn.ftz.f32", "mad.f32"] {
        let error = parse_error(&format!("{opcode} %f0, %f1, %f2, %f3;"));
        assert!(
            matches!(error.kind, ParseErrorKind::Inexact { .. }),
            "{opcode}: {error}"
        );
    }
    let error = parse_error("setp.lt.ftz.f32 %p0, %f1, %f2;");
    assert!(matches!(error.kind, ParseErrorKind::Inexact { .. }));
}

#[test]
fn what_is_not_known_is_refused() {
    for code in [
        "call foo;",
        "tex.1d.v4.f32.s32 %r0;",
        "nanosleep.u32 5;",
        "bar.red.popc.u32 %r0, 0, %p0;",
        "atom.global.add.u32 %r0, [%rd0], 1;",
        "red.global.add.u32 [%rd0], 1;",
        "frobnicate;",
        "mma.sync.aligned.m8n8k4 %r0;",
        "shfl.up.b32 %r0, %r1, 1, 0;",
        "barrier.arrive 0, 64;",
        "ldu.global.b32 %r0, [%rd0];",
        "cp.async.ca %r0;",
    ] {
        let error = parse_error(code);
        let known = matches!(error.kind, ParseErrorKind::UnsupportedInstruction(_));
        assert!(known && error.line == LINE, "{code}: {error}");
    }
    for code in [
        "add.rn.f64 %rd0, %rd1, %rd2;",
        "add.f16 %rs0, %rs1, %rs2;",
        "add.b32 %r0, %r1, %r2;",
        "add.rn.sat.f32 %f0, %f1, %f2;",
        "add.sat.u32 %r0, %r1, %r2;",
        "shl.u32 %r0, %r1, 1;",
        "and.u32 %r0, %r1, %r2;",
        "mul.wide.s64 %rd0, %rd1, %rd2;",
        "ld.global.acquire.gpu.b32 %r0, [%rd0];",
        "prmt.b32.rc8 %r0, %r1, %r2, 0;",
        "mul.lo.hi.s32 %r0, %r1, %r2;",
        "add.s32.foo %r0, %r1, %r2;",
        "ld.shared.nc.b32 %r0, [%rd0];",
        "st.const.b32 [%rd0], %r0;",
        "ld.global.v8.b32 %r0, [%rd0];",
        "neg.u32 %r0, %r1;",
        "clz.u32 %r0, %r1;",
        "ret.foo;",
        "div.b32 %r0, %r1, %r2;",
        "add.u16x2 %r0, %r1, %r2;",
        "abs.bf16 %rs0, %rs1;",
        "bar.warp.sync 1;",
    ] {
        let error = parse_error(code);
        let known = matches!(error.kind, ParseErrorKind::UnsupportedModifier { .. });
        assert!(known && error.line == LINE, "{code}: {error}");
    }
    for code in [
        "setp.lt.b32 %p0, %r0, %r1;",
        "setp.lo.s32 %p0, %r0, %r1;",
        "setp.equ.s32 %p0, %r0, %r1;",
        "mul.s32 %r0, %r1, %r2;",
        "cvt.s32.f32 %r0, %f0;",
        "cvt.rn.s32.s16 %r0, %rs0;",
        "cvt.f32.s32 %f0, %r0;",
        "cvt.rn.f32.f32 %f0, %f1;",
        "cvta.u64 %rd0, %rd1;",
        "add %r0, %r1, %r2;",
        "shf.l.b32 %r0, %r1, %r2, 3;",
        "testp.f32 %p0, %f0;",
        "fence;",
    ] {
        let error = parse_error(code);
        let known = matches!(error.kind, ParseErrorKind::Expected { .. });
        assert!(known && error.line == LINE, "{code}: {error}");
    }
}

#[test]
fn widths_must_fit() {
    let width = |register: &str, expected, found| ParseErrorKind::Width {
        register: register.to_owned(),
        expected,
        found,
    };
    for (code, kind) in [
        ("add.s32 %r0, %rd1, %r2;", width("%rd1", 32, 64)),
        ("add.s64 %r0, %rd1, %rd2;", width("%r0", 64, 32)),
        ("ld.global.b32 %rs0, [%rd0];", width("%rs0", 32, 16)),
        ("ld.global.f32 %rd0, [%rd0];", width("%rd0", 32, 64)),
        ("ld.global.b32 %r0, [%rs0];", width("%rs0", 64, 16)),
        (
            "ld.global.v2.b8 {%r0, %rs0}, [%rd0];",
            width("%rs0", 32, 16),
        ),
        (
            "ld.global.v2.s16 {%rs0, %r0}, [%rd0];",
            width("%r0", 16, 32),
        ),
        ("selp.b32 %r0, %r1, %r2, %r3;", width("%r3", 1, 32)),
        ("mov.b16 %rs0, %tid.x;", width("%tid.x", 16, 32)),
        ("@%r0 ret;", width("%r0", 1, 32)),
        ("shl.b64 %rd0, %rd1, %rd2;", width("%rd2", 32, 64)),
    ] {
        let error = parse_error(code);
        assert_eq!((error.line, error.kind), (LINE, kind), "{code}");
    }
}

#[test]
fn names_must_be_known() {
    let unknown = |name: &str| ParseErrorKind::UnknownName(name.to_owned());
    for (code, kind) in [
        ("add.s32 %r0, %r10, %r2;", unknown("%r10")),
        ("add.s32 %r0, %r01, %r2;", unknown("%r01")),
        ("mov.b32 %r0, %tid.w;", unknown("%tid.w")),
        ("bra $L;", unknown("$L")),
        ("ld.param.b32 %r0, [p];", unknown("p")),
        ("{ .reg .b32 t; } mov.b32 %r0, t;", unknown("t")),
        ("{ $L: } bra $L;", unknown("$L")),
        ("brx.idx %r0, $T;", unknown("$T")),
        ("$T: .branchtargets $L; brx.idx %r0, $T;", unknown("$L")),
    ] {
        let error = parse_error(code);
        assert_eq!((error.line, error.kind), (LINE, kind), "{code}");
    }
}

#[test]
fn numbers_must_fit() {
    let number = |word: &str| ParseErrorKind::Number(word.to_owned());
    for (code, kind) in [
        ("mov.b16 %rs0, 65536;", number("65536")),
        ("mov.b16 %rs0, -32769;", number("-32769")),
        ("mov.b32 %r0, 0f3F80;", number("0f3F80")),
        (
            "mov.b64 %rd0, 99999999999999999999;",
            number("99999999999999999999"),
        ),
        ("mov.f32 %f0, 1.5;", number("1.5")),
        (
            "ld.global.b32 %r0, [%rd0+4294967296];",
            number("[%rd0+4294967296]"),
        ),
        (
            ".reg .b32 t; .reg .b32 t;",
            ParseErrorKind::Duplicate("t".into()),
        ),
        ("$L: $L:", ParseErrorKind::Duplicate("$L".into())),
    ] {
        let error = parse_error(code);
        assert_eq!((error.line, error.kind), (LINE, kind), "{code}");
    }
}

#[test]
fn operands_must_have_their_form() {
    for code in [
        "mov.b32 5, %r0;",
        "mov.b32 %r0, [%rd0];",
        "ld.global.b32 %r0, %rd0;",
        "bra 5;",
        "st.global.b32 [%rd0], {%r0, %r1};",
        "ld.global.v2.b32 %r0, [%rd0];",
        "bar.sync 16;",
        "bar.sync %r0;",
        "lop3.b32 %r0, %r1, %r2, %r3, 256;",
        "mov.b32 %r0, {%rs0, %rs1, %rs2};",
        "mov.b32 -%r0, %r1;",
        "add.rn.f32 %f0, %f1, 5;",
        "mov.b64 %rd0, %rd1+4;",
        ".shared .b8 s[4]; mov.b16 %rs0, s;",
        "mov.b32 %r0, !%p0;",
        "add.s32 %r0, %r1, %r2|%p0;",
    ] {
        let error = parse_error(code);
        assert!(
            matches!(error.kind, ParseErrorKind::OperandForm { .. }),
            "{code}: {error}"
        );
    }
    for code in [
        "add.s32 %r0, %r1;",
        "ret 5;",
        "bar.sync 0, 64;",
        "st.global.b32 [%rd0];",
    ] {
        let error = parse_error(code);
        assert!(
            matches!(error.kind, ParseErrorKind::OperandCount { .. }),
            "{code}: {error}"
        );
    }
}

#[test]
fn sizes_have_limits() {
    for code in [
        ".shared .b8 s[49153];",
        ".local .b8 s[524289];",
        ".shared .b64 s[99999999999][99999999999];",
        ".shared .b8 a[30000]; .shared .b8 b[30000];",
    ] {
        let error = parse_error(code);
        assert!(
            matches!(error.kind, ParseErrorKind::TooLarge { .. }),
            "{code}: {error}"
        );
    }
    let error = parse_error(&"{".repeat(100));
    assert!(matches!(
        error.kind,
        ParseErrorKind::TooLarge { limit: 64, .. }
    ));
    let error = Module::parse(".const .b8 c[65537];").unwrap_err();
    assert!(matches!(
        error.kind,
        ParseErrorKind::TooLarge { limit: 65_536, .. }
    ));
    let error = Module::parse(&module(".param .b8 a[32765]", "")).unwrap_err();
    assert!(matches!(
        error.kind,
        ParseErrorKind::TooLarge { limit: 32_764, .. }
    ));
    // A number of registers costs nothing until they are named.
    Module::parse(&module(
        "",
        ".reg .b32 %x<4000000000>; mov.b32 %x3999999999, 1;",
    ))
    .unwrap();
}

#[test]
fn modules_must_be_complete() {
    for (text, kind) in [
        (
            ".extern .func (.param .b32 r) core_panic (.param .b64 a);",
            ParseErrorKind::External("core_panic".into()),
        ),
        (
            ".extern .func foo\n();",
            ParseErrorKind::External("foo".into()),
        ),
        (
            ".extern .global .align 4 .b8 g[4];",
            ParseErrorKind::External("g".into()),
        ),
        (
            ".address_size 32\n",
            ParseErrorKind::UnsupportedDirective(".address_size 32".into()),
        ),
        (
            ".alias a, b;",
            ParseErrorKind::UnsupportedDirective(".alias".into()),
        ),
        (
            ".global .b128 x;",
            ParseErrorKind::UnsupportedDirective(".b128".into()),
        ),
        (
            ".global .align 3 .b8 x;",
            ParseErrorKind::Number("3".into()),
        ),
        (".global .u8 x = 256;", ParseErrorKind::Number("256".into())),
        (
            ".global .u64 x = y;",
            ParseErrorKind::UnknownName("y".into()),
        ),
        (
            ".global .b8 x; .const .b8 x;",
            ParseErrorKind::Duplicate("x".into()),
        ),
        (
            ".entry k() { } .entry k() { }",
            ParseErrorKind::Duplicate("k".into()),
        ),
        (
            ".entry k(.param .b32 a, .param .b32 a) { }",
            ParseErrorKind::Duplicate("a".into()),
        ),
        (".version x\n", ParseErrorKind::Number("x".into())),
        ("`", ParseErrorKind::Character('`')),
        ("/* ", ParseErrorKind::Unterminated("comment")),
    ] {
        let error = Module::parse(text).unwrap_err();
        assert_eq!((error.line, error.kind), (1, kind), "{text}");
    }
    for text in [
        ".entry k() {",
        ".entry k(",
        ".entry",
        "entry",
        ".func f() {",
        ".global .b8 x[2] = {1,",
        ".b8",
    ] {
        assert!(Module::parse(text).is_err(), "{text}");
    }
    assert!(Module::parse("").unwrap().kernels().next().is_none());
}

#[test]
fn errors_quote_their_line() {
    let error = parse_error("add.s32 %r0, %r1, %r2;\n   mul.f32 %f0, %f1, %f2;");
    let text = "line 8: `mul.f32` is not exact: without .rn, ptxas may fuse it with another \
                instruction in `mul.f32 %f0, %f1, %f2;`";
    assert_eq!(error.to_string(), text);
}

#[test]
fn directives_that_only_help_are_skipped() {
    let text = ".version 8.5\n.target sm_87, debug\n.address_size 64\n.file 1 \"a.rs\"\n\
        .visible .func (.param .b32 r) f(.param .b64 p)\n.noreturn\n{ ex2.approx.f32 %f1, %f2; { } }\n\
        .func g;\n.pragma \"x\";\n\
        .visible .entry k(\n.param .u64 .ptr .global .align 1 p // note\n)\n\
        .maxntid 128, 1, 1\n.reqntid 128\n.minnctapersm 2 .pragma \"nounroll\";\n{\n\
        .reg .b64 %rd<2>; .loc 1 2 3, function_name $L__info0, inlined_at 1 5 3\n\
        .pragma \"nounroll\"; ld.param.b64 %rd1, [p]; ; .loc 1 2 4\n ret; }\n\
        .section .debug_str { $L: .b8 1 }\n";
    let module = Module::parse(text).unwrap();
    let kernel = module.kernel("k").unwrap();
    assert_eq!((kernel.instructions(), kernel.parameters().len()), (2, 1));
    assert_eq!(module.kernels().count(), 1);
}

/// A text with most of what the parser knows, in few lines.
fn rich_text() -> String {
    let body = ".shared .align 8 .b8 s[64]; .local .b32 l; $T: .branchtargets $A, $A;\n\
        ld.global.v4.b32 {%r0, _, %r2, %r3}, [%rd0+-16]; mov.b64 {%r0, %r1}, %rd0;\n\
        { .reg .u64 t; mov.u64 t, s+8; cvta.shared.u64 %rd1, t; }\n\
        setp.lt.and.s32 %p0|%p1, %r0, -5, !%p2; @!%p0 bra.uni $A; brx.idx %r0, $T;\n\
        fma.rn.f32 %f0, %f1, 0f3F800000, %f2; cvt.rzi.sat.s8.f32 %r0, %f0; lop3.b32 %r0, %r1, %r2, %r3, 0xEA;\n\
        $A: shfl.sync.bfly.b32 %r0|%p0, %r1, 1, 31, -1; vote.sync.ballot.b32 %r0, !%p0, -1; bar.sync 0;\n\
        .pragma \"nounroll\"; st.local.b32 [l], WARP_SZ; mov.u32 %r0, %tid.x; dp4a.s32.u32 %r0, %r1, %r2, %r3;";
    let head =
        ".const .align 4 .u32 c[2] = {1, 0x2};\n.global .u64 g[2] = {generic(c)+4, 0xFF00(c)};\n";
    module(
        ".param .u64 .ptr .align 1 p, .param .align 8 .b8 q[12]",
        body,
    ) + head
}

fn mutate(text: &str, edits: &[(usize, u8, u8)]) -> String {
    const PIECES: [&str; 24] = [
        "",
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        ",",
        ";",
        ".",
        "%r1",
        "$A:",
        "0x",
        "-",
        "9999999999999999999",
        "+",
        "|",
        "@",
        "<",
        ">",
        "\"",
        "/*",
        ".v4",
        "\u{fc}",
    ];
    let mut bytes = text.as_bytes().to_vec();
    for &(at, kind, value) in edits {
        let at = at % (bytes.len() + 1);
        let end = (at + usize::from(value % 16)).min(bytes.len());
        match kind % 5 {
            0 => bytes.truncate(at),
            1 => drop(bytes.splice(at..end, [value])),
            2 => drop(bytes.splice(at..at, PIECES[usize::from(value) % 24].bytes())),
            3 => drop(bytes.drain(at..end)),
            _ => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn every_prefix_is_read_without_panic() {
    let text = rich_text();
    Module::parse(&text).unwrap();
    for end in 0..=text.len() {
        let _ = Module::parse(&text[..end]);
    }
    for end in (0..TEXT.len()).step_by(997) {
        let _ = Module::parse(&TEXT[..end]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn mutated_texts_are_read_without_panic(
        edits in prop::collection::vec((any::<usize>(), any::<u8>(), any::<u8>()), 1..8)
    ) {
        let text = mutate(&rich_text(), &edits);
        if let Err(error) = Module::parse(&text) {
            prop_assert!(error.line >= 1);
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn any_text_is_read_without_panic(text in "\\PC{0,200}") {
        let _ = Module::parse(&text);
        let _ = Module::parse(&module("", &text));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn mutated_kernels_are_read_without_panic(
        edits in prop::collection::vec((any::<usize>(), any::<u8>(), any::<u8>()), 1..4)
    ) {
        let _ = Module::parse(&mutate(TEXT, &edits));
    }
}
