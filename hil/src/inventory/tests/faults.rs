//! What is wrong in a file, and where that is said to be.

use proptest::prelude::*;

use super::{GOOD, Kinds};

/// What is replaced in the good file by what; the line of the fault, and words of its message.
const FAULTS: &[(&str, &str, usize, &str)] = &[
    (
        "tags = [\"m7\", \"slow\"]",
        "tag = [\"m7\"]",
        11,
        "unknown key `tag`; did you mean `tags`",
    ),
    (
        "timeout-multiplier = 2.0",
        "timeout-multiplier = \"2\"",
        12,
        "timeout-multiplier: invalid type",
    ),
    (
        "timeout-multiplier = 2.0",
        "timeout-multiplier = nan",
        12,
        "timeout-multiplier",
    ),
    (
        "timeout-multiplier = 2.0",
        "colour = 1",
        12,
        "unknown key `colour`; there are: ",
    ),
    (
        "kind = \"ppk2\"",
        "kind = \"ppk\"",
        16,
        "did you mean `ppk2`",
    ),
    (
        "supply-mv = 3300",
        "supply-mv = \"3300\"",
        18,
        "supply-mv: invalid type",
    ),
    (
        "supply-mv = 3300",
        "supply-mv = 5001",
        18,
        "5001 mV: the kit takes 800 to 5000",
    ),
    ("supply-mv = 3300", "supply-mv = 799", 18, "799 mV"),
    (
        "supply-mv = 3300",
        "supply = 3300",
        18,
        "unknown key `supply`; did you mean `supply-mv`",
    ),
    ("gate = 0", "gate = 8", 20, "no logic input 8"),
    (
        "port = \"1-1:1.0/1-1-port2\"",
        "port = \"/etc\"",
        24,
        "below /sys/bus/usb/devices",
    ),
    ("vid = \"0483\"", "vid = \"483\"", 9, "four hex digits"),
    (
        "serial = \"066BFF01\", interface",
        "serial = \"ttyACM0\", interface",
        10,
        "`hil boards scan`",
    ),
    (
        "{ serial = \"066BFF01\", interface = 2 }",
        "\"/dev/ttyUSB3\"",
        10,
        "`hil boards scan`",
    ),
    (
        "port = { serial = \"066BFF01\", interface = 2 }",
        "network-port = \"telnet://lab:4001\"",
        10,
        "write `host:port` or `rfc2217://host:port`",
    ),
    (
        "port = { serial = \"066BFF01\", interface = 2 }",
        "network-port = \"lab\"",
        10,
        "network-port is `lab`",
    ),
    (
        "{ serial = \"066BFF01\", interface = 2 }",
        "\"COM3\"",
        10,
        "`COM3` is the name of a port",
    ),
    (
        "board = \"real-x\"",
        "board = \"reel-x\"",
        8,
        "no board `reel-x`; did you mean `real-x`",
    ),
    (
        "board = \"real-x\"",
        "board = \"zzz\"",
        8,
        "there are: computer, qemu-x, real-x",
    ),
    (
        "board = \"real-x\"",
        "board = \"qemu-x\"",
        9,
        "a virtual board, which has no probe",
    ),
    (
        "board = \"real-x\"",
        "board = \"qemu-x\"",
        15,
        "a virtual board, which has no meter",
    ),
    (
        "board = \"real-x\"",
        "board = \"computer\"",
        9,
        "a computer, which has no probe",
    ),
    ("probe = {", "#", 8, "no probe to be flashed through"),
    ("2026-11-29", "2026-02-30", 30, "2026-02-30"),
    ("2026-11-29", "soon", 30, "write it as 2026-12-31"),
    (
        "\"v-1\"",
        "\"nucleo-1\"",
        27,
        "`nucleo-1` has the name of `nucleo-1`",
    ),
    ("\"v-1\"", "\"../v\"", 27, "use letters"),
    ("name = \"v-1\" # quick\n", "", 26, "key `name` is missing"),
    ("notes =", "note =", 4, "did you mean `notes`"),
    ("schema = 1", "schema = 2", 1, "schema is 2"),
    ("schema = 1\n", "", 1, "`schema` is missing"),
    ("[rig.power]", "[rig.power", 22, ""),
    (
        "[bench]",
        "[brench]",
        2,
        "unknown key `brench`; did you mean `bench`",
    ),
];

