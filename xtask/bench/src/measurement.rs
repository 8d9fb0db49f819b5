//! What was measured: the firmware's lines and the plugin's lines, put together.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};

use crate::Ended;

/// Regions of the self-test, in instructions.
const SELF_TEST: [u64; 4] = [0, 10, 201, 20001];

/// One case in one variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Measurement {
    /// Operator and size.
    pub(crate) op: String,
    /// Number format.
    pub(crate) format: String,
    /// Variant.
    pub(crate) variant: String,
    /// Units of work.
    pub(crate) units: u64,
    /// What they are.
    pub(crate) unit: String,
    /// Digest of the outputs.
    pub(crate) digest: u64,
    /// Instructions.
    pub(crate) instructions: u64,
    /// Mnemonics and how many of each, the most frequent first; none of a part.
    pub(crate) mnemonics: Vec<(String, u64)>,
    /// Instructions by address; none of a part.
    pub(crate) places: BTreeMap<u32, u64>,
    /// The case that this is a part of.
    pub(crate) part_of: Option<&'static str>,
}

impl Measurement {
    /// Returns the name of the case and variant.
    pub(crate) fn key(&self) -> String {
        format!("{} {} {}", self.op, self.format, self.variant)
    }

    /// Returns instructions for one unit of work.
    pub(crate) fn per_unit(&self) -> f64 {
        self.instructions as f64 / self.units as f64
    }
}

/// Two lines of the plugin.
#[derive(Debug)]
struct Region {
    instructions: u64,
    mnemonics: Vec<(String, u64)>,
    places: BTreeMap<u32, u64>,
}

/// Puts what the firmware said and what the plugin counted together, line by line.
///
/// The plugin must have seen exactly the regions that the firmware says it ran, and have counted
/// the self-test right.
pub(crate) fn pair(said: &str, counted: &str) -> Result<Vec<Measurement>> {
    let lines: Vec<_> = said.lines().collect();
    let Some((&"done", lines)) = lines.split_last() else {
        bail!(
            "the firmware did not finish; last it said: {:?}",
            lines.last()
        );
    };
    let regions = regions(counted)?;
    ensure!(
        lines.len() == regions.len(),
        "the firmware ran {} regions and the plugin saw {}",
        lines.len(),
        regions.len()
    );
    let mut self_test = Vec::new();
    let mut measurements = Vec::new();
    for (line, region) in lines.iter().zip(regions) {
        let fields: Vec<_> = line.split('\t').collect();
        match fields[..] {
            ["self", wanted] => {
                let wanted: u64 = number(wanted, line)?;
                ensure!(
                    wanted == region.instructions,
                    "{wanted} known instructions were counted as {}",
                    region.instructions
                );
                self_test.push(wanted);
            }
            ["case", op, format, variant, units, unit, digest] => measurements.push(Measurement {
                op: op.to_owned(),
                format: format.to_owned(),
                variant: variant.to_owned(),
                units: number(units, line)?,
                unit: unit.to_owned(),
                digest: u64::from_str_radix(digest, 16)
                    .with_context(|| format!("the firmware said {line:?}"))?,
                instructions: region.instructions,
                mnemonics: region.mnemonics,
                places: region.places,
                part_of: None,
            }),
            _ => bail!("the firmware said {line:?}"),
        }
    }
    ensure!(
        self_test == SELF_TEST,
        "the self-test ran {self_test:?}, not {SELF_TEST:?}"
    );
    Ok(measurements)
}

/// Checks that the outputs are those of the reference on the host.
pub(crate) fn check_digest(
    measurement: &Measurement,
    digests: &BTreeMap<(String, String), u64>,
) -> Result<()> {
    let Measurement {
        op, format, digest, ..
    } = measurement;
    let wanted = digests.get(&(op.clone(), format.clone()));
    let wanted = *wanted.with_context(|| format!("the host has no case {op} {format}"))?;
    if wanted != *digest {
        let key = measurement.key();
        return Err(Ended::regression(format!(
            "{key}: the outputs have digest {digest:016x}, on the host they have {wanted:016x}"
        )));
    }
    Ok(())
}

/// Reads the lines of the plugin, which must count each instruction at its address too.
fn regions(counted: &str) -> Result<Vec<Region>> {
    let mut regions = Vec::new();
    let mut lines = counted.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("total ") {
            ensure!(lines.next().is_none(), "the plugin goes on after its total");
            return Ok(regions);
        }
        let (instructions, mnemonics) = counts(line, "region", regions.len())?;
        let places = lines.next().unwrap_or_default();
        let (sum, places) = counts(places, "places", regions.len())?;
        let address = |(at, count): (String, u64)| Ok((u32::from_str_radix(&at, 16)?, count));
        let places: Result<BTreeMap<_, _>> = places.into_iter().map(address).collect();
        let places = places.with_context(|| format!("addresses of region {}", regions.len()))?;
        let found: u64 = places.values().sum();
        ensure!(
            instructions == sum && instructions == found,
            "region {} has {instructions} instructions, {found} of them at addresses",
            regions.len()
        );
        regions.push(Region {
            instructions,
            mnemonics,
            places,
        });
    }
    bail!("the plugin did not finish")
}

