//! Instructions of a network on a core, predicted from those that were counted of its operators.
//!
//! Counts are those of `cargo xtask bench` under QEMU, which CI compares (`kernels/check/baselines`).
//! A network is put together of them; what no operator's case has, as the anchor and the magnified rows,
//! is what the default model's whole count has more than its operators, for each magnified value.

use std::collections::BTreeMap;

use mambalite_kernels::config::Weight;
use mambalite_kernels::{Config, Decay, Form, Model, Precision};
use mambalite_kernels_check::bench::benches;
use serde::Deserialize;

use crate::registry;

/// Returns the text of a file of counts.
macro_rules! baseline {
    ($name:literal) => {
        include_str!(concat!("../../../kernels/check/baselines/", $name, ".toml"))
    };
}

/// The counts of each core: its name, and the file.
const CORES: [(&str, &str); 4] = [
    ("cortex-m4f", baseline!("mps2-an386")),
    ("cortex-m7", baseline!("mps2-an500")),
    ("cortex-m33", baseline!("mps2-an505")),
    ("cortex-m55", baseline!("mps3-an547")),
];

/// The case that is a whole network: [`registry::DEFAULT`] on a picture of 64x16 LR pixels.
const WHOLE: &str = "mambalite-x4-tiny 64x16";
/// Its LR pixels.
const WHOLE_PIXELS: f64 = 64.0 * 16.0;
/// Inputs, or outputs, up to which the case of few of them stands for a projection.
const FEW: usize = 16;
/// States of the cases of the scan.
const STATES: [f64; 2] = [8.0, 16.0];

/// A file of counts.
#[derive(Debug, Deserialize)]
struct Baseline {
    instructions: BTreeMap<String, u64>,
}

/// Instructions of operators on a core in a precision, for a unit of their work.
#[derive(Debug)]
pub struct Counts {
    per_unit: BTreeMap<&'static str, f64>,
    /// Instructions of [`WHOLE`] for one LR pixel.
    whole: f64,
    precision: Precision,
}

impl Counts {
    /// Returns the counts of a core; nothing where none were taken.
    #[must_use]
    pub fn of(core: &str, precision: Precision) -> Option<Self> {
        let (_, text) = CORES.iter().find(|(name, _)| *name == core)?;
        // The file is part of the program, and a test reads it.
        let Baseline { instructions } = toml::from_str(text).ok()?;
        let format = precision.name();
        let least = |op: &str| {
            // The variant that a board takes is the fastest.
            let case = format!("{op} {format} ");
            let of_case = instructions
                .iter()
                .filter(|(name, _)| name.starts_with(&case));
            of_case
                .map(|(_, &count)| count as f64)
                .min_by(f64::total_cmp)
        };
        let cases = benches().filter(|it| it.format == format);
        let per_unit = cases.filter_map(|it| Some((it.op, least(it.op)? / (it.units)() as f64)));
        Some(Self {
            per_unit: per_unit.collect(),
            whole: least(WHOLE)? / WHOLE_PIXELS,
            precision,
        })
    }

    /// Predicts the instructions of one LR pixel.
    ///
    /// Exact for the default model on the picture that was counted; nothing where a case is missing.
    #[must_use]
    pub fn per_pixel(&self, model: &Model<'_>) -> Option<f64> {
        let known = registry::SHIPPED
            .iter()
            .find(|it| it.name == registry::DEFAULT)?;
        let known = known.load(self.precision).ok()?;
        let known = known.model();
        let values = |config: &Config| config.sub_pixels() as f64;
        let other = self.whole - self.operators(&known)?;
        let other = other * values(model.config()) / values(known.config());
        Some(self.operators(model)? + other)
    }

    /// Returns the instructions of a pixel's operators.
    fn operators(&self, model: &Model<'_>) -> Option<f64> {
        let config = model.config();
        let case = |op: &str| self.per_unit.get(op).copied();
        let weights = config.weights().zip(model.forms());
        let mut total = 0.0;
        for (weight, form) in weights {
            total += case(matrix(&weight, form))? * weight.parameters(form) as f64;
        }
        let mixers = (config.groups * config.blocks) as f64;
        let (c, e) = (config.width as f64, config.inner as f64);
        let channel = 4.0 * case("conv1d 48")? + case("step 48")? + case("gate 48")?;
        let scan = self.scan(config.decay, config.states as f64)?;
        let skips = if config.mixer_skip { mixers } else { 0.0 };
        total += mixers * e * (channel + scan);
        total += c * (mixers + 2.0) * case("norm 48")?;
        total += c * (config.groups as f64 + 1.0 + skips) * case("sum 48")?;
        Some(total)
    }

    /// Returns the instructions of the scan of a channel.
    fn scan(&self, decay: Decay, states: f64) -> Option<f64> {
        let case = |op: &str| self.per_unit.get(op).copied();
        match decay {
            Decay::Full => Some(states * case("scan-full 48x16")?),
            Decay::Tied => {
                let [few, many] = STATES;
                let (low, high) = (
                    few * case("scan-tied 48x8")?,
                    many * case("scan-tied 48x16")?,
                );
                // What a channel costs, and what each of its states.
                Some(low + (states - few) * (high - low) / (many - few))
            }
        }
    }
}

/// Returns the case that stands for a weight.
fn matrix(weight: &Weight, form: Form) -> &'static str {
    match form {
        _ if weight.taps > 1 => "conv3x3 32->32",
        Form::LowRank(_) | Form::IdentityRows(_) => "low-rank 48->8->96",
        Form::Dense if weight.inputs <= FEW => "linear 8->48",
        Form::Dense if weight.outputs <= FEW => "linear 48->8",
        Form::Dense => "linear 48->96",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_model_takes_what_was_counted() {
        for (core, text) in CORES {
            let Baseline { instructions } = toml::from_str(text).unwrap();
            for precision in Precision::ALL {
                let file = registry::load(registry::DEFAULT, Some(precision)).unwrap();
                let counts = Counts::of(core, precision).unwrap();
                let predicted = counts.per_pixel(&file.model()).unwrap() * WHOLE_PIXELS;
                let counted = instructions[&format!("{WHOLE} {precision} best")] as f64;
                assert!(
                    (predicted / counted - 1.0).abs() < 1e-9,
                    "{core} {precision}"
                );
            }
        }
        assert!(Counts::of("cortex-m3", Precision::F32).is_none());
    }

    /// What is left to the anchor and the magnified rows is a part of the whole, and no debt.
    #[test]
    fn the_operators_are_most_of_the_default_model_and_not_more() {
        for (core, _) in CORES {
            for precision in Precision::ALL {
                let file = registry::load(registry::DEFAULT, Some(precision)).unwrap();
                let counts = Counts::of(core, precision).unwrap();
                let share = counts.operators(&file.model()).unwrap() / counts.whole;
                println!("{core} {precision}: {share:.3}");
                assert!((0.6..=1.0).contains(&share), "{core} {precision}: {share}");
            }
        }
    }
}
