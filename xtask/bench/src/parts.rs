//! Parts of cases: what goals and anchors say of less than an operator.
//!
//! Nothing runs for a part. Its count is of the run of the whole case, less what the same run
//! executed in some functions, or less the run of a smaller case on the same inputs.

use anyhow::{Context, Result, ensure};

use crate::functions::Functions;
use crate::measurement::Measurement;

/// A part of a case.
#[derive(Debug)]
pub(crate) struct Part {
    /// Name, where a case has operator and size.
    pub(crate) op: &'static str,
    /// The whole case.
    whole: &'static str,
    less: Less,
}

/// What is taken away.
#[derive(Debug)]
enum Less {
    /// The instructions of functions and of all inlined there, of which the variant of that name
    /// must execute some. Other variants have no such part.
    Functions(&'static [(&'static str, &'static str)]),
    /// The instructions of another case, in the same format and variant, and its units.
    Case(&'static str),
}

/// All parts.
pub(crate) const PARTS: [Part; 2] = [
    // What leads to SiLU stays: bias, taps, requantisation, the element stored for it.
    Part {
        op: "conv1d 48 less SiLU",
        whole: "conv1d 48",
        less: Less::Functions(&[
            ("dsp", "mambalite_kernels::conv1d::dsp::activate"),
            ("mve", "mambalite_kernels::num::mve::silu_i8"),
            ("mve", "mambalite_kernels::num::mve::silu_i16"),
        ]),
    },
    // Eight more states of each channel: their updates, the decay of each from the one before, their
    // terms of the output, and that B and C are made ready. Not what a channel costs once: the first
    // decay, the drive, the output.
    Part {
        op: "scan-tied 48x16 less 48x8",
        whole: "scan-tied 48x16",
        less: Less::Case("scan-tied 48x8"),
    },
];

/// Adds the parts, each after its whole case.
pub(crate) fn add(measurements: &mut Vec<Measurement>, functions: &Functions) -> Result<()> {
    for part in &PARTS {
        let parts = part.of(measurements, functions)?;
        let last = measurements.iter().rposition(|one| one.op == part.whole);
        let at = last.map_or(measurements.len(), |last| last + 1);
        measurements.splice(at..at, parts);
    }
    Ok(())
}

impl Part {
    /// Returns this part of all formats and variants that have it.
    fn of(&self, all: &[Measurement], functions: &Functions) -> Result<Vec<Measurement>> {
        let mut parts = Vec::new();
        for whole in all.iter().filter(|one| one.op == self.whole) {
            let (instructions, units) = match self.less {
                Less::Functions(less) => {
                    let names = less.iter().filter(|(variant, _)| *variant == whole.variant);
                    let names: Vec<_> = names.map(|&(_, function)| function).collect();
                    if names.is_empty() {
                        continue;
                    }
                    (executed(whole, &names, functions)?, 0)
                }
                Less::Case(op) => {
                    let is_other = |one: &&Measurement| {
                        (one.op.as_str(), &one.format, &one.variant)
                            == (op, &whole.format, &whole.variant)
                    };
                    let other = all.iter().find(is_other);
                    let other = other.with_context(|| format!("{}: no {op}", whole.key()))?;
                    (other.instructions, other.units)
                }
            };
            let is_less = instructions < whole.instructions && units < whole.units;
            ensure!(is_less, "{}: no instructions are left", whole.key());
            parts.push(Measurement {
                op: self.op.to_owned(),
                units: whole.units - units,
                instructions: whole.instructions - instructions,
                mnemonics: Vec::new(),
                places: [].into(),
                part_of: Some(self.whole),
                ..whole.clone()
            });
        }
        Ok(parts)
    }
}

/// Returns how many instructions a run executed in functions; an error if it was none, as a part
/// would be the whole where a function has got another name.
fn executed(whole: &Measurement, names: &[&str], functions: &Functions) -> Result<u64> {
    let is_of = |&(&at, _): &(&u32, &u64)| names.iter().any(|name| functions.is_of(at, name));
    let places = whole.places.iter().filter(is_of);
    let executed = places.map(|(_, count)| count).sum();
    ensure!(
        executed > 0,
        "{}: no instruction is of {}; has xtask/bench/src/parts.rs another name?",
        whole.key(),
        names.join(" or ")
    );
    Ok(executed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::tests::functions;

    fn measurement(op: &str, variant: &str, units: u64, instructions: u64) -> Measurement {
        Measurement {
            op: op.to_owned(),
            format: "w8a8".to_owned(),
            variant: variant.to_owned(),
            units,
            unit: "MAC".to_owned(),
            digest: 7,
            instructions,
            mnemonics: vec![("smlad".to_owned(), 9)],
            places: [(0x20, instructions - 10), (0x24, 4), (0x28, 6)].into(),
            part_of: None,
        }
    }

    fn part(less: Less) -> Part {
        Part {
            op: "part",
            whole: "whole",
            less,
        }
    }

    #[test]
    fn functions_are_taken_away_from_their_variant() {
        let all = [
            measurement("whole", "ref", 4, 100),
            measurement("whole", "dsp", 4, 50),
        ];
        let part = part(Less::Functions(&[("dsp", "mambalite_a::silu")]));
        let parts = part.of(&all, &functions()).unwrap();
        let [one] = &parts[..] else {
            panic!("{parts:?}")
        };
        assert_eq!(one.key(), "part w8a8 dsp");
        assert_eq!((one.units, one.instructions), (4, 10));
        assert_eq!(one.part_of, Some("whole"));
        assert!(one.mnemonics.is_empty() && one.places.is_empty());
    }

    #[test]
    fn a_function_that_was_not_executed_is_an_error() {
        let all = [measurement("whole", "dsp", 4, 50)];
        let complaint = |name| {
            let less: &'static [_] = Box::leak(Box::new([("dsp", name)]));
            let error = part(Less::Functions(less)).of(&all, &functions());
            error.unwrap_err().to_string()
        };
        assert!(
            complaint("mambalite_a::sigmoid").contains("no instruction is of mambalite_a::sig")
        );
        let mut all = all.to_vec();
        all[0].places = [(0x24, 50)].into();
        let part = part(Less::Functions(&[("dsp", "mambalite_a::silu")]));
        assert!(part.of(&all, &functions()).is_err());
    }

    #[test]
    fn nothing_left_is_an_error() {
        let all = [measurement("whole", "dsp", 4, 50)];
        let part = part(Less::Functions(&[
            ("dsp", "mambalite_a::run"),
            ("dsp", "memcpy"),
        ]));
        let error = part.of(&all, &functions()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "whole w8a8 dsp: no instructions are left"
        );
    }

    #[test]
    fn a_smaller_case_is_taken_away_with_its_units() {
        let all = [
            measurement("whole", "ref", 16, 800),
            measurement("whole", "dsp", 16, 200),
            measurement("half", "dsp", 8, 120),
            measurement("half", "ref", 8, 440),
        ];
        let part = part(Less::Case("half"));
        let parts = part.of(&all, &Functions::default()).unwrap();
        let counts = parts.iter().map(|one| (one.units, one.instructions));
        let counts: Vec<_> = counts.collect();
        assert_eq!(counts, [(8, 360), (8, 80)]);
        assert!(part.of(&all[..3], &Functions::default()).is_err());
        let more = [all[0].clone(), measurement("half", "ref", 8, 800)];
        assert!(part.of(&more, &Functions::default()).is_err());
    }

    #[test]
    fn parts_follow_their_wholes() {
        let mut all = vec![
            measurement("scan-tied 48x16", "ref", 16, 800),
            measurement("scan-tied 48x8", "ref", 8, 440),
        ];
        add(&mut all, &functions()).unwrap();
        let keys: Vec<_> = all.iter().map(Measurement::key).collect();
        let wanted = [
            "scan-tied 48x16 w8a8 ref",
            "scan-tied 48x16 less 48x8 w8a8 ref",
            "scan-tied 48x8 w8a8 ref",
        ];
        assert_eq!(keys, wanted);
    }
}
