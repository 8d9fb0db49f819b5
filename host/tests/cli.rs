//! The `mambalite` command as its users run it.

#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a helper fails the test"
)]

#[path = "cli/bench.rs"]
mod bench;
#[path = "cli/exchange.rs"]
mod exchange;
#[path = "cli/fit.rs"]
mod fit;
#[path = "cli/search.rs"]
mod search;
#[path = "cli/training.rs"]
mod training;

use bench::{Bench, checkpoint, names, picture};
use mambalite::checkpoint::{Tensor, safetensors};
use serde_json::Value;

#[test]
fn import_and_inspect_agree() {
    let bench = Bench::new();
    let trained: usize = checkpoint().tensors.values().map(|it| it.data.len()).sum();
    let imported = &bench.json(&["import", "net.safetensors", "--output", "again.mls"])[0];
    assert_eq!(imported["parameters"], trained);
    assert_eq!(imported["scale"], 2);
    let hash = imported["sha256"].as_str().unwrap();
    assert_eq!(hash.len(), 64);
    assert!(
        bench
            .text(&["import", "net.safetensors", "--output", "n.mls"])
            .contains(hash)
    );
    assert!(bench.text(&["inspect", "again.mls"]).contains(hash));

    let inspected = &bench.json(&["inspect", "again.mls", "--width", "20"])[0];
    assert_eq!(inspected["sha256"], hash);
    assert_eq!(inspected["parameters"], trained);
    assert_eq!(inspected["precision"], "f32");
    assert_eq!(inspected["network"]["anchor"], "nearest");
    let weights = inspected["weights"].as_array().unwrap();
    assert_eq!(weights.len(), mambalite_tests::network::TINY.n_weights());
    // 12 outputs, 4 inputs, 9 taps.
    assert_eq!(weights[7]["name"], "upsample.0");
    assert_eq!(weights[7]["parameters"], 12 * 4 * 9);
    let sum: u64 = weights
        .iter()
        .map(|it| it["parameters"].as_u64().unwrap())
        .sum();
    let scan_and_conv1d = 8 * (4 + 4 * 2 + 2);
    assert_eq!(inspected["macs_per_lr_pixel"], sum + scan_and_conv1d);

    let arena = |width: &str| {
        let lines = bench.json(&["inspect", "net.mls", "--board-free", "--width", width]);
        assert_eq!(lines[0]["memory"]["object_bytes"], Value::Null);
        lines[0]["memory"]["arena_bytes"].as_u64().unwrap()
    };
    assert!(arena("40") > arena("20"));
    let file = std::fs::metadata(bench.path("net.mls")).unwrap().len();
    assert_eq!(inspected["memory"]["flash_bytes"], file);
    assert!(inspected["memory"]["object_bytes"].as_u64().unwrap() > 0);
}

#[test]
fn import_names_missing_and_unknown_tensors() {
    let bench = Bench::new();
    let mut cut = checkpoint();
    cut.tensors
        .remove("layers.0.residual_group.blocks.0.mixer.D")
        .unwrap();
    safetensors::save(&cut, &bench.path("cut.safetensors")).unwrap();
    let import = |name| ["import", name, "--output", "x.mls"];
    bench.refuses(
        &import("cut.safetensors"),
        &["cut.safetensors", "blocks.0.mixer.D"],
    );
    let mut more = checkpoint();
    more.tensors.insert(
        "head.extra".to_owned(),
        Tensor {
            shape: vec![1],
            data: vec![0.0],
        },
    );
    safetensors::save(&more, &bench.path("more.safetensors")).unwrap();
    bench.refuses(&import("more.safetensors"), &["`head.extra`"]);
    let whole = std::fs::read(bench.path("net.safetensors")).unwrap();
    std::fs::write(bench.path("half.safetensors"), &whole[..whole.len() / 2]).unwrap();
    bench.refuses(&import("half.safetensors"), &["half.safetensors"]);
    bench.refuses(&import("none.pth"), &["none.pth"]);
    bench.refuses(
        &["import", "net.mls", "--output", "net.mls"],
        &["never overwritten"],
    );
    assert!(!bench.path("x.mls").exists());
}

