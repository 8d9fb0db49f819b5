//! A TOML file as tables whose values know their places.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Fault;

/// A table of a file with its place.
pub(crate) type Table<'t> = Spanned<DeTable<'t>>;

/// Most faults that are told of one table: a file that is no such file at all needs no more.
const FAULTS_MAX: usize = 50;

/// The key that says what the other keys of a table are.
const KIND: &str = "kind";

/// Begins the message about a word that is none of those that may stand there.
const NO_VARIANT: &str = "unknown variant `";

/// Smallest likeness of two words, 0 to 1, at which one may have been meant by the other.
const LIKENESS_MIN: f64 = 0.75;

/// Reads a file as TOML and looks at its schema: a file of another version gets that message,
/// not one about the first key that is new.
pub(crate) fn parse(text: &str, schema: u32) -> Result<Table<'_>, Vec<Fault>> {
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let faults = errors.iter().take(FAULTS_MAX).map(|error| {
            let span = error.span().unwrap_or_default();
            Fault::error(span, error.message())
        });
        return Err(faults.collect());
    }
    let fault = match root.get_ref().get("schema") {
        None => {
            Fault::error(0..0, "key `schema` is missing").help(format!("add `schema = {schema}`"))
        }
        Some(value) => {
            let number = value.get_ref().as_integer();
            let number = number.and_then(|it| i64::from_str_radix(it.as_str(), it.radix()).ok());
            match number {
                Some(number) if number == i64::from(schema) => return Ok(root),
                Some(number) => Fault::error(
                    value.span(),
                    format!("schema is {number}, this harness reads {schema}"),
                ),
                None => Fault::error(value.span(), format!("schema is no number, as {schema}")),
            }
        }
    };
    Err(vec![fault])
}

/// Makes a value of a table. What is wrong is told and left out, so that all of it is told; the
/// keys left out are returned. Without what a value cannot do there is none.
pub(crate) fn read<T: DeserializeOwned>(
    table: &Table<'_>,
    faults: &mut Vec<Fault>,
) -> (Option<T>, Vec<String>) {
    let mut left = table.clone();
    let mut removed: Vec<Vec<String>> = Vec::new();
    let top_keys = |removed: &[Vec<String>]| -> Vec<String> {
        removed
            .iter()
            .filter_map(|path| path.first().cloned())
            .collect()
    };
    for _ in 0..FAULTS_MAX {
        let error = match T::deserialize(toml::de::Deserializer::from(left.clone())) {
            Ok(value) => return (Some(value), top_keys(&removed)),
            Err(error) => error,
        };
        let path = culprit::<T>(&left, &error);
        // A required key that was left out is no second fault; what needs it goes too.
        let follows = missing_key(error.message()).is_some_and(|key| {
            let lost = path.iter().map(String::as_str).chain([key]);
            removed
                .iter()
                .any(|gone| gone.iter().map(String::as_str).eq(lost.clone()))
        });
        if !follows {
            let (fault, meant) = fault(&left, &path, error.message());
            faults.push(fault);
            // Neither is the key that a wrong one was meant for.
            if let (Some(meant), Some((_, parents))) = (meant, path.split_last()) {
                removed.push(parents.iter().cloned().chain([meant]).collect());
            }
        }
        if path.is_empty() {
            return (None, top_keys(&removed));
        }
        remove(left.get_mut(), &path);
        removed.push(path);
    }
    (None, top_keys(&removed))
}

/// Returns the place of a value below a table, or of as much of its path as there is.
pub(crate) fn span(table: &Table<'_>, path: &[&str]) -> Range<usize> {
    let mut span = table.span();
    let mut inner = table.get_ref();
    for key in path {
        let Some(value) = inner.get(*key) else {
            break;
        };
        span = value.span();
        let Some(table) = value.get_ref().as_table() else {
            break;
        };
        inner = table;
    }
    span
}

/// Returns the word of `known` that was probably meant.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known
        .into_iter()
        .map(|it| (strsim::jaro_winkler(word, it), it));
    scored
        .filter(|(score, _)| *score >= LIKENESS_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, it)| it)
}

