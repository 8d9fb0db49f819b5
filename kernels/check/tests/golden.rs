//! The digests of the reference kernels.

use std::collections::BTreeSet;

use mambalite_kernels_check::{DIGESTS, SEEDS, cases, golden};

#[test]
fn cases_have_the_golden_digests() {
    let mut wrong = Vec::new();
    for case in cases() {
        let found = SEEDS.map(|seed| case.run(seed));
        if golden(case.name) != Some(found) {
            wrong.push(format!("{} seeds {SEEDS:?}: {found:#018x?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn names_and_digests_differ() {
    let names: BTreeSet<_> = cases().map(|case| case.name).collect();
    assert_eq!(names.len(), cases().count());
    assert_eq!(names, DIGESTS.iter().map(|(name, _)| *name).collect());
    let digests: BTreeSet<_> = DIGESTS.iter().flat_map(|(_, digests)| digests).collect();
    assert_eq!(digests.len(), DIGESTS.len() * SEEDS.len());
}

/// `cargo test -p mambalite-kernels-check -- --ignored --nocapture` prints `src/golden.rs`, which
/// `cargo fmt` then breaks into lines.
#[test]
#[ignore = "prints the table"]
fn print_table() {
    println!("//! Digests of each case for each of `SEEDS`; `tests/golden.rs` prints this file.\n");
    println!("/// Name of a case, and its digests in the order of `SEEDS`.");
    println!("pub const DIGESTS: &[(&str, [u64; {}])] = &[", SEEDS.len());
    for case in cases() {
        let digests = SEEDS
            .map(|seed| format!("{:#018x}", case.run(seed)))
            .join(", ");
        println!("    (\"{}\", [{digests}]),", case.name);
    }
    println!("];");
}
