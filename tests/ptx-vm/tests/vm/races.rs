//! Races on shared and on global memory.

use mambalite_ptx_vm::{Conflict, Fault, Launch, LaunchError, Options, Space, Stats};

use crate::harness::{ORDERS, fault, run, run_out};

const SHARED: &str = ".shared .align 4 .b8 s[256]; mov.u64 %rd0, s; mov.u32 %r0, %tid.x;
    mul.wide.u32 %rd1, %r0, 4; add.s64 %rd1, %rd0, %rd1; xor.b32 %r1, %r0, 1;
    mul.wide.u32 %rd2, %r1, 4; add.s64 %rd2, %rd0, %rd2;\n";

fn shared(code: &str) -> Result<Stats, LaunchError> {
    run(
        &format!("{SHARED}{code}"),
        Launch::linear(2, 64),
        Options::default(),
    )
}

#[test]
fn a_barrier_orders_a_write_and_a_read() {
    shared("st.shared.b32 [%rd1], %r0; bar.sync 0; ld.shared.b32 %r2, [%rd2];").unwrap();
    let code = "st.shared.b32 [%rd1], 1; bar.sync 0;
        ld.shared.b32 %r2, [%rd2]; st.shared.b32 [%rd1], 2;";
    let (place, found) = fault(shared(code));
    assert_eq!((place.kernel.as_str(), place.line), ("k", 11));
    assert_eq!((place.block, place.thread), ([0, 0, 0], [1, 0, 0]));
    let expected = Fault::Race {
        space: Space::Shared,
        address: 0x400,
        conflict: Conflict::ReadAfterWrite,
        other_block: [0, 0, 0],
        other: [0, 0, 0],
    };
    assert_eq!(found, expected);
    let text = "race at shared address 0x400: a read, unordered after a write by thread [0, 0, 0] \
                of block [0, 0, 0]";
    assert_eq!(found.to_string(), text);
}

#[test]
fn a_write_races_with_the_read_before() {
    let code = "st.shared.b32 [%rd1], 1; bar.sync 0; st.shared.b32 [%rd1], 2;
        ld.shared.b32 %r2, [%rd2];";
    let (place, found) = fault(shared(code));
    assert_eq!(place.thread, [1, 0, 0]);
    assert!(matches!(
        found,
        Fault::Race {
            conflict: Conflict::WriteAfterRead,
            other: [0, 0, 0],
            ..
        }
    ));
    let ordered = code.replace("ld.shared", "bar.sync 0; ld.shared");
    shared(&ordered).unwrap();
}

#[test]
fn two_writes_race() {
    let (_, found) = fault(shared("st.shared.b32 [%rd0+8], 1;"));
    assert!(matches!(
        found,
        Fault::Race {
            conflict: Conflict::WriteAfterWrite,
            address: 0x408,
            ..
        }
    ));
    // Bytes next to one another do not.
    shared("mul.wide.u32 %rd3, %r0, 1; add.s64 %rd3, %rd0, %rd3; st.shared.b8 [%rd3], 1;").unwrap();
    // Nor does memory of one thread.
    shared("st.shared.b32 [%rd1], 1; ld.shared.b32 %r2, [%rd1]; st.shared.b32 [%rd1], %r2;")
        .unwrap();
}

#[test]
fn any_order_shows_the_race_and_an_option_hides_it() {
    let code = format!(
        "{SHARED}st.shared.b32 [%rd0], %r0; bar.sync 0;
        ld.shared.b32 %r2, [%rd0]; st.global.b32 [%rd10], %r2;"
    );
    let mut results = Vec::new();
    for order in ORDERS {
        let detect = Options {
            order,
            ..Options::default()
        };
        let launch = Launch::linear(1, 64);
        assert!(matches!(
            fault(run_out(&code, launch, detect, 1)).1,
            Fault::Race { .. }
        ));
        let ignore = Options {
            detect_races: false,
            ..detect
        };
        results.extend(run_out(&code, launch, ignore, 1).unwrap());
    }
    // Without the detector, the last writer wins: another one in each order.
    assert_eq!(results[..2], [63, 0]);
}

fn global(code: &str, launch: Launch) -> Result<Vec<u32>, LaunchError> {
    let head = "mov.u32 %r0, %tid.x; mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ntid.x;
        mad.lo.s32 %r3, %r1, %r2, %r0; mad.wide.u32 %rd1, %r3, 4, %rd10;\n";
    run_out(&format!("{head}{code}"), launch, Options::default(), 128)
}

#[test]
fn blocks_are_never_ordered() {
    let launch = Launch::linear(2, 64);
    global("st.global.b32 [%rd1], %r3;", launch).unwrap();
    // Each thread of block 1 reads what a thread of block 0 has written.
    let code = "setp.eq.u32 %p0, %r1, 0; @%p0 st.global.b32 [%rd1], 1; bar.sync 0;
        @!%p0 ld.global.b32 %r4, [%rd1+-256];";
    let (place, found) = fault(global(code, launch));
    assert_eq!((place.block, place.thread), ([1, 0, 0], [0, 0, 0]));
    assert!(matches!(
        found,
        Fault::Race {
            space: Space::Global,
            conflict: Conflict::ReadAfterWrite,
            other_block: [0, 0, 0],
            other: [0, 0, 0],
            ..
        }
    ));
    let code = "setp.eq.u32 %p0, %r1, 1; @%p0 add.s64 %rd1, %rd1, -4; st.global.b32 [%rd1], 1;";
    let (place, found) = fault(global(code, launch));
    assert_eq!(place.block, [1, 0, 0]);
    assert!(matches!(
        found,
        Fault::Race {
            other: [63, 0, 0],
            conflict: Conflict::WriteAfterWrite,
            ..
        }
    ));
}

#[test]
fn barriers_order_global_memory_of_a_block() {
    let code = |barrier: &str| {
        format!(
            "st.global.b32 [%rd1], %r3; {barrier} xor.b32 %r4, %r3, 1;
            mad.wide.u32 %rd2, %r4, 4, %rd10; ld.global.b32 %r5, [%rd2]; bar.sync 0;
            st.global.b32 [%rd1], %r5;"
        )
    };
    let found = global(&code("bar.sync 0;"), Launch::linear(2, 64)).unwrap();
    assert!(found.into_iter().eq((0..128).map(|index| index ^ 1)));
    let (_, found) = fault(global(&code("membar.gl;"), Launch::linear(2, 64)));
    // The neighbour has not written yet; with older contents it is a race.
    assert!(matches!(
        found,
        Fault::Uninitialised { .. } | Fault::Race { .. }
    ));
}