/// Returns the path of the value that an error is about; empty for the table itself.
fn culprit<T: DeserializeOwned>(table: &Table<'_>, error: &toml::de::Error) -> Vec<String> {
    let mut path = Vec::new();
    let found = error
        .span()
        .filter(|span| *span != table.span())
        .and_then(|span| find(table.get_ref(), &span));
    path.extend(found.into_iter().flatten());
    // A table with `kind` is kept until that is known, and errors in it name the kind or the whole.
    if path.last().is_some_and(|key| key == KIND) && !error.message().starts_with(NO_VARIANT) {
        path.pop();
    }
    let Some(inner) = lookup(table.get_ref(), &path) else {
        return path;
    };
    if missing_key(error.message()).is_some() {
        return path;
    }
    // Without its kind a table always fails in another way: that comes last.
    let (kind, others): (Vec<_>, Vec<_>) = inner
        .keys()
        .map(|key| key.get_ref())
        .partition(|key| *key == KIND);
    let guilty = others.into_iter().chain(kind).find(|key| {
        let mut without = table.clone();
        let mut path = path.clone();
        path.push(key.to_string());
        remove(without.get_mut(), &path);
        let after = T::deserialize(toml::de::Deserializer::from(without));
        after.map_or_else(|after| after.message() != error.message(), |_| true)
    });
    path.extend(guilty.map(ToString::to_string));
    path
}

/// Finds the value, or its key, that stands exactly at a place.
fn find(table: &DeTable<'_>, span: &Range<usize>) -> Option<Vec<String>> {
    for (key, value) in table {
        let name = || key.get_ref().to_string();
        if key.span() == *span || value.span() == *span {
            return Some(vec![name()]);
        }
        let inner = match value.get_ref() {
            DeValue::Table(inner) => find(inner, span),
            // The items of an array are told of as the array.
            DeValue::Array(items) if items.iter().any(|item| item.span() == *span) => Some(vec![]),
            _ => None,
        };
        if let Some(mut rest) = inner {
            rest.insert(0, name());
            return Some(rest);
        }
    }
    None
}

fn lookup<'a, 't>(table: &'a DeTable<'t>, path: &[String]) -> Option<&'a DeTable<'t>> {
    path.iter().try_fold(table, |table, key| {
        table.get(key.as_str())?.get_ref().as_table()
    })
}

fn remove(table: &mut DeTable<'_>, path: &[String]) {
    match path {
        [] => {}
        [key] => {
            table.remove(key.as_str());
        }
        [key, rest @ ..] => {
            if let Some(DeValue::Table(inner)) = table.get_mut(key.as_str()).map(Spanned::get_mut) {
                remove(inner, rest);
            }
        }
    }
}

fn missing_key(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.strip_suffix('`')
}

/// Says an error of the reader in the words of the file; for an unknown key also which one was
/// probably meant.
fn fault(table: &Table<'_>, path: &[String], message: &str) -> (Fault, Option<String>) {
    let keys: Vec<_> = path.iter().map(String::as_str).collect();
    let value = span(table, &keys);
    if let Some(key) = missing_key(message) {
        return (Fault::error(value, format!("key `{key}` is missing")), None);
    }
    let (first, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    let known: Vec<_> = expected.split('`').skip(1).step_by(2).collect();
    let near = |word: &str| nearest(word, known.iter().copied());
    let help = |near: Option<&str>| match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are: {}", known.join(", ")),
    };
    if let Some(key) = first.strip_prefix("unknown field `") {
        let key = key.trim_end_matches('`');
        let fault = Fault::error(key_span(table, &keys), format!("unknown key `{key}`"));
        let meant = near(key);
        return (fault.help(help(meant)), meant.map(str::to_owned));
    }
    let name = path.join(".");
    if let Some(variant) = first.strip_prefix(NO_VARIANT) {
        let variant = variant.trim_end_matches('`');
        let words = format!("{name} is `{variant}`, which is none");
        return (Fault::error(value, words).help(help(near(variant))), None);
    }
    (Fault::error(value, format!("{name}: {message}")), None)
}

/// Returns the place of the key itself.
fn key_span(table: &Table<'_>, path: &[&str]) -> Range<usize> {
    let Some((last, parents)) = path.split_last() else {
        return table.span();
    };
    let parents: Vec<_> = parents.iter().map(|key| (*key).to_owned()).collect();
    let key = lookup(table.get_ref(), &parents).and_then(|inner| inner.get_key_value(*last));
    key.map_or_else(|| span(table, path), |(key, _)| key.span())
}
