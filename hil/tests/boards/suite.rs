//! A small suite, with a vector of every class.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mambalite::model_file::ModelFile;
use mambalite::picture::Picture;
use mambalite_hil::reference;
use mambalite_hil_certificate::Suite;
use mambalite_hil_certificate::suite::{Class, SCHEMA, Vector};
use sha2::{Digest, Sha256};

use crate::model::picture;

/// Makes the suite of a model with three channels.
pub(crate) fn small(file: &ModelFile, name: &str) -> Suite {
    let classes = [
        (Class::Golden, "golden", (7, 5)),
        (Class::Edge, "edge", (1, 1)),
        (Class::Random, "random", (5, 2)),
        (Class::Chained, "chained", (2, 2)),
        (Class::Seams, "seams", (4, 3)),
        (Class::Accumulator, "accumulator", (3, 3)),
        (Class::Real, "real", (9, 8)),
    ];
    let vectors =
        classes.map(|(class, id, size)| vector(file, class, id, &picture(size.0, size.1)));
    let mut suite = Suite {
        schema: SCHEMA,
        model: name.to_owned(),
        precision: file.model().precision().to_string(),
        model_sha256: hex::encode(file.model().sha256()),
        seed: 1,
        vectors: vectors.to_vec(),
        root: String::new(),
    };
    suite.root = hex::encode(suite.computed_root().unwrap());
    suite
}

fn vector(file: &ModelFile, class: Class, id: &str, picture: &Picture) -> Vector {
    let expected = reference::run(&file.model(), picture).unwrap();
    let digests: Vec<u8> = expected
        .digests
        .iter()
        .flat_map(|it| it.to_le_bytes())
        .collect();
    let sha256 = |bytes: &[u8]| hex::encode(Sha256::digest(bytes));
    let (width, height, channels) = picture.shape();
    Vector {
        id: format!("{id}/{width}x{height}"),
        class,
        width: width as u16,
        height: height as u16,
        channels: channels as u8,
        pixels: STANDARD.encode(picture.data()),
        after: None,
        input_sha256: sha256(picture.data()),
        output_sha256: sha256(&expected.output),
        layers_sha256: sha256(&digests),
    }
}
