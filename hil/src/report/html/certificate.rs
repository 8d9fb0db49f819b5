//! A certificate for people: what was shown, by what, and how to check it.

use mambalite_hil_certificate::predicate::{Control, Operator, Predicate, Verdict};
use mambalite_hil_certificate::suite::Class;
use mambalite_hil_certificate::{Certificate, bundle};
use maud::{Markup, html};

use super::number::grouped;
use super::{figure, page};
use crate::requirements::{self, Found, Requirement};
use crate::verify::{Step, Word};

/// Returns the page of an accepted certificate. `steps` are those of its verification, if it was
/// verified.
#[must_use]
pub fn certificate(certificate: &Certificate, steps: &[Step]) -> String {
    let predicate = &certificate.predicate;
    let title = format!(
        "{} on {}, {}",
        predicate.model.name, predicate.board.name, predicate.model.precision
    );
    let body = html! {
        header {
            span.brand { span.mark aria-hidden="true" { i {} i {} i {} i {} } "mambalite" }
            span.where { "Certificate of bit-accuracy" }
            span.when {
                time datetime=(predicate.identity.finished) { (predicate.identity.finished) }
            }
        }
        main {
            (banner(predicate, &title))
            (verification(steps))
            div.grid {
                (identity(certificate))
                (board(predicate))
                (firmware(predicate))
                (classes(predicate))
                (numbers(predicate))
                (soak(predicate))
            }
            (controls(&predicate.controls))
            (traceability(predicate))
            (operators(&predicate.operators))
            (vectors(predicate))
            (toolchain(predicate))
            (how(certificate))
        }
        footer {
            p {
                "This is evidence for a qualification file. It claims no conformity with ISO 26262, DO-330 "
                "or another standard. docs/certification.md says what each check excludes."
            }
            p { "Certificate file SHA-256 " code { (certificate.sha256) } }
        }
    };
    page(&title, &body).into_string()
}

fn banner(predicate: &Predicate, title: &str) -> Markup {
    let passed = |it: &&Control| it.caught;
    let caught = predicate.controls.iter().filter(passed).count();
    let equal = predicate.operators.iter();
    let equal = equal.filter(|it| it.verdict == Verdict::Pass).count();
    let totals = predicate.totals;
    html! {
        section class="banner good" {
            div.verdict {
                span.sign aria-hidden="true" { "✓" }
                div {
                    h1 { "Every bit is equal" }
                    p { (title) ". The firmware computed on this board exactly what the reference "
                        "computes, in every byte and every layer shown, on every vector below." }
                }
            }
            dl.figures {
                (figure("Vectors equal", grouped(predicate.results.len()), Some(grouped(predicate.suite.count))))
                (figure("Operator checks equal", grouped(equal), Some(grouped(predicate.operators.len()))))
                (figure("Skipped", grouped(totals.skipped), None))
                (figure("Planted faults caught", grouped(caught), Some(grouped(predicate.controls.len()))))
                (figure("Soak jobs", grouped(predicate.soak.jobs), None))
            }
        }
    }
}

fn verification(steps: &[Step]) -> Markup {
    html! {
        @if !steps.is_empty() {
            section.card {
                h3 { "Verified" }
                ul.controls {
                    @for step in steps {
                        @let (tone, word) = match step.word {
                            Word::Accepted => ("good", "accepted"),
                            Word::Refused => ("bad", "refused"),
                            Word::LeftOut => ("odd", "left out"),
                            Word::Missing => ("odd", "not done"),
                        };
                        li {
                            span class=(format!("badge {tone}")) { (word) }
                            div { b { (step.name) } @for it in &step.details { p.note { (it) } } }
                        }
                    }
                }
            }
        }
    }
}

fn identity(certificate: &Certificate) -> Markup {
    let it = &certificate.predicate.identity;
    html! {
        section.card {
            h3 { "Certificate" }
            dl.facts {
                dt { "Number" } dd { code { (it.id) } }
                dt { "Made" } dd { (it.started) " to " (it.finished) }
                dt { "By" } dd { (it.tool) ", " (it.host) }
                dt { "Key" } dd { (certificate.key.name) " " code { (certificate.key.key.id()) } }
                dt { "Commit" } dd { code { (it.commit) } ", nothing beside it" }
                dt { "Kernels" } dd { code { (it.kernels_tree) } }
                @match &certificate.predicate.chain {
                    Some(previous) => {
                        dt { "Follows" } dd { code { (previous.id) } }
                        dt { "Its SHA-256" } dd { code { (previous.sha256) } }
                    }
                    None => { dt { "Follows" } dd { "none" } }
                }
            }
        }
    }
}

