//! The functions of QEMU that are used, and those that QEMU calls (`qemu-plugin.h`, version 1).

#![expect(unsafe_code, reason = "the interface of QEMU is C")]

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ptr;
use std::slice;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::counter::{Counter, Totals};
use crate::marker::Marker;
use crate::options::Options;

type PluginId = u64;

/// A block that is being translated.
#[repr(C)]
pub(crate) struct Block {
    _opaque: [u8; 0],
}

/// An instruction of it.
#[repr(C)]
pub(crate) struct Instruction {
    _opaque: [u8; 0],
}

/// `QEMU_PLUGIN_CB_NO_REGS`: a callback that reads no register of the core.
const NO_REGISTERS: c_int = 0;
/// `QEMU_PLUGIN_INLINE_ADD_U64`.
const ADD_U64: c_int = 0;

unsafe extern "C" {
    fn qemu_plugin_register_vcpu_tb_trans_cb(
        id: PluginId,
        callback: extern "C" fn(PluginId, *mut Block),
    );
    fn qemu_plugin_register_vcpu_insn_exec_cb(
        instruction: *mut Instruction,
        callback: extern "C" fn(c_uint, *mut c_void),
        registers: c_int,
        data: *mut c_void,
    );
    fn qemu_plugin_register_vcpu_insn_exec_inline(
        instruction: *mut Instruction,
        operation: c_int,
        counter: *mut c_void,
        immediate: u64,
    );
    fn qemu_plugin_register_atexit_cb(
        id: PluginId,
        callback: extern "C" fn(PluginId, *mut c_void),
        data: *mut c_void,
    );
    fn qemu_plugin_tb_n_insns(block: *const Block) -> usize;
    fn qemu_plugin_tb_get_insn(block: *const Block, index: usize) -> *mut Instruction;
    fn qemu_plugin_insn_data(instruction: *const Instruction) -> *const c_void;
    fn qemu_plugin_insn_vaddr(instruction: *const Instruction) -> u64;
    fn qemu_plugin_insn_size(instruction: *const Instruction) -> usize;
    fn qemu_plugin_insn_disas(instruction: *const Instruction) -> *mut c_char;
    /// Of the C library: QEMU's strings are its allocations.
    fn free(allocation: *mut c_void);
}

/// The version of the interface; QEMU refuses a plugin of a version that it does not have.
// SAFETY: no other symbol of this library or of QEMU has the name, which QEMU asks plugins for.
#[unsafe(no_mangle)]
pub(crate) static qemu_plugin_version: c_int = 1;

/// What QEMU's generated code adds to.
static TOTALS: Totals = Totals::new();

static COUNTER: Mutex<Option<Counter>> = Mutex::new(None);

/// Returns the counter; a panic elsewhere has already ended the process.
fn counter() -> MutexGuard<'static, Option<Counter>> {
    COUNTER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins: QEMU calls this once, before the machine runs.
///
/// # Safety
/// `arguments` points to `count` strings, as QEMU promises.
// SAFETY: no other symbol of this library or of QEMU has the name, which QEMU asks plugins for.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn qemu_plugin_install(
    id: PluginId,
    _info: *const c_void,
    count: c_int,
    arguments: *const *const c_char,
) -> c_int {
    let arguments: &[*const c_char] = match usize::try_from(count) {
        // SAFETY: QEMU passes an array of `count` pointers that lives until this returns.
        Ok(count) if count > 0 => unsafe { slice::from_raw_parts(arguments, count) },
        _ => &[],
    };
    let texts: Vec<_> = arguments
        .iter()
        // SAFETY: each argument is a string that ends with a zero and lives until this returns.
        .map(|&argument| unsafe { CStr::from_ptr(argument) }.to_string_lossy())
        .collect();
    match start(texts.iter().map(AsRef::as_ref)) {
        Ok(new) => *counter() = Some(new),
        Err(message) => {
            eprintln!("count-plugin: {message}");
            return -1;
        }
    }
    // SAFETY: `id` is the one QEMU gave, and the callback has the type that it asks for.
    unsafe { qemu_plugin_register_vcpu_tb_trans_cb(id, translate) };
    // SAFETY: as before; the callback does not use its data.
    unsafe { qemu_plugin_register_atexit_cb(id, exit, ptr::null_mut()) };
    0
}

