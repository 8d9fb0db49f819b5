//! A checkpoint file: refused, or its tensors are as long as their shapes say; import refuses it, or the
//! network goes out again and comes back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mambalite::{checkpoint, export, import};

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
    let Ok(file) = import::import(&checkpoint) else {
        return;
    };
    let exported = export::checkpoint(&file.model()).expect("it is of single precision");
    let back = import::import(&exported.checkpoint).expect("it was a network before");
    assert!(exported.rates_rounded > 0 || back.bytes() == file.bytes());
});
