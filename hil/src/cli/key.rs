//! `hil key`: the keys that sign certificates.

use std::path::PathBuf;
use std::time::SystemTime;

use clap::{Subcommand, ValueEnum};
use mambalite_hil::Result;
use mambalite_hil::error::EXIT_PASS;
use mambalite_hil::verify::trust_file;
use mambalite_hil_certificate::key::{PublicKey, SigningKey, public_path};
use mambalite_hil_certificate::trust::{Reason, Trust, Trusted};
use serde::Serialize;

use super::output::Output;

const NEW_EXAMPLES: &str = "\
Examples:
  hil key new lab.key
  hil key new lab.key --trust trust.toml --name \"lab 2026\" --until 2027-12-31T23:59:59Z
  hil key new next.key --trust trust.toml --name \"lab 2027\" --replaces KEYID";

const SHOW_EXAMPLES: &str = "\
Examples:
  hil key show lab.key.pub
  hil key show --trust trust.toml";

const REVOKE_EXAMPLES: &str = "\
Examples:
  hil key revoke KEYID --trust trust.toml --reason retired
  hil key revoke KEYID --trust trust.toml --reason compromised";

/// Makes, shows and revokes the keys that sign certificates.
#[derive(Debug, Subcommand)]
pub(crate) enum Cmd {
    /// Makes a key: FILE for its owner alone, FILE.pub for everyone.
    #[command(after_help = NEW_EXAMPLES)]
    New {
        /// Where the private key goes; there must be none.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Adds the public key to this trust file, which is made where it is missing.
        #[arg(long, value_name = "FILE")]
        trust: Option<PathBuf>,
        /// Who has the key, in the trust file.
        #[arg(long, requires = "trust", default_value = "key")]
        name: String,
        /// Last instant of certificates that it signs, RFC 3339.
        #[arg(long, value_name = "TIME", requires = "trust")]
        until: Option<humantime::Timestamp>,
        /// Id of the key whose place it takes.
        #[arg(long, value_name = "KEYID", requires = "trust")]
        replaces: Option<String>,
    },
    /// Shows the id of a public key, or the keys of a trust file.
    #[command(after_help = SHOW_EXAMPLES)]
    Show {
        /// Public key.
        #[arg(value_name = "PUBLIC", required_unless_present = "trust")]
        file: Option<PathBuf>,
        /// Trust file.
        #[arg(long, value_name = "FILE", conflicts_with = "file")]
        trust: Option<PathBuf>,
    },
    /// Notes in a trust file that a key is no longer trusted.
    #[command(after_help = REVOKE_EXAMPLES)]
    Revoke {
        /// Id of the key.
        #[arg(value_name = "KEYID")]
        keyid: String,
        /// Trust file.
        #[arg(long, value_name = "FILE")]
        trust: PathBuf,
        /// Why.
        #[arg(long)]
        reason: Why,
        /// Since when [default: now].
        #[arg(long, value_name = "TIME")]
        since: Option<humantime::Timestamp>,
    },
}

/// Why a key is revoked.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Why {
    /// Another may have it: nothing that it ever signed is accepted.
    Compromised,
    /// It is out of use: what it signed before stays good.
    Retired,
}

#[derive(Serialize)]
struct Line<'a> {
    keyid: String,
    name: Option<&'a str>,
    public_key: String,
    valid_from: Option<String>,
    valid_until: Option<String>,
    successor: Option<&'a str>,
    revoked: Option<String>,
}

impl Cmd {
    /// Runs the command.
    pub(crate) fn run(self, output: Output) -> Result<u8> {
        match self {
            Self::New {
                file,
                trust,
                name,
                until,
                replaces,
            } => {
                let key = SigningKey::generate()?;
                key.write(&file)?;
                if let Some(path) = &trust {
                    let entry = trust_file::Entry {
                        name: &name,
                        from: now(),
                        until: until.map(|it| seconds(it.into())),
                        replaces: replaces.as_deref(),
                    };
                    trust_file::add(path, key.public(), &entry)?;
                }
                show(
                    output,
                    &public_path(&file).display().to_string(),
                    key.public(),
                );
            }
            Self::Show { file, trust } => {
                if let Some(path) = &file {
                    show(output, &path.display().to_string(), &PublicKey::read(path)?);
                }
                if let Some(path) = &trust {
                    show_all(output, &trust_file::load(path)?);
                }
            }
            Self::Revoke {
                keyid,
                trust,
                reason,
                since,
            } => {
                let reason = match reason {
                    Why::Compromised => Reason::Compromised,
                    Why::Retired => Reason::Retired,
                };
                let since = since.map_or_else(now, |it| seconds(it.into()));
                trust_file::revoke(&trust, &keyid, &since, reason)?;
                show_all(output, &trust_file::load(&trust)?);
            }
        }
        Ok(EXIT_PASS)
    }
}

fn now() -> String {
    seconds(SystemTime::now())
}

fn seconds(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

fn show(output: Output, path: &str, key: &PublicKey) {
    let keyid = key.id();
    if output.json {
        let line = Line {
            keyid,
            name: None,
            public_key: key.to_line(),
            valid_from: None,
            valid_until: None,
            successor: None,
            revoked: None,
        };
        return output.object("key", line);
    }
    output.line(&format!("{keyid}  {path}"));
}

fn show_all(output: Output, trust: &Trust) {
    for key in trust.keys() {
        let line = Line::of(key);
        if output.json {
            output.object("key", line);
            continue;
        }
        let until = line.valid_until.as_deref().unwrap_or("open");
        let from = line.valid_from.as_deref().unwrap_or("open");
        output.line(&format!("{}  {}", line.keyid, key.name));
        output.line(&format!("  {from} to {until}"));
        if let Some(successor) = line.successor {
            output.line(&format!("  then {successor}"));
        }
        if let Some(revoked) = &line.revoked {
            output.line(&format!("  revoked {revoked}"));
        }
    }
}

impl<'a> Line<'a> {
    fn of(key: &'a Trusted) -> Self {
        Self {
            keyid: key.key.id(),
            name: Some(&key.name),
            public_key: key.key.to_line(),
            valid_from: key.valid_from.map(|it| it.to_string()),
            valid_until: key.valid_until.map(|it| it.to_string()),
            successor: key.successor.as_deref(),
            revoked: key
                .revoked
                .as_ref()
                .map(|it| format!("since {}: {}", it.since, it.reason)),
        }
    }
}
