//! Places of labgrid as rigs.

use std::path::Path;
use std::time::{Duration, Instant};

use mambalite_hil::Error;
use mambalite_hil::board::Boards;
use mambalite_hil::error::{EXIT_INPUT, EXIT_MISSING, EXIT_NOTHING};
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::labgrid::{Coordinator, LabgridError, Session};

use crate::lab::{Lab, client};

const NOW: Duration = Duration::ZERO;

/// A computer that is shipped.
const BOARD: &str = "board=jetson-orin-nano";

fn boards() -> Boards {
    Boards::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn acquire(lab: &Lab, places: &[&str], patience: Duration) -> Result<Session, Error> {
    acquire_until(lab, places, patience, &Interrupt::default())
}

fn acquire_until(
    lab: &Lab,
    places: &[&str],
    patience: Duration,
    interrupt: &Interrupt,
) -> Result<Session, Error> {
    let coordinator = Coordinator::with_client(&lab.address, &client().unwrap());
    let places: Vec<_> = places.iter().map(|&place| place.to_owned()).collect();
    Session::acquire(coordinator, &places, &boards(), patience, interrupt)
}

#[test]
fn places_are_acquired_read_and_released() {
    let Some(lab) = Lab::start() else { return };
    assert_eq!(
        acquire(&lab, &[], NOW).unwrap_err().exit_code(),
        EXIT_NOTHING
    );
    lab.place("orin-1", "computer", &[BOARD, "row=2"]);
    lab.place("other", "bench", &[]);
    let session = acquire(&lab, &[], NOW).unwrap();
    let [rig] = session.rigs() else {
        panic!("{session:?}");
    };
    assert_eq!(
        (rig.name.as_str(), rig.board.as_str()),
        ("orin-1", "jetson-orin-nano")
    );
    assert_eq!(rig.host.as_deref(), Some("root@127.0.0.2"));
    assert_eq!(rig.tags, ["row=2"]);
    let holder = lab.holder("orin-1").unwrap();
    assert!(
        holder.contains("/hil-") && lab.holder("other").is_none(),
        "{holder}"
    );
    // Held by a living process, so not to be taken.
    let error = acquire(&lab, &["orin-1"], NOW).unwrap_err();
    assert!(error.to_string().contains(&holder), "{error}");
    assert_eq!(error.exit_code(), EXIT_MISSING);
    assert_eq!(
        lab.holder("orin-1").as_ref(),
        Some(&holder),
        "a run that got nothing releases nothing"
    );
    session.release().unwrap();
    assert_eq!(lab.holder("orin-1"), None);
    // What a killed process left behind: the same name with an earlier start.
    let (process, start) = holder.rsplit_once('-').unwrap();
    let dead = format!("{process}-{}", start.parse::<u64>().unwrap() - 1);
    lab.say(&dead, &["-p", "orin-1", "acquire"]);
    assert_eq!(lab.holder("orin-1").as_ref(), Some(&dead));
    drop(acquire(&lab, &["orin-1"], NOW).unwrap());
    assert_eq!(lab.holder("orin-1"), None, "dropping releases");
}

#[test]
fn a_person_is_waited_for_and_ctrl_c_releases() {
    let Some(lab) = Lab::start() else { return };
    lab.place("a", "computer", &[BOARD]);
    lab.place("b", "bench", &[BOARD]);
    lab.say("kim", &["-p", "b", "acquire"]);
    let error = acquire(&lab, &["b", "a"], NOW).unwrap_err();
    let busy = matches!(&error, Error::Labgrid(LabgridError::Busy { place, holder })
        if place == "b" && holder == "elsewhere/kim");
    assert!(busy, "{error}");
    assert_eq!(lab.holder("a"), None, "all or none");
    let interrupt = Interrupt::default();
    std::thread::scope(|scope| {
        let run =
            scope.spawn(|| acquire_until(&lab, &["a", "b"], Duration::from_secs(300), &interrupt));
        let start = Instant::now();
        while lab.holder("a").is_none() {
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "the first is acquired"
            );
        }
        interrupt.set();
        let error = run.join().unwrap().unwrap_err();
        assert!(matches!(error, Error::Interrupted), "{error}");
    });
    assert_eq!(lab.holder("a"), None);
    assert_eq!(lab.holder("b").as_deref(), Some("elsewhere/kim"));
}

#[test]
fn what_cannot_be_a_rig_is_refused_and_released() {
    let Some(lab) = Lab::start() else { return };
    lab.place("serial", "bench", &[BOARD]);
    for (place, words) in [
        ("serial", "is a computer, which has no network-port"),
        ("seri", "no such place"),
    ] {
        let error = acquire(&lab, &[place], NOW).unwrap_err();
        assert!(error.to_string().contains(words), "{place}: {error}");
        assert_eq!(error.exit_code(), EXIT_INPUT);
    }
    assert_eq!(lab.holder("serial"), None);
}

#[test]
fn a_coordinator_that_is_not_there_is_missing() {
    let Some(client) = client() else { return };
    let coordinator = Coordinator::with_client("127.0.0.1:1", &client);
    let error = Session::acquire(coordinator, &[], &boards(), NOW, &Interrupt::default());
    let error = error.unwrap_err();
    assert_eq!(error.exit_code(), EXIT_MISSING, "{error}");
    let coordinator = Coordinator::with_client("127.0.0.1:1", Path::new("/nowhere/labgrid-client"));
    let error = Session::acquire(coordinator, &[], &boards(), NOW, &Interrupt::default());
    assert_eq!(error.unwrap_err().exit_code(), EXIT_MISSING);
}
