//! Training pictures, and patches of them.
//!
//! Pictures are decoded once; the low-resolution partner of each is made by [`resize`]. A patch is
//! a pure function of the seed, the step and its place in the batch ([`draw`]), so that threads
//! change nothing and a run can go on at any step.

pub mod draw;
pub mod loader;
pub mod patch;
mod store;
mod tree;

use core::ops::Range;
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::config::DataSection;
use super::error::TrainError;
use crate::Result;
use crate::picture::{Color, Picture};
use crate::resize::{Scale, resize};
use draw::Draw;
use store::{Kept, Store};
pub(super) use tree::find;

/// Pictures that are decoded at once, beyond which memory is not bounded by the budget.
const DECODED_AT_ONCE: usize = 16;

/// The training pictures of a run.
#[derive(Debug)]
pub struct Pictures {
    scale: usize,
    /// Side of a patch in LR pixels.
    side: usize,
    /// Those of the first folder, then those of the next.
    pictures: Vec<Stored>,
    folders: Vec<Folder>,
    store: Store,
    skipped: Vec<Skipped>,
    fingerprint: [u8; 32],
}

/// A picture that is not trained on.
#[derive(Debug)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub cause: String,
}

/// The pictures of one folder.
#[derive(Debug)]
struct Folder {
    /// Sum of the weights up to this folder, of all 1.
    weight_end: f64,
    pictures: Range<usize>,
}

#[derive(Debug)]
struct Stored {
    low: Kept,
    high: Kept,
    /// SHA-256 of the file.
    hash: [u8; 32],
    /// Places of a patch, up to this picture of the folder.
    places_end: u64,
}

/// A picture as it comes from its file.
struct Decoded {
    low: Picture,
    high: Picture,
    hash: [u8; 32],
}

/// Where a patch lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Index among all pictures.
    pub picture: usize,
    /// Left edge in LR pixels.
    pub x: usize,
    /// Upper edge in LR pixels.
    pub y: usize,
}

