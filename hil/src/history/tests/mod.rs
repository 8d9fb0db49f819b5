//! Tests of the history over runs made up for them.

mod bounds;
mod kill;

use std::path::{Path, PathBuf};

use super::*;
use crate::report::FirmwareFacts;
use crate::report::tests::{board, run, silence};
use crate::verdict::Verdict;

/// A run of one rig, on night `night`, with `cycles` in all.
pub(crate) fn night(night: u32, cycles: u64) -> RunReport {
    let mut board = board("rig", "f32", true);
    let jobs = board.jobs.len() as u64;
    for (idx, job) in (0..).zip(&mut board.jobs) {
        job.cycles = Some(cycles / jobs + u64::from(idx == 0) * (cycles % jobs));
    }
    board.firmware = Some(firmware(&elf(night)));
    let mut report = run(vec![board]);
    report.started = format!("2026-01-{:02}T01:00:00Z", night + 1);
    report
}

/// The image of a night.
pub(crate) fn elf(night: u32) -> Vec<u8> {
    format!("image of night {night}").into_bytes()
}

fn firmware(elf: &[u8]) -> FirmwareFacts {
    use sha2::Digest as _;
    FirmwareFacts {
        sha256: hex::encode(sha2::Sha256::digest(elf)),
        build_id: "00".repeat(20),
        flash_bytes: 90_000,
        revision: None,
    }
}

pub(crate) fn place(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("state/history.sqlite")
}

fn thresholds() -> Thresholds {
    Thresholds::load(None).unwrap()
}

fn count(history: &History, table: &str) -> i64 {
    let query = format!("SELECT count(*) FROM {table}");
    history
        .connection
        .query_row(&query, [], |row| row.get(0))
        .unwrap()
}

fn names(found: &[Regression]) -> Vec<&str> {
    found.iter().map(|it| it.measure.as_str()).collect()
}

#[test]
fn a_run_is_recorded_once_with_all_that_belongs_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut report = night(0, 1000);
    report.boards[0].attempts = vec![silence("nothing for 3 s"); 2];
    report.boards[0].verdict = Verdict::Flaky;
    let mut failed = board("other", "f32", true);
    failed.failure = Some(silence("nothing for 9 s"));
    failed.verdict = failed.judge();
    report.boards.push(failed);
    let mut history = History::open(&place(&folder)).unwrap();
    let id = history.record(&report).unwrap();
    assert_eq!(history.record(&report).unwrap(), id);
    drop(history);
    let history = History::open(&place(&folder)).unwrap();
    let counts =
        ["run", "board_run", "attempt", "subject", "firmware"].map(|it| count(&history, it));
    assert_eq!(counts, [1, 2, 2, 2, 2]);

    let series = history.series(&Filter::default()).unwrap();
    assert!(
        series.iter().all(|it| it.subject.rig == "rig"),
        "a failed run measures nothing"
    );
    let value = |name: &str| series.iter().find(|it| it.measure == name).unwrap().points[0].value;
    assert_eq!(value("cycles"), 1000.0);
    assert_eq!(value("layers-compared"), 4.0 * 33.0);
    assert_eq!(value("layers-differing"), 0.0);
    assert_eq!(value("faults-caught"), 4.0);
    assert_eq!(value("arena"), 412_672.0);
    assert_eq!(value("stack"), 5304.0);
    assert_eq!(value("firmware-flash"), 90_000.0);
    assert_eq!(value("bytes-resent"), 1984.0);
    assert_eq!(value("psnr"), 29.534);
    assert_eq!(value("attempts"), 3.0);
}

#[test]
fn filters_choose_rigs_measures_and_nights() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = History::open(&place(&folder)).unwrap();
    for it in 0..5 {
        let mut report = night(it, 1000 + u64::from(it));
        report.boards.push(board("other", "f32", true));
        history.record(&report).unwrap();
    }
    let filter = Filter {
        rig: Some("rig".to_owned()),
        measure: Some("cycles".to_owned()),
        last: Some(3),
        ..Filter::default()
    };
    let series = history.series(&filter).unwrap();
    let values: Vec<f64> = series[0].points.iter().map(|it| it.value).collect();
    assert_eq!((series.len(), values), (1, vec![1002.0, 1003.0, 1004.0]));
    assert_eq!(series[0].points[0].started, "2026-01-03T01:00:00Z");
    let none = Filter {
        board: Some("none".to_owned()),
        ..Filter::default()
    };
    assert!(history.series(&none).unwrap().is_empty());
}

#[test]
fn several_programs_record_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = place(&folder);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let path = &path;
            scope.spawn(move || {
                for it in 0..5 {
                    let report = night(it, u64::from(thread * 100 + it));
                    History::open(path).unwrap().record(&report).unwrap();
                }
            });
        }
    });
    assert_eq!(count(&History::open(&path).unwrap(), "board_run"), 20);
}

