//! The lines that a fault handler logs, as numbers.
//!
//! `fault regs pc=0x… …`, `fault status cfsr=0x… …` and `fault stack 0xADDRESS: 0x… …`, each of
//! them once or several times. What does not fit is passed over: a log may be cut or damaged.

use std::collections::BTreeMap;

/// Words of the stack that are kept; a handler prints 32.
const STACK_WORDS_MAX: usize = 1024;

/// Values of a kind that are kept; a handler prints 31 at most.
const VALUES_MAX: usize = 64;

/// Names and values in the order of the log.
pub(super) type Values = Vec<(String, u32)>;

/// What a fault handler told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Dump {
    /// Registers of the code that took the fault.
    pub(super) registers: Values,
    /// Registers that say why.
    pub(super) status: Values,
    /// Words of the stack by address.
    pub(super) stack: BTreeMap<u32, u32>,
}

impl Dump {
    /// Reads the last dump of a log.
    pub(super) fn read<'l>(lines: impl Iterator<Item = &'l str>) -> Option<Self> {
        let mut dump = Self::default();
        for line in lines {
            let Some((_, rest)) = line.split_once("fault ") else {
                continue;
            };
            if let Some(values) = rest.strip_prefix("regs ") {
                let values = pairs(values);
                // A register for the second time: the board took another fault.
                let again = values.iter().any(|(name, _)| dump.register(name).is_some());
                if again {
                    dump = Self::default();
                }
                keep(&mut dump.registers, values);
            } else if let Some(values) = rest.strip_prefix("status ") {
                keep(&mut dump.status, pairs(values));
            } else if let Some(words) = rest.strip_prefix("stack ") {
                dump.take_stack(words);
            }
        }
        let told = !dump.registers.is_empty() || !dump.status.is_empty();
        told.then_some(dump)
    }

    /// Returns a register.
    pub(super) fn register(&self, name: &str) -> Option<u32> {
        find(&self.registers, name)
    }

    /// Returns a register that says why.
    pub(super) fn status(&self, name: &str) -> Option<u32> {
        find(&self.status, name)
    }

    /// Reports whether the core is a RISC-V: its cause has another name.
    pub(super) fn is_riscv(&self) -> bool {
        self.status("mcause").is_some() || self.register("ra").is_some()
    }

    /// Returns the address of the instruction that took the fault.
    pub(super) fn pc(&self) -> Option<u32> {
        self.register("pc").or_else(|| self.status("mepc"))
    }

    fn take_stack(&mut self, text: &str) {
        let Some((address, words)) = text.split_once(':') else {
            return;
        };
        let Some(mut at) = number(address.trim()) else {
            return;
        };
        for word in words.split_whitespace() {
            let Some(word) = number(word) else { return };
            if self.stack.len() >= STACK_WORDS_MAX {
                return;
            }
            self.stack.insert(at, word);
            at = at.wrapping_add(4);
        }
    }
}

fn find(values: &Values, name: &str) -> Option<u32> {
    let found = values.iter().find(|(known, _)| known == name);
    found.map(|&(_, value)| value)
}

fn keep(values: &mut Values, more: Values) {
    let room = VALUES_MAX.saturating_sub(values.len());
    values.extend(more.into_iter().take(room));
}

/// Reads `name=0x…` as often as it stands there.
fn pairs(text: &str) -> Values {
    let pair = |word: &str| {
        let (name, value) = word.split_once('=')?;
        Some((name.to_owned(), number(value)?))
    };
    text.split_whitespace().filter_map(pair).collect()
}

fn number(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0x")?;
    // `from_str_radix` takes a sign.
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_dump_of_a_log_is_read_among_other_lines() {
        let lines = [
            "job 1: 3 x 4",
            "fault regs pc=0x00000010 lr=0x00000001",
            "fault stack 0x20000000: 0x00000001",
            "fault regs pc=0x00000020 sp=0x20000000",
            "fault status cfsr=0x00010000 nonsense bfar=0xzz hfsr=0x+1",
            "fault stack 0x20000000: 0x0000000a 0x0000000b",
            "fault stack 0x20000008: 0x0000000c cut",
            "fault stack",
        ];
        let dump = Dump::read(lines.into_iter()).unwrap();
        assert_eq!(dump.pc(), Some(0x20));
        assert_eq!(dump.register("lr"), None);
        assert_eq!(dump.status, [("cfsr".to_owned(), 0x1_0000)]);
        let words: Vec<_> = dump.stack.into_iter().collect();
        assert_eq!(
            words,
            [(0x2000_0000, 10), (0x2000_0004, 11), (0x2000_0008, 12)]
        );
    }

    #[test]
    fn registers_over_several_lines_belong_together() {
        let lines = [
            "fault regs ra=0x1 sp=0x2",
            "fault regs t0=0x3",
            "fault status mcause=0x2 mepc=0x4 mtval=0x0",
        ];
        let dump = Dump::read(lines.into_iter()).unwrap();
        assert_eq!(dump.registers.len(), 3);
        assert!(dump.is_riscv());
        assert_eq!(dump.pc(), Some(4));
    }

    #[test]
    fn a_log_without_a_fault_has_no_dump() {
        assert_eq!(
            Dump::read(["default ", "fault stack 0x0: 0x0"].into_iter()),
            None
        );
    }
}
