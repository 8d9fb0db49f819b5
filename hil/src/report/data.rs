//! What a run found: the data of the report, in the shape of its JSON file.

use serde::{Deserialize, Serialize};

use crate::backend::{Backend, Wanted};
use crate::board::{Board, Counter};
use crate::crash::CrashReport;
use crate::error::Error;
use crate::firmware::Image;
use crate::history::Regression;
use crate::inventory::{self, Quarantine};
use crate::link::{Counters, DeviceInfo, DeviceModel};
use crate::log::Line;
use crate::power::EnergyReport;
use crate::recovery::Step;
use crate::report::SensorReport;
use crate::verdict::{Stage, Verdict};

/// Version of the JSON file; grows when a key changes its meaning or goes away.
pub const SCHEMA: u32 = 2;

/// One call of `hil run`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunReport {
    /// Version of this structure, [`SCHEMA`].
    pub schema: u32,
    /// The program and its version, as `hil 0.1.0`.
    pub tool: String,
    /// The command line, for repeating the run.
    pub command: String,
    /// Begin of the run, RFC 3339.
    pub started: String,
    /// Length of the run, seconds.
    pub duration_s: f64,
    /// The worst verdict of all boards.
    pub verdict: Verdict,
    /// One entry for each board and precision, in order of execution.
    pub boards: Vec<BoardReport>,
    /// What is worse than in the nights before; empty where no history was asked.
    #[serde(default)]
    pub regressions: Vec<Regression>,
}

/// One board with one model in one precision.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BoardReport {
    /// Name of the rig.
    pub rig: String,
    /// How it ended.
    pub verdict: Verdict,
    /// Why it could not be completed.
    pub failure: Option<Failure>,
    /// The attempts before this one.
    pub attempts: Vec<Failure>,
    /// How the board was brought back after the last attempt that failed.
    #[serde(default)]
    pub recovery: Vec<Step>,
    /// The fault that the firmware took in the last attempt.
    pub crash: Option<CrashReport>,
    /// Set while the rig's verdict counts for nothing.
    pub quarantine: Option<QuarantineReport>,
    /// What is true of the board.
    pub board: BoardFacts,
    /// The firmware that was flashed; nothing where none was built.
    #[serde(default)]
    pub firmware: Option<FirmwareFacts>,
    /// What the board said about itself; nothing where no handshake came about.
    pub device: Option<DeviceFacts>,
    /// The model.
    pub model: ModelFacts,
    /// How pictures were cut.
    pub executor: Executor,
    /// Memory, planned and measured.
    pub memory: Memory,
    /// Traffic and damage of the whole session, controls included.
    pub link: Counters,
    /// The jobs in order of execution, without those of the controls.
    pub jobs: Vec<JobReport>,
    /// Where device and reference part first.
    pub first_difference: Option<Difference>,
    /// The negative controls.
    pub controls: Vec<ControlReport>,
    /// The pictures in order of execution.
    pub pictures: Vec<PictureReport>,
    /// The sensors while the pictures ran; nothing where the board has none.
    pub sensors: Option<SensorReport>,
    /// The energy of an inference; nothing where nothing measures it.
    #[serde(default)]
    pub energy: Option<EnergyReport>,
    /// Why a meter gave no figure.
    #[serde(default)]
    pub energy_failure: Option<String>,
    /// The last lines of the board's log.
    pub log: Vec<Line>,
}

/// Why an attempt could not be completed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The stage that failed.
    pub stage: Stage,
    /// What it amounts to.
    pub verdict: Verdict,
    /// The error's words.
    pub cause: String,
}

/// A verdict that does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineReport {
    /// What the verdict would have been.
    pub found: Verdict,
    /// Why and until when.
    #[serde(flatten)]
    pub quarantine: Quarantine,
}

/// What is true of a board, from its board file, and what was wanted of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardFacts {
    /// Name, as on the command line.
    pub name: String,
    /// Chip or machine.
    pub chip: String,
    /// Core.
    pub core: String,
    /// Rust target triple.
    pub target: String,
    /// Machine of the emulator; nothing for a real board.
    pub machine: Option<String>,
    /// What was to run the network.
    pub backend: Wanted,
    /// What [`JobReport::cycles`] counts: `cycles`, or `instructions` on a virtual board.
    pub counter: Counter,
}

/// A firmware image, from its ELF file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirmwareFacts {
    /// SHA-256 of the ELF file, hex.
    pub sha256: String,
    /// GNU build id, hex.
    pub build_id: String,
    /// Bytes flashed without the model; the whole file where it is copied to a computer.
    pub flash_bytes: usize,
    /// Git's description of the source it was built from; nothing where that is not known.
    pub revision: Option<String>,
}