/// Reads a line of region `index`: its total, then names and their counts.
fn counts(line: &str, head: &str, index: usize) -> Result<(u64, Vec<(String, u64)>)> {
    let wrote = || format!("the plugin wrote {:?}", line.get(..80).unwrap_or(line));
    let mut words = line.split(' ');
    let begins = words.next() == Some(head) && words.next() == Some(&index.to_string());
    ensure!(begins, wrote());
    let total = words.next().with_context(wrote)?;
    let pairs: Option<Vec<_>> = words.map(pair_of).collect();
    Ok((number(total, line)?, pairs.with_context(wrote)?))
}

fn pair_of(word: &str) -> Option<(String, u64)> {
    let (name, count) = word.rsplit_once('=')?;
    Some((name.to_owned(), count.parse().ok()?))
}

fn number<T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    text: &str,
    line: &str,
) -> Result<T> {
    text.parse()
        .with_context(|| format!("in the line {line:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "self\t0\nself\t10\nself\t201\nself\t20001\n\
                        case\texp 1\tf32\tref\t4\telement\t00000000000000ff\ndone\n";
    const COUNTED: &str = "region 0 0\nplaces 0 0\nregion 1 10 nop=9 adds=1\nplaces 1 10 20=10\n\
                           region 2 201\nplaces 2 201 20=1 22=200\n\
                           region 3 20001\nplaces 3 20001 20=20001\n\
                           region 4 90 .byte=60 a=30\nplaces 4 90 10000000=60 fffffffe=30\n\
                           total 99999\n";

    fn complaint(said: &str, counted: &str) -> String {
        format!("{:#}", pair(said, counted).unwrap_err())
    }

    #[test]
    fn lines_are_put_together() {
        let measurements = pair(SAID, COUNTED).unwrap();
        let [one] = &measurements[..] else {
            panic!("{measurements:?}")
        };
        assert_eq!(one.key(), "exp 1 f32 ref");
        assert_eq!((one.units, one.digest, one.instructions), (4, 255, 90));
        assert_eq!(
            one.mnemonics,
            [(".byte".to_owned(), 60), ("a".to_owned(), 30)]
        );
        assert_eq!(one.places, [(0x1000_0000, 60), (0xffff_fffe, 30)].into());
        assert!((one.per_unit() - 22.5).abs() < 1e-12);
    }

    #[test]
    fn a_region_that_vanished_is_an_error() {
        let (counted, _) = COUNTED.split_once("region 4").unwrap();
        let counted = format!("{counted}total 1\n");
        assert!(complaint(SAID, &counted).contains("ran 5 regions and the plugin saw 4"));
    }

    #[test]
    fn a_wrong_count_of_known_code_is_an_error() {
        let counted = COUNTED
            .replace("region 2 201", "region 2 202")
            .replace("places 2 201 20=1", "places 2 202 20=2");
        assert_eq!(
            complaint(SAID, &counted),
            "201 known instructions were counted as 202"
        );
    }

    #[test]
    fn a_self_test_left_out_is_an_error() {
        let said = SAID.replace("self\t10\n", "");
        let counted = "region 0 0\nplaces 0 0\nregion 1 201\nplaces 1 201 2=201\n\
                       region 2 20001\nplaces 2 20001 2=20001\nregion 3 90\nplaces 3 90 2=90\n\
                       total 1\n";
        assert!(complaint(&said, counted).contains("the self-test ran [0, 201, 20001]"));
    }

    #[test]
    fn a_run_cut_short_is_an_error() {
        assert!(complaint(&SAID.replace("done\n", ""), COUNTED).contains("did not finish"));
        assert!(complaint(SAID, &COUNTED.replace("total 99999\n", "")).contains("did not finish"));
        assert!(complaint("", "").contains("did not finish"));
    }

    #[test]
    fn instructions_at_no_address_are_an_error() {
        for (line, other) in [
            ("20=1 22=200", "20=1 22=199"),
            ("places 2 201", "places 2 200"),
        ] {
            let counted = COUNTED.replace(line, other);
            assert!(complaint(SAID, &counted).contains("region 2 has 201 instructions"));
        }
        for line in [
            "places 1 201",
            "places 2",
            "region 2 201",
            "places 2 201 2g=201",
        ] {
            let counted = COUNTED.replace("places 2 201", line);
            assert!(!complaint(SAID, &counted).is_empty());
        }
    }

    #[test]
    fn complaints_of_the_plugin_and_strange_lines_are_errors() {
        let counted = COUNTED.replace("region 2 201", "error region 2 begins twice");
        assert!(complaint(SAID, &counted).contains("begins twice"));
        let said = SAID.replace("case\t", "panic\t");
        assert!(complaint(&said, COUNTED).contains("the firmware said"));
    }

    #[test]
    fn another_digest_than_the_hosts_is_a_regression() {
        let measurement = pair(SAID, COUNTED).unwrap().remove(0);
        let key = ("exp 1".to_owned(), "f32".to_owned());
        let digests = |digest| BTreeMap::from([(key.clone(), digest)]);
        check_digest(&measurement, &digests(255)).unwrap();
        let error = check_digest(&measurement, &digests(254)).unwrap_err();
        assert_eq!(
            error.downcast_ref::<Ended>().map(|ended| ended.code),
            Some(3)
        );
        assert!(check_digest(&measurement, &BTreeMap::new()).is_err());
    }
}
