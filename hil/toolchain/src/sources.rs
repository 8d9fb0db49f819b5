//! The files that a repository is made of: those that git has, and those that it would take.

use std::fs;
use std::io::{Error, Result};
use std::path::Path;
use std::process::{Command, Stdio};

/// Variables by which a caller, a hook of git say, points git at another repository.
const FOREIGN: [&str; 3] = ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"];

/// Returns the command that runs git in a folder, whatever the caller's own git is at.
#[must_use]
pub fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    for variable in FOREIGN {
        command.env_remove(variable);
    }
    command.current_dir(folder).stdin(Stdio::null());
    command
}

/// Returns the paths of the files beneath `root`, from there and with `/` between, sorted. One that was
/// deleted and not yet committed is among them.
///
/// # Errors
/// There is no git, or no repository.
pub fn list(root: &Path) -> Result<Vec<String>> {
    let arguments = [
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ];
    let output = git(root).args(arguments).output()?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(Error::other(words.trim().to_owned()));
    }
    let names = output.stdout.split(|&byte| byte == 0);
    let mut names: Vec<_> = names
        .filter(|name| !name.is_empty())
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect();
    names.sort();
    names.dedup();
    Ok(names)
}

/// Copies the files beneath `root` into the folder `to`, with their permissions. Those that are the same
/// there stay untouched, so that builds there do not begin anew.
///
/// # Errors
/// As [`list`]; a file that cannot be copied.
pub fn copy(root: &Path, to: &Path) -> Result<()> {
    for name in list(root)? {
        let (from, to) = (root.join(&name), to.join(&name));
        // Deleted, or a link to a folder: nothing to build from.
        if !from.is_file() {
            continue;
        }
        if fs::read(&to).is_ok_and(|old| fs::read(&from).is_ok_and(|new| old == new)) {
            continue;
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(&from, &to)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_what_git_has_and_can_run() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let to = std::env::temp_dir().join(format!("mambalite-sources-{}", std::process::id()));
        copy(root, &to).unwrap();
        let manifest = |folder: &Path| fs::read(folder.join("Cargo.toml")).unwrap();
        assert_eq!(manifest(&to), manifest(root));
        assert_eq!(list(root).unwrap(), files(&to));
        let time = || fs::metadata(to.join("Cargo.toml")).unwrap().modified();
        let before = time().unwrap();
        fs::write(to.join("src/lib.rs"), "changed").unwrap();
        copy(root, &to).unwrap();
        assert_eq!(time().unwrap(), before);
        assert_ne!(fs::read(to.join("src/lib.rs")).unwrap(), b"changed");
        fs::remove_dir_all(&to).unwrap();
    }

    fn files(folder: &Path) -> Vec<String> {
        let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => files.push(path.strip_prefix(folder).unwrap().display().to_string()),
                }
            }
        }
        files.sort();
        files
    }

    #[test]
    fn a_folder_without_a_repository_is_an_error() {
        let error = list(Path::new("/")).unwrap_err().to_string();
        assert!(error.contains("not a git repository"), "{error}");
    }
}
