//! The tables of docs/performance.md, each part between two markers.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::table::{Row, Table, cells, figure, markdown as lines};

/// Replaces a part of the page.
pub(crate) fn update(path: &Path, part: &str, text: &str) -> Result<()> {
    let (_, new) = pages(path, part, text)?;
    fs::write(path, new).with_context(|| format!("write {}", path.display()))
}

/// Tells whether a part of the page is this text.
pub(crate) fn is_current(path: &Path, part: &str, text: &str) -> Result<bool> {
    let (old, new) = pages(path, part, text)?;
    Ok(old == new)
}

/// Returns the page as it is and as it should be.
fn pages(path: &Path, part: &str, text: &str) -> Result<(String, String)> {
    let old = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let new = replace(&old, part, text)
        .with_context(|| format!("{} lacks the markers of bench:{part}", path.display()))?;
    Ok((old, new))
}

/// Puts text between the markers, if both are there.
fn replace(page: &str, part: &str, text: &str) -> Option<String> {
    let [begin, end] = ["begin", "end"].map(|which| format!("<!-- bench:{part} {which} -->"));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n\n{text}\n{end}{after}"))
}

/// Returns the goals, then everything, board by board.
pub(crate) fn markdown(tables: &[Table]) -> String {
    let mut text = goals(tables);
    for table in tables {
        text.push_str(&format!(
            "\n### {} ({})\n\n",
            table.board.core, table.board.name
        ));
        let head = [
            "operator",
            "format",
            "variant",
            "instructions",
            "of reference",
            "of anchor",
        ];
        let rows = table.rows.iter().map(|row| {
            let [
                op,
                format,
                variant,
                instructions,
                of_reference,
                of_anchor,
                ..,
            ] = cells(row);
            [op, format, variant, instructions, of_reference, of_anchor]
        });
        text.push_str(&lines(&head, rows));
    }
    text
}

/// Returns the table of the best variants that have a goal, or a part that has one.
fn goals(tables: &[Table]) -> String {
    let head = [
        "operator",
        "format",
        "core",
        "variant",
        "instructions",
        "anchor",
        "goal",
        "",
    ];
    let mut rows = Vec::new();
    for table in tables {
        for row in table.rows.iter().filter(|row| row.best) {
            let is_whole = |part: &Row| {
                part.part_of == Some(&row.op) && part.format == row.format && part.goal.is_some()
            };
            if row.goal.is_none() && !table.rows.iter().any(is_whole) {
                continue;
            }
            rows.push([
                row.op.clone(),
                row.format.clone(),
                table.board.core.to_owned(),
                row.variant.clone(),
                format!("{} / {}", figure(row.per_unit), row.unit),
                row.anchor.map_or_else(String::new, figure),
                row.goal
                    .map_or_else(String::new, |goal| format!("<= {goal}")),
                row.verdict(),
            ]);
        }
    }
    // By operator, not by board; the boards stay in their order.
    rows.sort_by(|a, b| (&a[0], &a[1]).cmp(&(&b[0], &b[1])));
    lines(&head, rows.into_iter())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::table;

    #[test]
    fn text_between_the_markers_is_replaced() {
        let page = "a\n<!-- bench:c begin -->\nold\n<!-- bench:c end -->\nb\n";
        let wanted = "a\n<!-- bench:c begin -->\n\nnew\n\n<!-- bench:c end -->\nb\n";
        assert_eq!(replace(page, "c", "new\n").as_deref(), Some(wanted));
        assert_eq!(replace(wanted, "c", "new\n").as_deref(), Some(wanted));
        assert_eq!(replace(page, "d", "new\n"), None);
    }

    #[test]
    fn a_page_without_markers_stays() {
        assert_eq!(replace("a\n", "c", "new\n"), None);
        let page = "<!-- bench:c end -->\n<!-- bench:c begin -->\n";
        assert_eq!(replace(page, "c", "new\n"), None);
    }

    #[test]
    fn the_goals_show_the_best_variant_only() {
        let text = markdown(&[table(140)]);
        let wanted = "\
| operator | format | core | variant | instructions | anchor | goal |  |
|---|---|---|---|---|---|---|---|
| a | w8a8 | Cortex-M4F | dsp | 1.400 / MAC | 2.000 | <= 1.5 | met |

### Cortex-M4F (mps2-an386)

| operator | format | variant | instructions | of reference | of anchor |
|---|---|---|---|---|---|
| a | w8a8 | ref | 7.000 / MAC | 1.000 | 3.500 |
| a | w8a8 | dsp | 1.400 / MAC | 0.200 | 0.700 |
";
        assert_eq!(text, wanted);
    }

    #[test]
    fn a_whole_is_shown_with_the_part_that_has_a_goal() {
        let mut tables = [table(140)];
        let mut whole = table(200).rows.remove(1);
        whole.op = "whole".to_owned();
        whole.goal = None;
        tables[0].rows.push(whole);
        assert!(!goals(&tables).contains("whole"));
        tables[0].rows[1].part_of = Some("whole");
        let text = goals(&tables);
        assert!(
            text.contains("| a | w8a8 | Cortex-M4F | dsp | 1.400 / MAC | 2.000 | <= 1.5 | met |")
        );
        assert!(text.contains("| whole | w8a8 | Cortex-M4F | dsp | 2.000 / MAC | 2.000 |  |  |"));
    }
}
