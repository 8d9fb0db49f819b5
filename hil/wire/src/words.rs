//! Little-endian words inside the byte fields of messages.

/// Iterates over the `u32` words of `bytes`; a partial word at the end is left out.
pub fn u32s(bytes: &[u8]) -> impl ExactSizeIterator<Item = u32> + '_ {
    bytes.chunks_exact(4).map(|word| {
        let mut le = [0; 4];
        le.copy_from_slice(word);
        u32::from_le_bytes(le)
    })
}

/// Iterates over the `u64` words of `bytes`; a partial word at the end is left out.
pub fn u64s(bytes: &[u8]) -> impl ExactSizeIterator<Item = u64> + '_ {
    bytes.chunks_exact(8).map(|word| {
        let mut le = [0; 8];
        le.copy_from_slice(word);
        u64::from_le_bytes(le)
    })
}

/// Writes `words` to the front of `buffer` and returns the bytes written; words that no longer
/// fit are left out.
pub fn put_u32(words: &[u32], buffer: &mut [u8]) -> usize {
    let mut written = 0;
    for (word, place) in words.iter().zip(buffer.chunks_exact_mut(4)) {
        place.copy_from_slice(&word.to_le_bytes());
        written += 4;
    }
    written
}

/// Writes `words` to the front of `buffer` and returns the bytes written; words that no longer
/// fit are left out.
pub fn put_u64(words: &[u64], buffer: &mut [u8]) -> usize {
    let mut written = 0;
    for (word, place) in words.iter().zip(buffer.chunks_exact_mut(8)) {
        place.copy_from_slice(&word.to_le_bytes());
        written += 8;
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_the_trip() {
        let mut buffer = [0; 30];
        let n = put_u64(&[1, u64::MAX, 0x0102_0304_0506_0708, 9], &mut buffer);
        assert_eq!(n, 24);
        assert!(u64s(&buffer[..n]).eq([1, u64::MAX, 0x0102_0304_0506_0708]));
        let n = put_u32(&[7, u32::MAX], &mut buffer);
        assert!(u32s(&buffer[..n + 3]).eq([7, u32::MAX]));
    }
}
