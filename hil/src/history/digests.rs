//! What every layer of every tile came to, kept only where it is new.
//!
//! A set of digests has a root. A set whose root is known is not stored again; another one is
//! stored as what differs from the first set of the same subject.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest as _, Sha256};

use super::{History, Subject};
use crate::error::Result;
use crate::report::BoardReport;

/// What stands for the SR bytes among the layers.
const PICTURE: &str = "picture";

/// The digest of one layer of one tile, as computed on the board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// Number of the job within the run of the board, from 0.
    pub tile: usize,
    /// Number of the layer within the job, from 0; the SR bytes come last.
    pub place: usize,
    /// Name of the layer.
    pub layer: String,
    /// Its digest.
    pub digest: u64,
}

/// Returns the digests of a report; the same words in another spelling are the same digest.
pub(super) fn of(report: &BoardReport) -> Vec<Digest> {
    let mut all = Vec::new();
    for (tile, job) in report.jobs.iter().enumerate() {
        let layers = job
            .layers
            .iter()
            .map(|it| (it.name.as_str(), it.device.as_str()));
        let picture = (PICTURE, job.output_crc32.trim_start_matches("0x"));
        for (place, (layer, hex)) in layers.chain([picture]).enumerate() {
            all.push(Digest {
                tile,
                place,
                layer: layer.to_owned(),
                digest: u64::from_str_radix(hex, 16).unwrap_or(0),
            });
        }
    }
    all
}

fn root(digests: &[Digest]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for it in digests {
        hash.update(format!(
            "{}\0{}\0{}\0{:016x}\n",
            it.tile, it.place, it.layer, it.digest
        ));
    }
    hash.finalize().into()
}

/// Stores what is new of a set and returns its number; nothing for an empty set.
pub(super) fn keep(
    to: &Connection,
    subject_id: i64,
    digests: &[Digest],
) -> rusqlite::Result<Option<i64>> {
    if digests.is_empty() {
        return Ok(None);
    }
    let root = root(digests);
    let there = to
        .query_row("SELECT id FROM vector_set WHERE root = ?1", [root], |row| {
            row.get(0)
        })
        .optional()?;
    if there.is_some() {
        return Ok(there);
    }
    let base_id = base(to, subject_id)?;
    let old = match base_id {
        Some(id) => read(to, id)?,
        None => Vec::new(),
    };
    // Only a set of the same shape can be told by its differences.
    let same_shape = old.len() == digests.len()
        && old.iter().zip(digests).all(|(old, new)| {
            (old.tile, old.place, &old.layer) == (new.tile, new.place, &new.layer)
        });
    let base_id = base_id.filter(|_| same_shape);
    to.execute(
        "INSERT INTO vector_set (root, base_id) VALUES (?1, ?2)",
        params![root, base_id],
    )?;
    let set_id = to.last_insert_rowid();
    let mut layers = BTreeMap::new();
    for (idx, it) in digests.iter().enumerate() {
        if base_id.is_some() && old.get(idx) == Some(it) {
            continue;
        }
        let layer_id = match layers.get(&it.layer) {
            Some(&id) => id,
            None => {
                let id = layer_id(to, &it.layer)?;
                layers.insert(&it.layer, id);
                id
            }
        };
        to.prepare_cached("INSERT INTO vector_digest VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![
                set_id,
                i64::try_from(it.tile).unwrap_or(i64::MAX),
                i64::try_from(it.place).unwrap_or(i64::MAX),
                layer_id,
                it.digest.cast_signed()
            ])?;
    }
    Ok(Some(set_id))
}

/// Returns the whole set that the subject's differences are told against.
fn base(to: &Connection, subject_id: i64) -> rusqlite::Result<Option<i64>> {
    to.query_row(
        "SELECT vector_set.id FROM board_run JOIN vector_set ON vector_set.id = vector_set_id
         WHERE subject_id = ?1 AND base_id IS NULL ORDER BY board_run.id DESC LIMIT 1",
        [subject_id],
        |row| row.get(0),
    )
    .optional()
}

fn layer_id(to: &Connection, name: &str) -> rusqlite::Result<i64> {
    to.query_row(
        "INSERT INTO layer (name) VALUES (?1) ON CONFLICT DO UPDATE SET name = name RETURNING id",
        [name],
        |row| row.get(0),
    )
}

/// Reads a set, in order of tiles and layers.
fn read(from: &Connection, set_id: i64) -> rusqlite::Result<Vec<Digest>> {
    let mut found = BTreeMap::new();
    let mut statement = from.prepare_cached(
        "SELECT tile, place, name, digest FROM vector_digest JOIN layer ON layer.id = layer_id
         WHERE set_id = ?1 OR set_id = (SELECT base_id FROM vector_set WHERE id = ?1)
         ORDER BY set_id = ?1",
    )?;
    let mut rows = statement.query([set_id])?;
    while let Some(row) = rows.next()? {
        let (tile, place, digest): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(3)?);
        let it = Digest {
            tile: usize::try_from(tile).unwrap_or(0),
            place: usize::try_from(place).unwrap_or(0),
            layer: row.get(2)?,
            digest: digest.cast_unsigned(),
        };
        found.insert((it.tile, it.place), it);
    }
    Ok(found.into_values().collect())
}

impl History {
    /// Returns the digests of the latest run of a subject that passed; nothing where none did.
    ///
    /// # Errors
    /// [`HistoryError::Database`](super::HistoryError::Database).
    pub fn digests(&self, subject: &Subject) -> Result<Vec<Digest>> {
        let latest = "SELECT vector_set_id FROM board_run
            JOIN subject ON subject.id = subject_id
            WHERE rig = ?1 AND board = ?2 AND model_sha256 = ?3 AND precision = ?4
                AND workload = ?5 AND found IN ('pass', 'flaky') AND vector_set_id IS NOT NULL
            ORDER BY board_run.id DESC LIMIT 1";
        let read = || {
            let set_id = self
                .connection
                .query_row(latest, subject.key(), |row| row.get(0))
                .optional()?;
            set_id.map_or(Ok(Vec::new()), |id| read(&self.connection, id))
        };
        read().map_err(|cause| self.fail(cause))
    }
}
