//! The source of firmware and harness: which commit it is, and that nothing stands beside it.

use std::path::Path;

use mambalite_hil_toolchain::sources;

use super::CertifyError;

/// Folder of the kernels in the repository.
const KERNELS: &str = "kernels";

/// A checkout as git sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Commit, 40 hex digits.
    pub commit: String,
    /// Tree of the kernels at that commit, 40 hex digits.
    pub kernels_tree: String,
    /// What differs from the commit, as `git status` lists it: changed files, and files that git
    /// neither has nor ignores.
    pub changes: Vec<String>,
}

impl Source {
    /// Looks at the checkout that holds `folder`, the whole of it.
    ///
    /// # Errors
    /// [`CertifyError::Git`] where there is no git, no checkout or no commit.
    pub fn inspect(folder: &Path) -> Result<Self, CertifyError> {
        let top = git(folder, &["rev-parse", "--show-toplevel"])?;
        let top = Path::new(&top);
        let status = ["status", "--porcelain=v1", "--untracked-files=all"];
        Ok(Self {
            commit: git(top, &["rev-parse", "HEAD"])?,
            kernels_tree: git(top, &["rev-parse", &format!("HEAD:{KERNELS}")])?,
            changes: git(top, &status)?.lines().map(str::to_owned).collect(),
        })
    }
}

/// Runs git in a folder and returns what it prints, less the end of the last line.
fn git(folder: &Path, arguments: &[&str]) -> Result<String, CertifyError> {
    let fail = |cause: String| CertifyError::Git {
        folder: folder.to_owned(),
        cause,
    };
    let output = sources::git(folder)
        .args(arguments)
        .output()
        .map_err(|error| fail(error.to_string()))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(fail(words.trim().to_owned()));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.trim_end().to_owned())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Makes a repository with one commit; returns its folder.
    pub(in crate::certify) fn repository() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(KERNELS)).unwrap();
        std::fs::write(folder.path().join("kernels/a.rs"), "a").unwrap();
        std::fs::write(folder.path().join(".gitignore"), "target\n").unwrap();
        for arguments in [
            ["init", "--quiet"].as_slice(),
            &["add", "."],
            &[
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@b.c",
                "commit",
                "--quiet",
                "-m",
                "a",
            ],
        ] {
            git(folder.path(), arguments).unwrap();
        }
        folder
    }

    #[test]
    fn what_stands_beside_the_commit_is_listed() {
        let folder = repository();
        std::fs::write(folder.path().join("target"), "ignored").unwrap();
        let clean = Source::inspect(&folder.path().join(KERNELS)).unwrap();
        assert_eq!(clean.changes, [""; 0]);
        assert_eq!((clean.commit.len(), clean.kernels_tree.len()), (40, 40));
        // Seen from any folder of the repository: the whole of it counts.
        std::fs::write(folder.path().join("new file"), "b").unwrap();
        std::fs::write(folder.path().join("kernels/a.rs"), "b").unwrap();
        let dirty = Source::inspect(&folder.path().join(KERNELS)).unwrap();
        assert_eq!(dirty.changes, [" M kernels/a.rs", "?? \"new file\""]);
        assert_eq!(dirty.kernels_tree, clean.kernels_tree);
    }

    #[test]
    fn a_folder_outside_of_git_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = Source::inspect(folder.path()).unwrap_err().to_string();
        assert!(error.contains("not a git repository"), "{error}");
    }
}
