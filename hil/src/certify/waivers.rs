//! The file of checks that do not have to pass.

use std::path::Path;

use mambalite_hil_certificate::predicate::Waiver;
use serde::Deserialize;

use super::CertifyError;

/// `waiver` tables of a TOML file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    waiver: Vec<Entry>,
}

/// One of them. A waiver without an end is read, and refused with everything else.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    check: String,
    reason: String,
    owner: String,
    #[serde(default)]
    expires: String,
}

/// Reads the waivers of a file, in its order.
///
/// # Errors
/// [`CertifyError::Waivers`] when it cannot be read or has other keys.
pub fn read(path: &Path) -> Result<Vec<Waiver>, CertifyError> {
    let fail = |cause: String| CertifyError::Waivers {
        path: path.to_owned(),
        cause,
    };
    let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
    let file: File = toml::from_str(&text).map_err(|error| fail(error.to_string()))?;
    let waivers = file.waiver.into_iter().map(|it| Waiver {
        check: it.check,
        reason: it.reason,
        owner: it.owner,
        expires: it.expires,
    });
    Ok(waivers.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<Waiver>, CertifyError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read(file.path())
    }

    #[test]
    fn a_waiver_says_what_why_who_and_until_when() {
        let all = "[[waiver]]\ncheck = \"a\"\nreason = \"b\"\nowner = \"c\"\n";
        let waivers = parse(&format!("{all}expires = \"2026-12-31\"")).unwrap();
        assert_eq!(waivers[0].expires, "2026-12-31");
        assert_eq!(parse(all).unwrap()[0].expires, "");
        assert!(parse("").unwrap().is_empty());
        for bad in ["[[waiver]]\ncheck = \"a\"", "[[waivers]]", "x"] {
            let error = parse(bad).unwrap_err();
            assert!(matches!(error, CertifyError::Waivers { .. }), "{error}");
        }
    }
}
