//! One board's part of the page.

use maud::{Markup, html};

use super::number::{count, duration, grouped, percent, size};
use super::{attempts, badge, crash, difference, energy, pictures, sensors};
use crate::backend::Backend;
use crate::board::Counter;
use crate::error::Result;
use crate::link::Counters;
use crate::log::Line;
use crate::report::{BoardReport, ControlReport, Executor, Images, JobReport, Memory};

/// Jobs whose layers are listed in the page; the JSON file lists all.
const JOBS_LISTED_MAX: usize = 4;
/// Jobs that are shown unfolded.
const JOBS_OPEN_MAX: usize = 6;

/// Returns the section of one board.
pub(super) fn section(
    board_idx: usize,
    entry: &BoardReport,
    images: &[&Images],
    trends: &Markup,
) -> Result<Markup> {
    let mut shown = Vec::new();
    for (picture_idx, picture) in entry.pictures.iter().enumerate() {
        let own = images.iter().find(|it| it.picture_idx == picture_idx);
        shown.push(pictures::section(picture, own.copied())?);
    }
    Ok(html! {
        article id=(format!("board-{board_idx}")) {
            div.title {
                h2 { (entry.rig) }
                @if entry.rig != entry.board.name { span.chip { (entry.board.name) } }
                span.chip { (entry.board.core) }
                span.chip { (entry.model.name) }
                span.chip { (entry.model.precision) }
                @if let Some(Backend::Cuda { .. }) = backend(entry) { span.chip { "cuda" } }
                (badge(entry.verdict))
            }
            @if let Some(failure) = &entry.failure {
                section.card.alarm { h3 { "Not finished: " (failure.stage.word()) } pre { (failure.cause) } }
            }
            @if let Some(crash) = &entry.crash { (crash::card(crash)) }
            (attempts::cards(entry))
            @if let Some(found) = &entry.first_difference { (difference::panel(entry, found)) }
            @for picture in &shown { (picture) }
            div.grid {
                (controls(&entry.controls))
                (memory(&entry.memory, backend(entry)))
                (trends)
                (identity(entry))
                (link(&entry.link))
                (sensors::card(entry.sensors.as_ref()))
                @if let Some(it) = &entry.energy { (energy::energy(it)) }
                @if let Some(why) = &entry.energy_failure {
                    section.card { h3 { "Energy" } p.note { "No figure: " (why) } }
                }
            }
            (jobs(&entry.jobs, entry.board.counter))
            (layers(&entry.jobs))
            (log(&entry.log))
        }
    })
}

/// Returns what ran the network; nothing where no handshake came about.
fn backend(entry: &BoardReport) -> Option<&Backend> {
    entry.device.as_ref().map(|device| &device.backend)
}

fn identity(entry: &BoardReport) -> Markup {
    let (board, model) = (&entry.board, &entry.model);
    html! {
        section.card {
            h3 { "Identity" }
            dl.facts {
                dt { "Chip" } dd { (board.chip) }
                dt { "Target" } dd { code { (board.target) } }
                dt { "Runs on" }
                dd {
                    @if let Some(machine) = &board.machine { "QEMU, " code { (machine) } }
                    @else { "hardware" }
                }
                @if let Some(firmware) = &entry.firmware {
                    dt { "Firmware SHA-256" } dd { code { (firmware.sha256) } }
                    dt { "Firmware flash" } dd { (grouped(firmware.flash_bytes)) " bytes" }
                    @if let Some(revision) = &firmware.revision {
                        dt { "Firmware source" } dd { code { (revision) } }
                    }
                }
                @if let Some(device) = &entry.device {
                    dt { "CPUID" } dd { code { (device.cpuid) } }
                    dt { "Unique id" } dd { code { (device.uid) } }
                    dt { "FPSCR" } dd { code { (device.fp_flags) } }
                    dt { "Protocol" } dd { (device.protocol) }
                    dt { "Firmware build" } dd { code { (device.build_id) } }
                } @else {
                    dt { "Handshake" } dd { "none" }
                }
                dt { "Model" } dd { (model.name) ", " (model.precision) }
                dt { "Shape" } dd { (model.config) }
                dt { "Model SHA-256" } dd { code { (model.sha256) } }
                dt { "On the board" } dd { (model_on_board(entry)) }
                dt { "Executor" } dd { (executor(entry.executor)) }
                @if let Some(backend) = backend(entry) {
                    dt { "Backend" } dd { (backend.describe()) }
                }
            }
        }
    }
}

