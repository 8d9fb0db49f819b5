//! What fits a board, as its user is told.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::bench::Bench;

/// Returns the board file of a board of the repository.
fn file_of(board: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    root.join("firmware/boards").join(board).join("board.toml")
}

/// The part that the default model is made to fit.
const SMALL: [&str; 6] = ["--flash", "256K", "--ram", "64K", "--core", "cortex-m4f"];

#[test]
fn the_default_model_fits_the_small_board() {
    let bench = Bench::new();
    let board = file_of("qemu-mps2-an386-small").display().to_string();
    let report = &bench.json(&["fit", "--board", &board])[0];
    let best = &report["best"];
    assert_eq!(best["model"], "mambalite-x4-tiny");
    assert_eq!(
        (&best["fits"], &best["built"]),
        (&Value::Bool(true), &Value::Bool(true))
    );
    assert!(best["milliseconds"].as_f64().unwrap() > 0.0);
    let text = bench.text(&["fit", "--board", &board]);
    for word in [
        "verdict",
        "best: ",
        "Predicted",
        "hil run --board",
        "flash -",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    // A time that nothing keeps to.
    let late = bench.run(&["fit", "--board", &board, "--milliseconds", "0.001"]);
    assert_eq!(late.status.code(), Some(2));
    assert!(String::from_utf8(late.stdout).unwrap().contains("too slow"));
}

#[test]
fn stated_memory_fits_or_says_what_is_missing() {
    let bench = Bench::new();
    let report = &bench.json(&[&["fit"], &SMALL[..]].concat())[0];
    assert_eq!(report["memory"]["flash_bytes"], 256 << 10);
    assert!(report["best"]["tile"].as_u64().unwrap() >= 8);

    let little = [
        "fit",
        "--flash",
        "256K",
        "--ram",
        "40K",
        "--core",
        "cortex-m4f",
    ];
    let output = bench.run(&little);
    assert_eq!(output.status.code(), Some(2));
    let (said, error) = (
        String::from_utf8(output.stdout),
        String::from_utf8(output.stderr),
    );
    let (said, error) = (said.unwrap(), error.unwrap());
    for word in [
        "nothing fits",
        "all ranks halved",
        "groups 1",
        "to be trained again",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(
        error.contains("no model does") && error.contains("arena -"),
        "{error}"
    );

    // A model of one's own, of which no score is known.
    let own = &bench.json(&[&["fit", "--model", "net.mls"], &SMALL[..]].concat())[0];
    assert_eq!(own["best"]["model"], "net.mls");
    assert_eq!(own["best"]["psnr_y"], Value::Null);
}

#[test]
fn a_configuration_is_emitted_that_fits() {
    let bench = Bench::new();
    let board = file_of("qemu-mps2-an386").display().to_string();
    let fit = ["fit", "--board", &board, "--precision", "w8a8"];
    let tiny = ["--model", "mambalite-x4-tiny"];
    let printed = bench.text(&[&fit[..], &tiny, &["--emit", "-"]].concat());
    let said = bench.text(&[&fit[..], &tiny, &["--emit", "board.toml"]].concat());
    assert!(said.contains("wrote board.toml"), "{said}");
    let written = std::fs::read_to_string(bench.path("board.toml")).unwrap();
    assert_eq!(written, printed);
    assert!(written.contains("precisions = [\"w8a8\"]"), "{written}");
    let again = &bench.json(&["fit", "--board", "board.toml"])[0];
    let best = &again["best"];
    assert_eq!(
        (&best["precision"], &best["built"]),
        (&"w8a8".into(), &true.into())
    );
    assert_eq!(best["arena_bytes"], again["memory"]["arena_bytes"]);
}

#[test]
fn what_cannot_be_looked_at_is_told_with_the_mend() {
    let bench = Bench::new();
    bench.refuses(&["fit", "--board", "nobody"], &["nobody", "--flash"]);
    let jetson = file_of("virtual-jetson").display().to_string();
    bench.refuses(&["fit", "--board", &jetson], &["Linux"]);
    let z80 = ["fit", "--flash", "256K", "--ram", "64K", "--core", "z80"];
    bench.refuses(&z80, &["z80", "--program"]);
    let stack = [&["fit", "--stack", "64K"], &SMALL[..]].concat();
    bench.refuses(&stack, &["RAM", "65536"]);
    bench.refuses(&["fit"], &["--board"]);
    bench.refuses(&["fit", "--board", "x", "--picture", "0x4"], &["160x120"]);
    bench.refuses(&["fit", "--board", "x", "--stack", "much"], &["64K"]);
    let emit = [&["fit", "--emit", "-"], &SMALL[..]].concat();
    bench.refuses(&emit, &["--board"]);
}
