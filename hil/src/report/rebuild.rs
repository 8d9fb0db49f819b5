//! The pages of an earlier run, made again from its `report.json`.

use std::path::Path;

use mambalite::picture::{Color, Picture};
use mambalite::resize::{Scale, resize};

use super::{BoardReport, Images, PictureReport, RunReport};

/// Loads the pictures of a report in the folder `dir` as far as they are still there: what the
/// board made lies in the folder, what was sent where it was taken from. The reference's picture
/// is not kept; it is the board's where every bit was equal.
#[must_use]
pub(super) fn images(dir: &Path, report: &RunReport) -> Vec<Images> {
    let mut found = Vec::new();
    for (board_idx, board) in report.boards.iter().enumerate() {
        for (picture_idx, picture) in board.pictures.iter().enumerate() {
            let images = load(dir, board, picture).map(|[lr, sr, reference, bicubic]| Images {
                board_idx,
                picture_idx,
                lr,
                sr,
                reference,
                bicubic,
            });
            found.extend(images);
        }
    }
    found
}

fn load(dir: &Path, board: &BoardReport, picture: &PictureReport) -> Option<[Picture; 4]> {
    let own = |input: &str| {
        Path::new(input)
            .file_name()
            .is_some_and(|it| *it == *picture.name)
    };
    let mut jobs = board.jobs.iter().filter(|job| own(&job.input));
    let input = &jobs.clone().next()?.input;
    let [lr_width, lr_height] = picture.lr_size;
    let [sr_width, sr_height] = picture.sr_size;
    let scale = sr_width.checked_div(lr_width)?;
    // Of another size: somebody put another picture there.
    let of_size = |it: &Picture, size: (usize, usize)| (it.width(), it.height()) == size;
    let sr = Picture::load(&dir.join(picture.files.first()?), Color::Rgb).ok()?;
    let lr = Picture::load(Path::new(input), Color::Rgb).ok()?;
    if !of_size(&sr, (sr_width, sr_height)) || !of_size(&lr, (lr_width, lr_height)) {
        return None;
    }
    let bicubic = resize(&lr, Scale::up(scale)).ok()?;
    let reference = if jobs.all(super::JobReport::is_equal) {
        sr.clone()
    } else {
        // One pixel: a shape that says that there is none.
        Picture::new(1, 1, sr.channels(), vec![0; sr.channels()]).ok()?
    };
    Some([lr, sr, reference, bicubic])
}
