//! Bytes that know whether they were written, and the allocations of a device.
//!
//! Every allocation has 4 GiB of addresses of its own, so that no offset that a kernel can
//! plausibly get wrong leads from one to another, and finding an allocation is a shift. The upper
//! byte of a generic address tells the space: 0 is memory of the device.

use crate::error::{DeviceError, Fault, Space};

/// First addresses of the spaces of blocks, threads and parameters; null is none of them.
pub(crate) const SHARED_START: u64 = 0x400;
pub(crate) const LOCAL_START: u64 = 0x400;
pub(crate) const PARAM_START: u64 = 0x400;

/// Bits below the tag of the space in a generic address.
pub(crate) const TAG_SHIFT: u32 = 56;
pub(crate) const SHARED_TAG: u64 = 1;
pub(crate) const LOCAL_TAG: u64 = 2;
pub(crate) const PARAM_TAG: u64 = 3;

/// Bits of an address within the range of an allocation.
const RANGE_SHIFT: u32 = 32;
/// Distance of the first allocation from the start of its range.
const FIRST_OFFSET: u64 = 0x1_0000;
/// Further distance of each of the next, so that the low halves of addresses differ too.
const NEXT_OFFSET: u64 = 0x2_0100;
/// Allocations after which the distances begin anew.
const OFFSETS: u64 = 1 << 10;
/// Most bytes of an allocation.
pub(crate) const ALLOCATION_BYTES_MAX: usize = 1 << 30;
/// Most allocations, freed ones too: as many as there are ranges below the tag.
const ALLOCATIONS_MAX: usize = (1 << (TAG_SHIFT - RANGE_SHIFT)) - 2;

/// Bytes, and for each whether it was ever written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Region {
    bytes: Vec<u8>,
    /// A bit for each byte.
    written: Vec<u8>,
}

impl Region {
    /// Makes a region of bytes that were not written.
    pub(crate) fn new(length: usize) -> Self {
        Self {
            bytes: vec![0; length],
            written: vec![0; length.div_ceil(8)],
        }
    }

    /// Makes a region of bytes that count as written.
    pub(crate) fn written(bytes: Vec<u8>) -> Self {
        let written = vec![u8::MAX; bytes.len().div_ceil(8)];
        Self { bytes, written }
    }

    pub(crate) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Forgets that bytes were written.
    pub(crate) fn forget(&mut self) {
        self.written.fill(0);
    }

    /// Returns `size` bytes, 1 to 8, at a multiple of the size, or none if one was not written.
    #[inline]
    pub(crate) fn get(&self, offset: u64, size: u64) -> Option<u64> {
        let at = offset as usize;
        let bits = element_bits(offset, size);
        if self.written[at / 8] & bits != bits {
            return None;
        }
        Some(match size {
            1 => self.bytes[at].into(),
            2 => u16::from_le_bytes(array(&self.bytes, at)).into(),
            4 => u32::from_le_bytes(array(&self.bytes, at)).into(),
            _ => u64::from_le_bytes(array(&self.bytes, at)),
        })
    }

    /// Writes the low `size` bytes, 1 to 8, at a multiple of the size.
    #[inline]
    pub(crate) fn set(&mut self, offset: u64, size: u64, value: u64) {
        let at = offset as usize;
        self.written[at / 8] |= element_bits(offset, size);
        let value = value.to_le_bytes();
        match size {
            1 => self.bytes[at] = value[0],
            2 => self.bytes[at..at + 2].copy_from_slice(&value[..2]),
            4 => self.bytes[at..at + 4].copy_from_slice(&value[..4]),
            _ => self.bytes[at..at + 8].copy_from_slice(&value),
        }
    }

    /// Writes bytes that lie within the region.
    pub(crate) fn write(&mut self, offset: usize, bytes: &[u8]) {
        self.bytes[offset..][..bytes.len()].copy_from_slice(bytes);
        for at in offset..offset + bytes.len() {
            self.written[at / 8] |= 1 << (at % 8);
        }
    }

    /// Returns bytes that lie within the region, or the first that was not written.
    pub(crate) fn read(&self, offset: usize, length: usize) -> Result<&[u8], usize> {
        let mut range = offset..offset + length;
        match range.find(|&at| self.written[at / 8] >> (at % 8) & 1 == 0) {
            Some(at) => Err(at),
            None => Ok(&self.bytes[offset..][..length]),
        }
    }
}

/// Returns the bits of an aligned element in its byte of the map.
fn element_bits(offset: u64, size: u64) -> u8 {
    (u8::MAX >> (8 - size)) << (offset % 8)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}

