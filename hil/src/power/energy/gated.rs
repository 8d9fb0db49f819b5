//! Energy by a gate that is sampled together with the current.

use super::budget::{Term, expanded_j};
use super::{
    EnergyReport, Envelope, Idle, InferenceEnergy, Limits, MeterFacts, Method, Refusal, mean,
    quantile,
};

/// Most pulses that are kept one by one; a pin that floats makes thousands a second.
const PULSES_MAX: usize = 100_000;

/// One sample of power and gate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Power with the spikes of range changes averaged away, watts.
    pub filtered_w: f64,
    /// Power as the converter gave it, watts.
    pub unfiltered_w: f64,
    /// One step of the converter, watts.
    pub step_w: f64,
    /// Whether the current lies beyond the meter's range.
    pub is_saturated: bool,
    /// The gate.
    pub gate: bool,
}

/// Sums up a stream of samples pulse by pulse, in bounded memory.
#[derive(Debug, Clone)]
pub struct Gated {
    sample_s: f64,
    input: u8,
    side: Side,
    /// Sums of the idle power before and after.
    idle: [Sums; 2],
    idle_max: u64,
    level: Option<bool>,
    open: Option<Pulse>,
    pulses: Vec<Pulse>,
    pulses_seen: u32,
    samples: u64,
    lost: u64,
    /// Missing samples since the last one.
    gap: u64,
    saturated: u64,
    envelope: Envelope,
}

/// Which idle power the samples with a low gate are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    Work,
    After,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    count: u64,
    power_w: f64,
    step_w: f64,
}

/// The gate's high time from edge to edge.
#[derive(Debug, Clone, Copy, Default)]
struct Pulse {
    count: u64,
    lost: u64,
    filtered_w: f64,
    unfiltered_w: f64,
    step_w: f64,
    min_w: f64,
    max_w: f64,
    /// Sum over both edges of the square of their uncertainty in samples.
    edges: f64,
}

impl Gated {
    /// Makes the sum for samples that are `sample_s` seconds apart, with the gate at a logic
    /// input. It begins with the idle power before the jobs, which is that of the first
    /// `idle_samples` samples with a low gate.
    #[must_use]
    pub fn new(sample_s: f64, input: u8, idle_samples: u64) -> Self {
        Self {
            sample_s,
            input,
            side: Side::Before,
            idle: [Sums::default(); 2],
            idle_max: idle_samples,
            level: None,
            open: None,
            pulses: Vec::new(),
            pulses_seen: 0,
            samples: 0,
            lost: 0,
            gap: 0,
            saturated: 0,
            envelope: Envelope::new(sample_s),
        }
    }

    /// Adds the next sample.
    pub fn push(&mut self, sample: Sample) {
        self.samples += 1;
        self.saturated += u64::from(sample.is_saturated);
        self.envelope.push(Some(sample.filtered_w), sample.gate);
        if self
            .level
            .replace(sample.gate)
            .is_some_and(|it| it != sample.gate)
        {
            self.edge(sample.gate);
        }
        self.gap = 0;
        if let Some(pulse) = &mut self.open {
            pulse.push(&sample);
        } else if !sample.gate {
            self.idle_push(&sample);
        }
    }

    /// Adds a gap in the stream.
    pub fn push_lost(&mut self, count: u64) {
        self.lost += count;
        self.gap += count;
        if let Some(pulse) = &mut self.open {
            pulse.lost += count;
        }
        for _ in 0..count {
            self.envelope.push(None, self.level == Some(true));
        }
    }

    /// Counts samples that a clock says are missing, at an unknown place.
    pub fn count_unplaced(&mut self, count: u64) {
        self.lost += count;
    }

    /// Ends the idle power before the jobs.
    pub fn begin_work(&mut self) {
        self.side = Side::Work;
    }

    /// Begins the idle power after the jobs.
    pub fn end_work(&mut self) {
        self.side = Side::After;
    }

    /// Reports whether the idle power of the side that is measured is known.
    #[must_use]
    pub fn is_idle_known(&self) -> bool {
        let [before, after] = &self.idle;
        match self.side {
            Side::Before => before.count >= self.idle_max,
            Side::Work => true,
            Side::After => after.count >= self.idle_max,
        }
    }

