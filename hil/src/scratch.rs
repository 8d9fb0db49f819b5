//! Temporary folders that are gone after a run, however it ended.
//!
//! A folder is removed when it is dropped. A harness that is killed drops nothing: each folder has a
//! locked file, and the next run removes those whose lock the kernel has given back.

use std::fs::File;
use std::io;
use std::path::Path;

use tempfile::TempDir;

/// Begin of the folders' names.
const PREFIX: &str = "hil-";

/// The locked file.
const OWNER: &str = "owner";

/// Where folders lie whose paths have to be short, whatever `TMPDIR` says.
const SHORT: &str = "/tmp";

/// A temporary folder; dropping it removes it.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    /// Given back after the folder is gone.
    _owner: File,
}

impl Scratch {
    /// Makes a folder whose path has at most `path_len_max` bytes, if the system has one.
    ///
    /// # Errors
    /// The system's.
    pub fn new(path_len_max: usize) -> io::Result<Self> {
        let mut folder = Self::beneath(&std::env::temp_dir())?;
        if folder.path().as_os_str().len() > path_len_max {
            folder = Self::beneath(Path::new(SHORT))?;
        }
        Ok(folder)
    }

    fn beneath(parent: &Path) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        let owner = File::create(folder.path().join(OWNER))?;
        owner.lock()?;
        Ok(Self {
            folder,
            _owner: owner,
        })
    }

    /// Returns its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the folders of harnesses that were killed, and returns how many.
pub fn sweep() -> usize {
    let mut parents = vec![std::env::temp_dir()];
    if !parents.iter().any(|parent| parent == Path::new(SHORT)) {
        parents.push(SHORT.into());
    }
    parents.iter().map(|parent| sweep_beneath(parent)).sum()
}

/// What cannot be read or removed belongs to someone else.
fn sweep_beneath(parent: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(parent) else {
        return 0;
    };
    let ours = entries
        .flatten()
        .filter(|it| it.file_name().to_string_lossy().starts_with(PREFIX));
    let orphans = ours.filter(|entry| {
        let owner = File::open(entry.path().join(OWNER));
        owner.is_ok_and(|owner| owner.try_lock().is_ok())
    });
    orphans
        .filter(|entry| std::fs::remove_dir_all(entry.path()).is_ok())
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_without_an_owner_are_swept() {
        let parent = tempfile::tempdir().unwrap();
        let kept = Scratch::beneath(parent.path()).unwrap();
        let orphan = Scratch::beneath(parent.path()).unwrap();
        let path = orphan.path().to_owned();
        std::fs::create_dir(parent.path().join("hil-of-another-make")).unwrap();
        // As after a kill: the lock is gone, the folder is not.
        std::mem::forget(orphan.folder);
        drop(orphan._owner);
        assert_eq!(sweep_beneath(parent.path()), 1);
        assert!(!path.exists() && kept.path().exists());
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 2);
        let path = kept.path().to_owned();
        drop(kept);
        assert!(!path.exists());
    }
}
