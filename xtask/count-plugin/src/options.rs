//! The arguments of the plugin.

use std::path::PathBuf;

/// What the plugin is to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Where the lines go; to the standard error output where there is none.
    pub(crate) out: Option<PathBuf>,
    /// Most mnemonics a region, 0 for no histogram.
    pub(crate) mnemonics: usize,
    /// Whether each address is counted apart.
    pub(crate) has_places: bool,
}

impl Options {
    /// Reads arguments of the form `name=value`.
    ///
    /// # Errors
    /// The argument that is not known.
    pub(crate) fn read<'a>(arguments: impl Iterator<Item = &'a str>) -> Result<Self, &'a str> {
        let (mut out, mut histogram, mut top, mut has_places) = (None, false, 12, false);
        for argument in arguments {
            match argument.split_once('=') {
                Some(("out", path)) => out = Some(PathBuf::from(path)),
                Some(("hist", "on")) => histogram = true,
                Some(("hist", "off")) => histogram = false,
                Some(("top", count)) => top = count.parse().map_err(|_| argument)?,
                Some(("places", "on")) => has_places = true,
                Some(("places", "off")) => has_places = false,
                _ => return Err(argument),
            }
        }
        let mnemonics = if histogram { top } else { 0 };
        Ok(Self {
            out,
            mnemonics,
            has_places,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read() {
        let options = Options::read(["out=a=b", "hist=on", "top=3", "places=on"].into_iter());
        let wanted = Options {
            out: Some(PathBuf::from("a=b")),
            mnemonics: 3,
            has_places: true,
        };
        assert_eq!(options, Ok(wanted));
        assert_eq!(Options::read([].into_iter()), Ok(Options::default()));
    }

    #[test]
    fn an_unknown_argument_is_an_error() {
        for argument in ["hist=yes", "places=all", "top=many", "verbose"] {
            assert_eq!(Options::read([argument].into_iter()), Err(argument));
        }
    }
}
