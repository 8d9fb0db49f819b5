//! A parsed module: its kernels and variables.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::ParseError;
use crate::instruction::Instruction;
use crate::parse;

/// Counts the modules of the process, so that a device knows which it has loaded.
static MODULES: AtomicU64 = AtomicU64::new(0);

/// The kernels and variables of one PTX text.
#[derive(Clone, Debug)]
pub struct Module {
    pub(crate) id: u64,
    pub(crate) version: (u32, u32),
    pub(crate) target: String,
    pub(crate) variables: Vec<Variable>,
    pub(crate) kernels: Vec<Code>,
}

impl Module {
    /// Reads a PTX text and decodes all its kernels.
    ///
    /// Functions that are not kernels are skipped; as calls are outside the subset, no kernel can
    /// reach one.
    ///
    /// # Examples
    ///
    /// ```
    /// use mambalite_ptx_vm::{Module, ParseErrorKind};
    ///
    /// let text = ".version 8.5\n.target sm_87\n.address_size 64\n\
    ///     .entry k() { .reg .b32 %r<3>; add.f32 %r0, %r1, %r2; }";
    /// let error = Module::parse(text).unwrap_err();
    /// assert_eq!(error.line, 4);
    /// assert!(matches!(error.kind, ParseErrorKind::Inexact { .. }));
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the first thing that is not PTX, is outside the subset, or is not exact: see
    /// [`ParseErrorKind`](crate::ParseErrorKind).
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut module = parse::module(text)?;
        module.id = MODULES.fetch_add(1, Ordering::Relaxed);
        Ok(module)
    }

    /// Returns the kernel of the name.
    pub fn kernel(&self, name: &str) -> Option<Kernel<'_>> {
        self.kernels().find(|kernel| kernel.name() == name)
    }

    /// Returns all kernels in the order of the text.
    pub fn kernels(&self) -> impl Iterator<Item = Kernel<'_>> {
        self.kernels
            .iter()
            .map(|code| Kernel { module: self, code })
    }

    /// Returns the PTX version that the text states, major and minor.
    pub fn version(&self) -> (u32, u32) {
        self.version
    }

    /// Returns the target that the text states, `sm_87` say.
    pub fn target(&self) -> &str {
        &self.target
    }
}

/// A kernel of a [`Module`].
#[derive(Clone, Copy, Debug)]
pub struct Kernel<'a> {
    pub(crate) module: &'a Module,
    pub(crate) code: &'a Code,
}

impl<'a> Kernel<'a> {
    /// Returns the name of the entry.
    pub fn name(&self) -> &'a str {
        &self.code.name
    }

    /// Returns the parameters in order.
    pub fn parameters(&self) -> &'a [Parameter] {
        &self.code.parameters
    }

    /// Returns the number of instructions, not counting the `exit` at its end.
    pub fn instructions(&self) -> usize {
        self.code.instructions.len() - 1
    }

    /// Returns the bytes of shared memory that the kernel itself declares.
    pub fn shared_bytes(&self) -> u64 {
        self.code.shared_bytes
    }

    /// Returns the bytes of local memory of a thread.
    pub fn local_bytes(&self) -> u64 {
        self.code.local_bytes
    }
}

/// A parameter of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Name in the text.
    pub name: String,
    /// Size in bytes.
    pub bytes: usize,
    /// Offset in the memory of parameters, bytes.
    pub(crate) offset: usize,
}

/// A `.global` or `.const` variable of a module.
#[derive(Clone, Debug)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) constant: bool,
    pub(crate) bytes: u64,
    /// Values of the first bytes; the others are zero.
    pub(crate) initial: Vec<u8>,
    pub(crate) relocations: Vec<Relocation>,
}

/// Bytes of a variable that hold the address of another.
#[derive(Clone, Debug)]
pub(crate) struct Relocation {
    /// First byte.
    pub(crate) offset: usize,
    /// Bytes of the element.
    pub(crate) bytes: usize,
    /// Bits that the address is shifted to the right by.
    pub(crate) shift: u32,
    /// Index of the variable that is pointed at.
    pub(crate) variable: usize,
    /// Added to its address.
    pub(crate) addend: i64,
}

/// A decoded kernel.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) name: String,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) parameter_bytes: usize,
    /// Ends with an `exit` without a predicate.
    pub(crate) instructions: Vec<Instruction>,
    /// Lines of the instructions, from 1.
    pub(crate) lines: Vec<u32>,
    /// Registers of vectors and targets of indexed branches.
    pub(crate) lists: Vec<Vec<u32>>,
    pub(crate) slots: Vec<Preset>,
    pub(crate) shared_bytes: u64,
    /// First byte of the dynamic shared memory.
    pub(crate) dynamic_shared: u64,
    pub(crate) local_bytes: u64,
}

/// What a slot holds when a thread starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Preset {
    /// A register of so many bits: nothing that a kernel may rely on.
    Register(u8),
    Constant(u64),
    Special(Special),
    /// The address of a variable of the module, plus an offset.
    Variable(usize, i64),
    /// The address of the dynamic shared memory, plus an offset.
    DynamicShared(i64),
}

/// Special registers. The field is the axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Special {
    Thread(u8),
    BlockSize(u8),
    Block(u8),
    GridSize(u8),
    Lane,
    Warp,
    /// A mask of the lanes below, up to, at, from or above that of the thread.
    LanesBelow,
    LanesUpTo,
    LaneItself,
    LanesFrom,
    LanesAbove,
}
