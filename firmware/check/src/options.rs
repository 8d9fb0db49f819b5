//! The words of the command line.

use crate::control::Control;

/// Seed of the runs that take one, where none is given.
const SEED: u64 = 4;

/// What the command line says.
#[derive(Clone, Copy)]
pub(crate) struct Options {
    pub(crate) seed: u64,
    pub(crate) control: Option<Control>,
}

impl Options {
    /// Reads `seed=N` and `control=NAME`; returns the first word that is neither as an error.
    pub(crate) fn parse<'a>(words: impl Iterator<Item = &'a str>) -> Result<Self, &'a str> {
        let mut options = Self {
            seed: SEED,
            control: None,
        };
        for word in words {
            match word.split_once('=') {
                Some(("seed", seed)) => options.seed = seed.parse().map_err(|_| word)?,
                Some(("control", name)) => {
                    options.control = Some(Control::parse(name).ok_or(word)?);
                }
                _ => return Err(word),
            }
        }
        Ok(options)
    }
}
