//! The error of the harness, and the exit code that each one means.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mambalite_hil_wire::Fault;

use crate::config::FaultyFile;
use crate::fault::Scenario;
use crate::inventory::InventoryError;
use crate::labgrid::LabgridError;

/// Everything is equal.
pub const EXIT_PASS: u8 = 0;
/// The harness itself is at fault, or a negative control was not caught.
pub const EXIT_BUG: u8 = 1;
/// Wrong usage, or input that cannot be used.
pub const EXIT_INPUT: u8 = 2;
/// The board computed something else than the reference.
pub const EXIT_MISMATCH: u8 = 3;
/// There was nothing to run.
pub const EXIT_NOTHING: u8 = 4;
/// A board, emulator or toolchain is missing.
pub const EXIT_MISSING: u8 = 5;
/// The board did not answer in time.
pub const EXIT_TIMEOUT: u8 = 6;
/// Flashing or the link failed.
pub const EXIT_LINK: u8 = 7;
/// Every bit is equal, but only at a second attempt.
pub const EXIT_FLAKY: u8 = 8;
/// The firmware took a fault or ended.
pub const EXIT_CRASH: u8 = 9;
/// A certificate is not signed, or not accepted.
pub const EXIT_REFUSED: u8 = 10;
/// The user stopped the run (128 + SIGINT).
pub const EXIT_INTERRUPTED: u8 = 130;

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Everything that can go wrong in a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder cannot be read.
    #[error("read `{}`: {cause}", path.display())]
    Read {
        /// What was to be read.
        path: PathBuf,
        /// The system's answer.
        cause: io::Error,
    },
    /// A file or folder cannot be written.
    #[error("write `{}`: {cause}", path.display())]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// The system's answer.
        cause: io::Error,
    },
    /// A board or rig file is not what it should be.
    #[error(transparent)]
    File(Box<FaultyFile>),
    /// The inventory has no such rig, or cannot be changed.
    #[error(transparent)]
    Inventory(#[from] InventoryError),
    /// Places of labgrid cannot be had, or are no rigs.
    #[error(transparent)]
    Labgrid(#[from] LabgridError),
    /// A board used more memory than was planned.
    #[error("run board `{board}`: it used {used} bytes of {what}, {planned} were planned")]
    Plan {
        /// The board.
        board: String,
        /// Kind of memory.
        what: &'static str,
        /// Bytes planned.
        planned: usize,
        /// Bytes used.
        used: usize,
    },
    /// There is no board of this name.
    #[error("find board `{name}`: no such board; there are: {}", known.join(", "))]
    UnknownBoard {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// The folder of boards was not found.
    #[error(
        "find the folder `firmware/boards` at or above `{}`: not there; run inside the repository",
        start.display()
    )]
    NoBoards {
        /// Where the search began.
        start: PathBuf,
    },
    /// A program that the run needs is not installed.
    #[error("{purpose}: {missing} not found; install with: {command}")]
    Missing {
        /// What was to be done.
        purpose: String,
        /// What is not there.
        missing: String,
        /// The command that installs it.
        command: String,
    },
    /// The firmware does not build.
    #[error("build the firmware of `{board}`:\n{log}")]
    Build {
        /// The board.
        board: String,
        /// The compiler's words.
        log: String,
    },
    /// A thread of the harness panicked.
    #[error("this is a fault of hil, please report it: {cause}")]
    Bug {
        /// Its last words.
        cause: String,
    },
    /// The firmware image cannot be used.
    #[error("use firmware image `{}`: {cause}", path.display())]
    Image {
        /// The ELF file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// The model cannot be used.
    #[error("use model `{model}`: {cause}")]
    Model {
        /// Name or path.
        model: String,
        /// What is wrong.
        cause: String,
    },
    /// The input holds no pictures.
    #[error("find pictures in `{}`: none there (PNG, JPEG, WebP, BMP)", path.display())]
    NoPictures {
        /// The folder.
        path: PathBuf,
    },
    /// A picture cannot be used.
    #[error(transparent)]
    Picture(#[from] mambalite::Error),
    /// The picture does not suit the model, or the tiling does not suit the picture.
    #[error("run `{}`: {cause}", path.display())]
    Unfit {
        /// The picture.
        path: PathBuf,
        /// Why not.
        cause: String,
    },
    /// The row is too wide for the board's memory.
    #[error(
        "start a job of {width}x{height} pixels on `{board}`: its arena lacks {} bytes \
         ({needed} needed, {available} there); use --executor patch --tile {tile}",
        needed.saturating_sub(*available)
    )]
    ArenaTooSmall {
        /// The board.
        board: String,
        /// LR width, pixels.
        width: usize,
        /// LR height, pixels.
        height: usize,
        /// Bytes the job needs.
        needed: usize,
        /// Bytes there are.
        available: usize,
        /// A tile size that fits.
        tile: usize,
    },
    /// The host reference stopped.
    #[error("compute the reference: {cause}")]
    Reference {
        /// The executor's words.
        cause: String,
    },
    /// The emulator does not behave as one.
    #[error("run the emulator of `{board}`: {cause}")]
    Emulator {
        /// The board.
        board: String,
        /// What happened, with its last words.
        cause: String,
    },
    /// Flashing failed.
    #[error("flash {len} bytes at {address:#010x}: {cause}")]
    Flash {
        /// Where.
        address: u32,
        /// How many bytes.
        len: usize,
        /// What happened.
        cause: String,
    },
    /// A computer is not reached.
    #[error("connect to `{host}`: {cause}; try `ssh {host} true`")]
    Connect {
        /// Its name.
        host: String,
        /// The words of `ssh`.
        cause: String,
    },
    /// A computer shows another key than the known one, or one that is not known.
    #[error(
        "connect to `{host}`: its host key is not the known one ({cause}); if it was set up anew, \
         compare the key on its console, then run `ssh-keygen -R` with its address and `ssh {host}`"
    )]
    HostKey {
        /// Its name.
        host: String,
        /// The words of `ssh`.
        cause: String,
    },
    /// The disk of a computer has no room.
    #[error(
        "copy `{file}` to `{host}`: no room for its {len} bytes ({cause}); free some, or state \
         another folder in board.toml"
    )]
    DiskFull {
        /// Its name.
        host: String,
        /// The file.
        file: String,
        /// Its length.
        len: usize,
        /// What the computer says.
        cause: String,
    },
    /// A command on a computer failed.
    #[error("{what} on `{host}`: {cause}")]
    Remote {
        /// Its name.
        host: String,
        /// What was to be done.
        what: String,
        /// What the computer says.
        cause: String,
    },
    /// The connection to a computer was cut.
    #[error("talk to `{host}`: the connection was cut{cause}; run again")]
    Disconnected {
        /// Its name.
        host: String,
        /// The words of `ssh`, if any.
        cause: String,
    },
    /// A board that can have no GPU is to use one.
    #[error(
        "run `{board}` on a GPU: it is a microcontroller; `--backend cuda` is for computers behind SSH"
    )]
    NoGpu {
        /// The board.
        board: String,
    },
    /// The GPU of a computer cannot be used.
    #[error("use the GPU of `{host}`: {cause}")]
    Gpu {
        /// Its name.
        host: String,
        /// The agent's words.
        cause: String,
        /// The code that the agent ended with.
        code: u8,
    },
    /// The agent on a computer ended.
    #[error("run the agent on `{host}`: {cause}")]
    Agent {
        /// Its name.
        host: String,
        /// How it ended, with its last words.
        cause: String,
    },
    /// The line to the board is broken.
    #[error("use the line to the board: {cause}")]
    Line {
        /// The system's answer.
        cause: String,
    },
    /// A serial port cannot be had.
    #[error(transparent)]
    Port(#[from] crate::transport::PortError),
    /// A debug probe, or the chip behind it.
    #[error(transparent)]
    Probe(#[from] crate::probe::ProbeError),
    /// The board speaks another protocol version.
    #[error("shake hands: the board speaks protocol {board}, this harness {host}; rebuild both")]
    Protocol {
        /// The board's version.
        board: u16,
        /// The harness' version.
        host: u16,
    },
    /// The board is not what was flashed.
    #[error("shake hands: {what} of the board is {board}, flashed was {host}")]
    Identity {
        /// Which fact differs.
        what: &'static str,
        /// As the board says.
        board: String,
        /// As it should be.
        host: String,
    },
    /// The board refused a request.
    #[error("ask the board: it answered {fault:?}{}{detail}", if detail.is_empty() { "" } else { ": " })]
    Refused {
        /// The board's reason.
        fault: Fault,
        /// The board's words.
        detail: String,
    },
    /// The link lost or damaged too much.
    #[error("receive the result: gave up after {attempts} attempts, last {cause}")]
    Unreliable {
        /// How often it was tried.
        attempts: u32,
        /// What was wrong the last time.
        cause: String,
    },
    /// The board broke the protocol.
    #[error("receive the result: {cause}")]
    Misbehaved {
        /// What it did.
        cause: String,
    },
    /// The board did not answer in time.
    #[error("wait for {what}: nothing for {} s", after.as_secs_f32())]
    Timeout {
        /// What was waited for.
        what: &'static str,
        /// How long.
        after: Duration,
    },
    /// Two rigs of a run have one name.
    #[error("choose rigs: `{name}` is there twice; each needs a name of its own")]
    SameRig {
        /// The name.
        name: String,
    },
    /// Another one uses the board.
    #[error("take the lease of `{rig}`: {holder} has it; wait longer with --wait")]
    Busy {
        /// The rig.
        rig: String,
        /// Who has it.
        holder: String,
    },
    /// The board did not come back after the last run that used it.
    #[error(
        "use `{rig}`: it is out of order since {since} ({cause}); see to it, then run `hil lease clear {rig}`"
    )]
    OutOfOrder {
        /// The rig.
        rig: String,
        /// Since when, RFC 3339.
        since: String,
        /// What went wrong.
        cause: String,
    },
    /// The power of a rig cannot be switched.
    #[error("switch the power of `{rig}`: {cause}")]
    Supply {
        /// The rig.
        rig: String,
        /// What went wrong.
        cause: String,
    },
    /// There is no folder for what outlives a run.
    #[error("find the folder for leases and history: set HIL_STATE or HOME")]
    NoState,
    /// A fault was not let in.
    #[error("inject `{scenario}`: {cause}")]
    Injection {
        /// The fault.
        scenario: Scenario,
        /// Why not.
        cause: String,
    },
    /// A machine cannot do what a fault takes.
    #[error("inject a fault: this board cannot {what}")]
    Machine {
        /// What was to be done.
        what: &'static str,
    },
    /// Faults are not for real boards.
    #[error("inject faults into `{board}`: it is a real board; name a virtual one")]
    RealBoard {
        /// The board.
        board: String,
    },
    /// A meter cannot be used.
    #[error(transparent)]
    Power(#[from] crate::power::PowerError),
    /// The report cannot be made.
    #[error("write the report: {cause}")]
    Report {
        /// What went wrong.
        cause: String,
    },
    /// A report cannot be read back.
    #[error("read the report `{}`: {cause}; run again", path.display())]
    ReportFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// A file is no suite of vectors.
    #[error("read the vectors `{}`: {cause}", path.display())]
    Suite {
        /// The file.
        path: PathBuf,
        /// What is wrong with which vector.
        cause: mambalite_hil_certificate::suite::SuiteError,
    },
    /// The history of runs cannot be used.
    #[error(transparent)]
    History(#[from] crate::history::HistoryError),
    /// A key cannot be used.
    #[error(transparent)]
    Key(#[from] mambalite_hil_certificate::key::KeyError),
    /// A certificate cannot be made.
    #[error(transparent)]
    Certify(Box<crate::certify::CertifyError>),
    /// A certificate cannot be verified.
    #[error(transparent)]
    Verify(Box<crate::verify::VerifyError>),
    /// A new board cannot be made as ordered.
    #[error(transparent)]
    Scaffold(#[from] crate::scaffold::ScaffoldError),
    /// The user stopped the run.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// Returns the exit code of a run that ended with this error.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Read { .. }
            | Self::Certify(_)
            | Self::Verify(_)
            | Self::Key(_)
            | Self::ReportFile { .. }
            | Self::Suite { .. }
            | Self::Write { .. }
            | Self::File(_)
            | Self::UnknownBoard { .. }
            | Self::NoBoards { .. }
            | Self::NoState
            | Self::SameRig { .. }
            | Self::Model { .. }
            | Self::Unfit { .. }
            | Self::RealBoard { .. }
            | Self::NoGpu { .. }
            | Self::Scaffold(_)
            | Self::ArenaTooSmall { .. } => EXIT_INPUT,
            Self::Picture(error) => error.exit_code(),
            Self::History(error) => error.exit_code(),
            Self::Power(error) => error.exit_code(),
            Self::Probe(error) => error.exit_code(),
            Self::Inventory(error) => error.exit_code(),
            Self::Labgrid(error) => error.exit_code(),
            Self::Gpu { code, .. } => *code,
            // The counters were looked at before: a GPU has too little memory.
            Self::Refused {
                fault: Fault::Geometry,
                ..
            } => EXIT_INPUT,
            Self::NoPictures { .. } => EXIT_NOTHING,
            Self::Missing { .. }
            | Self::Connect { .. }
            | Self::HostKey { .. }
            | Self::Port(_)
            | Self::Busy { .. }
            | Self::OutOfOrder { .. }
            | Self::Supply { .. } => EXIT_MISSING,
            Self::Timeout { .. } => EXIT_TIMEOUT,
            Self::Emulator { .. }
            | Self::DiskFull { .. }
            | Self::Remote { .. }
            | Self::Disconnected { .. }
            | Self::Agent { .. }
            | Self::Flash { .. }
            | Self::Line { .. }
            | Self::Protocol { .. }
            | Self::Identity { .. }
            | Self::Unreliable { .. }
            | Self::Misbehaved { .. } => EXIT_LINK,
            Self::Interrupted => EXIT_INTERRUPTED,
            Self::Build { .. }
            | Self::Image { .. }
            | Self::Reference { .. }
            | Self::Refused { .. }
            | Self::Bug { .. }
            | Self::Plan { .. }
            | Self::Injection { .. }
            | Self::Machine { .. }
            | Self::Report { .. } => EXIT_BUG,
        }
    }

    /// Reports whether another attempt would end the same.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        matches!(
            self,
            Self::Missing { .. }
                | Self::Build { .. }
                | Self::Image { .. }
                | Self::Model { .. }
                | Self::Unfit { .. }
                | Self::ArenaTooSmall { .. }
                | Self::Picture(_)
                | Self::HostKey { .. }
                | Self::DiskFull { .. }
                | Self::Protocol { .. }
                | Self::Plan { .. }
                | Self::Reference { .. }
                | Self::Write { .. }
                | Self::Read { .. }
        )
    }

    /// Makes the error of a failed read.
    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |cause| Self::Read {
            path: path.to_owned(),
            cause,
        }
    }

    /// Makes the error of a failed write.
    pub(crate) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |cause| Self::Write {
            path: path.to_owned(),
            cause,
        }
    }

    /// Makes the error of a broken line.
    pub(crate) fn line(cause: impl ToString) -> Self {
        Self::Line {
            cause: cause.to_string(),
        }
    }
}