#[test]
fn upscale_writes_files_and_folders() {
    let bench = Bench::new();
    let model = ["--model", "net.mls"];
    let one = [&["upscale", "high/a.png", "--output", "a.bmp"], &model[..]].concat();
    let line = &bench.json(&one)[0];
    assert_eq!((&line["width"], &line["height"]), (&80.into(), &72.into()));
    assert_eq!(
        (&line["precision"], &line["executor"]),
        (&"f32".into(), &"stream".into())
    );
    assert_eq!(bench.load("a.bmp").shape(), (80, 72, 3));

    let all = [&["upscale", "high", "--output", "out/deep"], &model[..]].concat();
    let lines = bench.json(&all);
    assert_eq!(lines.len(), 3);
    assert_eq!(
        names(&bench.path("out/deep")),
        ["a_x2.png", "b_x2.png", "c_x2.png"]
    );
    assert_eq!(bench.load("out/deep/a_x2.png"), bench.load("a.bmp"));
    assert_ne!(bench.load("out/deep/b_x2.png"), bench.load("a.bmp"));
    // One file into a folder that exists, and into one that a slash tells.
    for folder in ["out", "new/"] {
        bench.text(&[&["upscale", "high/b.png", "--output", folder], &model[..]].concat());
        assert_eq!(
            bench.load(&format!("{folder}/b_x2.png")),
            bench.load("out/deep/b_x2.png")
        );
    }

    let gray = picture(20, 18, 1, 3);
    bench.put("gray.png", &gray);
    bench.put("rgb.png", &gray.to_rgb());
    for name in ["gray", "rgb"] {
        let (input, output) = (format!("{name}.png"), format!("{name}-out.png"));
        bench.text(&[&["upscale", &input, "--output", &output], &model[..]].concat());
    }
    assert_eq!(bench.load("gray-out.png").shape(), (40, 36, 1));
    assert_eq!(
        bench.load("gray-out.png"),
        bench.load("rgb-out.png").to_gray()
    );
}

#[test]
fn a_tile_that_covers_the_picture_gives_the_bits_of_the_stream() {
    let bench = Bench::new();
    let run = |name: &str, arguments: &[&str]| {
        let base = [
            "upscale",
            "high/a.png",
            "--model",
            "net.mls",
            "--output",
            name,
        ];
        let line = bench.json(&[&base[..], arguments].concat()).remove(0);
        (
            bench.load(name),
            line["executor"].as_str().unwrap().to_owned(),
        )
    };
    let (stream, _) = run("stream.png", &["--executor", "stream"]);
    let patch = ["--executor", "patch", "--tile", "40", "--halo", "0"];
    let (covering, executor) = run("covering.png", &patch);
    assert_eq!(executor, "patch, tile 40, halo 0");
    assert_eq!(stream, covering);
    let (tiled, executor) = run("tiled.png", &["--tile", "8", "--halo", "1"]);
    assert_eq!(executor, "patch, tile 8, halo 1");
    assert_eq!(tiled.shape(), stream.shape());
    assert_ne!(tiled, stream);
}

