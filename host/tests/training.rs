//! Runs of the trainer with a model of a few parameters.

#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a helper fails the test"
)]

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use mambalite::model_file::ModelFile;
use mambalite::picture::{Color, Picture};
use mambalite::resize::{Scale, resize};
use mambalite::train::config::Config;
use mambalite::train::data::Pictures;
use mambalite::train::data::draw::{Draw, Symmetry};
use mambalite::train::data::patch::{Patch, Patches};
use mambalite::train::run::checkpoint::Checkpoint;
use mambalite::train::run::log::Line;
use mambalite::train::run::observer::{Observer, Progress};
use mambalite::train::run::stop::Stop;
use mambalite::train::run::{self, Outcome, Task};
use mambalite::train::teacher::{Teacher, Teaching};
use mambalite::train::{Kind, Model, Objective, TrainError};
use mambalite::{Error, Result, import};
use mambalite_kernels::Form;
use mambalite_tests::network::{self, TINY};
use rayon::prelude::*;

/// What fits the toy.
const KIND: Kind = Kind {
    channels: 3,
    scale: 2,
    width: 4,
    groups: 1,
};

/// Nearest neighbour at x2 with a gain and an offset for each channel.
struct Toy {
    file: ModelFile,
    /// Makes the loss of a later step no number.
    breaks: AtomicBool,
}

impl Toy {
    fn new() -> Self {
        let checkpoint = network::checkpoint(&TINY, |_| Form::Dense, 1);
        Self {
            file: import::import(&checkpoint).unwrap(),
            breaks: AtomicBool::new(false),
        }
    }
}

/// Calls `f` with the place of each output sample, of its input sample, and its channel.
fn samples(patch: &Picture, mut f: impl FnMut(usize, usize, usize)) {
    let (width, height, channels) = patch.shape();
    for (y, x) in (0..2 * height).flat_map(|y| (0..2 * width).map(move |x| (y, x))) {
        for c in 0..channels {
            let input = (y / 2 * width + x / 2) * channels + c;
            f((y * 2 * width + x) * channels + c, input, c);
        }
    }
}

impl Model for Toy {
    fn gradient(
        &self,
        values: &[f32],
        patches: &[Picture],
        objective: &dyn Objective,
        gradient: &mut [f32],
    ) -> Result<f64> {
        let parts = patches.par_iter().enumerate().map(|(i, patch)| {
            let input = |at: usize| f32::from(patch.data()[at]) / 255.0;
            let mut output = vec![0.0; 4 * patch.data().len()];
            samples(patch, |out, at, c| {
                output[out] = values[c] * input(at) + values[3 + c]
            });
            let mut d_output = vec![0.0; output.len()];
            let loss = objective.output(i, &output, &mut d_output);
            let mut gradient = [0.0; 6];
            samples(patch, |out, at, c| {
                gradient[c] += d_output[out] * input(at);
                gradient[3 + c] += d_output[out];
            });
            (loss, gradient)
        });
        let parts: Vec<_> = parts.collect();
        let count = patches.len() as f32;
        for (i, g) in gradient.iter_mut().enumerate() {
            *g = parts.iter().map(|(_, part)| part[i]).sum::<f32>() / count;
        }
        let loss = parts.iter().map(|(loss, _)| loss).sum::<f64>() / f64::from(count);
        let breaks = self.breaks.load(Ordering::Relaxed);
        Ok(if breaks { f64::NAN } else { loss })
    }

    fn to_file(&self, _values: &[f32]) -> Result<ModelFile> {
        Ok(self.file.clone())
    }
}

/// Stops a run after a step, and keeps what it is told.
#[derive(Default)]
struct Watch {
    stop: Stop,
    stop_at: Option<u64>,
    /// Ends the run at this step as a crash would: with nothing written.
    crash_at: Option<u64>,
    lines: Mutex<Vec<Line>>,
    warnings: Mutex<Vec<String>>,
}

impl Observer for Watch {
    fn preparing(&self, _what: &str, done: usize, total: usize) {
        assert!(done <= total);
    }

