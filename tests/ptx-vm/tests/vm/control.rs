//! Branches, exits and barriers.

use mambalite_ptx_vm::{Fault, Launch, Options, ThreadOrder, Waiting};

use crate::harness::{ORDERS, fault, run, run_out};

fn options(order: ThreadOrder) -> Options {
    Options {
        order,
        ..Options::default()
    }
}

#[test]
fn loops_and_labels_in_scopes() {
    let body = "
        mov.b32 %r0, 0; mov.b32 %r1, 10;
        { $L: add.s32 %r0, %r0, %r1; add.s32 %r1, %r1, -1; setp.ne.b32 %p0, %r1, 0;
          @%p0 bra.uni $L; }
        mov.b32 %r1, 3;
        { $L: add.s32 %r0, %r0, 100; add.s32 %r1, %r1, -1; setp.ne.b32 %p0, %r1, 0;
          @!%p0 bra $M; bra $L; }
        $M: st.global.b32 [%rd10], %r0;";
    let found = run_out(body, Launch::linear(1, 1), Options::default(), 1);
    assert_eq!(found.unwrap(), [355]);
}

#[test]
fn indexed_branches() {
    let body = "
        mov.u32 %r0, %tid.x; mad.wide.u32 %rd10, %r0, 4, %rd10;
        $T: .branchtargets $A, $B, $A, $C;
        brx.idx %r0, $T;
        $A: st.global.b32 [%rd10], 10; ret;
        $B: st.global.b32 [%rd10], 20; exit;
        $C: st.global.b32 [%rd10], 30;";
    let found = run_out(body, Launch::linear(1, 4), Options::default(), 4);
    assert_eq!(found.unwrap(), [10, 20, 10, 30]);
    let found = run_out(body, Launch::linear(1, 5), Options::default(), 5);
    let (place, fault) = fault(found);
    assert_eq!(place.thread, [4, 0, 0]);
    assert_eq!(fault, Fault::BranchIndex { index: 4, count: 4 });
}

#[test]
fn special_registers() {
    let body = "
        mov.u32 %r0, %tid.x; mov.u32 %r1, %tid.y; mov.u32 %r2, %tid.z;
        mov.u32 %r3, %ntid.x; mov.u32 %r4, %ntid.y;
        mad.lo.s32 %r1, %r2, %r4, %r1; mad.lo.s32 %r0, %r1, %r3, %r0;
        mov.u32 %r1, %ntid.z; mul.lo.s32 %r3, %r3, %r4; mul.lo.s32 %r3, %r3, %r1;
        mov.u32 %r4, %ctaid.x; mov.u32 %r5, %ctaid.y; mov.u32 %r6, %ctaid.z;
        mov.u32 %r7, %nctaid.x; mov.u32 %r8, %nctaid.y;
        mad.lo.s32 %r5, %r6, %r8, %r5; mad.lo.s32 %r4, %r5, %r7, %r4;
        mad.lo.s32 %r0, %r4, %r3, %r0; mad.wide.u32 %rd10, %r0, 8, %rd10;
        mov.u32 %r1, %laneid; mov.u32 %r2, %warpid; shl.b32 %r2, %r2, 8; or.b32 %r1, %r1, %r2;
        mov.u32 %r3, %nctaid.z; shl.b32 %r3, %r3, 16; or.b32 %r1, %r1, %r3;
        mov.u32 %r4, %lanemask_lt; popc.b32 %r4, %r4; mov.u32 %r5, %lanemask_ge;
        popc.b32 %r5, %r5; mad.lo.s32 %r4, %r5, WARP_SZ, %r4;
        st.global.v2.b32 [%rd10], {%r1, %r4};";
    let launch = Launch {
        grid: [2, 3, 2],
        block: [5, 4, 3],
        dynamic_shared: 0,
    };
    for order in ORDERS {
        let found = run_out(body, launch, options(order), 2 * 720).unwrap();
        for (index, pair) in found.chunks(2).enumerate() {
            let thread = index as u32 % 60;
            let (lane, warp) = (thread % 32, thread / 32);
            let expected = [lane | warp << 8 | 2 << 16, (32 - lane) * 32 + lane];
            assert_eq!(pair, expected, "{index}");
        }
    }
}

const ROTATE: &str = "
    .shared .align 4 .b8 s[256]; mov.u32 %r0, %tid.x; mov.u32 %r1, %ctaid.x;
    mov.u64 %rd0, s; mul.wide.u32 %rd1, %r0, 4; add.s64 %rd1, %rd0, %rd1;
    add.s32 %r2, %r0, 1; and.b32 %r2, %r2, 63; mad.wide.u32 %rd2, %r2, 4, %rd0;
    mad.lo.s32 %r3, %r1, 64, %r0; mad.wide.u32 %rd3, %r3, 4, %rd10; mov.b32 %r4, %r3;
    mov.b32 %r5, 5;
    $L: st.shared.b32 [%rd1], %r4; bar.sync 0; ld.shared.b32 %r4, [%rd2];
    barrier.cta.sync.aligned 1; add.s32 %r5, %r5, -1; setp.ne.b32 %p0, %r5, 0; @%p0 bra $L;
    st.global.b32 [%rd3], %r4;";

#[test]
fn barriers_order_shared_memory() {
    for order in ORDERS {
        let found = run_out(ROTATE, Launch::linear(3, 64), options(order), 192).unwrap();
        for (index, found) in found.into_iter().enumerate() {
            assert_eq!(found as usize, index / 64 * 64 + (index + 5) % 64);
        }
    }
}

#[test]
fn exited_threads_do_not_count() {
    let body = "mov.u32 %r0, %tid.x; setp.gt.u32 %p0, %r0, 40; @%p0 ret; bar.sync 0;
        setp.gt.u32 %p0, %r0, 3; @%p0 exit; barrier.sync 7;";
    for order in ORDERS {
        let stats = run(body, Launch::linear(2, 64), options(order)).unwrap();
        assert_eq!(stats.barriers, 4);
    }
}

#[test]
fn threads_at_different_barriers() {
    let body = "mov.u32 %r0, %tid.x; setp.gt.u32 %p0, %r0, 31; @%p0 bra $B;
        bar.sync 0; ret;
        $B: bar.sync 1;";
    let (place, found) = fault(run(body, Launch::linear(1, 64), Options::default()));
    assert_eq!((place.thread, place.line), ([32, 0, 0], 9));
    let expected = Fault::BarrierDivergence {
        barrier: 1,
        other: [0, 0, 0],
        waiting: Waiting::Barrier {
            barrier: 0,
            line: 8,
        },
    };
    assert_eq!(found, expected);
}

#[test]
fn lanes_at_different_instructions_of_a_barrier() {
    let split = |lane: u32, opcode: &str| {
        format!(
            "mov.u32 %r0, %tid.x; setp.gt.u32 %p0, %r0, {lane}; @%p0 bra $B;
            {opcode} 0; ret;
            $B: {opcode} 0;"
        )
    };
    let launch = Launch::linear(1, 64);
    // Whole warps may differ, and lanes too if the barrier is not aligned.
    run(&split(31, "bar.sync"), launch, Options::default()).unwrap();
    run(&split(20, "barrier.sync"), launch, Options::default()).unwrap();
    for opcode in ["bar.sync", "barrier.sync.aligned"] {
        let (place, found) = fault(run(&split(20, opcode), launch, Options::default()));
        assert_eq!(place.thread, [21, 0, 0]);
        assert!(matches!(
            found,
            Fault::BarrierDivergence {
                other: [0, 0, 0],
                ..
            }
        ));
    }
}
