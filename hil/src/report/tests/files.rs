//! The files beside the page: JUnit XML, JSON lines, the summary; and all of them made again.

use super::night::night;
use super::*;

#[test]
fn junit_tells_the_firmware_from_what_stands_around_it() {
    let (report, _) = night();
    let xml = junit::render(&report).unwrap();
    let back = quick_junit::Report::deserialize_from_str(&xml).unwrap();
    assert_eq!(back.test_suites.len(), 10);
    let suite = |name: &str| {
        back.test_suites
            .iter()
            .find(|it| it.name.as_str() == name)
            .unwrap()
    };
    let counts = |name: &str| {
        let it = suite(name);
        (it.tests, it.failures, it.errors)
    };
    // run, picture and planted faults, in two precisions.
    assert_eq!(counts("bench-m3"), (6, 0, 0));
    assert_eq!(counts("bench-m55"), (6, 2, 0), "the run and its picture");
    assert_eq!(counts("bench-m7"), (8, 2, 0), "a case for each regression");
    assert_eq!(counts("bench-m33"), (2, 0, 2));
    assert_eq!(counts("jetson-orin-2"), (2, 0, 2));
    for text in [
        "reference 0x3e31ad39\" type=\"MISMATCH\">first difference",
        "<error message=\"handshake: wait for the handshake: nothing for 3 s\" type=\"TIMEOUT\"",
        "<failure message=\"bench-m7 f32: cycles",
        "<flakyError message=\"stream: use the line to the board: the port vanished\"",
        "<property name=\"flaky\" value=\"true\"/>",
        "<rerunError message=\"start: connect to `orin-2`",
        "<skipped message=\"in quarantine until 2026-02-01 (Ada, the adapter",
        "<skipped message=\"borrowed by Grace until noon\"",
        "<property name=\"board\" value=\"qemu-mps3-an547\"/>",
        "timestamp=\"2026-01-15T01:30:00.000+00:00\"",
    ] {
        assert!(xml.contains(text), "lacks {text} in\n{xml}");
    }
    assert_eq!(xml.matches("<skipped").count(), 7);
}

#[test]
fn junit_survives_hostile_words() {
    let mut entry = board(HOSTILE, "f32", false);
    entry.log[0].message = format!("\u{0}\u{1b}[31m ]]> {HOSTILE}");
    entry.failure = Some(silence("a\u{8}\u{ffff}b"));
    let xml = junit::render(&run(vec![entry])).unwrap();
    let back = quick_junit::Report::deserialize_from_str(&xml).unwrap();
    assert_eq!(back.test_suites[0].name.as_str(), HOSTILE);
    assert!(xml.chars().all(|c| !c.is_control() || c == '\n'), "{xml:?}");
    assert!(junit::render(&run(vec![])).unwrap().contains("tests=\"0\""));
}

#[test]
fn each_board_and_precision_is_a_json_line() {
    let (report, _) = night();
    let text = lines::render(&report).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 20);
    let find = |rig: &str, precision: &str| {
        let is = |it: &&serde_json::Value| it["rig"] == rig && it["precision"] == precision;
        lines.iter().find(is).unwrap()
    };
    let wrong = find("bench-m55", "w8a8");
    assert_eq!(
        (&wrong["verdict"], &wrong["tiles_equal"]),
        (&"mismatch".into(), &2.into())
    );
    assert_eq!(wrong["first_difference"]["layer"], "layers.0.blocks.1.scan");
    assert_eq!(
        find("bench-m7", "f32")["regressions"],
        serde_json::json!(["cycles"])
    );
    assert_eq!(find("bench-rv32", "f32")["found"], "pass");
    assert_eq!(find("bench-m4-left", "f32")["attempts"], 2);
    let measures = &find("bench-m3", "f32")["measures"];
    assert_eq!(
        measures["arena"],
        serde_json::json!({"value": 412_672.0, "unit": "B"})
    );
    assert_eq!(find("bench-m33", "f32")["measures"], serde_json::json!({}));
    let described = include_str!("../../../../docs/nightly.md");
    for key in wrong.as_object().unwrap().keys() {
        assert!(
            described.contains(&format!("`{key}`")),
            "docs/nightly.md lacks {key}"
        );
    }
}

