//! A bus with one chip that holds registers.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use super::chip::{Model, Registers};

/// Registers that a test sets; a clone is the same chip.
#[derive(Clone)]
pub(super) struct Fake(Arc<Mutex<State>>);

struct State {
    /// What is read: value and length in bytes.
    values: BTreeMap<u8, (u64, usize)>,
    written: BTreeMap<u8, u16>,
    is_broken: bool,
}

impl Fake {
    pub(super) fn new(model: Model) -> Self {
        let fake = Self(Arc::new(Mutex::new(State {
            values: BTreeMap::new(),
            written: BTreeMap::new(),
            is_broken: false,
        })));
        let (manufacturer, die, id) = match model {
            Model::Ina226 => (0xfe, 0xff, 0x2260),
            Model::Ina228 => (0x3e, 0x3f, 0x2281),
        };
        fake.set(manufacturer, 0x5449, 2);
        fake.set(die, id, 2);
        fake
    }

    pub(super) fn set(&self, register: u8, value: u64, bytes: usize) {
        self.0
            .lock()
            .unwrap()
            .values
            .insert(register, (value, bytes));
    }

    pub(super) fn written(&self, register: u8) -> u16 {
        self.0.lock().unwrap().written[&register]
    }

    /// Answers with errors from now on.
    pub(super) fn break_off(&self) {
        self.0.lock().unwrap().is_broken = true;
    }
}

impl Registers for Fake {
    fn read(&mut self, register: u8, into: &mut [u8]) -> io::Result<()> {
        let state = self.0.lock().unwrap();
        if state.is_broken {
            return Err(io::Error::other("no acknowledge"));
        }
        let (value, bytes) = state
            .values
            .get(&register)
            .copied()
            .unwrap_or((0, into.len()));
        assert_eq!(bytes, into.len(), "length of register {register:#04x}");
        into.copy_from_slice(&value.to_be_bytes()[8 - bytes..]);
        Ok(())
    }

    fn write(&mut self, register: u8, value: u16) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        if state.is_broken {
            return Err(io::Error::other("no acknowledge"));
        }
        state.written.insert(register, value);
        Ok(())
    }
}
