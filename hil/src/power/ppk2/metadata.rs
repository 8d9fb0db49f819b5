//! What a kit says of itself: its calibration above all.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

/// Measuring ranges of a kit.
pub const RANGES: usize = 5;

/// Longest answer that is believed, bytes; a kit sends about 600.
const ANSWER_BYTES_MAX: usize = 16 << 10;

/// The word after which nothing follows.
const END: &str = "END";

/// Keys of one value each that an answer must have.
const SINGLE_KEYS: [&str; 4] = ["Calibrated", "VDD", "HW", "mode"];

/// Factors of one range; what the names mean is in [`Calibration::amps`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Factors {
    /// Resistor, ohms.
    pub r: f64,
    /// Gain of the square.
    pub gs: f64,
    /// Gain.
    pub gi: f64,
    /// Offset, counts.
    pub o: f64,
    /// Offset that grows with the supply, amperes a volt.
    pub s: f64,
    /// Offset, amperes.
    pub i: f64,
    /// The user's gain.
    pub ug: f64,
}

/// Calibration of a kit, one entry a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration(pub [Factors; RANGES]);

/// What a kit answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Metadata {
    /// Its calibration; where it has no value, Nordic's nominal one.
    pub calibration: Calibration,
    /// Hardware number.
    pub hardware: String,
    /// SHA-256 of the calibration as it was told, hex.
    pub sha256: String,
    /// Whether the kit told a resistor of its own for every range.
    pub is_own: bool,
}

impl Default for Calibration {
    /// Returns Nordic's nominal values, for what a kit does not tell.
    fn default() -> Self {
        Self([1031.64, 101.65, 10.15, 0.94, 0.043].map(|r| Factors {
            r,
            gs: 1.0,
            gi: 1.0,
            o: 0.0,
            s: 0.0,
            i: 0.0,
            ug: 1.0,
        }))
    }
}

/// Collects an answer that comes in pieces.
#[derive(Debug, Default)]
pub struct Answer(Vec<u8>);

impl Answer {
    /// Takes a piece; returns the text before the end once it is there.
    pub fn feed(&mut self, piece: &[u8]) -> Option<String> {
        let room = ANSWER_BYTES_MAX.saturating_sub(self.0.len());
        self.0.extend(piece.iter().take(room));
        let text = String::from_utf8_lossy(&self.0);
        text.split_once(END).map(|(before, _)| before.to_owned())
    }

    /// Returns how many bytes came.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Reports whether nothing came.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Metadata {
    /// Reads the lines `Key: value` before `END`.
    ///
    /// # Errors
    /// Says which keys are missing or not numbers. A calibration with a hole is worse than none:
    /// the error would be some microamperes and nobody would see it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let values = lines(text);
        let mut missing: Vec<String> = Vec::new();
        let mut told = String::new();
        let mut is_own = true;
        let mut calibration = Calibration::default();
        for (range, factors) in calibration.0.iter_mut().enumerate() {
            for (name, factor) in named(factors) {
                let key = format!("{name}{range}");
                let Some(value) = values.get(key.as_str()) else {
                    missing.push(key);
                    continue;
                };
                let number = number(&key, value)?;
                told += &format!("{key}: {value}\n");
                // Zero stands for "not calibrated" where it would void the current.
                let is_void = number == 0.0 && matches!(name, "R" | "GS" | "GI" | "UG");
                match Some(number).filter(|it| it.is_finite() && !is_void) {
                    Some(number) => *factor = number,
                    None => is_own &= name != "R",
                }
            }
        }
        for key in SINGLE_KEYS {
            if !values.contains_key(key) {
                missing.push(key.to_owned());
            }
        }
        if !missing.is_empty() {
            return Err(format!("no value for {}", missing.join(", ")));
        }
        Ok(Self {
            calibration,
            hardware: values.get("HW").map_or("", |it| *it).to_owned(),
            sha256: hex::encode(Sha256::digest(told)),
            is_own,
        })
    }
}

