//! `mambalite export` and the way back by `mambalite import`.

use std::fs;

use mambalite::checkpoint::safetensors;

use super::bench::{Bench, checkpoint, names};

/// A shipped model that is not of single precision.
const QUANTISED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../models/mambalite-x4-tiny/w8a16.mls"
);

#[test]
fn export_and_import_are_inverse() {
    let bench = Bench::new();
    let written = &bench.json(&["export", "net.mls", "--output", "out.safetensors"])[0];
    assert_eq!(written["format"], "safetensors");
    assert_eq!(written["rates_rounded"], 0);
    let back = &bench.json(&["import", "out.safetensors", "--output", "back.mls"])[0];
    assert_eq!(back["sha256"], written["sha256"]);
    assert_eq!(back["parameters"], written["parameters"]);
    let read = |name| fs::read(bench.path(name)).unwrap();
    assert_eq!(read("back.mls"), read("net.mls"));
    let written = &bench.json(&["export", "net.mls", "--output", "out.onnx"])[0];
    assert_eq!(written["format"], "onnx");
    assert!(read("out.onnx").len() > read("net.mls").len() / 2);
    // Shipped models go by name.
    let text = bench.text(&[
        "export",
        "mambalite-x4-tiny",
        "--output",
        "tiny.safetensors",
    ]);
    assert!(text.contains("18592 parameters"), "{text}");
}

#[test]
fn export_refuses_what_it_cannot_use() {
    let bench = Bench::new();
    let before = names(&bench.path("."));
    let export = |model, output| ["export", model, "--output", output];
    let endings = ["net.bin", ".safetensors"];
    bench.refuses(&export("net.mls", "net.bin"), &endings);
    bench.refuses(&export("net.mls", "net"), &endings[1..]);
    let wanted = ["w8a16.mls", "in f32", "give the f32 file"];
    bench.refuses(&export(QUANTISED, "x.safetensors"), &wanted);
    bench.refuses(&export("none.mls", "x.safetensors"), &["none.mls"]);
    bench.refuses(
        &export("net.mls", "none/x.safetensors"),
        &["none/x.safetensors"],
    );
    assert_eq!(names(&bench.path(".")), before);
}

#[test]
fn import_refuses_damaged_files() {
    let bench = Bench::new();
    let import = ["import", "bad.safetensors", "--output", "x.mls"];
    let whole = fs::read(bench.path("net.safetensors")).unwrap();
    for length in [0, 7, 100, whole.len() - 1] {
        fs::write(bench.path("bad.safetensors"), &whole[..length]).unwrap();
        bench.refuses(&import, &["bad.safetensors"]);
    }
    let mut bad = checkpoint();
    bad.tensors.get_mut("norm_f.bias").unwrap().shape = vec![2, 2];
    safetensors::save(&bad, &bench.path("bad.safetensors")).unwrap();
    bench.refuses(&import, &["norm_f.bias", "[2, 2]", "[4]"]);
    let mut bad = checkpoint();
    let metadata = ("mambalite.decay".to_owned(), "half".to_owned());
    bad.metadata.extend([metadata]);
    safetensors::save(&bad, &bench.path("bad.safetensors")).unwrap();
    bench.refuses(&import, &["mambalite.decay", "half", "`tied`"]);
}
