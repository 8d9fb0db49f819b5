//! What commands print on stdout.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use mambalite::{Error, Result, json};
use serde::Serialize;

/// How results are printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// One JSON object a line instead of text.
    pub(crate) json: bool,
}

impl Output {
    /// Prints a result: `object` as a line of JSON, or else the text.
    pub(crate) fn print(
        self,
        object: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<()> {
        let line = if self.json {
            json::line(object)
        } else {
            Ok(text())
        };
        match line.and_then(|line| writeln!(io::stdout(), "{line}")) {
            // Who reads no further, as `head`, has what was wanted.
            Err(cause) if cause.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(|cause| Error::Write {
                path: PathBuf::from("stdout"),
                cause,
            }),
        }
    }

    /// Prints lines that only the text has.
    pub(crate) fn text(self, text: impl FnOnce() -> String) -> Result<()> {
        if self.json {
            return Ok(());
        }
        self.print(&(), text)
    }
}

/// Refuses to write a file over one of the files that it is made of.
///
/// # Errors
/// [`Error::OutputIsInput`].
pub(crate) fn refuse_input(output: &Path, inputs: &[PathBuf]) -> Result<()> {
    let Ok(place) = output.canonicalize() else {
        return Ok(());
    };
    if inputs
        .iter()
        .any(|it| it.canonicalize().is_ok_and(|it| it == place))
    {
        return Err(Error::OutputIsInput {
            path: output.to_path_buf(),
        });
    }
    Ok(())
}

/// Refuses an output whose folder does not exist, before work is put into it.
///
/// # Errors
/// [`Error::Write`].
pub(crate) fn refuse_missing_folder(output: &Path) -> Result<()> {
    let folder = match output.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let refused = |cause| Error::Write {
        path: output.to_path_buf(),
        cause,
    };
    match folder.metadata() {
        Ok(it) if it.is_dir() => Ok(()),
        Ok(_) => Err(refused(io::ErrorKind::NotADirectory.into())),
        Err(cause) => Err(refused(cause)),
    }
}
