//! Rig files: finding them, reading them, choosing rigs of them.

use std::path::{Path, PathBuf};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::check::{self, Entry, Known};
use super::{InventoryError, Rig};
use crate::board::Boards;
use crate::config::{self, Fault, FaultyFile, nearest};
use crate::error::{Error, Result};

/// Version of the rig file that this harness reads.
const SCHEMA: u32 = 1;

/// Largest rig file, bytes: more is no file of rigs.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// One file of rigs.
#[derive(Debug)]
pub struct Inventory {
    /// The file.
    pub path: PathBuf,
    /// The bench that the rigs stand on.
    pub bench: Bench,
    /// The rigs, in the order of the file.
    pub rigs: Vec<Rig>,
    /// What is no fault but should be seen to, as a quarantine that has ended.
    pub warnings: Option<Box<FaultyFile>>,
}

/// Facts of a bench, for people but for its host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Bench {
    /// Its name.
    pub name: Option<String>,
    /// Name of the computer that its boards are plugged into; any, where it is not stated.
    pub host: Option<String>,
    /// Anything worth knowing.
    pub notes: Option<String>,
}

/// The file around its rigs, which are read one by one.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct File {
    #[expect(dead_code, reason = "looked at before; here so that the key is known")]
    schema: u32,
    #[serde(default)]
    bench: Bench,
    #[expect(dead_code, reason = "read one by one; here so that the key is known")]
    #[serde(default)]
    rig: Vec<serde::de::IgnoredAny>,
}

impl Inventory {
    /// Reads the files of `--bench`: a path, the name of a file in `hil/rigs`, or, where there is
    /// none, all of `hil/rigs` that are for this computer or for any.
    ///
    /// # Errors
    /// [`Error::File`] with all that is wrong in the first faulty file, also where two files have
    /// the same rig or device; [`InventoryError::UnknownBench`] and [`InventoryError::NoBench`].
    pub fn load(bench: Option<&str>, boards: &Boards, today: Date) -> Result<Vec<Self>> {
        let (inventories, faulty) = Self::load_all(bench, boards, today)?;
        if let Some(file) = faulty.into_iter().next() {
            return Err(Error::File(Box::new(file)));
        }
        if inventories.is_empty() {
            let folder = boards.rigs();
            return Err(InventoryError::NoBench { folder }.into());
        }
        Ok(inventories)
    }

    /// Reads the same files, and goes on after those that are faulty: they come second.
    ///
    /// # Errors
    /// What is wrong with the board files, and [`InventoryError::UnknownBench`].
    pub fn load_all(
        bench: Option<&str>,
        boards: &Boards,
        today: Date,
    ) -> Result<(Vec<Self>, Vec<FaultyFile>)> {
        let known = Known::of(boards)?;
        let (mut inventories, mut faulty) = (Vec::new(), Vec::new());
        let mut taken = check::Taken::default();
        for path in paths(bench, &boards.rigs())? {
            let text = read_file(&path)?;
            let (inventory, entries) = match read(&path, &text, &known, today) {
                Ok(read) => read,
                Err(Error::File(file)) => {
                    faulty.push(*file);
                    continue;
                }
                Err(error) => return Err(error),
            };
            if bench.is_none() && !is_here(&inventory.bench) {
                continue;
            }
            let doubles = taken.add(&path, &entries);
            if doubles.is_empty() {
                inventories.push(inventory);
            } else {
                faulty.push(FaultyFile::new(&path, &text, doubles));
            }
        }
        Ok((inventories, faulty))
    }

    /// Makes an inventory of a file's text; `path` is for messages.
    ///
    /// # Errors
    /// [`Error::File`] with all that is wrong in it.
    pub fn parse(path: &Path, text: &str, boards: &Boards, today: Date) -> Result<Self> {
        let (inventory, entries) = read(path, text, &Known::of(boards)?, today)?;
        let doubles = check::Taken::default().add(path, &entries);
        if doubles.is_empty() {
            Ok(inventory)
        } else {
            Err(faulty(path, text, doubles))
        }
    }

    /// Returns the rigs of these names, or all where there are none, that have all of the tags.
    ///
    /// # Errors
    /// [`InventoryError::UnknownRig`] and [`InventoryError::NoRigs`].
    pub fn select(&self, names: &[String], tags: &[String]) -> Result<Vec<Rig>> {
        select(core::slice::from_ref(self), names, tags)
    }
}

/// Returns the only rig that has a board of this kind.
///
/// # Errors
/// [`InventoryError::NotOneRig`].
pub fn of_board(inventories: &[Inventory], board: &str) -> Result<Rig> {
    let rigs = inventories.iter().flat_map(|it| &it.rigs);
    let rigs: Vec<_> = rigs.filter(|rig| rig.board == board).collect();
    match rigs.as_slice() {
        [only] => Ok((*only).clone()),
        several => Err(InventoryError::NotOneRig {
            board: board.to_owned(),
            rigs: several.iter().map(|it| it.name.clone()).collect(),
        }
        .into()),
    }
}

