//! What was measured on one board, for people and for programs.

use std::fmt::Write;

use anyhow::Result;
use serde::Serialize;

use crate::anchors::Anchors;
use crate::board::Board;
use crate::measurement::Measurement;

/// The measurements of one board.
#[derive(Debug)]
pub(crate) struct Table {
    /// The board.
    pub(crate) board: Board,
    /// One row a variant, in the order in which they ran.
    pub(crate) rows: Vec<Row>,
}

/// One variant of one case.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// Version of this object.
    schema: u32,
    target: &'static str,
    /// Operator and size.
    pub(crate) op: String,
    /// The case that this is a part of, by its `op`.
    pub(crate) part_of: Option<&'static str>,
    /// Number format.
    pub(crate) format: String,
    /// Variant.
    pub(crate) variant: String,
    instructions: u64,
    units: u64,
    /// What the units are.
    pub(crate) unit: String,
    /// Instructions for one unit.
    pub(crate) per_unit: f64,
    /// Ratio to the reference's instructions, where that was measured too.
    pub(crate) of_reference: Option<f64>,
    /// Ratio to the anchor's instructions.
    pub(crate) of_anchor: Option<f64>,
    /// Instructions of the anchor for one unit.
    pub(crate) anchor: Option<f64>,
    /// Most instructions for one unit.
    pub(crate) goal: Option<f64>,
    /// Whether this variant of the case takes fewest.
    pub(crate) best: bool,
    mnemonics: Vec<(String, u64)>,
}

impl Row {
    /// Says whether the goal is met, for the best variant of a case that has one.
    pub(crate) fn verdict(&self) -> String {
        match self.goal {
            Some(goal) if self.best && self.per_unit <= goal => "met".to_owned(),
            Some(goal) if self.best => {
                format!("missed by {:.1} %", (self.per_unit / goal - 1.0) * 100.0)
            }
            _ => String::new(),
        }
    }
}

impl Table {
    /// Makes the table of measurements.
    pub(crate) fn new(board: &Board, measurements: Vec<Measurement>, anchors: &Anchors) -> Self {
        let of_case = |one: &Measurement, other: &Measurement| {
            one.op == other.op && one.format == other.format
        };
        let row = |one: &Measurement| {
            let variants = || measurements.iter().filter(|other| of_case(one, other));
            let reference = variants().find(|other| other.variant == "ref");
            let anchor = anchors.per_unit(&one.op, &one.format, board);
            Row {
                schema: 1,
                target: board.name,
                op: one.op.clone(),
                part_of: one.part_of,
                format: one.format.clone(),
                variant: one.variant.clone(),
                instructions: one.instructions,
                units: one.units,
                unit: one.unit.clone(),
                per_unit: one.per_unit(),
                of_reference: reference.map(|other| one.per_unit() / other.per_unit()),
                of_anchor: anchor.map(|anchor| one.per_unit() / anchor),
                anchor,
                goal: anchors.goal(&one.op, &one.format, board),
                // Of equals, the last: variants come in the order of their speed.
                best: variants().rev().min_by_key(|other| other.instructions) == Some(one),
                mnemonics: one.mnemonics.clone(),
            }
        };
        Self {
            board: *board,
            rows: measurements.iter().map(row).collect(),
        }
    }

    /// Returns the table as text.
    pub(crate) fn text(&self) -> String {
        let head = [
            "operator",
            "format",
            "variant",
            "instructions",
            "of ref",
            "of anchor",
            "goal",
            "",
        ];
        let rows: Vec<_> = self.rows.iter().map(cells).collect();
        let Board { name, core, .. } = self.board;
        format!("{name} ({core}): instructions\n{}\n", align(&head, &rows))
    }

    /// Returns one object a line.
    pub(crate) fn json(&self) -> Result<String> {
        let mut text = String::new();
        for row in &self.rows {
            writeln!(text, "{}", serde_json::to_string(row)?)?;
        }
        Ok(text)
    }
}

/// Returns the cells of a row: names, instructions a unit, ratios, goal.
pub(crate) fn cells(row: &Row) -> [String; 8] {
    let ratio = |ratio: Option<f64>| ratio.map_or_else(String::new, |ratio| format!("{ratio:.3}"));
    [
        row.op.clone(),
        row.format.clone(),
        row.variant.clone(),
        format!("{} / {}", figure(row.per_unit), row.unit),
        ratio(row.of_reference),
        ratio(row.of_anchor),
        row.goal
            .map_or_else(String::new, |goal| format!("<= {goal}")),
        row.verdict(),
    ]
}

/// Writes a figure with the digits that matter.
pub(crate) fn figure(value: f64) -> String {
    if value < 10.0 {
        format!("{value:.3}")
    } else {
        format!("{value:.1}")
    }
}

/// Sets rows in columns.
pub(crate) fn align<const N: usize>(head: &[&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].len());
        cells.chain([head[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..N).map(width).collect();
    let mut text = String::new();
    let head = head.map(str::to_owned);
    for row in [&head].into_iter().chain(rows) {
        let cells = row.iter().zip(&widths);
        let line: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Sets rows as a table of a page.
pub(crate) fn markdown<const N: usize>(
    head: &[&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> String {
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(N));
    for row in rows {
        text.push_str(&format!("| {} |\n", row.join(" | ")));
    }
    text
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::anchors::tests::anchors;
    use crate::board::BOARDS;

    fn measurement(variant: &str, instructions: u64) -> Measurement {
        Measurement {
            op: "a".to_owned(),
            format: "w8a8".to_owned(),
            variant: variant.to_owned(),
            units: 100,
            unit: "MAC".to_owned(),
            digest: 0,
            instructions,
            mnemonics: vec![("smlad".to_owned(), 9)],
            places: [].into(),
            part_of: None,
        }
    }

    pub(crate) fn table(dsp: u64) -> Table {
        let measurements = vec![measurement("ref", 700), measurement("dsp", dsp)];
        Table::new(&BOARDS[0], measurements, &anchors())
    }

    #[test]
    fn the_best_variant_is_held_against_the_goal() {
        let verdicts = |dsp| table(dsp).rows.iter().map(Row::verdict).collect::<Vec<_>>();
        assert_eq!(verdicts(150), ["", "met"]);
        assert_eq!(verdicts(165), ["", "missed by 10.0 %"]);
        assert_eq!(verdicts(800), ["missed by 366.7 %", ""]);
        assert_eq!(verdicts(700), ["", "missed by 366.7 %"]);
    }

    #[test]
    fn text_has_ratios() {
        let text = table(140).text();
        let wanted = "mps2-an386 (Cortex-M4F): instructions
operator  format  variant  instructions  of ref  of anchor  goal
a         w8a8    ref      7.000 / MAC   1.000   3.500      <= 1.5
a         w8a8    dsp      1.400 / MAC   0.200   0.700      <= 1.5  met

";
        assert_eq!(text, wanted);
    }

    #[test]
    fn json_is_one_object_a_line() {
        let json = table(140).json().unwrap();
        let values: Vec<serde_json::Value> = json
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(values.len(), 2);
        assert_eq!(values[1]["variant"], "dsp");
        assert_eq!(values[1]["instructions"], 140);
        assert_eq!(values[0]["of_reference"], 1.0);
    }
}