    fn warn(&self, message: &str) {
        self.warnings.lock().unwrap().push(message.to_owned());
    }

    fn line(&self, line: &Line) -> Result<()> {
        self.lines.lock().unwrap().push(line.clone());
        Ok(())
    }

    fn step(&self, progress: &Progress) {
        if Some(progress.step) == self.stop_at {
            self.stop.set();
        }
        assert_ne!(Some(progress.step), self.crash_at, "wanted by the test");
    }
}

/// A folder with pictures, and a configuration of runs in it.
struct Bench {
    place: tempfile::TempDir,
    text: String,
    toy: Toy,
}

impl Bench {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        for (folder, count) in [("train", 5), ("validation", 2)] {
            fs::create_dir(place.path().join(folder)).unwrap();
            for i in 0..count {
                let picture = network::picture(60 + i, 56, 3, i as u64);
                let path = place.path().join(format!("{folder}/{i}.png"));
                picture.save(&path).unwrap();
            }
        }
        let text = r#"
            schema = 1
            [data]
            train = [{ folder = "PLACE/train" }]
            validation = "PLACE/validation"
            patch = 8
            batch = 4
            [loss]
            kind = "l1-fft"
            [optimizer]
            kind = "adamw"
            weight-decay = 0.01
            rate = 0.02
            warm-up = 5
            length = { steps = 40 }
            [run]
            folder = "PLACE/NAME"
            checkpoint-every = 8
            validate-every = 10
            log-every = 3
            threads = 2
        "#;
        Self {
            text: text.replace("PLACE", &place.path().display().to_string()),
            place,
            toy: Toy::new(),
        }
    }

    fn run(&self, name: &str, watch: &Watch, resume: bool) -> Result<Outcome> {
        self.run_changed(name, watch, resume, |text| text)
    }

    fn run_changed(
        &self,
        name: &str,
        watch: &Watch,
        resume: bool,
        change: impl FnOnce(String) -> String,
    ) -> Result<Outcome> {
        let text = change(self.text.replace("NAME", name));
        let config = Config::parse(&text, Path::new("run.toml"))?;
        let task = Task {
            model: &self.toy,
            values: vec![0.5, 0.5, 0.5, 0.1, 0.1, 0.1],
            start: None,
            kind: KIND,
            config: &config,
            text: &text,
            resume,
        };
        run::run(task, watch, &watch.stop)
    }

    fn bytes(&self, name: &str, file: &str) -> Vec<u8> {
        fs::read(self.place.path().join(name).join(file)).unwrap()
    }

    /// The last checkpoint but for the folder that is part of the configuration.
    fn checkpoint(&self, name: &str) -> Checkpoint {
        let path = self.place.path().join(name).join("checkpoint.safetensors");
        let mut checkpoint = Checkpoint::load(&path).unwrap();
        checkpoint.config.run.folder = "any".into();
        checkpoint
    }
}

fn stops_at(step: u64) -> Watch {
    Watch {
        stop_at: Some(step),
        ..Watch::default()
    }
}