    /// Returns how many samples an idle power is of.
    #[must_use]
    pub fn idle_samples(&self) -> u64 {
        self.idle_max
    }

    /// Returns how many samples came and how many are missing.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.samples, self.lost)
    }

    fn edge(&mut self, rises: bool) {
        let width = u32::try_from(self.gap).map_or(f64::INFINITY, |gap| f64::from(gap) + 1.0);
        if rises {
            let edges = width.powi(2);
            self.open = Some(Pulse {
                edges,
                min_w: f64::INFINITY,
                max_w: f64::NEG_INFINITY,
                ..Pulse::default()
            });
        } else if let Some(mut pulse) = self.open.take() {
            pulse.edges += width.powi(2);
            self.pulses_seen = self.pulses_seen.saturating_add(1);
            if self.pulses.len() < PULSES_MAX {
                self.pulses.push(pulse);
            }
        }
    }

    fn idle_push(&mut self, sample: &Sample) {
        let [before, after] = &mut self.idle;
        let sums = match self.side {
            Side::Before => before,
            Side::Work => return,
            Side::After => after,
        };
        if sums.count >= self.idle_max {
            return;
        }
        sums.count += 1;
        sums.power_w += sample.filtered_w;
        sums.step_w += sample.step_w;
    }

    /// Makes the report of a run in which the board ran the network `inferences` times;
    /// `excluded` says what the meter's uncertainty leaves out.
    #[must_use]
    pub fn report(
        &self,
        meter: MeterFacts,
        inferences: u32,
        limits: &Limits,
        excluded: &[&str],
    ) -> EnergyReport {
        let [before, after] = &self.idle;
        let idle = Idle {
            before_w: mean(before.power_w, before.count),
            after_w: mean(after.power_w, after.count),
        };
        let figures = self.figures(&idle);
        let refusals = self.refusals(inferences, limits, &idle, figures.as_ref());
        let measured_s = self
            .pulses
            .iter()
            .map(|it| it.length_s(self.sample_s))
            .sum();
        let energy = figures.filter(|_| refusals.is_empty());
        EnergyReport {
            method: Method::Gated,
            meter,
            inferences,
            pulses: Some(self.pulses_seen),
            measured_s,
            energy: energy.map(|it| it.into_energy(excluded)),
            refusals,
            idle,
            samples: self.samples,
            lost_samples: self.lost,
            notes: Vec::new(),
            trace: self.envelope.trace(),
        }
    }

    fn refusals(
        &self,
        inferences: u32,
        limits: &Limits,
        idle: &Idle,
        figures: Option<&Figures>,
    ) -> Vec<Refusal> {
        let mut refusals = Vec::new();
        if self.saturated > 0 {
            let times = self.saturated;
            refusals.push(Refusal::Saturated { times });
        }
        refusals.extend(limits.check_lost(self.samples, self.lost));
        if idle.mean_w().is_none() {
            refusals.push(Refusal::NoIdle);
        }
        let pulses = self.pulses_seen;
        if pulses == 0 {
            refusals.push(Refusal::GateNeverSeen { input: self.input });
            return refusals;
        }
        if pulses != inferences {
            refusals.push(Refusal::GateDisagrees { pulses, inferences });
        }
        let measured_s = self
            .pulses
            .iter()
            .map(|it| it.length_s(self.sample_s))
            .sum();
        refusals.extend(limits.check_length(pulses, measured_s));
        if let Some(figures) = figures {
            let signal_w = figures.net_j / figures.duration_s;
            refusals.extend(limits.check_signal(signal_w, figures.step_w, idle.drift_w()));
        }
        refusals
    }

    /// Returns the medians over the pulses; none without a pulse or without idle power.
    fn figures(&self, idle: &Idle) -> Option<Figures> {
        let idle_w = idle.mean_w()?;
        let [before, after] = &self.idle;
        let idle_step_w = mean(before.step_w + after.step_w, before.count + after.count)?;
        let of =
            |value: &dyn Fn(&Pulse) -> f64| -> Vec<f64> { self.pulses.iter().map(value).collect() };
        let median = |value: &dyn Fn(&Pulse) -> f64| quantile(&of(value), 0.5);
        let length = |it: &Pulse| it.length_s(self.sample_s);
        let net = of(&|it| (it.mean_w() - idle_w) * length(it));
        let spread = quantile(&net, 0.75) - quantile(&net, 0.25);
        let pulses = f64::from(u32::try_from(self.pulses.len()).ok()?);
        (!net.is_empty()).then(|| Figures {
            net_j: quantile(&net, 0.5),
            quartiles_j: (quantile(&net, 0.25), quantile(&net, 0.75)),
            gross_j: median(&|it| it.mean_w() * length(it)),
            unfiltered_j: median(&|it| (it.mean_of(it.unfiltered_w) - idle_w) * length(it)),
            duration_s: median(&length),
            step_w: median(&|it| it.mean_of(it.step_w)) + idle_step_w,
            budget: vec![
                Term::rectangular(
                    "steps of the converter",
                    median(&|it| (it.mean_of(it.step_w) + idle_step_w) / 2.0 * length(it)),
                ),
                Term::rectangular(
                    "range switching, filtered or not",
                    median(&|it| it.mean_of(it.filtered_w - it.unfiltered_w).abs() * length(it)),
                ),
                Term::rectangular(
                    "lost samples",
                    median(&|it| it.swing_w() / 2.0 * it.lost_s(self.sample_s)),
                ),
                Term::rectangular(
                    "edges of the gate, a sample each",
                    median(&|it| it.edges.sqrt() * self.sample_s * (it.mean_w() - idle_w)),
                ),
                Term::rectangular(
                    "idle drift",
                    median(&|it| idle.drift_w() / 2.0 * length(it)),
                ),
                // Of a median of normal values, whose quartiles lie 1.349 deviations apart.
                Term::standard(
                    "spread of the pulses",
                    1.2533 * spread / 1.349 / pulses.sqrt(),
                ),
            ],
        })
    }
}

