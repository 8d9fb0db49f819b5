//! Loads, stores, spaces and variables.

use mambalite_ptx_vm::{Arg, Device, Fault, Launch, Module, Options, Space};

use crate::harness::{fault, module, run, run_out, run_text, words};

fn one() -> Launch {
    Launch::linear(1, 1)
}

#[test]
fn loads_extend_to_the_register() {
    let body = "
        .shared .align 8 .b8 s[16];
        mov.u64 %rd0, s; st.shared.b64 [%rd0], 0x80FF7F0181FE8002;
        ld.shared.s8 %r0, [s+1]; ld.shared.u8 %r1, [s+1]; ld.shared.s16 %r2, [s+2];
        ld.shared.u16 %r3, [s+2]; ld.shared.s8 %rs4, [s+7]; cvt.u32.u16 %r4, %rs4;
        ld.shared.b16 %rs5, [s+6]; cvt.u32.u16 %r5, %rs5; ld.shared.s32 %rd6, [s+4];
        cvt.u32.u64 %r6, %rd6; shr.u64 %rd6, %rd6, 32; cvt.u32.u64 %r7, %rd6;
        st.global.v4.b32 [%rd10], {%r0, %r1, %r2, %r3};
        st.global.v4.b32 [%rd10+16], {%r4, %r5, %r6, %r7};";
    let found = run_out(body, one(), Options::default(), 8).unwrap();
    assert_eq!(
        found,
        [
            0xFFFF_FF80,
            0x80,
            0xFFFF_81FE,
            0x81FE,
            0xFF80,
            0x80FF,
            0x80FF_7F01,
            0xFFFF_FFFF,
        ]
    );
}

#[test]
fn vectors_and_modifiers() {
    let text = module(
        ".param .u64 .ptr .global .align 16 a, .param .b64 b",
        "ld.param.u64 %rd0, [a]; ld.param.b64 %rd1, [b]; cvta.to.global.u64 %rd0, %rd0;
         ld.global.nc.L1::no_allocate.L2::128B.v2.b32 {%r0, _}, [%rd0];
         ld.global.nc.v4.u16 {%rs0, %rs1, %rs2, %rs3}, [%rd0+8];
         ld.volatile.global.v2.s8 {%rs4, %rs5}, [%rd0+-2+2];
         ld.ca.v4.f32 {%f0, %f1, %f2, %f3}, [%rd0];
         cvt.u32.u16 %r1, %rs3; cvt.s32.s16 %r2, %rs5;
         st.global.wb.v2.b32 [%rd1], {%r0, %r1}; st.b32 [%rd1+8], %r2; st.f32 [%rd1+12], %f3;",
    );
    let text = text.replace("+-2+2", "");
    let module = Module::parse(&text).unwrap();
    let mut device = Device::default();
    let bytes: Vec<u8> = (0x80..0x90).collect();
    let (a, b) = (device.upload(&bytes).unwrap(), device.alloc(16).unwrap());
    let kernel = module.kernel("k").unwrap();
    device
        .launch(kernel, &one(), &[a.into(), b.into()])
        .unwrap();
    let found = words(&device.read(b, 16).unwrap());
    assert_eq!(found, [0x8382_8180, 0x8F8E, 0xFFFF_FF81, 0x8F8E_8D8C]);
}

