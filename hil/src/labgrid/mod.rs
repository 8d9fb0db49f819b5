//! Places of a labgrid coordinator as rigs: acquired, read, and released again.
//!
//! `labgrid-client` does the talking. A place is held under a name that says which process holds
//! it, so that a place left by a process that was killed can be told and taken back.

mod client;
mod holder;
mod place;
mod reservation;

use std::time::{Duration, Instant};

use crate::board::Boards;
use crate::error::{EXIT_INPUT, EXIT_MISSING, EXIT_NOTHING, EXIT_TIMEOUT, Result};
use crate::interrupt::Interrupt;
use crate::inventory::hardware::System;
use crate::inventory::{Inventory, Rig, today};

pub use client::Coordinator;
use holder::Holder;
pub use place::resources;

/// How long to wait before a place is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What goes wrong between this program and a labgrid coordinator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabgridError {
    /// The client failed.
    #[error("{what}: {cause}")]
    Client {
        /// What was asked.
        what: String,
        /// The client's words.
        cause: String,
    },
    /// The client did not end.
    #[error("{what}: no answer for {} s", after.as_secs())]
    Silent {
        /// What was asked.
        what: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// There is no such place.
    #[error("find place `{place}` of labgrid: no such place; `labgrid-client places` lists them")]
    UnknownPlace {
        /// The name asked for.
        place: String,
    },
    /// No place says which board it has.
    #[error(
        "find places of labgrid: none has the tag `board`; set it with `labgrid-client -p PLACE \
         set-tags board=NAME`"
    )]
    NoPlaces,
    /// Somebody else has the place.
    #[error(
        "acquire place `{place}` of labgrid: `{holder}` has it; ask for it, or try again later"
    )]
    Busy {
        /// The place.
        place: String,
        /// Who has it, as host and user.
        holder: String,
    },
    /// No place that fits a reservation became free.
    #[error(
        "reserve a place of labgrid with {filter}: none within {} s; `labgrid-client reservations` \
         lists who waits, `labgrid-client who` who has places; wait longer with `--wait`",
        after.as_secs()
    )]
    Unreserved {
        /// The tags asked for.
        filter: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// A filter of a reservation is none.
    #[error("reserve a place of labgrid with `{filter}`: write tags as KEY=VALUE,KEY=VALUE")]
    Filter {
        /// The words.
        filter: String,
    },
    /// A place cannot be used as a rig.
    #[error("use place `{place}` of labgrid: {cause}")]
    Unfit {
        /// The place.
        place: String,
        /// Why not, and how to mend it.
        cause: String,
    },
}

impl LabgridError {
    /// Returns the exit code of a run that ended with this error.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Client { .. } | Self::Busy { .. } | Self::Unreserved { .. } => EXIT_MISSING,
            Self::Silent { .. } => EXIT_TIMEOUT,
            Self::UnknownPlace { .. } | Self::Unfit { .. } | Self::Filter { .. } => EXIT_INPUT,
            Self::NoPlaces => EXIT_NOTHING,
        }
    }
}

/// Which places are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// By name.
    pub places: &'a [String],
    /// By tags, each as `KEY=VALUE,KEY=VALUE`: one place that has them all, whichever is free first.
    pub reserve: &'a [String],
}

/// Places that are held. Dropping it releases them.
#[derive(Debug)]
pub struct Session {
    coordinator: Coordinator,
    holder: Holder,
    places: Vec<String>,
    /// Tokens of reservations.
    reservations: Vec<String>,
    rigs: Vec<Rig>,
}

impl Session {
    /// Acquires the places that are wanted, or all with a tag `board` where none is, and reads them.
    /// A place that another has is waited for, `patience` for all of them together, in the
    /// coordinator's queue where it is reserved by its tags; one that was left by a process of this
    /// computer that is gone is taken back. When one cannot be had, or Ctrl-C comes, all are released.
    ///
    /// The tag `board` names the kind of board, the other tags become tags as `key=value`.
    ///
    /// # Errors
    /// [`LabgridError`], [`Error::Interrupted`](crate::Error::Interrupted), and
    /// [`Error::File`](crate::Error::File) for a rig that breaks the rules of rig files.
    pub fn acquire(
        coordinator: Coordinator,
        wanted: Wanted<'_>,
        boards: &Boards,
        patience: Duration,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let holder = Holder::this_process()?;
        let mut session = Self {
            coordinator,
            holder,
            places: Vec::new(),
            reservations: Vec::new(),
            rigs: Vec::new(),
        };
        let end = Instant::now() + patience;
        let mut names = wanted.places.to_vec();
        names.extend(session.reserve(wanted.reserve, patience, interrupt)?);
        if names.is_empty() {
            names = session.places_with_boards(interrupt)?;
        }
        // In one order everywhere: two runs that want the same places do not wait for each other.
        names.sort();
        names.dedup();
        for name in &names {
            session.acquire_place(name, end, interrupt)?;
        }
        session.rigs = session.checked(boards)?;
        Ok(session)
    }

    /// Returns a rig for each place, in the order of their names.
    #[must_use]
    pub fn rigs(&self) -> &[Rig] {
        &self.rigs
    }

