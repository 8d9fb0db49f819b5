//! Shuffles, votes and masks.

use mambalite_ptx_vm::{Fault, Launch, LaunchError, Options, Waiting};

use crate::harness::{ORDERS, fault, run_out};

/// Runs code in two warps; it turns the lane times 3 in `%r1` into `%r2` and `%p1`.
fn lanes(code: &str) -> Result<Vec<u32>, LaunchError> {
    let body = format!(
        "mov.u32 %r0, %laneid; mul.lo.s32 %r1, %r0, 3; mov.u32 %r3, %tid.x;
        mov.b32 %r2, 777; mov.pred %p1, 0; setp.lt.u32 %p2, %r0, 16; setp.ge.u32 %p3, %r0, 0;
        {code}
        selp.b32 %r4, 1000, 0, %p1; add.s32 %r2, %r2, %r4;
        mad.wide.u32 %rd10, %r3, 4, %rd10; st.global.b32 [%rd10], %r2;"
    );
    let mut results = ORDERS.map(|order| {
        let options = Options {
            order,
            ..Options::default()
        };
        run_out(&body, Launch::linear(1, 64), options, 64)
    });
    if results.iter().all(Result::is_ok) {
        assert_eq!(results[0], results[1], "{code}");
        assert_eq!(results[0], results[2], "{code}");
        let both = results[0].clone().unwrap();
        assert_eq!(both[..32], both[32..], "{code}");
    }
    std::mem::replace(&mut results[0], Ok(Vec::new()))
}

fn check(code: &str, expected: impl Fn(u32) -> u32) {
    let found = lanes(code).unwrap();
    for lane in 0..32 {
        assert_eq!(found[lane as usize], expected(lane), "{code}, lane {lane}");
    }
}

#[test]
fn shuffles() {
    let valid = |source: u32| 3 * source + 1000;
    check(
        "shfl.sync.up.b32 %r2|%p1, %r1, 5, 0, -1;",
        |lane| match lane {
            0..5 => 3 * lane,
            _ => valid(lane - 5),
        },
    );
    check(
        "shfl.sync.down.b32 %r2|%p1, %r1, 5, 31, -1;",
        |lane| match lane {
            27.. => 3 * lane,
            _ => valid(lane + 5),
        },
    );
    check(
        "shfl.sync.bfly.b32 %r2|%p1, %r1, 9, 0x1f, 0xffffffff;",
        |lane| valid(lane ^ 9),
    );
    check("shfl.sync.idx.b32 %r2|%p1, %r1, 12, 31, -1;", |_| valid(12));
    check("shfl.sync.idx.b32 %r2, %r1, %r0, 31, -1;", |lane| 3 * lane);
    // Segments of 8 lanes.
    check("shfl.sync.idx.b32 %r2|%p1, %r1, 3, 0x181f, -1;", |lane| {
        valid(lane / 8 * 8 + 3)
    });
    check(
        "shfl.sync.down.b32 %r2|%p1, %r1, 2, 0x181f, -1;",
        |lane| match lane % 8 {
            6.. => 3 * lane,
            _ => valid(lane + 2),
        },
    );
    check(
        "shfl.sync.up.b32 %r2|%p1, %r1, 2, 0x1800, -1;",
        |lane| match lane % 8 {
            0..2 => 3 * lane,
            _ => valid(lane - 2),
        },
    );
}

#[test]
fn shuffles_of_some_lanes() {
    check(
        "@%p2 shfl.sync.bfly.b32 %r2|%p1, %r1, 1, 31, 0xffff;",
        |lane| match lane {
            0..16 => 3 * (lane ^ 1) + 1000,
            _ => 777,
        },
    );
    // Both halves at once, at different instructions.
    let code = "@%p2 bra $A; shfl.sync.bfly.b32 %r2, %r1, 1, 31, 0xffff0000; bra $B;
        $A: shfl.sync.bfly.b32 %r2, %r1, 2, 31, 0x0000ffff; $B:";
    check(code, |lane| 3 * (lane ^ if lane < 16 { 2 } else { 1 }));
}

#[test]
fn a_sum_of_a_warp() {
    let steps = [16, 8, 4, 2, 1]
        .map(|step| format!("shfl.sync.bfly.b32 %r2, %r1, {step}, 31, -1; add.s32 %r1, %r1, %r2;"));
    let code = steps.concat() + "mov.b32 %r2, %r1;";
    check(&code, |_| 3 * 31 * 32 / 2);
}

#[test]
fn votes() {
    check("vote.sync.all.pred %p1, %p2, -1;", |_| 777);
    check("vote.sync.all.pred %p1, %p3, -1;", |_| 1777);
    check("vote.sync.any.pred %p1, %p2, -1;", |_| 1777);
    check("vote.sync.any.pred %p1, !%p3, -1;", |_| 777);
    check("vote.sync.uni.pred %p1, !%p3, -1;", |_| 1777);
    check("vote.sync.uni.pred %p1, %p2, -1;", |_| 777);
    check("vote.sync.ballot.b32 %r2, %p2, -1;", |_| 0xFFFF);
    check("vote.sync.ballot.b32 %r2, !%p2, -1;", |_| 0xFFFF_0000);
    check(
        "@!%p2 vote.sync.ballot.b32 %r2, %p3, 0xffff0000;",
        |lane| match lane {
            0..16 => 777,
            _ => 0xFFFF_0000,
        },
    );
}

#[test]
fn active_masks() {
    check("activemask.b32 %r2;", |_| u32::MAX);
    check("@%p2 activemask.b32 %r2;", |lane| {
        if lane < 16 { 0xFFFF } else { 777 }
    });
}

#[test]
fn lanes_that_do_not_come() {
    let shuffle = "shfl.sync.bfly.b32 %r2, %r1, 1, 31, -1;";
    let (place, found) = fault(lanes(&format!("@%p2 {shuffle} bar.sync 0;")));
    assert_eq!(place.thread, [0, 0, 0]);
    let line = place.line;
    let expected = Fault::WarpDivergence {
        mask: u32::MAX,
        lane: 16,
        waiting: Waiting::Barrier { barrier: 0, line },
    };
    assert_eq!(found, expected);
    let (_, found) = fault(lanes(&format!("@!%p2 ret; {shuffle}")));
    assert!(
        matches!(
            found,
            Fault::WarpDivergence {
                lane: 0,
                waiting: Waiting::Exited,
                ..
            }
        ) || matches!(
            found,
            Fault::WarpDivergence {
                lane: 16,
                waiting: Waiting::Exited,
                ..
            }
        )
    );
    // The block has no lanes from 8 on.
    let body = format!("mov.b32 %r1, 0; {shuffle}");
    let (_, found) = fault(run_out(&body, Launch::linear(1, 8), Options::default(), 1));
    assert!(matches!(
        found,
        Fault::WarpDivergence {
            lane: 8,
            waiting: Waiting::Absent,
            ..
        }
    ));
}

#[test]
fn masks_that_do_not_fit() {
    let (_, found) = fault(lanes("shfl.sync.bfly.b32 %r2, %r1, 1, 31, 0xfffffffe;"));
    let expected = Fault::WarpMask {
        mask: 0xFFFF_FFFE,
        lane: 0,
    };
    assert_eq!(found, expected);
    let (_, found) = fault(lanes("@%p2 shfl.sync.idx.b32 %r2, %r1, 20, 31, 0xffff;"));
    let expected = Fault::ShuffleSource {
        mask: 0xFFFF,
        source_lane: 20,
    };
    assert_eq!(found, expected);
}
