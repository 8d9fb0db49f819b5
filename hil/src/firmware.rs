//! The firmware of a board: building it and reading its image.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mambalite_hil_toolchain::{Folders, Toolchain, apt_install};
use object::Object;
use object::elf::{FileHeader32, PT_LOAD};
use object::read::elf::{ElfFile, ProgramHeader};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::backend::Wanted;
use crate::board::{Board, Boards, Reach};
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;

/// Lines of compiler output kept for the message of a failed build.
const LOG_LINES: usize = 60;

/// Package and program of the agent for computers with Linux.
const AGENT: &str = "mambalite-agent";
/// Its folder in the firmware workspace.
const AGENT_FOLDER: &str = "agent";

/// The stand-in for the driver of a GPU: its folder in the repository, and its library.
const DRIVER_FOLDER: &str = "tests/fake-cuda";
const DRIVER: &str = "libfake_cuda.so";

/// A stretch of memory that the image fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Load address.
    pub address: u32,
    /// Content.
    pub bytes: Vec<u8>,
}

/// A firmware image.
#[derive(Debug, Clone)]
pub struct Image {
    /// The ELF file.
    pub path: PathBuf,
    /// Its bytes, for the log decoder and the hash.
    pub elf: Vec<u8>,
    /// What is to be flashed, by rising address; nothing where the file is copied as it is.
    pub segments: Vec<Segment>,
    /// GNU build id (SHA-1).
    pub build_id: [u8; 20],
    /// What stands in for the driver of a GPU on a computer that is played.
    pub driver: Option<Vec<u8>>,
}

impl Image {
    /// Reads the ELF file at `path`.
    ///
    /// # Errors
    /// [`Error::Read`], or [`Error::Image`] when it is no 32-bit ELF file, loads nothing or has
    /// no SHA-1 build id.
    pub fn read(path: &Path) -> Result<Self> {
        Self::read_by(path, parse)
    }

    /// Reads the program for a computer at `path`.
    ///
    /// # Errors
    /// [`Error::Read`], or [`Error::Image`] when it is no ELF file or has no SHA-1 build id.
    pub fn read_program(path: &Path) -> Result<Self> {
        Self::read_by(path, |elf| {
            let file = object::File::parse(elf).map_err(|e| format!("no ELF file: {e}"))?;
            Ok((Vec::new(), build_id(&file)?))
        })
    }

    fn read_by(
        path: &Path,
        parse: impl Fn(&[u8]) -> core::result::Result<(Vec<Segment>, [u8; 20]), String>,
    ) -> Result<Self> {
        let elf = std::fs::read(path).map_err(Error::read(path))?;
        let (segments, build_id) = parse(&elf).map_err(|cause| Error::Image {
            path: path.to_owned(),
            cause,
        })?;
        Ok(Self {
            path: path.to_owned(),
            elf,
            segments,
            build_id,
            driver: None,
        })
    }

    /// Returns the SHA-256 of the ELF file.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.elf).into()
    }

    /// Returns the bytes flashed.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.segments
            .iter()
            .map(|segment| segment.bytes.len())
            .sum()
    }
}

/// Builds the firmware of a board, or with `build` false takes what an earlier build left; for a
/// computer that is played and is to have a GPU, the stand-in for its driver too. `progress` gets the
/// name of each crate compiled.
///
/// # Errors
/// [`Error::Missing`] when there is no toolchain, [`Error::Build`] when the build fails or left
/// no image, [`Error::Interrupted`], and those of [`Image::read`].
pub fn build(
    boards: &Boards,
    board: &Board,
    build: bool,
    interrupt: &Interrupt,
    progress: &mut dyn FnMut(&str),
) -> Result<Image> {
    let workspace = boards.workspace();
    let mut make = |package: &Package<'_>| match build {
        true => Ok(compile(boards, board, package, interrupt, progress)?.path),
        false => package.built(boards, board),
    };
    let package = Package::of(boards, board, &workspace.join("target"));
    let mut image = read(&make(&package)?, board)?;
    if let (Reach::Loopback(_), Wanted::Cuda) = (&board.reach, board.backend) {
        let path = make(&Package {
            folder: boards.repository().join(DRIVER_FOLDER),
            target_folder: boards.repository().join("target"),
            name: DRIVER,
        })?;
        image.driver = Some(std::fs::read(&path).map_err(Error::read(&path))?);
    }
    Ok(image)
}

/// A build that is looked at more closely.
#[derive(Debug)]
pub struct Build {
    /// What was built.
    pub image: Image,
    /// The folders of what the build scripts made, linker scripts among them.
    pub script_folders: Vec<PathBuf>,
}