/// Each fault alone, with its line and words of its message.
#[test]
fn faults_point_at_their_line() {
    let kinds = Kinds::new();
    for &(from, to, line, words) in FAULTS {
        assert!(GOOD.contains(from), "{from}");
        let file = kinds.parse(&GOOD.replacen(from, to, 1)).expect_err(to);
        let text = file.to_string();
        let told = file
            .faults()
            .iter()
            .any(|fault| file.position(fault).0 == line);
        assert!(
            told && text.contains(words),
            "{to}: line {line}, `{words}`:\n{text}"
        );
    }
}

#[test]
fn all_faults_of_a_file_are_told_at_once_and_no_more() {
    let text = GOOD
        .replace("[\"m7\", \"slow\"]", "7")
        .replace("supply-mv = 3300", "supply-mv = \"3\"")
        .replace("serial = \"E1F2\"", "serial = 4\nchip = \"x\"")
        .replace("expires = \"2026-11-29\"", "expires = \"never\", since = 3")
        .replace("board = \"qemu-x\"", "bord = \"qemu-x\"");
    let file = Kinds::new().parse(&text).unwrap_err();
    let found: Vec<_> = file.faults().iter().map(|it| file.position(it).0).collect();
    assert_eq!(found, [11, 17, 18, 19, 29, 31], "{file}");
    let pages = [file.render(false), file.render(true)];
    assert!(
        pages.iter().all(|page| page.contains("supply-mv = \"3\"")),
        "{pages:?}"
    );
}

#[test]
fn what_two_rigs_share_is_told_with_both_places() {
    let two = |a: &str, b: &str| {
        format!(
            "schema = 1\n[[rig]]\nname = \"a\"\nboard = \"real-x\"\n{a}\n\
             [[rig]]\nname = \"b\"\nboard = \"real-x\"\n{b}\n"
        )
    };
    let probe = |n| format!("probe = {{ vid = \"1366\", pid = \"0101\", serial = \"{n}\" }}\n");
    let kinds = Kinds::new();
    for (a, b, what) in [
        (String::new(), probe(1), "probe"),
        (
            "port = { serial = \"s\" }".to_owned(),
            "port = { serial = \"s\" }".to_owned(),
            "port",
        ),
        (
            "port = { serial = \"s\" }".to_owned(),
            "port = { serial = \"s\", interface = 1 }".to_owned(),
            "port",
        ),
        (
            "meter = { kind = \"ppk2\", serial = \"m\", supply-mv = 3300, gate = 1 }".to_owned(),
            "meter = { kind = \"ppk2\", serial = \"m\", supply-mv = 3300, gate = 2 }".to_owned(),
            "meter",
        ),
        (
            "power = { kind = \"usb-port\", port = \"1-1:1.0/1-1-port2\" }".to_owned(),
            "power = { kind = \"usb-port\", port = \"1-1:1.0/1-1-port2\" }".to_owned(),
            "hub port",
        ),
        (
            "uid = \"00ff\"".to_owned(),
            "uid = \"00FF\"".to_owned(),
            "chip",
        ),
    ] {
        let b = if what == "probe" { b } else { probe(2) + &b };
        let file = kinds.parse(&two(&(probe(1) + &a), &b)).expect_err(what);
        let page = file.render(false);
        let words = format!("`b` has the {what} of `a`");
        assert!(
            page.contains(&words) && page.contains("first here"),
            "{page}"
        );
        assert_eq!(file.faults().len(), 1, "{page}");
    }
    let interface = |n| probe(n) + &format!("port = {{ serial = \"s\", interface = {n} }}");
    kinds.parse(&two(&interface(1), &interface(2))).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_panics_a_reader(text in "(schema = 1\n)?(\\[\\[rig\\]\\]\n)?(\\PC|\n|[\\[\\]={}\"a-z.]){0,60}") {
        let kinds = Kinds::new();
        if let Err(file) = kinds.parse(&text) {
            prop_assert!(!file.faults().is_empty());
            let _ = (file.render(true), file.render(false));
        }
    }
}