    /// Releases the places and says what went wrong; dropping a session does it in silence.
    ///
    /// # Errors
    /// [`LabgridError::Client`] and [`LabgridError::Silent`] of the first place that could not
    /// be released; the others are released nevertheless.
    pub fn release(mut self) -> Result<()> {
        self.release_all()
    }

    fn release_all(&mut self) -> Result<()> {
        let mut outcome = Ok(());
        for name in core::mem::take(&mut self.places) {
            // Ctrl-C is no reason to keep a place. Nobody else's hold is touched by this.
            let released = self.release_from(&name, &self.holder.to_string());
            outcome = outcome.and(released);
        }
        // After the places: a reservation whose place is held stays.
        outcome.and(self.cancel_reservations())
    }

    fn release_from(&self, place: &str, holder: &str) -> Result<()> {
        let what = ["release-from", holder];
        let uninterrupted = Interrupt::default();
        let answer = self
            .coordinator
            .ask(Some(place), &what, &self.holder, &uninterrupted);
        match answer {
            Ok(_) => Ok(()),
            // It is free already.
            Err(crate::Error::Labgrid(LabgridError::Client { cause, .. }))
                if cause.contains("is not acquired") =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn places_with_boards(&self, interrupt: &Interrupt) -> Result<Vec<String>> {
        let page = self
            .coordinator
            .ask(None, &["-v", "places"], &self.holder, interrupt)?;
        let places = place::places(&page).into_iter();
        let names: Vec<_> = places
            .filter(|place| place.tags.contains_key(place::BOARD))
            .map(|place| place.name)
            .collect();
        if names.is_empty() {
            return Err(LabgridError::NoPlaces.into());
        }
        Ok(names)
    }

    fn acquire_place(&mut self, name: &str, end: Instant, interrupt: &Interrupt) -> Result<()> {
        loop {
            let place = self.look(name, interrupt)?;
            match &place.holder {
                None => {
                    // Held from here on as far as releasing goes: it may be interrupted halfway.
                    self.places.push(name.to_owned());
                    match self
                        .coordinator
                        .ask(Some(name), &["acquire"], &self.holder, interrupt)
                    {
                        Ok(_) => {
                            let rig = self.read(&place, interrupt)?;
                            self.rigs.push(rig);
                            return Ok(());
                        }
                        Err(error) if is_reserved(&error) => {
                            self.places.pop();
                            if Instant::now() >= end {
                                let (place, holder) = (name.to_owned(), RESERVED.to_owned());
                                return Err(LabgridError::Busy { place, holder }.into());
                            }
                            client::wait(LOOK_AGAIN, interrupt)?;
                        }
                        // Somebody was faster, or it is a fault that stays.
                        Err(error) => {
                            if self.look(name, interrupt)?.holder.is_none() {
                                return Err(error);
                            }
                            self.places.pop();
                        }
                    }
                }
                Some(holder) if self.holder.is_left_behind(holder) => {
                    self.release_from(name, holder)?;
                }
                Some(holder) if Instant::now() >= end => {
                    let (place, holder) = (name.to_owned(), holder.clone());
                    return Err(LabgridError::Busy { place, holder }.into());
                }
                Some(_) => client::wait(LOOK_AGAIN, interrupt)?,
            }
        }
    }

    fn look(&self, name: &str, interrupt: &Interrupt) -> Result<place::Place> {
        let answer = self
            .coordinator
            .ask(Some(name), &["show"], &self.holder, interrupt);
        let unknown = || LabgridError::UnknownPlace {
            place: name.to_owned(),
        };
        let page = match answer {
            Err(crate::Error::Labgrid(LabgridError::Client { cause, .. }))
                if cause.contains("matches nothing") =>
            {
                return Err(unknown().into());
            }
            answer => answer?,
        };
        // The client takes a part of a name for the whole.
        let places = place::places(&page).into_iter();
        let place = places.into_iter().find(|place| place.name == name);
        Ok(place.ok_or_else(unknown)?)
    }

    fn read(&self, place: &place::Place, interrupt: &Interrupt) -> Result<Rig> {
        let page = self
            .coordinator
            .ask(Some(&place.name), &["env"], &self.holder, interrupt)?;
        let unfit = |cause| LabgridError::Unfit {
            place: place.name.clone(),
            cause,
        };
        let resources = resources(&page).map_err(unfit)?;
        let plugged = System::here().scan();
        Ok(place::rig(place, &resources, &plugged, self.holder.host()).map_err(unfit)?)
    }

    /// Holds the rigs to the rules of rig files.
    fn checked(&self, boards: &Boards) -> Result<Vec<Rig>> {
        let file = place::file(&self.rigs).map_err(|cause| LabgridError::Client {
            what: "write down the rigs of labgrid".to_owned(),
            cause,
        })?;
        let path = format!("labgrid at {}", self.coordinator.address());
        Ok(Inventory::parse(path.as_ref(), &file, boards, today())?.rigs)
    }
}

/// Who has a place that is reserved.
const RESERVED: &str = "a reservation of another";

/// Reports whether a place was not to be had because another has reserved it.
fn is_reserved(error: &crate::Error) -> bool {
    matches!(error, crate::Error::Labgrid(LabgridError::Client { cause, .. })
        if cause.contains("was not reserved for"))
}

impl Drop for Session {
    fn drop(&mut self) {
        // There is nobody left to tell; `release` tells.
        let _ = self.release_all();
    }
}
