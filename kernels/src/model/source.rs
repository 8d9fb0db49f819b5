//! Where arrays come from: a model file, or a writer that makes one in the same order.

use core::fmt;

use bytemuck::Pod;

use super::{ALIGN, ModelError};
use crate::arith::Arithmetic;
use crate::linear::Matrix;

/// Gives the arrays of a model in the order in which the network asks for them.
pub trait Source<'a> {
    /// Returns the next array.
    ///
    /// # Errors
    /// When there is none of this length.
    fn array<T: Pod>(&mut self, param: Param, len: usize) -> Result<&'a [T], ModelError>;

    /// Whether the values are to be checked.
    fn verifies(&self) -> bool;
}

/// A source of weights too: of their packed form, where the run has one.
pub trait WeightSource<'a, A: Arithmetic>: Source<'a> {
    /// Returns the packed form of a matrix for inputs of `input_bytes` each, or nothing where
    /// kernels are to take the arrays as they are.
    fn packed(&mut self, _matrix: &Matrix<'a, A>, _input_bytes: usize) -> &'a [u64] {
        &[]
    }
}

/// The arrays of a model file.
#[derive(Clone, Debug)]
pub struct ArraySource<'a> {
    bytes: &'a [u8],
    position: usize,
    verifies: bool,
}

impl<'a> ArraySource<'a> {
    pub(super) fn new(bytes: &'a [u8], position: usize, verifies: bool) -> Self {
        Self {
            bytes,
            position,
            verifies,
        }
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }
}

impl<'a, A: Arithmetic> WeightSource<'a, A> for ArraySource<'a> {}

impl<'a> Source<'a> for ArraySource<'a> {
    fn array<T: Pod>(&mut self, _param: Param, len: usize) -> Result<&'a [T], ModelError> {
        let bytes = len * size_of::<T>();
        let end = self.position + bytes.next_multiple_of(ALIGN);
        let found = self.bytes.len();
        let array = self.bytes.get(self.position..end);
        let array = array.and_then(|a| a.get(..bytes));
        let array = array.ok_or(ModelError::Truncated { needed: end, found })?;
        self.position = end;
        bytemuck::try_cast_slice(array).map_err(|_| ModelError::Misaligned)
    }

    fn verifies(&self) -> bool {
        self.verifies
    }
}

/// Part of the network that a parameter belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The ends of the network.
    Network,
    /// The end of a group.
    Group(u8),
    /// A block: group and block.
    Block(u8, u8),
}

/// Name of an array, for errors and for writers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Param {
    /// Part of the network.
    pub scope: Scope,
    /// Operator, such as `in_proj`.
    pub name: &'static str,
    /// Factor of a low-rank weight: `v`, `u`, `copies` or nothing.
    pub factor: &'static str,
    /// Array, such as `bias`.
    pub part: &'static str,
}

impl Param {
    /// Names an operator.
    pub const fn new(scope: Scope, name: &'static str) -> Self {
        Self {
            scope,
            name,
            factor: "",
            part: "",
        }
    }

    /// Names a factor of it.
    #[must_use]
    pub const fn factor(self, factor: &'static str) -> Self {
        Self { factor, ..self }
    }

    /// Names an array of it.
    #[must_use]
    pub const fn part(self, part: &'static str) -> Self {
        Self { part, ..self }
    }
}

impl fmt::Display for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scope {
            Scope::Network => {}
            Scope::Group(group) => write!(f, "layers.{group}.")?,
            Scope::Block(group, block) => write!(f, "layers.{group}.blocks.{block}.")?,
        }
        f.write_str(self.name)?;
        for piece in [self.factor, self.part] {
            if !piece.is_empty() {
                write!(f, ".{piece}")?;
            }
        }
        Ok(())
    }
}
