//! Changes to a trust file; what a person wrote in it stays.

use std::path::Path;

use mambalite_hil_certificate::key::PublicKey;
use mambalite_hil_certificate::trust::{Reason, SCHEMA, Trust};
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

use super::VerifyError;
use crate::error::{Error, Result};
use crate::state;

/// Name of the array of keys.
const KEYS: &str = "key";

/// What is noted of a new key.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Who has it.
    pub name: &'a str,
    /// First instant of certificates that it signs, RFC 3339.
    pub from: String,
    /// Last instant.
    pub until: Option<String>,
    /// Id of the key whose place it takes, which gets a note of its successor.
    pub replaces: Option<&'a str>,
}

/// Adds a key to a trust file, which is made where it is missing.
///
/// # Errors
/// [`Error::Read`], [`Error::Write`]; [`VerifyError::Trust`] for a file that is none, or would be none
/// with the key.
pub fn add(path: &Path, key: &PublicKey, entry: &Entry<'_>) -> Result<()> {
    let mut document = match path.exists() {
        true => read(path)?,
        false => DocumentMut::new(),
    };
    document.entry("schema").or_insert(value(i64::from(SCHEMA)));
    if let Some(replaced) = entry.replaces {
        find(&mut document, replaced, path)?.insert("successor", value(key.id()));
    }
    let mut table = Table::new();
    table.insert("name", value(entry.name));
    table.insert("public-key", value(key.to_line()));
    table.insert("valid-from", value(&entry.from));
    if let Some(until) = &entry.until {
        table.insert("valid-until", value(until));
    }
    let keys = document
        .entry(KEYS)
        .or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
    let keys = keys.as_array_of_tables_mut();
    let keys = keys.ok_or_else(|| faulty(path, "`key` is no array of tables"))?;
    keys.push(table);
    write(path, &document)
}

/// Notes that a key is revoked.
///
/// # Errors
/// As [`add`]; also where no key has the id, or it is revoked already for a graver reason.
pub fn revoke(path: &Path, keyid: &str, since: &str, reason: Reason) -> Result<()> {
    let mut document = read(path)?;
    let before = parse(path, &document)?;
    let before = before.find(keyid).and_then(|it| it.revoked.as_ref());
    if before.is_some_and(|it| it.reason == Reason::Compromised) && reason == Reason::Retired {
        let cause = "a compromised key stays so";
        return Err(faulty(path, cause).into());
    }
    let mut table = Table::new();
    table.insert("since", value(since));
    table.insert("reason", value(reason.to_string()));
    let entry = find(&mut document, keyid, path)?;
    entry.insert("revoked", Item::Table(table));
    write(path, &document)
}

/// Reads the keys of a trust file.
///
/// # Errors
/// [`Error::Read`]; [`VerifyError::Trust`] for a file that is none.
pub fn load(path: &Path) -> Result<Trust> {
    parse(path, &read(path)?)
}

fn read(path: &Path) -> Result<DocumentMut> {
    let text = std::fs::read_to_string(path).map_err(Error::read(path))?;
    let document = text.parse::<DocumentMut>();
    Ok(document.map_err(|error| faulty(path, error))?)
}

/// Returns the table of a key.
fn find<'d>(document: &'d mut DocumentMut, keyid: &str, path: &Path) -> Result<&'d mut Table> {
    let keys = document
        .get_mut(KEYS)
        .and_then(Item::as_array_of_tables_mut);
    let mut keys = keys.into_iter().flat_map(ArrayOfTables::iter_mut);
    let found = keys.find(|table| {
        let line = table.get("public-key").and_then(Item::as_str);
        let key = line.and_then(PublicKey::from_line);
        key.is_some_and(|key| key.id() == keyid)
    });
    Ok(found.ok_or_else(|| faulty(path, format!("no key has the id {keyid}")))?)
}

/// A file that cannot be read again is not written.
fn write(path: &Path, document: &DocumentMut) -> Result<()> {
    parse(path, document)?;
    state::write(path, document.to_string().as_bytes())
}

fn parse(path: &Path, document: &DocumentMut) -> Result<Trust> {
    let trust = Trust::parse(&document.to_string());
    Ok(trust.map_err(|error| faulty(path, error))?)
}

fn faulty(path: &Path, cause: impl ToString) -> VerifyError {
    VerifyError::Trust {
        path: path.to_owned(),
        cause: cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use mambalite_hil_certificate::key::SigningKey;

    use super::*;

    fn entry(name: &str) -> Entry<'_> {
        Entry {
            name,
            from: "2026-01-01T00:00:00Z".to_owned(),
            until: None,
            replaces: None,
        }
    }

    #[test]
    fn keys_come_take_places_and_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trust.toml");
        let [old, new] = [1, 2].map(|seed| SigningKey::from_seed([seed; 32]));
        add(&path, old.public(), &entry("old")).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("# Ours.\n{text}")).unwrap();
        let id = old.public().id();
        let next = Entry {
            replaces: Some(&id),
            ..entry("new")
        };
        add(&path, new.public(), &next).unwrap();
        revoke(&path, &id, "2026-12-01T00:00:00Z", Reason::Retired).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# Ours.\n"), "{text}");
        let trust = Trust::parse(&text).unwrap();
        let [first, second] = trust.keys() else {
            panic!("{trust:?}");
        };
        assert_eq!(first.successor, Some(new.public().id()));
        assert_eq!(first.revoked.as_ref().unwrap().reason, Reason::Retired);
        assert!(second.revoked.is_none());
    }

    #[test]
    fn what_would_make_the_file_faulty_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trust.toml");
        let key = SigningKey::from_seed([1; 32]);
        let id = key.public().id();
        add(&path, key.public(), &entry("a")).unwrap();
        let good = std::fs::read_to_string(&path).unwrap();
        for error in [
            add(&path, key.public(), &entry("twice")),
            revoke(&path, "00", "2026-12-01T00:00:00Z", Reason::Retired),
            revoke(&path, &id, "soon", Reason::Retired),
        ] {
            error.unwrap_err();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), good);
        }
        let (since, before) = ("2026-12-01T00:00:00Z", "2026-11-01T00:00:00Z");
        revoke(&path, &id, since, Reason::Compromised).unwrap();
        revoke(&path, &id, before, Reason::Retired).unwrap_err();
    }
}
