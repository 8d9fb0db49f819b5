//! Damaged model files: every one is refused or runs without a panic (the overflow checks of the
//! debug profile are on), and each defect has its own error.

use std::sync::LazyLock;

use mambalite::import::import;
use mambalite::model_file::ModelFile;
use mambalite::quantize::quantize;
use mambalite_kernels::arith::{Arithmetic, Fixed, Float};
use mambalite_kernels::model::{
    ALIGN, FORMS_OFFSET, HASH_OFFSET, Param, Scope, Source, WeightSource, hash_file,
};
use mambalite_kernels::network::{Section, load_section};
use mambalite_kernels::{Config, Form, Model, ModelError, NoTap, Plan, Precision, Upscaler};
use mambalite_tests::network::{TINY, checkpoint, mixed_forms, picture};
use proptest::prelude::*;

/// Every form and every operator.
const CONFIG: Config = Config {
    width: 6,
    inner: 10,
    mixer_skip: true,
    dt_rank: 2,
    ..TINY
};

/// A good file in each precision.
static FILES: LazyLock<[ModelFile; 3]> = LazyLock::new(|| {
    Precision::ALL.map(|precision| {
        let single = import(&checkpoint(&CONFIG, mixed_forms(&CONFIG, 0), 4)).unwrap();
        let calibration = [picture(20, 16, CONFIG.channels, 5)];
        match precision {
            Precision::F32 => single,
            _ => quantize(&single, &calibration, precision, 99.99, &mut |_| ()).unwrap(),
        }
    })
});

fn bytes(precision: usize) -> Vec<u8> {
    FILES[precision].bytes().to_vec()
}

/// Gives a changed file the hash of its content.
fn rehash(bytes: &mut [u8]) {
    let hash = hash_file(bytes);
    bytes[HASH_OFFSET..][..hash.len()].copy_from_slice(&hash);
}

/// Reads a file and, if it is accepted, runs a 3x3 picture. Whether it was accepted.
fn accepts(bytes: &[u8]) -> bool {
    let Ok(file) = ModelFile::from_bytes(bytes) else {
        return false;
    };
    let model = file.model();
    let mut arena = vec![0; Plan::new(&model, 3).arena_bytes / 8];
    let mut run = Upscaler::new(&model, 3, 3, &mut arena).unwrap();
    let len = 3 * model.config().channels;
    let mut rows = 0;
    for y in 0..3usize {
        // Black, white and a ramp: the extremes of the input.
        let row: Vec<u8> = (0..len)
            .map(|i| [0, 255, (i * 28) as u8][(i + y) % 3])
            .collect();
        run.push_row(&row, &mut NoTap, &mut |_, _| rows += 1)
            .unwrap();
    }
    assert_eq!(rows, 3 * model.config().scale);
    true
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn truncated_files_are_refused(precision in 0..3usize, part in 0.0..1.0f64) {
        let whole = bytes(precision);
        let len = (part * whole.len() as f64) as usize;
        prop_assert!(ModelFile::from_bytes(&whole[..len]).is_err());
    }

    #[test]
    fn flipped_bytes_are_refused(precision in 0..3usize, part in 0.0..1.0f64, flip in 1..=255u8) {
        let mut changed = bytes(precision);
        let at = (part * changed.len() as f64) as usize;
        changed[at] ^= flip;
        prop_assert!(ModelFile::from_bytes(&changed).is_err());
    }

    /// Bytes changed on purpose, with the hash that belongs to them.
    #[test]
    fn forged_files_never_panic(
        precision in 0..3usize,
        changes in prop::collection::vec((0.0..1.0f64, 1..=255u8), 1..6),
    ) {
        let mut changed = bytes(precision);
        let len = changed.len() as f64;
        for (part, flip) in changes {
            changed[(part * len) as usize] ^= flip;
        }
        rehash(&mut changed);
        accepts(&changed);
    }

    /// Whole stretches of extreme numbers, many arrays at once.
    #[test]
    fn files_of_extremes_never_panic(
        precision in 0..3usize,
        stretches in prop::collection::vec(
            (0.0..1.0f64, 1..200usize, prop::sample::select(&[0u8, 1, 0x3f, 0x40, 0x7f, 0x80, 0xff])),
            1..6,
        ),
    ) {
        let mut changed = bytes(precision);
        let first = FORMS_OFFSET + 4 * CONFIG.n_weights();
        for (part, len, value) in stretches {
            let at = first + (part * (changed.len() - first) as f64) as usize;
            let end = changed.len().min(at + len);
            changed[at..end].fill(value);
        }
        rehash(&mut changed);
        accepts(&changed);
    }
}

