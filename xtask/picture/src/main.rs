//! Makes the pictures of `cargo xtask demo`: a photograph and its small version.
//!
//! A program apart from `xtask`, so that `xtask` itself compiles in seconds and the small version
//! is made by the resampling of the product.

mod chart;
mod photograph;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use mambalite::picture::{Color, Picture};
use mambalite::resize::{Scale, resize};

/// Factor between the two pictures.
const SCALE: usize = 4;
/// Longest side of the large picture, pixels.
const SIDE_MAX: usize = 256;

/// Makes a large picture and its small version.
#[derive(Debug, Parser)]
struct Arguments {
    /// A photograph of which the middle is taken; without it, one that comes from PyPI.
    #[arg(long)]
    input: Option<PathBuf>,
    /// Folder for `ground-truth.png` and `input.png`.
    #[arg(long)]
    out: PathBuf,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let out = &arguments.out;
    fs::create_dir_all(out).with_context(|| format!("make {}", out.display()))?;
    let large = match &arguments.input {
        Some(path) => middle(&Picture::load(path, Color::Rgb)?)?,
        None => photograph::fetch(&out.join("wheel")).or_else(|error| {
            eprintln!("note: no photograph could be had ({error:#}); a test chart is used instead");
            chart::draw(SIDE_MAX)
        })?,
    };
    save_pair(&large, out)
}

/// Saves the large picture and its small version.
fn save_pair(large: &Picture, out: &Path) -> Result<()> {
    large.save(&out.join("ground-truth.png"))?;
    resize(large, Scale::down(SCALE))?.save(&out.join("input.png"))?;
    Ok(())
}

/// Cuts the middle out of a picture, its sides multiples of the scale.
fn middle(picture: &Picture) -> Result<Picture> {
    let fit = |side: usize| side.min(SIDE_MAX) / SCALE * SCALE;
    let (width, height) = (fit(picture.width()), fit(picture.height()));
    ensure!(
        width > 0 && height > 0,
        "the picture is smaller than {SCALE} x {SCALE} pixels"
    );
    let (x, y) = (
        (picture.width() - width) / 2,
        (picture.height() - height) / 2,
    );
    Ok(picture.crop(x, y, width, height)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gray(width: usize, height: usize) -> Picture {
        Picture::new(width, height, 3, vec![128; width * height * 3]).unwrap()
    }

    #[test]
    fn the_middle_has_sides_that_the_scale_divides() {
        let cut = middle(&gray(303, 101)).unwrap();
        assert_eq!((cut.width(), cut.height()), (256, 100));
        assert!(middle(&gray(3, 300)).is_err());
    }

    #[test]
    fn the_small_picture_is_a_quarter_as_wide() {
        let folder = tempfile::tempdir().unwrap();
        save_pair(&chart::draw(SIDE_MAX).unwrap(), folder.path()).unwrap();
        let load = |name: &str| Picture::load(&folder.path().join(name), Color::Rgb).unwrap();
        assert_eq!(load("ground-truth.png").shape(), (256, 256, 3));
        assert_eq!(load("input.png").shape(), (64, 64, 3));
    }
}
