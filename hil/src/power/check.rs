//! Whether a meter works: its power for some seconds, and the gate.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::{Live, Meter};
use crate::error::Result;
use crate::interrupt::Interrupt;

/// Time between looks.
const LOOK: Duration = Duration::from_millis(500);
/// How long a waiting thread sleeps.
const NAP: Duration = Duration::from_millis(20);

/// What the check came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// Mean power of all looks, watts; none where no sample came.
    pub mean_w: Option<f64>,
    /// Time that was measured, seconds.
    pub length_s: f64,
    /// Samples that came.
    pub samples: u64,
    /// Samples that are missing among them.
    pub lost_samples: u64,
    /// Rising edges of the logic inputs D0 to D7; none where the meter has no inputs.
    pub rising: Option<[u32; 8]>,
}

impl Check {
    /// Reports whether an edge was seen at a logic input.
    #[must_use]
    pub fn has_seen(&self, input: u8) -> bool {
        let rising = self.rising.as_ref();
        rising.and_then(|it| it.get(usize::from(input))) > Some(&0)
    }
}

/// Starts the meter, measures for `length`, and shows each look as it comes.
///
/// # Errors
/// As [`Meter::begin`] and [`Meter::live`].
pub fn watch(
    meter: &mut dyn Meter,
    length: Duration,
    interrupt: &Interrupt,
    mut show: impl FnMut(&Live),
) -> Result<Check> {
    meter.begin(interrupt)?;
    let mut check = Check {
        mean_w: None,
        length_s: 0.0,
        samples: 0,
        lost_samples: 0,
        rising: None,
    };
    let mut energy_j = 0.0;
    let start = Instant::now();
    while start.elapsed() < length {
        let look = Instant::now();
        while look.elapsed() < LOOK.min(length) {
            interrupt.check()?;
            std::thread::sleep(NAP);
        }
        let live = meter.live()?;
        show(&live);
        energy_j += live.mean_w.unwrap_or(0.0) * live.length_s;
        check.length_s += live.length_s;
        check.samples += live.samples;
        check.lost_samples += live.lost_samples;
        if let Some(rising) = live.rising {
            let sums = check.rising.get_or_insert([0; 8]);
            for (sum, count) in sums.iter_mut().zip(rising) {
                *sum = sum.saturating_add(count);
            }
        }
    }
    check.mean_w = (check.length_s > 0.0).then(|| energy_j / check.length_s);
    Ok(check)
}

#[cfg(test)]
mod tests {
    use super::super::ppk2::simulator::{Kit, Simulator};
    use super::super::ppk2::{Ppk2, Settings};
    use super::*;

    #[test]
    fn a_gate_is_seen_at_its_input_only() {
        let simulator = Simulator::start(Kit {
            profile: Box::new(|sample| {
                let gate = u8::from(sample > 250_000 && sample / 1_000 % 2 == 1);
                (0.002 + 0.01 * f64::from(gate), gate << 5)
            }),
            ..Kit::default()
        });
        let settings = Settings::new("F0A1", 3300, false, 5).unwrap();
        let mut kit = Ppk2::open_at(simulator.path(), settings).unwrap();
        let mut looks = 0;
        let length = Duration::from_millis(600);
        let check = watch(&mut kit, length, &Interrupt::default(), |_| looks += 1).unwrap();
        assert!(
            check.has_seen(5) && !check.has_seen(0) && !check.has_seen(9),
            "{check:?}"
        );
        assert!(looks >= 1 && check.samples > 250_000);
        let mean_w = check.mean_w.unwrap();
        assert!((0.0065..0.025).contains(&mean_w), "{mean_w}");
    }
}