/// Where the arrays of a file stand.
struct Places {
    position: usize,
    zeros: &'static [u64],
    places: Vec<(Param, usize, usize)>,
}

impl<A: Arithmetic> WeightSource<'static, A> for Places {}

impl Source<'static> for Places {
    fn array<T: bytemuck::Pod>(
        &mut self,
        param: Param,
        len: usize,
    ) -> Result<&'static [T], ModelError> {
        let bytes = len * size_of::<T>();
        self.places.push((param, self.position, bytes));
        self.position += bytes.next_multiple_of(ALIGN);
        Ok(&bytemuck::cast_slice(self.zeros)[..len])
    }

    fn verifies(&self) -> bool {
        false
    }
}

/// Returns name, offset and bytes of every array of a file.
fn places(precision: Precision) -> Vec<(Param, usize, usize)> {
    fn walk<A: Arithmetic>(source: &mut Places, forms: &dyn Fn(usize) -> Form) {
        for section in Section::all(&CONFIG) {
            // Values of zero where one value is asked for.
            load_section::<A>(source, &CONFIG, forms, section).unwrap();
        }
    }
    static ZEROS: [u64; 4096] = [0; 4096];
    let model = FILES[precision as usize].model();
    let position = (FORMS_OFFSET + 4 * CONFIG.n_weights()).next_multiple_of(ALIGN);
    let mut source = Places {
        position,
        zeros: &ZEROS,
        places: Vec::new(),
    };
    let forms = |i| model.form(i);
    match precision {
        Precision::F32 => walk::<Float<f32>>(&mut source, &forms),
        Precision::W8A16 => walk::<Fixed<i16>>(&mut source, &forms),
        Precision::W8A8 => walk::<Fixed<i8>>(&mut source, &forms),
    }
    assert_eq!(source.position, model.bytes_len());
    source.places
}

/// Overwrites the first element of an array and returns the error.
fn with_value(precision: Precision, param: Param, value: &[u8]) -> ModelError {
    let mut changed = bytes(precision as usize);
    let place = places(precision)
        .into_iter()
        .find(|(found, ..)| *found == param);
    let (_, at, len) = place.unwrap_or_else(|| panic!("no array {param}"));
    changed[at..][..value.len().min(len)].copy_from_slice(&value[..value.len().min(len)]);
    rehash(&mut changed);
    assert!(!accepts(&changed), "{param} = {value:x?} is accepted");
    ModelFile::from_bytes(&changed).unwrap_err()
}

/// Every array with a range, filled with its extremes one at a time: refused by name, or it runs.
#[test]
fn every_array_of_extremes_is_refused_by_name_or_runs() {
    for precision in Precision::ALL {
        let (mut refused, mut ran) = (0, 0);
        for (param, at, len) in places(precision) {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut changed = bytes(precision as usize);
                changed[at..][..len].fill(value);
                rehash(&mut changed);
                if accepts(&changed) {
                    ran += 1;
                    continue;
                }
                let message = ModelFile::from_bytes(&changed).unwrap_err().to_string();
                let name = param.part("").to_string();
                assert!(message.contains(&name), "{param} of {value:#x}: {message}");
                refused += 1;
            }
        }
        println!("{precision}: {refused} refused, {ran} ran");
        assert!(refused > 0 && ran > 0);
    }
}

/// A change of the header and the error it gives.
fn with_header(at: usize, value: &[u8]) -> ModelError {
    let mut changed = bytes(0);
    changed[at..][..value.len()].copy_from_slice(value);
    rehash(&mut changed);
    ModelFile::from_bytes(&changed).unwrap_err()
}

