//! Rules of the repository that the compiler does not know.

use std::fs;

use anyhow::{Context, Result, ensure};
use mambalite_hil_toolchain::sources;

use crate::repository;
use crate::suite::WITH_EXAMPLES;

/// Longest source file, lines.
const FILE_LINES_MAX: usize = 600;
/// Longest function, lines from its first to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;
/// Largest file that is not a model, bytes.
const BLOB_BYTES_MAX: u64 = 64 << 10;
/// Largest file of a model, bytes.
const MODEL_BYTES_MAX: u64 = 2 << 20;
/// Largest file of the GPU's code, bytes.
const DEVICE_CODE_BYTES_MAX: u64 = 4 << 20;

/// Largest list of public items, bytes.
const INTERFACE_BYTES_MAX: u64 = 256 << 10;

/// Words of file names that say that the file is of variants.
const VARIANT_WORDS: [&str; 7] = ["avx2", "avx512", "dsp", "mve", "neon", "ptx", "x86"];
/// Files that variants of several instruction sets share: vectors of floats and of integers.
const VARIANT_FILES: [&str; 2] = ["kernels/src/num/simd.rs", "kernels/src/num/lanes.rs"];

/// Words for work left undone, in two parts so that this file does not have them.
const UNDONE: [&str; 2] = [concat!("TO", "DO"), concat!("XX", "X")];

/// Checks every file of the repository and names all that break a rule.
pub(crate) fn run() -> Result<()> {
    let root = repository::root();
    let mut complaints = Vec::new();
    for file in sources::list(&root).context("list the files of the repository")? {
        let path = root.join(&file);
        // A file that was deleted but not yet committed is still listed.
        let Ok(facts) = fs::metadata(&path) else {
            continue;
        };
        if let Some(complaint) = check_size(&file, facts.len()) {
            complaints.push(complaint);
        }
        if let Ok(text) = fs::read_to_string(&path) {
            complaints.extend(check_text(&file, &text));
        }
    }
    for complaint in &complaints {
        eprintln!("{complaint}");
    }
    ensure!(
        complaints.is_empty(),
        "tidy: {} complaints",
        complaints.len()
    );
    eprintln!("== tidy: no complaints");
    Ok(())
}

fn check_size(file: &str, bytes: u64) -> Option<String> {
    let limit = match file {
        _ if file.ends_with(".lock") => return None,
        _ if file.starts_with("models/") => MODEL_BYTES_MAX,
        _ if file.ends_with("/public-api.txt") => INTERFACE_BYTES_MAX,
        _ if file.ends_with(".ptx") || file.ends_with(".cubin") => DEVICE_CODE_BYTES_MAX,
        _ => BLOB_BYTES_MAX,
    };
    (bytes > limit).then(|| format!("{file}: {bytes} bytes, the limit is {limit}"))
}

fn check_text(file: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if UNDONE.iter().any(|word| has_word(line, word)) {
            complaints.push(format!(
                "{file}:{number}: work left undone; file an issue instead"
            ));
        }
    }
    if file.ends_with(".rs") {
        complaints.extend(check_lengths(file, text));
        complaints.extend(check_unsafe(file, text));
        complaints.extend(check_examples(file, text));
    }
    if file.ends_with(".md") {
        let headings = top_headings(text);
        if headings != 1 {
            complaints.push(format!(
                "{file}: {headings} headings of the first level, not 1"
            ));
        }
    }
    complaints
}

/// Tells whether a line has a word that does not stand inside a longer one.
fn has_word(line: &str, word: &str) -> bool {
    line.split(|letter: char| !letter.is_alphanumeric())
        .any(|part| part == word)
}

/// Examples in the documentation are where they are run. Examples in other languages say which.
fn check_examples(file: &str, text: &str) -> Option<String> {
    let is_run = |(folder, _): &(&str, &str)| file.starts_with(&format!("{folder}/"));
    if WITH_EXAMPLES.iter().any(is_run) {
        return None;
    }
    let mut fences = (1..).zip(text.lines()).filter_map(|(number, line)| {
        let line = line.trim_start();
        let comment = line.strip_prefix("///").or(line.strip_prefix("//!"))?;
        Some((number, comment.trim().strip_prefix("```")?))
    });
    while let Some((number, language)) = fences.next() {
        if ["", "rust", "no_run", "should_panic", "compile_fail"].contains(&language) {
            return Some(format!(
                "{file}:{number}: an example that no test runs; see WITH_EXAMPLES in xtask/src/suite.rs"
            ));
        }
        // The end of what began.
        fences.next();
    }
    None
}

/// In the kernels only variants may have unsafe code, and what C calls; clippy sees to its proofs.
fn check_unsafe(file: &str, text: &str) -> Option<String> {
    let of_variants = file
        .split(|letter: char| !letter.is_alphanumeric())
        .any(|word| VARIANT_WORDS.contains(&word));
    let of_others = ["kernels/c/", "kernels/examples/"];
    if !file.starts_with("kernels/")
        || of_others.iter().any(|folder| file.starts_with(folder))
        || of_variants
        || VARIANT_FILES.contains(&file)
    {
        return None;
    }
    let is_unsafe = |line: &str| {
        let code = line.split("//").next().unwrap_or_default();
        code.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
            .any(|word| word == "unsafe")
    };
    let number = 1 + text.lines().position(is_unsafe)?;
    Some(format!(
        "{file}:{number}: unsafe code outside the files of variants"
    ))
}

