//! Which core a chip has, by its CPUID register.

/// Address of the CPUID register of every Cortex-M.
#[cfg(feature = "probe")]
pub(super) const CPUID: u32 = 0xe000_ed00;

/// Returns the name of a Cortex-M by its CPUID register, as board.toml has it but for the letter of
/// a floating-point unit; nothing for one that is not known here.
#[must_use]
pub fn core_name(cpuid: u32) -> Option<&'static str> {
    const ARM: u32 = 0x41;
    if cpuid >> 24 != ARM {
        return None;
    }
    Some(match (cpuid >> 4) & 0xfff {
        0xc20 => "cortex-m0",
        0xc60 => "cortex-m0plus",
        0xc21 => "cortex-m1",
        0xc23 => "cortex-m3",
        0xc24 => "cortex-m4",
        0xc27 => "cortex-m7",
        0xd20 => "cortex-m23",
        0xd21 => "cortex-m33",
        0xd22 => "cortex-m55",
        0xd23 => "cortex-m85",
        _ => return None,
    })
}

/// Reports whether a chip can be that of a board: a core that is not known here may be any.
#[cfg(any(feature = "probe", test))]
pub(super) fn suits(cpuid: u32, board_core: &str) -> bool {
    let board_core = board_core.to_lowercase();
    core_name(cpuid)
        .is_none_or(|name| board_core == name || board_core.strip_suffix('f') == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_is_told_from_another() {
        assert_eq!(core_name(0x411f_c271), Some("cortex-m7"));
        assert!(suits(0x410f_c241, "cortex-m4f"));
        assert!(suits(0x410f_c241, "Cortex-M4"));
        assert!(!suits(0x411f_c271, "cortex-m4f"));
        assert!(!suits(0x410c_c601, "cortex-m0"));
        assert!(suits(0, "rv32imac"), "no Cortex-M");
    }
}