#[test]
fn header_defects_have_their_errors() {
    let len = bytes(0).len();
    assert_eq!(with_header(0, b"MLSX"), ModelError::NotAModel);
    assert_eq!(with_header(4, &[9, 0]), ModelError::Version { found: 9 });
    assert_eq!(
        with_header(6, &[3]),
        ModelError::Field {
            field: "precision",
            value: 3
        }
    );
    assert_eq!(
        with_header(21, &[2]),
        ModelError::Field {
            field: "mixer_skip",
            value: 2
        }
    );
    assert_eq!(
        with_header(22, &[3]),
        ModelError::Field {
            field: "anchor",
            value: 3
        }
    );
    assert_eq!(
        with_header(23, &[2]),
        ModelError::Field {
            field: "decay",
            value: 2
        }
    );
    assert_eq!(
        with_header(FORMS_OFFSET, &[7]),
        ModelError::Field {
            field: "form",
            value: 3
        }
    );
    let needed = CONFIG.n_weights();
    let found = needed + 1;
    let error = with_header(36, &[found as u8, 0]);
    assert_eq!(error, ModelError::WeightCount { needed, found });
    for (at, field) in [
        (7, "channels"),
        (12, "scale"),
        (13, "groups"),
        (15, "states"),
    ] {
        match with_header(at, &[0]) {
            ModelError::Config(error) => assert_eq!(error.field, field),
            other => panic!("{field}: {other}"),
        }
    }
    let nan = with_header(24, &f32::NAN.to_le_bytes());
    assert!(matches!(nan, ModelError::Config(_)), "{nan}");
    let odd = (len as u32 - 1).to_le_bytes();
    assert_eq!(
        with_header(8, &odd),
        ModelError::Field {
            field: "length",
            value: len - 1
        }
    );
}

#[test]
fn lengths_and_hashes_have_their_errors() {
    let whole = bytes(0);
    let len = whole.len();
    assert_eq!(
        ModelFile::from_bytes(&[]).unwrap_err(),
        ModelError::NotAModel
    );
    let cut = ModelFile::from_bytes(&whole[..len - 1]).unwrap_err();
    assert_eq!(
        cut,
        ModelError::Truncated {
            needed: len,
            found: len - 1
        }
    );
    let head = ModelFile::from_bytes(&whole[..50]).unwrap_err();
    assert_eq!(
        head,
        ModelError::Truncated {
            needed: FORMS_OFFSET,
            found: 50
        }
    );
    for at in HASH_OFFSET..HASH_OFFSET + 32 {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        assert_eq!(
            ModelFile::from_bytes(&changed).unwrap_err(),
            ModelError::Corrupted
        );
    }

    // Bytes that the stated length does not cover are a flash region's rest.
    let longer = [&whole[..], &[0xff; 40]].concat();
    assert_eq!(ModelFile::from_bytes(&longer).unwrap().bytes(), whole);
    // Stated, they belong to no array.
    let mut trailing = [&whole[..], &[0; ALIGN]].concat();
    trailing[8..12].copy_from_slice(&(len as u32 + 16).to_le_bytes());
    rehash(&mut trailing);
    let error = ModelFile::from_bytes(&trailing).unwrap_err();
    assert_eq!(
        error,
        ModelError::TrailingBytes {
            needed: len,
            found: len + 16
        }
    );

    let mut shifted = vec![0u128; len / 16 + 1];
    let shifted = &mut bytemuck::cast_slice_mut::<u128, u8>(&mut shifted)[8..len + 8];
    shifted.copy_from_slice(&whole);
    assert_eq!(Model::parse(shifted).err(), Some(ModelError::Misaligned));
}

#[test]
fn impossible_ranks_are_refused_by_name() {
    let model = FILES[0].model();
    for (index, weight) in CONFIG.weights().enumerate() {
        let most = weight.outputs.min(weight.inputs * weight.taps);
        let impossible = match model.form(index) {
            Form::Dense => continue,
            Form::LowRank(_) => [0, most + 1, 65_535],
            Form::IdentityRows(_) => [0, weight.outputs.max(most), 65_535],
        };
        for rank in impossible {
            let value = (rank as u16).to_le_bytes();
            let error = with_header(FORMS_OFFSET + 4 * index + 2, &value);
            match error {
                ModelError::Rank { param, rank: found } => {
                    assert_eq!(found, rank);
                    assert!(error.to_string().contains(&param.to_string()), "{error}");
                }
                other => panic!("{} of rank {rank}: {other}", weight.name),
            }
        }
    }
}

