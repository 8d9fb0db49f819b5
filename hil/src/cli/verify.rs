//! `hil verify`: a certificate checked, and what it says computed again.

use std::path::PathBuf;

use clap::Args;
use mambalite_hil::board::Boards;
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::report::certificate_page;
use mambalite_hil::state;
use mambalite_hil::verify::{self, Order, Report, Step, Word, trust_file};
use mambalite_hil::{Error, Result};
use mambalite_hil_certificate::key::PublicKey;
use mambalite_hil_certificate::trust::Trust;
use serde::Serialize;

use super::output::Output;
use super::progress::Bars;

const EXAMPLES: &str = "\
Examples:
  hil verify board.intoto.jsonl --key lab.key.pub
  hil verify board.intoto.jsonl --trust trust.toml --elf firmware.elf
  hil verify board.intoto.jsonl --trust trust.toml --vectors suite.json --model my.mls
  hil verify board.intoto.jsonl --key lab.key.pub --rerun --page board.html
  hil verify new.intoto.jsonl --trust trust.toml --previous old.intoto.jsonl --previous older.intoto.jsonl

Exit codes:
  0   accepted
  10  refused; the reasons are listed
  5   not all could be done: there is no python3, or with --rerun no emulator
  2   a file is missing or cannot be used

See docs/certification.md for what each step shows.";

/// Checks a certificate offline: its signature, form and rules, and every expected output computed anew.
///
/// Every expected output is computed with the kernels' reference and with a second implementation in
/// Python that shares no line with it; both must be what the certificate says. With --rerun the firmware
/// runs every vector once more on its virtual board.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Cmd {
    /// The certificate, *.intoto.jsonl.
    #[arg(value_name = "CERT")]
    certificate: PathBuf,
    #[command(flatten)]
    trust: Keys,
    /// The certificate before it, and further ones before that: their chain is followed.
    #[arg(long, value_name = "CERT")]
    previous: Vec<PathBuf>,
    /// Firmware to compare with the certified one.
    #[arg(long, value_name = "FILE")]
    elf: Option<PathBuf>,
    /// Suite of vectors [default: the file beside the certificate, or the suite that
    /// follows from the model].
    #[arg(long, value_name = "FILE")]
    vectors: Option<PathBuf>,
    /// Model file, or name of a shipped one [default: the shipped one with the certified hash].
    #[arg(long, value_name = "NAME|FILE")]
    model: Option<String>,
    /// Computes with the kernels' reference only.
    #[arg(long)]
    no_independent: bool,
    /// Writes a page for people, of a certificate that is accepted.
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Runs the firmware again, on a virtual board; it is built where --elf does not name it.
    #[arg(long)]
    rerun: bool,
}

/// Whom to trust.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Keys {
    /// The one public key that is trusted.
    #[arg(long, value_name = "PUBLIC")]
    key: Option<PathBuf>,
    /// File of trusted keys, see `hil key`.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
}

impl Keys {
    fn read(&self) -> Result<Trust> {
        match (&self.trust, &self.key) {
            (Some(path), _) => trust_file::load(path),
            (None, Some(path)) => Ok(Trust::in_key(PublicKey::read(path)?)),
            // The command line asks for one of them.
            (None, None) => Err(Error::Bug {
                cause: "no key is given".to_owned(),
            }),
        }
    }
}

/// What is printed at the end.
#[derive(Serialize)]
struct Line<'a> {
    accepted: bool,
    exit_code: u8,
    id: Option<&'a str>,
    sha256: Option<&'a str>,
    steps: &'a [Step],
}

impl Cmd {
    /// Runs the command.
    pub(crate) fn run(self, output: Output) -> Result<u8> {
        let order = Order {
            trust: self.trust.read()?,
            certificate: self.certificate,
            previous: self.previous,
            elf: self.elf,
            vectors: self.vectors,
            model: self.model,
            independent: !self.no_independent,
            rerun: self.rerun,
        };
        // Away from the repository all but --rerun works.
        let boards = std::env::current_dir().ok();
        let boards = boards.and_then(|folder| Boards::find(&folder).ok());
        let interrupt = Interrupt::on_signals()?;
        let bars = Bars::new(output);
        let report = verify::run(&order, boards.as_ref(), &interrupt, &bars)?;
        show(output, &report);
        if let (Some(path), Some(certificate), true) =
            (&self.page, &report.certificate, report.is_accepted())
        {
            let page = certificate_page(certificate, &report.steps);
            state::write(path, page.as_bytes())?;
            eprintln!("{}", path.display());
        }
        Ok(report.exit_code())
    }
}

fn show(output: Output, report: &Report) {
    if output.json {
        let certificate = report.certificate.as_ref();
        let line = Line {
            accepted: report.is_accepted(),
            exit_code: report.exit_code(),
            id: certificate.map(|it| it.predicate.identity.id.as_str()),
            sha256: certificate.map(|it| it.sha256.as_str()),
            steps: &report.steps,
        };
        output.object("verification", line);
        return;
    }
    for step in &report.steps {
        let word = match step.word {
            Word::Accepted => "ok",
            Word::Refused => "REFUSED",
            Word::LeftOut => "left out",
            Word::Missing => "NOT DONE",
        };
        for (index, detail) in step.details.iter().enumerate() {
            let (name, word) = if index == 0 {
                (step.name, word)
            } else {
                ("", "")
            };
            output.line(&format!("{name:<22}{word:<10}{}", printable(detail)));
        }
    }
    let word = match (report.is_accepted(), report.exit_code()) {
        (true, _) => "ACCEPTED",
        (false, mambalite_hil::error::EXIT_REFUSED) => "REFUSED",
        (false, _) => "NOT VERIFIED",
    };
    output.line(word);
}

/// Foreign text must not steer a terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|it| if it.is_control() { ' ' } else { it })
        .collect()
}