fn board(predicate: &Predicate) -> Markup {
    let it = &predicate.board;
    html! {
        section.card {
            h3 { "Board" }
            dl.facts {
                dt { "Rig" } dd { (it.rig) }
                dt { "Board" } dd { (it.name) ", " (it.chip) ", " (it.core) }
                dt { "Runs on" } dd { (it.emulator.as_deref().unwrap_or("hardware")) }
                dt { "CPUID" } dd { code { (it.cpuid) } }
                dt { "Unique id" } dd { code { (it.uid) } }
                @if let Some(clock) = it.clock_hz { dt { "Clock" } dd { (grouped(clock)) " Hz" } }
                dt { "Floating-point control" } dd { code { (it.fp_flags) } }
                dt { "Network run by" } dd { (it.backend) }
            }
        }
    }
}

fn firmware(predicate: &Predicate) -> Markup {
    let (it, model) = (&predicate.firmware, &predicate.model);
    html! {
        section.card {
            h3 { "Firmware and model" }
            dl.facts {
                dt { "ELF SHA-256" } dd { code { (it.elf_sha256) } }
                dt { "Built again" } dd { "the same" }
                dt { "Build id" } dd { code { (it.build_id) } ", told by the board" }
                @for flashed in &it.flashed {
                    dt { (flashed.what) }
                    dd {
                        @if let Some(address) = flashed.address { code { (format!("{address:#010x}")) } " " }
                        (grouped(flashed.bytes)) " bytes, read back equal " code { (flashed.sha256) }
                    }
                }
                dt { "Model" } dd { (model.name) ", " (model.precision) ", " (model.config) }
                dt { "Layers" } dd { (model.layers) }
                dt { "Model hash" } dd { code { (model.sha256) } }
                dt { "SBOM SHA-256" } dd { code { (predicate.sbom_sha256) } ", line 3 of the file" }
                dt { "Log SHA-256" } dd { code { (predicate.log_sha256) } }
            }
        }
    }
}

fn classes(predicate: &Predicate) -> Markup {
    html! {
        section.card {
            h3 { "Vectors by class" }
            table.plain {
                thead { tr { th { "Class" } th { "What for" } th.n { "Vectors" } } }
                tbody {
                    @for (class, count) in &predicate.suite.classes {
                        tr { td { (class.name()) } td.words { (purpose(*class)) } td.n { (count) } }
                    }
                }
            }
            dl.facts {
                dt { "Merkle root" } dd { code { (predicate.suite.root) } }
                dt { "File SHA-256" } dd { code { (predicate.suite.sha256) } }
                dt { "Seed" } dd { (predicate.suite.seed) }
            }
        }
    }
}

fn purpose(class: Class) -> &'static str {
    match class {
        Class::Golden => "published in the specification",
        Class::Edge => "black, white, one pixel, one row, one column, impulses",
        Class::Random => "every tail of every loop",
        Class::Chained => "an output is the next input: an error would grow",
        Class::Seams => "whole and in tiles, sizes that change: nothing stays from the job before",
        Class::Accumulator => "drives the sums of the first layer to their ends",
        Class::Real => "cut from a photograph",
    }
}

fn numbers(predicate: &Predicate) -> Markup {
    html! {
        @if let Some(ulp) = &predicate.ulp {
            section.card {
                h3 { "Distance to double precision" }
                table.plain.tight {
                    thead { tr { th { "ULP" } th.n { "Values" } } }
                    tbody {
                        @for (distance, count) in &ulp.counts {
                            tr { td { (distance) } td.n { (grouped(*count)) } }
                        }
                    }
                }
                p.note { "Largest: " (grouped(ulp.largest)) " ULP; " (ulp.largest_grey) " grey levels of 255." }
            }
        } @else {
            section.card {
                h3 { "Largest sums" }
                div.scroll {
                    table.plain.tight {
                        thead { tr { th { "Matrix" } th.n { "Bound" } th.n { "Holds" } } }
                        tbody {
                            @for it in &predicate.accumulators {
                                tr { td { (it.name) } td.n { (grouped(it.bound)) } td.n { (grouped(it.limit)) } }
                            }
                        }
                    }
                }
                p.note { "With these weights and any input of its format no sum is larger than its bound." }
            }
        }
    }
}

fn soak(predicate: &Predicate) -> Markup {
    let (soak, link) = (predicate.soak, predicate.link);
    html! {
        section.card {
            h3 { "Repetition and line" }
            dl.facts {
                dt { "Rounds through the suite" } dd { (soak.rounds) }
                dt { "Jobs" } dd { (grouped(soak.jobs)) ", " (soak.failed) " differed" }
                dt { "Damaged frames" } dd { (link.frames_bad) }
                dt { "Bytes sent again" } dd { (link.bytes_resent) }
                dt { "Jobs begun again" } dd { (link.jobs_repeated) }
                dt { "Health before" }
                dd { "passed, with firmware " code { (predicate.health.firmware_sha256) } }
            }
            @if predicate.policy.waivers.is_empty() {
                p.note { "Nothing was waived." }
            } @else {
                h4 { "Waived" }
                @for it in &predicate.policy.waivers {
                    p { b { (it.check) } " until " (it.expires) ": " (it.reason) " (" (it.owner) ")" }
                }
            }
        }
    }
}

