//! A checkpoint file: refused, or its tensors are as long as their shapes say and import answers.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mambalite::{checkpoint, import};

fuzz_target!(|bytes: &[u8]| {
    let Ok(checkpoint) = checkpoint::parse(bytes) else {
        return;
    };
    for (name, tensor) in &checkpoint.tensors {
        assert_eq!(
            tensor.data.len(),
            tensor.shape.iter().product::<usize>(),
            "{name}"
        );
    }
    let _ = import::import(&checkpoint);
});
