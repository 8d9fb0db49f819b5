//! Evaluation sets: high-resolution pictures, their low-resolution partners, and scores over them.

use core::fmt;
use core::str::FromStr;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;

use crate::metrics::{Scores, luma};
use crate::picture::{self, Color, Picture};
use crate::resize::{Scale, resize, resize_plane};
use crate::{Error, Result};

/// A folder of high-resolution pictures, with the low-resolution picture of each at one scale.
#[derive(Clone, Debug)]
pub struct Dataset {
    scale: usize,
    color: Color,
    pairs: Vec<Pair>,
}

/// One picture of a set; its pixels are read when they are needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The high-resolution file.
    pub high: PathBuf,
    /// The low-resolution file; without one, it is made of `high` by [`resize`].
    pub low: Option<PathBuf>,
}

/// The pixels of a [`Pair`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedPair {
    /// The high-resolution picture, cut to a multiple of the scale at the right and the bottom.
    pub high: Picture,
    /// The low-resolution picture, smaller by exactly the scale.
    pub low: Picture,
}

/// The scores of one picture of a set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PictureScores {
    /// File name of the high-resolution picture, without its extension.
    pub name: String,
    /// Its scores.
    pub scores: Scores,
}

/// The scores of a set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Scores of each picture, in the order of the set.
    pub pictures: Vec<PictureScores>,
    /// Means over the pictures.
    pub mean: Scores,
}

/// The two ways in which bicubic baselines are published.
///
/// Both leave out a border as wide as the scale and use a picture stored as gray as it is (in
/// Set14 that is `bridge`; squeezed into the luma range 16..=235, as it is when read as RGB, it
/// raises the mean of Set14 by 0.09 dB). Such pictures are kept only by [`Color::AsStored`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BicubicProtocol {
    /// `rgb`: the 8-bit low-resolution picture is enlarged to an 8-bit picture, scores are taken
    /// on unrounded luma. This is how networks are scored, so it is the baseline beside them.
    Rgb,
    /// `y-double`: luma is rounded to 8 bits first, reduced and enlarged without any rounding
    /// between, and the result is rounded. This is the code of SRCNN and VDSR and gives the row
    /// that most papers print (Set5 33.66/0.9299, 30.39/0.8682, 28.42/0.8104). Low-resolution
    /// files are not used.
    YDouble,
}

impl fmt::Display for BicubicProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Rgb => "rgb",
            Self::YDouble => "y-double",
        })
    }
}

impl FromStr for BicubicProtocol {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        match word {
            "rgb" => Ok(Self::Rgb),
            "y-double" => Ok(Self::YDouble),
            _ => Err(Error::Protocol {
                found: word.to_owned(),
            }),
        }
    }
}

impl Dataset {
    /// Opens the pictures of the folder `high` at `scale`, with low-resolution files from `low`
    /// where that is given.
    ///
    /// A low-resolution file belongs to the high-resolution one of the same name without
    /// extension; `x4`, `_x4`, `-x4`, `_LR`, `_LRBI` (at scale 4) may follow it, `_HR` may follow
    /// the other. Where `low` holds no pictures but a folder `x4` or `X4`, that is used. Files
    /// of `low` without a partner are left alone.
    ///
    /// `color` says how the pictures are read. Networks are scored on [`Color::Rgb`], bicubic
    /// baselines on [`Color::AsStored`].
    ///
    /// # Errors
    ///
    /// [`Error::Read`], [`Error::NoPictures`], [`Error::LowMissing`] or [`Error::LowAmbiguous`].
    pub fn open(high: &Path, low: Option<&Path>, scale: usize, color: Color) -> Result<Self> {
        let high_files = picture::find_in_folder(high)?;
        let pairs = match low {
            None => high_files
                .into_iter()
                .map(|high| Pair { high, low: None })
                .collect(),
            Some(folder) => {
                let partners = Partners::open(folder, scale)?;
                high_files
                    .into_iter()
                    .map(|high| partners.pair(high))
                    .collect::<Result<_>>()?
            }
        };
        Ok(Self {
            scale,
            color,
            pairs,
        })
    }

    /// Returns the scale, high to low resolution.
    pub const fn scale(&self) -> usize {
        self.scale
    }

    /// Returns the pictures of the set, sorted by the name of the high-resolution file.
    pub fn pairs(&self) -> &[Pair] {
        &self.pairs
    }

    /// Reads the pixels of one pair.
    ///
    /// # Errors
    ///
    /// Those of [`Picture::load`], of [`resize`], or [`Error::LowSize`].
    pub fn load(&self, pair: &Pair) -> Result<LoadedPair> {
        let whole = Picture::load(&pair.high, self.color)?;
        let high = whole.modcrop(self.scale)?;
        let Some(low_path) = &pair.low else {
            let low = resize(&high, Scale::down(self.scale))?;
            return Ok(LoadedPair { high, low });
        };
        let mut low = Picture::load(low_path, self.color)?;
        if low.channels() != high.channels() {
            // One of the files stores gray as RGB, or the other way round.
            low = if high.channels() == 1 {
                low.to_gray()
            } else {
                low.to_rgb()
            };
        }
        if (low.width() * self.scale, low.height() * self.scale) != (high.width(), high.height()) {
            return Err(Error::LowSize {
                high: pair.high.clone(),
                high_size: (whole.width(), whole.height()),
                low: low_path.clone(),
                low_size: (low.width(), low.height()),
                scale: self.scale,
            });
        }
        Ok(LoadedPair { high, low })
    }

