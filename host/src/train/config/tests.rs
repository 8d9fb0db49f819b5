use super::*;

const SHORT: &str = r#"
schema = 1
[data]
train = [{ folder = "photos" }]
[optimizer]
length = { steps = 10 }
[run]
folder = "out"
"#;

fn parse(text: &str) -> Result<Config> {
    Config::parse(text, Path::new("run.toml"))
}

fn message(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn the_example_says_the_defaults() {
    let example = parse(EXAMPLE).unwrap();
    let mut short = parse(SHORT).unwrap();
    // What a file must say has no default.
    short.run.folder.clone_from(&example.run.folder);
    short.optimizer.length = example.optimizer.length;
    // The network's keys may be left out altogether: compare what they mean.
    assert_eq!(short.model.network(), example.model.network());
    assert_eq!(RankSection::default(), example.model.rank.unwrap());
    short.model.clone_from(&example.model);
    assert_eq!(short, example);
}

/// With its optional lines the example is still a file, and what they say is the default.
#[test]
fn the_optional_lines_of_the_example_are_right() {
    let optional = |line: &'static str| {
        let rest = line.strip_prefix("# ")?;
        let key = rest.split(" = ").next()?;
        let is_key = key.chars().all(|it| it == '-' || it.is_ascii_lowercase());
        (is_key && rest.contains(" = ") || rest.starts_with('[')).then_some(rest)
    };
    let lines = EXAMPLE.lines().map(|line| optional(line).unwrap_or(line));
    let text = lines.collect::<Vec<_>>().join("\n");
    let model = text.find("start = ").unwrap()..text.find("[data]").unwrap();
    let (start, _) = text[model.clone()].split_once('\n').unwrap();
    let text = text
        .replace(&text[model], &format!("{start}\n"))
        .replace("kind = \"adam\" ", "kind = \"adamw\" ")
        .replace("kind = \"l1\" ", "kind = \"l1-fft\" ");
    let config = parse(&text).unwrap();
    assert!(config.model.start.is_some());
    assert!(config.data.validation_low.is_some());
    assert_eq!(config.loss.fft_weight, Some(crate::train::loss::FFT_WEIGHT));
    assert_eq!(config.optimizer.weight_decay, Some(0.0));
    let distill = config.distill.unwrap();
    assert_eq!((distill.weight, distill.place), (0.5, TeacherPlace::Crop));
    assert!(distill.cache.is_some());
}

#[test]
fn unknown_keys_are_named_with_their_line_and_the_known_ones() {
    let text = SHORT.replace("[run]", "[run]\ncheckpoint_every = 3");
    let message = message(&text);
    for part in ["run.toml", "line 8", "checkpoint_every", "checkpoint-every"] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[test]
fn values_out_of_range_are_named_with_their_line_and_the_mend() {
    let cases = [
        (
            "[optimizer]",
            "[optimizer]\nrate = 0.0",
            "line 6, key `optimizer.rate`",
            "above 0",
        ),
        (
            "[optimizer]",
            "[optimizer]\nweight-decay = 0.1",
            "line 6",
            "adamw",
        ),
        (
            "steps = 10",
            "minutes = 0",
            "line 6, key `optimizer.length`",
            "above 0",
        ),
        (
            "train = [{",
            "patch = 4\ntrain = [{",
            "line 4, key `data.patch`",
            "8 to 1024",
        ),
        (
            "train = [{ folder = \"photos\" }]",
            "train = []",
            "line 4",
            "name one",
        ),
        (
            "[data]",
            "[model]\nwidth = 300\n[data]",
            "line 4, key `model.width`",
            "1 to 256",
        ),
        (
            "[data]",
            "[model]\nstart = \"a\"\nwidth = 3\n[data]",
            "line 5",
            "`start`",
        ),
        (
            "[data]",
            "[model.rank]\nconv = { low-rank = 33 }\n[data]",
            "line 4, key `model.rank.conv`",
            "1 to 32",
        ),
        (
            "[data]",
            "[loss]\nfft-weight = 1.0\n[data]",
            "line 4",
            "l1-fft",
        ),
        (
            "[data]",
            "[distill]\nteacher = \"t\"\nweight = 2\n[data]",
            "line 5",
            "0 to 1",
        ),
        ("schema = 1", "schema = 9", "line 2, key `schema`", "take 1"),
    ];
    for (from, to, place, mend) in cases {
        let message = message(&SHORT.replacen(from, to, 1));
        assert!(message.contains(place), "{place}: {message}");
        assert!(message.contains(mend), "{mend}: {message}");
    }
}

#[test]
fn the_key_that_differs_is_named() {
    let one = parse(SHORT).unwrap();
    let mut other = one.clone();
    other.run.threads = 7;
    other.run.folder = "elsewhere".into();
    assert_eq!(one.differs(&other), None);
    other.optimizer.rate = 0.5;
    assert_eq!(one.differs(&other).as_deref(), Some("optimizer.rate"));
    other = one.clone();
    other.optimizer.length = Length::Minutes(1.0);
    assert_eq!(
        one.differs(&other).as_deref(),
        Some("optimizer.length.minutes")
    );
}

#[test]
fn ranks_become_forms() {
    let text = SHORT.replace(
        "[data]",
        "[model]\nwidth = 8\ngroups = 1\nblocks = 1\n[model.rank]\nin-proj = { low-rank = 3 }\n\
         conv = { identity-rows = 5 }\n[data]",
    );
    let Start::New { forms, config } = parse(&text).unwrap().model.start().unwrap() else {
        panic!("there is no start");
    };
    use mambalite_kernels::Form::{Dense, IdentityRows, LowRank};
    assert_eq!(config.inner, 16);
    let conv = IdentityRows(5);
    assert_eq!(
        forms,
        [Dense, LowRank(3), Dense, Dense, Dense, conv, conv, Dense]
    );
}