/// Builds the firmware of a board into a target folder; where that is empty, from nothing.
///
/// # Errors
/// As [`build`].
pub fn build_into(
    boards: &Boards,
    board: &Board,
    target_folder: &Path,
    interrupt: &Interrupt,
    progress: &mut dyn FnMut(&str),
) -> Result<Build> {
    let package = Package::of(boards, board, target_folder);
    let compiled = compile(boards, board, &package, interrupt, progress)?;
    Ok(Build {
        image: read(&compiled.path, board)?,
        script_folders: compiled.script_folders,
    })
}

/// Returns the folder of the package that is a board's firmware, and its name.
#[must_use]
pub fn package<'a>(boards: &Boards, board: &'a Board) -> (PathBuf, &'a str) {
    match board.reach {
        Reach::Flash(_) => (boards.folder(&board.name), &board.name),
        Reach::Ssh(_) | Reach::Loopback(_) => (boards.workspace().join(AGENT_FOLDER), AGENT),
    }
}

/// Reads firmware that is there already, for a board.
///
/// # Errors
/// Those of [`Image::read`] and [`Image::read_program`].
pub fn read(path: &Path, board: &Board) -> Result<Image> {
    match board.reach {
        Reach::Flash(_) => Image::read(path),
        Reach::Ssh(_) | Reach::Loopback(_) => Image::read_program(path),
    }
}

/// Returns git's description of the source tree, as `a1b2c3d4e5f6` or `a1b2c3d4e5f6-dirty`;
/// nothing where it is no checkout.
#[must_use]
pub fn revision(boards: &Boards) -> Option<String> {
    let output = Command::new("git")
        .args([
            "describe",
            "--always",
            "--dirty",
            "--abbrev=12",
            "--exclude=*",
        ])
        .current_dir(boards.workspace())
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (output.status.success() && !text.is_empty()).then(|| text.to_owned())
}

/// What cargo is to build.
struct Package<'a> {
    folder: PathBuf,
    target_folder: PathBuf,
    /// The file that it leaves.
    name: &'a str,
}

impl<'a> Package<'a> {
    /// Returns the firmware of a board.
    fn of(boards: &Boards, board: &'a Board, target_folder: &Path) -> Self {
        let (folder, name) = package(boards, board);
        Self {
            folder,
            target_folder: target_folder.to_owned(),
            name,
        }
    }

    /// Returns the folders of its build.
    fn folders<'f>(&'f self, boards: &'f Boards) -> Folders<'f> {
        Folders {
            repository: boards.repository(),
            target: &self.target_folder,
        }
    }

    /// Returns what an earlier build left.
    fn built(&self, boards: &Boards, board: &Board) -> Result<PathBuf> {
        let folders = self.folders(boards);
        let folder = folders.programs(&board.target, board.target_cpu.as_deref());
        let path = folder.join(self.name);
        if path.is_file() {
            return Ok(path);
        }
        Err(Error::Build {
            board: board.name.clone(),
            log: "nothing built yet; run once without --no-build".to_owned(),
        })
    }
}

/// Finds the toolchain of a target.
///
/// # Errors
/// [`Error::Missing`] with the command that installs one.
pub fn find_toolchain(target: &str) -> Result<Toolchain> {
    Toolchain::find(target).map_err(|packages| Error::Missing {
        purpose: format!("build for {target}"),
        missing: format!("a Rust toolchain for it (Debian: {})", packages.join(", ")),
        command: apt_install(&packages),
    })
}

/// What cargo says that it made.
#[derive(Debug, Default)]
struct Compiled {
    path: PathBuf,
    script_folders: Vec<PathBuf>,
}

impl Compiled {
    /// Takes one message of cargo; returns the name of the crate that is done.
    fn take<'m>(&mut self, message: &'m Value, package: &Package<'_>) -> Option<&'m str> {
        let text = |key: &str| message.get(key).and_then(Value::as_str);
        match text("reason")? {
            "build-script-executed" => {
                self.script_folders
                    .extend(text("out_dir").map(PathBuf::from));
                None
            }
            "compiler-artifact" => {
                let files = message.get("filenames").and_then(Value::as_array);
                let mut files = files.into_iter().flatten().filter_map(Value::as_str);
                let wanted =
                    |path: &&str| Path::new(path).file_name() == Some(package.name.as_ref());
                if let Some(path) = files.find(wanted) {
                    self.path = path.into();
                }
                message.pointer("/target/name").and_then(Value::as_str)
            }
            _ => None,
        }
    }
}

