//! What a network costs, known before it is trained.

use mambalite_kernels::Plan;
use serde::{Deserialize, Serialize};

use super::config::Budget;
use crate::Result;
use crate::clock::Clock;
use crate::model_file::ModelFile;

/// What a network costs in a number format.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Cost {
    /// Trained numbers.
    pub parameters: usize,
    /// Multiply-accumulates of an LR pixel.
    pub macs_per_lr_pixel: usize,
    /// Bytes of the model, in flash.
    pub flash_bytes: usize,
    /// Bytes of the arena and of the bound of the stack on a board, for rows of the budget's width.
    pub ram_bytes: usize,
    /// Milliseconds of a square of the budget's width, by a [`Clock`].
    pub milliseconds: f64,
}

impl Cost {
    /// Measures a network.
    ///
    /// # Errors
    /// Those of [`Clock::milliseconds`].
    pub fn measure(file: &ModelFile, budget: &Budget) -> Result<Self> {
        let model = file.model();
        let config = model.config();
        let plan = Plan::microcontroller(&model, budget.row_width.into());
        let clock = Clock {
            command: budget.measure.clone(),
            side: budget.row_width.into(),
        };
        Ok(Self {
            parameters: config.parameters(model.forms()),
            macs_per_lr_pixel: config.macs_per_pixel(model.forms()),
            flash_bytes: plan.flash_bytes,
            ram_bytes: plan.arena_bytes + plan.stack_bytes,
            milliseconds: clock.milliseconds(file)?,
        })
    }

    /// Names what is more than the budget allows, with both numbers.
    pub fn exceeds(&self, budget: &Budget) -> Option<String> {
        let bytes = [
            ("flash", self.flash_bytes, budget.flash),
            ("ram", self.ram_bytes, budget.ram),
            ("macs", self.macs_per_lr_pixel, budget.macs),
        ];
        let bytes = bytes.into_iter().find_map(|(key, found, limit)| {
            let limit = limit.filter(|&limit| found > limit)?;
            Some(format!("{key} {found}, the budget {limit}"))
        });
        bytes.or_else(|| {
            let found = self.milliseconds;
            let limit = budget.milliseconds.filter(|&limit| found > limit)?;
            Some(format!("milliseconds {found:.2}, the budget {limit}"))
        })
    }
}