fn check_lengths(file: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let lines: Vec<_> = text.lines().collect();
    if lines.len() > FILE_LINES_MAX {
        complaints.push(format!(
            "{file}: {} lines, the limit is {FILE_LINES_MAX}",
            lines.len()
        ));
    }
    for (index, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else {
            continue;
        };
        let length = function_lines(&lines[index..]);
        if length > FUNCTION_LINES_MAX {
            let number = index + 1;
            complaints.push(format!(
                "{file}:{number}: {name} has {length} lines, the limit is {FUNCTION_LINES_MAX}"
            ));
        }
    }
    complaints
}

/// Returns the name of the function that begins on a line.
fn function_name(line: &str) -> Option<&str> {
    let code = line.trim_start();
    let (before, after) = code.split_once("fn ")?;
    let qualifiers = ["pub", "const", "async", "unsafe", "extern", "default"];
    let mut words = before.split_whitespace();
    let is_item = words.all(|word| {
        qualifiers
            .iter()
            .any(|qualifier| word.starts_with(qualifier))
            || word.starts_with('"')
    });
    let end = after.find(|letter: char| !letter.is_alphanumeric() && letter != '_')?;
    (is_item && end > 0).then(|| &after[..end])
}

/// Returns the lines of the function that begins on the first line, in the layout of rustfmt.
fn function_lines(lines: &[&str]) -> usize {
    let Some(first) = lines.first() else { return 0 };
    let indent = first.len() - first.trim_start().len();
    for (index, line) in lines.iter().enumerate() {
        let here = line.len() - line.trim_start().len();
        let at_indent = here == indent && !line.trim().is_empty();
        // The closing brace, the end of a declaration without a body, or all on one line.
        if at_indent && (line.trim_end().ends_with(';') || line.trim() == "}") {
            return index + 1;
        }
        if index == 0 && line.trim_end().ends_with('}') {
            return 1;
        }
    }
    lines.len()
}

/// Counts headings of the first level outside code blocks.
fn top_headings(text: &str) -> usize {
    let mut in_code = false;
    let mut headings = 0;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code && line.starts_with("# ") {
            headings += 1;
        }
    }
    headings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(body_lines: usize) -> String {
        let body = "        work();\n".repeat(body_lines);
        format!("impl Thing {{\n    pub(crate) fn long(&self) {{\n{body}    }}\n}}\n")
    }

    #[test]
    fn an_example_that_nothing_runs_is_found() {
        let text = "/// ```text\n/// a\n/// ```\n/// ```\n/// b();\n/// ```\n";
        let complaint = check_examples("hil/src/a.rs", text).unwrap();
        assert!(complaint.starts_with("hil/src/a.rs:4:"), "{complaint}");
        assert_eq!(check_examples("kernels/src/a.rs", text), None);
        assert_eq!(check_examples("hil/src/a.rs", &text[..23]), None);
    }

    #[test]
    fn a_function_of_71_lines_is_too_long() {
        assert!(check_lengths("a.rs", &function(68)).is_empty());
        let complaints = check_lengths("a.rs", &function(69));
        assert_eq!(complaints, ["a.rs:2: long has 71 lines, the limit is 70"]);
    }

    #[test]
    fn a_declaration_has_no_body() {
        let text = format!(
            "trait T {{\n    fn declared(&self);\n{}}}\n",
            "    // More.\n".repeat(80)
        );
        assert!(check_lengths("a.rs", &text).is_empty());
    }

    #[test]
    fn a_signature_over_several_lines_is_no_end() {
        let text = "fn wide(\n    a: u8,\n) -> u8 {\n    a\n}\nfn next() {}\n";
        assert_eq!(function_lines(&text.lines().collect::<Vec<_>>()), 5);
    }

    #[test]
    fn only_items_are_functions() {
        assert_eq!(
            function_name("    pub const unsafe fn at(a: usize) {"),
            Some("at")
        );
        assert_eq!(
            function_name("    // The fn word in a comment (here)"),
            None
        );
        assert_eq!(function_name("    let f: fn (u8) = g;"), None);
    }

    #[test]
    fn undone_work_is_found_as_a_word_only() {
        let [word, _] = UNDONE;
        assert_eq!(check_text("a.txt", &format!("// {word}: later")).len(), 1);
        assert!(check_text("a.txt", &format!("MAS{word}N")).is_empty());
    }

    #[test]
    fn a_page_has_one_heading_of_the_first_level() {
        assert_eq!(top_headings("# A\n```\n# a comment\n```\n## B\n"), 1);
        assert_eq!(check_text("a.md", "# A\n# B\n").len(), 1);
        assert_eq!(check_text("a.md", "no heading\n").len(), 1);
    }

    #[test]
    fn unsafe_code_is_for_variants() {
        let code = "#![expect(unsafe_code)]\nunsafe { x() }\n";
        assert_eq!(
            check_unsafe("kernels/src/scan/reference.rs", code).as_deref(),
            Some("kernels/src/scan/reference.rs:2: unsafe code outside the files of variants")
        );
        for file in [
            "kernels/src/scan/dsp.rs",
            "kernels/src/linear/float_x86.rs",
            "kernels/src/num/neon/mod.rs",
            "kernels/src/num/simd.rs",
            "hil/src/link/mod.rs",
            "kernels/c/src/run.rs",
        ] {
            assert_eq!(check_unsafe(file, code), None);
        }
        let prose = "// unsafe\n#![expect(unsafe_code)]\n";
        assert_eq!(check_unsafe("kernels/src/scan/reference.rs", prose), None);
    }

    #[test]
    fn a_large_blob_is_found_unless_it_is_a_model() {
        assert!(check_size("docs/a.png", BLOB_BYTES_MAX + 1).is_some());
        assert!(check_size("models/a/weights.mls", BLOB_BYTES_MAX + 1).is_none());
    }
}
