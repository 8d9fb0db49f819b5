//! The file of a certificate: in-toto bundle, JSON Lines, one envelope a line.
//!
//! Three lines, all signed by one key: our predicate, the same result as a test-result, the SBOM of the
//! firmware. Each is about the same subjects. What can be computed from the predicate is computed again:
//! subjects, test-result, hash of the SBOM.

use serde_json::Value;

use crate::check;
use crate::envelope::Envelope;
use crate::hash::sha256;
use crate::key::SigningKey;
use crate::predicate::{self, Predicate};
use crate::refusal::Refusal;
use crate::statement::{Statement, Subject, subjects};
use crate::strict;
use crate::test_result::{self, TestResult};
use crate::trust::{Trust, Trusted};

/// Lines of a certificate.
pub const LINES: usize = 3;

/// Ending of the names of certificate files.
pub const EXTENSION: &str = "intoto.jsonl";

/// Type of the predicate of an SBOM.
pub const SBOM_TYPE: &str = "https://cyclonedx.org/bom";

/// A certificate that was accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct Certificate {
    /// What it says.
    pub predicate: Predicate,
    /// What it is about.
    pub subjects: Vec<Subject>,
    /// The firmware's parts, CycloneDX.
    pub sbom: Value,
    /// The key that signed.
    pub key: Trusted,
    /// SHA-256 of the file, hex.
    pub sha256: String,
}

/// Returns the SHA-256 of an SBOM as [`Predicate::sbom_sha256`] has it: of its compact JSON, keys in
/// ascending order.
#[must_use]
pub fn sbom_sha256(sbom: &Value) -> String {
    sha256(strict::sorted(sbom).to_string())
}

/// Signs a certificate and returns its file.
///
/// * `sbom` - CycloneDX document; its [`sbom_sha256`] is in the predicate. Numbers in it are whole.
///
/// # Errors
/// What [`verify`] would refuse is not signed.
pub fn sign(predicate: &Predicate, sbom: &Value, key: &SigningKey) -> Result<String, Refusal> {
    let file = write(predicate, sbom, key)?;
    verify(&file, &Trust::in_key(key.public().clone()))?;
    Ok(file)
}

/// Writes the file without a look at what it says.
pub(crate) fn write(
    predicate: &Predicate,
    sbom: &Value,
    key: &SigningKey,
) -> Result<String, Refusal> {
    let subjects = subjects(predicate);
    let result = TestResult::of(predicate);
    let statements = [
        Statement::new(subjects.clone(), predicate::TYPE, predicate.clone()).to_bytes()?,
        Statement::new(subjects.clone(), test_result::TYPE, result).to_bytes()?,
        Statement::new(subjects, SBOM_TYPE, strict::sorted(sbom)).to_bytes()?,
    ];
    let mut file = String::new();
    for statement in statements {
        file += &Envelope::sign(&statement, key).to_line()?;
        file.push('\n');
    }
    Ok(file)
}

/// Checks a certificate by itself: signatures, form, and that it says what may be certified. What it
/// says is not computed again here, and files that it names are not looked at.
///
/// # Errors
/// The first reason not to accept it; all that its predicate breaks at once.
pub fn verify(file: &str, trust: &Trust) -> Result<Certificate, Refusal> {
    let (payloads, key) = open(file, trust)?;
    let [ours, result, sbom] = payloads;
    let ours: Statement<Predicate> = Statement::parse(&ours, predicate::TYPE, 1)?;
    let result: Statement<TestResult> = Statement::parse(&result, test_result::TYPE, 2)?;
    let sbom: Statement<Value> = Statement::parse(&sbom, SBOM_TYPE, 3)?;
    let predicate = ours.predicate;
    let violations = check::predicate(&predicate);
    if !violations.is_empty() {
        return Err(Refusal::Policy(violations));
    }
    key.accept(check::time(
        &predicate.identity.finished,
        "identity.finished",
    )?)?;
    let expected = subjects(&predicate);
    for (line, found) in (1..).zip([&ours.subject, &result.subject, &sbom.subject]) {
        is_derived(*found == expected, line, "subject")?;
    }
    let same = result.predicate == TestResult::of(&predicate);
    is_derived(same, 2, "predicate")?;
    is_sbom(&sbom.predicate)?;
    let same = sbom_sha256(&sbom.predicate) == predicate.sbom_sha256;
    is_derived(same, 3, "predicate")?;
    Ok(Certificate {
        predicate,
        subjects: expected,
        sbom: sbom.predicate,
        key: key.clone(),
        sha256: sha256(file),
    })
}

/// Returns the payloads of the lines, and the one trusted key that signed them all.
fn open<'t>(file: &str, trust: &'t Trust) -> Result<([Vec<u8>; LINES], &'t Trusted), Refusal> {
    let lines: Vec<_> = file.split_inclusive('\n').collect();
    let whole = lines.iter().filter_map(|line| line.strip_suffix('\n'));
    let whole: Vec<_> = whole.collect();
    let found = whole.len();
    if lines.len() != found {
        return Err(Refusal::Lines { found });
    }
    let Ok([first, second, third]) = <[&str; LINES]>::try_from(whole) else {
        return Err(Refusal::Lines { found });
    };
    let (ours, key) = open_line(first, 1, trust)?;
    let same_key = |text: &str, line| {
        let (payload, found) = open_line(text, line, trust)?;
        if found.key == key.key {
            return Ok(payload);
        }
        Err(Refusal::SeveralKeys {
            line,
            keyid: found.key.id(),
            first: key.key.id(),
        })
    };
    Ok(([ours, same_key(second, 2)?, same_key(third, 3)?], key))
}

fn open_line<'t>(
    text: &str,
    line: usize,
    trust: &'t Trust,
) -> Result<(Vec<u8>, &'t Trusted), Refusal> {
    let envelope = Envelope::parse(text, line)?;
    let keyid = envelope.keyid();
    let key = trust.find(keyid).ok_or_else(|| Refusal::UnknownKey {
        line,
        keyid: keyid.to_owned(),
    })?;
    Ok((envelope.open(&key.key, line)?, key))
}

fn is_derived(same: bool, line: usize, field: &'static str) -> Result<(), Refusal> {
    if same {
        Ok(())
    } else {
        Err(Refusal::Derived { line, field })
    }
}

/// Looks at what marks a CycloneDX document that names something.
fn is_sbom(sbom: &Value) -> Result<(), Refusal> {
    let text = |key| sbom.get(key).and_then(Value::as_str);
    let components = sbom.get("components").and_then(Value::as_array);
    let good = text("bomFormat") == Some("CycloneDX")
        && text("specVersion").is_some_and(|version| version.starts_with("1."))
        && components.is_some_and(|components| !components.is_empty());
    if good {
        return Ok(());
    }
    Err(Refusal::Format {
        part: "line 3: predicate".to_owned(),
        cause: "no CycloneDX 1 document with components".to_owned(),
    })
}
