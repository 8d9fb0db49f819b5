//! Bytes of a link: the decoder survives them, and finds the frame that follows.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mambalite_hil_wire::{
    Channel, Decoder, Encoder, MAX_PAYLOAD, Request, Step, Tester, crc32,
};

/// Feeds bytes and reads every frame as either message; counts the frames.
fn feed(decoder: &mut Decoder, bytes: &[u8]) -> usize {
    let mut frames = 0;
    let mut tester = Tester::new();
    for &byte in bytes {
        if decoder.feed(byte) == Step::Frame {
            frames += 1;
            let frame = decoder.frame().expect("a frame is whole");
            assert!(frame.payload.len() <= MAX_PAYLOAD);
            let _ = frame.response();
            if let Ok(Request::LinkTest { offset, bytes }) = frame.request() {
                tester.check(offset, bytes);
            }
        }
        if let Some(payload) = decoder.damaged() {
            tester.check_damaged(payload);
        }
    }
    frames
}

/// Makes a frame with the right length and checksum of channel, kind, number and payload.
fn forged(bytes: &[u8]) -> Option<Vec<u8>> {
    let (head, payload) = bytes.split_at_checked(4)?;
    let payload = &payload[..payload.len().min(MAX_PAYLOAD)];
    let len = u16::try_from(payload.len()).ok()?;
    let mut body = [head, &len.to_le_bytes(), payload].concat();
    body.extend(crc32(&body).to_le_bytes());
    let mut line = vec![0];
    line.extend(cobs::encode_vec(&body));
    line.push(0);
    Some(line)
}

fuzz_target!(|bytes: &[u8]| {
    let mut decoder = Decoder::new();
    feed(&mut decoder, bytes);
    // What comes before a delimiter never costs the next frame.
    let mut encoder = Encoder::new();
    let good = encoder
        .raw(Channel::Control, b"good")
        .expect("short enough");
    assert!(feed(&mut decoder, good) >= 1);
    if let Some(line) = forged(bytes) {
        feed(&mut decoder, &line);
    }
});