#[test]
fn a_run_leaves_all_its_files_and_learns() {
    let bench = Bench::new();
    let watch = Watch::default();
    let broken = bench.place.path().join("train/broken.jpg");
    fs::write(&broken, b"no picture").unwrap();
    let outcome = bench.run("run", &watch, false).unwrap();
    assert!(outcome.finished && outcome.psnr_y.is_some());
    assert_eq!((outcome.step, outcome.steps), (40, Some(40)));
    let warnings = watch.warnings.lock().unwrap();
    assert!(
        warnings.len() == 1 && warnings[0].contains("broken.jpg"),
        "{warnings:?}"
    );

    let text = String::from_utf8(bench.bytes("run", "config.toml")).unwrap();
    assert_eq!(text, bench.text.replace("NAME", "run"));
    let facts = bench.bytes("run", "run.json");
    assert!(serde_json::from_slice::<serde_json::Value>(&facts).unwrap()["git_hash"] != 0);
    assert!(bench.bytes("run", "curve.svg").ends_with(b"</svg>\n"));
    assert_eq!(bench.bytes("run", "model.mls"), bench.toy.file.bytes());
    let log = String::from_utf8(bench.bytes("run", "log.jsonl")).unwrap();
    let log: Vec<Line> = log.lines().map(|it| Line::parse(it).unwrap()).collect();
    assert_eq!(log, *watch.lines.lock().unwrap());

    let losses = log.iter().filter_map(|line| match line {
        Line::Step { loss, .. } => Some(*loss),
        _ => None,
    });
    let losses: Vec<f64> = losses.collect();
    assert_eq!(losses.len(), 13);
    assert!(losses[12] < 0.6 * losses[0], "{losses:?}");
    let history = bench.checkpoint("run").history;
    let scored: Vec<u64> = history.iter().map(|it| it.step).collect();
    assert_eq!(scored, [0, 10, 20, 30, 40]);
    let Some(Line::End {
        energy_j,
        energy_reason,
        ..
    }) = log.last()
    else {
        panic!("{:?}", log.last());
    };
    assert_ne!(energy_j.is_some(), energy_reason.is_some());
}

#[test]
fn an_interrupted_run_ends_with_the_same_bits() {
    let bench = Bench::new();
    bench.run("whole", &Watch::default(), false).unwrap();

    let first = bench.run("parts", &stops_at(13), false).unwrap();
    assert_eq!((first.step, first.finished), (13, false));
    assert_eq!(bench.checkpoint("parts").state.step, 13);
    bench.run("parts", &stops_at(20), true).unwrap();
    let last = bench.run("parts", &Watch::default(), true).unwrap();
    assert!(last.finished);

    // As kill -9: the work since the last checkpoint is lost and done again, on other threads.
    let crash = Watch {
        crash_at: Some(23),
        ..Watch::default()
    };
    let crashed = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
        bench.run("crashed", &crash, false)
    }));
    assert!(crashed.is_err());
    assert_eq!(bench.checkpoint("crashed").state.step, 16);
    let one_thread = |text: String| text.replace("threads = 2", "threads = 1");
    bench
        .run_changed("crashed", &Watch::default(), true, one_thread)
        .unwrap();

    let whole = bench.checkpoint("whole");
    assert_eq!(whole.state.step, 40);
    for name in ["parts", "crashed"] {
        let mut other = bench.checkpoint(name);
        other.config.run.threads = whole.config.run.threads;
        assert_eq!(other, whole, "{name}");
    }
    // But for the folder's name, the very bytes.
    let [a, b] = ["whole", "parts"].map(|name| {
        let bytes = bench.bytes(name, "checkpoint.safetensors");
        let at = bytes
            .windows(name.len())
            .position(|it| it == name.as_bytes())
            .unwrap();
        [&bytes[..at], &bytes[at + name.len()..]].concat()
    });
    assert_eq!(a, b);
    let steps = |name| {
        let log = String::from_utf8(bench.bytes(name, "log.jsonl")).unwrap();
        let lines = log.lines().map(|it| Line::parse(it).unwrap());
        lines
            .filter(|it| matches!(it, Line::Validation { .. }))
            .map(|it| it.step())
            .collect()
    };
    let expected: Vec<u64> = steps("whole");
    assert_eq!(steps("parts"), expected);
    assert_eq!(steps("crashed"), expected);
}

#[test]
fn a_finished_run_stays_as_it_is() {
    let bench = Bench::new();
    bench.run("run", &Watch::default(), false).unwrap();
    let before = bench.bytes("run", "checkpoint.safetensors");
    let outcome = bench.run("run", &Watch::default(), true).unwrap();
    assert!(outcome.finished);
    assert_eq!(bench.bytes("run", "checkpoint.safetensors"), before);
}