/// What a board said in the handshake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceFacts {
    /// Version of the protocol.
    pub protocol: u16,
    /// GNU build id of the running firmware, hex.
    pub build_id: String,
    /// SHA-256 of the model in its memory, hex; nothing where it refused the model.
    pub model_sha256: Option<String>,
    /// CPUID register, as `0x410fc241`.
    pub cpuid: String,
    /// Unique id of the chip, hex; zeros where it has none.
    pub uid: String,
    /// FPSCR register, as `0x00000000`.
    pub fp_flags: String,
    /// Working memory for a job, bytes.
    pub arena_bytes: u32,
    /// What ran the network.
    pub backend: Backend,
    /// What it counts as cycles in a second of its own time, hertz; nothing on a computer.
    #[serde(default)]
    pub clock_hz: Option<u32>,
}

/// The model of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelFacts {
    /// Name or file.
    pub name: String,
    /// Number format: `f32`, `w8a16`, `w8a8`.
    pub precision: String,
    /// Shape in one line, for people.
    pub config: String,
    /// SHA-256 of the model file that was flashed, hex.
    pub sha256: String,
}

/// How pictures were cut into jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Executor {
    /// Whole pictures, row by row.
    Stream,
    /// Tiles with a halo, stitched on the host.
    Patch {
        /// Edge of a tile without its halo, LR pixels.
        tile: usize,
        /// Margin around a tile, LR pixels.
        halo: usize,
    },
}

/// Memory as planned before the run and as measured on the board.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Model file in flash, bytes.
    pub flash_bytes: usize,
    /// Room for a model on the board, bytes; 0 where it is a file.
    pub flash_size_bytes: usize,
    /// Arena by the plan of the widest job, on the host's count, bytes.
    pub arena_bytes: usize,
    /// Arena that the board reported for the widest job, bytes.
    pub arena_used_bytes: Option<usize>,
    /// Arena of the board, bytes.
    pub arena_size_bytes: usize,
    /// The executor object, bytes.
    pub object_bytes: usize,
    /// Bound of the stack by the plan, bytes.
    pub stack_bytes: usize,
    /// Deepest stack of all jobs, measured by painting, bytes.
    pub stack_used_bytes: Option<usize>,
    /// Stack reserved on the board, bytes; 0 where an operating system sees to it.
    pub stack_size_bytes: usize,
}

/// One job: a picture, or a tile of one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobReport {
    /// The input file, or the name of a rendered picture.
    pub input: String,
    /// Number of the tile within the picture, from 0.
    pub tile: usize,
    /// The pixels sent, halo included.
    pub rect: Rect,
    /// Bytes of LR picture sent.
    pub input_bytes: usize,
    /// Bytes of SR picture received.
    pub output_bytes: usize,
    /// CRC-32 of the SR bytes as received, as `0x1234abcd`.
    pub output_crc32: String,
    /// Whether the SR bytes equal the reference's.
    pub output_equal: bool,
    /// The layers in order of execution; none where what runs the network shows none.
    pub layers: Vec<LayerReport>,
    /// What the network took, in the unit of [`BoardFacts::counter`]; nothing where the board does
    /// not count.
    pub cycles: Option<u64>,
    /// From begin to result on the host's clock, milliseconds.
    pub wall_ms: f64,
    /// Attempts it took; 1 on a clean line.
    pub attempts: u32,
    /// Damaged frames that the board has received since start-up.
    pub device_frames_bad: u32,
}

/// A rectangle of the LR picture, pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rect {
    /// Left column.
    pub x: usize,
    /// Top row.
    pub y: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// One layer of one job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerReport {
    /// Name of the layer.
    pub name: String,
    /// Digest on the board, hex.
    pub device: String,
    /// Digest of the reference, hex.
    pub reference: String,
    /// Whether both are equal.
    pub equal: bool,
}

/// The first element that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The picture.
    pub picture: String,
    /// Number of the tile within the picture, from 0.
    pub tile: usize,
    /// The layer.
    pub layer: String,
    /// Number of the element within the layer, raster order.
    pub element: usize,
    /// Its place; nothing where the layer is no picture.
    pub position: Option<Position>,
    /// Value on the board; `null` in JSON where not finite.
    #[serde(deserialize_with = "null::as_nan")]
    pub device_value: f64,
    /// Value of the reference; `null` in JSON where not finite.
    #[serde(deserialize_with = "null::as_nan")]
    pub reference_value: f64,
    /// Bits on the board, as `0x3f800000`.
    pub device_bits: String,
    /// Bits of the reference, as `0x3f800000`.
    pub reference_bits: String,
}

/// Place of an element in the picture of its layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Column.
    pub x: usize,
    /// Row.
    pub y: usize,
    /// Channel.
    pub channel: usize,
}

/// One deliberate fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlReport {
    /// Short name, as `input bit`.
    pub name: String,
    /// What was damaged.
    pub what: String,
    /// Whether the run noticed.
    pub caught: bool,
    /// By which comparison, or what came out instead.
    pub how: String,
}

