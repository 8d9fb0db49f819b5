//! The part of Python's pickle language that `torch.save` needs for tensors in dictionaries.
//!
//! This is an interpreter that builds plain values. It never calls anything: the few callables
//! that occur are matched by name, and every other name or instruction is an error. All work and
//! memory are linear in the length of the program, since values refer to each other by number
//! and are never copied.

use std::collections::HashMap;

use super::{CheckpointError, Float, MAX_RANK};

/// The largest number of bytes of a module and an object name.
const MAX_NAME_BYTES: usize = 256;

/// A value's number in its [`Program`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id(usize);

/// A Python value, as far as checkpoints need it.
#[derive(Debug)]
pub(super) enum Value {
    /// None, a truth value, or a floating-point number: only known to be there.
    Opaque,
    Int(i64),
    Text(String),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    /// A dictionary or ordered dictionary; of equal keys the last counts.
    Dict(Vec<(Id, Id)>),
    Callable(Callable),
    StorageType(Element),
    Storage(Storage),
    Tensor(View),
}

/// The callables that occur in checkpoints.
#[derive(Clone, Copy, Debug)]
pub(super) enum Callable {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
}

/// The number type of a storage: one that is read, or the name of another one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Element {
    Float(Float),
    Other(&'static str),
}

/// A block of numbers in a file of its own.
#[derive(Debug)]
pub(super) struct Storage {
    pub(super) element: Element,
    /// Name of the file in the folder `data`.
    pub(super) key: String,
    /// Length in elements.
    pub(super) length: usize,
}

/// A tensor: a strided view of a storage.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// A [`Value::Storage`].
    pub(super) storage: Id,
    /// First element, counted from the start of the storage.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    /// Distances in elements, one for each dimension.
    pub(super) strides: Vec<usize>,
}

/// All values that a pickle program made.
#[derive(Debug)]
pub(super) struct Program {
    values: Vec<Value>,
    root: Id,
}

impl Program {
    /// Interprets the bytes of a pickle file.
    pub(super) fn run(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let mut machine = Machine {
            bytes,
            at: 0,
            opcode_at: 0,
            values: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        };
        while !machine.step()? {}
        let root = machine.pop()?;
        Ok(Self {
            values: machine.values,
            root,
        })
    }

    pub(super) const fn root(&self) -> Id {
        self.root
    }

    pub(super) fn value(&self, id: Id) -> Option<&Value> {
        self.values.get(id.0)
    }

    /// Returns the entries of a dictionary that have a text as their key.
    pub(super) fn entries(&self, dict: Id) -> Option<impl DoubleEndedIterator<Item = (&str, Id)>> {
        let Some(Value::Dict(entries)) = self.value(dict) else {
            return None;
        };
        Some(
            entries
                .iter()
                .filter_map(|&(key, value)| match self.value(key) {
                    Some(Value::Text(text)) => Some((text.as_str(), value)),
                    _ => None,
                }),
        )
    }
}