#[test]
fn what_cannot_go_on_is_refused() {
    let bench = Bench::new();
    let message = |result: Result<Outcome>| result.unwrap_err().to_string();
    let nothing = message(bench.run("run", &Watch::default(), true));
    assert!(nothing.contains("no checkpoint"), "{nothing}");
    bench.run("run", &stops_at(5), false).unwrap();
    let again = bench.run("run", &Watch::default(), false).unwrap_err();
    assert!(
        matches!(&again, Error::Train(TrainError::FolderExists { .. })),
        "{again}"
    );

    let other = |from: &'static str, to: &'static str| {
        let change = move |text: String| text.replace(from, to);
        message(bench.run_changed("run", &Watch::default(), true, change))
    };
    assert!(other("rate = 0.02", "rate = 0.03").contains("`optimizer.rate` differs"));
    assert!(other("patch = 8", "patch = 9").contains("`data.patch` differs"));
    network::picture(60, 60, 3, 99)
        .save(&bench.place.path().join("train/new.png"))
        .unwrap();
    let changed = message(bench.run("run", &Watch::default(), true));
    assert!(changed.contains("training pictures changed"), "{changed}");
    fs::remove_file(bench.place.path().join("train/new.png")).unwrap();
    bench.run("run", &stops_at(6), true).unwrap();
}

#[test]
fn a_run_that_cannot_begin_leaves_no_folder() {
    let bench = Bench::new();
    let few = |text: String| text.replace("patch = 8", "patch = 8\nmin-pictures = 6");
    let error = bench
        .run_changed("run", &Watch::default(), false, few)
        .unwrap_err();
    assert!(
        matches!(&error, Error::Train(TrainError::TooFewPictures { .. })),
        "{error}"
    );
    assert_eq!(error.exit_code(), 2);
    assert!(!bench.place.path().join("run").exists());
}

#[test]
fn a_loss_that_is_no_number_ends_the_run() {
    let bench = Bench::new();
    bench.run("run", &stops_at(4), false).unwrap();
    bench.toy.breaks.store(true, Ordering::Relaxed);
    let error = bench.run("run", &Watch::default(), true).unwrap_err();
    assert!(
        matches!(&error, Error::Train(TrainError::Diverged { step: 5 })),
        "{error}"
    );
    assert_eq!(bench.checkpoint("run").state.step, 4);
}

#[test]
fn minutes_become_steps_that_stay() {
    let bench = Bench::new();
    let minutes = |text: String| text.replace("steps = 40", "minutes = 0.02");
    let watch = stops_at(30);
    bench.run_changed("run", &watch, false, minutes).unwrap();
    let fixed = bench.checkpoint("run").steps;
    assert!(fixed.is_some_and(|steps| steps > 20), "{fixed:?}");
    let lines = watch.lines.lock().unwrap();
    assert!(
        lines
            .iter()
            .any(|it| matches!(it, Line::Length { step: 20, .. }))
    );
    bench
        .run_changed("run", &stops_at(40), true, minutes)
        .unwrap();
    assert_eq!(bench.checkpoint("run").steps, fixed);
}

