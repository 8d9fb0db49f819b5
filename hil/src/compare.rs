//! Comparing what a board sent with the reference, bit for bit.

use mambalite_kernels::{Config, Layer, Precision};

use crate::link::JobResult;
use crate::reference::Reference;
use crate::report::{Difference, LayerReport, Position};

/// Name of the SR bytes where a difference is in them and in no layer.
const PICTURE: &str = "picture";

/// Outcome of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Whether the SR bytes are equal.
    pub output_equal: bool,
    /// The layers in order of execution.
    pub layers: Vec<LayerReport>,
    /// Whether both sides have the digests of the network's layers, no fewer and no more; or the
    /// board, which shows no layers, none.
    pub complete: bool,
}

impl Comparison {
    /// Compares a job's result with the reference of the same picture.
    #[must_use]
    pub fn new(config: &Config, device: &JobResult, reference: &Reference) -> Self {
        let layers = Layer::all(config).zip(device.digests.iter().zip(&reference.digests));
        let layers = layers.map(|(layer, (device, reference))| LayerReport {
            name: layer.to_string(),
            device: format!("{device:016x}"),
            reference: format!("{reference:016x}"),
            equal: device == reference,
        });
        let layers: Vec<_> = layers.collect();
        let expected = Layer::count(config);
        let complete = reference.digests.len() == expected
            && device.digests.len() == device.digests_expected
            && [0, expected].contains(&device.digests_expected);
        Self {
            output_equal: device.output == reference.output,
            layers,
            complete,
        }
    }

    /// Reports whether every bit compared is equal, and everything was compared.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.complete && self.output_equal && self.first_layer().is_none()
    }

    /// Returns the index of the first layer that differs.
    #[must_use]
    pub fn first_layer(&self) -> Option<usize> {
        self.layers.iter().position(|layer| !layer.equal)
    }

    /// Says in a few words where both sides part.
    #[must_use]
    pub fn describe(&self) -> String {
        let differing = self.layers.iter().filter(|layer| !layer.equal).count();
        match self.layers.iter().find(|layer| !layer.equal) {
            Some(first) => format!(
                "{differing} of {} layer digests differ, the first is {}",
                self.layers.len(),
                first.name
            ),
            None if !self.output_equal && self.layers.is_empty() => {
                "the SR bytes differ, no layer is shown".to_owned()
            }
            None if !self.output_equal => "the SR bytes differ, all layers are equal".to_owned(),
            None if !self.complete => "digests are missing".to_owned(),
            None if self.layers.is_empty() => {
                "the SR bytes are equal, no layer is shown".to_owned()
            }
            None => "everything is equal".to_owned(),
        }
    }
}

/// A job whose two sides are searched for their first difference.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Name of the picture.
    pub picture: &'a str,
    /// Number of the tile within the picture, from 0.
    pub tile: usize,
    /// LR width of the job, pixels.
    pub width: usize,
    /// LR height of the job, pixels.
    pub height: usize,
}

/// Returns the first value of `layer` that differs, or nothing where both sides are equal.
///
/// `device` and `reference` are the bits of all values, raster order.
#[must_use]
pub fn first_value(
    config: &Config,
    precision: Precision,
    place: Place<'_>,
    layer: Layer,
    device: &[u32],
    reference: &[u32],
) -> Option<Difference> {
    let (element, (&device, &reference)) = device
        .iter()
        .zip(reference)
        .enumerate()
        .find(|(_, (device, reference))| device != reference)?;
    // The last layer is a picture of SR pixels, all others are of LR pixels.
    let (width, channels) = match layer {
        Layer::Output => (place.width * config.scale, config.channels),
        _ => (place.width, channels(config, layer)),
    };
    Some(Difference {
        picture: place.picture.to_owned(),
        tile: place.tile,
        layer: layer.to_string(),
        element,
        position: position(element, width, channels),
        device_value: value(precision, device),
        reference_value: value(precision, reference),
        device_bits: format!("{device:#010x}"),
        reference_bits: format!("{reference:#010x}"),
    })
}

/// Returns the first SR byte that differs, or nothing where both sides are equal.
#[must_use]
pub fn first_byte(
    config: &Config,
    place: Place<'_>,
    device: &[u8],
    reference: &[u8],
) -> Option<Difference> {
    let (element, (&device, &reference)) = device
        .iter()
        .zip(reference)
        .enumerate()
        .find(|(_, (device, reference))| device != reference)?;
    Some(Difference {
        picture: place.picture.to_owned(),
        tile: place.tile,
        layer: PICTURE.to_owned(),
        element,
        position: position(element, place.width * config.scale, config.channels),
        device_value: device.into(),
        reference_value: reference.into(),
        device_bits: format!("{device:#04x}"),
        reference_bits: format!("{reference:#04x}"),
    })
}

/// Returns the values that a layer has for each LR pixel.
fn channels(config: &Config, layer: Layer) -> usize {
    use mambalite_kernels::tap::MixerPart;
    let of_part = |part| match part {
        MixerPart::InProj => 2 * config.inner,
        MixerPart::XProj => config.dt_rank + 2 * config.states,
        MixerPart::Conv1d | MixerPart::Dt | MixerPart::Scan | MixerPart::Gate => config.inner,
        MixerPart::Norm | MixerPart::OutProj | MixerPart::Skip => config.width,
    };
    match layer {
        Layer::Mixer { part, .. } => of_part(part),
        Layer::Upsample => config.channels * config.scale * config.scale,
        Layer::Output => config.channels,
        _ => config.width,
    }
}

fn position(element: usize, width: usize, channels: usize) -> Option<Position> {
    let pixel = element.checked_div(channels)?;
    Some(Position {
        x: pixel.checked_rem(width)?,
        y: pixel.checked_div(width)?,
        channel: element.checked_rem(channels)?,
    })
}

