//! Files that are good, choosing from them, and changing them.

use std::path::Path;

use jiff::civil::date;

use super::{GOOD, Kinds, TODAY};
use crate::Error;
use crate::board::Boards;
use crate::inventory::{Inventory, Meter, Quarantine};

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