#[test]
fn upscale_refuses_outputs_that_would_lose_something() {
    let bench = Bench::new();
    let upscale =
        |arguments: &[&'static str]| [&["upscale", "--model", "net.mls"], arguments].concat();
    let before = std::fs::read(bench.path("high/a.png")).unwrap();
    bench.refuses(
        &upscale(&["high/a.png", "--output", "high/../high/a.png"]),
        &["is an input"],
    );
    bench.refuses(
        &upscale(&["high", "--output", "all.png"]),
        &["3 pictures", "all.png"],
    );
    bench.refuses(
        &upscale(&["high", "--output", "net.mls"]),
        &["net.mls", "folder"],
    );
    bench.refuses(
        &upscale(&["high/a.png", "--output", "a.tiff"]),
        &["a.tiff", ".png"],
    );
    bench.refuses(
        &upscale(&["high/a.png", "--output", "none/a.png"]),
        &["none/a.png"],
    );
    std::fs::create_dir(bench.path("other")).unwrap();
    bench.put("other/a.bmp", &picture(8, 8, 3, 0));
    bench.refuses(
        &upscale(&["high/a.png", "other/a.bmp", "--output", "out"]),
        &["a_x2.png", "high/a.png", "other/a.bmp"],
    );
    // An input that has the name of another's output.
    bench.put("other/a_x2.png", &picture(8, 8, 3, 0));
    bench.refuses(
        &upscale(&["other", "--output", "other"]),
        &["other/a_x2.png", "is an input"],
    );
    assert_eq!(std::fs::read(bench.path("high/a.png")).unwrap(), before);
    assert!(!bench.path("out").exists());
}

#[test]
fn a_bad_picture_does_not_stop_the_others() {
    let bench = Bench::new();
    std::fs::write(bench.path("high/aa.png"), b"\x89PNG\r\n\x1a\nbroken").unwrap();
    let output = bench.run(&["upscale", "high", "--model", "net.mls", "--output", "out"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(
        message.contains("4 pictures: 1 failed") && message.contains("aa.png"),
        "{message}"
    );
    assert_eq!(
        names(&bench.path("out")),
        ["a_x2.png", "b_x2.png", "c_x2.png"]
    );
}

#[test]
fn eval_prints_each_picture_and_the_means_last() {
    let bench = Bench::new();
    let network = [
        "eval",
        "--dataset",
        "high",
        "--scale",
        "2",
        "--model",
        "net.mls",
    ];
    let lines = bench.json(&network);
    let (last, pictures) = lines.split_last().unwrap();
    let named: Vec<_> = pictures
        .iter()
        .map(|it| it["picture"].as_str().unwrap())
        .collect();
    assert_eq!(named, ["a", "b", "c"]);
    for key in ["psnr_y", "ssim_y"] {
        let sum: f64 = pictures.iter().map(|it| it[key].as_f64().unwrap()).sum();
        assert!(
            (last[key].as_f64().unwrap() - sum / 3.0).abs() < 1e-9,
            "{key}: {lines:?}"
        );
    }
    assert_eq!(last["dataset"], "high");
    assert_eq!(
        (&last["pictures"], &last["method"]),
        (&3.into(), &"network".into())
    );
    assert_eq!(
        (&last["model"], &last["precision"]),
        (&"net.mls".into(), &"f32".into())
    );
    let table = bench.text(&network);
    let mean = format!("{:.3}", last["psnr_y"].as_f64().unwrap());
    let row = table.lines().last().unwrap();
    assert!(row.starts_with("mean") && row.contains(&mean), "{table}");
    assert_eq!(table.lines().count(), 5);

    // The network that was scored is the one that `upscale` runs.
    std::fs::create_dir(bench.path("low")).unwrap();
    let scale = mambalite::resize::Scale::down(2);
    for name in ["a", "b", "c"] {
        let low = mambalite::resize::resize(&bench.load(&format!("high/{name}.png")), scale);
        bench.put(&format!("low/{name}x2.png"), &low.unwrap());
    }
    let with_files = bench.json(&[&network[..], &["--lr", "low"]].concat());
    assert_eq!(with_files[..3], lines[..3]);
    bench.text(&["upscale", "low", "--model", "net.mls", "--output", "sr"]);
    let truth = bench.load("high/a.png");
    let found = bench.load("sr/ax2_x2.png");
    let scores = mambalite::metrics::Scores::of_pictures(&truth, &found, 2).unwrap();
    assert_eq!(pictures[0]["psnr_y"].as_f64().unwrap(), scores.psnr_y);
}

#[test]
fn eval_scores_bicubic_in_both_ways() {
    let bench = Bench::new();
    let bicubic = [
        "eval",
        "--dataset",
        "high",
        "--scale",
        "3",
        "--method",
        "bicubic",
    ];
    let mean = |arguments: &[&str]| bench.json(arguments).pop().unwrap();
    let (rgb, y) = (
        mean(&bicubic),
        mean(&[&bicubic[..], &["--protocol", "y-double"]].concat()),
    );
    assert_eq!(
        (&rgb["method"], &rgb["protocol"]),
        (&"bicubic".into(), &"rgb".into())
    );
    assert_eq!(y["protocol"], "y-double");
    let (rgb, y) = (
        rgb["psnr_y"].as_f64().unwrap(),
        y["psnr_y"].as_f64().unwrap(),
    );
    assert!(rgb > 15.0 && rgb != y && (rgb - y).abs() < 1.0, "{rgb} {y}");
}

#[test]
fn eval_refuses_what_does_not_fit() {
    let bench = Bench::new();
    let eval = |arguments: &[&'static str]| [&["eval", "--dataset", "high"], arguments].concat();
    bench.refuses(
        &eval(&["--scale", "4", "--model", "net.mls"]),
        &["net.mls", "--scale 2"],
    );
    bench.refuses(&eval(&["--model", "net.mls"]), &["--scale"]);
    let both = ["--scale", "2", "--model", "net.mls", "--method", "bicubic"];
    bench.refuses(&eval(&both), &["--model"]);
    bench.refuses(
        &[
            "eval",
            "--dataset",
            "none",
            "--scale",
            "2",
            "--model",
            "net.mls",
        ],
        &["none"],
    );
    std::fs::create_dir(bench.path("empty")).unwrap();
    let empty = [
        "eval",
        "--dataset",
        "empty",
        "--scale",
        "2",
        "--model",
        "net.mls",
    ];
    bench.refuses(&empty, &["empty"]);
    let no_partner = ["--scale", "2", "--model", "net.mls", "--lr", "high/a.png"];
    bench.refuses(&eval(&no_partner), &["high/a.png"]);
}

#[test]
fn quantize_makes_models_that_run_and_prints_the_cost() {
    let bench = Bench::new();
    let quantize = |precision: &str, output: &str, more: &[&str]| {
        let base = [
            "quantize",
            "net.mls",
            "--calibration",
            "high",
            "--precision",
            precision,
        ];
        bench.json(&[&base[..], &["--output", output], more].concat())
    };
    let lines = quantize("w8a16", "a16.mls", &["--eval-dataset", "high"]);
    let [calibration, eval, written] = &lines[..] else {
        panic!("{lines:?}")
    };
    assert_eq!(
        (&calibration["set"], &calibration["pictures"]),
        (&"calibration".into(), &3.into())
    );
    let number = |line: &Value, key: &str| line[key].as_f64().unwrap();
    let cost = number(calibration, "psnr_y_f32") - number(calibration, "psnr_y");
    assert!((number(calibration, "cost_db") - cost).abs() < 1e-9);
    assert!(cost.abs() < 0.5, "{lines:?}");
    assert!(number(calibration, "psnr_y_to_f32") > 35.0, "{lines:?}");
    // The same pictures, so the same figures.
    assert!(
        (number(eval, "psnr_y") - number(calibration, "psnr_y")).abs() < 1e-9,
        "{lines:?}"
    );
    assert_eq!(written["precision"], "w8a16");
    let inspected = &bench.json(&["inspect", "a16.mls"])[0];
    assert_eq!(
        (&inspected["precision"], &inspected["sha256"]),
        (&"w8a16".into(), &written["sha256"])
    );

    let more = ["--calibration-lr", "--pictures", "2", "--percentile", "100"];
    let lines = quantize("w8a8", "a8.mls", &more);
    assert_eq!(
        (&lines[0]["pictures"], &lines[0]["cost_db"]),
        (&2.into(), &Value::Null)
    );
    assert!(number(&lines[0], "psnr_y_to_f32") > 25.0, "{lines:?}");
    let run = [
        "upscale",
        "high/a.png",
        "--model",
        "a8.mls",
        "--precision",
        "w8a8",
    ];
    let line = &bench.json(&[&run[..], &["--output", "a8.png"]].concat())[0];
    assert_eq!(line["precision"], "w8a8");
}

#[test]
fn quantize_refuses_what_it_cannot_use() {
    let bench = Bench::new();
    let base = ["quantize", "net.mls", "--calibration", "high"];
    let quantize = |more: &[&'static str]| [&base[..], more].concat();
    bench.refuses(
        &quantize(&["--precision", "f32", "--output", "x.mls"]),
        &["f32"],
    );
    bench.refuses(
        &quantize(&["--precision", "w8a8", "--output", "net.mls"]),
        &["is an input"],
    );
    let low = [
        "--precision",
        "w8a8",
        "--output",
        "x.mls",
        "--percentile",
        "7",
    ];
    bench.refuses(&quantize(&low), &["--percentile"]);
    let none = [
        "--calibration",
        "none",
        "--precision",
        "w8a8",
        "--output",
        "x.mls",
    ];
    bench.refuses(&[&["quantize", "net.mls"], &none[..]].concat(), &["none"]);
    assert!(!bench.path("x.mls").exists());
}

#[test]
fn models_that_cannot_be_used_are_explained() {
    let bench = Bench::new();
    let with = |model: &'static str, more: &[&'static str]| {
        let base = [
            "upscale",
            "high/a.png",
            "--output",
            "x.png",
            "--model",
            model,
        ];
        [&base[..], more].concat()
    };
    bench.refuses(&with("net", &[]), &["`net`", "mambalite-x4-tiny"]);
    bench.refuses(
        &with("net.mls", &["--precision", "w8a8"]),
        &["net.mls", "f32", "mambalite quantize", "--precision w8a8"],
    );
    bench.refuses(&with("net.mls", &["--backend", "cuda"]), &["--backend cpu"]);
    bench.refuses(
        &with("net.mls", &["--executor", "stream", "--tile", "8"]),
        &["--tile"],
    );
    bench.refuses(&with("net.mls", &["--tile", "0"]), &["--tile"]);
    bench.refuses(
        &with("high/a.png", &[]),
        &["high/a.png", "not a model file"],
    );
    let mut bytes = std::fs::read(bench.path("net.mls")).unwrap();
    std::fs::write(bench.path("short.mls"), &bytes[..bytes.len() / 2]).unwrap();
    bench.refuses(&with("short.mls", &[]), &["short.mls", "cut short"]);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(bench.path("flipped.mls"), &bytes).unwrap();
    bench.refuses(&with("flipped.mls", &[]), &["flipped.mls", "SHA-256"]);
    bench.refuses(&["inspect", "flipped.mls"], &["SHA-256"]);
    bench.refuses(&["inspect", "net.mls", "--precision", "w8a16"], &["w8a16"]);
    bench.refuses(
        &[
            "upscale", "none.png", "--output", "x.png", "--model", "net.mls",
        ],
        &["none.png"],
    );
    assert!(!bench.path("x.png").exists());
}

#[test]
fn every_command_shows_examples() {
    let bench = Bench::new();
    let overview = bench.text(&["--help"]);
    assert!(overview.contains("Exit codes:"), "{overview}");
    for command in ["import", "inspect", "upscale", "eval", "quantize"] {
        assert!(overview.contains(command), "{overview}");
        let help = bench.text(&[command, "--help"]);
        assert!(help.contains(&format!("mambalite {command} ")), "{help}");
    }
    assert!(bench.text(&["--version"]).starts_with("mambalite "));
}

#[test]
fn compress_takes_off_dimensions_then_ranks() {
    let bench = Bench::new();
    let common = [
        "compress",
        "net.mls",
        "--calibration",
        "high",
        "--patch",
        "18",
    ];
    let with = |more: &[&'static str]| [&common[..], more].concat();
    let dimensions = ["--inner", "6", "--states", "1", "--output", "small.mls"];
    let small = &bench.json(&with(&dimensions))[0];
    assert!(small["cut"].as_array().unwrap().is_empty());
    let network = &bench.json(&["inspect", "small.mls"])[0]["network"];
    assert_eq!(
        (&network["inner"], &network["states"]),
        (&6.into(), &1.into())
    );
    let parameters = small["after"]["parameters"].as_u64().unwrap() - 40;
    let budget = parameters.to_string().leak();
    let both = [&dimensions[..], &["--parameters", budget]].concat();
    let ranks = &bench.json(&with(&both))[0];
    assert!(ranks["after"]["parameters"].as_u64().unwrap() <= parameters);
    assert!(!ranks["cut"].as_array().unwrap().is_empty());
    bench.refuses(
        &with(&["--states", "3", "--output", "x.mls"]),
        &["states", "1 to 2"],
    );
    bench.refuses(&with(&["--output", "x.mls"]), &["--parameters"]);
}

/// The command of `--measure` gets a model file; its answer is what the budget is held against.
#[test]
fn compress_to_the_time_that_a_command_says() {
    let bench = Bench::new();
    let within = |budget: &'static str, command: &'static str| {
        [
            "compress",
            "net.mls",
            "--calibration",
            "high",
            "--patch",
            "18",
            "--output",
            "fast.mls",
            "--milliseconds",
            budget,
            "--measure",
            command,
        ]
    };
    // A "board" whose milliseconds are the bytes of the model file.
    let bytes = |name: &str| bench.path(name).metadata().unwrap().len();
    let limit = bytes("net.mls") * 19 / 20;
    let fast = &bench.json(&within(limit.to_string().leak(), "stat -c %s {model}"))[0];
    let size = bytes("fast.mls");
    assert!(size <= limit, "{size}");
    assert_eq!(fast["milliseconds"].as_f64(), Some(size as f64));
    assert!(!fast["cut"].as_array().unwrap().is_empty());
    bench.refuses(&within("10", "stat -c %s {model}"), &["10 milliseconds"]);
    bench.refuses(&within("10", "echo soon"), &["soon", "not a number"]);
}
