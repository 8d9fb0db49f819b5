//! Every fault, with its place and its numbers.

use mambalite_ptx_vm::{Device, Fault, Launch, LaunchError, Module, Options, Place, Space};

use crate::harness::{fault, module, run};

fn one() -> Launch {
    Launch::linear(1, 1)
}

/// Returns the fault of a kernel whose argument is the address of 16 bytes, the first 8 written.
fn fault_at(body: &str) -> (Place, Fault, u64) {
    let body = format!("ld.param.b64 %rd0, [a];\n{body}");
    let module = Module::parse(&module(".param .b64 a", &body)).unwrap();
    let mut device = Device::default();
    let address = device.alloc(16).unwrap();
    device.write(address, &[1; 8]).unwrap();
    let kernel = module.kernel("k").unwrap();
    let (place, fault) = fault(device.launch(kernel, &one(), &[address.into()]));
    (place, fault, address)
}

#[test]
fn accesses_outside_an_allocation() {
    for (offset, bytes) in [
        (16, 4),
        (-4, 4),
        (1 << 20, 4),
        (-(1 << 16), 4),
        (16, 1),
        (12, 4 + 4),
    ] {
        let code = match bytes {
            1 => format!("ld.global.u8 %r0, [%rd0+{offset}];"),
            4 => format!("ld.global.b32 %r0, [%rd0+{offset}];"),
            _ => format!(
                "add.s64 %rd0, %rd0, {}; st.global.b64 [%rd0+8], %rd0;",
                offset - 4
            ),
        };
        let (place, fault, base) = fault_at(&code);
        let expected = Fault::OutOfBounds {
            space: Space::Global,
            address: base.wrapping_add_signed(if bytes == 8 { 16 } else { offset }),
            bytes,
            base,
            length: 16,
        };
        assert_eq!((place.line, place.kernel.as_str()), (8, "k"));
        assert_eq!(fault, expected);
    }
}

#[test]
fn accesses_to_nothing() {
    for (code, space, address) in [
        ("mov.b64 %rd1, 0; ld.b32 %r0, [%rd1];", Space::Generic, 0),
        ("ld.global.b32 %r0, [64];", Space::Global, 64),
        (
            "mov.b64 %rd1, -8; ld.b32 %r0, [%rd1];",
            Space::Generic,
            u64::MAX - 7,
        ),
        (
            "mov.b64 %rd1, 0x7F00000000; ld.global.b32 %r0, [%rd1];",
            Space::Global,
            0x7F_0000_0000,
        ),
    ] {
        let (_, fault, _) = fault_at(code);
        let expected = Fault::Unmapped {
            space,
            address,
            bytes: 4,
        };
        assert_eq!(fault, expected, "{code}");
    }
    // Memory of the device is not of the constant space, nor shared or local.
    let (_, fault, _) = fault_at("ld.const.b32 %r0, [%rd0];");
    assert!(matches!(
        fault,
        Fault::Unmapped {
            space: Space::Const,
            ..
        }
    ));
    let (_, fault, _) = fault_at("ld.shared.b32 %r0, [%rd0];");
    assert!(matches!(
        fault,
        Fault::OutOfBounds {
            space: Space::Shared,
            length: 0,
            ..
        }
    ));
    let (_, fault, _) = fault_at("st.local.b32 [%rd0], 1;");
    assert!(matches!(
        fault,
        Fault::OutOfBounds {
            space: Space::Local,
            length: 0,
            ..
        }
    ));
    let (_, fault, _) = fault_at("ld.param.b32 %r0, [a+8];");
    assert!(matches!(
        fault,
        Fault::OutOfBounds {
            space: Space::Param,
            length: 8,
            ..
        }
    ));
}

#[test]
fn accesses_after_free() {
    let module = Module::parse(&module(
        ".param .b64 a",
        "ld.param.b64 %rd0, [a]; st.global.b8 [%rd0+5], 1;",
    ));
    let module = module.unwrap();
    let mut device = Device::default();
    let base = device.alloc(16).unwrap();
    device.free(base).unwrap();
    let found = device.launch(module.kernel("k").unwrap(), &one(), &[base.into()]);
    let expected = Fault::Freed {
        address: base + 5,
        bytes: 1,
        base,
        length: 16,
    };
    assert_eq!(fault(found).1, expected);
}

