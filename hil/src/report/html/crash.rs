//! The panel of a crash: why, where, and who had called.

use maud::{Markup, html};

use crate::crash::{CrashReport, Frame};

/// Returns the panel of a crash.
#[must_use]
pub fn card(crash: &CrashReport) -> Markup {
    html! {
        section.card.alarm {
            h3 { "Crash" }
            p.spot { (crash.cause) }
            @if !crash.frames.is_empty() { (frames(crash)) }
            @if !crash.registers.is_empty() {
                details {
                    summary { "Registers" }
                    pre {
                        @for row in crash.registers.chunks(4) {
                            @for register in row {
                                (format!("{:>6} {}  ", register.name, register.value))
                            }
                            "\n"
                        }
                    }
                }
            }
        }
    }
}

fn frames(crash: &CrashReport) -> Markup {
    html! {
        div.scroll {
            table.plain.tight {
                thead { tr { th.n { "#" } th { "Function" } th { "Place" } th { "" } } }
                tbody {
                    @for (number, frame) in crash.frames.iter().enumerate() {
                        tr {
                            td.n { (number) }
                            td title=(frame.function) { code { (frame.short_name()) } }
                            td { (place(frame)) }
                            td { @if !frame.certain { span.note { "guessed" } } }
                        }
                    }
                }
            }
        }
        @if !crash.complete {
            p.note { "What called the last of them was not logged." }
        }
    }
}

fn place(frame: &Frame) -> String {
    if frame.file.is_empty() {
        return String::new();
    }
    format!("{}:{}", frame.file, frame.line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crash::Register;

    #[test]
    fn a_panel_names_cause_functions_and_guesses() {
        let frame = |function: &str, certain| Frame {
            address: 2,
            function: function.to_owned(),
            file: "src/<x>.rs".to_owned(),
            line: 7,
            certain,
        };
        let crash = CrashReport {
            cause: "undefined instruction".to_owned(),
            registers: vec![Register {
                name: "pc".to_owned(),
                value: "0x00000002".to_owned(),
            }],
            frames: vec![frame("a::b::<c>", true), frame("d", false)],
            complete: false,
        };
        let page = card(&crash).into_string();
        for words in [
            "undefined instruction",
            "<code>a::b</code>",
            "src/&lt;x&gt;.rs:7",
            "pc 0x00000002",
            "not logged",
        ] {
            assert!(page.contains(words), "{words}: {page}");
        }
        assert_eq!(page.matches("guessed").count(), 1);
    }
}