    /// Enlarges each low-resolution picture with `method` and scores the results, several
    /// pictures at once.
    ///
    /// # Errors
    ///
    /// [`Error::Evaluate`] with the name of the picture around what [`Dataset::load`], `method`
    /// or [`Scores::of_pictures`] answered.
    pub fn evaluate(
        &self,
        method: impl Fn(&Picture) -> Result<Picture> + Sync,
    ) -> Result<Evaluation> {
        self.score_each(|pair| {
            let LoadedPair { high, low } = self.load(pair)?;
            Scores::of_pictures(&high, &method(&low)?, self.scale)
        })
    }

    /// Scores bicubic enlargement.
    ///
    /// # Errors
    ///
    /// As [`Dataset::evaluate`].
    pub fn evaluate_bicubic(&self, protocol: BicubicProtocol) -> Result<Evaluation> {
        match protocol {
            BicubicProtocol::Rgb => self.evaluate(|low| resize(low, Scale::up(self.scale))),
            BicubicProtocol::YDouble => self.score_each(|pair| {
                let high = Picture::load(&pair.high, self.color)?.modcrop(self.scale)?;
                let truth = luma(&high).map(round_to_8_bits);
                let low = resize_plane(&truth, Scale::down(self.scale))?;
                let found = resize_plane(&low, Scale::up(self.scale))?.map(round_to_8_bits);
                Scores::of_planes(&truth, &found, self.scale)
            }),
        }
    }

    fn score_each(&self, score: impl Fn(&Pair) -> Result<Scores> + Sync) -> Result<Evaluation> {
        let named = |pair: &Pair| {
            let scores = score(pair).map_err(|cause| Error::Evaluate {
                path: pair.high.clone(),
                cause: Box::new(cause),
            })?;
            Ok(PictureScores {
                name: stem(&pair.high),
                scores,
            })
        };
        let pictures = self
            .pairs
            .par_iter()
            .map(named)
            .collect::<Result<Vec<_>>>()?;
        let scores: Vec<Scores> = pictures.iter().map(|it| it.scores).collect();
        // A set that was opened holds at least one picture.
        let mean = Scores::mean(&scores).unwrap_or_default();
        Ok(Evaluation { pictures, mean })
    }
}

/// The low-resolution files of a folder by their stems.
struct Partners {
    folder: PathBuf,
    scale: usize,
    exact: BTreeMap<String, Vec<PathBuf>>,
    reduced: BTreeMap<String, Vec<PathBuf>>,
}

impl Partners {
    fn open(folder: &Path, scale: usize) -> Result<Self> {
        let scaled = [format!("x{scale}"), format!("X{scale}")].map(|name| folder.join(name));
        let mut result = picture::find_in_folder(folder);
        if let (Err(Error::NoPictures { .. }), Some(below)) =
            (&result, scaled.iter().find(|it| it.is_dir()))
        {
            result = picture::find_in_folder(below);
        }
        let (mut exact, mut reduced) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        for path in result? {
            let stem = stem(&path);
            let suffixes = [
                format!("x{scale}"),
                "_lrbi".into(),
                "_lr".into(),
                "_hr".into(),
            ];
            reduced
                .entry(without_suffixes(&stem, &suffixes))
                .or_default()
                .push(path.clone());
            exact.entry(stem).or_default().push(path);
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            scale,
            exact,
            reduced,
        })
    }

    fn pair(&self, high: PathBuf) -> Result<Pair> {
        let name = stem(&high);
        let reduced_name = without_suffixes(&name, &["_hr".into()]);
        let candidates = self
            .exact
            .get(&name)
            .or_else(|| self.reduced.get(&reduced_name));
        match candidates.map(Vec::as_slice) {
            Some([low]) => Ok(Pair {
                high,
                low: Some(low.clone()),
            }),
            Some([first, second, ..]) => {
                let (first, second) = (first.clone(), second.clone());
                Err(Error::LowAmbiguous {
                    high,
                    first,
                    second,
                })
            }
            _ => {
                let (folder, scale) = (self.folder.clone(), self.scale);
                Err(Error::LowMissing {
                    high,
                    folder,
                    scale,
                })
            }
        }
    }
}

/// Returns the file name without its extension.
fn stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Cuts the suffixes (in lower case) off the end as long as one fits, and separators with them.
fn without_suffixes(name: &str, suffixes: &[String]) -> String {
    let mut rest = name;
    while let Some(shorter) = suffixes.iter().find_map(|suffix| {
        let cut = rest.len().checked_sub(suffix.len())?;
        let fits = rest.get(cut..)?.eq_ignore_ascii_case(suffix);
        (fits && cut > 0).then(|| rest[..cut].trim_end_matches(['_', '-']))
    }) {
        rest = shorter;
    }
    rest.to_owned()
}