/// Returns the rigs of several files, as [`Inventory::select`] does; each once.
///
/// # Errors
/// [`InventoryError::UnknownRig`] and [`InventoryError::NoRigs`].
pub fn select(inventories: &[Inventory], names: &[String], tags: &[String]) -> Result<Vec<Rig>> {
    let all = || inventories.iter().flat_map(|it| &it.rigs);
    for name in names {
        if !all().any(|rig| rig.name == *name) {
            let mut known: Vec<_> = all().map(|rig| rig.name.clone()).collect();
            known.sort();
            let near = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
            return Err(InventoryError::UnknownRig {
                name: name.clone(),
                nearest: near,
                known,
            }
            .into());
        }
    }
    let wanted = |rig: &&Rig| {
        (names.is_empty() || names.contains(&rig.name))
            && tags.iter().all(|tag| rig.tags.contains(tag))
    };
    let rigs: Vec<_> = all().filter(wanted).cloned().collect();
    if rigs.is_empty() {
        let tags = tags.to_vec();
        return Err(InventoryError::NoRigs { tags }.into());
    }
    Ok(rigs)
}

/// Returns the files that `--bench` means, sorted.
fn paths(bench: Option<&str>, folder: &Path) -> Result<Vec<PathBuf>> {
    let Some(bench) = bench else {
        return files(folder);
    };
    let path = PathBuf::from(bench);
    if path.is_file() {
        return Ok(vec![path]);
    }
    let all = files(folder)?;
    let named = |path: &&PathBuf| path.file_stem().is_some_and(|stem| stem == bench);
    if let Some(path) = all.iter().find(named) {
        return Ok(vec![path.clone()]);
    }
    let stems = all.iter().filter_map(|path| path.file_stem());
    Err(InventoryError::UnknownBench {
        name: bench.to_owned(),
        folder: folder.to_owned(),
        known: stems
            .map(|stem| stem.to_string_lossy().into_owned())
            .collect(),
    }
    .into())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::read(folder))?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(Error::read(folder))?.path();
        if path.extension().is_some_and(|it| it == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

pub(super) fn read_file(path: &Path) -> Result<String> {
    let facts = std::fs::metadata(path).map_err(Error::read(path))?;
    if facts.len() > FILE_BYTES_MAX {
        let cause = std::io::Error::other(format!("it is larger than {FILE_BYTES_MAX} bytes"));
        return Err(Error::read(path)(cause));
    }
    std::fs::read_to_string(path).map_err(Error::read(path))
}

pub(super) fn faulty(path: &Path, text: &str, faults: Vec<Fault>) -> Error {
    Error::File(Box::new(FaultyFile::new(path, text, faults)))
}

/// Reads a file; the entries know where each value stands.
fn read<'t>(
    path: &Path,
    text: &'t str,
    known: &Known,
    today: Date,
) -> Result<(Inventory, Vec<Entry<'t>>)> {
    let root = config::parse(text, SCHEMA).map_err(|faults| faulty(path, text, faults))?;
    let mut faults = Vec::new();
    let (file, _) = config::read::<File>(&root, &mut faults);
    let items = root
        .get_ref()
        .get("rig")
        .and_then(|it| it.get_ref().as_array());
    let mut entries = Vec::new();
    for item in items.into_iter().flatten() {
        let Some(table) = item.get_ref().as_table() else {
            faults.push(Fault::error(
                item.span(),
                "a rig is a table: write `[[rig]]`",
            ));
            continue;
        };
        let table = toml::Spanned::new(item.span(), table.clone());
        let mut own = Vec::new();
        let (rig, lost) = config::read::<Rig>(&table, &mut own);
        check::explain_port_names(&table, &mut own);
        faults.append(&mut own);
        if let Some(rig) = rig {
            entries.push(Entry { rig, table, lost });
        }
    }
    faults.extend(
        entries
            .iter()
            .flat_map(|entry| check::check(entry, known, today)),
    );
    if faults.iter().any(Fault::is_error) {
        // Doubles are told with the rest, not at the next try.
        faults.extend(check::Taken::default().add(path, &entries));
        return Err(faulty(path, text, faults));
    }
    let warnings = (!faults.is_empty()).then(|| Box::new(FaultyFile::new(path, text, faults)));
    let inventory = Inventory {
        path: path.to_owned(),
        bench: file.map(|file| file.bench).unwrap_or_default(),
        rigs: entries.iter().map(|entry| entry.rig.clone()).collect(),
        warnings,
    };
    Ok((inventory, entries))
}

/// Reports whether a bench stands at this computer.
fn is_here(bench: &Bench) -> bool {
    let Some(host) = &bench.host else {
        return true;
    };
    let here = rustix::system::uname();
    here.nodename()
        .to_str()
        .is_ok_and(|here| here == host || here.split('.').next() == Some(host.as_str()))
}
