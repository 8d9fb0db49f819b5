//! The digests of the reference kernels.

mod table;

use std::collections::BTreeSet;

use mambalite_kernels_check::{SEEDS, cases};
use table::DIGESTS;

#[test]
fn cases_have_the_golden_digests() {
    let wrong: Vec<String> = cases()
        .flat_map(|case| SEEDS.map(|seed| (case, seed)))
        .zip(
            DIGESTS
                .iter()
                .flat_map(|(name, digests)| digests.map(|digest| (name, digest))),
        )
        .filter_map(|((case, seed), (&name, wanted))| {
            assert_eq!(
                case.name, name,
                "the table has another order; print it again"
            );
            let found = (case.run)(seed);
            (found != wanted).then(|| format!("{name} seed {seed}: {found:#018x}"))
        })
        .collect();
    assert_eq!(cases().count(), DIGESTS.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn names_and_digests_differ() {
    let names: BTreeSet<_> = cases().map(|case| case.name).collect();
    assert_eq!(names.len(), DIGESTS.len());
    let digests: BTreeSet<_> = DIGESTS.iter().flat_map(|(_, digests)| digests).collect();
    assert_eq!(digests.len(), DIGESTS.len() * SEEDS.len());
}

/// `cargo test -p mambalite-kernels-check -- --ignored --nocapture` prints `tests/table/mod.rs`.
#[test]
#[ignore = "prints the table"]
fn print_table() {
    println!("//! Digests of each case for each of `SEEDS`.\n");
    println!(
        "pub(crate) const DIGESTS: &[(&str, [u64; {}])] = &[",
        SEEDS.len()
    );
    for case in cases() {
        let digests = SEEDS
            .map(|seed| format!("{:#018x}", (case.run)(seed)))
            .join(", ");
        println!("    (\"{}\", [{digests}]),", case.name);
    }
    println!("];");
}
