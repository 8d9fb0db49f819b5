//! Rig files, and what is plugged in, on trees that stand in for sysfs.

use std::path::Path;

use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::hardware::{Device, Plugged, Role, System, diff, stubs};
use super::*;
use crate::Error;
use crate::board::Boards;
use crate::config::FaultyFile;

const TODAY: Date = date(2026, 11, 29);

/// Boards of three kinds: virtual, real, and a computer.
struct Kinds(tempfile::TempDir);

impl Kinds {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let real = crate::board::GOOD.split("[virtual]").next().unwrap();
        let computer = "schema = 1\nname = \"computer\"\nchip = \"X\"\ncore = \"X\"\n\
             target = \"aarch64-unknown-linux-gnu\"\narena-bytes = 0x1000\n[ssh]\nhost = \"h\"\n";
        for (name, text) in [
            ("qemu-x", crate::board::GOOD.to_owned()),
            ("real-x", real.replace("qemu-x", "real-x")),
            ("computer", computer.to_owned()),
        ] {
            let folder = dir.path().join("firmware/boards").join(name);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("board.toml"), text).unwrap();
        }
        std::fs::create_dir_all(dir.path().join("hil/rigs")).unwrap();
        Self(dir)
    }

    fn boards(&self) -> Boards {
        Boards::find(self.0.path()).unwrap()
    }

    fn parse(&self, text: &str) -> Result<Inventory, FaultyFile> {
        match Inventory::parse(Path::new("b.toml"), text, &self.boards(), TODAY) {
            Ok(inventory) => Ok(inventory),
            Err(Error::File(file)) => Err(*file),
            Err(error) => panic!("{error}"),
        }
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.boards().rigs().join(name), text).unwrap();
    }
}

const GOOD: &str = r#"schema = 1
[bench]
name = "shelf"
notes = "by the window"

[[rig]]
name = "nucleo-1"
board = "real-x"
probe = { vid = "0483", pid = "374b", serial = "066BFF01" }
port = { serial = "066BFF01", interface = 2 }
tags = ["m7", "slow"]
timeout-multiplier = 2.0

# Feeds the board too.
[rig.meter]
kind = "ppk2"
serial = "E1F2"
supply-mv = 3300
source = true
gate = 0

[rig.power]
kind = "usb-port"
port = "1-1:1.0/1-1-port2"

[[rig]]
name = "v-1" # quick
board = "qemu-x"
tags = ["m7"]
quarantine = { reason = "hangs", owner = "kim", expires = "2026-11-29" }
"#;

#[test]
fn a_good_file_is_read() {
    let inventory = Kinds::new().parse(GOOD).unwrap();
    assert_eq!(inventory.bench.name.as_deref(), Some("shelf"));
    let [nucleo, virtual_one] = inventory.rigs.as_slice() else {
        panic!("{inventory:?}");
    };
    let Meter::Ppk2 {
        supply_mv: 3300,
        source: true,
        ..
    } = nucleo.meter
    else {
        panic!("{nucleo:?}");
    };
    assert_eq!(nucleo.port.as_ref().unwrap().interface, Some(2));
    assert!(virtual_one.quarantine.as_ref().unwrap().is_active(TODAY));
    assert!(
        !virtual_one
            .quarantine
            .as_ref()
            .unwrap()
            .is_active(date(2026, 11, 30))
    );
    assert!(inventory.warnings.is_none());
}

