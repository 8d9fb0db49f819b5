//! Pictures of 8-bit samples: loading, saving, cutting and finding them.

use std::fs::{self, File};
use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::codecs::jpeg::JpegEncoder;
use image::{
    DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageFormat, ImageReader, Limits,
};

use crate::{Error, Result, atomic_file};

/// The largest number of pixels of a picture that is loaded.
pub const MAX_PIXELS: u64 = 1 << 27;

/// Quality of saved JPEG files, 1 to 100.
const JPEG_QUALITY: u8 = 95;

/// Extensions, in lower case, of the files taken from a folder.
const EXTENSIONS: [&str; 5] = ["png", "jpg", "jpeg", "webp", "bmp"];

/// Which channels a loaded picture gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// One channel where the file has one, three otherwise.
    AsStored,
    /// Three channels; gray is repeated.
    #[default]
    Rgb,
    /// One channel; colour is reduced as by [`Picture::to_gray`].
    Gray,
}

/// A picture of interleaved 8-bit samples in raster order, shape `[height, width, channels]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Picture {
    width: usize,
    height: usize,
    channels: usize,
    data: Vec<u8>,
}

impl Picture {
    /// Makes a picture of its samples; `channels` is 1 (gray) or 3 (RGB).
    ///
    /// # Errors
    ///
    /// [`Error::BufferSize`] where there are no pixels, the channels are neither 1 nor 3, or
    /// `data` does not hold `width * height * channels` samples.
    pub fn new(width: usize, height: usize, channels: usize, data: Vec<u8>) -> Result<Self> {
        let expected = width
            .checked_mul(height)
            .and_then(|pixels| pixels.checked_mul(channels));
        let known = channels == 1 || channels == 3;
        if !known || data.is_empty() || expected != Some(data.len()) {
            return Err(Error::BufferSize {
                width,
                height,
                channels,
                found: data.len(),
            });
        }
        Ok(Self {
            width,
            height,
            channels,
            data,
        })
    }

    /// Loads a PNG, JPEG, WebP or BMP file; its content decides, not its extension.
    ///
    /// 16-bit samples become `round(v * 255 / 65535)`. Transparency is dropped: the colour
    /// samples are taken as they are stored, without a background. The EXIF orientation is
    /// applied; colour profiles are not. Of an animation the first picture is taken.
    ///
    /// # Errors
    ///
    /// [`Error::Read`], [`Error::PictureFormat`], [`Error::PictureDecode`] or
    /// [`Error::PictureTooLarge`] (more than [`MAX_PIXELS`]), each with the path.
    pub fn load(path: &Path, color: Color) -> Result<Self> {
        let bytes = fs::read(path).map_err(|cause| Error::Read {
            path: path.to_path_buf(),
            cause,
        })?;
        Self::decode(&bytes, path, color)
    }

    /// Decodes the content of a picture file, as [`Picture::load`] does; `path` is for messages.
    ///
    /// # Errors
    ///
    /// As [`Picture::load`].
    pub fn decode(bytes: &[u8], path: &Path, color: Color) -> Result<Self> {
        let format = match image::guess_format(bytes) {
            Ok(format) if format_name(format).is_none() => format,
            other => {
                let found = other.ok().and_then(format_name);
                return Err(Error::PictureFormat {
                    path: path.to_path_buf(),
                    found,
                });
            }
        };
        let damaged = |cause: String| Error::PictureDecode {
            path: path.to_path_buf(),
            cause,
        };
        if format == ImageFormat::Jpeg && !jpeg_is_complete(bytes) {
            return Err(damaged("the end of the JPEG data is missing".into()));
        }
        let mut decoder = ImageReader::with_format(Cursor::new(bytes), format)
            .into_decoder()
            .map_err(|cause| damaged(cause.to_string()))?;
        let (width, height) = decoder.dimensions();
        let pixels = u64::from(width) * u64::from(height);
        if pixels > MAX_PIXELS {
            let path = path.to_path_buf();
            return Err(Error::PictureTooLarge {
                path,
                width,
                height,
                limit: MAX_PIXELS,
            });
        }
        let mut limits = Limits::no_limits();
        // Up to 8 bytes a pixel for the samples and as much again for the decoder's own needs.
        limits.max_alloc = Some(pixels * 16 + (1 << 20));
        decoder
            .set_limits(limits)
            .map_err(|cause| damaged(cause.to_string()))?;
        let orientation = decoder
            .orientation()
            .map_err(|cause| damaged(cause.to_string()))?;
        let mut decoded =
            DynamicImage::from_decoder(decoder).map_err(|cause| damaged(cause.to_string()))?;
        decoded.apply_orientation(orientation);
        let picture = Self::from_dynamic(&decoded).map_err(|cause| damaged(cause.to_string()))?;
        Ok(match color {
            Color::AsStored => picture,
            Color::Rgb => picture.to_rgb(),
            Color::Gray => picture.to_gray(),
        })
    }

