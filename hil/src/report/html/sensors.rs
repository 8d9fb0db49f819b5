//! The sensors' part of the page.

use maud::{Markup, html};

use crate::report::SensorReport;

/// Returns the card, nothing for a board without sensors.
pub(super) fn card(sensors: Option<&SensorReport>) -> Markup {
    let Some(sensors) = sensors else {
        return html! {};
    };
    html! {
        section.card {
            h3 {
                "Sensors"
                @if sensors.made_up { span.note { " made up by a virtual board" } }
            }
            table.plain {
                thead {
                    tr {
                        th { "Sensor" } th.n { "Mean" } th.n { "Least" } th.n { "Most" }
                        th { "Unit" } th.n { "Samples" }
                    }
                }
                tbody {
                    @for reading in &sensors.readings {
                        tr {
                            td { (reading.quantity) " " (reading.name) }
                            td.n { (format!("{:.1}", reading.mean)) }
                            td.n { (format!("{:.1}", reading.min)) }
                            td.n { (format!("{:.1}", reading.max)) }
                            td { (reading.unit) }
                            td.n { (reading.samples) }
                        }
                    }
                }
            }
            @for fact in &sensors.facts { p.note { (fact) } }
            p.note { (format!("Over {:.1} s, from the first picture to the last.", sensors.window_s)) }
            @for note in &sensors.notes { p.note { (note) } }
        }
    }
}
