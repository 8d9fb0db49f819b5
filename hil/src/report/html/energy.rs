//! The energy's part of the page.

use maud::{Markup, html};

use super::number::{duration, grouped};
use crate::power::energy::{EnergyReport, InferenceEnergy, Method, Trace};

/// Size of the picture of the power, in its own units.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 150.0;

/// Returns the card of what a meter measured: the figure with its uncertainty or the reasons why
/// there is none, the meter, and the power over the time.
#[must_use]
pub fn energy(report: &EnergyReport) -> Markup {
    html! {
        section.card.energy {
            h3 { "Energy" span.note { " " (method(report.method)) } }
            @match &report.energy {
                Some(energy) => {
                    p.spot { (figure(energy.energy_j, energy.uncertainty_j)) }
                    p.note { "One inference above idle; the uncertainty is expanded, about 95 %." }
                }
                None => {
                    p.spot { "No figure" }
                    ul.controls {
                        @for refusal in &report.refusals {
                            li { span.badge.odd { "refused" } div { (refusal) } }
                        }
                    }
                }
            }
            @if let Some(trace) = &report.trace { (picture(trace)) }
            (facts(report))
            @if let Some(energy) = &report.energy { (budget(energy)) }
            @for note in &report.notes { p.note { (note) } }
        }
    }
}

fn method(method: Method) -> &'static str {
    match method {
        Method::Gated => "by a gate in the sample stream",
        Method::Window => "over the time of the jobs",
    }
}

fn facts(report: &EnergyReport) -> Markup {
    let meter = &report.meter;
    html! {
        dl.facts {
            dt { "Meter" }
            dd {
                (meter.model) " " (meter.serial)
                @if let Some(hardware) = &meter.hardware { ", " (hardware) }
                ", " (meter.operation)
                @if let Some(supply_v) = meter.supply_v { (format!(", {supply_v:.3} V")) }
            }
            @if let Some(sha256) = &meter.calibration_sha256 {
                dt { "Calibration SHA-256" } dd { code { (sha256) } }
            }
            dt { "Inferences" }
            dd {
                (grouped(report.inferences))
                @if let Some(pulses) = report.pulses { ", " (grouped(pulses)) " pulses of the gate" }
                " in " (duration(report.measured_s))
            }
            @if let Some(energy) = &report.energy {
                @if let (Some(lower), Some(upper)) =
                    (energy.quartile_lower_j, energy.quartile_upper_j) {
                    dt { "Middle half" } dd { (joules(lower)) " to " (joules(upper)) }
                }
                dt { "With idle power" } dd { (joules(energy.gross_j)) }
                dt { "Length" } dd { (scaled(energy.duration_s, "s")) }
            }
            dt { "Idle before, after" }
            dd { (idle(report.idle.before_w)) ", " (idle(report.idle.after_w)) }
            dt { "Samples" }
            dd { (grouped(report.samples)) ", " (grouped(report.lost_samples)) " lost" }
        }
    }
}

fn budget(energy: &InferenceEnergy) -> Markup {
    html! {
        details style="margin-top: 12px" {
            summary { "Uncertainty" span.note { "standard, of one inference" } }
            table.plain {
                tbody {
                    @for term in &energy.budget {
                        tr { td { (term.source) } td.n { (joules(term.standard_j)) } }
                    }
                    @for left_out in &energy.excluded {
                        tr.quiet { td { (left_out) } td.n { "not included" } }
                    }
                }
            }
        }
    }
}

/// Draws the trace: least to most as a band, the mean as a line, the gate's high time behind.
fn picture(trace: &Trace) -> Markup {
    let count = number(trace.buckets.len());
    let whole_s = trace.bucket_s * count;
    let top = trace.buckets.iter().map(|it| it.max_w).fold(0.0, f32::max);
    let top_w = f64::from(top).max(f64::MIN_POSITIVE);
    let x = |idx: usize| number(idx) / count * WIDTH;
    let y = |power_w: f32| HEIGHT * (1.0 - (f64::from(power_w) / top_w).clamp(0.0, 1.0));
    let mut upper = String::new();
    let mut lower = String::new();
    let mut mean = String::new();
    let mut gates: Vec<Shade> = Vec::new();
    for (idx, bucket) in trace.buckets.iter().enumerate() {
        let (left, right) = (x(idx), x(idx + 1));
        let step = |w: f32| format!("{left:.1},{:.1} {right:.1},{:.1} ", y(w), y(w));
        upper += &step(bucket.max_w);
        mean += &step(bucket.mean_w);
        // The band is closed on its way back.
        lower = format!(
            "{right:.1},{:.1} {left:.1},{:.1} ",
            y(bucket.min_w),
            y(bucket.min_w)
        ) + &lower;
        shade(&mut gates, left, right, bucket.gate);
    }
    let label = format!("Power over {}, at most {}", duration(whole_s), watts(top_w));
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) preserveAspectRatio="none" role="img"
            aria-label=(label) style="display: block; width: 100%; height: 150px; margin-top: 14px" {
            @for it in gates {
                rect x=(format!("{:.1}", it.left)) y="0" height=(HEIGHT)
                    width=(format!("{:.1}", it.right - it.left))
                    style="fill: var(--track)" opacity=(format!("{:.2}", it.gate)) {}
            }
            polygon points=(upper + &lower) style="fill: var(--planned)" opacity="0.7" {}
            polyline points=(mean) style="fill: none; stroke: var(--accent); stroke-width: 1.5"
                vector-effect="non-scaling-stroke" {}
        }
        p.note {
            (label) ". Band: least to most of " (duration(trace.bucket_s))
            "; line: mean; shaded: gate high, or jobs."
        }
    }
}

