//! The panel of a mismatch: layer, element, both values and their bits.

use maud::{Markup, html};

use super::number::grouped;
use crate::report::{BoardReport, Difference};

/// Returns the panel.
pub(super) fn panel(entry: &BoardReport, found: &Difference) -> Markup {
    let job = entry
        .jobs
        .iter()
        .find(|job| job.input == found.picture && job.tile == found.tile);
    let differing = job.map(|job| job.layers.iter().filter(|layer| !layer.equal).count());
    html! {
        section.card.alarm {
            h3 { "First difference" }
            p.spot { code { (found.layer) } }
            dl.facts {
                dt { "Picture" } dd { (found.picture) ", tile " (grouped(found.tile)) }
                dt { "Element" } dd { (grouped(found.element)) }
                @if let Some(at) = found.position {
                    dt { "Place" }
                    dd { "x " (at.x) ", y " (at.y) ", channel " (at.channel) }
                }
                @if let (Some(differing), Some(job)) = (differing, job) {
                    dt { "Layers that differ" }
                    @if job.layers.is_empty() { dd { "unknown: none is shown" } }
                    @else { dd { (grouped(differing)) " of " (grouped(job.layers.len())) } }
                }
            }
            (values(found))
        }
    }
}

fn values(found: &Difference) -> Markup {
    let other = changed(&found.device_bits, &found.reference_bits);
    html! {
        div.scroll {
            table.plain.bits {
                thead { tr { th { "" } th.n { "Value" } th { "Bits" } th { "" } } }
                tbody {
                    tr {
                        th { "Board" } td.n { (value(found.device_value)) }
                        td { code { (found.device_bits) } }
                        td { (digits(&found.device_bits, other)) }
                    }
                    tr {
                        th { "Reference" } td.n { (value(found.reference_value)) }
                        td { code { (found.reference_bits) } }
                        td { (digits(&found.reference_bits, other)) }
                    }
                }
            }
        }
        p.note {
            "Apart by " (format!("{:.3e}", found.device_value - found.reference_value))
            @if let Some(other) = other { ", " (other.count_ones()) " bits." }
        }
    }
}

/// Writes a value with as few digits as tell it from its neighbours.
#[expect(
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    reason = "the narrow form is used only where it is the same number"
)]
fn value(value: f64) -> String {
    let narrow = value as f32;
    if f64::from(narrow) == value {
        narrow.to_string()
    } else {
        value.to_string()
    }
}

/// Returns the bits in which two words differ.
fn changed(left: &str, right: &str) -> Option<u32> {
    Some(word(left)? ^ word(right)?)
}

/// Reads `0x3f800000`.
fn word(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// Returns the binary digits in fours, those of `marked` marked.
fn digits(text: &str, marked: Option<u32>) -> Markup {
    let Some(word) = word(text) else {
        return html! {};
    };
    let marked = marked.unwrap_or(0);
    html! {
        code.binary {
            @for nibble in (0..8).rev() {
                span {
                    @for bit in (nibble * 4..nibble * 4 + 4).rev() {
                        @let digit = word >> bit & 1;
                        @if marked >> bit & 1 == 1 { b { (digit) } } @else { (digit) }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_that_differ_are_marked() {
        assert_eq!(changed("0x3f800000", "0x3f800001"), Some(1));
        assert_eq!(changed("none", "0x0"), None);
        let text = digits("0x80000001", Some(1)).into_string();
        assert!(text.contains("<span>1000</span>"), "{text}");
        assert!(text.contains("<span>000<b>1</b></span>"), "{text}");
        assert_eq!(text.matches("<b>").count(), 1);
    }

    #[test]
    fn values_are_as_short_as_they_can_be() {
        assert_eq!(value(f64::from(0.1_f32)), "0.1");
        assert_eq!(value(0.1), "0.1");
        assert_eq!(value(-127.0), "-127");
        assert_eq!(value(f64::NAN), "NaN");
    }
}
