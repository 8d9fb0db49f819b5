//! A small model with made-up weights, and a picture for it.

use mambalite::model_file::ModelFile;
use mambalite::picture::Picture;
use mambalite_kernels::arith::Float;
use mambalite_kernels::model::{HASH_OFFSET, Param, Source, encode_header, hash_file};
use mambalite_kernels::network::{Section, load_section};
use mambalite_kernels::{Anchor, Config, Decay, Form, ModelError, Precision};

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

/// Makes up arrays as the network asks for them, and keeps their bytes.
struct Inventor {
    seed: u32,
    bytes: Vec<u8>,
}

impl Source<'static> for Inventor {
    fn array<T: bytemuck::Pod>(
        &mut self,
        param: Param,
        len: usize,
    ) -> Result<&'static [T], ModelError> {
        // Every array of a model in f32 with dense weights is of f32.
        assert_eq!(size_of::<T>(), size_of::<f32>());
        let values: Vec<f32> = (0..len)
            .map(|_| self.weight(param.part == "rate"))
            .collect();
        let bytes: &[u8] = bytemuck::cast_slice(values.leak());
        self.bytes.extend(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(16), 0);
        bytemuck::try_cast_slice(bytes).map_err(|_| ModelError::Misaligned)
    }

    fn verifies(&self) -> bool {
        false
    }
}

impl Inventor {
    /// Returns the next weight, between -0.5 and 0.5; decay rates are not positive.
    fn weight(&mut self, is_rate: bool) -> f32 {
        self.seed = self
            .seed
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        let weight = (self.seed >> 8) as f32 / (1 << 24) as f32 - 0.5;
        if is_rate { -weight.abs() } else { weight }
    }
}

/// Returns the model that `seed` makes up.
pub(crate) fn invented(seed: u32) -> ModelFile {
    let forms = vec![Form::Dense; CONFIG.n_weights()];
    let mut inventor = Inventor {
        seed,
        bytes: Vec::new(),
    };
    for section in Section::all(&CONFIG) {
        load_section::<Float<f32>>(&mut inventor, &CONFIG, &|_| Form::Dense, section).unwrap();
    }
    let mut file = vec![0; 1 << 16];
    let head = encode_header(&CONFIG, Precision::F32, &forms, 0, &mut file).unwrap();
    let length = head + inventor.bytes.len();
    encode_header(&CONFIG, Precision::F32, &forms, length as u32, &mut file);
    file[head..length].copy_from_slice(&inventor.bytes);
    file.truncate(length);
    ModelFile::from_bytes(&with_hash(file)).unwrap()
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
