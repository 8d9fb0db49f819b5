//! Pictures on a GPU, through the stand-in for the driver's library, as users run the command; and on
//! a real one, where there is one.

#![cfg(feature = "cuda")]
#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a helper fails the test"
)]

#[path = "gpu/bench.rs"]
mod bench;
#[path = "gpu/real.rs"]
mod real;

use bench::{Bench, DEVICE};
use mambalite_kernels::Precision;

/// 16x12 pixels whole, and in 6 patches of 3 sizes.
const EXECUTORS: [&[&str]; 2] = [
    &["--executor", "stream"],
    &["--executor", "patch", "--tile", "6", "--halo", "2"],
];

#[test]
fn every_precision_and_executor_gives_the_bytes_of_the_cpu() {
    let bench = Bench::new();
    for precision in Precision::ALL {
        for executor in EXECUTORS {
            let more = [executor, &["--precision", precision.name()]].concat();
            bench.expect_equal("in.png", &more, &[]);
        }
    }
}

#[test]
fn little_memory_makes_many_batches_on_two_streams() {
    let bench = Bench::new();
    // 12 patches of one size.
    let more = ["--precision", "w8a8", "--tile", "4", "--halo", "0"];
    let batches = |memory: &str| {
        let log = bench.path("log");
        let _ = std::fs::remove_file(&log);
        let environment = [
            ("FAKE_CUDA_MEMORY", memory),
            ("FAKE_CUDA_LOG", log.to_str().unwrap()),
        ];
        bench.expect_equal("in.png", &more, &environment);
        let log = std::fs::read_to_string(log).unwrap();
        // The first stream copies the model, on the second the device is tried.
        let of_others = |line: &&str| !["1 ", "2 "].iter().any(|stream| line.starts_with(stream));
        let lines = log.lines().filter(of_others);
        let lines = lines.filter(|line| !line.contains("launch"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let at = |lines: &[String], wanted: &str| {
        let found = lines.iter().position(|line| line.starts_with(wanted));
        found.unwrap_or_else(|| panic!("no `{wanted}` in {lines:?}"))
    };
    let all = batches("1000000000");
    assert_eq!(all.iter().filter(|it| it.contains("to-host")).count(), 1);
    let some = batches("150000");
    let copies = some.iter().filter(|it| it.contains("to-host")).count();
    assert!((3..=12).contains(&copies), "{some:?}");
    // The second batch is under way before the host waits for the first.
    assert!(
        at(&some, "4 to-device") < at(&some, "3 synchronise"),
        "{some:?}"
    );
}

#[test]
fn memory_without_pools_does_as_well() {
    let bench = Bench::new();
    let more = ["--precision", "w8a8", "--tile", "6", "--halo", "2"];
    bench.expect_equal("in.png", &more, &[("FAKE_CUDA_POOLS", "0")]);
}

#[test]
fn several_pictures_share_the_device() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("in")).unwrap();
    for (name, width) in [("a", 9), ("b", 9), ("c", 9), ("d", 14)] {
        bench.put(&format!("in/{name}.png"), width, 7);
    }
    let log = bench.path("log");
    let run = |backend: &str| {
        let arguments = ["upscale", "in", "--output", backend, "--backend", backend];
        let more = ["--precision", "w8a8", "--threads", "4"];
        let environment = [("FAKE_CUDA_LOG", log.to_str().unwrap())];
        let lines = bench.json(&[&arguments[..], &more].concat(), &environment);
        assert_eq!(lines.len(), 4);
        assert!(lines.iter().all(|line| line["backend"] == backend));
    };
    run("cpu");
    run("cuda");
    for name in ["a_x4.png", "b_x4.png", "c_x4.png", "d_x4.png"] {
        let read = |backend: &str| std::fs::read(bench.path(backend).join(name)).unwrap();
        assert!(read("cpu") == read("cuda"), "{name}");
    }
    // While one picture ran, others came, of which at least two went together. The first batch tries the
    // device.
    let log = std::fs::read_to_string(log).unwrap();
    let batches = log.lines().filter(|line| line.contains("to-host")).count();
    assert!(batches - 1 < 4, "{log}");
}

#[test]
fn eval_scores_the_same() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("high")).unwrap();
    bench.put("high/a.png", 52, 48);
    let mean = |backend: &str| {
        let arguments = ["eval", "--dataset", "high", "--scale", "4", "--backend"];
        let lines = bench.json(&[&arguments[..], &[backend]].concat(), &[]);
        let mean = lines.last().unwrap().clone();
        assert_eq!(mean["backend"], backend);
        (mean["psnr_y"].clone(), mean["ssim_y"].clone())
    };
    assert_eq!(mean("cpu"), mean("cuda"));
}

