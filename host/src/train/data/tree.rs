//! The pictures of a folder and of its subfolders.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{Error, Result, picture};

/// Finds the pictures below a folder, sorted by path; names that begin with a dot are left out.
///
/// # Errors
/// [`Error::Read`] for a folder that cannot be listed, [`Error::NoPictures`].
pub(in crate::train) fn find(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    // By their true paths, so that links in a circle end.
    let mut seen = BTreeSet::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let unreadable = |cause| Error::Read {
            path: folder.clone(),
            cause,
        };
        if !seen.insert(folder.canonicalize().map_err(unreadable)?) {
            continue;
        }
        match picture::find_in_folder(&folder) {
            Ok(pictures) => found.extend(pictures),
            Err(Error::NoPictures { .. }) => {}
            Err(error) => return Err(error),
        }
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            if !hidden && entry.path().is_dir() {
                folders.push(entry.path());
            }
        }
    }
    if found.is_empty() {
        return Err(Error::NoPictures {
            path: root.to_path_buf(),
        });
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subfolders_count_and_hidden_ones_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, b"").unwrap();
            path
        };
        assert!(matches!(find(folder.path()), Err(Error::NoPictures { .. })));
        let expected = ["a/b/1.png", "a/c.JPG", "z.webp"].map(put);
        put(".hidden/2.png");
        put("a/notes.txt");
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path(), folder.path().join("a/circle")).unwrap();
        assert_eq!(find(folder.path()).unwrap(), expected);
        let missing = find(&folder.path().join("none"));
        assert!(matches!(missing, Err(Error::Read { .. })));
    }
}