/// Each fault alone, with its line and words of its message.
#[test]
fn faults_point_at_their_line() {
    let kinds = Kinds::new();
    for (from, to, line, words) in [
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
    ] {
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
    assert_eq!(found, [11, 17, 18, 19, 27, 29, 31], "{file}");
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
        (String::new(), probe(1).replace("0101", "0101"), "probe"),
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

#[test]
fn an_ended_quarantine_is_a_warning_and_the_rig_counts_again() {
    let text = GOOD.replace("2026-11-29", "2026-11-28");
    let inventory = Kinds::new().parse(&text).unwrap();
    assert!(
        !inventory.rigs[1]
            .quarantine
            .as_ref()
            .unwrap()
            .is_active(TODAY)
    );
    let warnings = inventory.warnings.unwrap().to_string();
    assert!(
        warnings.contains("b.toml:30:") && warnings.contains("count again"),
        "{warnings}"
    );
}

#[test]
fn rigs_are_chosen_by_name_and_by_all_tags() {
    let inventory = Kinds::new().parse(GOOD).unwrap();
    let choose = |names: &[&str], tags: &[&str]| {
        let words = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let rigs = inventory.select(&words(names), &words(tags))?;
        Ok::<_, Error>(rigs.into_iter().map(|rig| rig.name).collect::<Vec<_>>())
    };
    assert_eq!(choose(&[], &[]).unwrap(), ["nucleo-1", "v-1"]);
    assert_eq!(choose(&["v-1", "v-1"], &[]).unwrap(), ["v-1"]);
    assert_eq!(choose(&[], &["m7"]).unwrap(), ["nucleo-1", "v-1"]);
    assert_eq!(choose(&[], &["slow", "m7"]).unwrap(), ["nucleo-1"]);
    let error = choose(&["nucleo-2"], &[]).unwrap_err();
    assert!(
        error.to_string().contains("did you mean `nucleo-1`"),
        "{error}"
    );
    assert_eq!(error.exit_code(), crate::error::EXIT_INPUT);
    let error = choose(&["v-1"], &["slow"]).unwrap_err();
    assert_eq!(error.exit_code(), crate::error::EXIT_NOTHING, "{error}");
}

#[test]
fn a_bench_is_found_by_name_by_path_or_by_host() {
    let kinds = Kinds::new();
    let load = |bench| Inventory::load(bench, &kinds.boards(), TODAY);
    assert_eq!(
        load(None).unwrap_err().exit_code(),
        crate::error::EXIT_NOTHING
    );
    let rig = |name: &str| format!("[[rig]]\nname = \"{name}\"\nboard = \"qemu-x\"\n");
    kinds.write("a.toml", &format!("schema = 1\n{}", rig("x")));
    kinds.write(
        "far.toml",
        &format!("schema = 1\n[bench]\nhost = \"far.invalid\"\n{}", rig("x")),
    );
    kinds.write("example.toml.txt", "no toml");
    assert_eq!(
        load(None).unwrap().len(),
        1,
        "the bench of another host is left out"
    );
    assert_eq!(load(Some("far")).unwrap()[0].rigs.len(), 1);
    let path = kinds.boards().rigs().join("far.toml");
    assert_eq!(load(path.to_str()).unwrap().len(), 1);
    let error = load(Some("b")).unwrap_err().to_string();
    assert!(error.contains("which has: a, far"), "{error}");
    kinds.write("b.toml", &format!("schema = 1\n{}", rig("x")));
    let error = load(None).unwrap_err().to_string();
    assert!(
        error.contains("b.toml:3:8") && error.contains("a.toml`"),
        "{error}"
    );
}

#[test]
fn a_quarantine_is_set_and_lifted_with_the_rest_kept() {
    let kinds = Kinds::new();
    kinds.write("b.toml", GOOD);
    let path = kinds.boards().rigs().join("b.toml");
    let load = || {
        Inventory::load(None, &kinds.boards(), TODAY)
            .unwrap()
            .remove(0)
    };
    let quarantine = Quarantine {
        reason: "says \"no\"\n".to_owned(),
        owner: "kim".to_owned(),
        issue: Some("https://example.org/7".to_owned()),
        expires: "2026-12-31".to_owned(),
    };
    let set = |name, quarantine: Option<&Quarantine>| {
        load().set_quarantine(name, quarantine, &kinds.boards(), TODAY)
    };
    set("nucleo-1", Some(&quarantine)).unwrap();
    assert_eq!(load().rigs[0].quarantine.as_ref(), Some(&quarantine));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(
        text.contains("# Feeds the board too.") && text.contains("# quick"),
        "{text}"
    );
    set("nucleo-1", None).unwrap();
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        GOOD,
        "nothing else changes"
    );
    let past = Quarantine {
        expires: "2026-11-28".to_owned(),
        ..quarantine.clone()
    };
    let never = Quarantine {
        expires: "never".to_owned(),
        ..quarantine.clone()
    };
    let nobody = Quarantine {
        owner: " ".to_owned(),
        ..quarantine
    };
    for wrong in [past, never, nobody] {
        set("v-1", Some(&wrong)).unwrap_err();
    }
    set("nucleo-1", None).unwrap_err();
    set("v-2", None).unwrap_err();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), GOOD);
    let names = std::fs::read_dir(kinds.boards().rigs()).unwrap().count();
    assert_eq!(names, 1, "no temporary file is left");
}

