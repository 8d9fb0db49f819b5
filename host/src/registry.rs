//! Models by name: those that are shipped inside the program, and files.

use std::path::Path;

use mambalite_kernels::{ModelError, Precision};

use crate::model_file::ModelFile;
use crate::{Error, Result};

macro_rules! embedded {
    ($name:literal, $file:literal) => {
        include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../models/",
            $name,
            $file
        ))
    };
}

/// Embeds the files of `models/<name>`.
macro_rules! shipped {
    ($name:literal, $psnr_y:expr) => {
        Shipped {
            name: $name,
            psnr_y: $psnr_y,
            f32: embedded!($name, "/f32.mls"),
            w8a16: embedded!($name, "/w8a16.mls"),
            w8a8: embedded!($name, "/w8a8.mls"),
        }
    };
}

/// The model that is used where none is named.
pub const DEFAULT: &str = "mambalite-x4-tiny";

/// Every shipped model. A new one is a folder `models/<name>` with `f32.mls`, `w8a16.mls` and
/// `w8a8.mls`, and a line here with the luma PSNR on Set5 that its README states of each precision.
pub const SHIPPED: &[Shipped] = &[
    shipped!("mambalite-x4-tiny", [30.718, 30.715, 30.650]),
    shipped!("dvmsr-x4-141k", [31.512, 31.471, 31.384]),
];

/// A model that is part of the program, in every precision.
#[derive(Clone, Copy, Debug)]
pub struct Shipped {
    /// Its name.
    pub name: &'static str,
    psnr_y: [f64; 3],
    f32: &'static [u8],
    w8a16: &'static [u8],
    w8a8: &'static [u8],
}

impl Shipped {
    /// Returns the bytes of the model file of a precision.
    pub const fn bytes(&self, precision: Precision) -> &'static [u8] {
        match precision {
            Precision::F32 => self.f32,
            Precision::W8A16 => self.w8a16,
            Precision::W8A8 => self.w8a8,
        }
    }

    /// Returns the luma PSNR of a precision on Set5, dB.
    pub const fn psnr_y(&self, precision: Precision) -> f64 {
        self.psnr_y[precision as usize]
    }

    /// Returns the model of a precision.
    ///
    /// # Errors
    /// What is wrong with the file that was embedded.
    pub fn load(&self, precision: Precision) -> Result<ModelFile, ModelError> {
        ModelFile::from_bytes(self.bytes(precision))
    }
}

/// Loads a shipped model by its name, anything else as a file.
///
/// Without a `precision`, a shipped model comes in `f32` and a file as it is. A file that has the
/// name of a shipped model is reached by a path, as `./NAME`.
///
/// # Errors
/// [`Error::UnknownModel`] for what is neither, [`Error::ModelPrecision`] for a file of another
/// precision, and those of [`ModelFile::load`].
pub fn load(name_or_path: &str, precision: Option<Precision>) -> Result<ModelFile> {
    let path = Path::new(name_or_path);
    if let Some(shipped) = SHIPPED.iter().find(|it| it.name == name_or_path) {
        let loaded = shipped.load(precision.unwrap_or(Precision::F32));
        return loaded.map_err(|cause| Error::Model {
            path: path.to_path_buf(),
            cause,
        });
    }
    if !path.exists() {
        let known: Vec<_> = SHIPPED.iter().map(|it| it.name).collect();
        return Err(Error::UnknownModel {
            name: name_or_path.to_owned(),
            known: known.join(", "),
        });
    }
    let file = ModelFile::load(path)?;
    let found = file.model().precision();
    match precision {
        Some(wanted) if wanted != found => Err(Error::ModelPrecision {
            path: path.to_path_buf(),
            found,
            wanted,
        }),
        _ => Ok(file),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_models_are_whole_and_of_their_precision() {
        assert!(SHIPPED.iter().any(|it| it.name == DEFAULT));
        for shipped in SHIPPED {
            let single = load(shipped.name, None).unwrap();
            assert_eq!(
                single.model().precision(),
                Precision::F32,
                "{}",
                shipped.name
            );
            for precision in Precision::ALL {
                let file = load(shipped.name, Some(precision)).unwrap();
                let model = file.model();
                assert_eq!(model.precision(), precision, "{}", shipped.name);
                assert_eq!(model.config(), single.model().config(), "{}", shipped.name);
            }
        }
    }

    #[test]
    fn scores_are_those_of_the_models_cards() {
        for shipped in SHIPPED {
            let card = format!(
                "{}/../models/{}/README.md",
                env!("CARGO_MANIFEST_DIR"),
                shipped.name
            );
            let card = std::fs::read_to_string(card).unwrap();
            for precision in Precision::ALL {
                let score = format!("| {:.3} / ", shipped.psnr_y(precision));
                let mut lines = card.lines();
                let row = lines.find(|it| it.starts_with(&format!("| {precision}")));
                assert!(row.unwrap().contains(&score), "{} {score}", shipped.name);
            }
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = load("no-such-model", None).unwrap_err();
        assert!(matches!(error, Error::UnknownModel { .. }));
        assert!(error.to_string().contains(DEFAULT), "{error}");
    }
}