/// What the pulses come to.
struct Figures {
    net_j: f64,
    quartiles_j: (f64, f64),
    gross_j: f64,
    unfiltered_j: f64,
    duration_s: f64,
    /// One step at work and one idle, watts.
    step_w: f64,
    budget: Vec<Term>,
}

impl Figures {
    fn into_energy(self, excluded: &[&str]) -> InferenceEnergy {
        InferenceEnergy {
            energy_j: self.net_j,
            quartile_lower_j: Some(self.quartiles_j.0),
            quartile_upper_j: Some(self.quartiles_j.1),
            gross_j: self.gross_j,
            unfiltered_j: Some(self.unfiltered_j),
            duration_s: self.duration_s,
            uncertainty_j: expanded_j(&self.budget),
            budget: self.budget,
            excluded: excluded.iter().map(|&it| it.to_owned()).collect(),
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of samples lie far below 2^53"
)]
impl Pulse {
    fn push(&mut self, sample: &Sample) {
        self.count += 1;
        self.filtered_w += sample.filtered_w;
        self.unfiltered_w += sample.unfiltered_w;
        self.step_w += sample.step_w;
        self.min_w = self.min_w.min(sample.filtered_w);
        self.max_w = self.max_w.max(sample.filtered_w);
    }

    /// Returns the length; lost samples are part of it.
    fn length_s(&self, sample_s: f64) -> f64 {
        (self.count + self.lost) as f64 * sample_s
    }

    fn lost_s(&self, sample_s: f64) -> f64 {
        self.lost as f64 * sample_s
    }

    fn mean_of(&self, sum: f64) -> f64 {
        mean(sum, self.count).unwrap_or(0.0)
    }

    /// Returns the mean power, which stands for the lost samples too.
    fn mean_w(&self) -> f64 {
        self.mean_of(self.filtered_w)
    }

    fn swing_w(&self) -> f64 {
        (self.max_w - self.min_w).max(0.0)
    }
}

#[cfg(test)]
mod tests;
