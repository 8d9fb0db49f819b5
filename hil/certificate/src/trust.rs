//! Who is trusted: a file of public keys with the time of each.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::key::PublicKey;
use crate::refusal::Refusal;

/// Version of the file; grows when a key changes its meaning or goes away.
pub const SCHEMA: u32 = 1;

/// What is wrong with a trust file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// It is not TOML of this form.
    #[error("{cause}")]
    Form {
        /// What the reader says, with the place.
        cause: String,
    },
    /// It is of another version.
    #[error("schema {found} is not {SCHEMA}")]
    Schema {
        /// As the file says.
        found: u32,
    },
    /// An entry is wrong.
    #[error("key `{name}`: {field}: {cause}")]
    Entry {
        /// Name of the entry.
        name: String,
        /// Key of the value.
        field: &'static str,
        /// What is wrong.
        cause: String,
    },
}

/// The trusted keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    keys: Vec<Trusted>,
}

/// A trusted key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusted {
    /// Who has it, for people.
    pub name: String,
    /// The key.
    pub key: PublicKey,
    /// First instant of a certificate that it may have signed; nothing for a key given by itself.
    pub valid_from: Option<Timestamp>,
    /// Last instant; nothing where the end is open.
    pub valid_until: Option<Timestamp>,
    /// Id of the key that takes its place.
    pub successor: Option<String>,
    /// Its revocation.
    pub revoked: Option<Revoked>,
}

/// That a key is no longer trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoked {
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub reason: Reason,
}

/// Why a key was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Another may have it. Nothing that it signed is accepted, whenever: who has the key writes any
    /// time into a certificate.
    Compromised,
    /// It is out of use. What it signed before stays good.
    Retired,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Compromised => "compromised",
            Self::Retired => "retired",
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    schema: u32,
    #[serde(default)]
    key: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Entry {
    name: String,
    public_key: String,
    valid_from: Timestamp,
    #[serde(default)]
    valid_until: Option<Timestamp>,
    #[serde(default)]
    successor: Option<String>,
    #[serde(default)]
    revoked: Option<Revoked>,
}

impl Trust {
    /// Trusts one key, at all times.
    #[must_use]
    pub fn in_key(key: PublicKey) -> Self {
        let keys = vec![Trusted {
            name: "given key".to_owned(),
            key,
            valid_from: None,
            valid_until: None,
            successor: None,
            revoked: None,
        }];
        Self { keys }
    }

    /// Reads a trust file, TOML.
    ///
    /// # Errors
    /// [`TrustError`]: also two entries of one key, times in the wrong order, a successor that is not
    /// in the file or begins after its predecessor's end.
    pub fn parse(text: &str) -> Result<Self, TrustError> {
        let file: File = toml::from_str(text).map_err(|error| TrustError::Form {
            cause: error.to_string(),
        })?;
        if file.schema != SCHEMA {
            return Err(TrustError::Schema { found: file.schema });
        }
        let keys = file.key.into_iter().map(trusted);
        let trust = Self {
            keys: keys.collect::<Result<_, _>>()?,
        };
        for (index, entry) in trust.keys.iter().enumerate() {
            trust.check(index, entry)?;
        }
        Ok(trust)
    }

    fn check(&self, index: usize, entry: &Trusted) -> Result<(), TrustError> {
        let (id, name) = (entry.key.id(), &entry.name);
        if self
            .keys
            .iter()
            .skip(index + 1)
            .any(|it| it.key == entry.key)
        {
            return Err(wrong(name, "public-key", "it is in the file twice"));
        }
        if entry
            .valid_until
            .is_some_and(|until| Some(until) < entry.valid_from)
        {
            return Err(wrong(name, "valid-until", "it is before `valid-from`"));
        }
        let Some(successor) = &entry.successor else {
            return Ok(());
        };
        if *successor == id {
            return Err(wrong(name, "successor", "a key cannot take its own place"));
        }
        let Some(next) = self.find(successor) else {
            return Err(wrong(name, "successor", "no key of this id is in the file"));
        };
        if entry
            .valid_until
            .is_some_and(|until| next.valid_from > Some(until))
        {
            let cause = "it begins after this key's end";
            return Err(wrong(name, "successor", cause));
        }
        Ok(())
    }

    /// Returns the keys, in the order of the file.
    #[must_use]
    pub fn keys(&self) -> &[Trusted] {
        &self.keys
    }

    /// Returns the key of an id, trusted or revoked.
    #[must_use]
    pub fn find(&self, keyid: &str) -> Option<&Trusted> {
        self.keys.iter().find(|it| it.key.id() == keyid)
    }
}

impl Trusted {
    /// Accepts a certificate that was made at `at`.
    ///
    /// # Errors
    /// [`Refusal::KeyTime`], [`Refusal::Revoked`].
    pub fn accept(&self, at: Timestamp) -> Result<(), Refusal> {
        let keyid = self.key.id();
        if let Some(Revoked { since, reason }) = self.revoked
            && (reason == Reason::Compromised || at >= since)
        {
            return Err(Refusal::Revoked {
                keyid,
                since: since.to_string(),
                reason,
            });
        }
        let early = self.valid_from.is_some_and(|from| at < from);
        let late = self.valid_until.is_some_and(|until| at > until);
        if early || late {
            let open =
                |time: Option<Timestamp>| time.map_or("open".to_owned(), |it| it.to_string());
            return Err(Refusal::KeyTime {
                keyid,
                at: at.to_string(),
                from: open(self.valid_from),
                until: open(self.valid_until),
            });
        }
        Ok(())
    }
}

fn trusted(entry: Entry) -> Result<Trusted, TrustError> {
    let Some(key) = PublicKey::from_line(&entry.public_key) else {
        let cause = "no Ed25519 key; it is the middle line of the file with the public key";
        return Err(wrong(&entry.name, "public-key", cause));
    };
    Ok(Trusted {
        name: entry.name,
        key,
        valid_from: Some(entry.valid_from),
        valid_until: entry.valid_until,
        successor: entry.successor,
        revoked: entry.revoked,
    })
}

fn wrong(name: &str, field: &'static str, cause: &str) -> TrustError {
    TrustError::Entry {
        name: name.to_owned(),
        field,
        cause: cause.to_owned(),
    }
}
