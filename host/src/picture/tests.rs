//! Tests of pictures: every format, damage, and the rules of conversion.

use super::*;

/// A smooth colour picture, so that JPEG stays near it.
fn gradient(width: usize, height: usize) -> Picture {
    let sample = |i: usize| {
        let (pixel, channel) = (i / 3, i % 3);
        let (x, y) = (pixel % width, pixel / width);
        u8::try_from((x * 5 + y * 3 + channel * 20) % 256).unwrap()
    };
    Picture::new(
        width,
        height,
        3,
        (0..width * height * 3).map(sample).collect(),
    )
    .unwrap()
}

fn encoded(image: &DynamicImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    image
        .write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)
        .unwrap();
    bytes
}

fn decode(bytes: &[u8], color: Color) -> Result<Picture> {
    Picture::decode(bytes, Path::new("some.png"), color)
}

#[test]
fn lossless_formats_come_back_whole_whatever_the_extension_says() {
    let folder = tempfile::tempdir().unwrap();
    let color = gradient(31, 17);
    for picture in [color.to_gray(), color] {
        for extension in ["png", "PNG", "webp", "bmp"] {
            let path = folder.path().join(format!("a.{extension}"));
            picture.save(&path).unwrap();
            let misnamed = folder.path().join("misnamed.jpg");
            fs::rename(&path, &misnamed).unwrap();
            let loaded = Picture::load(&misnamed, Color::AsStored).unwrap();
            // These formats keep no gray.
            let gray_is_kept = extension.eq_ignore_ascii_case("png");
            let wanted = if gray_is_kept {
                picture.clone()
            } else {
                picture.to_rgb()
            };
            assert_eq!(loaded, wanted, "{extension}");
        }
    }
}

#[test]
fn jpeg_comes_back_near() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.JPEG");
    let picture = gradient(40, 24);
    picture.save(&path).unwrap();
    let loaded = Picture::load(&path, Color::Rgb).unwrap();
    assert_eq!(loaded.shape(), picture.shape());
    let worst = loaded
        .data()
        .iter()
        .zip(picture.data())
        .map(|(a, b)| a.abs_diff(*b))
        .max();
    assert!(worst <= Some(20), "{worst:?}");
    picture.to_gray().save(&path).unwrap();
    assert_eq!(Picture::load(&path, Color::AsStored).unwrap().channels(), 1);
    assert_eq!(Picture::load(&path, Color::Rgb).unwrap().channels(), 3);
}

#[test]
fn sixteen_bits_are_rounded_and_transparency_is_dropped() {
    let deep = image::ImageBuffer::from_raw(4, 1, vec![0_u16, 128, 129, 65535]).unwrap();
    let loaded = decode(&encoded(&DynamicImage::ImageLuma16(deep)), Color::AsStored).unwrap();
    assert_eq!((loaded.channels(), loaded.data()), (1, &[0, 0, 1, 255][..]));
    for v in 0..=u16::MAX {
        assert_eq!(
            f64::from(eight_bits(v)),
            (f64::from(v) * 255.0 / 65535.0).round()
        );
    }
    let clear = image::RgbaImage::from_raw(2, 1, vec![9, 8, 7, 0, 1, 2, 3, 255]).unwrap();
    let loaded = decode(&encoded(&DynamicImage::ImageRgba8(clear)), Color::AsStored).unwrap();
    assert_eq!(
        (loaded.channels(), loaded.data()),
        (3, &[9, 8, 7, 1, 2, 3][..])
    );
    let gray = image::GrayAlphaImage::from_raw(2, 1, vec![9, 0, 8, 255]).unwrap();
    let loaded = decode(&encoded(&DynamicImage::ImageLumaA8(gray)), Color::AsStored).unwrap();
    assert_eq!((loaded.channels(), loaded.data()), (1, &[9, 8][..]));
}

#[test]
fn cut_files_are_errors_that_name_the_file() {
    let picture = gradient(64, 48);
    for format in [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::WebP,
        ImageFormat::Bmp,
    ] {
        let bytes = picture.encode(format).unwrap();
        decode(&bytes, Color::Rgb).unwrap();
        for part in [
            bytes.len() / 8,
            bytes.len() / 2,
            bytes.len() - bytes.len() / 16,
        ] {
            let error = decode(&bytes[..part], Color::Rgb).unwrap_err();
            let message = error.to_string();
            assert!(message.contains("some.png"), "{message}");
            assert!(
                matches!(error, Error::PictureDecode { .. }),
                "{format:?} {part}: {message}"
            );
        }
    }
}

