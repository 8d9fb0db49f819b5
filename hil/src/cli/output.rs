//! What goes to stdout.

use std::io::{IsTerminal, Write};

use mambalite_hil::Error;
use mambalite_hil::backend::Backend;
use mambalite_hil::config::FaultyFile;
use mambalite_hil::power::EnergyReport;
use mambalite_hil::recovery::Step;
use mambalite_hil::report::{
    BoardReport, ControlReport, Difference, Failure, PictureReport, QuarantineReport, SensorReport,
};
use mambalite_hil::run::Outcome;
use mambalite_hil::verdict::Verdict;
use serde::Serialize;

/// Version of the JSON lines.
const SCHEMA: u32 = 1;

/// How results are printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// One JSON object a line instead of text.
    pub(crate) json: bool,
}

/// One line of JSON.
#[derive(Serialize)]
struct Line<T> {
    schema: u32,
    kind: &'static str,
    #[serde(flatten)]
    content: T,
}

#[derive(Serialize)]
struct BoardLine<'a> {
    rig: &'a str,
    board: &'a str,
    model: &'a str,
    precision: &'a str,
    backend: Option<&'a Backend>,
    verdict: Verdict,
    failure: Option<&'a Failure>,
    attempts: &'a [Failure],
    recovery: &'a [Step],
    quarantine: Option<&'a QuarantineReport>,
    jobs: usize,
    jobs_equal: usize,
    layers_compared: usize,
    layers_equal: usize,
    first_difference: Option<&'a Difference>,
    controls: &'a [ControlReport],
    pictures: &'a [PictureReport],
    sensors: Option<&'a SensorReport>,
    energy: Option<&'a EnergyReport>,
}

#[derive(Serialize)]
struct RunLine<'a> {
    verdict: Verdict,
    exit_code: u8,
    duration_s: f64,
    report: Option<&'a std::path::Path>,
    result: Option<&'a std::path::Path>,
    error: Option<String>,
}

/// Returns the faults of a file as they are shown on stderr.
pub(crate) fn faulty_file(file: &FaultyFile) -> String {
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty());
    file.render(std::io::stderr().is_terminal() && !no_colour)
}

impl<'a> BoardLine<'a> {
    fn new(report: &'a BoardReport) -> Self {
        let layers = || report.jobs.iter().flat_map(|job| &job.layers);
        Self {
            rig: &report.rig,
            board: &report.board.name,
            model: &report.model.name,
            precision: &report.model.precision,
            backend: report.device.as_ref().map(|device| &device.backend),
            verdict: report.verdict,
            failure: report.failure.as_ref(),
            attempts: &report.attempts,
            recovery: &report.recovery,
            quarantine: report.quarantine.as_ref(),
            jobs: report.jobs.len(),
            jobs_equal: report.jobs.iter().filter(|job| job.is_equal()).count(),
            layers_compared: layers().count(),
            layers_equal: layers().filter(|layer| layer.equal).count(),
            first_difference: report.first_difference.as_ref(),
            controls: &report.controls,
            pictures: &report.pictures,
            sensors: report.sensors.as_ref(),
            energy: report.energy.as_ref(),
        }
    }
}

impl Output {
    /// Prints a line. A reader that is gone is no reason to stop: the report is in files.
    pub(crate) fn line(self, line: &str) {
        let _ = writeln!(std::io::stdout(), "{line}");
    }

    /// Prints an object as a line of JSON.
    pub(crate) fn object(self, kind: &'static str, content: impl Serialize) {
        let schema = SCHEMA;
        let line = Line {
            schema,
            kind,
            content,
        };
        match serde_json::to_string(&line) {
            Ok(text) => self.line(&text),
            Err(error) => eprintln!("error: make JSON: {error}"),
        }
    }

    /// Prints what became of one board.
    pub(crate) fn board(self, report: &BoardReport) {
        if self.json {
            self.object("board", BoardLine::new(report));
            return;
        }
        let BoardLine {
            backend,
            jobs,
            jobs_equal,
            layers_compared,
            layers_equal,
            ..
        } = BoardLine::new(report);
        let caught = report.controls.iter().filter(|it| it.caught).count();
        let layers = match backend.is_none_or(Backend::shows_layers) {
            true => format!("{layers_equal} of {layers_compared} layers equal"),
            false => "no layers (a GPU shows none: output only)".to_owned(),
        };
        self.line(&format!(
            "{} {} {}: {jobs_equal} of {jobs} jobs equal, {layers}, \
             {caught} of {} deliberate faults caught",
            report.rig,
            report.model.precision,
            report.verdict.word(),
            report.controls.len()
        ));
        // The processor is what one expects.
        if let Some(backend) = backend.filter(|it| **it != Backend::Cpu { note: None }) {
            self.line(&format!("  backend: {}", backend.describe()));
        }
        for picture in &report.pictures {
            self.line(&describe(picture));
        }
        if let Some(sensors) = &report.sensors {
            self.line(&describe_sensors(sensors));
        }
        self.trouble(report);
    }

