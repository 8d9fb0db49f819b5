//! What a search found: a table, and a picture beside it.

pub mod plot;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::config::Format;
use super::cost::Cost;
use super::rank::{Point, fronts};
use super::space::Candidate;
use super::trial::Scores;

/// All that is known of the networks of a search.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Report {
    /// Whether all rungs are done.
    pub finished: bool,
    /// Networks that were drawn and cost more than the budget allows.
    pub over_budget: usize,
    /// One for each network and number format, at its last rung; the best first.
    pub rows: Vec<Row>,
    /// Energy of the processor packages over all runs, in joules.
    pub energy_j: Option<f64>,
    /// Why that is null.
    pub energy_reason: Option<String>,
}

/// A network in a number format.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Row {
    /// Number of the network.
    pub candidate: usize,
    /// Its choices.
    pub choice: Candidate,
    /// Its number format.
    pub precision: Format,
    /// What it costs.
    pub cost: Cost,
    /// The last rung that it was trained on, from 0 on.
    pub rung: u32,
    /// Steps of a run there.
    pub steps: u64,
    /// PSNR on luma in dB, a seed each.
    pub scores: Vec<f64>,
    /// Whether no network of the last rung is both better and faster.
    pub front: bool,
    /// The model of the first seed.
    pub model: PathBuf,
}

impl Row {
    /// Returns the mean PSNR of the seeds in dB.
    pub fn psnr_y(&self) -> f64 {
        self.scores.iter().sum::<f64>() / self.scores.len() as f64
    }

    /// Returns the difference of the best and the worst seed in dB.
    pub fn spread(&self) -> f64 {
        let most = self.scores.iter().copied().fold(f64::MIN, f64::max);
        most - self.scores.iter().copied().fold(f64::MAX, f64::min)
    }

    /// Returns what networks are compared by.
    pub fn point(&self) -> Point {
        Point {
            score: self.psnr_y(),
            cost: self.cost.milliseconds,
        }
    }
}

impl Report {
    pub(super) fn new(over_budget: usize) -> Self {
        Self {
            finished: false,
            over_budget,
            rows: Vec::new(),
            energy_j: Some(0.0),
            energy_reason: None,
        }
    }

    /// Takes the results of a rung, which replace those of the rung before.
    pub(super) fn add(&mut self, mut rows: Vec<Row>, finished: bool) {
        let points: Vec<Point> = rows.iter().map(Row::point).collect();
        for (row, front) in rows.iter_mut().zip(fronts(&points)) {
            row.front = front == 0;
        }
        let again = |old: &Row| rows.iter().any(|new| new.candidate == old.candidate);
        self.rows.retain(|old| !again(old));
        self.rows.iter_mut().for_each(|old| old.front = false);
        self.rows.extend(rows);
        let by_psnr = |a: &Row, b: &Row| b.psnr_y().total_cmp(&a.psnr_y());
        self.rows
            .sort_by(|a, b| b.rung.cmp(&a.rung).then_with(|| by_psnr(a, b)));
        self.finished = finished;
    }

    /// Adds the energy of a run; where one is unknown, so is the sum.
    pub(super) fn add_energy(&mut self, scores: &Scores) {
        match (self.energy_j, scores.energy_j) {
            (Some(sum), Some(more)) => self.energy_j = Some(sum + more),
            (Some(_), None) => {
                self.energy_j = None;
                self.energy_reason.clone_from(&scores.energy_reason);
            }
            (None, _) => {}
        }
    }

    /// Returns the table in words; `*` marks the front of the last rung.
    pub fn text(&self) -> String {
        let mut text = format!(
            "  {:<5} {:<6} {:>8} {:>6} {:>9} {:>8} {:>9} {:>9} {:>9}  network\n",
            "", "format", "PSNR", "spread", "ms", "steps", "params", "flash", "RAM"
        );
        for row in &self.rows {
            let mark = if row.front { '*' } else { ' ' };
            text += &format!(
                "{mark} c{:03}  {:<6} {:>8.3} {:>6.3} {:>9.2} {:>8} {:>9} {:>9} {:>9}  {}\n",
                row.candidate,
                row.precision.precision().to_string(),
                row.psnr_y(),
                row.spread(),
                row.cost.milliseconds,
                row.steps,
                row.cost.parameters,
                row.cost.flash_bytes,
                row.cost.ram_bytes,
                row.choice.text()
            );
        }
        if self.over_budget > 0 {
            text += &format!("{} more cost too much\n", self.over_budget);
        }
        text + &match (self.energy_j, &self.energy_reason) {
            (Some(joules), _) => format!("energy of the processor: {joules:.0} J"),
            (None, reason) => {
                let reason = reason.as_deref().unwrap_or("no meter");
                format!("energy: unknown ({reason})")
            }
        }
    }
}
