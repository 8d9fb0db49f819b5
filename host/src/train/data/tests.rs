use std::sync::Arc;

use super::loader::Loader;
use super::patch::Patches;
use super::*;
use crate::train::config::TrainFolder;

/// Size, name and content of the pictures of two folders.
const SIZES: [(usize, usize); 6] = [(64, 48), (40, 41), (33, 90), (48, 48), (100, 37), (50, 50)];

fn picture(width: usize, height: usize, seed: usize) -> Picture {
    let sample = |i: usize| ((i * 7 + i / (3 * width) * 13 + seed * 41) % 251) as u8;
    Picture::new(
        width,
        height,
        3,
        (0..width * height * 3).map(sample).collect(),
    )
    .unwrap()
}

/// Folders `a` (four pictures) and `b` (two in a subfolder).
fn folders() -> (tempfile::TempDir, DataSection) {
    let place = tempfile::tempdir().unwrap();
    for (i, (width, height)) in SIZES.into_iter().enumerate() {
        let folder = if i < 4 { "a" } else { "b/below" };
        fs::create_dir_all(place.path().join(folder)).unwrap();
        let path = place.path().join(format!("{folder}/{i}.png"));
        picture(width, height, i).save(&path).unwrap();
    }
    let train = [("a", 3.0), ("b", 1.0)].map(|(name, weight)| TrainFolder {
        folder: place.path().join(name),
        weight,
    });
    let section = DataSection {
        train: train.into(),
        validation: None,
        validation_low: None,
        patch: 8,
        batch: 3,
        augment: true,
        min_pictures: 4,
        memory_mb: 1,
    };
    (place, section)
}

fn load(place: &tempfile::TempDir, section: &DataSection) -> Result<Pictures> {
    Pictures::load(section, (4, Color::Rgb), place.path(), &mut |_, _| ())
}

fn patches(place: &tempfile::TempDir, section: &DataSection) -> Arc<Patches> {
    Arc::new(Patches {
        pictures: load(place, section).unwrap(),
        teaching: None,
        augment: section.augment,
        seed: 5,
    })
}

#[test]
fn threads_memory_and_the_first_step_change_nothing() {
    let (place, mut section) = folders();
    let expected: Vec<_> = {
        let patches = patches(&place, &section);
        let all = (0..10).flat_map(|step| (0..3).map(move |index| (step, index)));
        all.map(|(step, index)| patches.patch(step, index).unwrap())
            .collect()
    };
    for (memory_mb, threads, first) in [(1, 1, 0), (1, 4, 0), (0, 2, 0), (0, 3, 4), (1, 5, 7)] {
        section.memory_mb = memory_mb;
        let patches = patches(&place, &section);
        let mut loader = Loader::start(&patches, first, section.batch, threads).unwrap();
        for step in first as usize..10 {
            let batch = loader.next_batch().unwrap();
            assert_eq!(
                batch,
                expected[step * 3..step * 3 + 3],
                "{threads} threads, step {step}"
            );
        }
    }
}

#[test]
fn low_and_high_belong_together() {
    let (place, section) = folders();
    let patches = patches(&place, &section);
    for step in 0..30 {
        let patch = patches.patch(step, 0).unwrap();
        assert_eq!(patch.low.shape(), (8, 8, 3));
        assert_eq!(patch.high.len(), 32 * 32 * 3);
        // Inside, far from the border of the patch, the low-resolution pixel is the resized one.
        let high = patch
            .high
            .iter()
            .map(|v| (v * 255.0).round() as u8)
            .collect();
        let high = Picture::new(32, 32, 3, high).unwrap();
        let low = resize(&high, Scale::down(4)).unwrap();
        let inner = |it: &Picture| it.crop(3, 3, 2, 2).unwrap();
        let pairs = inner(&low)
            .into_data()
            .into_iter()
            .zip(inner(&patch.low).into_data());
        // Turned pictures are rounded between other passes.
        let nearest = pairs.map(|(a, b)| a.abs_diff(b)).max().unwrap();
        assert!(nearest <= 1, "step {step}: {nearest}");
    }
}

#[test]
fn folders_and_places_have_their_shares() {
    let (place, section) = folders();
    let pictures = load(&place, &section).unwrap();
    let mut counts = [0_u32; SIZES.len()];
    let mut corners = [0_u32; 2];
    for step in 0..8000 {
        let place = pictures.place(&mut Draw::new(1, step, 0));
        counts[place.picture] += 1;
        if place.picture == 3 {
            // Picture 3 is 12x12 in low resolution, 5x5 places.
            assert!(place.x < 5 && place.y < 5);
            corners[0] += u32::from((place.x, place.y) == (0, 0));
            corners[1] += u32::from((place.x, place.y) == (4, 4));
        }
    }
    let first: u32 = counts[..4].iter().sum();
    assert!((5800..6200).contains(&first), "{counts:?}");
    // 9x5, 3x3, 1x15 and 5x5 places in `a`.
    let share = f64::from(counts[0]) / f64::from(first);
    assert!((share - 45.0 / 94.0).abs() < 0.03, "{counts:?}");
    assert!(corners.iter().all(|it| *it > 30), "{corners:?}");
}

#[test]
fn broken_and_small_pictures_are_named_and_skipped() {
    let (place, mut section) = folders();
    let complete = load(&place, &section).unwrap();
    assert_eq!((complete.count(), complete.skipped().len()), (6, 0));
    let file = place.path().join("a/broken.png");
    fs::write(
        &file,
        &fs::read(place.path().join("a/0.png")).unwrap()[..100],
    )
    .unwrap();
    picture(31, 64, 9)
        .save(&place.path().join("a/small.png"))
        .unwrap();
    let pictures = load(&place, &section).unwrap();
    assert_eq!(pictures.count(), 6);
    assert_eq!(pictures.fingerprint(), complete.fingerprint());
    let [broken, small] = pictures.skipped() else {
        panic!("{:?}", pictures.skipped());
    };
    assert_eq!(broken.path, file);
    assert!(small.cause.contains("31x64"), "{}", small.cause);

    section.min_pictures = 7;
    let message = load(&place, &section).unwrap_err().to_string();
    assert!(
        message.contains("6 of 8") && message.contains("min-pictures"),
        "{message}"
    );
    section.patch = 12;
    let message = load(&place, &section).unwrap_err().to_string();
    assert!(
        message.contains("48x48") && message.contains("data.patch"),
        "{message}"
    );
    section.patch = 100;
    let message = load(&place, &section).unwrap_err().to_string();
    assert!(message.contains("400x400"), "{message}");
}

#[test]
fn another_picture_is_another_fingerprint() {
    let (place, section) = folders();
    let before = load(&place, &section).unwrap().fingerprint();
    picture(64, 48, 77)
        .save(&place.path().join("a/0.png"))
        .unwrap();
    assert_ne!(load(&place, &section).unwrap().fingerprint(), before);
}
