//! What can go wrong: in the text, on the device, and in a launch.

use std::fmt;

use thiserror::Error;

use crate::race::Conflict;

/// A text that is not PTX, or that holds something outside the subset that this crate runs.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {kind} in `{text}`")]
pub struct ParseError {
    /// Line in the text, from 1.
    pub line: u32,
    /// The line without the blanks around it, its first 120 characters.
    pub text: String,
    /// What is wrong with it.
    pub kind: ParseErrorKind,
}

/// The reason of a [`ParseError`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// A character that begins no token.
    #[error("unexpected character {0:?}")]
    Character(char),
    /// A comment or a string that does not end.
    #[error("{0} without an end")]
    Unterminated(&'static str),
    /// A token where another was due.
    #[error("expected {expected}, found `{found}`")]
    Expected {
        /// What was due.
        expected: &'static str,
        /// The token that stands there.
        found: String,
    },
    /// An instruction outside the subset.
    #[error("unsupported instruction `{0}`")]
    UnsupportedInstruction(String),
    /// A modifier or a type outside the subset, or one that the instruction does not take.
    #[error("unsupported modifier or type `.{modifier}` of `{opcode}`")]
    UnsupportedModifier {
        /// The whole opcode.
        opcode: String,
        /// The part that is not understood.
        modifier: String,
    },
    /// A directive outside the subset.
    #[error("unsupported directive `{0}`")]
    UnsupportedDirective(String),
    /// An instruction whose result ptxas or the hardware may round in another way.
    #[error("`{opcode}` is not exact: {reason}")]
    Inexact {
        /// The whole opcode.
        opcode: String,
        /// What leaves the result open.
        reason: &'static str,
    },
    /// A function or a variable that is defined elsewhere: kernels must be complete.
    #[error("external symbol `{0}`")]
    External(String),
    /// A register, variable, label or parameter that is not declared.
    #[error("unknown name `{0}`")]
    UnknownName(String),
    /// A name that is declared twice in one scope.
    #[error("`{0}` is declared twice")]
    Duplicate(String),
    /// An instruction with too few or too many operands.
    #[error("`{opcode}` takes {expected} operands, found {found}")]
    OperandCount {
        /// The whole opcode.
        opcode: String,
        /// Operands that it takes.
        expected: usize,
        /// Operands that it has.
        found: usize,
    },
    /// An operand of the wrong form: say a number where a register is due.
    #[error("expected {expected} as an operand, found `{found}`")]
    OperandForm {
        /// What was due.
        expected: &'static str,
        /// The operand.
        found: String,
    },
    /// A register whose width does not fit the type of the instruction.
    #[error("register `{register}` has {found} bits, the instruction takes {expected}")]
    Width {
        /// Name of the register.
        register: String,
        /// Bits that are due.
        expected: u8,
        /// Bits that it has.
        found: u8,
    },
    /// A number that cannot be read, or that the type does not hold.
    #[error("number `{0}` out of range")]
    Number(String),
    /// An object larger than an sm_87 allows, or than this crate keeps.
    #[error("{what} of {size} exceeds the limit of {limit}")]
    TooLarge {
        /// The object.
        what: &'static str,
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
}

/// A call of the host that the device refuses.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// An allocation of no bytes, or of more than the device gives at once.
    #[error("cannot allocate {bytes} bytes (1 to {limit})")]
    Size {
        /// Bytes asked for.
        bytes: usize,
        /// Most bytes of one allocation.
        limit: usize,
    },
    /// All addresses have been given away.
    #[error("no addresses left after {0} allocations")]
    Exhausted(usize),
    /// An address that is not the beginning of a live allocation.
    #[error("{0:#x} does not begin a live allocation")]
    NotAllocated(u64),
    /// Bytes that do not lie within one live allocation.
    #[error("{bytes} bytes at {address:#x} are not within one live allocation")]
    OutOfBounds {
        /// First byte.
        address: u64,
        /// Number of bytes.
        bytes: usize,
    },
    /// Bytes that neither the host nor a kernel has written.
    #[error("byte {at:#x} was never written (read of {bytes} bytes at {address:#x})")]
    Uninitialised {
        /// First byte of the read.
        address: u64,
        /// Number of bytes.
        bytes: usize,
        /// First byte without a value.
        at: u64,
    },
}

