//! How a kernel is started.

use crate::error::LaunchError;
use crate::memory::{Region, SHARED_START};
use crate::module::Code;

/// Most blocks along each axis.
const GRID_MAX: [u32; 3] = [i32::MAX as u32, 65_535, 65_535];
/// Most threads of a block along each axis.
const BLOCK_MAX: [u32; 3] = [1024, 1024, 64];
/// Most threads of a block.
const BLOCK_THREADS_MAX: u64 = 1024;
/// Most bytes of shared memory of a block of an sm_87.
const SHARED_BYTES_MAX: u64 = 163 << 10;

/// Sizes of a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Blocks along x, y and z.
    pub grid: [u32; 3],
    /// Threads of a block along x, y and z.
    pub block: [u32; 3],
    /// Shared memory on top of what the kernel declares, bytes.
    pub dynamic_shared: u32,
}

impl Launch {
    /// Returns a launch of `blocks` by `threads` along x, without dynamic shared memory.
    pub fn linear(blocks: u32, threads: u32) -> Self {
        Self {
            grid: [blocks, 1, 1],
            block: [threads, 1, 1],
            dynamic_shared: 0,
        }
    }

    pub(crate) fn threads(&self) -> u32 {
        self.block.iter().product()
    }

    pub(crate) fn blocks(&self) -> u64 {
        self.grid.iter().map(|&blocks| u64::from(blocks)).product()
    }

    /// Checks the sizes against the limits of an sm_87, and that all threads can be counted.
    pub(crate) fn check(&self, code: &Code) -> Result<(), LaunchError> {
        let fits = |sizes: [u32; 3], most: [u32; 3]| {
            sizes
                .iter()
                .zip(most)
                .all(|(&size, most)| (1..=most).contains(&size))
        };
        let axes = fits(self.grid, GRID_MAX) && fits(self.block, BLOCK_MAX);
        let product = |sizes: [u32; 3]| {
            let mut sizes = sizes.iter();
            sizes.try_fold(1u64, |product, &size| product.checked_mul(size.into()))
        };
        let threads = product(self.block).filter(|&threads| threads <= BLOCK_THREADS_MAX);
        let total = threads
            .zip(product(self.grid))
            .and_then(|(threads, blocks)| threads.checked_mul(blocks));
        if !axes || total.is_none_or(|total| total >= u32::MAX.into()) {
            return Err(LaunchError::Dimensions {
                grid: self.grid,
                block: self.block,
            });
        }
        let bytes = self.shared_bytes(code);
        if bytes > SHARED_BYTES_MAX {
            return Err(LaunchError::SharedMemory {
                bytes,
                limit: SHARED_BYTES_MAX,
            });
        }
        Ok(())
    }

    /// Returns the bytes of shared memory of a block, static and dynamic.
    pub(crate) fn shared_bytes(&self, code: &Code) -> u64 {
        if self.dynamic_shared == 0 {
            return code.shared_bytes;
        }
        code.dynamic_shared - SHARED_START + u64::from(self.dynamic_shared)
    }
}

/// A value for a parameter. Its size must be that of the parameter.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Arg {
    /// 1 byte.
    U8(u8),
    /// 2 bytes.
    U16(u16),
    /// 4 bytes.
    U32(u32),
    /// 4 bytes.
    I32(i32),
    /// 4 bytes.
    F32(f32),
    /// 8 bytes; addresses too.
    U64(u64),
    /// 8 bytes.
    I64(i64),
    /// A structure, as it lies in memory.
    Bytes(Vec<u8>),
}

impl Arg {
    /// Returns the bytes of the value, little-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::U8(value) => value.to_le_bytes().to_vec(),
            Self::U16(value) => value.to_le_bytes().to_vec(),
            Self::U32(value) => value.to_le_bytes().to_vec(),
            Self::I32(value) => value.to_le_bytes().to_vec(),
            Self::F32(value) => value.to_le_bytes().to_vec(),
            Self::U64(value) => value.to_le_bytes().to_vec(),
            Self::I64(value) => value.to_le_bytes().to_vec(),
            Self::Bytes(bytes) => bytes.clone(),
        }
    }
}

impl From<u32> for Arg {
    fn from(value: u32) -> Self {
        Self::U32(value)
    }
}

impl From<i32> for Arg {
    fn from(value: i32) -> Self {
        Self::I32(value)
    }
}

impl From<f32> for Arg {
    fn from(value: f32) -> Self {
        Self::F32(value)
    }
}

impl From<u64> for Arg {
    fn from(value: u64) -> Self {
        Self::U64(value)
    }
}

/// Lays the arguments out as the parameters of the kernel; bytes between them stay unwritten.
pub(crate) fn parameters(code: &Code, args: &[Arg]) -> Result<Region, LaunchError> {
    if args.len() != code.parameters.len() {
        return Err(LaunchError::ArgumentCount {
            kernel: code.name.clone(),
            expected: code.parameters.len(),
            found: args.len(),
        });
    }
    let mut region = Region::new(code.parameter_bytes);
    for (index, (parameter, arg)) in code.parameters.iter().zip(args).enumerate() {
        let bytes = arg.to_bytes();
        if bytes.len() != parameter.bytes {
            return Err(LaunchError::ArgumentSize {
                kernel: code.name.clone(),
                index,
                expected: parameter.bytes,
                found: bytes.len(),
            });
        }
        region.write(parameter.offset, &bytes);
    }
    Ok(region)
}
