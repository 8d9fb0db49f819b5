//! What a certificate says: one board, one firmware, one model in one precision, and every vector.
//!
//! Hashes are SHA-256 in lower-case hex, times RFC 3339 in UTC.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::suite::Class;

/// Version of this structure; grows when a key changes its meaning or goes away.
pub const SCHEMA: u32 = 1;

/// Type of the predicate in an in-toto statement.
pub const TYPE: &str = "https://github.com/mambalite/mambalite/attestation/bit-accuracy/v1";

/// The predicate of a certificate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Predicate {
    /// Version of this structure, [`SCHEMA`].
    pub schema: u32,
    /// Who made it, when and with what.
    pub identity: Identity,
    /// What was computed.
    pub model: Model,
    /// The vectors that were to be computed.
    pub suite: SuiteFacts,
    /// What computed it.
    pub firmware: Firmware,
    /// How the firmware was made.
    pub toolchain: Toolchain,
    /// What it ran on.
    pub board: Board,
    /// What counts as equal, and what is let pass.
    pub policy: Policy,
    /// Every operator on the board, reference and variants.
    pub operators: Vec<Operator>,
    /// Every vector, in the order of the suite.
    pub results: Vec<VectorResult>,
    /// Sums of operators and vectors.
    pub totals: Totals,
    /// How far single precision is from double precision; nothing for fixed point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ulp: Option<UlpHistogram>,
    /// How large the sums of each matrix can become with these weights; empty for f32.
    pub accumulators: Vec<Accumulator>,
    /// Faults on purpose, each of which had to be seen.
    pub controls: Vec<Control>,
    /// The board's health before.
    pub health: Health,
    /// All vectors again and again.
    pub soak: Soak,
    /// What the line lost and got again.
    pub link: Link,
    /// The certificate before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<Previous>,
    /// SHA-256 of the SBOM, a CycloneDX document that stands beside this statement in the bundle.
    pub sbom_sha256: String,
    /// SHA-256 of the board's log of the run.
    pub log_sha256: String,
}

/// Who made a certificate, when and with what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Identity {
    /// Number of this certificate: 128 random bits, hex.
    pub id: String,
    /// Begin.
    pub started: String,
    /// End.
    pub finished: String,
    /// The program and its version, as `hil 0.1.0`.
    pub tool: String,
    /// SHA-256 of the program.
    pub tool_sha256: String,
    /// Git commit of the source, 40 hex digits; the tree had no change beside it.
    pub commit: String,
    /// Git tree of the source of the kernels at that commit, 40 hex digits.
    pub kernels_tree: String,
    /// Operating system and processor of the host, as `linux x86_64`.
    pub host: String,
}

/// What was computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Model {
    /// Name or file.
    pub name: String,
    /// The SHA-256 that the model file holds, of all its bytes but the hash itself: dimensions, weights,
    /// scales. That of the whole file is the last of [`Firmware::flashed`].
    pub sha256: String,
    /// Number format: `f32`, `w8a16`, `w8a8`.
    pub precision: String,
    /// Shape in one line, for people.
    pub config: String,
    /// Layers of the network, each with a digest.
    pub layers: usize,
}

/// The suite that was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SuiteFacts {
    /// Merkle root of the vectors.
    pub root: String,
    /// SHA-256 of the file of the suite.
    pub sha256: String,
    /// Vectors there are.
    pub count: usize,
    /// Vectors of each class.
    pub classes: BTreeMap<Class, usize>,
    /// Seed of the random ones.
    pub seed: u64,
}

/// What computed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Firmware {
    /// SHA-256 of the ELF file.
    pub elf_sha256: String,
    /// GNU build id, hex, which the running firmware told too.
    pub build_id: String,
    /// SHA-256 of a second ELF file, built from nothing in another folder.
    pub rebuilt_sha256: String,
    /// What was written to the board, by rising address; the model is the last.
    pub flashed: Vec<Flashed>,
}

/// A stretch of memory, as it was read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Flashed {
    /// `program` or `model`.
    pub what: String,
    /// First address; nothing for a file on a computer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<u32>,
    /// Bytes.
    pub bytes: usize,
    /// SHA-256 of what was to be written.
    pub sha256: String,
    /// SHA-256 of what was read back.
    pub read_back_sha256: String,
}

/// How the firmware was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Toolchain {
    /// What `rustc -vV` says.
    pub rustc: String,
    /// Target triple.
    pub target: String,
    /// Processor given to the compiler; nothing for the target's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_cpu: Option<String>,
    /// What the build takes beside the source: flags of the compiler and the profile.
    pub flags: Vec<String>,
    /// SHA-256 of the firmware's `Cargo.lock`.
    pub lock_sha256: String,
    /// SHA-256 of each linker script, by name; empty for a program of an operating system.
    pub linker_scripts: BTreeMap<String, String>,
}

