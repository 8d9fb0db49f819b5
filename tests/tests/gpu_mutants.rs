//! The shipped PTX with one instruction changed: the interpreter or the bytes must tell.

use mambalite::model_file::ModelFile;
use mambalite::picture::Picture;
use mambalite::registry;
use mambalite_kernels::Precision;
use mambalite_ptx_vm::{Module, Options};
use mambalite_tests::gpu;
use mambalite_tests::network::picture;

/// The entry points of the default model in a precision.
const OPERATORS: [&str; 9] = [
    "conv3x3_bytes",
    "conv3x3_acts",
    "conv3x3_normed",
    "norm",
    "in_proj",
    "sequence",
    "scan_8",
    "out_proj",
    "picture",
];

/// What comes before the first entry point, and the text of each.
fn entries(precision: Precision) -> (String, Vec<String>) {
    let (head, _) = gpu::PTX.split_once(".visible .entry").unwrap();
    let text = |operator: &&str| {
        let from = gpu::PTX
            .find(&format!(".visible .entry {precision}_{operator}("))
            .unwrap();
        let end = gpu::PTX[from..].find("\n}\n").unwrap();
        gpu::PTX[from..from + end + 3].to_owned()
    };
    // Variables that the entries use may stand between them.
    let variables = gpu::PTX.lines().filter(|line| line.starts_with(".global"));
    let head: Vec<&str> = head
        .lines()
        .filter(|line| !line.starts_with(".global"))
        .collect();
    let head = head
        .into_iter()
        .chain(variables)
        .collect::<Vec<_>>()
        .join("\n");
    (head, OPERATORS.iter().map(text).collect())
}

/// A small case: a patch of more than a tile.
struct Case {
    file: ModelFile,
    pictures: Vec<Picture>,
    head: String,
    entries: Vec<String>,
    expected: Vec<u8>,
}

impl Case {
    fn new(precision: Precision) -> Self {
        let file = registry::load(registry::DEFAULT, Some(precision)).unwrap();
        let pictures = vec![picture(19, 3, 3, 1)];
        let expected = gpu::run(&file, &pictures, Options::default())
            .unwrap()
            .output;
        let (head, entries) = entries(precision);
        Self {
            file,
            pictures,
            head,
            entries,
            expected,
        }
    }

    /// Whether a text of an entry in place of its own is found out.
    fn tells(&self, text: &str) -> bool {
        let text = format!("{}\n{text}", self.head);
        // A text that cannot be read is found out too.
        Module::parse(&text).fails_or(|module| {
            gpu::run_with(
                Some(&module),
                &self.file,
                &self.pictures,
                Options::default(),
            )
            .fails_or(|run| run.output != self.expected)
        })
    }
}

/// Whether it is an error, or what is in it fulfils a condition.
trait FailsOr<T> {
    fn fails_or(self, condition: impl FnOnce(T) -> bool) -> bool;
}

impl<T, E> FailsOr<T> for Result<T, E> {
    fn fails_or(self, condition: impl FnOnce(T) -> bool) -> bool {
        self.map_or(true, condition)
    }
}

/// Returns a text without line `at`, or with it changed.
fn with_line(text: &str, at: usize, line: Option<String>) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines[at] = line.unwrap_or_default();
    lines.join("\n") + "\n"
}

#[test]
fn the_text_as_it_is_passes() {
    let case = Case::new(Precision::W8A8);
    for entry in [0, OPERATORS.len() - 1] {
        assert!(!case.tells(&case.entries[entry]));
    }
}

#[test]
fn every_barrier_is_missed() {
    let mut removed = 0;
    for precision in [Precision::F32, Precision::W8A8] {
        let case = Case::new(precision);
        for (entry, text) in case.entries.iter().enumerate() {
            for (at, line) in text.lines().enumerate() {
                // Weights that are not factored never come to the barriers between factors.
                if line.contains("bar.sync") && reached(&case, entry, at) {
                    removed += 1;
                    let mutant = with_line(text, at, None);
                    assert!(case.tells(&mutant), "{} line {at}", OPERATORS[entry]);
                }
            }
        }
    }
    assert!(removed >= 16, "{removed} barriers");
}

/// Whether the case comes to a line: a trap there stops it.
fn reached(case: &Case, entry: usize, at: usize) -> bool {
    case.tells(&with_line(&case.entries[entry], at, Some("\ttrap;".into())))
}

/// Changes the first instructions of a kind that the case comes to, in each entry.
fn mutants(case: &Case, kind: &str, change: impl Fn(&str) -> Option<String>) -> usize {
    let mut told = 0;
    for (entry, text) in case.entries.iter().enumerate() {
        let lines = text.lines().enumerate();
        // Of the first ones, as most of a text is for other networks.
        let changed = lines
            .filter_map(|(at, line)| Some((at, change(line)?)))
            .take(40);
        for (at, line) in changed.filter(|(at, _)| reached(case, entry, *at)).take(3) {
            let mutant = with_line(text, at, Some(line.clone()));
            assert!(case.tells(&mutant), "{kind}: {} {line}", OPERATORS[entry]);
            told += 1;
        }
    }
    told
}

#[test]
fn shifted_indices_are_told() {
    let case = Case::new(Precision::W8A16);
    let told = mutants(&case, "store", |line| {
        // The element after the one that is meant.
        let (before, rest) = line.split_once("st.b16 \t[")?;
        let (address, value) = rest.split_once(']')?;
        Some(format!("{before}st.b16 \t[{address}+2]{value}"))
    });
    assert!(told >= 3, "{told}");
}

#[test]
fn changed_shifts_are_told() {
    let case = Case::new(Precision::W8A8);
    let told = mutants(&case, "shift", |line| {
        // By one bit more than is meant.
        let (_, operands) = line.split_once("shr.s32 \t")?;
        let (result, _) = operands.split_once(',')?;
        Some(format!("{line} shr.s32 {result}, {result}, 1;"))
    });
    assert!(told >= 6, "{told}");
}
