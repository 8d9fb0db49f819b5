//! Damaged kernels: each damage must show, as an error of the parser, a fault, or other results.

use mambalite_ptx_vm::{Arg, Device, Fault, Launch, LaunchError, Module, Options, ParseErrorKind};
use proptest::prelude::*;

use crate::harness::{ORDERS, fault};
use crate::kernels::{TEXT, gemm, options, scan_f32, scan_q};

/// Replaces the occurrences of a piece that the function chooses.
fn replace(text: &str, from: &str, to: &str, chosen: impl Fn(usize) -> bool) -> String {
    let parts: Vec<_> = text.split(from).collect();
    assert!(parts.len() > 1, "{from} does not occur");
    let mut result = parts[0].to_owned();
    for (at, part) in parts[1..].iter().enumerate() {
        result += if chosen(at) { to } else { from };
        result += part;
    }
    result
}

#[test]
fn a_barrier_less_is_a_race() {
    assert_eq!(TEXT.matches("bar.sync").count(), 2);
    for keep in [None, Some(0), Some(1)] {
        let text = replace(TEXT, "bar.sync \t0;", "", |at| Some(at) != keep);
        for order in ORDERS {
            let (place, found) = fault(gemm(&text, "gemm_tiled", options(order)));
            assert_eq!(place.kernel, "gemm_tiled");
            let race = matches!(found, Fault::Race { .. });
            // Without the first, threads read what others have not written yet.
            let early = keep != Some(0) && matches!(found, Fault::Uninitialised { .. });
            assert!(race || early, "{found}");
        }
        let blind = Options {
            detect_races: false,
            ..Options::default()
        };
        if keep == Some(0) {
            // Without the second only the detector or the result shows it.
            let (found, expected, _) = gemm(&text, "gemm_tiled", blind).unwrap();
            assert_ne!(found, expected);
        }
    }
}

#[test]
fn a_shift_of_the_other_kind_changes_the_result() {
    let count = TEXT.matches("shr.s32").count();
    for at in 0..count {
        let text = replace(TEXT, "shr.s32", "shr.u32", |other| other == at);
        let (found, expected) = scan_q(&text, Options::default()).unwrap();
        assert_ne!(found, expected, "shift {at}");
    }
}

#[test]
fn arithmetic_that_may_be_fused_is_refused() {
    for opcode in ["mul.rn.f32", "add.rn.f32"] {
        let text = replace(TEXT, opcode, &opcode.replace(".rn", ""), |at| at == 17);
        let error = Module::parse(&text).unwrap_err();
        assert!(matches!(error.kind, ParseErrorKind::Inexact { .. }));
        let changed = text.lines().zip(TEXT.lines()).position(|(a, b)| a != b);
        assert_eq!(error.line as usize, changed.unwrap() + 1);
    }
}

#[test]
fn a_product_fused_into_a_sum_changes_the_result() {
    // h = decay * h + input, the last two instructions of the first state.
    let text = replace(
        TEXT,
        "mul.rn.f32 \t%r63, %r11, %r62;\n\tadd.rn.f32 \t%r307, %r63, %r60;",
        "fma.rn.f32 \t%r307, %r11, %r62, %r60;",
        |_| true,
    );
    let (found, expected) = scan_f32(&text, Options::default()).unwrap();
    assert_ne!(found, expected);
}

#[test]
fn an_index_that_is_shifted_shows() {
    for (kernel, from, to) in [
        (
            "gemm_i8",
            "ld.global.s8 \t%rs1, [%rd15+-7]",
            "ld.global.s8 \t%rs1, [%rd15+-6]",
        ),
        (
            "gemm_i8",
            "ld.global.s8 \t%rs15, [%rd15]",
            "ld.global.s8 \t%rs15, [%rd15+1]",
        ),
        (
            "gemm_i8",
            "ld.global.s8 \t%rs1, [%rd15+-7]",
            "ld.global.s8 \t%rs1, [%rd15+-8]",
        ),
        (
            "gemm_dp4a",
            "ld.global.b32 \t%r38, [%rd24+28]",
            "ld.global.b32 \t%r38, [%rd24+32]",
        ),
        (
            "gemm_dp4a",
            "st.global.b32 \t[%rd29], %r41",
            "st.global.b32 \t[%rd29+4], %r41",
        ),
        (
            "gemm_dp4a",
            "st.global.b32 \t[%rd29], %r41",
            "st.global.b32 \t[%rd29+-4], %r41",
        ),
        (
            "gemm_tiled",
            "st.b32 \t[%rd10+256], %r36",
            "st.b32 \t[%rd10+260], %r36",
        ),
        (
            "gemm_tiled",
            "ld.b32 \t%r14, [%rd13+256]",
            "ld.b32 \t%r14, [%rd13+252]",
        ),
        (
            "gemm_tiled",
            "ld.global.b32 \t%r35, [%rd32]",
            "ld.global.b32 \t%r35, [%rd32+1]",
        ),
    ] {
        let text = replace(TEXT, from, to, |_| true);
        match gemm(&text, kernel, Options::default()) {
            Ok((found, expected, _)) => assert_ne!(found, expected, "{to}"),
            Err(LaunchError::Fault { fault, .. }) => {
                let known = matches!(
                    fault,
                    Fault::OutOfBounds { .. }
                        | Fault::Misaligned { .. }
                        | Fault::Uninitialised { .. }
                        | Fault::Race { .. }
                );
                assert!(known, "{to}: {fault}");
            }
            Err(error) => panic!("{to}: {error}"),
        }
    }
}

#[test]
fn a_store_to_an_input_is_refused() {
    let text = replace(
        TEXT,
        "ld.param.b64 \t%rd15, [gemm_dp4a_param_2]",
        "ld.param.b64 \t%rd15, [gemm_dp4a_param_1]",
        |_| true,
    );
    let (_, found) = fault(gemm(&text, "gemm_dp4a", Options::default()));
    assert!(matches!(found, Fault::ReadOnly { .. }));
}

/// Changes digits of the text, or puts a line in the place of another.
fn disturb(text: &str, edits: &[(usize, usize, u8)]) -> String {
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    let count = lines.len();
    for &(at, other, digit) in edits {
        if digit >= 10 {
            lines[at % count] = lines[other % count].clone();
            continue;
        }
        let line = &mut lines[at % count];
        let digits: Vec<_> = line.match_indices(|c: char| c.is_ascii_digit()).collect();
        let digits: Vec<_> = digits.into_iter().map(|(at, _)| at).collect();
        if let Some(&at) = digits.get(other % digits.len().max(1)) {
            line.replace_range(at..=at, &digit.to_string());
        }
    }
    lines.join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn disturbed_kernels_end_without_panic(
        edits in prop::collection::vec((any::<usize>(), any::<usize>(), 0..16u8), 1..6)
    ) {
        let Ok(module) = Module::parse(&disturb(TEXT, &edits)) else {
            return Ok(());
        };
        let mut device = Device::new(Options {
            max_instructions: 30_000,
            ..Options::default()
        });
        for kernel in module.kernels() {
            let parameters = kernel.parameters().iter();
            let args = parameters.map(|parameter| match parameter.bytes {
                4 => Arg::U32(8),
                8 => Arg::U64(device.upload(&[3; 512]).unwrap()),
                bytes => Arg::Bytes(vec![0; bytes]),
            });
            let args: Vec<_> = args.collect();
            let _ = device.launch(kernel, &Launch::linear(2, 33), &args);
        }
    }
}
