//! Patches: what the network sees and what it should make of it.

use super::Pictures;
use super::draw::{Draw, Symmetry};
use crate::Result;
use crate::picture::Picture;
use crate::train::teacher::{Taught, Teaching};

/// One patch of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Patch {
    /// The low-resolution pixels.
    pub low: Picture,
    /// The high-resolution ones, `[h scale, w scale, channels]` with 1 for white.
    pub high: Vec<f32>,
    /// What the teacher makes of the low-resolution ones.
    pub teacher: Option<Taught>,
}

/// Where patches come from.
#[derive(Debug)]
pub struct Patches {
    /// The pictures.
    pub pictures: Pictures,
    /// The teacher, for distillation.
    pub teaching: Option<Teaching>,
    /// Whether patches are flipped and turned.
    pub augment: bool,
    /// Seed of the run.
    pub seed: u64,
}

impl Patches {
    /// Returns a patch: always the same for the same step, counted from 0, and place in the batch.
    ///
    /// # Errors
    /// Pictures that are kept on disk and cannot be read; those of the teacher.
    pub fn patch(&self, step: u64, index: u64) -> Result<Patch> {
        let mut draw = Draw::new(self.seed, step, index);
        let place = self.pictures.place(&mut draw);
        let symmetry = match self.augment {
            true => Symmetry::draw(&mut draw),
            false => Symmetry::NONE,
        };
        let (low, high) = self.pictures.cut(place)?;
        let (side, channels) = (low.width(), low.channels());
        let low = Picture::new(
            side,
            side,
            channels,
            symmetry.apply(low.data(), side, channels),
        )?;
        let side = high.width();
        let samples = symmetry.apply(high.data(), side, channels);
        let teacher = match &self.teaching {
            None => None,
            Some(Teaching::Crop(teacher)) => Some(teacher.run(&low)?),
            Some(Teaching::Picture(outputs)) => {
                let output = outputs.crop(&self.pictures, place)?;
                Some(Taught {
                    output: symmetry.apply(&output, side, channels),
                    groups: Vec::new(),
                })
            }
        };
        Ok(Patch {
            low,
            high: samples.iter().map(|&v| f32::from(v) / 255.0).collect(),
            teacher,
        })
    }
}
