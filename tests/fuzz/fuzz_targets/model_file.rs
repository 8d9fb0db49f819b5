//! A model file with the hash that belongs to its bytes: refused, or it runs.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mambalite::model_file::ModelFile;
use mambalite_kernels::model::{HASH_OFFSET, hash_file};
use mambalite_kernels::{NoTap, Plan, Upscaler};

/// Networks that take longer are read only.
const MAX_MACS: usize = 1 << 20;

fuzz_target!(|bytes: Vec<u8>| {
    let mut bytes = bytes;
    // The hash stops nearly every change; whoever forges a file also computes it.
    let hash = hash_file(&bytes);
    if let Some(field) = bytes.get_mut(HASH_OFFSET..HASH_OFFSET + hash.len()) {
        field.copy_from_slice(&hash);
    }
    let Ok(file) = ModelFile::from_bytes(&bytes) else {
        return;
    };
    let model = file.model();
    if model.config().macs_per_pixel(model.forms()) > MAX_MACS {
        return;
    }
    let mut arena = vec![0; Plan::new(&model, 3).arena_bytes / 8];
    let mut run = Upscaler::new(&model, 3, 2, &mut arena).expect("the planned memory is enough");
    let row: Vec<u8> = [0, 255, 90].repeat(model.config().channels);
    for _ in 0..2 {
        run.push_row(&row, &mut NoTap, &mut |_, _| ())
            .expect("the row fits");
    }
});