#[test]
fn misaligned_accesses() {
    for (code, offset, bytes) in [
        ("ld.global.b16 %rs0, [%rd0+1];", 1, 2),
        ("ld.global.b32 %r0, [%rd0+2];", 2, 4),
        ("ld.global.b64 %rd1, [%rd0+4];", 4, 8),
        ("ld.global.v4.b32 {%r0, %r1, %r2, %r3}, [%rd0+8];", 8, 16),
        ("st.global.v2.b16 [%rd0+2], {%rs0, %rs1};", 2, 4),
    ] {
        let (_, fault, base) = fault_at(code);
        let expected = Fault::Misaligned {
            space: Space::Global,
            address: base + offset,
            bytes,
        };
        assert_eq!(fault, expected, "{code}");
    }
}

#[test]
fn reads_of_what_was_never_written() {
    let (_, fault, base) = fault_at("ld.global.b32 %r0, [%rd0+4]; ld.b32 %r0, [%rd0+8];");
    let expected = Fault::Uninitialised {
        space: Space::Generic,
        address: base + 8,
        bytes: 4,
    };
    assert_eq!(fault, expected);
    // One byte of four is missing.
    let (_, fault, _) = fault_at(
        "st.global.v2.b8 [%rd0+8], {%rs0, %rs0}; st.global.b8 [%rd0+10], 1;
        ld.global.b16 %rs0, [%rd0+8]; ld.global.b32 %r0, [%rd0+8];",
    );
    assert!(matches!(fault, Fault::Uninitialised { bytes: 4, .. }));
}

#[test]
fn writes_to_constants() {
    let text = ".version 8.5\n.target sm_87\n.address_size 64\n.const .u32 c = 1;\n\
        .entry k() { .reg .b64 %rd<2>; mov.b64 %rd0, c; st.b32 [%rd0], 2; }";
    let (place, found) = fault(crate::harness::run_text(text, one(), Options::default()));
    assert_eq!(place.line, 5);
    assert!(matches!(
        found,
        Fault::ReadOnly {
            space: Space::Generic,
            bytes: 4,
            ..
        }
    ));
    let (_, found, _) = fault_at("mov.b64 %rd1, a; cvta.param.u64 %rd1, %rd1; st.b64 [%rd1], 2;");
    assert!(matches!(found, Fault::ReadOnly { bytes: 8, .. }));
    let (_, found, _) = fault_at("st.param.b64 [a], 2;");
    assert!(matches!(
        found,
        Fault::ReadOnly {
            space: Space::Param,
            ..
        }
    ));
}

#[test]
fn writes_to_a_protected_allocation() {
    let text = module(
        ".param .b64 a",
        "ld.param.b64 %rd0, [a]; st.global.b64 [%rd0], 1;",
    );
    let module = Module::parse(&text).unwrap();
    let mut device = Device::default();
    let address = device.alloc(8).unwrap();
    device.protect(address).unwrap();
    let found = device.launch(module.kernel("k").unwrap(), &one(), &[address.into()]);
    assert!(matches!(
        fault(found).1,
        Fault::ReadOnly {
            space: Space::Global,
            bytes: 8,
            ..
        }
    ));
    device.write(address, &[0; 8]).unwrap();
}

#[test]
fn traps_name_block_and_thread() {
    let body = "mov.u32 %r0, %ctaid.y; mov.u32 %r1, %tid.z; and.b32 %r0, %r0, %r1;
        setp.eq.u32 %p0, %r0, 1;
        @%p0 trap;";
    let launch = Launch {
        grid: [2, 2, 1],
        block: [3, 1, 2],
        dynamic_shared: 0,
    };
    let error = run(body, launch, Options::default()).unwrap_err();
    let text = "kernel k, line 9, block [0, 1, 0], thread [0, 0, 1]: trap";
    assert_eq!(error.to_string(), text);
}

#[test]
fn endless_loops_end() {
    let options = Options {
        max_instructions: 1000,
        ..Options::default()
    };
    let (place, found) = fault(run("$L: bra $L;", one(), options));
    assert_eq!((place.line, found), (7, Fault::Budget(1000)));
    // 999 threads of one instruction, `ret`, are within the budget.
    run("", Launch::linear(1, 999), options).unwrap();
    assert!(run("", Launch::linear(1, 1001), options).is_err());
}

#[test]
fn faults_have_words() {
    let (place, fault, base) = fault_at("ld.global.b32 %r0, [%rd0+16];");
    let error = LaunchError::Fault {
        place: Box::new(place),
        fault,
    };
    let text = format!(
        "kernel k, line 8, block [0, 0, 0], thread [0, 0, 0]: 4 bytes at global address \
         {:#x} are outside the 16 bytes at {base:#x}",
        base + 16
    );
    assert_eq!(error.to_string(), text);
}
