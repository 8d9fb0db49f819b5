//! Which checks a core may skip: those of variants for instructions that it lacks.

/// The list that the checks of all targets go by.
const LIST: &str = include_str!("../../../firmware/check/skips.txt");

/// Cores of boards by their name on the list. A core that is not here may skip nothing.
const CORES: &[(&str, &str)] = &[
    ("cortex-m0", "m0"),
    ("cortex-m3", "m3"),
    ("cortex-m4f", "m4f"),
    ("cortex-m7", "m7"),
    ("cortex-m33", "m33"),
    ("cortex-m55", "m55"),
    ("rv32imac", "rv32"),
];

/// Reports whether the check `name` may be skipped on `core`.
#[must_use]
pub fn allowed(core: &str, name: &str) -> bool {
    let Some((_, target)) = CORES.iter().find(|(it, _)| *it == core) else {
        return false;
    };
    lines().any(|(targets, run)| targets.split(',').any(|it| it == *target) && fits(run, name))
}

/// The lines that need no flag of a processor: targets, and name of a check.
fn lines() -> impl Iterator<Item = (&'static str, &'static str)> {
    LIST.lines().filter_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let (targets, run) = (words.next()?, words.next()?);
        words.next().is_none().then_some((targets, run))
    })
}

/// A name, or an ending behind a star.
fn fits(run: &str, name: &str) -> bool {
    match run.strip_prefix('*') {
        Some(ending) => name.ends_with(ending),
        None => run == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_may_skip_what_it_lacks_and_nothing_else() {
        for (core, name, may) in [
            ("cortex-m3", "linear/w8a8/dsp", true),
            ("cortex-m3", "scan/w8a8/mve", true),
            ("cortex-m3", "linear/w8a8", false),
            ("cortex-m4f", "linear/w8a8/dsp", false),
            ("cortex-m4f", "linear/w8a8/mve", true),
            ("cortex-m55", "linear/w8a8/mve", false),
            ("cortex-a78ae", "linear/w8a8/neon_dot", false),
            ("cortex-x", "linear/w8a8/mve", false),
        ] {
            assert_eq!(allowed(core, name), may, "{core} {name}");
        }
    }

    /// A star elsewhere would be taken for a letter.
    #[test]
    fn the_list_has_no_form_that_is_not_read() {
        for (targets, run) in lines() {
            assert!(
                !run.trim_start_matches('*').contains('*'),
                "{targets} {run}"
            );
        }
    }
}
