//! Faults put into a copy of the second implementation: the comparison sees each of them.

use std::path::Path;

use mambalite::model_file::ModelFile;
use mambalite_tests::independent::{FOLDER, golden, has_python, independent, python, reference};
use mambalite_tests::network::picture;

/// What sees a fault.
enum Seen {
    /// A golden case.
    Case(&'static str),
    /// The shipped model in a precision, first in a layer.
    Layer(&'static str, &'static str),
    /// The package's own checks. (Two roundings differ from one too rarely for golden cases.)
    Checks,
}

/// File, line as it is and as it is to be, and what sees it.
const MUTANTS: &[(&str, &str, &str, Seen)] = &[
    (
        "fixed.py",
        r#"mulhi(acc, multiplier) + (1 << (shift - 1)), "requantise"#,
        r#"mulhi(acc, multiplier), "requantise"#,
        Seen::Case("requantise/fixed"),
    ),
    ("fixed.py", "233903", "233904", Seen::Case("exp2_neg/fixed")),
    (
        "fixed.py",
        "5504110",
        "5504111",
        Seen::Case("soft_plus/fixed"),
    ),
    (
        "fixed.py",
        "2**30 + (d >> 1)",
        "2**30",
        Seen::Case("logistic/fixed"),
    ),
    (
        "fixed.py",
        "round_shift(value * m, 32 - h)",
        "(value * m) >> (32 - h)",
        Seen::Case("norm_fine/fixed"),
    ),
    (
        "fixed.py",
        "offset + (1 << (p.shift - 1))",
        "offset",
        Seen::Case("norm/fixed"),
    ),
    (
        "fixed.py",
        "round_shift(total, 15)",
        "total >> 15",
        Seen::Case("scan_fine/w8a16"),
    ),
    (
        "fixed.py",
        r#"round_shift(h[n] * u32(a, "scan a"), 31)"#,
        "(h[n] * a) >> 31",
        Seen::Case("scan_full/w8a8"),
    ),
    (
        "fixed.py",
        "round_shift(drive * b[n], p.state_shift[e])",
        "((drive * b[n]) >> p.state_shift[e])",
        Seen::Case("scan_full/w8a16"),
    ),
    (
        "fixed.py",
        "sat32(round_shift(dt * u, bits - 1))",
        "sat32((dt * u) >> (bits - 1))",
        Seen::Case("scan_full/w8a8"),
    ),
    (
        "fixed.py",
        "a * base + 2**30",
        "a * base",
        Seen::Case("scan_tied/w8a16"),
    ),
    (
        "fixed.py",
        "sat16(matrix(w.v, i, x, taps))",
        "matrix(w.v, i, x, taps)",
        Seen::Case("linear_low_rank/w8a16"),
    ),
    (
        "single.py",
        "total = to_odd(product, c)",
        "pass",
        Seen::Checks,
    ),
    (
        "single.py",
        "totals[i] = to_odd(products[i], terms[i])",
        "pass",
        Seen::Checks,
    ),
    (
        "single.py",
        "error = (a - (total - part)) + (b - part)",
        "error = 0.0",
        Seen::Checks,
    ),
    (
        "network.py",
        "y + ky - 1, x + kx - 1",
        "y + ky - 1, (x + kx - 1) % width",
        Seen::Case("conv3x3_dense/w8a8"),
    ),
    (
        "fixed.py",
        "mulhi(a << 16, p.a) +",
        "round_shift((a << 16) * p.a, 32) +",
        Seen::Case("sum_fine/fixed"),
    ),
    (
        "digest.py",
        "((value ^ (word & WORD_MASK)) * PRIME)",
        "((value * PRIME) ^ (word & WORD_MASK))",
        Seen::Case("sum/fixed"),
    ),
    // The inputs of 16 bits in w8a8.
    (
        "network.py",
        "model.conv_first, self.input(), False",
        "model.conv_first, [[v % 128 for v in x] for x in self.input()], True",
        Seen::Layer("w8a8", "conv_first"),
    ),
    (
        "network.py",
        "fixed.weight(w, x)]\n\n    def scan",
        "fixed.weight(w, [self.precision.narrow(v) << 8 for v in x])]\n\n    def scan",
        Seen::Layer("w8a8", "layers.0.blocks.0.dt"),
    ),
    (
        "picture.py",
        "(x + 2**19) >> 20",
        "x >> 20",
        Seen::Layer("w8a16", "byte"),
    ),
];

/// Copies the package with one line changed.
fn mutate(folder: &Path, file: &str, from: &str, to: &str) {
    let package = folder.join("independent");
    std::fs::create_dir(&package).unwrap();
    for entry in Path::new(FOLDER).join("independent").read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "py") {
            std::fs::copy(&path, package.join(path.file_name().unwrap())).unwrap();
        }
    }
    let path = package.join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches(from).count(), 1, "{file}: {from}");
    std::fs::write(&path, text.replace(from, to)).unwrap();
}

/// Says whether a golden case of a folder's package differs from the kernels'. A fault that breaks
/// a width would end the program; none here does.
fn case_differs(folder: &Path, name: &str) -> bool {
    let wanted = mambalite_kernels_check::golden(name).unwrap();
    golden(folder, &[name]).is_ok_and(|found| found[name] != wanted)
}

/// Returns the first difference in the shipped model.
fn layer_difference(folder: &Path, precision: &str) -> Option<String> {
    let path = format!("../models/mambalite-x4-tiny/{precision}.mls");
    let file = ModelFile::load(&Path::new(FOLDER).join(path)).unwrap();
    let picture = picture(4, 3, 3, 1);
    let found = independent(folder, folder, file.bytes(), &picture).unwrap();
    reference(&file, &picture).first_difference(&found.unwrap())
}

#[test]
fn every_fault_is_seen() {
    if !has_python() {
        return;
    }
    for (file, from, to, seen) in MUTANTS {
        let folder = tempfile::tempdir().unwrap();
        mutate(folder.path(), file, from, to);
        match seen {
            Seen::Case(name) => {
                assert!(case_differs(folder.path(), name), "{name}: not seen: {to}");
            }
            Seen::Checks => {
                let checks = ["independent.test_functions"];
                let output = python(folder.path(), "unittest", &checks).unwrap();
                let errors = String::from_utf8_lossy(&output.stderr);
                assert!(
                    errors.contains("AssertionError"),
                    "not seen: {to}: {errors}"
                );
            }
            Seen::Layer(precision, layer) => {
                let difference = layer_difference(folder.path(), precision).unwrap_or_default();
                assert!(difference.contains(layer), "{to}: {difference}");
            }
        }
    }
}

/// Without a fault nothing differs, so that what the test above sees are the faults.
#[test]
fn an_unchanged_copy_is_equal() {
    if !has_python() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    mutate(folder.path(), "fixed.py", "233903", "233903");
    assert!(!case_differs(folder.path(), "scan_fine/w8a16"));
    assert_eq!(layer_difference(folder.path(), "w8a8"), None);
}
