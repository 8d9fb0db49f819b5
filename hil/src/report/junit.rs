//! The report as JUnit XML, for the viewers of build servers: one suite a rig.
//!
//! `<failure>` is about the firmware (mismatch, planted fault missed, crash, regression), `<error>`
//! about what stands around it (toolchain, probe, line, time-out). Of a rig in quarantine and of
//! one that was not run every case is `<skipped>`. A pass after failed attempts has these as
//! `<flakyFailure>` or `<flakyError>`, and a property `flaky`, for viewers that know neither.

use std::path::Path;
use std::time::Duration;

use mambalite::atomic_file;
use quick_junit::{
    NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestRerun, TestSuite,
};

use super::{BoardReport, Failure, JobReport, PictureReport, RunReport, summary};
use crate::error::{Error, Result};
use crate::verdict::Verdict;

/// Writes the file.
pub(super) fn write(path: &Path, report: &RunReport) -> Result<()> {
    let text = render(report)?;
    atomic_file::write(path, |out| out.write_all(text.as_bytes()))?;
    Ok(())
}

pub(super) fn render(report: &RunReport) -> Result<String> {
    let mut junit = Report::new("hil");
    junit.timestamp = report.started.parse().ok();
    junit.set_time(seconds(report.duration_s));
    let mut rigs: Vec<&str> = Vec::new();
    for board in &report.boards {
        if !rigs.contains(&board.rig.as_str()) {
            rigs.push(&board.rig);
        }
    }
    for rig in rigs {
        junit.add_test_suite(suite(report, rig));
    }
    junit.to_string().map_err(|cause| Error::Report {
        cause: cause.to_string(),
    })
}

fn suite(report: &RunReport, rig: &str) -> TestSuite {
    let mut suite = TestSuite::new(rig);
    suite.timestamp = report.started.parse().ok();
    let mut time = 0.0;
    for (idx, board) in report.boards.iter().filter(|it| it.rig == rig).enumerate() {
        if idx == 0 {
            suite.add_properties(facts(board));
        }
        time += board.jobs.iter().map(|job| job.wall_ms).sum::<f64>() / 1e3;
        suite.add_test_case(whole(board));
        for picture in &board.pictures {
            suite.add_test_case(of_picture(board, picture));
        }
        if !board.controls.is_empty() {
            suite.add_test_case(planted_faults(board));
        }
        suite.add_test_cases(thresholds(report, board));
    }
    suite.set_time(seconds(time));
    suite
}

fn facts(report: &BoardReport) -> Vec<Property> {
    let board = &report.board;
    let mut facts = vec![
        Property::new("board", &board.name),
        Property::new("chip", &board.chip),
        Property::new("core", &board.core),
        Property::new("target", &board.target),
        Property::new("machine", board.machine.as_deref().unwrap_or("hardware")),
        Property::new("model", &report.model.name),
        Property::new("model-sha256", &report.model.sha256),
    ];
    if let Some(firmware) = &report.firmware {
        facts.push(Property::new("firmware-sha256", &firmware.sha256));
        let revision = firmware.revision.as_deref();
        facts.extend(revision.map(|it| Property::new("firmware-revision", it)));
    }
    facts.extend(
        report
            .device
            .as_ref()
            .map(|it| Property::new("uid", &it.uid)),
    );
    facts
}

/// The case that is there for every board and precision: its verdict. It passes only where that
/// does, whatever the others show.
fn whole(board: &BoardReport) -> TestCase {
    let verdict = board
        .quarantine
        .as_ref()
        .map_or(board.verdict, |it| it.found);
    let mut status = match (verdict, &board.failure) {
        (Verdict::Pass | Verdict::Flaky, _) => TestCaseStatus::success(),
        (_, Some(failure)) => non_success(verdict, &failure.cause, Some(failure)),
        (_, None) => {
            let first = board.first_difference.as_ref().map(summary::difference);
            let text = first.unwrap_or_else(|| verdict.word().to_lowercase());
            non_success(verdict, &text, None)
        }
    };
    for attempt in &board.attempts {
        let mut rerun = TestRerun::new(kind(attempt.verdict));
        rerun.set_type(attempt.verdict.word());
        rerun.set_message(staged(attempt));
        status.add_rerun(rerun);
    }
    let mut case = case(board, "run", status);
    case.add_property(("verdict", verdict.word()));
    if board.verdict == Verdict::Flaky {
        case.add_property(("flaky", "true"));
    }
    if !board.log.is_empty() {
        let lines: Vec<String> = board.log.iter().map(ToString::to_string).collect();
        case.set_system_out(lines.join("\n"));
    }
    case
}

