//! Bisections over made-up firmware, good and bad by their number.

use std::cell::RefCell;
use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::history::tests::{elf, night, place};
use crate::history::{History, Thresholds};
use crate::interrupt::Interrupt;
use crate::report;

/// Rules by the number in the image; counts its runs.
struct Fake {
    first_bad: u32,
    untestable: BTreeSet<u32>,
    /// Of those that are bad, only every so many-th run shows it.
    shows_every: u32,
    runs: RefCell<Vec<u32>>,
}

impl Fake {
    fn new(first_bad: u32, untestable: &[u32]) -> Self {
        Self {
            first_bad,
            untestable: untestable.iter().copied().collect(),
            shows_every: 1,
            runs: RefCell::default(),
        }
    }
}

impl Judge for Fake {
    fn judge(&mut self, _: &Candidate, elf: &Path, _: &Criterion) -> Result<Ruling> {
        let text = std::fs::read_to_string(elf).unwrap();
        let number: u32 = text.rsplit(' ').next().unwrap().parse().unwrap();
        self.runs.borrow_mut().push(number);
        let own = self
            .runs
            .borrow()
            .iter()
            .filter(|&&it| it == number)
            .count();
        Ok(if self.untestable.contains(&number) {
            Ruling::Skip
        } else if number >= self.first_bad && (own as u32).is_multiple_of(self.shows_every) {
            Ruling::Bad
        } else {
            Ruling::Good
        })
    }
}

/// Records `len` nights of which those from `first_bad` on are wrong.
fn history(folder: &tempfile::TempDir, len: u32, first_bad: u32) -> History {
    let mut history = History::open(&place(folder)).unwrap();
    for it in 0..len {
        let slow = it >= first_bad;
        let mut report = night(it, if slow { 1300 } else { 1000 } + u64::from(it));
        if slow {
            report.boards[0].verdict = Verdict::Mismatch;
        }
        history.record(&report).unwrap();
        history.store().put(&elf(it)).unwrap();
    }
    history
}

fn case(history: &History, order: Order) -> Result<Case> {
    let order = Order {
        rig: "rig".to_owned(),
        ..order
    };
    history.case(&order, &Thresholds::load(None).unwrap())
}

fn numbers(candidates: &[Candidate]) -> Vec<u32> {
    let day = |it: &Candidate| it.started[8..10].parse::<u32>().unwrap() - 1;
    candidates.iter().map(day).collect()
}

#[test]
fn the_first_bad_firmware_is_found_by_verdict_and_by_measure() {
    let folder = tempfile::tempdir().unwrap();
    let history = history(&folder, 20, 13);
    for measure in [None, Some("cycles".to_owned())] {
        let case = case(
            &history,
            Order {
                measure,
                ..Order::default()
            },
        )
        .unwrap();
        let mut fake = Fake::new(13, &[]);
        let outcome = bisect(&case, &history.store(), 1, &mut fake, &mut |_, _| ()).unwrap();
        assert_eq!(numbers(&outcome.suspects), [13]);
        assert_eq!(numbers(&[outcome.last_good]), [12]);
        assert!(fake.runs.borrow().len() <= 2 + 5);
        assert_eq!(outcome.rulings.len(), fake.runs.borrow().len());
    }
}

#[test]
fn the_ends_can_be_named_and_must_be_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let history = history(&folder, 9, 4);
    let all = case(&history, Order::default()).unwrap().candidates;
    assert_eq!(
        numbers(&all),
        [3, 4, 5, 6, 7, 8],
        "the newest good one to the newest"
    );
    let hash = |idx: usize| Some(all[idx].sha256[..12].to_owned());
    let named = |good, bad| {
        case(
            &history,
            Order {
                good,
                bad,
                ..Order::default()
            },
        )
    };
    assert_eq!(
        numbers(&named(hash(0), hash(3)).unwrap().candidates),
        [3, 4, 5, 6]
    );
    for (order, word) in [
        (named(hash(3), hash(1)), "not older than the bad one"),
        (named(Some("none".to_owned()), None), "no firmware `none`"),
        (named(None, hash(0)), "has no verdict about the firmware"),
        (
            case(
                &history,
                Order {
                    measure: Some("speed".to_owned()),
                    ..Order::default()
                },
            ),
            "no measure `speed`",
        ),
        (
            case(
                &history,
                Order {
                    measure: Some("stack".to_owned()),
                    ..Order::default()
                },
            ),
            "no good firmware before",
        ),
        (
            case(
                &history,
                Order {
                    precision: Some("w8a8".to_owned()),
                    ..Order::default()
                },
            ),
            "no firmware of rig `rig`",
        ),
    ] {
        let error = match order {
            Ok(case) => panic!("{word}: {case:?}"),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn what_cannot_be_judged_is_left_out_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let history = history(&folder, 12, 7);
    let order = Order {
        good: Some(hash(0)),
        ..Order::default()
    };
    let case = case(&history, order).unwrap();
    // One image is gone, its neighbour does not start.
    std::fs::remove_file(history.store().path(&case.candidates[6].sha256)).unwrap();
    let mut fake = Fake::new(7, &[7]);
    let outcome = bisect(&case, &history.store(), 2, &mut fake, &mut |_, _| ()).unwrap();
    assert_eq!(numbers(&outcome.suspects), [6, 7, 8]);
    assert_eq!(numbers(&[outcome.last_good]), [5]);
    assert!(!fake.runs.borrow().contains(&6));
}

fn hash(number: u32) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(elf(number)))
}