#[test]
fn values_out_of_range_are_refused_by_name() {
    let block = |name| Param::new(Scope::Block(0, 0), name);
    let scan = block("scan");
    let rate = scan.part("rate");
    for value in [f32::NAN, f32::INFINITY] {
        let error = with_value(Precision::F32, rate, &value.to_le_bytes());
        assert_eq!(error, ModelError::NotFinite { param: rate });
        assert_eq!(
            error.to_string(),
            "layers.0.blocks.0.scan.rate has a value that is not finite"
        );
    }
    let positive = with_value(Precision::F32, rate, &0.5f32.to_le_bytes());
    assert_eq!(positive, ModelError::OutOfRange { param: rate });

    let gate = block("gate");
    for precision in [Precision::W8A16, Precision::W8A8] {
        let outside: [(Param, &[u8]); 11] = [
            (gate.part("multiplier"), &((1i32 << 30) - 1).to_le_bytes()),
            (gate.part("multiplier"), &(-1i32).to_le_bytes()),
            (gate.part("shift"), &[0]),
            (gate.part("shift"), &[32]),
            (gate.part("fraction"), &[16]),
            (scan.part("state_shift"), &[41]),
            (scan.part("multiplier"), &((1i32 << 30) + 1).to_le_bytes()),
            (scan.part("shift"), &[31]),
            (block("norm").part("shift"), &[0]),
            (block("norm").part("epsilon_mantissa"), &[0; 4]),
            (block("skip").part("a"), &i32::MIN.to_le_bytes()),
        ];
        for (param, value) in outside {
            let error = with_value(precision, param, value);
            assert_eq!(error, ModelError::OutOfRange { param }, "{value:?}");
            assert!(error.to_string().starts_with(&param.to_string()), "{error}");
        }
    }
}

#[test]
fn accumulators_that_can_overflow_are_refused_by_name() {
    for precision in [Precision::W8A16, Precision::W8A8] {
        for name in ["dt_proj", "conv1d"] {
            let all = places(precision).into_iter();
            let mut biases = all.filter(|(param, ..)| param.part == "bias");
            let of_first = |param: &Param| param.scope == Scope::Block(0, 0) && param.name == name;
            let (bias, at, len) = biases.find(|(param, ..)| of_first(param)).unwrap();
            let param = bias.part("");
            // The first sum of the array, and the last.
            for at in [at, at + len - size_of::<i32>()] {
                for value in [i32::MAX, i32::MIN] {
                    let mut changed = bytes(precision as usize);
                    changed[at..][..size_of::<i32>()].copy_from_slice(&value.to_le_bytes());
                    rehash(&mut changed);
                    assert!(!accepts(&changed), "{param} + {value} is accepted");
                    let error = ModelFile::from_bytes(&changed).unwrap_err();
                    assert_eq!(error, ModelError::Overflow { param });
                    assert_eq!(
                        error.to_string(),
                        format!("sums of {param} can pass 32 bits")
                    );
                }
            }
        }
    }
}

/// A bias that other channels' taps leave room for.
#[test]
fn the_taps_of_every_channel_count_in_an_overflow() {
    let conv1d = Param::new(Scope::Block(0, 0), "conv1d");
    for precision in [Precision::W8A16, Precision::W8A8] {
        let all = places(precision);
        let place = |part| {
            let mut all = all.iter();
            let found = all.find(|(param, ..)| *param == conv1d.part(part));
            found.map(|&(_, at, _)| at).unwrap()
        };
        let inner = CONFIG.inner;
        for channel in [0, inner - 1] {
            let mut changed = bytes(precision as usize);
            for tap in 0..4 {
                changed[place("weight") + tap * inner + channel] = 127;
            }
            let bias = i32::MAX - 4 * 127 * 32767;
            for (bias, is_refused) in [(bias, false), (bias + 1, true)] {
                changed[place("bias") + 4 * channel..][..4].copy_from_slice(&bias.to_le_bytes());
                rehash(&mut changed);
                let error = ModelFile::from_bytes(&changed).err();
                let expected = ModelError::Overflow { param: conv1d };
                assert_eq!(error, is_refused.then_some(expected), "{channel}");
            }
        }
    }
}