#[test]
fn the_summary_has_five_lines_and_names_what_to_look_at() {
    let (report, _) = night();
    let lines = summary::lines(&report);
    assert_eq!(
        lines[0],
        "MISMATCH: 10 rigs, 20 runs in 22 min 05 s, started 2026-01-15T01:30:00Z"
    );
    assert_eq!(
        lines[1],
        "1 MISMATCH (bench-m55), 2 TIMEOUT (bench-m33), 2 INFRA (jetson-orin-2), \
         1 FLAKY (bench-m4-left), 11 PASS, 2 QUARANTINED (bench-rv32), 1 SKIP (bench-m0)"
    );
    assert!(
        lines[2].starts_with("Bits: 1598 of 1620 layer digests equal"),
        "{}",
        lines[2]
    );
    assert!(
        lines[3].starts_with("Measures: bench-m7 f32: cycles") && lines[3].ends_with("and 1 more")
    );
    assert!(
        lines[4].starts_with("Look at: bench-m55 w8a8, first difference in astronaut.png, tile 2")
    );

    let good = run(vec![board("a", "f32", true)]);
    let lines = summary::lines(&good);
    assert!(lines[0].starts_with("PASS: 1 rig, 1 run in 42.1 s"));
    assert!(lines[4].starts_with("Look at: nothing"));
    let mut odd = board("a\n*b*`<", "f32", true);
    odd.failure = Some(silence(&"long and\nlonger ".repeat(99)));
    odd.verdict = odd.judge();
    let folder = tempfile::tempdir().unwrap();
    let paths = write(folder.path(), &run(vec![odd]), &[]).unwrap();
    let text = std::fs::read_to_string(&paths.summary).unwrap();
    assert_eq!(text.lines().count(), 5);
    assert!(text.lines().all(|line| line.chars().count() <= 160));
    let marked = std::fs::read_to_string(&paths.summary_markdown).unwrap();
    assert!(marked.contains("(a \\*b\\*\\`\\<)"), "{marked}");
}

#[test]
fn a_page_is_made_again_with_the_pictures_that_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("astronaut.png");
    rings(32, 24, 1).save(&input).unwrap();
    let dir = folder.path().join("run");
    std::fs::create_dir(&dir).unwrap();
    let mut entry = board("a", "f32", true);
    entry.pictures[0].name = "astronaut.png".to_owned();
    for job in &mut entry.jobs {
        job.input = input.display().to_string();
    }
    rings(128, 96, 1)
        .save(&dir.join(&entry.pictures[0].files[0]))
        .unwrap();
    let mut wrong = entry.clone();
    wrong.jobs[1].output_equal = false;
    wrong.verdict = wrong.judge();
    let paths = write(&dir, &run(vec![entry, wrong]), &[]).unwrap();
    for path in [&paths.html, &paths.junit, &paths.lines, &paths.summary] {
        std::fs::remove_file(path).unwrap();
    }
    let (report, again) = rebuild(&dir, |_| Ok(Vec::new())).unwrap();
    assert_eq!((again, report.boards.len()), (paths.clone(), 2));
    let page = std::fs::read_to_string(&paths.html).unwrap();
    assert_eq!(
        page.matches("data:image/png").count(),
        5 + 4,
        "no reference of what differed"
    );
    assert!(page.contains("0 of 36,864 samples differ"));
    assert!(page.contains("there is no reference of this shape"));
    assert!(paths.junit.is_file() && paths.lines.is_file() && paths.summary.is_file());
    // Somebody put another picture there, or took it away.
    rings(16, 12, 1).save(&input).unwrap();
    rebuild(&dir, |_| Ok(Vec::new())).unwrap();
    assert!(
        !std::fs::read_to_string(&paths.html)
            .unwrap()
            .contains("data:image")
    );
    std::fs::remove_file(&paths.json).unwrap();
    assert!(rebuild(&dir, |_| Ok(Vec::new())).is_err());
}
