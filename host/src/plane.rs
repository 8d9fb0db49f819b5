//! One channel of a picture in double precision.

use crate::{Error, Result};

/// A plane of `f64` samples in raster order, shape `[height, width]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    width: usize,
    height: usize,
    data: Vec<f64>,
}

impl Plane {
    /// Makes a plane of its samples in raster order.
    ///
    /// # Errors
    ///
    /// [`Error::BufferSize`] where `data` does not hold `width * height` samples.
    pub fn new(width: usize, height: usize, data: Vec<f64>) -> Result<Self> {
        let expected = width.checked_mul(height);
        if expected != Some(data.len()) {
            return Err(Error::BufferSize {
                width,
                height,
                channels: 1,
                found: data.len(),
            });
        }
        Ok(Self {
            width,
            height,
            data,
        })
    }

    /// Makes a plane of parts that fit by construction.
    pub(crate) fn from_parts(width: usize, height: usize, data: Vec<f64>) -> Self {
        debug_assert_eq!(width * height, data.len());
        Self {
            width,
            height,
            data,
        }
    }

    /// Returns the number of samples in a row.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Returns the number of rows.
    pub const fn height(&self) -> usize {
        self.height
    }

    /// Returns the samples in raster order.
    pub fn data(&self) -> &[f64] {
        &self.data
    }

    /// Returns the plane with `change` applied to each sample.
    #[must_use]
    pub fn map(mut self, change: impl Fn(f64) -> f64) -> Self {
        for sample in &mut self.data {
            *sample = change(*sample);
        }
        self
    }

    /// Returns the plane without `border` samples at each of its four sides.
    ///
    /// # Errors
    ///
    /// [`Error::Border`] where nothing would remain.
    pub fn without_border(&self, border: usize) -> Result<Self> {
        let twice = border.saturating_mul(2);
        if self.width <= twice || self.height <= twice {
            return Err(Error::Border {
                width: self.width,
                height: self.height,
                border,
            });
        }
        let (width, height) = (self.width - twice, self.height - twice);
        let mut data = Vec::with_capacity(width * height);
        for row in self.data.chunks_exact(self.width).skip(border).take(height) {
            data.extend_from_slice(&row[border..border + width]);
        }
        Ok(Self {
            width,
            height,
            data,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn border_is_taken_from_all_sides() {
        let plane = Plane::new(4, 3, (0..12).map(f64::from).collect()).unwrap();
        let inner = plane.without_border(1).unwrap();
        assert_eq!(
            (inner.width(), inner.height(), inner.data()),
            (2, 1, &[5.0, 6.0][..])
        );
        assert!(matches!(
            plane.without_border(2),
            Err(Error::Border { border: 2, .. })
        ));
    }

    #[test]
    fn wrong_sample_count_is_an_error() {
        assert!(matches!(
            Plane::new(2, 2, vec![0.0; 3]),
            Err(Error::BufferSize { found: 3, .. })
        ));
    }
}
