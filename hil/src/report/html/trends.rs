//! The nights before: what is worse, and every measure as a curve.

use maud::{Markup, html};

use super::number::measured;
use crate::history::{Regression, Series, Subject, spark};
use crate::report::{BoardReport, RunReport};

/// Width and height of a curve, pixels.
const CURVE: (f64, f64) = (150.0, 26.0);
/// Room for the stroke and the dot at the end.
const EDGE: f64 = 4.0;

/// Returns the card of what is worse than it may be; nothing where all is well.
pub(super) fn regressions(found: &[Regression]) -> Markup {
    if found.is_empty() {
        return html! {};
    }
    html! {
        section.card.wide.alarm #regressions {
            h3 { "Worse than in the nights before" }
            div.scroll {
                table.plain {
                    thead {
                        tr {
                            th { "Rig" } th { "Precision" } th { "Measure" } th.n { "Tonight" }
                            th.n { "Before" } th.n { "Allowed" } th.n { "Nights" }
                        }
                    }
                    tbody {
                        @for it in found {
                            tr title=(it.text) {
                                td { (it.rig) } td { (it.precision) } td { (it.measure) }
                                td.n { (measured(it.value)) " " (it.unit) }
                                td.n { (measured(it.baseline)) }
                                td.n { (measured(it.limit)) }
                                td.n { (it.samples) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Returns the measures of a board, this run's last; nothing without a history.
pub(super) fn card(report: &RunReport, board: &BoardReport, trends: &[Series]) -> Markup {
    let subject = Subject::of(board);
    let own: Vec<&Series> = trends.iter().filter(|it| it.subject == subject).collect();
    if own.is_empty() {
        return html! {};
    }
    let is_worse = |measure: &str| {
        report.regressions.iter().any(|it| {
            (it.rig.as_str(), it.precision.as_str()) == (&board.rig, &board.model.precision)
                && it.measure == measure
        })
    };
    html! {
        section.card {
            h3 { "Night after night" }
            table.plain.trends {
                tbody { @for series in own { (row(series, is_worse(&series.measure))) } }
            }
            p.note { "The newest value is that of this run; curves from their least to their most." }
        }
    }
}

fn row(series: &Series, worse: bool) -> Markup {
    let values: Vec<f64> = series.points.iter().map(|it| it.value).collect();
    let same = values.iter().all(|it| Some(it) == values.first());
    let newest = values.last().copied().unwrap_or_default();
    html! {
        tr.quiet[same && !worse] {
            td { (series.measure) }
            td.n.alarming[worse] { (measured(newest)) " " (series.unit) }
            td { (curve(&values, worse)) }
            td.n { (values.len()) }
        }
    }
}

fn curve(values: &[f64], worse: bool) -> Markup {
    let (width, height) = CURVE;
    let path = spark(values, width - 2.0 * EDGE, height - 2.0 * EDGE);
    // The dot stands on the last point of the path.
    let last = path.rsplit(['M', 'L']).next().unwrap_or_default();
    let (x, y) = last.split_once(' ').unwrap_or(("0", "0"));
    let class = if worse { "spark worse" } else { "spark" };
    let (view, shift) = (
        format!("0 0 {width} {height}"),
        format!("translate({EDGE} {EDGE})"),
    );
    html! {
        svg class=(class) viewBox=(view) width=(width) height=(height) role="img"
            aria-label=(format!("{} nights", values.len())) {
            g transform=(shift) {
                path d=(path) {}
                circle cx=(x) cy=(y) r="2.5" {}
            }
        }
    }
}
