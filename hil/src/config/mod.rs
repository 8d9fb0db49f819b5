//! Files that people write: everything that is wrong in one, each fault with its place.

mod document;

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity,
    SourceCode,
};

pub(crate) use document::{Table, nearest, parse, read, span};

/// Columns of a message with its lines of the file.
const WIDTH: usize = 100;

/// Something wrong at one place of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    severity: Severity,
    message: String,
    help: Option<String>,
    /// Places in bytes, the main one first, with a word to each.
    labels: Vec<(Range<usize>, String)>,
}

/// A file with everything that is wrong in it.
#[derive(Debug)]
pub struct FaultyFile {
    path: PathBuf,
    text: NamedSource<String>,
    faults: Vec<Fault>,
}

impl Fault {
    /// Makes an error at `span`, bytes of the file.
    pub(crate) fn error(span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            help: None,
            labels: vec![(span, "here".to_owned())],
        }
    }

    /// Makes something that does not keep the file from being used.
    pub(crate) fn warning(span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(span, message)
        }
    }

    /// Says how to mend it.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Names another place that has to do with it.
    pub(crate) fn beside(mut self, span: Range<usize>, word: &str) -> Self {
        self.labels.push((span, word.to_owned()));
        self
    }

    /// Returns what is wrong.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Reports whether the file cannot be used because of it.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Returns the main place, bytes of the file.
    pub(crate) fn place(&self) -> Range<usize> {
        self.labels.first().map_or(0..0, |(span, _)| span.clone())
    }

    fn start(&self) -> usize {
        self.place().start
    }
}

impl FaultyFile {
    /// Puts the faults of a file together, in the order of their places.
    pub(crate) fn new(path: &Path, text: &str, mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(Fault::start);
        for (span, _) in faults.iter_mut().flat_map(|fault| &mut fault.labels) {
            *span = first_line(text, span.clone());
        }
        Self {
            path: path.to_owned(),
            text: NamedSource::new(path.display().to_string(), text.to_owned()),
            faults,
        }
    }

    /// Returns the file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what is wrong, in the order of the file.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Returns line and column of a fault, both from 1; columns are characters.
    #[must_use]
    pub fn position(&self, fault: &Fault) -> (usize, usize) {
        let before = self.text.inner().get(..fault.start()).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
        (line, column)
    }

    /// Returns the faults with the lines that they are in, in colours and drawn lines where
    /// `fancy`, else in plain characters.
    #[must_use]
    pub fn render(&self, fancy: bool) -> String {
        let theme = if fancy {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::none()
        };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(WIDTH);
        let mut page = String::new();
        match handler.render_report(&mut page, &Page(self)) {
            Ok(()) => page,
            // It writes to a string; the words alone are better than nothing.
            Err(fmt::Error) => self.to_string(),
        }
    }

    fn heading(&self) -> String {
        let errors = self.faults.iter().filter(|it| it.is_error()).count();
        let warnings = self.faults.len() - errors;
        let mut counts = Vec::new();
        for (count, one, many) in [
            (errors, "fault", "faults"),
            (warnings, "warning", "warnings"),
        ] {
            if count > 0 {
                counts.push(format!("{count} {}", if count == 1 { one } else { many }));
            }
        }
        format!("read `{}`: {}", self.path.display(), counts.join(", "))
    }
}

/// One line for the file and one a fault: `path:line:column: what; how to mend it`.
impl fmt::Display for FaultyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.heading())?;
        for fault in &self.faults {
            let (line, column) = self.position(fault);
            let kind = if fault.is_error() { "" } else { "warning: " };
            write!(f, "\n  {}:{line}:{column}: {kind}", self.path.display())?;
            write!(f, "{}", fault.message)?;
            if let Some(help) = &fault.help {
                write!(f, "; {help}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for FaultyFile {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl Diagnostic for Fault {
    fn severity(&self) -> Option<Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.help.as_ref()?;
        Some(Box::new(help))
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().map(|(span, word)| {
            LabeledSpan::new_with_span(Some(word.clone()), span.clone())
        })))
    }
}

/// The heading of a file over its faults; the file's own text says all of them again.
#[derive(Debug)]
struct Page<'a>(&'a FaultyFile);

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.heading())
    }
}

impl std::error::Error for Page<'_> {}

impl Diagnostic for Page<'_> {
    fn severity(&self) -> Option<Severity> {
        let faults = &self.0.faults;
        let any_error = faults.iter().any(Fault::is_error);
        Some(if any_error {
            Severity::Error
        } else {
            Severity::Warning
        })
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.0.text)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        let faults = self.0.faults.iter();
        Some(Box::new(faults.map(|fault| fault as &dyn Diagnostic)))
    }
}

/// Cuts a place to its first line: a table would be shown as a whole.
fn first_line(text: &str, span: Range<usize>) -> Range<usize> {
    let start = span.start.min(text.len());
    let end = span.end.clamp(start, text.len());
    let lines = text.get(start..end).unwrap_or_default();
    let len = lines.find(['\r', '\n']).unwrap_or(lines.len());
    start..start + len
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_with_their_lines_in_order() {
        let text = "schema = 1\nüber = 2\n[a]\nb = 3\n";
        let at = |word: &str| {
            let start = text.find(word).unwrap();
            start..start + word.len()
        };
        let file = FaultyFile::new(
            Path::new("x.toml"),
            text,
            vec![
                Fault::warning(at("3"), "late").beside(at("[a]\nb"), "of this"),
                Fault::error(at("2"), "early").help("mend it"),
            ],
        );
        assert_eq!(
            file.to_string(),
            "read `x.toml`: 1 fault, 1 warning\n  x.toml:2:8: early; mend it\n  \
             x.toml:4:5: warning: late"
        );
        let (plain, fancy) = (file.render(false), file.render(true));
        assert!(plain.is_ascii() || plain.contains("über"), "{plain}");
        assert!(!plain.contains('\u{1b}') && fancy.contains('\u{1b}'));
        for page in [&plain, &fancy] {
            assert!(
                page.contains("mend it") && page.contains("of this"),
                "{page}"
            );
            assert!(page.contains("x.toml:2:"), "{page}");
        }
    }
}