/// A stretch of the picture in which the gate was high for a share of the time.
struct Shade {
    left: f64,
    right: f64,
    gate: f32,
}

/// Adds a stretch, to the last one where that is like it.
fn shade(shades: &mut Vec<Shade>, left: f64, right: f64, gate: f32) {
    match shades.last_mut() {
        _ if gate <= 0.0 => {}
        Some(last) if last.gate == gate && last.right == left => last.right = right,
        _ => shades.push(Shade { left, right, gate }),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a picture has some hundred stretches"
)]
fn number(count: usize) -> f64 {
    count as f64
}

fn idle(power_w: Option<f64>) -> String {
    power_w.map_or("not measured".to_owned(), watts)
}

/// Returns an energy in the unit that suits: `12.3 µJ`.
fn joules(value_j: f64) -> String {
    scaled(value_j, "J")
}

/// Returns a power in the unit that suits: `45.6 mW`.
fn watts(value_w: f64) -> String {
    scaled(value_w, "W")
}

/// Returns an energy with its uncertainty, which has two digits: `107.89 ± 0.67 mJ`.
fn figure(energy_j: f64, uncertainty_j: f64) -> String {
    let (factor, prefix) = prefix(energy_j);
    let (energy, uncertainty) = (energy_j * factor, uncertainty_j * factor);
    let digits = (0..6)
        .find(|&digits| uncertainty * 10.0_f64.powi(digits) >= 9.5)
        .unwrap_or(6);
    let digits = usize::try_from(digits).unwrap_or(0);
    format!("{energy:.digits$} ± {uncertainty:.digits$} {prefix}J")
}

/// Returns the prefix that suits a value, and what to multiply it with.
fn prefix(value: f64) -> (f64, &'static str) {
    match value.abs() {
        size if size >= 1.0 || size == 0.0 => (1.0, ""),
        size if size >= 1e-3 => (1e3, "m"),
        size if size >= 1e-6 => (1e6, "\u{b5}"),
        _ => (1e9, "n"),
    }
}

/// Returns a value with four digits and the prefix that suits.
fn scaled(value: f64, unit: &str) -> String {
    let (factor, prefix) = prefix(value);
    let value = value * factor;
    let digits = match value.abs() {
        it if it >= 100.0 => 1,
        it if it >= 10.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$} {prefix}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::power::energy::{Gated, Limits, MeterFacts, Sample};

    fn report(pulses: u32) -> EnergyReport {
        let mut gated = Gated::new(1e-3, 0, 100);
        let mut push = |count: u32, power_w: f64, gate| {
            for _ in 0..count {
                gated.push(Sample {
                    filtered_w: power_w,
                    unfiltered_w: power_w,
                    step_w: 1e-5,
                    is_saturated: false,
                    gate,
                });
            }
        };
        push(100, 0.01, false);
        for _ in 0..pulses {
            push(2_500, 0.11, true);
            push(300, 0.01, false);
        }
        gated.end_work();
        (0..100).for_each(|_| {
            gated.push(Sample {
                filtered_w: 0.01,
                unfiltered_w: 0.01,
                step_w: 1e-5,
                is_saturated: false,
                gate: false,
            });
        });
        let meter = MeterFacts {
            model: "PPK2".to_owned(),
            serial: "<A&B>".to_owned(),
            hardware: Some("HW 9173".to_owned()),
            calibration_sha256: Some("ab".repeat(32)),
            supply_v: Some(3.3),
            operation: "source".to_owned(),
        };
        gated.report(meter, pulses, &Limits::default(), &["calibration"])
    }

    #[test]
    fn a_figure_is_shown_with_uncertainty_meter_and_trace() {
        let page = energy(&report(5)).into_string();
        for part in [
            "250.00 ± 0.17 mJ",
            "&lt;A&amp;B&gt;",
            "5 pulses of the gate in 12.5 s",
            "10.00 mW, 10.00 mW",
            "calibration",
            "not included",
            "<polyline",
            "at most 110.0 mW",
        ] {
            assert!(page.contains(part), "{part} in {page}");
        }
        assert_eq!(page.matches("<svg").count(), 1);
        assert!(!page.contains("NaN") && !page.contains("inf,"), "{page}");
    }

    #[test]
    fn a_refusal_is_shown_in_words_and_no_figure() {
        let page = energy(&report(3)).into_string();
        assert!(page.contains("No figure") && !page.contains('±'), "{page}");
        assert!(page.contains("3 inferences, it takes 5"), "{page}");
    }

    #[test]
    fn values_take_the_prefix_that_suits() {
        let cases = [
            (0.0, "0.000 J"),
            (1.234_56, "1.235 J"),
            (0.012_345_6, "12.35 mJ"),
            (-123.456e-6, "-123.5 \u{b5}J"),
            (5e-9, "5.000 nJ"),
        ];
        for (value, text) in cases {
            assert_eq!(joules(value), text);
        }
        assert_eq!(figure(0.107_892, 0.000_674), "107.89 ± 0.67 mJ");
        assert_eq!(figure(1.5, 0.12), "1.50 ± 0.12 J");
        assert_eq!(figure(2e-3, 0.15), "2 ± 150 mJ");
    }
}