/// Rounds half up and limits to 0..=255.
fn round_to_8_bits(value: f64) -> f64 {
    (value + 0.5).floor().clamp(0.0, 255.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: usize, height: usize, channels: usize) -> Picture {
        let sample = |i: usize| u8::try_from(i * i % 251).unwrap();
        let data = (0..width * height * channels).map(sample).collect();
        Picture::new(width, height, channels, data).unwrap()
    }

    /// A folder of empty files and folders (with a slash at the end).
    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"").unwrap();
        }
        folder
    }

    fn lows(high: &[&str], low: &[&str]) -> Result<Vec<String>> {
        let (high, low) = (folder(high), folder(low));
        let set = Dataset::open(high.path(), Some(low.path()), 4, Color::Rgb)?;
        let relative = |pair: &Pair| {
            let path = pair.low.as_ref().unwrap().strip_prefix(low.path()).unwrap();
            path.to_string_lossy().into_owned()
        };
        Ok(set.pairs().iter().map(relative).collect())
    }

    #[test]
    fn partners_are_found_by_name_and_known_suffixes() {
        let high = ["baby.png", "img_001_HR.png", "maxx4.png"];
        let low = [
            "babyx4.webp",
            "img_001_SRF_4_LR.png",
            "IMG.png",
            "img_001_LRBI_x4.png",
        ];
        let low = [&low[..], &["maxx4.bmp", "other.png"]].concat();
        assert_eq!(
            lows(&high, &low).unwrap(),
            ["babyx4.webp", "img_001_LRBI_x4.png", "maxx4.bmp"]
        );
        assert_eq!(
            lows(&["baby.png"], &["x2/baby.png", "x4/baby.png"]).unwrap(),
            ["x4/baby.png"]
        );
        // The exact name wins.
        assert_eq!(lows(&["a.png"], &["a.png", "ax4.png"]).unwrap(), ["a.png"]);
    }

    #[test]
    fn missing_and_doubtful_partners_are_named() {
        let error = lows(&["baby.png"], &["bird.png"]).unwrap_err();
        assert!(matches!(error, Error::LowMissing { .. }));
        assert!(error.to_string().contains("baby.png"), "{error}");
        let error = lows(&["baby.png"], &["babyx4.png", "baby_LR.png"]).unwrap_err();
        assert!(matches!(error, Error::LowAmbiguous { .. }), "{error}");
        let error = lows(&["baby.png"], &["readme.txt"]).unwrap_err();
        assert!(matches!(error, Error::NoPictures { .. }), "{error}");
    }

    #[test]
    fn low_resolution_is_made_where_none_is_given() {
        let high = tempfile::tempdir().unwrap();
        picture(51, 50, 3).save(&high.path().join("a.png")).unwrap();
        let set = Dataset::open(high.path(), None, 4, Color::Rgb).unwrap();
        let loaded = set.load(&set.pairs()[0]).unwrap();
        assert_eq!(
            (loaded.high.shape(), loaded.low.shape()),
            ((48, 48, 3), (12, 12, 3))
        );
        assert_eq!(loaded.low, resize(&loaded.high, Scale::down(4)).unwrap());
    }

    #[test]
    fn a_partner_of_the_wrong_size_is_refused() {
        let (high, low) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        picture(51, 50, 3).save(&high.path().join("a.png")).unwrap();
        picture(13, 12, 3).save(&low.path().join("a.png")).unwrap();
        let set = Dataset::open(high.path(), Some(low.path()), 4, Color::Rgb).unwrap();
        let message = set.load(&set.pairs()[0]).unwrap_err().to_string();
        assert!(
            message.contains("12x12") && message.contains("51x50"),
            "{message}"
        );
    }

    #[test]
    fn scores_keep_the_order_and_errors_name_the_picture() {
        let high = tempfile::tempdir().unwrap();
        picture(40, 40, 3).save(&high.path().join("b.png")).unwrap();
        picture(44, 40, 1).save(&high.path().join("a.png")).unwrap();
        let set = Dataset::open(high.path(), None, 2, Color::AsStored).unwrap();
        let report = set.evaluate(|low| resize(low, Scale::up(2))).unwrap();
        assert_eq!(report, set.evaluate_bicubic(BicubicProtocol::Rgb).unwrap());
        let names: Vec<&str> = report.pictures.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        let sum = report.pictures[0].scores.psnr_y + report.pictures[1].scores.psnr_y;
        assert!((report.mean.psnr_y - sum / 2.0).abs() < 1e-12);
        let error = set.evaluate(|low| Ok(low.to_rgb())).unwrap_err();
        assert!(error.to_string().contains(".png"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn protocols_are_read_as_they_are_written() {
        for protocol in [BicubicProtocol::Rgb, BicubicProtocol::YDouble] {
            assert_eq!(
                protocol.to_string().parse::<BicubicProtocol>().unwrap(),
                protocol
            );
        }
        assert!("cubic".parse::<BicubicProtocol>().is_err());
    }
}