#[test]
fn several_programs_make_a_history_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for it in 0..20 {
        let path = folder.path().join(format!("{it}.sqlite"));
        std::thread::scope(|scope| {
            let programs = [(); 8].map(|()| scope.spawn(|| History::open(&path).map(drop)));
            for program in programs {
                program.join().unwrap().unwrap();
            }
        });
    }
}

#[test]
fn a_file_of_a_later_program_or_of_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = place(&folder);
    drop(History::open(&path).unwrap());
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    let error = History::open(&path).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("schema 99, this program knows 1"),
        "{error}"
    );
    assert_eq!(error.exit_code(), EXIT_INPUT);
    let other = folder.path().join("other.sqlite");
    std::fs::write(
        &other,
        "no database at all, but long enough to be read as one".repeat(40),
    )
    .unwrap();
    let error = History::open(&other).unwrap_err();
    assert!(error.to_string().contains("not a database"), "{error}");
}

#[test]
fn digests_are_kept_once_and_then_only_where_they_changed() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = History::open(&place(&folder)).unwrap();
    let first = night(0, 1000);
    let whole = 4 * 34;
    history.record(&first).unwrap();
    assert_eq!(
        (
            count(&history, "vector_set"),
            count(&history, "vector_digest")
        ),
        (1, whole)
    );
    history.record(&night(1, 1000)).unwrap();
    assert_eq!(
        (
            count(&history, "vector_set"),
            count(&history, "vector_digest")
        ),
        (1, whole)
    );
    let mut changed = night(2, 1000);
    changed.boards[0].jobs[2].layers[5].device = "00000000000000ff".to_owned();
    history.record(&changed).unwrap();
    assert_eq!(
        (
            count(&history, "vector_set"),
            count(&history, "vector_digest")
        ),
        (2, whole + 1)
    );
    let read = history.digests(&Subject::of(&changed.boards[0])).unwrap();
    assert_eq!(read, digests::of(&changed.boards[0]));
    assert_ne!(read, digests::of(&first.boards[0]));
    assert_eq!(
        (read[2 * 34 + 5].digest, read[2 * 34 + 33].layer.as_str()),
        (255, "picture")
    );
}

#[test]
fn more_cycles_or_bytes_are_told_until_they_are_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = History::open(&place(&folder)).unwrap();
    for it in 0..6 {
        let report = night(it, 1_000_000 + u64::from(it % 2) * 300);
        assert_eq!(history.compare(&report, &thresholds()).unwrap(), []);
        history.record(&report).unwrap();
    }
    let mut slow = night(6, 1_002_000);
    slow.boards[0].memory.stack_used_bytes = Some(5305);
    let found = history.compare(&slow, &thresholds()).unwrap();
    assert_eq!(names(&found), ["cycles", "stack"]);
    assert_eq!(
        found[0].text,
        "rig f32: cycles 1002000 cycles, before 1000150 (+0.18 %), allowed 1001150.15"
    );
    assert_eq!(exit_code(&found), EXIT_MISMATCH);
    history.record(&slow).unwrap();
    // It stays red on the next night, for the window holds better ones.
    let mut again = night(7, 1_002_000);
    again.boards[0].memory.stack_used_bytes = Some(5305);
    assert_eq!(
        names(&history.compare(&again, &thresholds()).unwrap()),
        ["cycles", "stack"]
    );
    assert_eq!(history.accept("rig").unwrap(), 1);
    assert_eq!(history.compare(&again, &thresholds()).unwrap(), []);
    assert_eq!(history.accept("none").unwrap(), 0);
    // Fewer are no regression.
    assert_eq!(
        history.compare(&night(8, 900_000), &thresholds()).unwrap(),
        []
    );
}

#[test]
fn runs_that_failed_or_count_for_nothing_set_no_baseline_and_are_not_compared() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = History::open(&place(&folder)).unwrap();
    let mut wrong = night(0, 500);
    wrong.boards[0].verdict = Verdict::Mismatch;
    history.record(&wrong).unwrap();
    assert_eq!(history.compare(&night(1, 1000), &thresholds()).unwrap(), []);
    history.record(&night(1, 1000)).unwrap();
    let mut quarantined = night(2, 2000);
    quarantined.boards[0].verdict = Verdict::Quarantined;
    assert_eq!(history.compare(&quarantined, &thresholds()).unwrap(), []);
    let mut broken = night(2, 2000);
    broken.boards[0].failure = Some(silence("nothing for 3 s"));
    broken.boards[0].verdict = Verdict::Timeout;
    assert_eq!(history.compare(&broken, &thresholds()).unwrap(), []);
    assert_eq!(
        names(&history.compare(&night(2, 2000), &thresholds()).unwrap()),
        ["cycles"]
    );
}

