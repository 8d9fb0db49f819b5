//! Counts of instructions and bytes.

use mambalite_ptx_vm::{Device, Launch, Module, Options};

use crate::harness::run;
use crate::kernels::{TEXT, gemm};

#[test]
fn classes_and_bytes() {
    let body = ".shared .align 8 .b8 s[256]; .local .b32 l; mov.u32 %r0, %tid.x;
        mul.wide.u32 %rd0, %r0, 8; mov.u64 %rd1, s; add.s64 %rd0, %rd0, %rd1; st.shared.v2.b32 [%rd0], {%r0, %r0};
        membar.cta; bar.sync 0; ld.shared.u16 %r1, [%rd0]; st.local.b32 [l], 1; ld.local.b32 %r2, [l];
        add.rn.f32 %f0, 0f00000000, 0f00000000; fma.rn.f32 %f1, %f0, %f0, %f0; setp.lt.f32 %p0, %f0, %f1;
        dp4a.u32.u32 %r3, %r0, %r0, 0; cvt.rn.f32.s32 %f2, %r0; @%p0 st.shared.b32 [s], 1;";
    let stats = run(body, Launch::linear(3, 32), Options::default()).unwrap();
    let threads = 96;
    assert_eq!(stats.integer, 4 * threads);
    assert_eq!(stats.float, 3 * threads);
    assert_eq!((stats.fma, stats.dp4a), (threads, threads));
    assert_eq!(stats.memory, 5 * threads);
    // With `ret`.
    assert_eq!(stats.control, 3 * threads);
    assert_eq!(stats.instructions, 17 * threads);
    assert_eq!(
        (stats.shared_stores, stats.shared_store_bytes),
        (threads, 8 * threads)
    );
    assert_eq!(
        (stats.shared_loads, stats.shared_load_bytes),
        (threads, 2 * threads)
    );
    assert_eq!((stats.global_loads, stats.global_stores), (0, 0));
    assert_eq!(stats.barriers, 3);
}

#[test]
fn products_move_the_bytes_that_they_must() {
    let (_, _, naive) = gemm(TEXT, "gemm_i8", Options::default()).unwrap();
    let (_, _, tiled) = gemm(TEXT, "gemm_tiled", Options::default()).unwrap();
    let products = 16 * 24 * 64;
    assert_eq!(
        (naive.global_loads, naive.global_load_bytes),
        (2 * products, 2 * products)
    );
    // A tile of 8 by 8 loads every byte for 8 products.
    assert_eq!(tiled.global_load_bytes, 2 * products / 8);
    assert_eq!(tiled.dp4a, products / 4);
    for stats in [naive, tiled] {
        assert_eq!((stats.global_stores, stats.global_store_bytes), (384, 1536));
    }
}

#[test]
fn warps_issue_as_often_as_their_busiest_lane() {
    // Lane i goes round i times.
    let body = "mov.u32 %r0, %tid.x; and.b32 %r0, %r0, 31; mov.u32 %r1, 0;
        again: setp.ge.u32 %p0, %r1, %r0; @%p0 bra end; add.s32 %r1, %r1, 1; bra again; end:";
    let stats = run(body, Launch::linear(2, 40), Options::default()).unwrap();
    let (long, short) = (3 + 4 * 31 + 2 + 1, 3 + 4 * 7 + 2 + 1);
    assert_eq!(stats.issued.instructions, 2 * (long + short));
    assert_eq!(stats.issued.longest_warp, long);
    assert_eq!(stats.issued.control, 2 * (2 * 31 + 2 + 2 * 7 + 2));
}

/// Blocks of 32 threads copy words; each begins half a block after the one before.
const OVERLAPPING: &str = "
    .version 8.5
    .target sm_87
    .address_size 64
    .visible .entry copy(.param .u64 from, .param .u64 to)
    {
        .reg .b32 %r<4>; .reg .b64 %rd<6>;
        ld.param.b64 %rd0, [from]; ld.param.b64 %rd1, [to];
        mov.u32 %r0, %ctaid.x; mov.u32 %r1, %tid.x; mad.lo.s32 %r2, %r0, 16, %r1;
        mad.wide.u32 %rd2, %r2, 4, %rd0; ld.global.b32 %r3, [%rd2];
        mad.lo.s32 %r2, %r0, 32, %r1; mad.wide.u32 %rd3, %r2, 4, %rd1; st.global.b32 [%rd3], %r3;
        ret;
    }";

#[test]
fn traffic_is_what_blocks_touch() {
    let module = Module::parse(OVERLAPPING).unwrap();
    let copy = module.kernel("copy").unwrap();
    let traffic = |lasting| {
        let mut device = Device::default();
        let from = device.upload(&[7; 4 * 64]).unwrap();
        if lasting {
            device.protect(from).unwrap();
        }
        let to = device.alloc(4 * 96).unwrap();
        let launch = Launch::linear(3, 32);
        let stats = device
            .launch(copy, &launch, &[from.into(), to.into()])
            .unwrap();
        (stats.traffic_bytes, stats.touched_bytes)
    };
    assert_eq!(traffic(false), (3 * 128 + 384, 256 + 384));
    assert_eq!(traffic(true), (256 + 384, 256 + 384));
}