#[test]
fn what_is_no_picture_is_named() {
    let found = |bytes: &[u8]| match decode(bytes, Color::Rgb) {
        Err(Error::PictureFormat { found, .. }) => found,
        other => panic!("{other:?}"),
    };
    assert_eq!(found(b""), None);
    assert_eq!(found(b"hello, this is text"), None);
    assert_eq!(found(b"GIF89a\x01\x00\x01\x00"), Some("a GIF picture"));
    let missing = Picture::load(Path::new("/nowhere/x.png"), Color::Rgb).unwrap_err();
    assert!(missing.to_string().contains("/nowhere/x.png"));
    let unknown = gradient(2, 2).save(Path::new("x.gif")).unwrap_err();
    assert!(unknown.to_string().contains(".png"), "{unknown}");
}

#[test]
fn a_picture_beyond_the_limit_is_refused_before_decoding() {
    // A BMP header alone states the size.
    let mut bytes = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    bytes.extend(20_000_u32.to_le_bytes());
    bytes.extend(20_000_u32.to_le_bytes());
    bytes.extend([1, 0, 24, 0]);
    bytes.resize(54, 0);
    let error = decode(&bytes, Color::Rgb).unwrap_err();
    assert!(
        matches!(error, Error::PictureTooLarge { width: 20_000, .. }),
        "{error}"
    );
}

#[test]
fn exif_orientation_is_applied() {
    let plain = gradient(24, 16).encode(ImageFormat::Jpeg).unwrap();
    // Orientation 6: rotate by 90 degrees clockwise.
    let mut exif = b"\xff\xe1\0\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0".to_vec();
    exif.extend(b"\x01\0\0\0\x06\0\0\0\0\0\0\0");
    let turned = [&plain[..2], &exif, &plain[2..]].concat();
    let (plain, turned) = (decode(&plain, Color::Rgb), decode(&turned, Color::Rgb));
    let (plain, turned) = (plain.unwrap(), turned.unwrap());
    assert_eq!((turned.width(), turned.height()), (16, 24));
    assert_eq!(
        turned.crop(15, 0, 1, 1).unwrap(),
        plain.crop(0, 0, 1, 1).unwrap()
    );
    assert_eq!(
        turned.crop(15, 23, 1, 1).unwrap(),
        plain.crop(23, 0, 1, 1).unwrap()
    );
}

#[test]
fn crop_takes_the_rectangle_and_checks_it() {
    let picture = gradient(10, 8);
    let part = picture.crop(2, 3, 4, 5).unwrap();
    assert_eq!(part.shape(), (4, 5, 3));
    assert_eq!(part.data()[..3], picture.data()[(3 * 10 + 2) * 3..][..3]);
    assert_eq!(
        part.rows().last().unwrap()[9..],
        picture.data()[(7 * 10 + 5) * 3..][..3]
    );
    for (x, y, width, height) in [
        (0, 0, 11, 1),
        (10, 0, 1, 1),
        (0, 0, 0, 1),
        (1, 1, usize::MAX, 1),
    ] {
        assert!(matches!(
            picture.crop(x, y, width, height),
            Err(Error::Crop { .. })
        ));
    }
    assert_eq!(picture.modcrop(3).unwrap().shape(), (9, 6, 3));
    assert!(picture.modcrop(0).is_err());
    assert!(picture.modcrop(9).is_err());
}

#[test]
fn gray_keeps_its_values_through_rgb() {
    let gray = Picture::new(256, 1, 1, (0..=255).collect()).unwrap();
    assert_eq!(gray.to_rgb().to_gray(), gray);
    let pure = Picture::new(3, 1, 3, vec![255, 0, 0, 0, 255, 0, 0, 0, 255]).unwrap();
    assert_eq!(pure.to_gray().data(), [76, 150, 29]);
}

#[test]
fn wrong_buffers_are_refused() {
    for (width, height, channels, samples) in [
        (2, 2, 3, 11),
        (2, 2, 2, 8),
        (0, 4, 1, 0),
        (usize::MAX, 2, 1, 6),
    ] {
        let made = Picture::new(width, height, channels, vec![0; samples]);
        assert!(matches!(made, Err(Error::BufferSize { .. })));
    }
}

#[test]
fn folders_are_listed_in_order_and_without_strangers() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["b.PNG", "a.jpg", "c.txt", ".d.png", "noextension"] {
        fs::write(path(name), b"").unwrap();
    }
    fs::create_dir(path("sub.png")).unwrap();
    let listed = vec![path("a.jpg"), path("b.PNG")];
    assert_eq!(find(&[folder.path().to_path_buf()]).unwrap(), listed);
    assert_eq!(find(&[path("c.txt")]).unwrap(), [path("c.txt")]);
    assert!(matches!(find(&[path("none.png")]), Err(Error::Read { .. })));
    assert!(matches!(
        find(&[path("sub.png")]),
        Err(Error::NoPictures { .. })
    ));
}
