//! Files on the far side: known by their SHA-256, replaced as a whole.

use sha2::{Digest, Sha256};

use super::connection::{Answer, Connection};
use crate::error::{Error, Result};

/// Makes the folder and prints its full path.
const FOLDER: &str = r#"mkdir -p -- "$1" && cd -- "$1" && pwd"#;

/// Prints the SHA-256 of a file, nothing where there is none.
const HASH: &str = r#"cd -- "$1" && if [ -f "$2" ]; then sha256sum < "$2"; fi"#;

/// Copies standard input to a file by way of a temporary one, which is gone in the end whatever
/// happens. A cut connection looks like an early end of the input, so the sum decides.
const PUT: &str = r#"
export LC_ALL=C
umask 077
cd -- "$1" || exit
rm -f -- ".$2.part."*
temp=".$2.part.$$"
trap 'rm -f -- "$temp"' EXIT
trap 'exit 1' HUP INT PIPE TERM
free=$(df -Pk . | { read -r _; read -r _ _ _ free _; echo "$free"; })
if [ "$free" -le $(($4 / 1024)) ]; then echo "$free KiB are free" >&2; exit 70; fi
cat > "$temp" || exit 71
sum=$(sha256sum < "$temp") || exit
if [ "${sum%% *}" != "$3" ]; then echo "it did not arrive whole" >&2; exit 72; fi
chmod 700 "$temp" && mv -f -- "$temp" "$2"
"#;

/// Codes of that script: there is no room from the start, and writing failed.
const NO_ROOM: i32 = 70;
const NOT_WRITTEN: i32 = 71;

/// What the system says when a file cannot grow: the disk, the user's share or a limit is full.
const FULL: [&str; 3] = [
    "No space left on device",
    "Disk quota exceeded",
    "File too large",
];

/// Writes standard input into a file at an offset.
const PATCH: &str = r#"cd -- "$1" && dd of="$2" bs=1 seek="$3" conv=notrunc status=none"#;

/// Prints bytes of a file: so many, from an offset counted from 1.
const GET: &str = r#"cd -- "$1" && tail -c "+$3" -- "$2" | head -c "$4""#;

/// A folder on the far side.
pub(super) struct Storage {
    connection: Connection,
    folder: String,
}

impl Storage {
    /// Makes the folder where it is not there.
    ///
    /// # Errors
    /// [`Error::Remote`] when it cannot be made, and those of [`Connection::run`].
    pub(super) fn new(connection: Connection, folder: &str) -> Result<Self> {
        let what = format!("make the folder `{folder}`");
        let answer = connection.run(FOLDER, &[folder], &[], &mut |_| ())?;
        let output = succeeded(&connection, what, answer)?;
        // A shell may greet on its output; the path comes last.
        let folder = output.trim().lines().last().unwrap_or(folder).to_owned();
        Ok(Self { connection, folder })
    }

    /// Returns the connection.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Returns the full path of a file.
    pub(super) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    /// Copies a file unless the same is there; returns whether it was copied. `progress` gets
    /// the count of bytes done.
    ///
    /// # Errors
    /// [`Error::DiskFull`], [`Error::Remote`], and those of [`Connection::run`].
    pub(super) fn put(
        &self,
        name: &str,
        bytes: &[u8],
        progress: &mut dyn FnMut(usize),
    ) -> Result<bool> {
        let sum = hex::encode(Sha256::digest(bytes));
        let what = format!("look at `{name}`");
        let answer = self.run(HASH, &[name], &[], &mut |_| ())?;
        if succeeded(&self.connection, what, answer)?.contains(&sum) {
            progress(bytes.len());
            return Ok(false);
        }
        let len = bytes.len().to_string();
        let answer = self.run(PUT, &[name, &sum, &len], bytes, progress)?;
        let full = FULL.iter().any(|words| answer.words.contains(words));
        if answer.code == Some(NO_ROOM) || (answer.code == Some(NOT_WRITTEN) && full) {
            return Err(Error::DiskFull {
                host: self.connection.host().to_owned(),
                file: name.to_owned(),
                len: bytes.len(),
                cause: answer.words,
            });
        }
        succeeded(&self.connection, format!("copy `{name}`"), answer)?;
        Ok(true)
    }

    /// Writes bytes into a file at an offset.
    ///
    /// # Errors
    /// [`Error::Remote`], and those of [`Connection::run`].
    pub(super) fn patch(&self, name: &str, offset: u32, bytes: &[u8]) -> Result<()> {
        let answer = self.run(PATCH, &[name, &offset.to_string()], bytes, &mut |_| ())?;
        succeeded(&self.connection, format!("write into `{name}`"), answer).map(drop)
    }

    /// Reads bytes of a file at an offset; fewer where it is shorter.
    ///
    /// # Errors
    /// [`Error::Remote`], and those of [`Connection::run`].
    pub(super) fn get(&self, name: &str, offset: u32, len: usize) -> Result<Vec<u8>> {
        let from = (u64::from(offset) + 1).to_string();
        let answer = self.run(GET, &[name, &from, &len.to_string()], &[], &mut |_| ())?;
        if answer.code == Some(0) {
            return Ok(answer.output);
        }
        let what = format!("read from `{name}`");
        succeeded(&self.connection, what, answer).map(String::into_bytes)
    }

    fn run(
        &self,
        script: &str,
        arguments: &[&str],
        input: &[u8],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Answer> {
        let arguments = [&[self.folder.as_str()], arguments].concat();
        self.connection.run(script, &arguments, input, progress)
    }
}

/// Returns what a command printed, if it succeeded.
fn succeeded(connection: &Connection, what: String, answer: Answer) -> Result<String> {
    if answer.code == Some(0) {
        return Ok(String::from_utf8_lossy(&answer.output).into_owned());
    }
    let code = match answer.code {
        Some(code) => format!("it ended with code {code}"),
        None => "it was killed".to_owned(),
    };
    Err(Error::Remote {
        host: connection.host().to_owned(),
        what,
        cause: [answer.words, code]
            .join("; ")
            .trim_matches([';', ' '])
            .to_owned(),
    })
}