/// A folder that stands for `/sys` and `/dev`.
struct Fake(tempfile::TempDir);

impl Fake {
    fn new() -> Self {
        let fake = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(fake.bus()).unwrap();
        fake
    }

    fn bus(&self) -> std::path::PathBuf {
        self.0.path().join("sys/bus/usb/devices")
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.bus().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Plugs a device in; `ports` are interface and name.
    fn plug(&self, place: &str, id: (&str, &str), serial: Option<&str>, ports: &[(u8, &str)]) {
        self.put(&format!("{place}/idVendor"), &format!("{}\n", id.0));
        self.put(&format!("{place}/idProduct"), &format!("{}\n", id.1));
        self.put(&format!("{place}/busnum"), "1\n");
        self.put(&format!("{place}/devnum"), "7\n");
        self.put(&format!("{place}/product"), "STM32 STLink\n");
        if let Some(serial) = serial {
            self.put(&format!("{place}/serial"), &format!("{serial}\n"));
        }
        for (number, name) in ports {
            let interface = format!("{place}:1.{number}");
            self.put(
                &format!("{interface}/bInterfaceNumber"),
                &format!("{number:02x}\n"),
            );
            let below = if name.starts_with("ttyUSB") {
                ""
            } else {
                "tty/"
            };
            self.put(&format!("{interface}/{below}{name}/dev"), "166:0\n");
        }
    }

    fn scan(&self) -> Plugged {
        self.system(|_| true).scan()
    }

    fn system(&self, can_use: fn(&Path) -> bool) -> System {
        System::at(
            &self.0.path().join("sys"),
            &self.0.path().join("dev"),
            can_use,
        )
    }
}

#[test]
fn a_scan_tells_probes_ports_and_meters() {
    let fake = Fake::new();
    fake.plug(
        "1-1.4",
        ("0483", "374b"),
        Some(" 066BFF "),
        &[(2, "ttyACM0")],
    );
    fake.plug(
        "1-2",
        ("10c4", "ea70"),
        Some("0001"),
        &[(1, "ttyUSB1"), (0, "ttyUSB0")],
    );
    fake.plug(
        "1-3",
        ("1915", "c00a"),
        Some("E1F2"),
        &[(1, "ttyACM1"), (3, "ttyACM2")],
    );
    fake.plug("1-4", ("046d", "c077"), Some("mouse"), &[]);
    fake.plug("1-5", ("1a86", "7523"), None, &[(0, "ttyUSB2")]);
    fake.put("usb1/idVendor", "1d6b\n");
    fake.put("1-1:1.0/1-1-port2/disable", "0\n");
    let plugged = fake.scan();
    let roles: Vec<_> = plugged
        .devices
        .iter()
        .map(|it| (it.place.as_str(), it.role))
        .collect();
    assert_eq!(
        roles,
        [
            ("1-1.4", Role::Probe),
            ("1-2", Role::Port),
            ("1-3", Role::Ppk2),
            ("1-5", Role::Port)
        ]
    );
    let port = |serial: &str, interface| PortId {
        serial: serial.to_owned(),
        interface,
    };
    assert_eq!(plugged.ports(&port("0001", None)).len(), 2);
    let [only] = plugged.ports(&port("0001", Some(1)))[..] else {
        panic!("{plugged:?}");
    };
    assert!(only.node.path.ends_with("dev/ttyUSB1"));
    assert_eq!(plugged.ports(&port("066BFF", None)).len(), 1);
    assert_eq!(plugged.hub_ports, ["1-1:1.0/1-1-port2"]);
    let page = stubs(&plugged, Some("real-x"));
    assert_eq!(page.matches("[[rig]]").count(), 2, "{page}");
    assert!(
        page.contains("no serial number") && page.contains("# meter = {"),
        "{page}"
    );
    assert!(page.contains("interface = 0"), "{page}");
}

#[test]
fn files_and_what_is_plugged_in_are_compared() {
    let fake = Fake::new();
    let rigs = Kinds::new().parse(GOOD).unwrap().rigs;
    let missing = |fake: &Fake| {
        let missing = diff(&fake.scan(), &rigs).missing.into_iter();
        missing.map(|it| (it.what, it.count)).collect::<Vec<_>>()
    };
    assert_eq!(
        missing(&fake),
        [("probe", 0), ("port", 0), ("meter", 0), ("hub port", 0)]
    );
    fake.plug("1-1", ("0483", "374B"), Some("066BFF01"), &[(2, "ttyACM0")]);
    fake.plug("1-3", ("1915", "c00a"), Some("E1F2"), &[(1, "ttyACM1")]);
    fake.put("1-1:1.0/1-1-port2/disable", "0\n");
    assert_eq!(missing(&fake), []);
    assert_eq!(diff(&fake.scan(), &rigs).unlisted, []);
    fake.plug("1-2", ("0483", "374b"), Some("066BFF01"), &[(2, "ttyACM5")]);
    assert_eq!(missing(&fake), [("probe", 2), ("port", 2)]);
    fake.plug("1-7", ("0403", "6001"), Some("new"), &[(0, "ttyUSB9")]);
    let unlisted = diff(&fake.scan(), &rigs).unlisted;
    assert!(
        unlisted.len() == 1 && unlisted[0].describe().contains("serial new"),
        "{unlisted:?}"
    );
}

#[test]
fn what_this_user_may_not_open_has_its_rule() {
    let fake = Fake::new();
    fake.plug("1-1", ("0483", "374b"), Some("A"), &[(2, "ttyACM0")]);
    let rules = |can_use: fn(&Path) -> bool| {
        fake.system(can_use)
            .scan()
            .devices
            .iter()
            .flat_map(Device::missing_rules)
            .collect::<Vec<_>>()
    };
    assert_eq!(rules(|_| true), [""; 0]);
    let tty = rules(|path| !path.ends_with("ttyACM0"));
    assert!(
        tty.len() == 1 && tty[0].starts_with("SUBSYSTEM==\"tty\", ATTRS{idVendor}==\"0483\""),
        "{tty:?}"
    );
    let usb = rules(|path| !path.ends_with("bus/usb/001/007"));
    assert!(
        usb.len() == 1 && usb[0].starts_with("SUBSYSTEM==\"usb\", ATTR{idVendor}==\"0483\""),
        "{usb:?}"
    );
}

#[test]
fn a_device_that_goes_in_mid_scan_is_left_out() {
    let fake = Fake::new();
    fake.plug("1-1", ("0483", "374b"), Some("A"), &[(2, "ttyACM0")]);
    // The link is still there, what it points to is not.
    std::os::unix::fs::symlink(fake.bus().join("gone"), fake.bus().join("1-2")).unwrap();
    std::os::unix::fs::symlink(fake.bus().join("gone"), fake.bus().join("1-1:1.9")).unwrap();
    fake.put("1-3/idVendor", "0483\n");
    fake.put("1-4/idVendor", "not hex\n");
    assert_eq!(fake.scan().devices.len(), 1);
    let away = fake.bus().join("1-1");
    let hundred = std::thread::scope(|scope| {
        let scans = scope.spawn(|| (0..100).map(|_| fake.scan().devices.len()).max());
        std::fs::remove_dir_all(away).unwrap();
        scans.join().unwrap()
    });
    assert!(hundred <= Some(1));
    assert_eq!(fake.scan().devices, []);
    std::fs::remove_dir_all(fake.bus()).unwrap();
    assert_eq!(fake.scan(), Plugged::default());
}

fn device() -> impl Strategy<Value = (String, String, Option<String>, Vec<u8>, String)> {
    let id = prop_oneof![
        Just("0483:374b"),
        Just("1366:0101"),
        Just("0403:6001"),
        Just("1915:c00a")
    ];
    let serial = prop::option::of(prop_oneof!["[A-C]", "\\PC{1,8}", ".{1,6}", "[0-9A-F]{12}"]);
    let ports = prop::collection::btree_set(0_u8..9, 0..3);
    (id, serial, ports, ".{0,12}").prop_map(|(id, serial, ports, product)| {
        let (vid, pid) = id.split_once(':').unwrap();
        (
            vid.to_owned(),
            pid.to_owned(),
            serial,
            ports.into_iter().collect(),
            product,
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_a_scan_prints_is_read_back(devices in prop::collection::vec(device(), 0..6)) {
        let (kinds, fake) = (Kinds::new(), Fake::new());
        for (number, (vid, pid, serial, ports, product)) in devices.iter().enumerate() {
            let place = format!("1-{number}");
            let names: Vec<_> = ports.iter().map(|it| format!("ttyACM{number}{it}")).collect();
            let ports: Vec<_> = ports.iter().copied().zip(names.iter().map(String::as_str)).collect();
            fake.plug(&place, (vid, pid), serial.as_deref(), &ports);
            fake.put(&format!("{place}/product"), product);
        }
        let plugged = fake.scan();
        let page = stubs(&plugged, Some("real-x"));
        // An adapter is a rig's port but no probe: that alone is told.
        let text = page.lines().collect::<Vec<_>>().join("\n");
        let rigs = match kinds.parse(&text) {
            Ok(inventory) => inventory.rigs,
            Err(file) => {
                let all = file.faults().iter();
                let mut other = all.filter(|it| {
                    !it.message().contains("no probe") && !it.message().contains("is the name of a port")
                });
                prop_assert!(other.next().is_none(), "{}\n{}", page, file);
                Vec::new()
            }
        };
        let differences = diff(&plugged, &rigs);
        prop_assert!(differences.missing.is_empty(), "{:?}\n{}", differences, page);
        // Without a kind each rig lacks only that.
        let page = stubs(&plugged, None);
        if let Err(file) = kinds.parse(&page) {
            prop_assert_eq!(file.faults().len(), page.matches("\n[[rig]]").count(), "{}\n{}", page, file);
        }
    }

    #[test]
    fn no_text_panics_a_reader(text in "(schema = 1\n)?(\\[\\[rig\\]\\]\n)?(\\PC|\n|[\\[\\]={}\"a-z.]){0,60}") {
        let kinds = Kinds::new();
        if let Err(file) = kinds.parse(&text) {
            prop_assert!(!file.faults().is_empty());
            let _ = (file.render(true), file.render(false));
        }
    }
}

#[test]
fn the_shipped_files_are_good() {
    let boards = Boards::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let virtual_rigs = Inventory::load(Some("virtual"), &boards, TODAY).unwrap();
    assert!(virtual_rigs[0].warnings.is_none());
    let every_board_is_virtual = virtual_rigs[0]
        .rigs
        .iter()
        .all(|rig| boards.load(&rig.board).unwrap().emulated().is_some());
    assert!(every_board_is_virtual && virtual_rigs[0].rigs.len() >= 5);
}