fn model_on_board(entry: &BoardReport) -> Markup {
    let device = entry.device.as_ref();
    match device.and_then(|device| device.model_sha256.as_ref()) {
        Some(sha256) if *sha256 == entry.model.sha256 => html! { "the same" },
        Some(sha256) => html! { span.alarming { "another: " code { (sha256) } } },
        None => html! { span.alarming { "none" } },
    }
}

fn executor(executor: Executor) -> String {
    match executor {
        Executor::Stream => "row streaming".to_owned(),
        Executor::Patch { tile, halo } => format!("tiles of {tile}×{tile}, halo {halo}"),
    }
}

fn memory(memory: &Memory, backend: Option<&Backend>) -> Markup {
    html! {
        section.card {
            h3 { "Memory" }
            (bar("Model in flash", memory.flash_bytes, None, memory.flash_size_bytes))
            (bar("Arena", memory.arena_bytes, memory.arena_used_bytes, memory.arena_size_bytes))
            (bar("Stack", memory.stack_bytes, memory.stack_used_bytes, memory.stack_size_bytes))
            p.note {
                "Executor object " (grouped(memory.object_bytes))
                " bytes. Planned before the run; the arena as the board reports it, the stack \
                 measured on it by painting."
                @if let Some(Backend::Cuda { .. }) = backend {
                    " The network's memory was the GPU's; the plan is the processor's."
                }
            }
        }
    }
}

/// Returns one kind of memory: planned, measured, and what there is.
fn bar(name: &str, planned: usize, measured: Option<usize>, whole: usize) -> Markup {
    if whole == 0 {
        return html! {
            div.memory {
                div.row { b { (name) } span { (size(planned)) " planned, the system's to give" } }
            }
        };
    }
    let over = planned > whole || measured.is_some_and(|it| it > planned);
    html! {
        div.memory.over[over] {
            div.row {
                b { (name) }
                span { (size(measured.unwrap_or(planned))) " of " (size(whole)) }
            }
            div.track {
                i.planned style=(format!("width: {:.2}%", percent(planned, whole))) {}
                @if let Some(measured) = measured {
                    i.measured style=(format!("width: {:.2}%", percent(measured, whole))) {}
                }
            }
            div.note {
                "planned " (grouped(planned))
                @if let Some(measured) = measured { ", measured " (grouped(measured)) }
                ", there " (grouped(whole)) " bytes"
            }
        }
    }
}

fn link(link: &Counters) -> Markup {
    let traffic = [
        ("Bytes sent", link.bytes_sent),
        ("Bytes received", link.bytes_received),
        ("Frames sent", link.frames_sent),
        ("Frames received", link.frames_received),
    ];
    let damage = [
        ("Damaged frames, checksum", link.bad_crc),
        ("Damaged frames, coding", link.bad_cobs),
        (
            "Damaged frames, length",
            link.bad_length + link.bad_overlong,
        ),
        ("Frames lost", link.frames_lost),
        ("Frames unknown", link.unknown),
        ("Board asked again", link.naks),
        ("Sent again after silence", link.resends),
        ("Picture bytes sent again", link.bytes_resent),
        ("Requests repeated", link.requests_repeated),
        ("Jobs repeated", link.jobs_repeated),
    ];
    html! {
        section.card {
            h3 { "Link" }
            table.plain.link {
                tbody {
                    @for (name, value) in traffic {
                        tr { td { (name) } td.n { (grouped(value)) } }
                    }
                    @for (name, value) in damage {
                        tr.quiet[value == 0] { td { (name) } td.n { (grouped(value)) } }
                    }
                }
            }
            p.note { "Whole session, planted faults included." }
        }
    }
}

fn controls(controls: &[ControlReport]) -> Markup {
    html! {
        section.card {
            h3 { "Planted faults" }
            p.note { "Each is planted on purpose in this run. One that is missed fails the run." }
            @if controls.is_empty() {
                p { "None was planted." }
            }
            ul.controls {
                @for control in controls {
                    li {
                        @if control.caught { span.badge.good { "✓ caught" } }
                        @else { span.badge.bad { "NOT CAUGHT" } }
                        div { b { (control.name) } p { (control.what) } p.note { (control.how) } }
                    }
                }
            }
        }
    }
}