/// Makes the counter that the arguments ask for.
fn start<'a>(arguments: impl Iterator<Item = &'a str>) -> Result<Counter, String> {
    let options = Options::read(arguments).map_err(|unknown| format!("unknown {unknown}"))?;
    let out: Box<dyn Write + Send> = match &options.out {
        None => Box::new(io::stderr()),
        Some(path) => match File::create(path) {
            Ok(file) => Box::new(BufWriter::new(file)),
            Err(error) => return Err(format!("create {}: {error}", path.display())),
        },
    };
    Ok(Counter::new(&TOTALS, out, &options))
}

/// Looks at a block before QEMU translates it and asks for what is to happen as it runs.
extern "C" fn translate(_id: PluginId, block: *mut Block) {
    let mut counter = counter();
    let Some(counter) = counter.as_mut() else {
        return;
    };
    // SAFETY: the block is valid until this returns.
    let count = unsafe { qemu_plugin_tb_n_insns(block) };
    for index in 0..count {
        // SAFETY: the index is below the number of instructions of the block.
        let instruction = unsafe { qemu_plugin_tb_get_insn(block, index) };
        // SAFETY: null or valid until the block is translated; the type has no bytes to alias.
        if let Some(instruction) = unsafe { instruction.as_ref() } {
            instrument(counter, instruction);
        }
    }
}

/// Asks for a call at a marker, and for an addition at any other instruction.
fn instrument(counter: &mut Counter, instruction: &Instruction) {
    match Marker::read(code(instruction)) {
        Some(Marker::Begin) => call(instruction, begin),
        Some(Marker::End) => call(instruction, end),
        None => {
            add_one(instruction, TOTALS.instructions());
            if counter.has_histogram() {
                let index = counter.mnemonic(&disassembly(instruction));
                add_one(instruction, TOTALS.mnemonic(index));
            }
            // SAFETY: the instruction is one of the block that is being translated.
            let address = unsafe { qemu_plugin_insn_vaddr(instruction) };
            if let Some(place) = counter.place(address) {
                add_one(instruction, place);
            }
        }
    }
}

/// Has QEMU call a function, which does not use its data, before the instruction is executed.
fn call(instruction: &Instruction, callback: extern "C" fn(c_uint, *mut c_void)) {
    let instruction = ptr::from_ref(instruction).cast_mut();
    // SAFETY: the instruction is one of the block that is being translated.
    unsafe {
        qemu_plugin_register_vcpu_insn_exec_cb(
            instruction,
            callback,
            NO_REGISTERS,
            ptr::null_mut(),
        );
    }
}

/// Has QEMU add one to a counter when the instruction is executed.
fn add_one(instruction: &Instruction, counter: &'static AtomicU64) {
    let instruction = ptr::from_ref(instruction).cast_mut();
    // SAFETY: the instruction is one of the block that is being translated; the counter lives as
    // long as the process and may be written through its pointer, as the one core's thread does.
    unsafe {
        qemu_plugin_register_vcpu_insn_exec_inline(
            instruction,
            ADD_U64,
            counter.as_ptr().cast(),
            1,
        );
    }
}

/// Returns the bytes of an instruction.
fn code(instruction: &Instruction) -> &[u8] {
    // SAFETY: the instruction is one of the block that is being translated.
    let data = unsafe { qemu_plugin_insn_data(instruction) };
    // SAFETY: as before.
    let size = unsafe { qemu_plugin_insn_size(instruction) };
    if data.is_null() {
        return &[];
    }
    // SAFETY: QEMU holds `size` bytes at `data` as long as the instruction.
    unsafe { slice::from_raw_parts(data.cast(), size) }
}

/// Returns the text of an instruction, empty where QEMU has no disassembler.
fn disassembly(instruction: &Instruction) -> String {
    // SAFETY: the instruction is one of the block that is being translated.
    let text = unsafe { qemu_plugin_insn_disas(instruction) };
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the text ends with a zero and is this function's own.
    let copy = unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned();
    // SAFETY: the text comes from the C library's allocator and is not used again.
    unsafe { free(text.cast()) };
    copy
}

extern "C" fn begin(_core: c_uint, _data: *mut c_void) {
    mark(Marker::Begin);
}

extern "C" fn end(_core: c_uint, _data: *mut c_void) {
    mark(Marker::End);
}

/// Takes a marker. A file that cannot be written shows in the reader: lines are missing.
fn mark(marker: Marker) {
    if let Some(counter) = counter().as_mut()
        && let Err(error) = counter.mark(marker)
    {
        eprintln!("count-plugin: write: {error}");
    }
}

extern "C" fn exit(_id: PluginId, _data: *mut c_void) {
    if let Some(counter) = counter().as_mut()
        && let Err(error) = counter.finish()
    {
        eprintln!("count-plugin: write: {error}");
    }
}