    /// Saves the picture in the format of the extension: `.png`, `.webp` and `.bmp` lossless,
    /// `.jpg` and `.jpeg` with quality 95. WebP and BMP keep gray as RGB. The file appears
    /// complete or not at all.
    ///
    /// # Errors
    ///
    /// [`Error::PictureExtension`], [`Error::PictureEncode`] (dimensions that the format cannot
    /// hold) or [`Error::Write`].
    pub fn save(&self, path: &Path) -> Result<()> {
        let extension = lower_extension(path);
        let format = match extension.as_deref() {
            Some("png") => ImageFormat::Png,
            Some("jpg" | "jpeg") => ImageFormat::Jpeg,
            Some("webp") => ImageFormat::WebP,
            Some("bmp") => ImageFormat::Bmp,
            _ => {
                return Err(Error::PictureExtension {
                    path: path.to_path_buf(),
                });
            }
        };
        let bytes = self.encode(format).map_err(|cause| Error::PictureEncode {
            path: path.to_path_buf(),
            cause,
        })?;
        atomic_file::write(path, |out| out.write_all(&bytes))
    }

    /// Returns the picture as the bytes of a PNG file.
    ///
    /// # Errors
    ///
    /// [`Error::PictureEncode`] where PNG cannot hold the dimensions.
    pub fn to_png(&self) -> Result<Vec<u8>> {
        self.encode(ImageFormat::Png)
            .map_err(|cause| Error::PictureEncode {
                path: PathBuf::from("(memory)"),
                cause,
            })
    }

    /// Returns the width in pixels.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Returns the height in pixels.
    pub const fn height(&self) -> usize {
        self.height
    }

    /// Returns the number of channels, 1 or 3.
    pub const fn channels(&self) -> usize {
        self.channels
    }

    /// Returns the samples, interleaved, in raster order.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Takes the samples out of the picture.
    pub fn into_data(self) -> Vec<u8> {
        self.data
    }

