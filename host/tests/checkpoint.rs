//! Checkpoint files made byte by byte, whole and damaged.

#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a helper fails the test"
)]

use std::io::{Cursor, Write};

use mambalite::checkpoint::{self, Checkpoint, CheckpointError, Tensor, pth, safetensors};
use proptest::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Writes the pickle instructions that `torch.save` writes.
#[derive(Clone, Default)]
struct Pickle(Vec<u8>);

impl Pickle {
    fn new() -> Self {
        Self(b"\x80\x02".to_vec())
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn text(self, text: &str) -> Self {
        let length = u32::try_from(text.len()).unwrap();
        self.raw(b"X")
            .raw(&length.to_le_bytes())
            .raw(text.as_bytes())
    }

    fn int(self, value: i32) -> Self {
        self.raw(b"J").raw(&value.to_le_bytes())
    }

    fn tuple(self, values: &[i32]) -> Self {
        values
            .iter()
            .fold(self.raw(b"("), |pickle, &value| pickle.int(value))
            .raw(b"t")
    }

    /// A tensor: storage type, key and length; offset, shape and strides.
    fn tensor(self, storage: (&str, &str, i32), view: (i32, &[i32], &[i32])) -> Self {
        let start = self
            .raw(b"ctorch._utils\n_rebuild_tensor_v2\n((")
            .text("storage");
        let kind = format!("ctorch\n{}\n", storage.0);
        let stored = start
            .raw(kind.as_bytes())
            .text(storage.1)
            .text("cpu")
            .int(storage.2);
        let placed = stored.raw(b"tQ").int(view.0).tuple(view.1).tuple(view.2);
        placed.raw(b"\x89ccollections\nOrderedDict\n)RtR")
    }

    fn end(self) -> Vec<u8> {
        self.raw(b".").0
    }
}

fn zipped(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, content) in entries {
        zip.start_file(format!("net/{name}"), stored).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn floats(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn with_pickle(pickle: &[u8]) -> Vec<u8> {
    let six = floats(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let two_halves = [0x00, 0x3c, 0x00, 0xc0];
    let double = 0.1_f64.to_le_bytes();
    zipped(&[
        ("data.pkl", pickle),
        ("byteorder", b"little"),
        ("data/0", &six),
        ("data/1", &two_halves),
        ("data/2", &double),
        ("version", b"3\n"),
    ])
}

/// `{"params": OrderedDict(w = ...), "iter": 7}` around one more instruction list.
fn nested() -> Vec<u8> {
    let six = ("FloatStorage", "0", 6);
    Pickle::new()
        .raw(b"}q\x00(")
        .text("params")
        .raw(b"ccollections\nOrderedDict\n)R(")
        .text("old")
        .tensor(six, (0, &[6], &[1]))
        .raw(b"u")
        .text("params_ema")
        .raw(b"ccollections\nOrderedDict\n)Rq\x01(")
        .text("w")
        .tensor(six, (0, &[2, 3], &[3, 1]))
        .text("transposed")
        .tensor(six, (1, &[2, 2], &[1, 3]))
        .text("half")
        .tensor(("HalfStorage", "1", 2), (0, &[2], &[1]))
        .text("double")
        .tensor(("DoubleStorage", "2", 1), (0, &[], &[]))
        .text("epoch")
        .int(3)
        // Attributes, as PyTorch's `_metadata`.
        .raw(b"u}")
        .text("_metadata")
        .raw(b"ccollections\nOrderedDict\n)Rsb")
        .text("iter")
        .raw(b"K\x07u")
        .end()
}

fn error_of(pickle: Vec<u8>) -> CheckpointError {
    checkpoint::parse(&with_pickle(&pickle)).unwrap_err()
}

fn single(storage: (&str, &str, i32), view: (i32, &[i32], &[i32])) -> Vec<u8> {
    Pickle::new()
        .raw(b"}")
        .text("w")
        .tensor(storage, view)
        .raw(b"s")
        .end()
}

#[test]
fn weights_of_the_average_are_preferred_and_views_are_followed() {
    let loaded = checkpoint::parse(&with_pickle(&nested())).unwrap();
    let tensor = |shape: &[usize], data: &[f32]| Tensor {
        shape: shape.into(),
        data: data.into(),
    };
    let wanted = [
        ("double", tensor(&[], &[0.1])),
        ("half", tensor(&[2], &[1.0, -2.0])),
        ("transposed", tensor(&[2, 2], &[1.0, 4.0, 2.0, 5.0])),
        ("w", tensor(&[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0])),
    ];
    let wanted = wanted.map(|(name, tensor)| (name.to_owned(), tensor));
    assert_eq!(loaded.tensors, wanted.into());
    assert_eq!(loaded.metadata[pth::ENTRY_KEY], "params_ema");
}

#[test]
fn tensors_at_the_top_need_no_entry() {
    let pickle = single(("FloatStorage", "0", 6), (5, &[1], &[1]));
    let loaded = checkpoint::parse(&with_pickle(&pickle)).unwrap();
    assert_eq!(loaded.tensors["w"].data, [5.0]);
    assert!(loaded.metadata.is_empty());
}

#[test]
fn strangers_are_refused_by_name() {
    let system = Pickle::new()
        .raw(b"cos\nsystem\n")
        .text("true")
        .raw(b"\x85R")
        .end();
    assert!(matches!(error_of(system), CheckpointError::Global { name } if name == "os.system"));
    // 0x93 is STACK_GLOBAL, `i` is INST, 0x81 is NEWOBJ.
    for opcode in [0x93, b'i', 0x81, 0xff] {
        let found = error_of(Pickle::new().raw(&[opcode]).end());
        assert!(
            matches!(found, CheckpointError::Opcode { opcode: named, offset: 2 } if named == opcode)
        );
    }
    let found = error_of(single(("LongStorage", "0", 3), (0, &[1], &[1])));
    assert_eq!(
        found.to_string(),
        "tensor `w` is of type i64; known are f16, bf16, f32 and f64"
    );
    let keys = error_of(Pickle::new().raw(b"}").text("epoch").raw(b"K\x01s").end());
    assert!(keys.to_string().contains("epoch"), "{keys}");
    let protocol = error_of(b"\x80\x04.".to_vec());
    assert!(
        matches!(protocol, CheckpointError::Pickle { offset: 0, .. }),
        "{protocol}"
    );
}

#[test]
fn views_beyond_their_storage_are_refused() {
    let f32s = |length| ("FloatStorage", "0", length);
    for (storage, view) in [
        (f32s(6), (1, &[6][..], &[1][..])),
        (f32s(6), (0, &[2, 3], &[4, 1])),
        (f32s(6), (6, &[1], &[1])),
        (f32s(7), (0, &[7], &[1])),
        (f32s(i32::MAX), (0, &[1], &[1])),
    ] {
        let found = error_of(single(storage, view));
        assert!(matches!(found, CheckpointError::Tensor { .. }), "{found}");
    }
    for (offset, shape, strides) in [(-1, 1, 1), (0, -1, 1), (0, 1, -1)] {
        let found = error_of(single(f32s(6), (offset, &[shape], &[strides])));
        assert!(matches!(found, CheckpointError::Pickle { .. }), "{found}");
    }
    // Strides of zero would make much of little.
    let broad = (0, &[1 << 20, 1 << 20][..], &[0, 0][..]);
    let found = error_of(single(f32s(6), broad));
    assert!(
        matches!(found, CheckpointError::TooManyElements { .. }),
        "{found}"
    );
    let endless = (0, &[i32::MAX; 4][..], &[0; 4][..]);
    let found = error_of(single(f32s(6), endless));
    assert!(matches!(found, CheckpointError::Tensor { .. }), "{found}");
    let found = error_of(single(("FloatStorage", "9", 6), (0, &[1], &[1])));
    assert!(matches!(found, CheckpointError::Zip { .. }), "{found}");
}

#[test]
fn other_files_are_told_apart() {
    let legacy = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.";
    assert!(matches!(
        checkpoint::parse(legacy),
        Err(CheckpointError::LegacyPth)
    ));
    for other in [
        &b""[..],
        b"PK",
        b"\x89PNG\r\n\x1a\n....",
        b"plain text, long enough",
    ] {
        assert!(matches!(
            checkpoint::parse(other),
            Err(CheckpointError::UnknownFormat)
        ));
    }
    let no_pickle = zipped(&[("a.txt", b"")]);
    assert!(matches!(
        checkpoint::parse(&no_pickle),
        Err(CheckpointError::NotPth { found: 0 })
    ));
    let big = zipped(&[("data.pkl", &nested()), ("byteorder", b"big")]);
    assert!(
        matches!(checkpoint::parse(&big), Err(CheckpointError::ByteOrder { found }) if found == "big")
    );
    let mut flipped = with_pickle(&nested());
    let position = flipped.windows(6).position(|it| it == b"params").unwrap();
    flipped[position] ^= 1;
    assert!(matches!(
        checkpoint::parse(&flipped),
        Err(CheckpointError::Zip { .. })
    ));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.pth");
    assert!(
        checkpoint::load(&path)
            .unwrap_err()
            .to_string()
            .contains("net.pth")
    );
    std::fs::write(&path, b"nothing of the kind").unwrap();
    let error = checkpoint::load(&path).unwrap_err();
    assert!(error.to_string().contains("net.pth"), "{error}");
    assert_eq!(error.exit_code(), 2);
}

fn sample() -> Checkpoint {
    let tensor = |shape: &[usize]| {
        let count = u8::try_from(shape.iter().product::<usize>()).unwrap();
        Tensor {
            shape: shape.into(),
            data: (0..count).map(|v| f32::from(v) / 3.0).collect(),
        }
    };
    let tensors = [
        ("a.weight", tensor(&[2, 3])),
        ("b", tensor(&[])),
        ("empty", tensor(&[0, 4])),
    ];
    let metadata = ["source", "licence", "seed", "\"quoted\""].map(|key| (key, "some \"text\" é"));
    Checkpoint {
        tensors: tensors
            .map(|(name, tensor)| (name.to_owned(), tensor))
            .into(),
        metadata: metadata
            .map(|(key, text)| (key.to_owned(), text.to_owned()))
            .into(),
    }
}

#[test]
fn safetensors_come_back_whole_and_always_as_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.pth");
    let bare = Checkpoint {
        metadata: Default::default(),
        ..sample()
    };
    let empty = Checkpoint {
        tensors: Default::default(),
        ..sample()
    };
    for checkpoint in [sample(), bare, empty, Checkpoint::default()] {
        safetensors::save(&checkpoint, &path).unwrap();
        assert_eq!(checkpoint::load(&path).unwrap(), checkpoint);
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(safetensors::to_bytes(&checkpoint.clone()).unwrap(), bytes);
    }
    let mut wrong = sample();
    wrong.tensors.get_mut("b").unwrap().shape = vec![2];
    assert!(matches!(
        safetensors::to_bytes(&wrong),
        Err(CheckpointError::Tensor { .. })
    ));
}

#[test]
fn safetensors_of_other_types_are_widened_or_named() {
    let file = |dtype: &str, data: &[u8], count: usize| {
        let length = data.len();
        let header = format!(
            "{{\"w\":{{\"dtype\":\"{dtype}\",\"shape\":[{count}],\"data_offsets\":[0,{length}]}}}}"
        );
        [
            &(header.len() as u64).to_le_bytes()[..],
            header.as_bytes(),
            data,
        ]
        .concat()
    };
    let values = |bytes: Vec<u8>| checkpoint::parse(&bytes).unwrap().tensors["w"].data.clone();
    assert_eq!(
        values(file("F16", &[0x00, 0x3c, 0x01, 0x00], 2)),
        [1.0, 2.0_f32.powi(-24)]
    );
    assert_eq!(values(file("BF16", &[0x80, 0x3f], 1)), [1.0]);
    assert_eq!(values(file("F64", &0.1_f64.to_le_bytes(), 1)), [0.1]);
    let found = checkpoint::parse(&file("I32", &[0; 4], 1)).unwrap_err();
    assert!(found.to_string().contains("`w` is of type i32"), "{found}");
}

/// Replaces bytes of `whole` and cuts it; positions are parts of 65536.
fn damaged(whole: &[u8], changes: &[(u16, u8)], length: u16) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    let part = |of: u16, whole: usize| usize::from(of) * whole / 65536;
    for &(position, value) in changes {
        let index = part(position, bytes.len());
        bytes[index] = value;
    }
    if length < 32768 {
        bytes.truncate(part(length * 2, bytes.len()));
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn damage_never_panics(
        changes in prop::collection::vec(any::<(u16, u8)>(), 0..6),
        length in any::<u16>(),
    ) {
        let pickle = nested();
        let safe = safetensors::to_bytes(&sample()).unwrap();
        // Inside the container its checksum catches most; so the program is damaged alone, too.
        let program = with_pickle(&damaged(&pickle, &changes, length));
        let container = damaged(&with_pickle(&pickle), &changes, length);
        for bytes in [program, container, damaged(&safe, &changes, length)] {
            if let Ok(checkpoint) = checkpoint::parse(&bytes) {
                for tensor in checkpoint.tensors.values() {
                    prop_assert_eq!(tensor.shape.iter().product::<usize>(), tensor.data.len());
                }
            }
        }
    }

    #[test]
    fn random_programs_never_panic(
        // Instructions that are known, mostly with short operands.
        program in prop::collection::vec(
            prop::sample::select(b".(NKMJX}])\x85\x86\x87taesuqhcQRb\x88\x89\x8a\x00\x01\n".to_vec()),
            0..60,
        ),
    ) {
        let pickle = [b"\x80\x02".to_vec(), program].concat();
        prop_assert!(checkpoint::parse(&with_pickle(&pickle)).is_err());
    }
}