/// Runs cargo and returns the files that it names.
fn compile(
    boards: &Boards,
    board: &Board,
    package: &Package<'_>,
    interrupt: &Interrupt,
    progress: &mut dyn FnMut(&str),
) -> Result<Compiled> {
    let fail = |log: String| Error::Build {
        board: board.name.clone(),
        log,
    };
    let toolchain = find_toolchain(&board.target)?;
    let (cpu, folders) = (board.target_cpu.as_deref(), package.folders(boards));
    let mut child = toolchain
        .cargo_build_firmware(&board.target, cpu, &folders)
        .arg("--message-format=json-render-diagnostics")
        .current_dir(&package.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| fail(format!("start cargo: {e}")))?;
    let words = child.stderr.take();
    let words = std::thread::spawn(move || collect_log(words));
    let mut compiled = Compiled::default();
    let out = child.stdout.take().map(BufReader::new);
    for line in out.into_iter().flat_map(BufRead::lines) {
        let Ok(line) = line else { break };
        let Ok(message) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        if let Some(name) = compiled.take(&message, package) {
            progress(name);
        }
    }
    let status = child
        .wait()
        .map_err(|e| fail(format!("wait for cargo: {e}")))?;
    interrupt.check()?;
    let log = words.join().unwrap_or_default();
    if !status.success() {
        return Err(fail(log));
    }
    if compiled.path.as_os_str().is_empty() {
        return Err(fail(format!("cargo built no {}", package.name)));
    }
    Ok(compiled)
}

/// Returns the last lines of what cargo says.
fn collect_log(from: Option<impl Read>) -> String {
    let lines: Vec<String> = from
        .into_iter()
        .flat_map(|from| {
            BufReader::new(from)
                .lines()
                .map_while(core::result::Result::ok)
        })
        .collect();
    lines
        .get(lines.len().saturating_sub(LOG_LINES)..)
        .unwrap_or_default()
        .join("\n")
}

/// Reads segments and build id; the error is a text for people.
fn parse(elf: &[u8]) -> core::result::Result<(Vec<Segment>, [u8; 20]), String> {
    let file = ElfFile::<FileHeader32<object::Endianness>>::parse(elf)
        .map_err(|e| format!("no 32-bit ELF file: {e}"))?;
    let endian = file.endian();
    let mut segments = Vec::new();
    for header in file.elf_program_headers() {
        let data = header
            .data(endian, elf)
            .map_err(|()| "a segment is cut off".to_owned())?;
        if header.p_type(endian) == PT_LOAD && !data.is_empty() {
            // The load address: initialised data lies in flash and is copied at start-up.
            segments.push(Segment {
                address: header.p_paddr(endian),
                bytes: data.to_vec(),
            });
        }
    }
    if segments.is_empty() {
        return Err("it loads nothing".to_owned());
    }
    segments.sort_by_key(|segment| segment.address);
    Ok((segments, build_id(&file)?))
}

/// Returns the build id; the error is a text for people.
fn build_id<'a>(file: &impl Object<'a>) -> core::result::Result<[u8; 20], String> {
    let build_id = file
        .build_id()
        .map_err(|e| format!("bad notes: {e}"))?
        .ok_or("it has no build id (link with --build-id=sha1)")?;
    let build_id = build_id.try_into();
    build_id.map_err(|_| "its build id is no SHA-1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn word(bytes: &mut Vec<u8>, value: u32) {
        bytes.extend(value.to_le_bytes());
    }

    /// An ELF file with one loaded segment and one build-id note.
    fn sample() -> Vec<u8> {
        let mut elf = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        word(&mut elf, 2 | 40 << 16);
        for value in [1, 0x100, 52, 0, 0, 52 | 32 << 16, 2] {
            word(&mut elf, value);
        }
        word(&mut elf, 0);
        let note_len = 12 + 4 + 20;
        for value in [1, 116, 0x2000_0000, 0x100, 8, 8, 5, 4] {
            word(&mut elf, value);
        }
        for value in [4, 124, 0x200, 0x200, note_len, note_len, 4, 4] {
            word(&mut elf, value);
        }
        elf.extend(1..=8);
        for value in [4, 20, 3] {
            word(&mut elf, value);
        }
        elf.extend(b"GNU\0");
        elf.extend([0xab; 20]);
        elf
    }

    #[test]
    fn segments_lie_at_their_load_address() {
        let (segments, build_id) = parse(&sample()).unwrap();
        assert_eq!(
            segments,
            [Segment {
                address: 0x100,
                bytes: (1..=8).collect()
            }]
        );
        assert_eq!(build_id, [0xab; 20]);
    }

    #[test]
    fn a_cut_file_is_an_error() {
        let elf = sample();
        assert!(parse(&elf[..130]).is_err());
        assert!(parse(b"").is_err());
    }

    proptest! {
        #[test]
        fn damaged_files_never_panic(at: prop::sample::Index, value: u8, cut: prop::sample::Index) {
            let mut elf = sample();
            let place = at.index(elf.len());
            elf[place] = value;
            elf.truncate(cut.index(elf.len() + 1));
            let _ = parse(&elf);
        }
    }
}