#[test]
fn bits_that_changed_on_both_sides_are_told_with_their_first_layer() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = History::open(&place(&folder)).unwrap();
    history.record(&night(0, 1000)).unwrap();
    let mut changed = night(1, 1000);
    let layer = &mut changed.boards[0].jobs[1].layers[7];
    (layer.device, layer.reference) = ("07".to_owned(), "07".to_owned());
    let found = history.compare(&changed, &thresholds()).unwrap();
    assert_eq!(names(&found), ["bits"]);
    let place = "1 of 136 digests are not those of the last run, first in layer \
                 layers.1.mixer.scan of job 1";
    assert!(found[0].text.contains(place), "{}", found[0].text);
}

#[test]
fn a_run_is_closed_with_its_image_and_trends() {
    let folder = tempfile::tempdir().unwrap();
    let path = place(&folder);
    for it in 0..3 {
        let mut report = night(it, 1000 * u64::from(it + 1));
        let image = Image {
            path: "none".into(),
            elf: elf(it),
            segments: vec![],
            build_id: [0; 20],
            driver: None,
        };
        let trends = close(&path, &thresholds(), &mut report, &[&image]).unwrap();
        let cycles = trends.iter().find(|it| it.measure == "cycles").unwrap();
        assert_eq!(
            cycles.points.len(),
            it as usize + 1,
            "this run is the last of its trend"
        );
        assert_eq!(report.regressions.len(), usize::from(it > 0));
        let store = History::open(&path).unwrap().store();
        let sha256 = &report.boards[0].firmware.as_ref().unwrap().sha256;
        assert_eq!(
            std::fs::read(store.verified(sha256).unwrap()).unwrap(),
            elf(it)
        );
    }
}

#[test]
fn the_store_keeps_the_newest_images_and_the_last_good_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = History::open(&place(&folder)).unwrap();
    let store = history.store();
    for it in 0..8 {
        let mut report = night(it, 1000);
        if it >= 2 {
            report.boards[0].verdict = Verdict::Mismatch;
        }
        history.record(&report).unwrap();
        store.put(&elf(it)).unwrap();
    }
    std::fs::write(store.path("mine"), "kept").unwrap();
    assert_eq!(history.prune(&store, 3).unwrap(), 4);
    assert_eq!(history.prune(&store, 3).unwrap(), 0);
    let left = (0..8).filter(|&it| store.has(&firmware(&elf(it)).sha256));
    assert_eq!(left.collect::<Vec<_>>(), [1, 5, 6, 7]);
    assert!(store.has("mine"));

    let sha256 = firmware(&elf(7)).sha256;
    std::fs::write(store.path(&sha256), "damaged").unwrap();
    let error = store.verified(&sha256).unwrap_err().to_string();
    assert!(error.contains("is damaged"), "{error}");
    assert!(store.verified("none").is_err());
}

#[test]
fn the_newest_values_come_out_in_benchers_format() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = History::open(&place(&folder)).unwrap();
    for it in 0..3 {
        history.record(&night(it, 1000)).unwrap();
    }
    let series = history.series(&Filter::default()).unwrap();
    let value = bmf(&series, &thresholds());
    let own = &value["rig/student-x4/f32"];
    assert_eq!(own["cycles"]["value"], 1000.0);
    assert_eq!(own["cycles"]["upper_value"], 1001.0);
    assert_eq!(own["psnr"]["lower_value"], 29.534 - 0.005);
    assert_eq!(own["wall"]["upper_value"], serde_json::Value::Null);
    history.record(&night(3, 2000)).unwrap();
    history.accept("rig").unwrap();
    history.record(&night(4, 2000)).unwrap();
    let later = bmf(&history.series(&Filter::default()).unwrap(), &thresholds());
    assert_eq!(later["rig/student-x4/f32"]["cycles"]["upper_value"], 2002.0);
    for metric in own.as_object().unwrap().values() {
        assert!(metric["value"].is_number());
    }
}

#[test]
fn trends_are_drawn() {
    assert_eq!(sparkline(&[0.0, 7.0, 3.0]), "▁█▄");
    assert_eq!(sparkline(&[5.0, 5.0]), "▄▄");
    assert_eq!(sparkline(&[]), "");
    assert_eq!(
        spark(&[1.0, 3.0, 2.0], 10.0, 4.0),
        "M0.0 4.0L5.0 0.0L10.0 2.0"
    );
    assert_eq!(spark(&[2.0], 10.0, 4.0), "M0.0 2.0");
    let folder = tempfile::tempdir().unwrap();
    let mut history = History::open(&place(&folder)).unwrap();
    for it in 0..4 {
        history.record(&night(it, 1000 + u64::from(it))).unwrap();
    }
    let svg = plot(&history.series(&Filter::default()).unwrap()).unwrap();
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    assert!(svg.contains("rig f32 cycles") && svg.contains("<polyline"));
    assert!(plot(&[]).unwrap().contains("</svg>"));
}

#[test]
fn the_place_is_below_the_users_state() {
    let path = History::default_path().unwrap();
    assert!(
        path.ends_with("mambalite/history.sqlite"),
        "{}",
        path.display()
    );
    assert!(Path::new(&path).is_absolute());
}