impl Pictures {
    /// Decodes the pictures of a configuration; `spill` is the folder for what memory does not
    /// hold, and `progress` gets the pictures done and their number.
    ///
    /// Pictures that are broken or too small are skipped.
    ///
    /// # Errors
    /// [`crate::Error::Read`] and [`crate::Error::NoPictures`] for a folder, [`TrainError::UnusableFolder`],
    /// [`TrainError::TooFewPictures`]; [`crate::Error::Write`] into `spill`.
    pub fn load(
        section: &DataSection,
        (scale, color): (usize, Color),
        spill: &Path,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Self> {
        let trees = section.train.iter().map(|it| tree::find(&it.folder));
        let trees = trees.collect::<Result<Vec<_>>>()?;
        let found = trees.iter().map(Vec::len).sum();
        let mut loading = Self {
            scale,
            side: section.patch,
            pictures: Vec::new(),
            folders: Vec::new(),
            store: Store::new(section.memory_mb.saturating_mul(1 << 20), spill),
            skipped: Vec::new(),
            fingerprint: [0; 32],
        };
        let mut done = 0;
        for (tree, folder) in trees.iter().zip(&section.train) {
            let first = loading.pictures.len();
            loading.load_folder(tree, color, &mut |more| {
                done += more;
                progress(done, found);
            })?;
            let pictures = first..loading.pictures.len();
            if pictures.is_empty() {
                return Err(TrainError::UnusableFolder {
                    folder: folder.folder.clone(),
                    side: loading.side * scale,
                }
                .into());
            }
            let before = loading.folders.last().map_or(0.0, |it| it.weight_end);
            loading.folders.push(Folder {
                weight_end: before + folder.weight,
                pictures,
            });
        }
        let usable = loading.count();
        if usable < section.min_pictures {
            return Err(TrainError::TooFewPictures {
                usable,
                found,
                needed: section.min_pictures,
                side: loading.side * scale,
            }
            .into());
        }
        loading.finish();
        Ok(loading)
    }

    /// Decodes and keeps the pictures of one folder.
    fn load_folder(
        &mut self,
        paths: &[PathBuf],
        color: Color,
        progress: &mut dyn FnMut(usize),
    ) -> Result<()> {
        let mut places_end = 0;
        for paths in paths.chunks(DECODED_AT_ONCE) {
            let decoded = paths.par_iter().map(|path| self.decode(path, color));
            let decoded: Vec<_> = decoded.collect();
            for (path, decoded) in paths.iter().zip(decoded) {
                match decoded {
                    Ok(it) => {
                        let places = |length: usize| (length - self.side + 1) as u64;
                        places_end += places(it.low.width()) * places(it.low.height());
                        self.pictures.push(Stored {
                            low: self.store.keep(it.low)?,
                            high: self.store.keep(it.high)?,
                            hash: it.hash,
                            places_end,
                        });
                    }
                    Err(cause) => self.skipped.push(Skipped {
                        path: path.clone(),
                        cause,
                    }),
                }
            }
            progress(paths.len());
        }
        Ok(())
    }

    fn decode(&self, path: &Path, color: Color) -> Result<Decoded, String> {
        let bytes = fs::read(path).map_err(|cause| cause.to_string())?;
        let picture = Picture::decode(&bytes, path, color).map_err(|error| error.to_string())?;
        let least = self.side * self.scale;
        if picture.width() < least || picture.height() < least {
            let (width, height) = (picture.width(), picture.height());
            return Err(format!(
                "{width}x{height} pixels are less than {least}x{least}"
            ));
        }
        let pair = |picture: &Picture| -> Result<_> {
            let high = picture.modcrop(self.scale)?;
            Ok((resize(&high, Scale::down(self.scale))?, high))
        };
        let (low, high) = pair(&picture).map_err(|error| error.to_string())?;
        Ok(Decoded {
            low,
            high,
            hash: Sha256::digest(&bytes).into(),
        })
    }

    /// Brings the weights to a sum of 1 and takes the fingerprint.
    fn finish(&mut self) {
        let whole = self.folders.last().map_or(1.0, |it| it.weight_end);
        let mut hash = Sha256::new();
        for folder in &mut self.folders {
            folder.weight_end /= whole;
            hash.update((folder.pictures.len() as u64).to_le_bytes());
            for picture in &self.pictures[folder.pictures.clone()] {
                hash.update(picture.hash);
            }
        }
        self.fingerprint = hash.finalize().into();
    }

    /// Returns the number of pictures that are trained on.
    pub fn count(&self) -> usize {
        self.pictures.len()
    }

    /// Returns what was skipped, and why.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// Returns the factor between the pictures.
    pub fn scale(&self) -> usize {
        self.scale
    }

    /// Returns the side of a patch in LR pixels.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Returns a hash of the files that are trained on, in their order.
    pub fn fingerprint(&self) -> String {
        hex::encode(self.fingerprint)
    }

    /// Draws where a patch lies: the folder by its weight, then each place of its pictures alike.
    pub fn place(&self, draw: &mut Draw) -> Place {
        let part = draw.part();
        let last = self.folders.len() - 1;
        let folder = self
            .folders
            .partition_point(|it| it.weight_end <= part)
            .min(last);
        let range = self.folders[folder].pictures.clone();
        let pictures = &self.pictures[range.clone()];
        let place = draw.below(pictures.last().map_or(0, |it| it.places_end));
        let picture = pictures.partition_point(|it| it.places_end <= place);
        let before = pictures[..picture].last().map_or(0, |it| it.places_end);
        let across = (pictures[picture].low.size().0 - self.side + 1) as u64;
        Place {
            picture: range.start + picture,
            x: ((place - before) % across) as usize,
            y: ((place - before) / across) as usize,
        }
    }

    /// Cuts a patch out of the low- and the high-resolution picture.
    fn cut(&self, place: Place) -> Result<(Picture, Picture)> {
        let picture = &self.pictures[place.picture];
        let (low, high) = (self.side, self.side * self.scale);
        let at = (place.x, place.y);
        let at_high = (place.x * self.scale, place.y * self.scale);
        Ok((
            self.store.crop(&picture.low, at, (low, low))?,
            self.store.crop(&picture.high, at_high, (high, high))?,
        ))
    }

    /// Returns a whole low-resolution picture.
    pub(super) fn whole_low(&self, picture: usize) -> Result<Picture> {
        let low = &self.pictures[picture].low;
        self.store.crop(low, (0, 0), low.size())
    }

    /// Returns the hash of a picture's file.
    pub(super) fn hash(&self, picture: usize) -> [u8; 32] {
        self.pictures[picture].hash
    }
}

#[cfg(test)]
mod tests;
