//! The pictures of a report: before and after, the input, and the differences.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mambalite::picture::Picture;
use maud::{Markup, html};

use super::number::{grouped, size};
use crate::error::Result;
use crate::report::{Images, PictureReport, Scores};

/// How much the difference to bicubic is enlarged.
const GAIN: i32 = 4;

/// Returns one picture's part of the page.
pub(super) fn section(entry: &PictureReport, images: Option<&Images>) -> Result<Markup> {
    let [lr_width, lr_height] = entry.lr_size;
    let [sr_width, sr_height] = entry.sr_size;
    Ok(html! {
        section.card.wide.picture {
            div.head {
                h3 { (entry.name) }
                span.note { (lr_width) "×" (lr_height) " → " (sr_width) "×" (sr_height) }
                (scores(entry))
            }
            @if let Some(images) = images {
                (compare(&entry.name, images)?)
                (strip(images)?)
            }
            @if !entry.files.is_empty() {
                p.note { "Files: " @for file in &entry.files { code { (file) } " " } }
            }
        }
    })
}

fn scores(entry: &PictureReport) -> Markup {
    let one = |name: &str, scores: Scores| {
        html! {
            span.score {
                (name) " " b { (format!("{:.2}", scores.psnr_y_db)) } " dB · "
                (format!("{:.4}", scores.ssim_y))
            }
        }
    };
    html! {
        span.scores title="PSNR and SSIM on luma against the ground truth" {
            @if let Some(bicubic) = entry.bicubic_scores { (one("bicubic", bicubic)) }
            @if let Some(board) = entry.board_scores { (one("board", board)) }
            @if let (Some(board), Some(bicubic)) = (entry.board_scores, entry.bicubic_scores) {
                span.score.gain { (format!("{:+.2} dB", board.psnr_y_db - bicubic.psnr_y_db)) }
            }
        }
    }
}

/// Returns bicubic and board, side by side, or one above the other where scripts run.
fn compare(name: &str, images: &Images) -> Result<Markup> {
    let (width, height, _) = images.sr.shape();
    Ok(html! {
        div.compare style=(format!("--ratio: {width} / {height}; --width: {width}px")) {
            figure.before {
                img src=(data_uri(&images.bicubic)?) alt=(format!("{name}, bicubic"));
                figcaption { "Bicubic" }
            }
            figure.after {
                img src=(data_uri(&images.sr)?) alt=(format!("{name}, made on the board"));
                figcaption { "Board" }
            }
            input type="range" min="0" max="100" step="0.1" value="50" hidden
                aria-label="How much of the bicubic picture is shown, percent";
        }
    })
}

/// Returns the input and the two differences.
fn strip(images: &Images) -> Result<Markup> {
    let against_bicubic = amplified(&images.sr, &images.bicubic);
    let against_reference = unequal(&images.sr, &images.reference);
    Ok(html! {
        div.strip {
            figure {
                img.pixels src=(data_uri(&images.lr)?) alt="Input, pixels enlarged";
                figcaption {
                    b { "Input" }
                    " pixels enlarged, " (size(images.lr.data().len())) " sent"
                }
            }
            figure {
                @if let Some((picture, largest)) = &against_bicubic {
                    img src=(data_uri(picture)?) alt="Board minus bicubic";
                    figcaption {
                        b { "Board − bicubic" }
                        " enlarged " (GAIN) "×, grey is equal, largest " (largest)
                    }
                } @else {
                    figcaption { b { "Board − bicubic" } " the shapes differ" }
                }
            }
            figure {
                @if let Some((picture, differing)) = &against_reference {
                    img.pixels src=(data_uri(picture)?) alt="Board minus reference";
                    figcaption class=(if *differing == 0 { "" } else { "alarming" }) {
                        b { "Board − reference" }
                        " black is equal, " (grouped(*differing)) " of "
                        (grouped(images.sr.data().len())) " samples differ"
                    }
                } @else {
                    figcaption.alarming { b { "Board − reference" } " there is no reference of this shape" }
                }
            }
        }
    })
}

