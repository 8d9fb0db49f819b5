//! What is plugged in, on trees that stand in for sysfs.

use std::path::Path;

use proptest::prelude::*;

use super::{GOOD, Kinds};
use crate::config::Fault;
use crate::inventory::PortId;
use crate::inventory::hardware::{Device, Plugged, Role, System, diff, stubs};

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
        let stubs_of = |role| {
            let told = plugged.devices.iter().filter(|it| it.role == role);
            told.filter(|it| page.contains(&format!("\n# {}\n[[rig]]", it.describe()))).count()
        };
        match kinds.parse(&page) {
            Ok(inventory) => {
                prop_assert_eq!(inventory.rigs.len(), stubs_of(Role::Probe), "{}", page);
                let differences = diff(&plugged, &inventory.rigs);
                prop_assert!(differences.missing.is_empty(), "{:?}\n{}", differences, page);
            }
            // An adapter is a rig's port without its probe: that is told once for each, and no more.
            Err(file) => {
                let lacks = |it: &&Fault| it.message().contains("no probe to be flashed through");
                prop_assert_eq!(file.faults().iter().filter(lacks).count(), file.faults().len(), "{}\n{}", page, file);
                prop_assert_eq!(file.faults().len(), stubs_of(Role::Port), "{}\n{}", page, file);
            }
        }
        // Without a kind each rig lacks only that.
        let page = stubs(&plugged, None);
        if let Err(file) = kinds.parse(&page) {
            prop_assert_eq!(file.faults().len(), page.matches("\n[[rig]]").count(), "{}\n{}", page, file);
        }
    }
}
