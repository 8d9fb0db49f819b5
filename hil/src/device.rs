//! A board that is ready for jobs, and the check of a job against the reference.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mambalite::picture::Picture;
use mambalite_hil_wire::Fault;
use mambalite_kernels::{Layer, Model};

use crate::compare::{Comparison, Place, first_byte, first_value};
use crate::error::{Error, Result};
use crate::geometry::{HALO_DEFAULT, tile_max};
use crate::link::{Damage, Job, JobResult, Link};
use crate::reference::{self, Reference, References};
use crate::report::Difference;
use crate::transport::Transport;

/// A board behind a link, with the model that lies in its memory.
pub struct Device<'m, T> {
    /// The line to the board.
    pub link: Link<T>,
    board: String,
    model: &'m Model<'m>,
    references: Option<&'m References<'m>>,
}

/// A job that ran on both sides.
#[derive(Debug, Clone)]
pub struct Checked {
    /// What the board sent.
    pub result: JobResult,
    /// What it should have sent.
    pub reference: Arc<Reference>,
    /// Both, compared.
    pub comparison: Comparison,
    /// From begin to result on the host's clock.
    pub wall: Duration,
}

/// What a job does beyond upscaling.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extras {
    /// Index of the layer whose values shall come back.
    pub trace: Option<usize>,
    /// A data frame to be damaged once.
    pub damage: Option<Damage>,
}

impl<'m, T: Transport> Device<'m, T> {
    /// Takes a board whose handshake is done; `model` is the one in its memory.
    pub fn new(link: Link<T>, board: &str, model: &'m Model<'m>) -> Self {
        let board = board.to_owned();
        Self {
            link,
            board,
            model,
            references: None,
        }
    }

    /// Takes what the board should send from a collection, which is of the same model.
    #[must_use]
    pub fn with_references(self, references: &'m References<'m>) -> Self {
        let references = Some(references);
        Self { references, ..self }
    }

    /// Returns the model.
    #[must_use]
    pub fn model(&self) -> &'m Model<'m> {
        self.model
    }

    /// Runs a job on the board; `progress` gets the bytes acknowledged and received so far.
    ///
    /// # Errors
    /// [`Error::ArenaTooSmall`] when the board says so, else as [`Link::run`].
    pub fn run(
        &mut self,
        picture: &Picture,
        extras: Extras,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<JobResult> {
        let config = self.model.config();
        let layers = match self.link.shows_layers() {
            true => Layer::count(config),
            false => 0,
        };
        let side = |length: usize| {
            u16::try_from(length).map_err(|_| Error::Reference {
                cause: format!("a job of {length} pixels a side does not fit the wire"),
            })
        };
        let job = Job {
            width: side(picture.width())?,
            height: side(picture.height())?,
            pixels: picture.data(),
            output_len: picture.data().len() * config.scale * config.scale,
            layers: layers as u16,
            // An index of a layer; the family has at most 1191.
            trace: extras.trace.map(|layer| layer as u16),
            damage: extras.damage,
        };
        self.link
            .run(&job, progress)
            .map_err(|error| self.explain(error, picture))
    }

    /// Runs a job on the board and on the host, and compares.
    ///
    /// # Errors
    /// As [`Device::run`] and [`reference::run`].
    pub fn check(
        &mut self,
        picture: &Picture,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Checked> {
        let start = Instant::now();
        let result = self.run(picture, Extras::default(), progress)?;
        let wall = start.elapsed();
        let reference = match self.references {
            Some(references) => references.get(picture)?,
            None => Arc::new(reference::run(self.model, picture)?),
        };
        let comparison = Comparison::new(self.model.config(), &result, &reference);
        Ok(Checked {
            result,
            reference,
            comparison,
            wall,
        })
    }

    /// Finds the first element in which a job differs, by running it again with a trace; nothing
    /// where it does not differ, or not again.
    ///
    /// # Errors
    /// As [`Device::run`]; [`Error::Misbehaved`] when the trace has another length.
    pub fn locate(
        &mut self,
        picture: &Picture,
        checked: &Checked,
        name: &str,
        tile: usize,
    ) -> Result<Option<Difference>> {
        let (config, precision) = (self.model.config(), self.model.precision());
        let place = Place {
            picture: name,
            tile,
            width: picture.width(),
            height: picture.height(),
        };
        let layer = checked.comparison.first_layer();
        let Some((index, layer)) = layer.and_then(|i| Some((i, Layer::all(config).nth(i)?))) else {
            let (device, reference) = (&checked.result.output, &checked.reference.output);
            return Ok(first_byte(config, place, device, reference));
        };
        let extras = Extras {
            trace: Some(index),
            damage: None,
        };
        let device = self.run(picture, extras, &mut |_, _| ())?.trace;
        let reference = reference::trace(self.model, picture, layer)?;
        if device.len() != reference.len() {
            let (found, expected) = (device.len(), reference.len());
            return Err(Error::Misbehaved {
                cause: format!("the trace of {layer} has {found} values, not {expected}"),
            });
        }
        let found = first_value(config, precision, place, layer, &device, &reference);
        Ok(found)
    }

    /// Adds to a refusal what the user can do about it.
    fn explain(&self, error: Error, picture: &Picture) -> Error {
        match error {
            Error::Refused {
                fault: Fault::ArenaTooSmall { needed, available },
                ..
            } => Error::ArenaTooSmall {
                board: self.board.clone(),
                width: picture.width(),
                height: picture.height(),
                needed: needed as usize,
                available: available as usize,
                tile: tile_max(self.model, available as usize, HALO_DEFAULT),
            },
            other => other,
        }
    }
}