#[test]
fn generic_addresses_reach_every_space() {
    let text = "
        .version 8.5
        .target sm_87
        .address_size 64
        .const .align 4 .u32 c[2] = {5, 6};
        .global .align 4 .b8 g[4] = {1, 2, 3, 4};
        .visible .entry k(.param .b64 out, .param .align 8 .b8 p[16])
        {
            .local .align 8 .b8 __local_depot0[16];
            .reg .b64 %SP, %SPL, %rd<9>; .reg .b32 %r<9>; .shared .u32 s;
            mov.b64 %SPL, __local_depot0; cvta.local.u64 %SP, %SPL;
            st.local.b32 [%SPL+4], 11; st.b32 [%SP+8], 12;
            ld.b32 %r0, [%SP+4]; ld.local.b32 %r1, [%SPL+8];
            mov.u64 %rd0, s; cvta.shared.u64 %rd1, %rd0; st.b32 [%rd1], 13;
            ld.shared.b32 %r2, [s]; cvta.to.shared.u64 %rd2, %rd1; ld.shared.b32 %r2, [%rd2];
            mov.u64 %rd3, c; cvta.const.u64 %rd3, %rd3; ld.b32 %r3, [%rd3+4];
            ld.const.b32 %r4, [c]; mov.b64 %rd4, generic(g); ld.b32 %r5, [%rd4];
            mov.b64 %rd5, p; cvta.param.u64 %rd6, %rd5; ld.b32 %r6, [%rd6+8];
            ld.param.b32 %r7, [p+12]; ld.param.b64 %rd7, [out];
            mov.u32 %r8, s; ld.shared.b32 %r8, [%r8];
            st.global.v4.b32 [%rd7], {%r0, %r1, %r2, %r3};
            st.global.v4.b32 [%rd7+16], {%r4, %r5, %r6, %r7}; st.global.b32 [%rd7+32], %r8;
            ret;
        }";
    let module = Module::parse(text).unwrap();
    let kernel = module.kernel("k").unwrap();
    assert_eq!((kernel.local_bytes(), kernel.shared_bytes()), (16, 4));
    assert_eq!(kernel.parameters()[1].bytes, 16);
    let mut device = Device::default();
    let out = device.alloc(36).unwrap();
    let structure = (0..16).collect();
    let args = [out.into(), Arg::Bytes(structure)];
    device.launch(kernel, &one(), &args).unwrap();
    let found = words(&device.read(out, 36).unwrap());
    let expected = [11, 12, 13, 6, 5, 0x0403_0201, 0x0B0A_0908, 0x0F0E_0D0C, 13];
    assert_eq!(found, expected);
}

#[test]
fn variables_hold_numbers_and_addresses() {
    let text = "
        .version 8.5
        .target sm_87
        .address_size 64
        .global .align 8 .u64 table[3] = {generic(b), b+4, 7};
        .global .align 8 .b8 packed[9] = {0xFF(b), 0xFF00(b), 0xFF0000(b), 0xFF000000(b),
            0xFF00000000(b), 0xFF0000000000(b), 0xFF000000000000(b), 0xFF00000000000000(b), 9};
        .visible .global .align 4 .f32 b[2] = {0f3F800000, 0fC0000000};
        .global .align 4 .s16 c[] = {-1, 2, 0x10, 077};
        .weak .global .align 1 .b8 zero[5];
        .global .f64 d = 0d4000000000000000;
        .entry k(.param .b64 out)
        {
            .reg .b64 %rd<9>; .reg .b32 %r<9>;
            ld.param.b64 %rd0, [out];
            ld.global.b64 %rd1, [table]; ld.global.b32 %r0, [%rd1];
            ld.global.b64 %rd2, [table+8]; ld.b32 %r1, [%rd2];
            ld.global.b64 %rd3, [packed]; ld.global.b32 %r2, [%rd3+4];
            ld.global.s16 %r3, [c]; ld.global.u16 %r4, [c+6];
            ld.global.u8 %r5, [zero+4]; ld.global.b32 %r6, [d+4];
            st.global.b8 [zero+4], 1;
            st.global.v4.b32 [%rd0], {%r0, %r1, %r2, %r3};
            st.global.v2.b32 [%rd0+16], {%r4, %r5}; st.global.b32 [%rd0+24], %r6;
        }";
    let module = Module::parse(text).unwrap();
    let mut device = Device::default();
    let out = device.alloc(28).unwrap();
    let kernel = module.kernel("k").unwrap();
    for previous in [0, 1] {
        device.launch(kernel, &one(), &[out.into()]).unwrap();
        let found = words(&device.read(out, 28).unwrap());
        let (one, two) = (1f32.to_bits(), (-2f32).to_bits());
        let expected = [one, two, two, 0xFFFF_FFFF, 0o77, previous, 0x4000_0000];
        assert_eq!(found, expected);
    }
    let (address, bytes) = device.variable(&module, "c").unwrap();
    assert_eq!(
        device.read(address, bytes).unwrap()[..4],
        [0xFF, 0xFF, 2, 0]
    );
    assert_eq!(device.variable(&module, "other"), None);
}

