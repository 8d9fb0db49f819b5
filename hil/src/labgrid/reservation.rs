//! Reservations: a place in the coordinator's queue for whichever place has certain tags.

use std::time::{Duration, Instant};

use super::{LabgridError, Session, place};
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;

/// What the client prints before the token of a reservation.
const TOKEN: &str = "export LG_TOKEN=";

impl Session {
    /// Makes a reservation for each filter, waits for all of them and returns the places; `patience`
    /// is for all together.
    pub(super) fn reserve(
        &mut self,
        filters: &[String],
        patience: Duration,
        interrupt: &Interrupt,
    ) -> Result<Vec<String>> {
        let end = Instant::now() + patience;
        let mut tokens = Vec::new();
        for filter in filters {
            tokens.push(self.queue(filter, interrupt)?);
        }
        let mut names = Vec::new();
        for (filter, token) in filters.iter().zip(&tokens) {
            let left = end.saturating_duration_since(Instant::now());
            let name = self.allocated(token, left, interrupt)?;
            names.push(name.ok_or_else(|| LabgridError::Unreserved {
                filter: filter.clone(),
                after: patience,
            })?);
        }
        Ok(names)
    }

    /// Gets into the queue; returns the token.
    fn queue(&mut self, filter: &str, interrupt: &Interrupt) -> Result<String> {
        let tags: Vec<_> = filter.split(',').map(str::trim).collect();
        let is_tag = |tag: &&str| tag.split_once('=').is_some_and(|(key, _)| !key.is_empty());
        if !tags.iter().all(is_tag) || tags.iter().any(|tag| tag.starts_with('-')) {
            let filter = filter.to_owned();
            return Err(LabgridError::Filter { filter }.into());
        }
        let mut words = vec!["reserve", "--shell"];
        words.extend(tags);
        let answer = self
            .coordinator
            .ask(None, &words, &self.holder, interrupt)?;
        let mut lines = answer.lines();
        let token = lines.find_map(|line| line.trim().strip_prefix(TOKEN));
        let token = token.ok_or_else(|| LabgridError::Client {
            what: words.join(" "),
            cause: format!("it prints no `{TOKEN}`"),
        })?;
        self.reservations.push(token.to_owned());
        Ok(token.to_owned())
    }

    /// Waits for the turn of a reservation; returns its place, or nothing where the time is over.
    fn allocated(
        &self,
        token: &str,
        patience: Duration,
        interrupt: &Interrupt,
    ) -> Result<Option<String>> {
        // The client asks again and again, which also keeps the reservation from expiring. One look
        // takes it a second or two.
        let patience = patience.max(super::client::PATIENCE_MIN);
        let words = ["wait", token];
        let waited = self
            .coordinator
            .ask_within(patience, None, &words, &self.holder, interrupt);
        match waited {
            Err(Error::Labgrid(LabgridError::Silent { .. })) => return Ok(None),
            other => other?,
        };
        let of_token = format!("+{token}");
        let page = self
            .coordinator
            .ask(Some(&of_token), &["show"], &self.holder, interrupt)?;
        Ok(place::places(&page).into_iter().next().map(|it| it.name))
    }

    /// Gives the reservations up, all of them; the error is the first.
    pub(super) fn cancel_reservations(&mut self) -> Result<()> {
        let mut outcome = Ok(());
        for token in core::mem::take(&mut self.reservations) {
            let words = ["cancel-reservation", &token];
            let uninterrupted = Interrupt::default();
            let answer = self
                .coordinator
                .ask(None, &words, &self.holder, &uninterrupted);
            outcome = outcome.and(match answer {
                // It has expired.
                Err(Error::Labgrid(LabgridError::Client { cause, .. }))
                    if cause.contains("does not exist") =>
                {
                    Ok(())
                }
                answer => answer.map(|_| ()),
            });
        }
        outcome
    }
}