/// Returns the number that stands behind the bits of a layer's value.
fn value(precision: Precision, bits: u32) -> f64 {
    match precision {
        Precision::F32 => f32::from_bits(bits).into(),
        // Fixed-point values are recorded sign-extended.
        Precision::W8A16 | Precision::W8A8 => f64::from(bits.cast_signed()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mambalite_kernels::tap::MixerPart;
    use mambalite_kernels::{Anchor, Decay};

    const CONFIG: Config = Config {
        channels: 3,
        scale: 2,
        width: 4,
        inner: 8,
        groups: 1,
        blocks: 1,
        states: 2,
        dt_rank: 1,
        mixer_skip: true,
        anchor: Anchor::Nearest,
        decay: Decay::Full,
        mean: [0.5; 3],
    };
    const PLACE: Place<'_> = Place {
        picture: "p",
        tile: 3,
        width: 5,
        height: 4,
    };

    fn result(output: &[u8], digests: &[u64]) -> JobResult {
        JobResult {
            output: output.to_vec(),
            digests: digests.to_vec(),
            digests_expected: Layer::count(&CONFIG),
            trace: vec![],
            cycles: None,
            arena_needed: 0,
            stack_used_bytes: 0,
            stack_size_bytes: 0,
            frames_bad: 0,
            attempts: 1,
        }
    }

    #[test]
    fn one_bit_anywhere_is_seen() {
        let digests: Vec<u64> = (0..Layer::count(&CONFIG) as u64).collect();
        let output = [1, 2, 3];
        let reference = Reference {
            output: output.to_vec(),
            digests: digests.clone(),
        };
        let device = result(&output, &digests);
        assert!(Comparison::new(&CONFIG, &device, &reference).is_equal());
        for index in 0..digests.len() {
            let mut reference = reference.clone();
            reference.digests[index] ^= 1 << index;
            let comparison = Comparison::new(&CONFIG, &device, &reference);
            assert!(!comparison.is_equal());
            assert_eq!(comparison.first_layer(), Some(index));
        }
        let other = Comparison::new(&CONFIG, &result(&[1, 2, 2], &digests), &reference);
        assert!(!other.is_equal());
        assert_eq!(other.first_layer(), None);
    }

    #[test]
    fn missing_digests_are_no_equality() {
        let none = Reference {
            output: vec![1],
            digests: vec![],
        };
        assert!(!Comparison::new(&CONFIG, &result(&[1], &[]), &none).is_equal());
        let few = Reference {
            output: vec![1],
            digests: vec![7, 8],
        };
        assert!(!Comparison::new(&CONFIG, &result(&[1], &[7, 8]), &few).is_equal());
    }

    #[test]
    fn a_board_that_shows_no_layers_is_held_to_its_output() {
        let digests: Vec<u64> = (0..Layer::count(&CONFIG) as u64).collect();
        let reference = Reference {
            output: vec![1, 2],
            digests: digests.clone(),
        };
        let of = |output: &[u8], digests: &[u64]| {
            let device = JobResult {
                digests_expected: 0,
                ..result(output, digests)
            };
            Comparison::new(&CONFIG, &device, &reference)
        };
        assert!(of(&[1, 2], &[]).is_equal());
        assert!(of(&[1, 2], &[]).describe().contains("no layer is shown"));
        assert!(!of(&[1, 3], &[]).is_equal());
        // None means none, even where they are right.
        assert!(!of(&[1, 2], &digests).is_equal());
        // One that is to show them may not leave them out.
        assert!(!Comparison::new(&CONFIG, &result(&[1, 2], &[]), &reference).is_equal());
    }

    #[test]
    fn a_differing_element_has_its_place() {
        let layer = Layer::Mixer {
            group: 0,
            block: 0,
            part: MixerPart::Scan,
        };
        let reference = vec![0x3f80_0000; 5 * 4 * 8];
        let mut device = reference.clone();
        assert!(first_value(&CONFIG, Precision::F32, PLACE, layer, &device, &reference).is_none());
        device[(2 * 5 + 3) * 8 + 6] = 0xbf80_0000;
        device[(3 * 5) * 8] = 0;
        let found = first_value(&CONFIG, Precision::F32, PLACE, layer, &device, &reference);
        let found = found.unwrap();
        let place = Position {
            x: 3,
            y: 2,
            channel: 6,
        };
        assert_eq!(found.position, Some(place));
        assert_eq!(
            (found.device_value, found.reference_value),
            (-1.0, 1.0),
            "{found:?}"
        );
        assert_eq!(found.device_bits, "0xbf800000");
    }

    #[test]
    fn sr_pixels_are_counted_in_the_sr_picture() {
        let reference = vec![9; 10 * 8 * 3];
        let mut device = reference.clone();
        device[(7 * 10 + 9) * 3 + 1] = 8;
        let found = first_byte(&CONFIG, PLACE, &device, &reference).unwrap();
        let place = Position {
            x: 9,
            y: 7,
            channel: 1,
        };
        assert_eq!(found.position, Some(place));
        let bits = |bytes: &[u8]| bytes.iter().map(|&b| u32::from(b)).collect::<Vec<_>>();
        let (device, reference) = (bits(&device), bits(&reference));
        let output = Layer::Output;
        let found = first_value(&CONFIG, Precision::W8A8, PLACE, output, &device, &reference);
        assert_eq!(found.unwrap().position, Some(place));
    }

    #[test]
    fn fixed_point_values_keep_their_sign() {
        assert_eq!(value(Precision::W8A8, u32::MAX), -1.0);
        assert_eq!(value(Precision::W8A16, 7), 7.0);
    }
}
