//! Recognising the markers in the machine code.

/// What a marker says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    /// `dbg #1`.
    Begin,
    /// `dbg #2`.
    End,
}

impl Marker {
    /// Reads an instruction as QEMU gives it: the bytes of two halfwords, `f3af 80fN`.
    ///
    /// Longer data is read too: at the end of a page QEMU looks ahead and appends the next
    /// halfword to the data of this instruction.
    pub(crate) fn read(code: &[u8]) -> Option<Self> {
        match code {
            [0xaf, 0xf3, 0xf1, 0x80, ..] => Some(Self::Begin),
            [0xaf, 0xf3, 0xf2, 0x80, ..] => Some(Self::End),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_read() {
        assert_eq!(Marker::read(&[0xaf, 0xf3, 0xf1, 0x80]), Some(Marker::Begin));
        assert_eq!(Marker::read(&[0xaf, 0xf3, 0xf2, 0x80]), Some(Marker::End));
    }

    #[test]
    fn a_marker_at_the_end_of_a_page_is_read() {
        assert_eq!(
            Marker::read(&[0xaf, 0xf3, 0xf2, 0x80, 0x00, 0xbf]),
            Some(Marker::End)
        );
    }

    #[test]
    fn other_instructions_are_none() {
        // dbg #0, nop.w, nop and half an instruction.
        for code in [
            &[0xaf, 0xf3, 0xf0, 0x80][..],
            &[0xaf, 0xf3, 0x00, 0x80],
            &[0x00, 0xbf],
            &[0xaf, 0xf3],
        ] {
            assert_eq!(Marker::read(code), None, "{code:x?}");
        }
    }
}