fn jobs(jobs: &[JobReport], counter: Counter) -> Markup {
    let counted = match counter {
        Counter::Cycles => "Cycles",
        Counter::Instructions => "Instructions",
    };
    html! {
        details.card.wide open[!jobs.is_empty() && jobs.len() <= JOBS_OPEN_MAX] {
            summary { "Jobs" span.note { (count(jobs)) } }
            div.scroll {
                table.plain {
                    thead {
                        tr {
                            th { "Picture" } th.n { "Tile" } th { "LR pixels" } th.n { "Sent" }
                            th.n { "Received" } th { "CRC-32" } th.n { (counted) }
                            th.n { "Time" } th.n { "Attempts" } th { "Layers" } th { "Output" }
                        }
                    }
                    tbody { @for job in jobs { (job_row(job)) } }
                }
            }
        }
    }
}

fn job_row(job: &JobReport) -> Markup {
    let rect = job.rect;
    html! {
        tr {
            td { (job.input) }
            td.n { (job.tile) }
            td { (rect.width) "×" (rect.height) " at " (rect.x) ", " (rect.y) }
            td.n { (grouped(job.input_bytes)) }
            td.n { (grouped(job.output_bytes)) }
            td { code { (job.output_crc32) } }
            td.n {
                @if let Some(cycles) = job.cycles { (grouped(cycles)) } @else { "not counted" }
            }
            td.n { (duration(job.wall_ms / 1000.0)) }
            td.n { (job.attempts) }
            td { (equal_of(job)) }
            td { @if job.output_equal { "equal" } @else { span.alarming { "differs" } } }
        }
    }
}

fn equal_of(job: &JobReport) -> Markup {
    if job.layers.is_empty() {
        return html! { "none shown: output only" };
    }
    let equal = job.layers.iter().filter(|layer| layer.equal).count();
    let text = format!("{} of {} equal", grouped(equal), count(&job.layers));
    html! { span.alarming[equal < job.layers.len()] { (text) } }
}

/// Lists the layers of the jobs that differ, and of the first one.
fn layers(jobs: &[JobReport]) -> Markup {
    let wanted = |(idx, job): &(usize, &JobReport)| *idx == 0 || !job.is_equal();
    let listed: Vec<&JobReport> = jobs
        .iter()
        .enumerate()
        .filter(wanted)
        .map(|(_, job)| job)
        .take(JOBS_LISTED_MAX)
        .collect();
    html! {
        details.card.wide {
            summary {
                "Layers and digests"
                span.note { (count(&listed)) " of " (count(jobs)) " jobs, all are in report.json" }
            }
            @for job in listed {
                h4 { (job.input) ", tile " (job.tile) " · " (equal_of(job)) }
                div.beads aria-hidden="true" {
                    @for layer in &job.layers { i.wrong[!layer.equal] title=(layer.name) {} }
                }
                div.scroll { (digests(job)) }
            }
        }
    }
}

fn digests(job: &JobReport) -> Markup {
    html! {
        table.plain.tight {
            thead { tr { th.n { "#" } th { "Layer" } th { "Board" } th { "Reference" } th { "" } } }
            tbody {
                @for (layer_idx, layer) in job.layers.iter().enumerate() {
                    tr.wrong[!layer.equal] {
                        td.n { (layer_idx) }
                        td { code { (layer.name) } }
                        td { code { (layer.device) } }
                        td { code { (layer.reference) } }
                        td { @if layer.equal { "equal" } @else { "differs" } }
                    }
                }
            }
        }
    }
}

fn log(lines: &[Line]) -> Markup {
    html! {
        details.card.wide {
            summary { "Log of the board" span.note { "last " (count(lines)) " lines" } }
            pre.log {
                @for line in lines {
                    span.time { (line.time) } " "
                    span class=(format!("level {}", level(&line.level))) {
                        (format!("{:5}", line.level))
                    } " "
                    (line.message)
                    @if !line.place.is_empty() { span.place { "  " (line.place) } }
                    "\n"
                }
            }
        }
    }
}

/// Maps a level to its class; what is unknown gets none.
fn level(level: &str) -> &'static str {
    match level {
        "error" => "error",
        "warn" => "warn",
        "info" => "info",
        _ => "",
    }
}