#[test]
fn stored_outputs_of_a_teacher_are_those_of_whole_pictures() {
    let bench = Bench::new();
    let place = bench.place.path();
    bench.toy.file.save(&place.join("teacher.mls")).unwrap();
    let name = place.join("teacher.mls").display().to_string();
    let refused = Teacher::load(&name, Kind { scale: 4, ..KIND }, false)
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("x2") && refused.contains("x4"),
        "{refused}"
    );
    let teacher = Teacher::load(&name, KIND, false).unwrap();

    let config = Config::parse(&bench.text, Path::new("run.toml")).unwrap();
    let pictures = Pictures::load(&config.data, (2, Color::Rgb), place, &mut |_, _| ()).unwrap();
    let cache = place.join("cache");
    let stopped = teacher.outputs(&pictures, &cache, &|| false).unwrap();
    assert!(stopped.is_none());
    let outputs = teacher
        .outputs(&pictures, &cache, &|| true)
        .unwrap()
        .unwrap();
    // A second time nothing is computed: the files stay as they are.
    let files = || fs::read_dir(&cache).unwrap().map(|it| it.unwrap().path());
    assert_eq!(files().count(), 5);
    let times = || files().map(|it| fs::metadata(it).unwrap().modified().unwrap());
    let before: Vec<_> = times().collect();
    teacher
        .outputs(&pictures, &cache, &|| true)
        .unwrap()
        .unwrap();
    assert!(times().eq(before));

    for step in 0..20 {
        let at = pictures.place(&mut Draw::new(3, step, 0));
        let path = place.join(format!("train/{}.png", at.picture));
        let high = Picture::load(&path, Color::Rgb)
            .unwrap()
            .modcrop(2)
            .unwrap();
        let low = resize(&high, Scale::down(2)).unwrap();
        let whole = teacher.run(&low).unwrap().output;
        let found = outputs.crop(&pictures, at).unwrap();
        let (side, stride) = (2 * 8 * 3, high.width() * 3);
        assert_eq!(found.len(), side * 2 * 8);
        for (y, row) in found.chunks(side).enumerate() {
            let expected = &whole[(2 * at.y + y) * stride + 2 * at.x * 3..][..side];
            let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 0.5 / 16384.0 || b.abs() >= 2.0;
            assert!(row.iter().zip(expected).all(near), "step {step}, row {y}");
        }
    }
}

/// With flips and turns, the teacher's output lies as the truth does.
#[test]
fn targets_of_a_patch_lie_alike() {
    let bench = Bench::new();
    let place = bench.place.path();
    bench.toy.file.save(&place.join("teacher.mls")).unwrap();
    let name = place.join("teacher.mls").display().to_string();
    let config = Config::parse(&bench.text, Path::new("run.toml")).unwrap();
    let patches = |augment| {
        let teacher = Teacher::load(&name, KIND, false).unwrap();
        let pictures = Pictures::load(&config.data, (2, Color::Rgb), place, &mut |_, _| ());
        let pictures = pictures.unwrap();
        let outputs = teacher.outputs(&pictures, &place.join("cache"), &|| true);
        Patches {
            pictures,
            teaching: outputs.unwrap().map(Teaching::Picture),
            augment,
            seed: 1,
        }
    };
    let (turned, straight) = (patches(true), patches(false));
    let mut found = 0;
    for step in 0..20 {
        let [turned, straight] = [&turned, &straight].map(|it| it.patch(step, 0).unwrap());
        let teacher = |it: &Patch| it.teacher.clone().unwrap().output;
        for number in 0..100 {
            let symmetry = Symmetry::draw(&mut Draw::new(0, 0, number));
            if symmetry.apply(&straight.high, 16, 3) == turned.high {
                let expected = symmetry.apply(&teacher(&straight), 16, 3);
                assert_eq!(teacher(&turned), expected);
                let low = symmetry.apply(straight.low.data(), 8, 3);
                assert_eq!(turned.low.data(), low);
                found += 1;
                break;
            }
        }
    }
    assert_eq!(found, 20);
}

#[test]
fn the_weight_of_the_teacher_decides_what_is_learned() {
    let bench = Bench::new();
    let teacher = bench.place.path().join("teacher.mls");
    bench.toy.file.save(&teacher).unwrap();
    let distil = |name: &str, weight: &str, place: &str| {
        let section = format!(
            "[distill]\nteacher = \"{}\"\nwhere = \"{place}\"\nweight = {weight}\n[optimizer]",
            teacher.display()
        );
        let change = |text: String| text.replace("[optimizer]", &section);
        bench
            .run_changed(name, &Watch::default(), false, change)
            .unwrap();
        bench.checkpoint(name).state.values
    };
    let [crop, picture] = ["crop", "picture"].map(|it| distil(it, "1.0", it));
    assert!(bench.place.path().join("picture/teacher").is_dir());
    let truth = distil("truth", "0.0", "crop");
    assert!(crop != picture && crop != truth && picture != truth);
    bench.run("alone", &Watch::default(), false).unwrap();
    assert_eq!(truth, bench.checkpoint("alone").state.values);
}