/// A launch that was refused, or that a fault ended.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// A grid or a block with a dimension of zero, or beyond the limits of an sm_87.
    #[error("grid {grid:?} of blocks {block:?} is outside the limits of the device")]
    Dimensions {
        /// Blocks.
        grid: [u32; 3],
        /// Threads of a block.
        block: [u32; 3],
    },
    /// More shared memory than a block of an sm_87 may have.
    #[error("{bytes} bytes of shared memory exceed the limit of {limit}")]
    SharedMemory {
        /// Static and dynamic bytes together.
        bytes: u64,
        /// Most bytes of a block.
        limit: u64,
    },
    /// Not as many arguments as the kernel has parameters.
    #[error("kernel {kernel} has {expected} parameters, {found} arguments are given")]
    ArgumentCount {
        /// Name of the kernel.
        kernel: String,
        /// Its parameters.
        expected: usize,
        /// The arguments.
        found: usize,
    },
    /// An argument whose size is not that of the parameter.
    #[error("parameter {index} of kernel {kernel} has {expected} bytes, the argument {found}")]
    ArgumentSize {
        /// Name of the kernel.
        kernel: String,
        /// Parameter, from 0.
        index: usize,
        /// Bytes of the parameter.
        expected: usize,
        /// Bytes of the argument.
        found: usize,
    },
    /// The variables of the module do not fit the device.
    #[error("cannot place the variables of the module")]
    Load(#[source] DeviceError),
    /// A thread did something that a GPU need not survive.
    #[error("{place}: {fault}")]
    Fault {
        /// Where.
        place: Box<Place>,
        /// What.
        fault: Fault,
    },
}

/// The instruction and the thread of a [`Fault`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Name of the kernel.
    pub kernel: String,
    /// Line of the instruction in the text of the module, from 1.
    pub line: u32,
    /// `%ctaid` of the thread.
    pub block: [u32; 3],
    /// `%tid` of the thread.
    pub thread: [u32; 3],
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kernel,
            line,
            block,
            thread,
        } = self;
        write!(
            f,
            "kernel {kernel}, line {line}, block {block:?}, thread {thread:?}"
        )
    }
}

/// A state space, as accesses name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// Any space, by the address.
    Generic,
    /// Memory of the device.
    Global,
    /// Memory of the device that kernels only read.
    Const,
    /// Memory of a block.
    Shared,
    /// Memory of a thread.
    Local,
    /// Parameters of the kernel.
    Param,
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Generic => "generic",
            Self::Global => "global",
            Self::Const => "const",
            Self::Shared => "shared",
            Self::Local => "local",
            Self::Param => "param",
        })
    }
}

/// What another thread does while one waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Waiting {
    /// It has ended.
    #[error("has exited")]
    Exited,
    /// It waits at a barrier.
    #[error("waits at barrier {barrier} on line {line}")]
    Barrier {
        /// Number of the barrier.
        barrier: u8,
        /// Line of its instruction.
        line: u32,
    },
    /// It waits for its warp.
    #[error("waits for its warp on line {0}")]
    Warp(u32),
    /// The block has no such thread.
    #[error("does not exist")]
    Absent,
}

