//! Networks to other programs and back: bits of safetensors files, and what PyTorch and ONNX Runtime
//! make of them. `cargo xtask exchange` installs those and runs this.

#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a helper fails the test"
)]

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use mambalite::checkpoint::{Checkpoint, Tensor, parse, safetensors};
use mambalite::export;
use mambalite::import::import;
use mambalite::model_file::ModelFile;
use mambalite::upscale::{Executor, upscale_with};
use mambalite_kernels::config::Weight;
use mambalite_kernels::{Anchor, Config, Decay, Form, Layer};
use mambalite_tests::Recorder;
use mambalite_tests::network::{TINY, checkpoint, mixed_forms, picture};
use proptest::prelude::*;

/// Largest difference of an output, whose range is 0 to 1.
const TOLERANCE: f64 = 1e-5;
/// Columns and rows of the picture that all run.
const SIZE: (usize, usize) = (13, 9);

/// Writes a model to the bytes of a safetensors file and reads these again.
fn there_and_back(file: &ModelFile) -> ModelFile {
    let exported = export::checkpoint(&file.model()).unwrap();
    assert_eq!(exported.rates_rounded, 0);
    let bytes = safetensors::to_bytes(&exported.checkpoint).unwrap();
    import(&parse(&bytes).unwrap()).unwrap()
}

fn configs() -> impl Strategy<Value = Config> {
    let ends = (prop::sample::select(vec![1usize, 3]), 2..=4usize);
    let sizes = (1..=9usize, 1..=11usize, 1..=2usize, 1..=2usize, 1..=5usize);
    let anchors = vec![Anchor::None, Anchor::Nearest, Anchor::Bicubic];
    let options = (
        1..=3usize,
        any::<bool>(),
        prop::sample::select(anchors),
        prop::sample::select(vec![Decay::Full, Decay::Tied]),
        prop::array::uniform3(0f32..=1.0),
    );
    let config = |(ends, sizes, options)| {
        let ((channels, scale), (width, inner, groups, blocks, states)) = (ends, sizes);
        let (dt_rank, mixer_skip, anchor, decay, mean) = options;
        Config {
            channels,
            scale,
            width,
            inner,
            groups,
            blocks,
            states,
            dt_rank,
            mixer_skip,
            anchor,
            decay,
            mean,
        }
    };
    (ends, sizes, options).prop_map(config)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn networks_come_back_to_the_bit(config in configs(), offset in 0..3usize, seed in any::<u64>()) {
        for forms in [true, false] {
            let mixed = mixed_forms(&config, offset);
            let form = |weight| if forms { mixed(weight) } else { Form::Dense };
            let file = import(&checkpoint(&config, form, seed)).unwrap();
            let back = there_and_back(&file);
            prop_assert_eq!(back.bytes(), file.bytes());
            prop_assert!(!export::onnx(&file.model()).unwrap().is_empty());
        }
    }

    /// A damaged file is refused or is a whole network; nothing panics.
    #[test]
    fn damaged_files_are_refused(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let tiny = checkpoint(&TINY, mixed_forms(&TINY, 0), 1);
        let mut bytes = safetensors::to_bytes(&tiny).unwrap();
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
            prop_assert!(parse(&bytes).is_err());
        } else {
            bytes[at] = byte;
            if let Ok(file) = parse(&bytes).map_err(drop).and_then(|it| import(&it).map_err(drop)) {
                there_and_back(&file);
            }
        }
    }
}

#[test]
fn orders_that_are_none_are_named() {
    for value in [0.5, -1.0, 4096.0, f32::NAN] {
        let mut bad = checkpoint(&TINY, mixed_forms(&TINY, 0), 1);
        let order = bad
            .tensors
            .iter_mut()
            .find(|(name, _)| name.ends_with(".order"));
        let (name, order) = order.unwrap();
        let name = name.clone();
        order.data[0] = value;
        let message = import(&bad).unwrap_err().to_string();
        assert!(
            message.contains(&name) && message.contains("place of an output"),
            "{message}"
        );
    }
}

