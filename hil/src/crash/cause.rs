//! Why a core took a fault, in words.
//!
//! Source: Armv7-M and Armv8-M Architecture Reference Manuals, CFSR and HFSR; RISC-V Privileged
//! Specification, mcause.

use super::dump::Dump;

/// Bits of CFSR: memory management, bus and usage faults.
const CFSR: [(u32, &str); 18] = [
    (0, "memory fault: fetch from where nothing may run"),
    (1, "memory fault: data access not allowed"),
    (3, "memory fault on leaving an exception"),
    (4, "memory fault on entering an exception (stack overflow?)"),
    (5, "memory fault while floating-point registers were saved"),
    (8, "bus fault: instruction fetch"),
    (9, "bus fault: precise data access"),
    (
        10,
        "bus fault: imprecise data access, made some instructions before pc",
    ),
    (11, "bus fault on leaving an exception"),
    (12, "bus fault on entering an exception (stack overflow?)"),
    (13, "bus fault while floating-point registers were saved"),
    (16, "undefined instruction"),
    (
        17,
        "jump to an address without the Thumb bit, or a damaged program status",
    ),
    (18, "damaged return from an exception"),
    (19, "instruction of a coprocessor that is absent or off"),
    (20, "stack overflow: below the limit of the stack"),
    (24, "access that is not aligned"),
    (25, "division by zero"),
];

/// Bit of CFSR: MMFAR holds the address of the access.
const MMFAR_VALID: u32 = 1 << 7;
/// Bit of CFSR: BFAR holds the address of the access.
const BFAR_VALID: u32 = 1 << 15;

/// Bits of HFSR.
const HFSR: [(u32, &str); 2] = [
    (1, "the vector table cannot be read"),
    (31, "a breakpoint without a debugger"),
];

/// Codes of mcause.
const MCAUSE: [(u32, &str); 14] = [
    (0, "jump to an address that is not aligned"),
    (1, "fetch from where nothing may run"),
    (2, "illegal instruction"),
    (3, "breakpoint"),
    (4, "load that is not aligned"),
    (5, "load from where there is no memory"),
    (6, "store that is not aligned"),
    (7, "store to where there is no memory"),
    (8, "environment call from user mode"),
    (9, "environment call from supervisor mode"),
    (11, "environment call from machine mode"),
    (12, "page fault of a fetch"),
    (13, "page fault of a load"),
    (15, "page fault of a store"),
];

/// Bit of mcause: an interrupt, not an exception.
const MCAUSE_INTERRUPT: u32 = 1 << 31;

/// Describes why the core took the fault.
pub(super) fn describe(dump: &Dump) -> String {
    match dump.status("mcause") {
        Some(mcause) => riscv(mcause, dump.status("mtval").unwrap_or(0)),
        None => arm(dump),
    }
}

fn arm(dump: &Dump) -> String {
    let cfsr = dump.status("cfsr").unwrap_or(0);
    let hfsr = dump.status("hfsr").unwrap_or(0);
    let mut words = words_of(cfsr, &CFSR);
    words.extend(words_of(hfsr, &HFSR));
    if words.is_empty() {
        return "hard fault; the core does not say why".to_owned();
    }
    let mut text = words.join("; ");
    let addresses = [
        (MMFAR_VALID, "mmfar", "memory fault"),
        (BFAR_VALID, "bfar", "bus fault"),
    ];
    for (valid, register, kind) in addresses {
        let Some(address) = dump.status(register) else {
            continue;
        };
        if cfsr & valid != 0 {
            text = text.replacen(kind, &format!("{kind} at {address:#010x}"), 1);
        }
    }
    text
}

fn riscv(mcause: u32, mtval: u32) -> String {
    if mcause & MCAUSE_INTERRUPT != 0 {
        let number = mcause & !MCAUSE_INTERRUPT;
        return format!("interrupt {number}, which nobody waits for");
    }
    let known = MCAUSE.iter().find(|(code, _)| *code == mcause);
    let Some((code, words)) = known else {
        return format!("exception {mcause}");
    };
    match code {
        // The instruction itself, where the core tells it.
        2 if mtval != 0 => format!("{words} {mtval:#010x}"),
        0 | 1 | 4..=7 | 12.. => format!("{words}, at {mtval:#010x}"),
        _ => (*words).to_owned(),
    }
}

/// Returns the words of the bits that are set.
fn words_of(value: u32, table: &[(u32, &'static str)]) -> Vec<&'static str> {
    let set = table.iter().filter(|(bit, _)| value >> bit & 1 != 0);
    set.map(|&(_, words)| words).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(status: &str) -> String {
        let line = format!("fault status {status}");
        describe(&Dump::read([line.as_str()].into_iter()).unwrap())
    }

    #[test]
    fn bits_of_an_arm_core_are_words() {
        assert_eq!(
            cause("cfsr=0x00010000 hfsr=0x40000000 mmfar=0x0 bfar=0x0"),
            "undefined instruction"
        );
        assert_eq!(
            cause("cfsr=0x00008200 hfsr=0x40000000 mmfar=0x0 bfar=0xdeadbee0"),
            "bus fault at 0xdeadbee0: precise data access"
        );
        assert_eq!(
            cause("cfsr=0x00000400 hfsr=0x40000000 bfar=0x12"),
            "bus fault: imprecise data access, made some instructions before pc"
        );
        assert_eq!(
            cause("cfsr=0x02000082 hfsr=0x40000000 mmfar=0x00000010 bfar=0x0"),
            "memory fault at 0x00000010: data access not allowed; division by zero"
        );
        assert_eq!(
            cause("cfsr=0x0 hfsr=0x00000002"),
            "the vector table cannot be read"
        );
        assert_eq!(
            cause("cfsr=0x0 hfsr=0x0"),
            "hard fault; the core does not say why"
        );
    }

    #[test]
    fn codes_of_a_riscv_core_are_words() {
        assert_eq!(
            cause("mcause=0x00000002 mepc=0x1 mtval=0x0000de00"),
            "illegal instruction 0x0000de00"
        );
        assert_eq!(
            cause("mcause=0x00000005 mepc=0x1 mtval=0x00000010"),
            "load from where there is no memory, at 0x00000010"
        );
        assert_eq!(cause("mcause=0x00000003 mepc=0x1 mtval=0x0"), "breakpoint");
        assert_eq!(
            cause("mcause=0x00000018 mepc=0x1 mtval=0x0"),
            "exception 24"
        );
        assert_eq!(
            cause("mcause=0x80000007 mepc=0x1 mtval=0x0"),
            "interrupt 7, which nobody waits for"
        );
    }
}