#[test]
fn shared_arrays_do_not_overlap() {
    let text = "
        .version 8.5
        .target sm_87
        .address_size 64
        .shared .align 4 .b8 unused[40000];
        .shared .align 16 .b8 common[20];
        .extern .shared .align 16 .b8 dynamic[];
        .entry k(.param .b64 out)
        {
            .reg .b64 %rd<9>; .reg .b32 %r<9>; .shared .b8 own;
            { .shared .align 4 .b8 x[4]; .reg .u64 t; mov.u64 t, x; cvta.shared.u64 %rd0, t; }
            { .shared .align 4 .b8 x[4]; .reg .u64 t; mov.u64 t, x; cvta.shared.u64 %rd1, t; }
            mov.u64 %rd2, common; mov.u64 %rd3, dynamic; ld.param.b64 %rd4, [out];
            st.b32 [%rd0], 1; st.b32 [%rd1], 2; st.shared.b32 [common+16], 3;
            st.shared.b32 [%rd3], 4; st.shared.b32 [dynamic+60], 6; st.shared.b8 [own], 5;
            ld.b32 %r0, [%rd0]; ld.b32 %r1, [%rd1]; ld.shared.b32 %r2, [%rd2+16];
            ld.shared.b32 %r3, [dynamic]; ld.shared.u8 %r4, [own];
            st.global.v4.b32 [%rd4], {%r0, %r1, %r2, %r3}; st.global.b32 [%rd4+16], %r4;
        }
        .entry other() { st.shared.b8 [unused], 1; }";
    let module = Module::parse(text).unwrap();
    let kernel = module.kernel("k").unwrap();
    assert!(kernel.shared_bytes() < 100);
    assert_eq!(module.kernel("other").unwrap().shared_bytes(), 40_000);
    let mut device = Device::default();
    let out = device.alloc(20).unwrap();
    let mut launch = one();
    launch.dynamic_shared = 64;
    device.launch(kernel, &launch, &[out.into()]).unwrap();
    assert_eq!(words(&device.read(out, 20).unwrap()), [1, 2, 3, 4, 5]);
    launch.dynamic_shared = 60;
    let (_, found) = fault(device.launch(kernel, &launch, &[out.into()]));
    assert!(matches!(
        found,
        Fault::OutOfBounds {
            space: Space::Shared,
            bytes: 4,
            ..
        }
    ));
}

#[test]
fn blocks_and_threads_start_with_empty_memories() {
    let body = ".shared .b32 s; .reg .pred %first; mov.u32 %r0, %ctaid.x;
        setp.eq.u32 %first, %r0, 0; @%first st.shared.b32 [s], 1; ld.shared.b32 %r1, [s];";
    let (place, found) = fault(run(body, Launch::linear(2, 1), Options::default()));
    assert_eq!((place.block, place.line), ([1, 0, 0], 8));
    assert!(matches!(
        found,
        Fault::Uninitialised {
            space: Space::Shared,
            ..
        }
    ));
    let text = ".version 8.5\n.target sm_87\n.address_size 64\n.entry k() { .local .b32 l;
        .reg .b32 %r<2>; .reg .pred %first; mov.u32 %r0, %tid.x; setp.eq.u32 %first, %r0, 0;
        @%first st.local.b32 [l], 1; ld.local.b32 %r1, [l]; }";
    let (place, found) = fault(run_text(text, Launch::linear(1, 2), Options::default()));
    assert_eq!((place.thread, place.line), ([1, 0, 0], 6));
    assert!(matches!(
        found,
        Fault::Uninitialised {
            space: Space::Local,
            ..
        }
    ));
}
