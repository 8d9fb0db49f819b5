//! PTX of others: the interpreter's reader refuses it or reads it, and does not panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mambalite_ptx_vm::Module;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = core::str::from_utf8(bytes) else {
        return;
    };
    let _ = Module::parse(text);
    // Within an entry point, so that bytes become instructions.
    let entry = format!(
        ".version 8.5 .target sm_87 .address_size 64 .visible .entry e(.param .u64 p) {{
        .reg .pred %p<4>; .reg .b32 %r<8>; .reg .b64 %rd<8>; .reg .f32 %f<8>;\n{text}\nret; }}"
    );
    let _ = Module::parse(&entry);
});