    /// Prints what a board did wrong, and what was done about it.
    fn trouble(self, report: &BoardReport) {
        if let Some(failure) = &report.failure {
            let stage = failure.stage.word();
            self.line(&format!("  failed at {stage}: {}", failure.cause));
        }
        if let Some(crash) = &report.crash {
            for line in crash.to_string().lines() {
                self.line(&format!("  {line}"));
            }
        }
        for step in &report.recovery {
            let how = step.detail.as_deref().unwrap_or("the board is back");
            self.line(&format!("  {}: {how}", step.rung.words()));
        }
        if let Some(it) = &report.quarantine {
            let (found, owner) = (it.found.word(), &it.quarantine.owner);
            let (reason, expires) = (&it.quarantine.reason, &it.quarantine.expires);
            self.line(&format!(
                "  quarantined until {expires} ({owner}: {reason}); found: {found}"
            ));
        }
        if let Some(why) = &report.energy_failure {
            self.line(&format!("  no energy: {why}"));
        }
        if let Some(difference) = &report.first_difference {
            self.line(&format!("  {}", describe_difference(difference)));
        }
        for control in report.controls.iter().filter(|it| !it.caught) {
            self.line(&format!(
                "  NOT CAUGHT: {} ({}): {}",
                control.name, control.what, control.how
            ));
        }
    }

    /// Prints how a run ended; the path of the report comes last.
    pub(crate) fn run(self, outcome: &Outcome) {
        if !self.json {
            self.line(&outcome.paths.html.display().to_string());
            return;
        }
        self.object(
            "run",
            RunLine {
                verdict: outcome.report.verdict,
                exit_code: outcome.exit_code,
                duration_s: outcome.report.duration_s,
                report: Some(&outcome.paths.html),
                result: Some(&outcome.paths.json),
                error: None,
            },
        );
    }

    /// Prints that nothing came of a command; the words for people are on stderr.
    pub(crate) fn failure(self, error: &Error) {
        if self.json {
            self.object(
                "run",
                RunLine {
                    verdict: Verdict::of(error),
                    exit_code: error.exit_code(),
                    duration_s: 0.0,
                    report: None,
                    result: None,
                    error: Some(error.to_string()),
                },
            );
        }
    }
}

fn describe(picture: &PictureReport) -> String {
    let ([lr_w, lr_h], [sr_w, sr_h]) = (picture.lr_size, picture.sr_size);
    let mut text = format!("  {}: {lr_w}x{lr_h} -> {sr_w}x{sr_h}", picture.name);
    if let (Some(board), Some(bicubic)) = (picture.board_scores, picture.bicubic_scores) {
        text += &format!(
            ", PSNR {:.2} dB (bicubic {:.2}), SSIM {:.4} (bicubic {:.4})",
            board.psnr_y_db, bicubic.psnr_y_db, board.ssim_y, bicubic.ssim_y
        );
    }
    text
}

fn describe_sensors(sensors: &SensorReport) -> String {
    if sensors.made_up {
        return "  power: none, the sensors of a virtual board are made up".to_owned();
    }
    let mut rails = sensors.rails().peekable();
    if rails.peek().is_none() {
        return "  power: no rails found".to_owned();
    }
    let rails = rails.map(|rail| format!("{} {:.0} mW", rail.name, rail.mean));
    let rails = rails.collect::<Vec<_>>().join(", ");
    format!(
        "  mean power over {:.1} s: {rails}; see the notes in the report",
        sensors.window_s
    )
}

fn describe_difference(found: &Difference) -> String {
    let place = found.position.map_or(String::new(), |at| {
        format!(" (x {}, y {}, channel {})", at.x, at.y, at.channel)
    });
    format!(
        "first difference: {}, tile {}, layer {}, element {}{place}: \
         board {} ({}), reference {} ({})",
        found.picture,
        found.tile,
        found.layer,
        found.element,
        found.device_value,
        found.device_bits,
        found.reference_value,
        found.reference_bits
    )
}