/// A piece of the memory of the device.
#[derive(Clone, Debug)]
pub(crate) struct Allocation {
    pub(crate) base: u64,
    pub(crate) length: u64,
    /// Empty once freed.
    pub(crate) region: Region,
    pub(crate) live: bool,
    /// Whether it is of the constant space.
    pub(crate) constant: bool,
    /// Whether kernels may only read it.
    pub(crate) read_only: bool,
    /// Whether it is a variable of a module: the host does not free it.
    pub(crate) variable: bool,
}

/// All allocations that there ever were, in the order of their addresses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Allocations {
    pub(crate) list: Vec<Allocation>,
}

impl Allocations {
    /// Gives addresses to the region.
    pub(crate) fn place(&mut self, region: Region) -> Result<usize, DeviceError> {
        let bytes = region.bytes.len();
        if bytes == 0 || bytes > ALLOCATION_BYTES_MAX {
            return Err(DeviceError::Size {
                bytes,
                limit: ALLOCATION_BYTES_MAX,
            });
        }
        let index = self.list.len();
        if index >= ALLOCATIONS_MAX {
            return Err(DeviceError::Exhausted(index));
        }
        let range = (index as u64 + 1) << RANGE_SHIFT;
        let base = range + FIRST_OFFSET + index as u64 % OFFSETS * NEXT_OFFSET;
        self.list.push(Allocation {
            base,
            length: bytes as u64,
            region,
            live: true,
            constant: false,
            read_only: false,
            variable: false,
        });
        Ok(index)
    }

    /// Returns the index of the allocation in whose range the address is.
    pub(crate) fn index(&self, address: u64) -> Option<usize> {
        let index = (address >> RANGE_SHIFT).checked_sub(1)? as usize;
        (index < self.list.len()).then_some(index)
    }

    /// Returns allocation and offset of bytes that the host names.
    pub(crate) fn host_range(
        &mut self,
        address: u64,
        bytes: usize,
    ) -> Result<(&mut Allocation, usize), DeviceError> {
        let error = DeviceError::OutOfBounds { address, bytes };
        let Some(index) = self.index(address) else {
            return Err(error);
        };
        let allocation = &mut self.list[index];
        let offset = address.wrapping_sub(allocation.base);
        if !allocation.live || !within(offset, bytes as u64, allocation.length) {
            return Err(error);
        }
        Ok((allocation, offset as usize))
    }

    /// Returns allocation and offset of bytes that a kernel names.
    #[inline]
    pub(crate) fn kernel_range(
        &self,
        space: Space,
        address: u64,
        bytes: u64,
    ) -> Result<(usize, u64), Box<Fault>> {
        let unmapped = Fault::Unmapped {
            space,
            address,
            bytes,
        };
        let Some(index) = self.index(address) else {
            return Err(Box::new(unmapped));
        };
        let allocation = &self.list[index];
        let foreign = match space {
            Space::Global => allocation.constant,
            Space::Const => !allocation.constant,
            _ => false,
        };
        if foreign {
            return Err(Box::new(unmapped));
        }
        let (base, length) = (allocation.base, allocation.length);
        if !allocation.live {
            return Err(Box::new(Fault::Freed {
                address,
                bytes,
                base,
                length,
            }));
        }
        let offset = address.wrapping_sub(base);
        if !within(offset, bytes, length) {
            return Err(Box::new(Fault::OutOfBounds {
                space,
                address,
                bytes,
                base,
                length,
            }));
        }
        Ok((index, offset))
    }
}

/// Returns whether the bytes end at or before the length.
pub(crate) fn within(offset: u64, bytes: u64, length: u64) -> bool {
    bytes <= length && offset <= length - bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_know_whether_they_were_written() {
        let mut region = Region::new(13);
        assert_eq!(region.get(4, 4), None);
        region.set(4, 4, 0x1122_3344_5566_7788);
        assert_eq!(region.get(4, 4), Some(0x5566_7788));
        assert_eq!(region.get(6, 2), Some(0x5566));
        assert_eq!(region.get(0, 8), None);
        region.write(0, &[1, 2, 3, 4]);
        assert_eq!(region.get(0, 8), Some(0x5566_7788_0403_0201));
        assert_eq!(region.read(2, 7), Err(8));
        region.set(12, 1, 9);
        assert_eq!(region.read(12, 1), Ok(&[9][..]));
        region.forget();
        assert_eq!(region.get(4, 1), None);
    }

    #[test]
    fn addresses_of_allocations_are_far_apart() {
        let mut allocations = Allocations::default();
        for _ in 0..3000 {
            allocations.place(Region::new(1)).unwrap();
        }
        for pair in allocations.list.windows(2) {
            assert!(pair[1].base - pair[0].base > 3 << 30);
            assert_eq!(pair[0].base % 256, 0);
            assert_ne!(pair[0].base as u32, pair[1].base as u32);
        }
    }
}