/// Behaviour that PTX leaves undefined, or that ends the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Fault {
    /// An access outside the object that is next to it.
    #[error(
        "{bytes} bytes at {space} address {address:#x} are outside the {length} bytes at {base:#x}"
    )]
    OutOfBounds {
        /// Space of the instruction.
        space: Space,
        /// First byte.
        address: u64,
        /// Bytes of the access.
        bytes: u64,
        /// First byte of the object.
        base: u64,
        /// Its length in bytes.
        length: u64,
    },
    /// An access to an address where nothing was ever placed.
    #[error("{bytes} bytes at {space} address {address:#x}: there is nothing")]
    Unmapped {
        /// Space of the instruction.
        space: Space,
        /// First byte.
        address: u64,
        /// Bytes of the access.
        bytes: u64,
    },
    /// An access to an allocation that the host has freed.
    #[error("{bytes} bytes at {address:#x}: the {length} bytes at {base:#x} were freed")]
    Freed {
        /// First byte.
        address: u64,
        /// Bytes of the access.
        bytes: u64,
        /// First byte of the allocation.
        base: u64,
        /// Its length in bytes.
        length: u64,
    },
    /// An access whose address is not a multiple of its size.
    #[error("{bytes} bytes at {space} address {address:#x} are misaligned")]
    Misaligned {
        /// Space of the instruction.
        space: Space,
        /// First byte.
        address: u64,
        /// Bytes of the access.
        bytes: u64,
    },
    /// A read of bytes that nobody has written.
    #[error("{bytes} bytes at {space} address {address:#x} were never written")]
    Uninitialised {
        /// Space of the instruction.
        space: Space,
        /// First byte.
        address: u64,
        /// Bytes of the access.
        bytes: u64,
    },
    /// A write to constants, parameters or a protected allocation.
    #[error("write of {bytes} bytes at {space} address {address:#x}, which is read-only")]
    ReadOnly {
        /// Space of the instruction.
        space: Space,
        /// First byte.
        address: u64,
        /// Bytes of the access.
        bytes: u64,
    },
    /// An integer division by zero, whose result PTX leaves open.
    #[error("division of {0} by zero")]
    DivisionByZero(i128),
    /// A `trap`.
    #[error("trap")]
    Trap,
    /// A `brx.idx` past its table.
    #[error("branch to entry {index} of {count}")]
    BranchIndex {
        /// Entry asked for.
        index: u32,
        /// Entries of the table.
        count: usize,
    },
    /// Threads of a block that wait at different barriers, or threads of a warp at different
    /// instructions of an aligned barrier.
    #[error("waits at barrier {barrier}, but thread {other:?} {waiting}")]
    BarrierDivergence {
        /// Barrier of the thread.
        barrier: u8,
        /// `%tid` of another thread.
        other: [u32; 3],
        /// What that thread does.
        waiting: Waiting,
    },
    /// A thread that a warp instruction waits for and that never comes.
    #[error("waits for the lanes {mask:#010x}, but lane {lane} {waiting}")]
    WarpDivergence {
        /// Lanes that the instruction names.
        mask: u32,
        /// A lane that does not come.
        lane: u32,
        /// What that lane does.
        waiting: Waiting,
    },
    /// A warp instruction by a lane that its mask does not name.
    #[error("lane {lane} is not in its own mask {mask:#010x}")]
    WarpMask {
        /// Lanes that the instruction names.
        mask: u32,
        /// Lane of the thread.
        lane: u32,
    },
    /// A shuffle from a lane that its mask does not name.
    #[error("shuffle from lane {source_lane}, which is not in the mask {mask:#010x}")]
    ShuffleSource {
        /// Lanes that the instruction names.
        mask: u32,
        /// Lane read from.
        source_lane: u32,
    },
    /// Accesses of two threads with nothing between them that would order them.
    #[error(
        "race at {space} address {address:#x}: {conflict} by thread {other:?} of block \
         {other_block:?}"
    )]
    Race {
        /// Space of the instruction.
        space: Space,
        /// A byte that both access.
        address: u64,
        /// What the two do.
        conflict: Conflict,
        /// `%ctaid` of the other thread.
        other_block: [u32; 3],
        /// `%tid` of the other thread.
        other: [u32; 3],
    },
    /// The launch has executed as many instructions as its options allow.
    #[error("more than {0} instructions")]
    Budget(u64),
    /// The launch has more barrier intervals than the race detector counts.
    #[error("more than {0} barrier intervals")]
    Intervals(u32),
}
