//! Log messages that vanish where nothing collects them.

/// Logs at level info with the feature `defmt`, does nothing without it.
macro_rules! info {
    ($($argument:tt)*) => {{
        #[cfg(feature = "defmt")]
        defmt::info!($($argument)*);
        #[cfg(not(feature = "defmt"))]
        $crate::log::discard!($($argument)*);
    }};
}

/// Logs at level warn with the feature `defmt`, does nothing without it.
macro_rules! warning {
    ($($argument:tt)*) => {{
        #[cfg(feature = "defmt")]
        defmt::warn!($($argument)*);
        #[cfg(not(feature = "defmt"))]
        $crate::log::discard!($($argument)*);
    }};
}

/// Uses the arguments of a message that is not logged.
#[cfg(not(feature = "defmt"))]
macro_rules! discard {
    ($format:literal $(, $argument:expr)* $(,)?) => {{
        $(let _ = &$argument;)*
    }};
}

#[cfg(not(feature = "defmt"))]
pub(crate) use discard;
pub(crate) use {info, warning};