/// The state of the interpreter.
struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Position of the current instruction, for messages.
    opcode_at: usize,
    values: Vec<Value>,
    stack: Vec<Id>,
    /// Stack heights at the open marks.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl Machine<'_> {
    /// Runs one instruction; true at the end of the program.
    ///
    /// The instructions are those of PyTorch's own restricted reader (`weights_only`), less sets
    /// and object construction.
    fn step(&mut self) -> Result<bool, CheckpointError> {
        self.opcode_at = self.at;
        let opcode = self.byte()?;
        match opcode {
            b'.' => return Ok(true),
            0x80 => self.protocol()?,
            b'(' => self.marks.push(self.stack.len()),
            b'N' | 0x88 | 0x89 => self.push(Value::Opaque),
            b'G' => {
                self.take(8)?;
                self.push(Value::Opaque);
            }
            b'K' | b'M' | b'J' | 0x8a => {
                let value = self.integer(opcode)?;
                self.push(Value::Int(value));
            }
            b'X' => {
                let length = self.length()?;
                self.text(length)?;
            }
            b'U' => {
                let length = usize::from(self.byte()?);
                self.text(length)?;
            }
            b'}' => self.push(Value::Dict(Vec::new())),
            b']' => self.push(Value::List(Vec::new())),
            b')' => self.push(Value::Tuple(Vec::new())),
            0x85..=0x87 => self.tuple(usize::from(opcode - 0x84))?,
            b't' => {
                let items = self.pop_to_mark()?;
                self.push(Value::Tuple(items));
            }
            b'a' => {
                let item = self.pop()?;
                self.append(&[item])?;
            }
            b'e' => {
                let items = self.pop_to_mark()?;
                self.append(&items)?;
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.insert(&[key, value])?;
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.insert(&items)?;
            }
            b'q' | b'r' => self.put(opcode)?,
            b'h' | b'j' => self.get(opcode)?,
            b'c' => self.global()?,
            b'Q' => self.persistent()?,
            b'R' => self.reduce()?,
            b'b' => self.build()?,
            _ => {
                return Err(CheckpointError::Opcode {
                    opcode,
                    offset: self.opcode_at,
                });
            }
        }
        Ok(false)
    }

    fn protocol(&mut self) -> Result<(), CheckpointError> {
        match self.byte()? {
            2 => Ok(()),
            _ => Err(self.damaged("only pickle protocol 2 is read, PyTorch's default")),
        }
    }

    fn integer(&mut self, opcode: u8) -> Result<i64, CheckpointError> {
        Ok(match opcode {
            b'K' => i64::from(self.byte()?),
            b'M' => i64::from(u16::from_le_bytes(self.array()?)),
            b'J' => i64::from(i32::from_le_bytes(self.array()?)),
            _ => {
                let length = usize::from(self.byte()?);
                let digits = self.take(length)?;
                let negative = digits.last().is_some_and(|high| high & 0x80 != 0);
                let mut wide = [if negative { 0xff } else { 0 }; 8];
                match wide.get_mut(..length) {
                    Some(low) => low.copy_from_slice(digits),
                    None => return Err(self.damaged("an integer has more than 64 bits")),
                }
                i64::from_le_bytes(wide)
            }
        })
    }

    fn text(&mut self, length: usize) -> Result<(), CheckpointError> {
        let text = core::str::from_utf8(self.take(length)?).map(str::to_owned);
        let text = text.map_err(|_| self.damaged("a text is no UTF-8"))?;
        self.push(Value::Text(text));
        Ok(())
    }

    fn tuple(&mut self, length: usize) -> Result<(), CheckpointError> {
        let mut items = Vec::with_capacity(length);
        for _ in 0..length {
            items.push(self.pop()?);
        }
        items.reverse();
        self.push(Value::Tuple(items));
        Ok(())
    }

    fn append(&mut self, items: &[Id]) -> Result<(), CheckpointError> {
        match self.top()? {
            Value::List(list) => list.extend_from_slice(items),
            _ => return Err(self.damaged("items for something that is no list")),
        }
        Ok(())
    }

    fn insert(&mut self, items: &[Id]) -> Result<(), CheckpointError> {
        let (pairs, rest) = items.as_chunks::<2>();
        match self.top()? {
            Value::Dict(dict) if rest.is_empty() => {
                dict.extend(pairs.iter().map(|&[key, value]| (key, value)));
                Ok(())
            }
            _ => Err(self.damaged("entries for something that is no dictionary")),
        }
    }

    fn put(&mut self, opcode: u8) -> Result<(), CheckpointError> {
        let slot = self.slot(opcode == b'q')?;
        let id = *self
            .stack
            .last()
            .ok_or_else(|| self.damaged("the stack is empty"))?;
        self.memo.insert(slot, id);
        Ok(())
    }

    fn get(&mut self, opcode: u8) -> Result<(), CheckpointError> {
        let slot = self.slot(opcode == b'h')?;
        let id = self.memo.get(&slot).copied();
        self.stack
            .push(id.ok_or_else(|| self.damaged("it uses a value before it is made"))?);
        Ok(())
    }

    fn slot(&mut self, short: bool) -> Result<u32, CheckpointError> {
        Ok(if short {
            u32::from(self.byte()?)
        } else {
            u32::from_le_bytes(self.array()?)
        })
    }

    fn global(&mut self) -> Result<(), CheckpointError> {
        let module = self.line()?;
        let object = self.line()?;
        let float = |float| Value::StorageType(Element::Float(float));
        let other = |name| Value::StorageType(Element::Other(name));
        self.push(match (module.as_str(), object.as_str()) {
            ("collections", "OrderedDict") => Value::Callable(Callable::OrderedDict),
            ("torch._utils", "_rebuild_tensor_v2") => Value::Callable(Callable::RebuildTensor),
            ("torch._utils", "_rebuild_parameter") => Value::Callable(Callable::RebuildParameter),
            ("torch", "HalfStorage") => float(Float::F16),
            ("torch", "BFloat16Storage") => float(Float::Bf16),
            ("torch", "FloatStorage") => float(Float::F32),
            ("torch", "DoubleStorage") => float(Float::F64),
            ("torch", "LongStorage") => other("i64"),
            ("torch", "IntStorage") => other("i32"),
            ("torch", "ShortStorage") => other("i16"),
            ("torch", "CharStorage") => other("i8"),
            ("torch", "ByteStorage") => other("u8"),
            ("torch", "BoolStorage") => other("bool"),
            ("torch", "ComplexFloatStorage") => other("complex64"),
            ("torch", "ComplexDoubleStorage") => other("complex128"),
            _ => {
                return Err(CheckpointError::Global {
                    name: format!("{module}.{object}"),
                });
            }
        });
        Ok(())
    }

    /// Makes a storage of `("storage", type, key, device, length)`.
    fn persistent(&mut self) -> Result<(), CheckpointError> {
        let id = self.pop()?;
        let storage = self.storage(id);
        let storage = storage.ok_or_else(|| self.damaged("a storage is not described rightly"))?;
        self.push(Value::Storage(storage));
        Ok(())
    }

    fn storage(&self, id: Id) -> Option<Storage> {
        let &[tag, element, key, _device, length] = self.items(id)? else {
            return None;
        };
        let (Value::Text(tag), Value::StorageType(element), Value::Text(key)) =
            (self.value(tag)?, self.value(element)?, self.value(key)?)
        else {
            return None;
        };
        let known = tag == "storage" && key.len() <= MAX_NAME_BYTES;
        known.then_some(())?;
        Some(Storage {
            element: *element,
            key: key.clone(),
            length: self.size(length)?,
        })
    }

    fn reduce(&mut self) -> Result<(), CheckpointError> {
        let arguments = self.pop()?;
        let callable = self.pop()?;
        let Some(&Value::Callable(callable)) = self.value(callable) else {
            return Err(self.damaged("it calls something that is not callable"));
        };
        match callable {
            Callable::OrderedDict => {
                if self.items(arguments).is_none_or(|items| !items.is_empty()) {
                    return Err(self.damaged("an OrderedDict is made of other arguments than none"));
                }
                self.push(Value::Dict(Vec::new()));
            }
            Callable::RebuildTensor => {
                let view = self.view(arguments);
                let view = view.ok_or_else(|| self.damaged("a tensor is not described rightly"))?;
                self.push(Value::Tensor(view));
            }
            Callable::RebuildParameter => {
                let data = self
                    .items(arguments)
                    .and_then(|items| items.first())
                    .copied();
                match data.and_then(|id| Some((id, self.value(id)?))) {
                    Some((id, Value::Tensor(_))) => self.stack.push(id),
                    _ => return Err(self.damaged("a parameter is made of no tensor")),
                }
            }
        }
        Ok(())
    }

    /// Reads `(storage, offset, shape, strides, ...)`.
    fn view(&self, arguments: Id) -> Option<View> {
        let &[storage, offset, shape, strides, ..] = self.items(arguments)? else {
            return None;
        };
        let Value::Storage(_) = self.value(storage)? else {
            return None;
        };
        let sizes = |id: Id| -> Option<Vec<usize>> {
            let items = self.items(id).filter(|items| items.len() <= MAX_RANK)?;
            items.iter().map(|&item| self.size(item)).collect()
        };
        let (shape, strides) = (sizes(shape)?, sizes(strides)?);
        (shape.len() == strides.len()).then_some(())?;
        Some(View {
            storage,
            offset: self.size(offset)?,
            shape,
            strides,
        })
    }

    /// Sets attributes: those of a dictionary (PyTorch's `_metadata`) are of no interest here.
    fn build(&mut self) -> Result<(), CheckpointError> {
        self.pop()?;
        match self.top()? {
            Value::Dict(_) => Ok(()),
            _ => Err(self.damaged("attributes for something that is no dictionary")),
        }
    }

    fn value(&self, id: Id) -> Option<&Value> {
        self.values.get(id.0)
    }

    fn items(&self, id: Id) -> Option<&[Id]> {
        match self.value(id)? {
            Value::Tuple(items) => Some(items),
            _ => None,
        }
    }

    fn size(&self, id: Id) -> Option<usize> {
        match self.value(id)? {
            Value::Int(value) => usize::try_from(*value).ok(),
            _ => None,
        }
    }

    fn push(&mut self, value: Value) {
        self.stack.push(Id(self.values.len()));
        self.values.push(value);
    }

    fn pop(&mut self) -> Result<Id, CheckpointError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let popped = if self.stack.len() > floor {
            self.stack.pop()
        } else {
            None
        };
        popped.ok_or_else(|| self.damaged("the stack is empty"))
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, CheckpointError> {
        let mark = self
            .marks
            .pop()
            .ok_or_else(|| self.damaged("a mark is missing"))?;
        if mark > self.stack.len() {
            return Err(self.damaged("a mark lies above the stack"));
        }
        Ok(self.stack.split_off(mark))
    }

    fn top(&mut self) -> Result<&mut Value, CheckpointError> {
        let empty = self.damaged("the stack is empty");
        let id = *self.stack.last().ok_or(empty)?;
        let lost = self.damaged("a value is lost");
        self.values.get_mut(id.0).ok_or(lost)
    }

    fn byte(&mut self) -> Result<u8, CheckpointError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    fn length(&mut self) -> Result<usize, CheckpointError> {
        let length = u32::from_le_bytes(self.array()?);
        usize::try_from(length).map_err(|_| self.damaged("a text is too long"))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CheckpointError> {
        let bytes = self.take(N)?.first_chunk().copied();
        bytes.ok_or_else(|| self.damaged("it ends too early"))
    }

    fn take(&mut self, length: usize) -> Result<&[u8], CheckpointError> {
        let end = self.at.checked_add(length);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| self.damaged("it ends too early"))?;
        self.at += length;
        Ok(taken)
    }

    fn line(&mut self) -> Result<String, CheckpointError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest
            .iter()
            .take(MAX_NAME_BYTES)
            .position(|&byte| byte == b'\n');
        let length = length.ok_or_else(|| self.damaged("a name does not end"))?;
        let name = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.take(1)?;
        Ok(name)
    }

    const fn damaged(&self, what: &'static str) -> CheckpointError {
        CheckpointError::Pickle {
            what,
            offset: self.opcode_at,
        }
    }
}