    /// Returns the rows from top to bottom, each `width * channels` samples.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.data.chunks_exact(self.width * self.channels)
    }

    /// Returns width, height and channels.
    pub const fn shape(&self) -> (usize, usize, usize) {
        (self.width, self.height, self.channels)
    }

    /// Returns the rectangle of `width` x `height` pixels whose upper left corner is `(x, y)`.
    ///
    /// # Errors
    ///
    /// [`Error::Crop`] where the rectangle is empty or reaches outside the picture.
    pub fn crop(&self, x: usize, y: usize, width: usize, height: usize) -> Result<Self> {
        let inside = |start: usize, length: usize, whole: usize| {
            length > 0 && start.checked_add(length).is_some_and(|end| end <= whole)
        };
        if !inside(x, width, self.width) || !inside(y, height, self.height) {
            return Err(Error::Crop {
                x,
                y,
                crop_width: width,
                crop_height: height,
                width: self.width,
                height: self.height,
            });
        }
        let (start, length) = (x * self.channels, width * self.channels);
        let mut data = Vec::with_capacity(length * height);
        for row in self.rows().skip(y).take(height) {
            data.extend_from_slice(&row[start..start + length]);
        }
        Ok(Self {
            width,
            height,
            channels: self.channels,
            data,
        })
    }

    /// Cuts columns at the right and rows at the bottom so that both dimensions are multiples
    /// of `multiple`.
    ///
    /// # Errors
    ///
    /// [`Error::Crop`] where nothing would remain, also for a `multiple` of 0.
    pub fn modcrop(&self, multiple: usize) -> Result<Self> {
        let down = |whole: usize| whole.checked_rem(multiple).map_or(0, |rest| whole - rest);
        self.crop(0, 0, down(self.width), down(self.height))
    }

    /// Returns the picture with three channels; gray is repeated.
    #[must_use]
    pub fn to_rgb(&self) -> Self {
        if self.channels == 3 {
            return self.clone();
        }
        let data = self.data.iter().flat_map(|&v| [v, v, v]).collect();
        Self {
            width: self.width,
            height: self.height,
            channels: 3,
            data,
        }
    }

    /// Returns the picture with one channel: `0.299 R + 0.587 G + 0.114 B`, rounded half up, in
    /// the full range 0..=255, so that gray stored as RGB keeps its values.
    ///
    /// For the luma that scores are taken on see [`crate::metrics::luma`].
    #[must_use]
    pub fn to_gray(&self) -> Self {
        if self.channels == 1 {
            return self.clone();
        }
        let data = self
            .data
            .chunks_exact(3)
            .map(|rgb| full_range_gray([rgb[0], rgb[1], rgb[2]]));
        Self {
            width: self.width,
            height: self.height,
            channels: 1,
            data: data.collect(),
        }
    }

    fn from_dynamic(decoded: &DynamicImage) -> Result<Self> {
        let (width, height) = (decoded.width() as usize, decoded.height() as usize);
        let (channels, data) = match decoded {
            DynamicImage::ImageLuma8(pixels) => (1, pixels.as_raw().clone()),
            DynamicImage::ImageRgb8(pixels) => (3, pixels.as_raw().clone()),
            DynamicImage::ImageLumaA8(pixels) => (1, colors(pixels.as_raw(), 2, |v| v)),
            DynamicImage::ImageRgba8(pixels) => (3, colors(pixels.as_raw(), 4, |v| v)),
            DynamicImage::ImageLuma16(pixels) => {
                (1, pixels.as_raw().iter().map(|&v| eight_bits(v)).collect())
            }
            DynamicImage::ImageRgb16(pixels) => {
                (3, pixels.as_raw().iter().map(|&v| eight_bits(v)).collect())
            }
            DynamicImage::ImageLumaA16(pixels) => (1, colors(pixels.as_raw(), 2, eight_bits)),
            DynamicImage::ImageRgba16(pixels) => (3, colors(pixels.as_raw(), 4, eight_bits)),
            other => (3, other.to_rgb8().into_raw()),
        };
        Self::new(width, height, channels, data)
    }

    fn encode(&self, format: ImageFormat) -> core::result::Result<Vec<u8>, String> {
        let too_large = || format!("{}x{} pixels are too many", self.width, self.height);
        let width = u32::try_from(self.width).map_err(|_| too_large())?;
        let height = u32::try_from(self.height).map_err(|_| too_large())?;
        let color = if self.channels == 1 {
            ExtendedColorType::L8
        } else {
            ExtendedColorType::Rgb8
        };
        let mut bytes = Vec::new();
        if format == ImageFormat::Jpeg {
            JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)
                .write_image(&self.data, width, height, color)
        } else {
            let target = &mut Cursor::new(&mut bytes);
            image::write_buffer_with_format(target, &self.data, width, height, color, format)
        }
        .map_err(|cause| cause.to_string())?;
        Ok(bytes)
    }
}