/// One picture.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PictureReport {
    /// Name, for people.
    pub name: String,
    /// LR width and height, pixels.
    pub lr_size: [usize; 2],
    /// SR width and height, pixels.
    pub sr_size: [usize; 2],
    /// The board's picture against the ground truth, where there is one.
    pub board_scores: Option<Scores>,
    /// Bicubic magnification against the same ground truth.
    pub bicubic_scores: Option<Scores>,
    /// Files written, relative to the report.
    pub files: Vec<String>,
}

/// Likeness to the ground truth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// PSNR on luma, dB; `null` in JSON where infinite.
    #[serde(deserialize_with = "null::as_infinity")]
    pub psnr_y_db: f64,
    /// SSIM on luma.
    pub ssim_y: f64,
}

impl RunReport {
    /// Returns the worst verdict of `boards`, skip where there are none.
    #[must_use]
    pub fn worst(boards: &[BoardReport]) -> Verdict {
        let verdicts = boards.iter().map(|board| board.verdict);
        verdicts.max().unwrap_or(Verdict::Skip)
    }
}

impl Failure {
    /// Makes the failure of an attempt that ended with `error`.
    #[must_use]
    pub fn new(stage: Stage, error: &Error) -> Self {
        Self {
            stage,
            verdict: Verdict::of(error),
            cause: error.to_string(),
        }
    }
}

impl JobReport {
    /// Reports whether every layer and the output are equal.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.output_equal && self.layers.iter().all(|layer| layer.equal)
    }
}

impl BoardReport {
    /// Returns the verdict that jobs, controls, failure and earlier attempts amount to, whether
    /// or not it counts.
    #[must_use]
    pub fn judge(&self) -> Verdict {
        let all_equal = self.jobs.iter().all(JobReport::is_equal);
        if self.first_difference.is_some() || !all_equal {
            Verdict::Mismatch
        } else if self.controls.iter().any(|control| !control.caught) {
            Verdict::ControlMissed
        } else if let Some(failure) = &self.failure {
            failure.verdict
        } else if self.jobs.is_empty() {
            Verdict::Infra
        } else if !self.attempts.is_empty() {
            Verdict::Flaky
        } else {
            Verdict::Pass
        }
    }
}

impl BoardReport {
    /// Sets the verdict; it counts for nothing while `quarantine` lasts.
    pub fn conclude(&mut self, quarantine: Option<&Quarantine>) {
        let found = self.judge();
        self.verdict = found;
        if let Some(quarantine) = quarantine.filter(|it| it.is_active(inventory::today())) {
            self.verdict = Verdict::Quarantined;
            let quarantine = quarantine.clone();
            self.quarantine = Some(QuarantineReport { found, quarantine });
        }
    }
}

impl FirmwareFacts {
    /// Makes the facts of an image; `revision` as of [`crate::firmware::revision`].
    #[must_use]
    pub fn new(image: &Image, revision: Option<String>) -> Self {
        Self {
            sha256: hex::encode(image.sha256()),
            build_id: hex::encode(image.build_id),
            flash_bytes: match image.len_bytes() {
                0 => image.elf.len(),
                flashed => flashed,
            },
            revision,
        }
    }
}

impl From<&Board> for BoardFacts {
    fn from(board: &Board) -> Self {
        Self {
            name: board.name.clone(),
            chip: board.chip.clone(),
            core: board.core.clone(),
            target: board.target.clone(),
            machine: board.emulated().map(str::to_owned),
            backend: board.backend,
            counter: board.counter(),
        }
    }
}

impl From<&DeviceInfo> for DeviceFacts {
    fn from(info: &DeviceInfo) -> Self {
        let model_sha256 = match &info.model {
            DeviceModel::Ready { sha256, .. } => Some(hex::encode(sha256)),
            DeviceModel::Refused { .. } => None,
        };
        Self {
            // A handshake with another version is an error, so this is the board's version too.
            protocol: mambalite_hil_wire::PROTOCOL_VERSION,
            build_id: hex::encode(info.build_id),
            model_sha256,
            cpuid: format!("{:#010x}", info.cpuid),
            uid: hex::encode(info.uid),
            fp_flags: format!("{:#010x}", info.fp_flags),
            arena_bytes: info.arena_bytes,
            backend: info.backend.clone(),
            clock_hz: info.clock_hz,
        }
    }
}

impl From<mambalite::metrics::Scores> for Scores {
    fn from(scores: mambalite::metrics::Scores) -> Self {
        Self {
            psnr_y_db: scores.psnr_y,
            ssim_y: scores.ssim_y,
        }
    }
}

/// JSON knows no number that is not finite: what it has instead, read back.
mod null {
    use serde::{Deserialize, Deserializer};

    pub(super) fn as_nan<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
    }

    pub(super) fn as_infinity<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        Ok(Option::deserialize(from)?.unwrap_or(f64::INFINITY))
    }
}
