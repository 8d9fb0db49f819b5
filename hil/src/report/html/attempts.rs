//! What stands between a run and its verdict: attempts that failed, a quarantine.

use maud::{Markup, html};

use super::badge;
use crate::report::{BoardReport, Failure, QuarantineReport};

/// Returns the cards, nothing for a plain run.
pub(super) fn cards(entry: &BoardReport) -> Markup {
    html! {
        @if let Some(found) = &entry.quarantine { (quarantine(found)) }
        @if !entry.attempts.is_empty() { (attempts(&entry.attempts)) }
    }
}

fn quarantine(found: &QuarantineReport) -> Markup {
    let quarantine = &found.quarantine;
    html! {
        section.card.notice {
            h3 { "In quarantine until " (quarantine.expires) }
            dl.facts {
                dt { "Reason" } dd { (quarantine.reason) }
                dt { "Owner" } dd { (quarantine.owner) }
                @if let Some(issue) = &quarantine.issue { dt { "Issue" } dd { (issue) } }
                dt { "It would be" } dd { (badge(found.found)) }
            }
        }
    }
}

fn attempts(attempts: &[Failure]) -> Markup {
    html! {
        section.card.notice {
            h3 { "Attempts before this one" }
            div.scroll {
                table.plain {
                    thead { tr { th.n { "#" } th { "Verdict" } th { "Stage" } th { "Cause" } } }
                    tbody {
                        @for (idx, attempt) in attempts.iter().enumerate() {
                            tr {
                                td.n { (idx + 1) }
                                td { (badge(attempt.verdict)) }
                                td { (attempt.stage.word()) }
                                td.words { (attempt.cause) }
                            }
                        }
                    }
                }
            }
        }
    }
}
