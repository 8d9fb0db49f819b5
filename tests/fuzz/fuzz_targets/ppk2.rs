//! Bytes of a PPK2: neither its metadata nor its samples make the reader panic, and after any
//! damage the samples are found again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mambalite_hil::power::ppk2::convert::Converter;
use mambalite_hil::power::ppk2::decoder::{Decoder, Event};
use mambalite_hil::power::ppk2::metadata::{Answer, Calibration, Metadata};

/// Words that follow each other.
fn good() -> Vec<u8> {
    let words = (0_u32..100).map(|i| 1000 + i | (i % 64) << 18);
    words.flat_map(u32::to_le_bytes).collect()
}

fuzz_target!(|bytes: &[u8]| {
    let mut calibration = Calibration::default();
    if let Some(text) = Answer::default().feed(bytes)
        && let Ok(metadata) = Metadata::parse(&text)
    {
        calibration = metadata.calibration;
    }
    let mut converter = Converter::new(calibration, 3.3);
    let mut decoder = Decoder::default();
    let mut samples = 0;
    let mut take = |event| match event {
        Event::Sample(raw) => {
            samples += 1;
            let _ = converter.convert(raw);
        }
        Event::Missing(count) => assert!((1..=64).contains(&count)),
    };
    for piece in bytes.chunks(61) {
        decoder.feed(piece, &mut take);
    }
    decoder.feed(&good(), &mut take);
    decoder.finish(&mut take);
    // The first words after junk may go to its last bytes.
    assert!(samples >= 80, "{samples} samples");
});
