//! The networks to choose from.

use serde::{Deserialize, Serialize};

use super::config::{SearchConfig, Space};
use crate::train::config::{Config, FormKind};
use crate::train::data::draw::Draw;

/// Step and index that tell the draw of a search from those of patches.
const DRAW: (u64, u64) = (u64::MAX, u64::MAX);

/// One choice; what is nothing is as in the base.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "they are the keys of Space")]
pub struct Candidate {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocks: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub states: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<FormKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distill_weight: Option<f64>,
}

impl Candidate {
    /// Returns the configuration of a run of this network.
    pub fn of(&self, base: &Config) -> Config {
        let mut config = base.clone();
        let model = &mut config.model;
        model.width = self.width.or(model.width);
        model.groups = self.groups.or(model.groups);
        model.blocks = self.blocks.or(model.blocks);
        model.states = self.states.or(model.states);
        if let Some(rank) = self.rank {
            let mut ranks = model.rank.unwrap_or_default();
            ranks.in_proj = rank;
            ranks.out_proj = rank;
            ranks.conv = rank;
            model.rank = Some(ranks);
        }
        if let (Some(distill), Some(weight)) = (&mut config.distill, self.distill_weight) {
            distill.weight = weight;
        }
        config
    }

    /// Says the choices in words.
    pub fn text(&self) -> String {
        let number = |key: &str, value: Option<usize>| value.map(|it| format!("{key} {it}"));
        let rank = self.rank.map(|rank| match rank {
            FormKind::Dense => "dense".to_owned(),
            FormKind::LowRank(rank) => format!("low-rank {rank}"),
            FormKind::IdentityRows(rank) => format!("identity-rows {rank}"),
        });
        let words = [
            number("width", self.width),
            number("groups", self.groups),
            number("blocks", self.blocks),
            number("states", self.states),
            rank,
            self.distill_weight.map(|it| format!("a {it}")),
        ];
        words.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// Returns all networks of a space that can be trained, in an order that the seed decides.
pub fn candidates(config: &SearchConfig, base: &Config) -> Vec<Candidate> {
    let all = product(&config.space).into_iter();
    // A combination may have a rank that is too large for its width, for example.
    let mut all: Vec<_> = all.filter(|it| it.of(base).is_allowed()).collect();
    let mut draw = Draw::new(config.run.seed, DRAW.0, DRAW.1);
    for end in (2..=all.len()).rev() {
        let other = draw.below(end as u64) as usize;
        all.swap(end - 1, other);
    }
    all
}

fn product(space: &Space) -> Vec<Candidate> {
    let mut all = vec![Candidate::default()];
    vary(&mut all, &space.width, |it, value| it.width = value);
    vary(&mut all, &space.groups, |it, value| it.groups = value);
    vary(&mut all, &space.blocks, |it, value| it.blocks = value);
    vary(&mut all, &space.states, |it, value| it.states = value);
    vary(&mut all, &space.rank, |it, value| it.rank = value);
    vary(&mut all, &space.distill_weight, |it, value| {
        it.distill_weight = value;
    });
    all
}

/// Takes each candidate once with each of the values; as it is where there is none.
fn vary<T: Copy>(all: &mut Vec<Candidate>, values: &[T], set: fn(&mut Candidate, Option<T>)) {
    if values.is_empty() {
        return;
    }
    *all = all
        .iter()
        .flat_map(|candidate| {
            values.iter().map(|&value| {
                let mut candidate = *candidate;
                set(&mut candidate, Some(value));
                candidate
            })
        })
        .collect();
}
