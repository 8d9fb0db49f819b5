//! Spaces, ranks and budgets; whole searches are in `tests/cli/search.rs`.

use std::path::Path;

use proptest::prelude::*;

use super::config::{EXAMPLE, Halving, SearchConfig};
use super::cost::Cost;
use super::rank::{Point, fronts, survivors};
use super::space::candidates;
use crate::train::config::{Config, EXAMPLE as BASE, FormKind};

fn parse(change: impl FnOnce(&str) -> String) -> crate::Result<SearchConfig> {
    SearchConfig::parse(&change(EXAMPLE), Path::new("search.toml"))
}

fn base() -> Config {
    Config::parse(BASE, Path::new("first.toml")).unwrap()
}

fn with_space(space: &str) -> SearchConfig {
    parse(|text| text.replace("[space]", &format!("[space]\n{space}"))).unwrap()
}

fn point(score: f64, cost: f64) -> Point {
    Point { score, cost }
}

#[test]
fn the_example_has_the_defaults() {
    let config = parse(str::to_owned).unwrap();
    assert_eq!(config.halving, Halving::default());
    assert_eq!(config.space, super::config::Space::default());
    assert_eq!(config.budget, super::config::Budget::default());
}

#[test]
fn the_keys_of_the_example_that_are_optional_are_keys() {
    let uncommented = |text: &str| {
        let keys = text.lines().map(|line| match line.strip_prefix("# ") {
            Some(key) if key.contains(" = ") => key,
            _ => line,
        });
        keys.collect::<Vec<_>>().join("\n")
    };
    let config = parse(uncommented).unwrap();
    assert_eq!(
        config.space.rank,
        [FormKind::Dense, FormKind::IdentityRows(8)]
    );
    assert_eq!(config.budget.flash, Some(131_072));
}

#[test]
fn faults_are_named() {
    for (from, to, expected) in [
        ("candidates = 9", "candidates = 0", "halving.candidates"),
        ("factor = 3", "factor = 1", "halving.factor"),
        ("seeds = 2", "seeds = 0", "halving.seeds"),
        ("schema = 1", "schema = 9", "schema"),
        ("row-width = 64", "row-width = 0", "budget.row-width"),
        ("row-width = 64", "measure = []", "budget.measure"),
        ("seeds = 2", "sseeds = 2", "sseeds"),
        ("[\"f32\", \"w8a16\", \"w8a8\"]", "[]", "space.precision"),
    ] {
        let message = parse(|text| text.replace(from, to))
            .unwrap_err()
            .to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_space_is_the_product_of_its_values_without_what_cannot_be() {
    let config = with_space("width = [8, 32]\nstates = [2, 4, 8]\nrank = [{ low-rank = 16 }]");
    let all = candidates(&config, &base());
    // Weights of width 8 have no rank 16.
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|it| it.width == Some(32)));
    let run = all[0].of(&base());
    assert_eq!(run.model.width, Some(32));
    assert_eq!(run.model.rank.unwrap().conv, FormKind::LowRank(16));
    assert_eq!(run.model.rank.unwrap().x_proj, FormKind::Dense);
}

#[test]
fn the_seed_decides_the_order() {
    let mut config = with_space("width = [8, 16, 24, 32, 40]\nstates = [1, 2, 4, 8]");
    let first = candidates(&config, &base());
    assert_eq!(candidates(&config, &base()), first);
    config.run.seed += 1;
    let second = candidates(&config, &base());
    assert_ne!(second, first);
    assert!(first.iter().all(|it| second.contains(it)));
}

#[test]
fn a_rung_keeps_one_in_factor() {
    let halving = Halving::default();
    assert_eq!([9, 3, 1, 10].map(|it| halving.kept(it)), [3, 1, 1, 4]);
    assert_eq!(halving.runs(9), (9 + 3 + 1) * 2);
}

#[test]
fn fronts_of_an_example() {
    let points = [
        point(30.0, 5.0),
        point(29.0, 5.0),
        point(28.0, 1.0),
        point(28.0, 1.0),
    ];
    assert_eq!(fronts(&points), [0, 1, 0, 0]);
}

#[test]
fn survivors_are_owners_once_by_their_best_point() {
    let points = [
        (0, point(30.0, 5.0)),
        (0, point(29.9, 4.0)),
        (1, point(29.8, 4.5)),
        (2, point(28.0, 1.0)),
        (3, point(27.0, 9.0)),
    ];
    assert_eq!(survivors(&points, 1), [0]);
    assert_eq!(survivors(&points, 2), [0, 2]);
    assert_eq!(survivors(&points, 3), [0, 1, 2]);
    assert_eq!(survivors(&points, 9), [0, 1, 2, 3]);
}

#[test]
fn budgets_name_what_is_too_much() {
    let cost = Cost {
        parameters: 1,
        macs_per_lr_pixel: 100,
        flash_bytes: 1000,
        ram_bytes: 2000,
        milliseconds: 3.0,
    };
    let mut budget = super::config::Budget::default();
    assert_eq!(cost.exceeds(&budget), None);
    budget.milliseconds = Some(3.0);
    budget.ram = Some(2000);
    assert_eq!(cost.exceeds(&budget), None);
    budget.milliseconds = Some(2.5);
    let needs = cost.exceeds(&budget).unwrap();
    assert!(
        needs.contains("milliseconds 3.00") && needs.contains("2.5"),
        "{needs}"
    );
    budget.ram = Some(1999);
    assert!(cost.exceeds(&budget).unwrap().contains("ram 2000"));
}

proptest! {
    #[test]
    fn fronts_are_what_they_are_called(values in prop::collection::vec((0u8..6, 0u8..6), 0..24)) {
        let points: Vec<Point> = values
            .iter()
            .map(|&(score, cost)| point(score.into(), cost.into()))
            .collect();
        let fronts = fronts(&points);
        for (i, &front) in fronts.iter().enumerate() {
            let above = |wanted: usize| {
                let mut all = (0..points.len()).filter(|&j| fronts[j] == wanted);
                all.any(|j| points[j].dominates(points[i]))
            };
            prop_assert!(!above(front));
            prop_assert!(front == 0 || above(front - 1));
        }
    }
}
