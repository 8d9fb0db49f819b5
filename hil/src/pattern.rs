//! A picture for trials of boards.

use mambalite::picture::Picture;

use crate::error::Result;

/// Makes a picture with slopes and edges, `(width, height)` pixels large.
///
/// # Errors
/// [`Error::Picture`](crate::Error::Picture) for a size that is none.
pub(crate) fn pattern((width, height): (usize, usize), channels: usize) -> Result<Picture> {
    let sample = |index: usize| {
        let (x, y) = (index / channels % width, index / channels / width);
        let edge = if (x / 7 + y / 5).is_multiple_of(2) {
            90
        } else {
            0
        };
        (x * 3 + y * 2 + index % channels * 20 + edge) as u8
    };
    let data = (0..width * height * channels).map(sample).collect();
    Ok(Picture::new(width, height, channels, data)?)
}
