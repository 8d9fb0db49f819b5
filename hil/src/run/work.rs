//! A model and the pictures that go through it, shared by all rigs.

use mambalite::model_file::ModelFile;
use mambalite::upscale::Executor;
use mambalite_kernels::{Config, Model, Plan};

use super::Order;
use super::stand::Stand;
use super::task::{self, Task};
use crate::error::Result;
use crate::geometry;
use crate::link::Counters;
use crate::reference::References;
use crate::report::{self, BoardFacts, BoardReport, Memory, ModelFacts};
use crate::verdict::Verdict;

/// A model and what goes through it.
pub(super) struct Work<'a> {
    pub(super) file: &'a ModelFile,
    pub(super) model: &'a Model<'a>,
    pub(super) tasks: Vec<Task>,
    pub(super) references: References<'a>,
}

impl<'a> Work<'a> {
    /// Loads the pictures of an order for one model.
    ///
    /// # Errors
    /// Those of [`task::load`].
    pub(super) fn new(order: &Order, file: &'a ModelFile, model: &'a Model<'a>) -> Result<Self> {
        let tasks = task::load(order, model.config())?;
        let references = References::new(model);
        Ok(Self {
            file,
            model,
            tasks,
            references,
        })
    }

    /// Checks that the firmware of a rig's board runs the model's precision, and that every picture fits
    /// the board's memory.
    pub(super) fn check_fit(&self, order: &Order, stand: &Stand) -> Result<()> {
        stand.check_precision(&order.model, self.model.precision())?;
        for task in &self.tasks {
            let size = (task.lr.width(), task.lr.height());
            geometry::check(&stand.board, self.model, &task.path, size, order.executor)?;
        }
        Ok(())
    }

    /// Begins the report of a rig: what is known before it runs.
    pub(super) fn report(&self, order: &Order, stand: &Stand) -> BoardReport {
        BoardReport {
            rig: stand.rig.name.clone(),
            verdict: Verdict::Skip,
            failure: None,
            attempts: Vec::new(),
            recovery: Vec::new(),
            quarantine: None,
            crash: None,
            board: BoardFacts::from(&stand.board),
            firmware: None,
            device: None,
            model: ModelFacts {
                name: order.model.clone(),
                precision: self.model.precision().to_string(),
                config: describe(self.model.config()),
                sha256: hex::encode(self.model.sha256()),
            },
            executor: match order.executor {
                Executor::Stream => report::Executor::Stream,
                Executor::Patch { tile, halo } => report::Executor::Patch { tile, halo },
            },
            memory: self.memory(order, stand),
            link: Counters::default(),
            jobs: Vec::new(),
            first_difference: None,
            controls: Vec::new(),
            pictures: Vec::new(),
            sensors: None,
            energy: None,
            energy_failure: None,
            log: Vec::new(),
        }
    }

    /// Returns the plan of the memory for the widest job.
    fn memory(&self, order: &Order, stand: &Stand) -> Memory {
        let widths = self.tasks.iter().map(|task| {
            let (width, height) = (task.lr.width(), task.lr.height());
            geometry::tiles(width, height, order.executor).padded_width_max()
        });
        let width = widths.max().unwrap_or(1);
        let plan = Plan::microcontroller(self.model, width);
        let board = stand.board.memory();
        Memory {
            flash_bytes: plan.flash_bytes,
            flash_size_bytes: board.map_or(0, |it| it.model.capacity_bytes as usize),
            arena_bytes: geometry::arena_needed(self.model, width),
            arena_used_bytes: None,
            arena_size_bytes: stand.board.arena_bytes as usize,
            object_bytes: plan.object_bytes,
            stack_bytes: plan.stack_bytes,
            stack_used_bytes: None,
            stack_size_bytes: board.map_or(0, |it| it.stack_bytes as usize),
        }
    }
}

/// Returns the shape of a network in one line.
pub(crate) fn describe(config: &Config) -> String {
    format!(
        "x{}, {} channels, C {}, E {}, G {}, B {}, N {}, R {}, {:?} decay, {:?} anchor",
        config.scale,
        config.channels,
        config.width,
        config.inner,
        config.groups,
        config.blocks,
        config.states,
        config.dt_rank,
        config.decay,
        config.anchor
    )
    .to_lowercase()
}
