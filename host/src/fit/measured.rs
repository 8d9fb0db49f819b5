//! What firmware takes beside the network, as measured.

use mambalite_kernels::Precision;

/// What firmware of a core takes that is built for one precision, without the operator checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    core: &'static str,
    precision: Precision,
    /// Flash of the program, bytes.
    pub program_bytes: usize,
    /// The most of the stack that was in use in a run with all layers shown, bytes.
    pub stack_bytes: Option<usize>,
}

/// Cores that run the same program as another one, and that one.
const SAME_PROGRAM: [(&str, &str); 1] = [("cortex-m7", "cortex-m4f")];

/// The program: the sections in flash of `qemu-mps2-an386-small` by `size -A`, built with one precision
/// in `precisions`. The stack as `hil run` reports it of that board. rustc 1.96, LLVM's of Debian 12.
const MEASURED: [Measured; 3] = [
    Measured {
        core: "cortex-m4f",
        precision: Precision::F32,
        program_bytes: 106_932,
        stack_bytes: None,
    },
    Measured {
        core: "cortex-m4f",
        precision: Precision::W8A16,
        program_bytes: 133_012,
        stack_bytes: None,
    },
    Measured {
        core: "cortex-m4f",
        precision: Precision::W8A8,
        program_bytes: 145_132,
        stack_bytes: Some(13_468),
    },
];

impl Measured {
    /// Returns what was measured for a core and a precision.
    #[must_use]
    pub fn of(core: &str, precision: Precision) -> Option<Self> {
        let same = SAME_PROGRAM.iter().find(|(name, _)| *name == core);
        let core = same.map_or(core, |(_, program)| program);
        let mut measured = MEASURED.into_iter();
        measured.find(|it| it.core == core && it.precision == precision)
    }
}
