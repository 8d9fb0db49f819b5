//! Figures of others, and the goals set against them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::board::{BOARDS, Board};

const SCHEMA: u32 = 1;

/// `anchors.toml`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Anchors {
    schema: u32,
    #[serde(rename = "anchor")]
    anchors: Vec<Anchor>,
}

/// What one case is compared with.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Anchor {
    /// Operator and size of the case.
    pub(crate) op: String,
    /// Number format of the case.
    pub(crate) format: String,
    /// What the figures are of.
    #[serde(default)]
    pub(crate) source: Option<String>,
    /// Instructions a unit by board.
    #[serde(default)]
    pub(crate) per_unit: BTreeMap<String, f64>,
    /// Most instructions a unit, by board.
    #[serde(default)]
    pub(crate) goal: BTreeMap<String, f64>,
}

impl Anchors {
    /// Reads the file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("parse {}", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let anchors: Self = toml::from_str(text)?;
        let found = anchors.schema;
        ensure!(found == SCHEMA, "schema {found}, not {SCHEMA}");
        for anchor in &anchors.anchors {
            let (op, format) = (&anchor.op, &anchor.format);
            ensure!(
                anchor.per_unit.is_empty() || anchor.source.is_some(),
                "{op} {format}: figures without a source"
            );
            for name in anchor.per_unit.keys().chain(anchor.goal.keys()) {
                ensure!(
                    BOARDS.iter().any(|board| board.name == name),
                    "{op} {format}: there is no board {name}"
                );
            }
        }
        Ok(anchors)
    }

    /// Returns the anchor's instructions a unit for a case on a board.
    pub(crate) fn per_unit(&self, op: &str, format: &str, board: &Board) -> Option<f64> {
        self.find(op, format)?.per_unit.get(board.name).copied()
    }

    /// Returns the most instructions a unit that a case may take on a board.
    pub(crate) fn goal(&self, op: &str, format: &str, board: &Board) -> Option<f64> {
        self.find(op, format)?.goal.get(board.name).copied()
    }

    fn find(&self, op: &str, format: &str) -> Option<&Anchor> {
        let mut anchors = self.anchors.iter();
        anchors.find(|anchor| anchor.op == op && anchor.format == format)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use mambalite_kernels_check::bench::benches;

    use super::*;
    use crate::parts::PARTS;
    use crate::repository;

    pub(crate) fn anchors() -> Anchors {
        let text = "schema = 1\n[[anchor]]\nop = \"a\"\nformat = \"w8a8\"\nsource = \"b\"\n\
                    per-unit = { mps2-an386 = 2.0 }\ngoal = { mps2-an386 = 1.5 }\n";
        Anchors::parse(text).unwrap()
    }

    #[test]
    fn figures_are_found_by_case_and_board() {
        let anchors = anchors();
        assert_eq!(anchors.per_unit("a", "w8a8", &BOARDS[0]), Some(2.0));
        assert_eq!(anchors.goal("a", "w8a8", &BOARDS[0]), Some(1.5));
        assert_eq!(anchors.goal("a", "f32", &BOARDS[0]), None);
        assert_eq!(anchors.goal("a", "w8a8", &BOARDS[1]), None);
    }

    #[test]
    fn figures_need_a_source_and_a_board() {
        let head = "schema = 1\n[[anchor]]\nop = \"a\"\nformat = \"f32\"\n";
        assert!(Anchors::parse(&format!("{head}per-unit = {{ mps2-an386 = 2.0 }}\n")).is_err());
        assert!(Anchors::parse(&format!("{head}goal = {{ mps2-an999 = 2.0 }}\n")).is_err());
        assert!(Anchors::parse(&format!("{head}gaol = {{}}\n")).is_err());
        assert!(Anchors::parse(&head.replace('1', "2")).is_err());
    }

    #[test]
    fn every_anchor_of_the_repository_names_a_case_or_a_part() {
        let anchors = Anchors::read(&repository().join("kernels/check/anchors.toml")).unwrap();
        for anchor in anchors.anchors {
            let is_part = PARTS.iter().any(|part| part.op == anchor.op);
            assert!(
                is_part
                    || benches()
                        .any(|bench| bench.op == anchor.op && bench.format == anchor.format),
                "there is no case {} {}",
                anchor.op,
                anchor.format
            );
        }
    }
}