/// Finds pictures: files are taken as they are named, of a folder the files in it (not in its
/// subfolders) that end in `.png`, `.jpg`, `.jpeg`, `.webp` or `.bmp` in any case and do not
/// start with a dot, sorted by name. The order of `inputs` is kept.
///
/// # Errors
///
/// [`Error::Read`] for what does not exist, [`Error::NoPictures`] for a folder without any.
pub fn find(inputs: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for input in inputs {
        if input.is_dir() {
            found.extend(find_in_folder(input)?);
        } else {
            // Opening it tells a missing or forbidden file now, not after an hour of others.
            File::open(input).map_err(|cause| Error::Read {
                path: input.clone(),
                cause,
            })?;
            found.push(input.clone());
        }
    }
    Ok(found)
}

/// Finds the pictures of one folder, as [`find`] does.
///
/// # Errors
///
/// [`Error::Read`] or [`Error::NoPictures`].
pub fn find_in_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |cause| Error::Read {
        path: folder.to_path_buf(),
        cause,
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let hidden = path
            .file_name()
            .is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        let known = lower_extension(&path).is_some_and(|it| EXTENSIONS.contains(&it.as_str()));
        if known && !hidden && path.is_file() {
            found.push(path);
        }
    }
    if found.is_empty() {
        return Err(Error::NoPictures {
            path: folder.to_path_buf(),
        });
    }
    found.sort();
    Ok(found)
}

fn lower_extension(path: &Path) -> Option<String> {
    Some(path.extension()?.to_str()?.to_ascii_lowercase())
}

/// Names the formats that are recognised but not read; `None` for those that are read.
fn format_name(format: ImageFormat) -> Option<&'static str> {
    match format {
        ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP | ImageFormat::Bmp => None,
        ImageFormat::Gif => Some("a GIF picture"),
        ImageFormat::Tiff => Some("a TIFF picture"),
        ImageFormat::Avif => Some("an AVIF picture"),
        ImageFormat::OpenExr => Some("an OpenEXR picture"),
        ImageFormat::Ico => Some("an icon file"),
        _ => Some("a picture of another format"),
    }
}

/// Tells whether an end-of-image marker follows the start of the first scan.
///
/// The decoder fills what is missing of a cut JPEG with gray and reports no error. Behind the
/// first scan header the two bytes of the marker stand for nothing else.
fn jpeg_is_complete(bytes: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xda;
    let mut rest = bytes.get(2..).unwrap_or_default();
    loop {
        match *rest {
            [0xff, START_OF_SCAN, ref scan @ ..] => {
                return scan.windows(2).any(|pair| pair == [0xff, 0xd9]);
            }
            // Fill bytes may stand before a marker.
            [0xff, 0xff, ..] => rest = &rest[1..],
            [0xff, _, high, low, ..] => {
                let segment = 2 + usize::from(u16::from_be_bytes([high, low]));
                rest = rest.get(segment..).unwrap_or_default();
            }
            _ => return false,
        }
    }
}

/// Drops the last of each `stride` samples and converts the others.
fn colors<T: Copy>(samples: &[T], stride: usize, convert: impl Fn(T) -> u8) -> Vec<u8> {
    samples
        .chunks_exact(stride)
        .flat_map(|pixel| &pixel[..stride - 1])
        .map(|&v| convert(v))
        .collect()
}

/// Returns `round(v * 255 / 65535)`, exactly.
const fn eight_bits(v: u16) -> u8 {
    // 65535 = 255 * 257, so the quotient is v / 257, and no value lies half-way.
    ((v as u32 + 128) / 257) as u8
}

/// Returns `0.299 R + 0.587 G + 0.114 B`, rounded half up.
const fn full_range_gray([r, g, b]: [u8; 3]) -> u8 {
    ((299 * r as u32 + 587 * g as u32 + 114 * b as u32 + 500) / 1000) as u8
}

#[cfg(test)]
mod tests;
