//! Negative controls: faults made on purpose, which a check must find.

use core::hint::black_box;

/// A fault to make before the runs begin.
#[derive(Clone, Copy)]
pub(crate) enum Control {
    /// Subnormal numbers are taken for zeros.
    FlushToZero,
    /// The stack is used without end.
    StackOverflow,
}

impl Control {
    /// Finds a control by its name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "flush-to-zero" => Some(Self::FlushToZero),
            "stack-overflow" => Some(Self::StackOverflow),
            _ => None,
        }
    }
}

/// Calls itself until the stack is full.
pub(crate) fn overflow_stack() {
    fn deeper(depth: u32) -> u32 {
        let mut frame = [depth; 16];
        if black_box(&mut frame)[0] == u32::MAX {
            return 0;
        }
        // The sum after the call keeps the compiler from making a loop of it.
        deeper(depth + 1) + black_box(&frame)[1]
    }
    black_box(deeper(0));
}