#[test]
fn a_fault_that_shows_now_and_then_is_found_with_repeats() {
    let folder = tempfile::tempdir().unwrap();
    let history = history(&folder, 16, 5);
    let order = Order {
        good: Some(hash(0)),
        ..Order::default()
    };
    let case = case(&history, order).unwrap();
    let flaky = || Fake {
        shows_every: 3,
        ..Fake::new(5, &[])
    };
    let outcome = bisect(&case, &history.store(), 3, &mut flaky(), &mut |_, _| ()).unwrap();
    assert_eq!(numbers(&outcome.suspects), [5]);
    // With one run the bad end looks good, and that is said instead of a wrong answer.
    let error = bisect(&case, &history.store(), 1, &mut flaky(), &mut |_, _| ()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("was bad in the history and is not now"),
        "{error}"
    );
}

#[test]
fn a_command_judges_by_its_exit_code_or_by_the_report_it_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let history = history(&folder, 8, 5);
    let case = case(&history, Order::default()).unwrap();
    let judge = |script: &str| {
        let words = ["sh", "-c", script, "sh", "{elf}", "{out}"].map(str::to_owned);
        CommandJudge::new("rig", "f32", words.to_vec(), Interrupt::default())
    };
    let find = |script: &str| {
        let mut judge = judge(script);
        bisect(&case, &history.store(), 1, &mut judge, &mut |_, _| ())
    };
    let by_code = r#"case "$(cat "$1")" in *[0-4]) exit 0;; *) exit 1;; esac"#;
    assert_eq!(numbers(&find(by_code).unwrap().suspects), [5]);

    let reports = tempfile::tempdir().unwrap();
    for it in 0..8 {
        let mut report = night(it, 1000);
        if it >= 5 {
            report.boards[0].verdict = Verdict::Crash;
        }
        report::write(&reports.path().join(it.to_string()), &report, &[]).unwrap();
    }
    let by_report = format!(
        r#"n=$(cat "$1"); cp {}/${{n##* }}/report.json "$2"; exit 3"#,
        reports.path().display()
    );
    assert_eq!(numbers(&find(&by_report).unwrap().suspects), [5]);

    let error = find("exit 127").unwrap_err().to_string();
    assert!(error.contains("exit status: 127"), "{error}");
    let mut gone = CommandJudge::new("rig", "f32", vec!["/none".to_owned()], Interrupt::default());
    assert!(bisect(&case, &history.store(), 1, &mut gone, &mut |_, _| ()).is_err());
    let stopped = Interrupt::default();
    stopped.set();
    let words = ["sleep", "60"].map(str::to_owned).to_vec();
    let mut slow = CommandJudge::new("rig", "f32", words, stopped);
    let outcome = bisect(&case, &history.store(), 1, &mut slow, &mut |_, _| ());
    assert!(matches!(outcome, Err(crate::Error::Interrupted)));
}

proptest! {
    #[test]
    fn the_search_is_right_and_short(
        len in 2_usize..300,
        at in any::<prop::sample::Index>(),
        skipped in prop::collection::btree_set(0_usize..300, 0..40),
    ) {
        let first_bad = 1 + at.index(len - 1);
        let mut runs = Vec::new();
        let mut judge = |idx: usize| {
            runs.push(idx);
            Ok(if skipped.contains(&idx) {
                Ruling::Skip
            } else if idx >= first_bad {
                Ruling::Bad
            } else {
                Ruling::Good
            })
        };
        let bounds = search(len, &mut judge).unwrap();
        prop_assert!(runs.iter().all(|&idx| idx > 0 && idx < len - 1));
        prop_assert!(bounds.good < first_bad && first_bad <= bounds.bad);
        prop_assert!((bounds.good + 1..bounds.bad).all(|idx| skipped.contains(&idx)));
        if skipped.is_empty() {
            prop_assert_eq!(bounds.bad, first_bad);
            prop_assert!(runs.len() <= len.ilog2() as usize + 1, "{} runs of {}", runs.len(), len);
        }
    }
}
