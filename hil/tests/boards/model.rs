//! A small model with made-up weights, and a picture for it.

use mambalite::import::import;
use mambalite::model_file::ModelFile;
use mambalite::picture::Picture;
use mambalite_kernels::model::{HASH_OFFSET, hash_file};
use mambalite_kernels::{Anchor, Config, Decay, Form};
use mambalite_tests::network::checkpoint;

/// A network with two mixers, so that a difference can begin in the middle.
const CONFIG: Config = Config {
    channels: 3,
    scale: 2,
    width: 4,
    inner: 8,
    groups: 2,
    blocks: 1,
    states: 2,
    dt_rank: 1,
    mixer_skip: true,
    anchor: Anchor::Nearest,
    decay: Decay::Full,
    mean: [0.5; 3],
};

/// Returns the smallest model that a GPU has kernels for.
pub(crate) fn invented_for_gpu(seed: u64) -> ModelFile {
    let config = Config {
        groups: 1,
        states: 4,
        ..CONFIG
    };
    import(&checkpoint(&config, |_| Form::Dense, seed)).unwrap()
}

/// Returns a model of 303 layers.
pub(crate) fn invented_deep(seed: u64) -> ModelFile {
    let config = Config {
        groups: 4,
        blocks: 8,
        ..CONFIG
    };
    import(&checkpoint(&config, |_| Form::Dense, seed)).unwrap()
}

/// Returns the model that `seed` makes up.
pub(crate) fn invented(seed: u64) -> ModelFile {
    import(&checkpoint(&CONFIG, |_| Form::Dense, seed)).unwrap()
}

/// Returns the model with the lowest bit of one weight flipped, `from_end` bytes before its end.
pub(crate) fn with_flipped_weight(model: &ModelFile, from_end: usize) -> ModelFile {
    let mut file = model.bytes().to_vec();
    let place = (file.len() - from_end) & !3;
    // The highest bit of the mantissa: large enough to be seen, and still a number.
    file[place + 2] ^= 0x40;
    ModelFile::from_bytes(&with_hash(file)).unwrap()
}

fn with_hash(mut file: Vec<u8>) -> Vec<u8> {
    let hash = hash_file(&file);
    file[HASH_OFFSET..HASH_OFFSET + hash.len()].copy_from_slice(&hash);
    file
}

/// Returns a picture with edges, slopes and noise.
pub(crate) fn picture(width: usize, height: usize) -> Picture {
    let sample = |i: usize| {
        let (x, y, c) = (i / 3 % width, i / 3 / width, i % 3);
        let slope = x * 7 + y * 5 + c * 40;
        let edge = if x > y { 90 } else { 0 };
        (slope + edge + i * i % 13) as u8
    };
    Picture::new(
        width,
        height,
        3,
        (0..width * height * 3).map(sample).collect(),
    )
    .unwrap()
}
