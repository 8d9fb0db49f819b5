//! The words of the command line.

use crate::control::Control;

/// Seed of the runs that take one, where none is given.
const SEED: u64 = 4;

/// What the command line says.
#[derive(Clone, Copy)]
pub(crate) struct Options<'a> {
    pub(crate) seed: u64,
    pub(crate) control: Option<Control>,
    /// What the names of runs begin with; all if empty.
    pub(crate) only: &'a str,
}

impl<'a> Options<'a> {
    /// Reads `seed=N`, `control=NAME` and `only=OPERATOR`; returns the first word that is none as an
    /// error.
    pub(crate) fn parse(words: impl Iterator<Item = &'a str>) -> Result<Self, &'a str> {
        let mut options = Self {
            seed: SEED,
            control: None,
            only: "",
        };
        for word in words {
            match word.split_once('=') {
                Some(("seed", seed)) => options.seed = seed.parse().map_err(|_| word)?,
                Some(("control", name)) => {
                    options.control = Some(Control::parse(name).ok_or(word)?);
                }
                Some(("only", only)) => options.only = only,
                _ => return Err(word),
            }
        }
        Ok(options)
    }
}