/// Returns `128 + GAIN (left - right)` within 0..=255 and the largest distance.
fn amplified(left: &Picture, right: &Picture) -> Option<(Picture, u8)> {
    if left.shape() != right.shape() {
        return None;
    }
    let mut largest = 0;
    let samples = left.data().iter().zip(right.data()).map(|(&a, &b)| {
        largest = largest.max(a.abs_diff(b));
        let value = 128 + GAIN * (i32::from(a) - i32::from(b));
        u8::try_from(value.clamp(0, 255)).unwrap_or(u8::MAX)
    });
    let data = samples.collect();
    let (width, height, channels) = left.shape();
    let picture = Picture::new(width, height, channels, data).ok()?;
    Some((picture, largest))
}

/// Returns a black picture with a bright spot for each differing pixel, and the number of
/// differing samples. Spots grow with the picture: one pixel must be seen in a small view.
fn unequal(left: &Picture, right: &Picture) -> Option<(Picture, usize)> {
    if left.shape() != right.shape() {
        return None;
    }
    let (width, height, channels) = left.shape();
    let radius = width / 200;
    let mut data = vec![0; width * height];
    let mut differing = 0;
    let pixels = left
        .data()
        .chunks(channels)
        .zip(right.data().chunks(channels));
    let mut drawn_to = 0;
    for (idx, (a, b)) in pixels.enumerate() {
        let wrong = a.iter().zip(b).filter(|(a, b)| a != b).count();
        differing += wrong;
        // Spots one beside the other cover each other; drawing each would cost radius^2 a pixel.
        if wrong == 0 || idx < drawn_to {
            continue;
        }
        drawn_to = idx + radius.min(width - idx % width);
        let (x, y) = (idx % width, idx / width);
        let columns = x.saturating_sub(radius)..(x + radius + 1).min(width);
        for row in y.saturating_sub(radius)..(y + radius + 1).min(height) {
            let span = row * width + columns.start..row * width + columns.end;
            data.get_mut(span)?.fill(u8::MAX);
        }
    }
    let picture = Picture::new(width, height, 1, data).ok()?;
    Some((picture, differing))
}

fn data_uri(picture: &Picture) -> Result<String> {
    let png = picture.to_png()?;
    Ok(format!("data:image/png;base64,{}", STANDARD.encode(png)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gray(width: usize, data: &[u8]) -> Picture {
        Picture::new(width, data.len() / width, 1, data.to_vec()).unwrap()
    }

    #[test]
    fn a_difference_is_enlarged_around_grey() {
        let (picture, largest) =
            amplified(&gray(4, &[10, 11, 9, 255]), &gray(4, &[10, 10, 10, 0])).unwrap();
        assert_eq!(picture.data(), [128, 132, 124, 255]);
        assert_eq!(largest, 255);
        assert!(amplified(&gray(2, &[1, 2]), &gray(1, &[1, 2])).is_none());
    }

    #[test]
    fn equal_pictures_give_black() {
        let left = gray(400, &[7; 800]);
        let (picture, differing) = unequal(&left, &left.clone()).unwrap();
        assert_eq!(differing, 0);
        assert!(picture.data().iter().all(|&v| v == 0));
    }

    #[test]
    fn one_sample_that_differs_is_counted_and_seen() {
        let mut data = vec![7; 400 * 5];
        data[400 + 399] ^= 1;
        let (picture, differing) = unequal(&gray(400, &data), &gray(400, &[7; 2000])).unwrap();
        assert_eq!(differing, 1);
        let bright = picture.data().iter().filter(|&&v| v == 255).count();
        // Radius 2, cut off by the top and the right edge: 4 rows of 3.
        assert_eq!(bright, 12);
    }

    #[test]
    fn every_sample_that_differs_is_bright() {
        let (width, height) = (600, 7);
        let right = vec![0; width * height];
        let mut left = right.clone();
        for idx in (0..left.len()).filter(|idx| idx % 5 == 0 || (1000..1300).contains(idx)) {
            left[idx] = 1;
        }
        let wrong = left.iter().filter(|&&v| v == 1).count();
        let (picture, differing) = unequal(&gray(width, &left), &gray(width, &right)).unwrap();
        assert_eq!(differing, wrong);
        for (&spot, &value) in picture.data().iter().zip(&left) {
            assert!(value == 0 || spot == 255);
        }
    }
}
