//! `hil new board` in a copy of the repository's firmware: what it makes builds at once, and one made
//! from a virtual board runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mambalite_hil::board::Boards;
use mambalite_hil::firmware;
use mambalite_hil::flasher::check_fit;
use mambalite_hil::interrupt::Interrupt;

use crate::model::invented;
use crate::qemu_run::can_run;

/// What the firmware of a board is built from, less the other boards.
const PARTS: [&str; 7] = [
    "Cargo.toml",
    "firmware",
    "kernels",
    "hil/wire",
    "host/gpu",
    "hil/rigs",
    "models/mambalite-x4-tiny",
];

/// Copies a file or a folder, less what builds have left.
fn copy(from: &Path, to: &Path) {
    if from.is_file() {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
        return;
    }
    for entry in fs::read_dir(from).unwrap() {
        let name = entry.unwrap().file_name();
        if name != "target" {
            copy(&from.join(&name), &to.join(&name));
        }
    }
}

/// A copy of the repository, of one test at a time.
struct Repository {
    folder: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

impl Repository {
    fn path(&self) -> &Path {
        &self.folder
    }
}

/// Makes the copy. Its folder is always the same, for it is in the flags of the build: what was built for
/// one test, the core library above all, is there for the next.
fn repository() -> Repository {
    static TURN: Mutex<()> = Mutex::new(());
    // A test that failed has left nothing that the next does not make anew.
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = root.join("target/new-board");
    let (built, kept) = (
        folder.join("firmware/target"),
        folder.with_extension("built"),
    );
    if built.exists() {
        fs::rename(&built, &kept).unwrap();
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    for part in PARTS {
        copy(&root.join(part), &folder.join(part));
    }
    if kept.exists() {
        fs::rename(&kept, &built).unwrap();
    }
    Repository {
        folder,
        _turn: turn,
    }
}

/// Runs `hil` in the copy; returns the exit code and what it said.
fn hil(folder: &Path, words: &[&str]) -> (Option<i32>, String) {
    run(folder, words, &[])
}

/// As [`hil`], with variables of the environment.
fn run(folder: &Path, words: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_hil"))
        .args(words)
        .env("HIL_STATE", folder.join("state"))
        // The copy is no checkout, also where the folder that it lies in is one.
        .env("GIT_CEILING_DIRECTORIES", folder.parent().unwrap())
        .envs(environment.iter().copied())
        .current_dir(folder)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

/// A mistake in a file of the new board: the file, and each thing that stands there with what a newcomer
/// wrote in its place.
type Mistake = (&'static str, &'static [(&'static str, &'static str)]);

/// Lets the doctor look at a board with a mistake in it; it has to stop at this step.
fn assert_stops(folder: &Path, (file, changes): Mistake, words: &[&str], step: &str) {
    let path = folder.join("firmware/boards/new-m4").join(file);
    let text = fs::read_to_string(&path).unwrap();
    let mut mistaken = text.clone();
    for (right, wrong) in changes {
        assert!(mistaken.contains(right), "{text}");
        mistaken = mistaken.replacen(right, wrong, 1);
    }
    fs::write(&path, mistaken).unwrap();
    let (code, said) = hil(folder, &[&["doctor", "new-m4"], words].concat());
    fs::write(&path, text).unwrap();
    assert_ne!(code, Some(0), "{said}");
    let red = said.lines().find(|line| line.starts_with("RED"));
    assert!(red.is_some_and(|it| it.contains(step)), "{step}: {said}");
    assert!(
        said.contains("likely cause") && said.contains("what to do"),
        "{said}"
    );
}

/// The ladder: red at the step of each mistake, green without one.
#[test]
fn the_doctor_tells_a_newcomers_mistakes_and_is_content_without() {
    if !can_run() {
        return;
    }
    let folder = repository();
    let words = "new board new-m4 --chip mps2-an386 --from qemu-mps2-an386";
    let make: Vec<_> = words.split(' ').collect();
    let (code, said) = hil(folder.path(), &make);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = hil(folder.path(), &make);
    assert_eq!(code, Some(2), "it is not overwritten: {said}");
    assert!(said.contains("there already"), "{said}");

    let typing = &[("board!()", "bored!()")];
    assert_stops(folder.path(), ("src/main.rs", typing), &[], "build");
    let (code, said) = hil(folder.path(), &["doctor", "new-m4", "--soak", "5"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("14 steps green, 1 left out"), "{said}");

    let built = ["--no-build", "--soak", "1"];
    let machine = &[("machine = \"mps2-an386\"", "machine = \"mps2-an999\"")];
    // Beyond the memory that the machine has.
    let map = &[
        ("length = 0x400000", "length = 0x2000000"),
        ("address = 0x80000", "address = 0x1200000"),
    ];
    let port = &[("wire-uart = 0\nlog-uart = 1", "wire-uart = 1\nlog-uart = 0")];
    for (changes, step) in [(&machine[..], "chip"), (map, "flash"), (port, "hello")] {
        assert_stops(folder.path(), ("board.toml", changes), &built, step);
    }
    let (_, said) = run(
        folder.path(),
        &["doctor", "new-m4", "--no-build"],
        &[("PATH", "/nowhere")],
    );
    assert!(said.contains("RED  probe"), "{said}");

    let key = folder.path().join("k.key").display().to_string();
    let (code, said) = hil(folder.path(), &["key", "new", &key]);
    assert_eq!(code, Some(0), "{said}");
    let with_key = [&["doctor", "new-m4", "--key", &key], &built[..]].concat();
    let (_, said) = hil(folder.path(), &with_key);
    assert!(said.contains("RED  certificate"), "no checkout: {said}");
}

/// Returns the blocks of a language in a page, in order.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    let begun = page.split(fence.as_str()).skip(1);
    begun
        .filter_map(|it| it.split_once("```"))
        .map(|it| it.0)
        .collect()
}

/// The page of an example is followed to the letter: a folder of the template, which builds, its facts and
/// its program, and the doctor.
#[test]
fn the_example_of_a_port_is_as_its_page_has_it() {
    if !can_run() {
        return;
    }
    let folder = repository();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/porting-example.md");
    let page = fs::read_to_string(page).unwrap();
    let command = blocks(&page, "sh")[0].trim().strip_prefix("hil ").unwrap();
    let (code, said) = hil(folder.path(), &command.split(' ').collect::<Vec<_>>());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("hil boards scan"), "{said}");

    let boards = Boards::find(folder.path()).unwrap();
    let board = boards.load("musca-b1").unwrap();
    let interrupt = Interrupt::default();
    let image = firmware::build(&boards, &board, true, &interrupt, &mut |_| ()).unwrap();
    check_fit(&board, &image, "invented", invented(6).bytes()).unwrap();

    let at = |name: &str| boards.folder("musca-b1").join(name);
    let template = fs::read_to_string(at("src/main.rs")).unwrap();
    let of_template = template
        .lines()
        .filter(|it| !it.trim().is_empty() && !it.starts_with("//"));
    assert!(of_template.count() <= 50);
    let facts = fs::read_to_string(at("board.toml")).unwrap();
    fs::write(at("board.toml"), facts + "\n" + blocks(&page, "toml")[0]).unwrap();
    fs::write(at("src/main.rs"), blocks(&page, "rust")[0]).unwrap();
    let (code, said) = hil(folder.path(), &["doctor", "musca-b1", "--soak", "5"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("12 steps green, 3 left out"), "{said}");
}

#[test]
fn what_cannot_be_made_is_told_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let boards = ["qemu-mps2-an386", "virtual-jetson"];
    for board in boards {
        let part = format!("firmware/boards/{board}");
        copy(&root.join(&part), &folder.path().join(&part));
    }
    for (words, says) in [
        (&["x", "--chip", "z80"][..], "nrf52840"),
        (&["X", "--chip", "nrf52840"], "small letters"),
        (&["../x", "--chip", "nrf52840"], "small letters"),
        (&["virtual-jetson", "--chip", "nrf52840"], "there already"),
        (
            &["x", "--chip", "mps2-an386", "--from", "virtual-jetson"],
            "computer",
        ),
        (
            &["x", "--chip", "mps2-an385", "--from", "qemu-mps2-an386"],
            "target",
        ),
        (
            &["x", "--chip", "mps2-an386", "--from", "nobody"],
            "no such board",
        ),
        (
            &[
                "x",
                "--chip",
                "c",
                "--flash",
                "0:64K",
                "--ram",
                "0:1M",
                "--target",
                "thumbv7m-none-eabi",
            ],
            "needs",
        ),
        (
            &[
                "x", "--chip", "c", "--flash", "0:1M", "--ram", "0:1M", "--target", "avr",
            ],
            "no template",
        ),
        (
            &[
                "x", "--chip", "c", "--flash", "all", "--ram", "0:1M", "--target", "avr",
            ],
            "ORIGIN:LENGTH",
        ),
    ] {
        let (code, said) = hil(folder.path(), &[&["new", "board"], words].concat());
        assert_eq!(code, Some(2), "{words:?}: {said}");
        assert!(said.contains(says), "{words:?}: {said}");
    }
    let left = fs::read_dir(folder.path().join("firmware"))
        .unwrap()
        .count();
    let made = fs::read_dir(folder.path().join("firmware/boards"))
        .unwrap()
        .count();
    assert_eq!((left, made), (1, boards.len()));
}
