//! Puts the reports of all rigs in order, with the pictures that belong to them.

use super::Images;
use super::attempts::Finished;
use crate::report::BoardReport;

/// Numbers the pictures by the place of their report.
pub(super) fn gather(finished: Vec<Finished>) -> (Vec<BoardReport>, Vec<Images>) {
    let mut reports = Vec::with_capacity(finished.len());
    let mut images = Vec::new();
    for (board_idx, one) in finished.into_iter().enumerate() {
        reports.push(one.report);
        images.extend(one.images.into_iter().map(|it| Images { board_idx, ..it }));
    }
    (reports, images)
}
