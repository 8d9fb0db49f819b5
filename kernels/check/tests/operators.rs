//! Every operator has a case in every precision: the table of `docs/vectors.md` is that of the
//! cases.

use mambalite_kernels_check::cases;

const PAGE: &str = include_str!("../../../docs/vectors.md");

/// Operators, and what the names of their cases begin with.
const OPERATORS: [(&str, &str); 8] = [
    ("linear", "linear"),
    ("conv3x3", "conv3x3"),
    ("norm", "norm"),
    ("conv1d", "conv1d"),
    ("step", "soft_plus"),
    ("scan", "scan"),
    ("gate", "gate"),
    ("sum", "sum"),
];

const PRECISIONS: [&str; 3] = ["f32", "w8a16", "w8a8"];

/// Ends of the names in the columns of tails and of extremes.
const TAILS: &[&str] = &["_tail"];
const EXTREMES: &[&str] = &["_binary", "_extreme"];

/// Returns the cases of an operator in a precision, those whose operator has one of the ends.
fn of<'n>(
    names: &[&'n str],
    operator: &str,
    precision: &str,
    is_wanted: impl Fn(&str) -> bool,
) -> Vec<&'n str> {
    let is_of = |name: &&str| {
        let Some((case, format)) = name.split_once('/') else {
            return false;
        };
        let suffix = case.strip_prefix(operator);
        let is_operator = suffix.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
        let is_format = format == precision || (format == "fixed" && precision != "f32");
        is_operator && is_format && is_wanted(case)
    };
    names.iter().copied().filter(is_of).collect()
}

/// Returns a cell of names.
fn cell(names: &[&str]) -> String {
    match names {
        [] => "none".to_owned(),
        names => format!("`{}`", names.join("`, `")),
    }
}

/// Returns the lines of the table, or what has no case.
fn table(names: &[&str]) -> Result<Vec<String>, String> {
    let has = |ends: &'static [&str]| move |case: &str| ends.iter().any(|end| case.ends_with(end));
    let mut lines = vec![
        "| operator | precision | cases | tails | extremes and exact sums |".to_owned(),
        "|---|---|---|---|---|".to_owned(),
    ];
    for (operator, begin) in OPERATORS {
        for precision in PRECISIONS {
            let plain = of(names, begin, precision, |case| {
                !has(TAILS)(case) && !has(EXTREMES)(case)
            });
            if plain.is_empty() {
                return Err(format!("{operator} has no case in {precision}"));
            }
            let [plain, tails, extremes] = [
                plain,
                of(names, begin, precision, has(TAILS)),
                of(names, begin, precision, has(EXTREMES)),
            ]
            .map(|names| cell(&names));
            lines.push(format!(
                "| `{operator}` | {precision} | {plain} | {tails} | {extremes} |"
            ));
        }
    }
    Ok(lines)
}

fn names() -> Vec<&'static str> {
    cases().map(|case| case.name).collect()
}

/// A failure prints the table as it has to be.
#[test]
fn page_has_the_table() {
    let lines = table(&names()).expect("a case of each operator in each precision");
    let table = lines.join("\n");
    assert!(PAGE.contains(&table), "docs/vectors.md has not:\n{table}");
}

#[test]
fn an_operator_without_a_case_is_found() {
    for (operator, begin) in OPERATORS {
        for precision in PRECISIONS {
            let mut names = names();
            let plain = of(&names, begin, precision, |case| {
                !case.ends_with("_tail")
                    && !case.ends_with("_binary")
                    && !case.ends_with("_extreme")
            });
            names.retain(|name| !plain.contains(name));
            let error = table(&names).expect_err(operator);
            assert!(error.starts_with(&format!("{operator} has no case in ")));
        }
    }
}

/// What the page says of tails and extremes.
#[test]
fn matrices_have_extremes_and_all_but_two_have_tails() {
    for (operator, begin) in OPERATORS {
        for precision in PRECISIONS {
            let tails = of(&names(), begin, precision, |case| case.ends_with("_tail"));
            let without = ["conv3x3", "step"].contains(&operator);
            assert_eq!(tails.is_empty(), without, "{operator} in {precision}");
            let ends = of(&names(), begin, precision, |case| {
                EXTREMES.iter().any(|end| case.ends_with(end))
            });
            let is_matrix = ["linear", "conv3x3"].contains(&operator);
            assert_eq!(!ends.is_empty(), is_matrix, "{operator} in {precision}");
        }
    }
}
