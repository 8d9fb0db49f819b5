//! Places of labgrid as rigs.

use std::path::Path;
use std::time::{Duration, Instant};

use mambalite_hil::Error;
use mambalite_hil::board::Boards;
use mambalite_hil::error::{EXIT_INPUT, EXIT_MISSING, EXIT_NOTHING};
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::labgrid::{Coordinator, LabgridError, Session, Wanted};

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
    let wanted = Wanted {
        places: &places,
        reserve: &[],
    };
    Session::acquire(coordinator, wanted, &boards(), patience, interrupt)
}

fn reserve(lab: &Lab, filters: &[&str], patience: Duration) -> Result<Session, Error> {
    let coordinator = Coordinator::with_client(&lab.address, &client().unwrap());
    let filters: Vec<_> = filters.iter().map(|&filter| filter.to_owned()).collect();
    let wanted = Wanted {
        places: &[],
        reserve: &filters,
    };
    let interrupt = Interrupt::default();
    Session::acquire(coordinator, wanted, &boards(), patience, &interrupt)
}

#[test]
fn whichever_place_fits_and_is_free_is_reserved_and_given_back() {
    let Some(lab) = Lab::start() else { return };
    lab.place("a", "computer", &[BOARD, "row=1"]);
    lab.place("b", "spare", &[BOARD, "row=2"]);
    lab.say("kim", &["-p", "a", "acquire"]);
    let session = reserve(&lab, &[BOARD], NOW).unwrap();
    assert_eq!(session.rigs()[0].name, "b");
    // Nothing else fits, and nobody gives anything back.
    let error = reserve(&lab, &["board=jetson-orin-nano,row=1"], NOW).unwrap_err();
    assert!(error.to_string().contains("row=1: none within"), "{error}");
    assert_eq!(error.exit_code(), EXIT_MISSING);
    std::thread::scope(|scope| {
        let later = scope.spawn(|| reserve(&lab, &[BOARD], Duration::from_secs(300)));
        // Once it is in the queue, the place that becomes free is for it.
        let start = Instant::now();
        while lab
            .say("kim", &["reservations"])
            .matches("Reservation '")
            .count()
            < 2
        {
            assert!(start.elapsed() < Duration::from_secs(60));
        }
        lab.say("kim", &["-p", "a", "release"]);
        let later = later.join().unwrap().unwrap();
        assert_eq!(later.rigs()[0].name, "a");
        later.release().unwrap();
    });
    session.release().unwrap();
    assert_eq!((lab.holder("a"), lab.holder("b")), (None, None));
    assert_eq!(lab.say("kim", &["reservations"]), "", "all given up");
    // What a person has reserved is not taken.
    lab.say("kim", &["reserve", "row=2"]);
    let error = acquire(&lab, &["b"], NOW).unwrap_err();
    assert!(
        error.to_string().contains("reservation of another"),
        "{error}"
    );
    for filter in ["", "board", "board=x,", "--prio=9"] {
        let error = reserve(&lab, &[filter], NOW).unwrap_err();
        assert_eq!(error.exit_code(), EXIT_INPUT, "{filter}: {error}");
    }
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
    for client in [&*client, Path::new("/nowhere/labgrid-client")] {
        let coordinator = Coordinator::with_client("127.0.0.1:1", client);
        let (wanted, interrupt) = (Wanted::default(), Interrupt::default());
        let error = Session::acquire(coordinator, wanted, &boards(), NOW, &interrupt);
        let error = error.unwrap_err();
        assert_eq!(error.exit_code(), EXIT_MISSING, "{error}");
    }
}
