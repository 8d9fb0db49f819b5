//! Operators against rigs: where every bit was equal.

use maud::{Markup, html};

use super::{sign, tone};
use crate::report::{BoardReport, JobReport, RunReport};

/// Name of the row of the SR bytes.
const PICTURE: &str = "SR bytes";

/// One operator on one rig, over all tiles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Cell {
    compared: usize,
    equal: usize,
}

/// Returns the card: one row an operator, and folded, one row a layer.
pub(super) fn card(report: &RunReport) -> Markup {
    let operators = rows(&report.boards, operator);
    let layers = rows(&report.boards, str::to_owned);
    html! {
        section.card.wide #matrix {
            h2 { "Operators on every rig" }
            p.note {
                span.cell.good { "✓" } " every bit equal "
                span.cell.bad { "≠" } " so many digests differ "
                span.cell.none { "·" } " not compared"
            }
            div.scroll { (table(report, &operators)) }
            details {
                summary { "Layer by layer" span.note { (layers.len()) " rows" } }
                div.scroll { (table(report, &layers)) }
            }
        }
    }
}

fn table(report: &RunReport, rows: &[(String, Vec<Cell>)]) -> Markup {
    html! {
        table.matrix {
            thead {
                tr {
                    th {}
                    @for (board_idx, board) in report.boards.iter().enumerate() {
                        th.rig {
                            a href=(format!("#board-{board_idx}")) {
                                (board.rig) " " span { (board.model.precision) }
                            }
                        }
                    }
                }
            }
            tbody {
                tr.verdicts {
                    th { "verdict" }
                    @for board in &report.boards {
                        td { span class=(format!("cell {}", tone(board.verdict)))
                            title=(format!("{}: {}", board.rig, board.verdict.word())) {
                            (sign(board.verdict))
                        } }
                    }
                }
                @for (name, cells) in rows {
                    tr {
                        th { code { (name) } }
                        @for (cell, board) in cells.iter().zip(&report.boards) {
                            td { (mark(*cell, &board.rig, name)) }
                        }
                    }
                }
            }
        }
    }
}

fn mark(cell: Cell, rig: &str, row: &str) -> Markup {
    let differing = cell.compared - cell.equal;
    let title = format!("{rig}, {row}: {} of {} equal", cell.equal, cell.compared);
    html! {
        @if cell.compared == 0 {
            span.cell.none title=(format!("{rig}, {row}: not compared")) { "·" }
        } @else if differing == 0 {
            span.cell.good title=(title) { "✓" }
        } @else {
            span.cell.bad title=(title) { (differing) }
        }
    }
}

/// Returns the rows in order of execution, each with a cell for each board.
fn rows(boards: &[BoardReport], name: fn(&str) -> String) -> Vec<(String, Vec<Cell>)> {
    let mut rows: Vec<(String, Vec<Cell>)> = Vec::new();
    for (board_idx, board) in boards.iter().enumerate() {
        for job in &board.jobs {
            for (row, equal) in digests(job, name) {
                let found = rows.iter().position(|(known, _)| *known == row);
                let found = found.unwrap_or_else(|| {
                    rows.push((row, vec![Cell::default(); boards.len()]));
                    rows.len() - 1
                });
                let cell = rows
                    .get_mut(found)
                    .and_then(|(_, cells)| cells.get_mut(board_idx));
                if let Some(cell) = cell {
                    cell.compared += 1;
                    cell.equal += usize::from(equal);
                }
            }
        }
    }
    rows
}

fn digests(job: &JobReport, name: fn(&str) -> String) -> impl Iterator<Item = (String, bool)> {
    let layers = job.layers.iter().map(move |it| (name(&it.name), it.equal));
    layers.chain([(PICTURE.to_owned(), job.output_equal)])
}

/// Returns the name of a layer without its numbers: `layers.3.blocks.1.scan` is `blocks.scan`.
fn operator(layer: &str) -> String {
    let words = layer.split('.').filter(|it| it.parse::<u32>().is_err());
    let words: Vec<&str> = words.collect();
    let plain = words.strip_prefix(&["layers"]).filter(|it| !it.is_empty());
    plain.unwrap_or(&words).join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::board;

    #[test]
    fn numbers_make_no_operator() {
        for (layer, name) in [
            ("layers.3.blocks.1.scan", "blocks.scan"),
            ("layers.0.conv", "conv"),
            ("layers.0", "layers"),
            ("conv_first", "conv_first"),
            ("patch_embed.norm", "patch_embed.norm"),
        ] {
            assert_eq!(operator(layer), name);
        }
    }

    #[test]
    fn cells_count_what_was_compared() {
        let mut silent = board("c", "f32", true);
        silent.jobs.clear();
        let boards = [board("a", "f32", true), board("b", "f32", false), silent];
        let rows = rows(&boards, operator);
        let names: Vec<_> = rows.iter().map(|(name, _)| name.as_str()).collect();
        let expected = [
            "conv_first",
            "norm",
            "mixer.in_proj",
            "mixer.scan",
            "mixer.out_proj",
            PICTURE,
        ];
        assert_eq!(names, expected);
        // Eight blocks in four tiles; of one tile the last three blocks differ.
        let cells = [(32, 32), (32, 29), (0, 0)].map(|(compared, equal)| Cell { compared, equal });
        assert_eq!(rows[3].1, cells);
    }
}
