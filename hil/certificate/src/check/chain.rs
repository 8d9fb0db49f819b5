//! A certificate and the one before it.

use crate::predicate::{Predicate, Previous};

/// Says in what a certificate is not of the same thing as the one before it: board, model and number
/// format.
#[must_use]
pub fn differs_from_before(now: &Predicate, before: &Predicate) -> Vec<String> {
    let facts = [
        ("board", &before.board.name, &now.board.name),
        ("model", &before.model.name, &now.model.name),
        ("precision", &before.model.precision, &now.model.precision),
    ];
    let others = facts.into_iter().filter(|(_, before, now)| before != now);
    others
        .map(|(what, before, _)| format!("chain: the {what} of the certificate before is {before}"))
        .collect()
}

/// Says why a certificate does not follow another: it names another file, is of another thing, or began
/// before that one ended.
#[must_use]
pub fn against_before(now: &Predicate, before: &Predicate, sha256: &str) -> Vec<String> {
    let id = &before.identity.id;
    let mut faults = match &now.chain {
        Some(Previous {
            id: named,
            sha256: hash,
        }) if named == id && hash == sha256 => Vec::new(),
        Some(named) => vec![format!(
            "chain: {} follows {} with the hash {}; given is {id} with the hash {sha256}",
            now.identity.id, named.id, named.sha256
        )],
        None => vec![format!("chain: {} is the first", now.identity.id)],
    };
    // A time that is none is a broken rule of its certificate.
    let begun = super::time(&now.identity.started, "identity.started").ok();
    let ended = super::time(&before.identity.finished, "identity.finished").ok();
    if begun.zip(ended).is_some_and(|(begun, ended)| begun < ended) {
        faults.push(format!(
            "chain: {} began at {}, before {id} ended at {}",
            now.identity.id, now.identity.started, before.identity.finished
        ));
    }
    faults.extend(differs_from_before(now, before));
    faults
}