fn controls(controls: &[Control]) -> Markup {
    html! {
        section.card {
            h3 { "Planted faults" }
            p.note { "Equality proves something only where a difference would have been seen." }
            ul.controls {
                @for it in controls {
                    li {
                        span class="badge good" { "✓ caught" }
                        div { b { (it.name) } p.note { (it.what) ": " (it.how) } }
                    }
                }
            }
        }
    }
}

fn traceability(predicate: &Predicate) -> Markup {
    html! {
        section.card {
            h3 { "Requirements" }
            div.scroll {
                table.plain {
                    thead {
                        tr { th { "" } th { "Requirement" } th { "Tests of the repository" } th { "In this certificate" } th { "Result" } }
                    }
                    tbody {
                        @for it in &requirements::all() { (requirement(it, predicate)) }
                    }
                }
            }
        }
    }
}

fn requirement(it: &Requirement, predicate: &Predicate) -> Markup {
    let evidence = it.evidence.iter();
    let found: Vec<Option<Found>> = evidence
        .map(|it| requirements::find(it, predicate))
        .collect();
    let holds = found
        .iter()
        .all(|it| it.as_ref().is_some_and(|it| it.holds));
    let (tone, word) = if holds {
        ("good", "✓ shown")
    } else {
        ("bad", "! not shown")
    };
    html! {
        tr {
            td { b { (it.id) } }
            td.words { (it.text) }
            td.words { @for test in &it.tests { p { code { (test) } } } }
            td.words { @for it in found.iter().flatten() { p { (it.words) } } }
            td { span class=(format!("badge {tone}")) { (word) } }
        }
    }
}

/// One line an operator: how many of its checks passed, and which could not run.
fn operators(operators: &[Operator]) -> Markup {
    let mut names: Vec<&str> = operators.iter().map(|it| it.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let of = |name: &str, verdict| {
        let own = operators.iter().filter(|it| it.name == name);
        own.filter(|it| it.verdict == verdict).count()
    };
    html! {
        section.card {
            details {
                summary { "Operators" span.note { (grouped(names.len())) " checks, each with every seed" } }
                div.scroll {
                    table.plain.tight {
                        thead { tr { th { "Check" } th.n { "Equal" } th.n { "Cannot run" } } }
                        tbody {
                            @for name in &names {
                                @let skipped = of(name, Verdict::Skip);
                                tr.quiet[skipped > 0] {
                                    td { code { (name) } }
                                    td.n { (of(name, Verdict::Pass)) } td.n { (skipped) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn vectors(predicate: &Predicate) -> Markup {
    html! {
        section.card {
            details {
                summary { "Vectors" span.note { (grouped(predicate.results.len())) ", each at its first attempt" } }
                div.scroll {
                    table.plain.tight {
                        thead { tr { th { "Vector" } th { "Output SHA-256" } th { "Layers SHA-256" } th.n { "Cycles" } } }
                        tbody {
                            @for it in &predicate.results {
                                tr {
                                    td { (it.id) } td { code { (it.actual_sha256) } }
                                    td { code { (it.actual_layers_sha256.as_deref().unwrap_or("not shown")) } }
                                    td.n { @match it.cycles { Some(cycles) => (grouped(cycles)), None => "–" } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn toolchain(predicate: &Predicate) -> Markup {
    let it = &predicate.toolchain;
    html! {
        section.card {
            details {
                summary { "Toolchain" span.note { (it.target) } }
                pre { (it.rustc) }
                dl.facts {
                    @if let Some(cpu) = &it.target_cpu { dt { "Processor" } dd { code { (cpu) } } }
                    dt { "Cargo.lock SHA-256" } dd { code { (it.lock_sha256) } }
                    @for (name, hash) in &it.linker_scripts { dt { code { (name) } } dd { code { (hash) } } }
                    @for flag in &it.flags { dt { "Flag" } dd { code { (flag) } } }
                }
            }
        }
    }
}

fn how(certificate: &Certificate) -> Markup {
    let file = format!("CERTIFICATE.{}", bundle::EXTENSION);
    html! {
        section.card {
            h3 { "How to check it" }
            p { "Offline, with the public key of who made it, or a file of trusted keys:" }
            pre { "hil verify " (file) " --key KEY.pub\nhil verify " (file) " --trust trust.toml --elf firmware.elf --rerun" }
            h4 { "What it is about" }
            div.scroll {
                table.plain.tight {
                    thead { tr { th { "Subject" } th { "Digest" } } }
                    tbody {
                        @for it in &certificate.subjects {
                            @for (algorithm, digest) in &it.digest {
                                tr { td { (it.name) } td { (algorithm) " " code { (digest) } } }
                            }
                        }
                    }
                }
            }
        }
    }
}
