//! What a run has finished, so that `--resume` does not do it again.
//!
//! A rig with a model is taken from the journal only if everything that the result depends on is the
//! same: rig, board, firmware, model, pictures and how they are cut. Only what passed is kept.

use std::path::PathBuf;

use mambalite::picture::Picture;
use mambalite::upscale::color;
use mambalite_hil_wire::PROTOCOL_VERSION;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::attempts::Finished;
use super::{Order, Stand, Work};
use crate::error::{Error, Result};
use crate::firmware::Image;
use crate::report::{self, BoardReport, Images, PictureReport};
use crate::state::{self, file_name};
use crate::verdict::Verdict;

/// Folder of the journal in that of the results.
const FOLDER: &str = "journal";

/// Where one rig with one model is kept, and what it depends on.
pub(super) struct Entry<'a> {
    order: &'a Order,
    work: &'a Work<'a>,
    file: PathBuf,
    key: String,
}

/// The file.
#[derive(Serialize, Deserialize)]
struct Kept {
    key: String,
    report: BoardReport,
}

impl<'a> Entry<'a> {
    /// Makes the entry of a rig with a model.
    ///
    /// # Errors
    /// [`Error::Report`] when the rig cannot be written down.
    pub(super) fn new(
        order: &'a Order,
        stand: &Stand,
        image: &Image,
        work: &'a Work<'a>,
    ) -> Result<Self> {
        let name = file_name(&stand.rig.name);
        let name = format!("{name}_{}.json", work.model.precision());
        Ok(Self {
            order,
            work,
            file: order.out.join(FOLDER).join(name),
            key: key(order, stand, image, work)?,
        })
    }

    /// Keeps what passed.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(super) fn keep(&self, report: &BoardReport) -> Result<()> {
        if !matches!(report.verdict, Verdict::Pass | Verdict::Flaky) {
            return Ok(());
        }
        let folder = self.order.out.join(FOLDER);
        std::fs::create_dir_all(&folder).map_err(Error::write(&folder))?;
        let kept = Kept {
            key: self.key.clone(),
            report: report.clone(),
        };
        state::write_json(&self.file, &kept)
    }

    /// Returns what an earlier run found, if it was this very thing and its pictures are there.
    pub(super) fn take(&self) -> Option<Finished> {
        let kept: Kept = state::read_json(&self.file)?;
        if kept.key != self.key {
            return None;
        }
        let images = kept.report.pictures.iter().enumerate();
        let images = images.map(|(picture_idx, it)| self.images(picture_idx, it));
        Some(Finished {
            images: images.collect::<Option<_>>()?,
            report: kept.report,
            code: None,
        })
    }

    /// Reads a picture of the board back. What passed equals the reference.
    fn images(&self, picture_idx: usize, picture: &PictureReport) -> Option<Images> {
        let task = self.work.tasks.get(picture_idx)?;
        let file = self.order.out.join(picture.files.first()?);
        let sr = Picture::load(&file, color(self.work.model.config())).ok()?;
        (sr.shape() == task.bicubic.shape()).then(|| Images {
            board_idx: 0,
            picture_idx,
            lr: task.lr.clone(),
            reference: sr.clone(),
            sr,
            bicubic: task.bicubic.clone(),
        })
    }
}

/// Returns a digest of everything that a result depends on.
fn key(order: &Order, stand: &Stand, image: &Image, work: &Work<'_>) -> Result<String> {
    let rig =
        serde_json::to_string(&(&stand.rig, &stand.board)).map_err(|error| Error::Report {
            cause: error.to_string(),
        })?;
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    add(&report::SCHEMA.to_le_bytes());
    add(&PROTOCOL_VERSION.to_le_bytes());
    add(rig.as_bytes());
    add(&image.sha256());
    add(&work.model.sha256());
    add(format!("{:?}", order.executor).as_bytes());
    for task in &work.tasks {
        let truth = task.truth.as_ref().map_or(&[][..], Picture::data);
        add(task.name.as_bytes());
        add(format!("{:?}", task.lr.shape()).as_bytes());
        add(task.lr.data());
        add(truth);
    }
    Ok(hex::encode(hash.finalize()))
}
