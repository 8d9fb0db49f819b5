//! What stands between a run and its verdict: attempts that failed, a quarantine.

use maud::{Markup, html};

use super::badge;
use crate::recovery::Step;
use crate::report::{BoardReport, Failure, QuarantineReport};

/// Returns the cards, nothing for a plain run.
pub(super) fn cards(entry: &BoardReport) -> Markup {
    html! {
        @if let Some(found) = &entry.quarantine { (quarantine(found)) }
        @if !entry.attempts.is_empty() { (attempts(&entry.attempts, &entry.recovery)) }
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

fn attempts(attempts: &[Failure], recovery: &[Step]) -> Markup {
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
            @if !recovery.is_empty() {
                p.note { "Brought back by:" }
                ul.steps { @for step in recovery { li { (step.rung.words()) ": " (outcome(step)) } } }
            }
        }
    }
}

fn outcome(step: &Step) -> &str {
    match &step.detail {
        None if step.helped => "it helped",
        None => "it did not help",
        Some(detail) => detail,
    }
}