/// Networks of every form and option, by name.
fn networks() -> Vec<(&'static str, Config, Vec<Form>)> {
    let base = Config {
        width: 8,
        inner: 12,
        groups: 2,
        blocks: 2,
        states: 4,
        dt_rank: 3,
        ..TINY
    };
    let anchored = Config {
        channels: 1,
        scale: 3,
        mixer_skip: true,
        anchor: Anchor::Bicubic,
        decay: Decay::Tied,
        ..base
    };
    let bare = Config {
        scale: 4,
        anchor: Anchor::None,
        ..base
    };
    let of = |config: &Config, form: &dyn Fn(Weight) -> Form| config.weights().map(form).collect();
    let rank = |w: &Weight| w.outputs.min(w.inputs * w.taps).div_ceil(2);
    let identity = |w: Weight| match rank(&w) < w.outputs {
        true => Form::IdentityRows(rank(&w)),
        false => Form::Dense,
    };
    vec![
        ("dense", bare, of(&bare, &|_| Form::Dense)),
        ("low-rank", base, of(&base, &|w| Form::LowRank(rank(&w)))),
        ("identity-rows", anchored, of(&anchored, &identity)),
        ("mixed", anchored, of(&anchored, &mixed_forms(&anchored, 1))),
        ("mixed-bare", bare, of(&bare, &mixed_forms(&bare, 2))),
    ]
}

/// Returns a Python with PyTorch and ONNX Runtime, or says visibly that the test is skipped.
///
/// One that is named (`MAMBALITE_PYTHON`) must have them.
fn python() -> Option<Command> {
    let named = std::env::var_os("MAMBALITE_PYTHON");
    let path = named.clone().unwrap_or_else(|| OsString::from("python3"));
    let needs = "import PIL, numpy, onnxruntime, safetensors, torch";
    let found = Command::new(&path).args(["-c", needs]).output();
    if found.is_ok_and(|it| it.status.success()) {
        let torch = concat!(env!("CARGO_MANIFEST_DIR"), "/torch");
        let mut command = Command::new(path);
        command
            .arg("-B")
            .env("PYTHONPATH", torch)
            .current_dir(torch);
        return Some(command);
    }
    assert!(named.is_none(), "{path:?} cannot `{needs}`");
    // Written past the capture of the test runner, which hides the output of passing tests.
    let line =
        "SKIP: PyTorch or ONNX Runtime is not there (`cargo xtask exchange` installs them)\n";
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    None
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}");
}

/// Returns our output as PyTorch has it, `[channels, height, width]`, not clamped.
fn upscaled(file: &ModelFile) -> Vec<f64> {
    let (model, mut recorder) = (file.model(), Recorder::default());
    let channels = model.config().channels;
    let picture = picture(SIZE.0, SIZE.1, channels, 5);
    upscale_with(
        &model,
        &picture,
        Executor::Stream,
        &mut recorder,
        &mut |_| (),
    )
    .unwrap();
    let output = recorder.layers.remove(&Layer::Output).unwrap();
    let of = |channel| output.iter().skip(channel).step_by(channels).copied();
    (0..channels).flat_map(of).collect()
}

/// Writes what `host/torch/exchange.py` asks for.
fn put(folder: &Path, name: &str, file: &ModelFile) {
    let path = |ending| folder.join(format!("{name}.{ending}"));
    let exported = export::checkpoint(&file.model()).unwrap().checkpoint;
    safetensors::save(&exported, &path("safetensors")).unwrap();
    std::fs::write(path("onnx"), export::onnx(&file.model()).unwrap()).unwrap();
    let channels = file.model().config().channels;
    let picture = picture(SIZE.0, SIZE.1, channels, 5);
    let of = |channel| picture.data().iter().skip(channel).step_by(channels);
    let pixels = (0..channels).flat_map(of).map(|&x| f32::from(x) / 255.0);
    let picture = Tensor {
        shape: vec![1, channels, SIZE.1, SIZE.0],
        data: pixels.collect(),
    };
    let mut checkpoint = Checkpoint::default();
    checkpoint.tensors.insert("picture".to_owned(), picture);
    safetensors::save(&checkpoint, &path("picture")).unwrap();
}

