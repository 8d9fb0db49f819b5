//! The launches that run a network on patches of one size.
//!
//! A program is plain data: the same one runs on a GPU, in an interpreter and on the host. All
//! memory is known before it starts: the model file as it is, and one arena.

mod build;
mod describe;

use alloc::string::String;
use alloc::vec::Vec;

use mambalite_kernels::arith::{Fixed, Float};
use mambalite_kernels::{Model, ModelError, Precision};

use self::build::Builder;
use crate::args::{Array, Patches};

/// Numbers of states that have an entry point.
const STATES: [usize; 3] = [4, 8, 16];

/// One launch: an entry point and the bytes of its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Name of the entry point.
    pub entry: String,
    /// Blocks of the grid.
    pub blocks: u32,
    /// Threads of a block; those beyond the last output do nothing.
    pub block: u32,
    /// Bytes of shared memory of a block, at most [`SHARED_MAX`](crate::layout::SHARED_MAX).
    pub shared: u32,
    /// Arguments, each as it lies in memory.
    pub args: Vec<Vec<u8>>,
}

/// Where a program's memory is, in the device's addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// [`Program::image`], 256-byte aligned.
    pub model: u64,
    /// The arena, 256-byte aligned.
    pub arena: u64,
}

/// The launches of a network in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// What the device has to hold at `memory.model`: the model file and its weights, packed. The same
    /// for all patches.
    pub image: Vec<u8>,
    /// The launches of a run.
    pub launches: Vec<Launch>,
    /// Bytes of the arena.
    pub arena_bytes: usize,
    /// The patches, `[patches, height, width, channels]`, bytes: to be written before.
    pub input: Array,
    /// The magnified patches, `[patches, height * scale, width * scale, channels]`, bytes.
    pub output: Array,
}

/// Why a network has no program.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ProgramError {
    /// The number of states has no entry point.
    States {
        /// States of the network.
        found: usize,
    },
    /// A block of threads has too little shared memory for even the smallest tile.
    SharedMemory {
        /// The entry point.
        entry: &'static str,
    },
    /// Patches of no pixel, or more than 2^31 threads.
    Size(Patches),
    /// The model cannot be read.
    Model(ModelError),
}

impl core::fmt::Display for ProgramError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::States { found } => write!(
                f,
                "the GPU scans 4, 8 or 16 states, the network has {found}; run it on the CPU"
            ),
            Self::SharedMemory { entry } => write!(
                f,
                "the network is too wide for the GPU's shared memory ({entry}); run it on the CPU"
            ),
            Self::Size(Patches {
                count,
                width,
                height,
            }) => write!(f, "cannot run {count} patches of {width}x{height} pixels"),
            Self::Model(cause) => write!(f, "{cause}"),
        }
    }
}

impl core::error::Error for ProgramError {}

impl From<ModelError> for ProgramError {
    fn from(cause: ModelError) -> Self {
        Self::Model(cause)
    }
}

impl Program {
    /// Plans a network on patches.
    ///
    /// * `bytes` - the model file.
    ///
    /// # Errors
    /// [`ProgramError`].
    pub fn new(bytes: &[u8], patches: Patches, memory: Memory) -> Result<Self, ProgramError> {
        let model = Model::parse(bytes)?;
        let config = model.config();
        if !STATES.contains(&config.states) {
            return Err(ProgramError::States {
                found: config.states,
            });
        }
        let pixels = patches.pixels().checked_mul(patches.count as usize);
        let widest = config
            .sub_pixels()
            .max(2 * config.inner)
            .max(config.projected());
        let threads = pixels.and_then(|pixels| pixels.checked_mul(widest));
        if !threads.is_some_and(|threads| (1..1 << 31).contains(&threads)) {
            return Err(ProgramError::Size(patches));
        }
        match model.precision() {
            Precision::F32 => Builder::<Float<f32>>::build(bytes, &model, patches, memory),
            Precision::W8A16 => Builder::<Fixed<i16>>::build(bytes, &model, patches, memory),
            Precision::W8A8 => Builder::<Fixed<i8>>::build(bytes, &model, patches, memory),
        }
    }
}
