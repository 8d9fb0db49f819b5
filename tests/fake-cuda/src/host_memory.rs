//! Memory of the host: what it has pinned, and what a copy reads and writes.
#![expect(unsafe_code, reason = "the driver API passes addresses of the host")]

use std::collections::BTreeMap;

/// Memory that the host pinned, by address.
#[derive(Default)]
pub(crate) struct Pinned {
    /// Words, so that it is aligned as the driver aligns it for any element.
    blocks: BTreeMap<usize, Box<[u128]>>,
}

impl Pinned {
    /// Pins bytes and returns their address.
    pub(crate) fn alloc(&mut self, bytes: usize) -> usize {
        // Bytes that nothing wrote show in a picture.
        let pattern = u128::from_ne_bytes([0xa5; size_of::<u128>()]);
        let block = vec![pattern; bytes.div_ceil(size_of::<u128>()).max(1)].into_boxed_slice();
        let address = block.as_ptr() as usize;
        self.blocks.insert(address, block);
        address
    }

    /// Returns whether there was such memory.
    pub(crate) fn free(&mut self, address: usize) -> bool {
        self.blocks.remove(&address).is_some()
    }

    /// Returns the begin of the pinned memory that has all the bytes.
    pub(crate) fn block(&self, address: usize, bytes: usize) -> Option<usize> {
        let (&begin, block) = self.blocks.range(..=address).next_back()?;
        let end = begin + size_of_val::<[u128]>(block);
        (address + bytes <= end).then_some(begin)
    }
}

/// Reads bytes of the host.
///
/// # Safety
/// They are there and nothing writes them meanwhile.
pub(crate) unsafe fn read(address: usize, bytes: usize) -> Vec<u8> {
    // SAFETY: the caller's promise.
    unsafe { core::slice::from_raw_parts(address as *const u8, bytes) }.to_vec()
}

/// Writes bytes of the host.
///
/// # Safety
/// They are there and nothing uses them meanwhile.
pub(crate) unsafe fn write(address: usize, bytes: &[u8]) {
    // SAFETY: the caller's promise.
    let to = unsafe { core::slice::from_raw_parts_mut(address as *mut u8, bytes.len()) };
    to.copy_from_slice(bytes);
}