#[test]
fn what_is_missing_is_said_with_the_mend() {
    let bench = Bench::new();
    let cases: [(&str, &str, i32, &[&str]); 7] = [
        ("FAKE_CUDA_DEVICES", "0", 5, &["no NVIDIA GPU"]),
        (
            "FAKE_CUDA_INIT",
            "999",
            5,
            &["CUDA_ERROR_UNKNOWN", "nvidia-smi"],
        ),
        (
            "FAKE_CUDA_DRIVER",
            "11040",
            5,
            &["CUDA 11.4", "12.6", "newer driver"],
        ),
        ("FAKE_CUDA_CAPABILITY", "75", 5, &[DEVICE, "7.5", "8.7"]),
        ("FAKE_CUDA_CAPABILITY", "86", 5, &["8.6", "8.7"]),
        // Not even the model fits; then no picture in one piece.
        (
            "FAKE_CUDA_MEMORY",
            "20000",
            5,
            &["copy the model", "OUT_OF_MEMORY"],
        ),
        (
            "FAKE_CUDA_MEMORY",
            "400000",
            2,
            &["16x12 pixels", "MiB", "--tile"],
        ),
    ];
    for (name, value, code, words) in cases {
        let words = [&["--backend cpu"], words].concat();
        bench.fails(&["--backend", "cuda"], &[(name, value)], code, &words);
        let line = bench.upscale(&["--backend", "auto"], &[(name, value)]);
        assert_eq!(line["backend"], "cpu", "{name} {value}");
        assert_eq!(line["device"], serde_json::Value::Null);
    }
}

#[test]
fn no_driver_is_said_and_auto_takes_the_cpu() {
    let bench = Bench::without_driver();
    // A machine with a real driver has nothing to show here.
    if bench.has_real_driver() {
        eprintln!("SKIP: this machine has a driver of an NVIDIA GPU");
        return;
    }
    let words = ["libcuda.so", "install", "--backend cpu"];
    bench.fails(&["--backend", "cuda"], &[], 5, &words);
    assert_eq!(bench.upscale(&[], &[])["backend"], "cpu");
}

#[test]
fn auto_takes_the_gpu() {
    let bench = Bench::new();
    let line = bench.upscale(&["--precision", "w8a8"], &[]);
    assert_eq!(line["backend"], "cuda");
    assert_eq!(line["device"], DEVICE);
    let text = bench.run(&["upscale", "in.png", "--output", "x.png"], &[]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains(&format!(" on {DEVICE})")), "{text}");
}

#[test]
fn a_network_without_a_program_is_left_to_the_cpu() {
    let bench = Bench::new();
    bench.put_tiny_model("tiny.mls");
    let model = ["--model", "tiny.mls"];
    let words = ["4, 8 or 16 states", "CPU"];
    bench.fails(
        &[&model[..], &["--backend", "cuda"]].concat(),
        &[],
        2,
        &words,
    );
    assert_eq!(bench.upscale(&model, &[])["backend"], "cpu");
}

#[test]
fn a_failed_kernel_is_an_error_whatever_the_backend() {
    let bench = Bench::new();
    for backend in ["cuda", "auto"] {
        let backend = ["--backend", backend, "--precision", "w8a8"];
        let refused = [("FAKE_CUDA_REFUSED_LAUNCH", "3")];
        bench.fails(
            &backend,
            &refused,
            1,
            &[DEVICE, "kernel w8a8_", "INVALID_VALUE"],
        );
        // In patches there is work of another stream under way.
        let patches = [&backend[..], &["--tile", "8"]].concat();
        let failed = [("FAKE_CUDA_FAILED_LAUNCH", "7")];
        bench.fails(
            &patches,
            &failed,
            1,
            &["a kernel failed", "LAUNCH_FAILED", "report"],
        );
    }
}