fn of_picture(board: &BoardReport, picture: &PictureReport) -> TestCase {
    let own = |job: &&JobReport| {
        Path::new(&job.input)
            .file_name()
            .is_some_and(|it| *it == *picture.name)
    };
    let jobs = board.jobs.iter().filter(own);
    let differing = jobs.clone().filter(|job| !job.is_equal()).count();
    let status = if differing == 0 {
        TestCaseStatus::success()
    } else {
        let first = board
            .first_difference
            .as_ref()
            .filter(|it| it.picture == picture.name);
        let text = match first {
            Some(found) => summary::difference(found),
            None => format!("{differing} of {} tiles differ", jobs.clone().count()),
        };
        non_success(Verdict::Mismatch, &text, None)
    };
    let mut case = case(board, &picture.name, status);
    case.set_time(seconds(jobs.map(|job| job.wall_ms).sum::<f64>() / 1e3));
    case
}

fn planted_faults(board: &BoardReport) -> TestCase {
    let missed = board.controls.iter().filter(|it| !it.caught);
    let missed: Vec<&str> = missed.map(|it| it.name.as_str()).collect();
    let status = if missed.is_empty() {
        TestCaseStatus::success()
    } else {
        let text = format!("not caught: {}", missed.join(", "));
        non_success(Verdict::ControlMissed, &text, None)
    };
    case(board, "planted faults", status)
}

/// One case for each measure that is worse than it may be.
fn thresholds(report: &RunReport, board: &BoardReport) -> Vec<TestCase> {
    let of_board = report.regressions.iter().filter(|it| {
        (&it.rig, &it.precision) == (&board.rig, &board.model.precision)
            && it.model == board.model.name
    });
    let case_of = |found: &crate::history::Regression| {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_type("REGRESSION").set_message(&found.text);
        case(board, &format!("threshold of {}", found.measure), status)
    };
    of_board.map(case_of).collect()
}

fn case(board: &BoardReport, what: &str, status: TestCaseStatus) -> TestCase {
    let hidden = match (&board.quarantine, board.verdict) {
        (Some(it), _) => Some(format!(
            "in quarantine until {} ({}, {}); it would be {}",
            it.quarantine.expires,
            it.quarantine.owner,
            it.quarantine.reason,
            it.found.word()
        )),
        (None, Verdict::Skip) => {
            let cause = board
                .failure
                .as_ref()
                .map_or("not run", |it| it.cause.as_str());
            Some(cause.to_owned())
        }
        (None, _) => None,
    };
    let status = match hidden {
        Some(message) => {
            let mut skipped = TestCaseStatus::skipped();
            skipped.set_message(message);
            skipped
        }
        None => status,
    };
    let mut case = TestCase::new(format!("{} {what}", board.model.precision), status);
    case.set_classname(format!("{}.{}", board.rig, board.model.name));
    case
}

fn non_success(verdict: Verdict, text: &str, failure: Option<&Failure>) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind(verdict));
    let message = failure.map_or_else(|| text.to_owned(), staged);
    status
        .set_type(verdict.word())
        .set_message(message)
        .set_description(text);
    status
}

fn staged(failure: &Failure) -> String {
    format!("{}: {}", failure.stage.word(), failure.cause)
}

/// About the firmware, or about what stands around it.
fn kind(verdict: Verdict) -> NonSuccessKind {
    match verdict {
        Verdict::Mismatch | Verdict::ControlMissed | Verdict::Crash => NonSuccessKind::Failure,
        _ => NonSuccessKind::Error,
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
