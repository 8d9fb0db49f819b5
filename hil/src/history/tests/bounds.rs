//! The thresholds and their statistics.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};

use super::super::compare::Bound;
use super::*;

const STATISTICAL: Test = Test::Statistical {
    significance: 0.01,
    samples_min: 5,
    relative_min: 0.0,
    absolute_min: 0.0,
};

/// A number of the normal distribution, by the sum of twelve even ones.
fn normal(random: &mut Pcg64) -> f64 {
    let even = |random: &mut Pcg64| f64::from(random.next_u32()) / f64::from(u32::MAX);
    (0..12).map(|_| even(random)).sum::<f64>() - 6.0
}

#[test]
fn every_measure_has_a_threshold_of_its_own() {
    let text = include_str!("../../../thresholds.toml");
    for measure in Measure::ALL {
        let line = format!("\n{} = ", measure.name);
        assert!(
            text.contains(&line),
            "thresholds.toml lacks {}",
            measure.name
        );
    }
    assert_eq!(
        (thresholds().window(), thresholds().firmware_kept()),
        (30, 50)
    );
}

#[test]
fn the_bounds_are_those_of_their_tests() {
    let bound = |test, better, samples: &[f64]| {
        Bound::of(test, better, samples).map(|it| (it.baseline, it.limit))
    };
    let near = Test::NearExact {
        relative: 0.01,
        absolute: 1.0,
    };
    let samples = [100.0, 90.0, 130.0];
    assert_eq!(
        bound(Test::Exact, Better::Lower, &samples),
        Some((90.0, 90.0))
    );
    assert_eq!(
        bound(Test::Exact, Better::Higher, &samples),
        Some((130.0, 130.0))
    );
    assert_eq!(bound(near, Better::Lower, &samples), Some((100.0, 102.0)));
    assert_eq!(bound(near, Better::Higher, &samples), Some((100.0, 98.0)));
    assert_eq!(
        bound(near, Better::Lower, &[10.0, 20.0]),
        Some((15.0, 16.15))
    );
    assert_eq!(bound(Test::Informative, Better::Lower, &samples), None);
    for test in [Test::Exact, near, STATISTICAL] {
        assert_eq!(bound(test, Better::Lower, &[]), None);
    }
    // Four are too few; of five, t(0.99, 4) = 3.7469, s = 1.5811.
    assert_eq!(
        bound(STATISTICAL, Better::Lower, &[1.0, 2.0, 3.0, 4.0]),
        None
    );
    let (mean, limit) = bound(STATISTICAL, Better::Lower, &[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
    assert_eq!(mean, 3.0);
    assert!(
        (limit - (3.0 + 3.746_947 * 1.581_139 * 1.2_f64.sqrt())).abs() < 1e-4,
        "{limit}"
    );
}

#[test]
fn false_alarms_are_as_rare_as_stated_and_a_real_change_is_seen() {
    let mut random = Pcg64::seed_from_u64(6);
    let (mut alarms, mut seen) = (0, 0);
    let rounds = 4000;
    for _ in 0..rounds {
        let samples: Vec<f64> = (0..12).map(|_| 50.0 + normal(&mut random)).collect();
        let bound = Bound::of(STATISTICAL, Better::Lower, &samples).unwrap();
        alarms += u32::from(bound.is_broken(Better::Lower, 50.0 + normal(&mut random)));
        seen += u32::from(bound.is_broken(Better::Lower, 56.0 + normal(&mut random)));
    }
    // 1 % of 4000 is 40, its standard deviation 6.3.
    assert!((15..=65).contains(&alarms), "{alarms} false alarms");
    assert!(seen > 3900, "{seen} of {rounds} seen");
}

#[test]
fn a_change_that_is_too_small_to_matter_is_none() {
    let test = Test::Statistical {
        significance: 0.01,
        samples_min: 5,
        relative_min: 0.02,
        absolute_min: 0.5,
    };
    let bound = Bound::of(test, Better::Higher, &[100.0; 9]).unwrap();
    assert_eq!(
        bound,
        Bound {
            baseline: 100.0,
            limit: 98.0
        }
    );
    assert!(!bound.is_broken(Better::Higher, 98.0) && bound.is_broken(Better::Higher, 97.9));
}

#[test]
fn a_file_replaces_measures_and_its_last_override_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    let text = r#"
        schema = 1
        window = 5
        [measures]
        stack = { test = "informative" }
        [[overrides]]
        measure = "cycles"
        threshold = { test = "near-exact", relative = 0.5 }
        [[overrides]]
        rig = "rig"
        precision = "f32"
        measure = "cycles"
        threshold = { test = "exact" }
    "#;
    std::fs::write(&path, text).unwrap();
    let all = Thresholds::load(Some(&path)).unwrap();
    let mut subject = Subject::of(&night(0, 1).boards[0]);
    assert_eq!(all.window(), 5);
    assert_eq!(all.test(&subject, "stack"), Test::Informative);
    assert_eq!(all.test(&subject, "arena"), Test::Exact);
    assert_eq!(all.test(&subject, "cycles"), Test::Exact);
    subject.precision = "w8a8".to_owned();
    assert!(matches!(
        all.test(&subject, "cycles"),
        Test::NearExact { relative: 0.5, .. }
    ));
}

#[test]
fn a_wrong_file_is_refused_by_its_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    let head = "schema = 1\n[measures]\n";
    for (text, word) in [
        ("schema = 2".to_owned(), "its schema is 2"),
        (
            "schema = 1\nwindows = 3".to_owned(),
            "unknown field `windows`",
        ),
        ("schema = 1\nwindow = 0".to_owned(), "begin at 1"),
        (
            format!("{head}speed = {{ test = \"exact\" }}"),
            "no measure `speed`",
        ),
        (
            format!("{head}cycles = {{ test = \"about\" }}"),
            "unknown variant `about`",
        ),
        (
            format!("{head}cycles = {{ test = \"near-exact\", relative = -1 }}"),
            "0 or more",
        ),
        (
            format!("{head}cycles = {{ test = \"near-exact\", slack = 1 }}"),
            "unknown field `slack`",
        ),
        (
            format!(
                "{head}cycles = {{ test = \"statistical\", significance = 2, samples-min = 5 }}"
            ),
            "between 0 and 0.5",
        ),
        (
            format!(
                "{head}cycles = {{ test = \"statistical\", significance = 0.1, samples-min = 1 }}"
            ),
            "at least 2",
        ),
    ] {
        std::fs::write(&path, &text).unwrap();
        let error = Thresholds::load(Some(&path)).unwrap_err();
        assert!(error.to_string().contains(word), "{text}: {error}");
        assert_eq!(error.exit_code(), EXIT_INPUT);
    }
}