/// Splits the answer; of a key that comes twice the last value counts.
fn lines(text: &str) -> BTreeMap<&str, &str> {
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs
        .map(|(key, value)| (key.trim(), value.trim()))
        .collect()
}

/// Reads a number, NaN for the `-nan` of a kit that was never calibrated.
fn number(key: &str, text: &str) -> Result<f64, String> {
    if text.trim_start_matches('-').eq_ignore_ascii_case("nan") {
        return Ok(f64::NAN);
    }
    let value = text.parse::<f64>().ok().filter(|it| it.is_finite());
    let value = value.ok_or_else(|| format!("{key} is `{text}`, not a number"))?;
    if key.starts_with('R') && value < 0.0 {
        return Err(format!("{key} is {value} ohms"));
    }
    Ok(value)
}

/// Names the factors as the kit does.
fn named(factors: &mut Factors) -> [(&'static str, &mut f64); 7] {
    [
        ("R", &mut factors.r),
        ("GS", &mut factors.gs),
        ("GI", &mut factors.gi),
        ("O", &mut factors.o),
        ("S", &mut factors.s),
        ("I", &mut factors.i),
        ("UG", &mut factors.ug),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::simulator::METADATA;
    use super::*;
    use proptest::prelude::*;

    fn before_end() -> &'static str {
        METADATA.split_once("END").unwrap().0
    }

    #[test]
    fn every_factor_arrives_at_its_place() {
        let metadata = Metadata::parse(before_end()).unwrap();
        let [first, .., last] = metadata.calibration.0;
        assert_eq!(first.r, 1003.3506);
        let wanted = Factors {
            r: 0.0431,
            gs: 0.02,
            gi: 0.97,
            o: 60.0,
            s: 2.5e-5,
            i: 1.5e-4,
            ug: 1.0,
        };
        assert_eq!(last, wanted);
        assert_eq!(
            (metadata.hardware.as_str(), metadata.is_own),
            ("9173", true)
        );
        assert_eq!(metadata.sha256.len(), 64);
    }

    #[test]
    fn what_was_never_calibrated_is_nominal() {
        let text = before_end()
            .replace("R0: 1003.3506", "R0: 0")
            .replace("GI1: 0.98", "GI1: -nan")
            .replace("UG2: 1", "UG2: 0");
        let metadata = Metadata::parse(&text).unwrap();
        assert_eq!(metadata.calibration.0[0].r, 1031.64);
        assert_eq!(metadata.calibration.0[1].gi, 1.0);
        assert_eq!(metadata.calibration.0[2].ug, 1.0);
        assert!(!metadata.is_own);
    }

    #[test]
    fn a_hole_is_named_and_another_calibration_has_another_hash() {
        let holed = before_end().replace("O3: 80\n", "");
        assert_eq!(Metadata::parse(&holed).unwrap_err(), "no value for O3");
        let wrong = before_end().replace("O3: 80", "O3: 8O");
        assert!(Metadata::parse(&wrong).unwrap_err().contains("O3 is `8O`"));
        let other = before_end().replace("O3: 80", "O3: 81");
        let hash = |text| Metadata::parse(text).unwrap().sha256;
        assert_ne!(hash(&other), hash(before_end()));
        let mode = before_end().replace("mode: 2", "mode: 1");
        assert_eq!(
            hash(&mode),
            hash(before_end()),
            "only the calibration counts"
        );
    }

    #[test]
    fn an_answer_may_come_in_any_pieces() {
        for size in [1, 2, 7, 64] {
            let mut answer = Answer::default();
            let pieces = METADATA.as_bytes().chunks(size);
            let whole: Vec<String> = pieces.filter_map(|it| answer.feed(it)).collect();
            assert_eq!(whole[0], before_end(), "pieces of {size}");
        }
        let mut endless = Answer::default();
        for _ in 0..100 {
            assert_eq!(endless.feed(&[b'x'; 1000]), None);
        }
        assert_eq!(endless.len(), ANSWER_BYTES_MAX);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut answer = Answer::default();
            let text = answer.feed(&bytes).unwrap_or_default();
            let _ = Metadata::parse(&text);
        }
    }
}