/// What it ran on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Board {
    /// Rig of the bench.
    pub rig: String,
    /// Kind of board.
    pub name: String,
    /// SHA-256 of its `board.toml`.
    pub facts_sha256: String,
    /// Chip or machine.
    pub chip: String,
    /// Core.
    pub core: String,
    /// Machine and version of the emulator; nothing for a real board.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emulator: Option<String>,
    /// CPUID register, as `0x410fc241`: architecture, part and revision of the core.
    pub cpuid: String,
    /// Unique id of the chip, hex; zeros where it has none.
    pub uid: String,
    /// Clock of the core, Hz; nothing where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_hz: Option<u32>,
    /// Control register of the floating-point unit, as `0x00000000`.
    pub fp_flags: String,
    /// What ran the network.
    pub backend: String,
}

/// What counts as equal, and what is let pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Policy {
    /// `bits`: every layer and every byte.
    pub comparison: String,
    /// Checks that did not have to pass.
    pub waivers: Vec<Waiver>,
}

/// A check that did not have to pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Waiver {
    /// Name of the operator's check.
    pub check: String,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Last day on which it holds, `2026-12-31`.
    pub expires: String,
}

/// One operator on the board: a golden case of the reference, or a variant against it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Operator {
    /// Name, as `scan_full/w8a8` or `linear/w8a8/dsp`.
    pub name: String,
    /// Seed of the inputs.
    pub seed: u64,
    /// Digest of the outputs, hex; nothing for a variant, which is compared on the board.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// How it ended.
    pub verdict: Verdict,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every bit is equal.
    Pass,
    /// The core lacks the instructions of this variant, so that nothing runs it.
    Skip,
    /// A bit differs.
    Fail,
}

/// One vector on the board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct VectorResult {
    /// Its id in the suite.
    pub id: String,
    /// SHA-256 of the LR bytes.
    pub input_sha256: String,
    /// SHA-256 of the SR bytes that must come.
    pub expected_sha256: String,
    /// SHA-256 of the SR bytes that came.
    pub actual_sha256: String,
    /// SHA-256 of the digests of the layers that must come; see
    /// [`Vector`](crate::suite::Vector::layers_sha256).
    pub expected_layers_sha256: String,
    /// SHA-256 of the digests that came; nothing where the board shows no layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual_layers_sha256: Option<String>,
    /// Core cycles, or instructions of an emulator; nothing where the board counts neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycles: Option<u64>,
    /// Attempts it took; 1, or the certificate is refused.
    pub attempts: u32,
    /// How it ended.
    pub verdict: Verdict,
}

/// Sums of operators and vectors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Totals {
    /// Passed.
    pub passed: usize,
    /// Skipped: variants that the core cannot run.
    pub skipped: usize,
    /// Failed; 0, or the certificate is refused.
    pub failed: usize,
    /// Passed at another than the first attempt; 0, or the certificate is refused.
    pub flaky: usize,
}

/// Distances between single precision and the same network in double precision, rounded to single, over
/// all values of the last layer of all vectors, in units in the last place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct UlpHistogram {
    /// Values by distance: `0`, `1`, `2`, `3-4`, `5-8`, ... , `sign`.
    pub counts: BTreeMap<String, u64>,
    /// Largest distance between numbers of one sign.
    pub largest: u64,
    /// Largest difference, grey levels of 255, as a decimal number.
    pub largest_grey: String,
}

/// How large the sums of a matrix can become.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Accumulator {
    /// Layer and matrix.
    pub name: String,
    /// Largest absolute sum that these weights and bias can give with any input of its format.
    pub bound: u64,
    /// What the accumulator holds, 2^31 - 1 for 32 bits.
    pub limit: u64,
}

/// A fault on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Control {
    /// Name, as `weight bit`.
    pub name: String,
    /// What was changed.
    pub what: String,
    /// Whether it was seen.
    pub caught: bool,
    /// How it was seen.
    pub how: String,
}

/// The board's health before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Health {
    /// SHA-256 of the ELF file of the firmware that showed it: the last that passed on such a board, or
    /// where there is none the one that is certified.
    pub firmware_sha256: String,
    /// Whether a picture came back as it should.
    pub passed: bool,
}

/// All vectors again and again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Soak {
    /// Rounds through the suite.
    pub rounds: u32,
    /// Jobs of all rounds.
    pub jobs: u64,
    /// Jobs that differed; 0, or the certificate is refused.
    pub failed: u64,
}

/// What the line lost and got again; the bits are right all the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Link {
    /// Frames that the board or the host found damaged, without those of the controls.
    pub frames_bad: u64,
    /// Bytes sent again, without those of the controls.
    pub bytes_resent: u64,
    /// Jobs begun again.
    pub jobs_repeated: u64,
}

/// The certificate before this one, of the same board, model and precision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Previous {
    /// Its [`Identity::id`].
    pub id: String,
    /// SHA-256 of its file.
    pub sha256: String,
}
