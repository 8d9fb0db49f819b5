//! How far single precision is from double precision, in units in the last place.

use std::collections::BTreeMap;

use mambalite::picture::Picture;
use mambalite_hil_certificate::predicate::UlpHistogram;
use mambalite_kernels::arith::{Arithmetic, Float};
use mambalite_kernels::{Layer, Model, Tap, Value};

use crate::error::Result;
use crate::reference::specify;

/// Grey levels of a pixel whose value is 1.
const GREY: f64 = 255.0;

/// Key of values whose signs differ.
const SIGN: &str = "sign";

/// Runs the network in both precisions on pictures, and counts the distances between the values of the
/// last layer; those in double precision are rounded to single.
///
/// # Errors
/// [`Error::Reference`](crate::Error::Reference) when a picture cannot be run.
pub(super) fn histogram<'p>(
    model: &Model<'_>,
    pictures: impl Iterator<Item = &'p Picture>,
) -> Result<UlpHistogram> {
    let mut counts = BTreeMap::<_, u64>::new();
    let (mut largest, mut largest_grey) = (0, 0.0_f64);
    for picture in pictures {
        let single = last_layer::<Float<f32>>(model, picture)?;
        let double = last_layer::<Float<f64>>(model, picture)?;
        for (a, b) in single.into_iter().zip(double) {
            let distance = distance(a as f32, b as f32);
            *counts.entry(key(distance)).or_default() += 1;
            largest = largest.max(distance.unwrap_or(0).into());
            largest_grey = largest_grey.max((a - b).abs() * GREY);
        }
    }
    Ok(UlpHistogram {
        counts,
        largest,
        largest_grey: format!("{largest_grey:.9}"),
    })
}

/// Returns the numbers of single precision from one value to the other; nothing where their signs
/// differ. Both zeros are one number.
fn distance(a: f32, b: f32) -> Option<u32> {
    if a == b {
        return Some(0);
    }
    let same_sign = a.is_sign_negative() == b.is_sign_negative();
    same_sign.then(|| a.to_bits().abs_diff(b.to_bits()))
}

/// Returns the key of a distance: `0`, `1`, `2`, `3-4`, `5-8` and so on.
fn key(distance: Option<u32>) -> String {
    match distance {
        None => SIGN.to_owned(),
        Some(few @ 0..=2) => few.to_string(),
        Some(many) => {
            let last = u64::from(many).next_power_of_two();
            format!("{}-{last}", last / 2 + 1)
        }
    }
}

/// A tap that keeps the last layer.
struct Last(Vec<f64>);

impl Tap for Last {
    fn record<V: Value>(&mut self, layer: Layer, values: &[V]) {
        if layer == Layer::Output {
            self.0.extend(values.iter().map(|value| value.real()));
        }
    }
}

fn last_layer<A: Arithmetic>(model: &Model<'_>, picture: &Picture) -> Result<Vec<f64>> {
    let mut last = Last(Vec::new());
    specify::<A>(model, picture, &mut last)?;
    Ok(last.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mambalite::registry;
    use mambalite_kernels::Precision;

    #[test]
    fn distances_are_counted_in_powers_of_two() {
        let up = |steps: u32| f32::from_bits(1.5_f32.to_bits() + steps);
        for (steps, expected) in [(0, "0"), (1, "1"), (2, "2"), (3, "3-4"), (4, "3-4")] {
            assert_eq!(key(distance(1.5, up(steps))), expected);
        }
        for (steps, expected) in [(5, "5-8"), (8, "5-8"), (9, "9-16")] {
            assert_eq!(key(distance(up(steps), 1.5)), expected);
        }
        assert_eq!(key(distance(0.0, -0.0)), "0");
        assert_eq!(key(distance(1e-9, -1e-9)), "sign");
    }

    #[test]
    fn every_value_of_the_output_is_counted() {
        let file = registry::load(registry::DEFAULT, Some(Precision::F32)).unwrap();
        let data = (0..5 * 4 * 3).map(|i| (i * 37) as u8).collect();
        let picture = Picture::new(5, 4, 3, data).unwrap();
        let found = histogram(&file.model(), [&picture].into_iter()).unwrap();
        assert_eq!(found.counts.values().sum::<u64>(), 5 * 4 * 16 * 3);
        // The two precisions are not one and the same.
        assert!(found.counts.len() > 1 && found.largest > 0, "{found:?}");
        let grey: f64 = found.largest_grey.parse().unwrap();
        assert!(grey > 0.0 && grey < 0.01, "{found:?}");
    }
}
