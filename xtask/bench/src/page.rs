//! The tables of docs/performance.md, written between two markers.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::table::{Table, cells, figure};

const BEGIN: &str = "<!-- bench:mcu begin -->";
const END: &str = "<!-- bench:mcu end -->";

/// Replaces the tables of the page.
pub(crate) fn update(path: &Path, tables: &[Table]) -> Result<()> {
    let (_, new) = pages(path, tables)?;
    fs::write(path, new).with_context(|| format!("write {}", path.display()))
}

/// Tells whether the page shows these tables.
pub(crate) fn is_current(path: &Path, tables: &[Table]) -> Result<bool> {
    let (old, new) = pages(path, tables)?;
    Ok(old == new)
}

/// Returns the page as it is and as it should be.
fn pages(path: &Path, tables: &[Table]) -> Result<(String, String)> {
    let old = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let new = replace(&old, &markdown(tables))
        .with_context(|| format!("{} lacks {BEGIN} and {END}", path.display()))?;
    Ok((old, new))
}

/// Puts text between the markers, if both are there.
fn replace(page: &str, text: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{text}\n{END}{after}"))
}

/// Returns the goals, then everything, board by board.
fn markdown(tables: &[Table]) -> String {
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

/// Returns the table of the best variants that have a goal.
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
            let Some(goal) = row.goal else { continue };
            rows.push([
                row.op.clone(),
                row.format.clone(),
                table.board.core.to_owned(),
                row.variant.clone(),
                format!("{} / {}", figure(row.per_unit), row.unit),
                row.anchor.map_or_else(String::new, figure),
                format!("<= {goal}"),
                row.verdict(),
            ]);
        }
    }
    // By operator, not by board; the boards stay in their order.
    rows.sort_by(|a, b| (&a[0], &a[1]).cmp(&(&b[0], &b[1])));
    lines(&head, rows.into_iter())
}

fn lines<const N: usize>(head: &[&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(N));
    for row in rows {
        text.push_str(&format!("| {} |\n", row.join(" | ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::table;

    #[test]
    fn text_between_the_markers_is_replaced() {
        let page = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let wanted = format!("a\n{BEGIN}\n\nnew\n\n{END}\nb\n");
        assert_eq!(replace(&page, "new\n"), Some(wanted.clone()));
        assert_eq!(replace(&wanted, "new\n"), Some(wanted));
    }

    #[test]
    fn a_page_without_markers_stays() {
        assert_eq!(replace("a\n", "new\n"), None);
        assert_eq!(replace(&format!("{END}\n{BEGIN}\n"), "new\n"), None);
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
}
