//! No variant without a table: a test of the source tree, as the compiler sees none of the files
//! for other processors.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Operators that have tables of variants: those that `variants` tests.
const OPERATORS: [&str; 7] = ["linear", "norm", "conv1d", "step", "scan", "gate", "sum"];

/// Functions by which a file offers a variant, one a table.
const ENTRIES: [&str; 3] = ["f32", "w8a16", "w8a8"];

/// Contents of the files of a folder, by their names.
type Files = BTreeMap<String, String>;

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../src")
}

/// Reads the files of a folder, without `mod.rs`.
fn read(folder: &Path) -> Files {
    let entries = fs::read_dir(folder).expect("a folder of sources");
    let paths = entries.map(|entry| entry.expect("a readable folder").path());
    let files = paths.filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let files = files.map(|path| {
        let name = path.file_stem().expect("a name").to_string_lossy();
        let source = fs::read_to_string(&path).expect("a readable source");
        (name.into_owned(), source)
    });
    files.filter(|(name, _)| name != "mod").collect()
}

/// Tells whether a file offers a variant for a table.
fn offers(source: &str, entry: &str) -> bool {
    let head = format!("pub(crate) fn {entry}() -> Option<");
    source.lines().any(|line| line.starts_with(&head))
}

/// Names in lines of the form `{before}NAME{after}`.
fn names<'s>(source: &'s str, before: &str, after: &str) -> BTreeSet<&'s str> {
    let lines = source.lines().map(str::trim);
    let names = lines.map(|line| line.strip_prefix(before)?.strip_suffix(after));
    names.flatten().collect()
}

/// Returns the `file::entry`s of the tables in a `mod.rs`; the macro names each by its file.
fn entries(table: &str) -> impl Iterator<Item = (&str, &str)> {
    let tables = table.split("variants![").skip(1);
    let lists = tables.filter_map(|rest| rest.split_once("];")?.0.split_once(';'));
    let entries = lists.flat_map(|(_, list)| list.split(','));
    entries.filter_map(|entry| entry.trim().split_once("::"))
}

/// Returns what is wrong with an operator of these files and this `mod.rs`: a file that is no
/// module, a variant that is in no table.
fn faults(files: &Files, table: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let declared = ["mod ", "pub mod ", "pub(crate) mod "].map(|start| names(table, start, ";"));
    for (file, source) in files {
        if !declared.iter().any(|names| names.contains(file.as_str())) {
            faults.push(format!("{file}.rs is no module"));
        }
        for entry in ENTRIES.iter().filter(|entry| offers(source, entry)) {
            if !entries(table).any(|found| found == (file.as_str(), *entry)) {
                faults.push(format!("{entry} of {file}.rs is in no table"));
            }
        }
    }
    if entries(table).next().is_none() {
        faults.push("there is no table".to_owned());
    }
    faults
}

#[test]
fn every_variant_is_in_a_table() {
    for operator in OPERATORS {
        let folder = sources().join(operator);
        let table = fs::read_to_string(folder.join("mod.rs")).expect("a table");
        let faults = faults(&read(&folder), &table);
        assert!(faults.is_empty(), "{operator}: {faults:#?}");
    }
}

#[test]
fn no_other_folder_has_variants() {
    for entry in fs::read_dir(sources()).expect("a folder of sources") {
        let folder = entry.expect("a readable folder").path();
        let name = folder.file_name().expect("a name").to_string_lossy();
        if folder.is_dir() && !OPERATORS.contains(&name.as_ref()) {
            for (file, source) in read(&folder) {
                let entry = ENTRIES.iter().find(|entry| offers(&source, entry));
                assert_eq!(entry, None, "{name}/{file}.rs, of which no test knows");
            }
        }
    }
}

#[test]
fn faults_are_found() {
    let variant = "/// Docs.\npub(crate) fn f32() -> Option<Run> {\n";
    let found = |names: &[&str], table: &str| {
        let file = |name: &&str| ((*name).to_owned(), variant.to_owned());
        faults(&names.iter().map(file).collect(), table)
    };
    let module = "mod neon;\n";
    let (none, entry) = (
        "variants![run;];\n",
        "variants![run; avx2::f32, neon::f32];\n",
    );

    let whole = format!("{module}{entry}");
    assert_eq!(found(&["neon"], &whole), [""; 0]);
    assert_eq!(found(&["neon"], entry), ["neon.rs is no module"]);
    assert_eq!(
        found(
            &["neon"],
            &format!("{module}{none}{}", entry.replace("neon", "sve"))
        ),
        ["f32 of neon.rs is in no table"]
    );
    assert_eq!(
        found(&["neon", "sve"], &format!("mod sve;\n{whole}")),
        ["f32 of sve.rs is in no table"]
    );
    assert_eq!(found(&[], module), ["there is no table"]);
}
