//! Counts of instructions and bytes.

use mambalite_ptx_vm::{Launch, Options};

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