/// Returns the largest difference to our output.
fn difference(path: &Path, ours: &[f64]) -> f64 {
    let output = &mambalite::checkpoint::load(path).unwrap().tensors["output"];
    assert_eq!(output.data.len(), ours.len());
    let pairs = output.data.iter().zip(ours);
    pairs.fold(0.0, |max, (&a, b)| f64::max(max, (f64::from(a) - b).abs()))
}

#[test]
fn pytorch_and_onnxruntime_agree() {
    let Some(mut python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let networks = networks()
        .into_iter()
        .zip(0..)
        .map(|((name, config, forms), seed)| {
            let weights: Vec<_> = config.weights().map(|weight| weight.name).collect();
            let form =
                |it: Weight| forms[weights.iter().position(|&name| name == it.name).unwrap()];
            let file = import(&checkpoint(&config, form, seed)).unwrap();
            put(folder.path(), name, &file);
            (name, file)
        });
    let networks: Vec<_> = networks.collect();
    run(python.arg("exchange.py").arg(folder.path()));
    for (name, file) in networks {
        let path = |ending| folder.path().join(format!("{name}.{ending}"));
        let ours = upscaled(&file);
        let back = import(&mambalite::checkpoint::load(&path("saved")).unwrap()).unwrap();
        assert_eq!(back.bytes(), file.bytes(), "{name}, saved by PyTorch");
        for peer in ["torch", "onnxruntime"] {
            let difference = difference(&path(peer), &ours);
            println!("{name}: {peer} differs by {difference:.1e}");
            assert!(
                difference <= TOLERANCE,
                "{name}: {peer} differs by {difference:e}"
            );
        }
    }
}

/// `torchrun` with two processes trains what one does, and the result comes back.
#[test]
fn torchrun_trains_what_one_process_trains() {
    let Some(_) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let start = checkpoint(&TINY, mixed_forms(&TINY, 0), 3);
    safetensors::save(&start, &path("start.safetensors")).unwrap();
    std::fs::create_dir(path("photos")).unwrap();
    for seed in 0..3 {
        let photo = picture(50, 40, 3, seed);
        photo.save(&path(&format!("photos/{seed}.png"))).unwrap();
    }
    let train = |output: &str, launcher: &[&str]| {
        let mut command = python().unwrap();
        command.args(launcher).args(["-m", "mambalite_torch.train"]);
        command
            .arg(path("start.safetensors"))
            .arg("--data")
            .arg(path("photos"));
        command.arg("--output").arg(path(output));
        command.args(["--steps", "4", "--batch", "4", "--patch", "8"]);
        run(command.env("OMP_NUM_THREADS", "1"));
        mambalite::checkpoint::load(&path(output)).unwrap()
    };
    let one = train("one.safetensors", &[]);
    let torchrun = [
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
    ];
    let two = train("two.safetensors", &torchrun);
    import(&two).unwrap();
    // Of Adam's steps a parameter with hardly a gradient takes whole ones for its rounding; the sum
    // of all differences shows whether the processes trained the same.
    let apart = |left: &Checkpoint, right: &Checkpoint| -> f64 {
        let pairs = left.tensors.iter().zip(&right.tensors);
        let differences = pairs.map(|((_, left), (_, right))| -> f64 {
            let pairs = left.data.iter().zip(&right.data);
            pairs.map(|(a, b)| f64::from((a - b).abs())).sum()
        });
        differences.sum()
    };
    let (moved, apart) = (apart(&start, &one), apart(&one, &two));
    println!("training moved parameters by {moved:.1e}, two processes differ by {apart:.1e}");
    assert!(moved > 1e-2, "{moved:e}");
    assert!(apart <= 1e-2 * moved, "{apart:e}");
}
