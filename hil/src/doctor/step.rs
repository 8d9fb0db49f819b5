//! The steps of the ladder, from the bottom.

use serde::Serialize;

/// One step. Each takes for granted what those before it have shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The firmware builds and fits.
    Build,
    /// The debug probe is there; of a virtual board the emulator, of a computer its connection.
    Probe,
    /// Behind it is the chip that the board file names.
    Chip,
    /// Firmware and model are written and read back.
    Flash,
    /// The firmware starts and answers.
    Hello,
    /// It is the build that was flashed, on the board that is meant.
    Identity,
    /// A pseudo-random sequence passes the line both ways.
    Link,
    /// Floating-point mode, and golden cases of the arithmetic.
    Arithmetic,
    /// The reference kernels of every operator have their golden digests.
    Reference,
    /// Every variant of every operator is its reference, to the bit.
    Variants,
    /// The network computes a picture as on the host, in every layer.
    Network,
    /// The counter of cycles agrees with the clock of the host.
    Clock,
    /// The gate pin is high while the network runs, and low after it.
    Gate,
    /// A small picture again and again.
    Soak,
    /// A signed certificate.
    Certificate,
}

impl Step {
    /// All steps, in order.
    pub const ALL: [Self; 15] = [
        Self::Build,
        Self::Probe,
        Self::Chip,
        Self::Flash,
        Self::Hello,
        Self::Identity,
        Self::Link,
        Self::Arithmetic,
        Self::Reference,
        Self::Variants,
        Self::Network,
        Self::Clock,
        Self::Gate,
        Self::Soak,
        Self::Certificate,
    ];

    /// Returns the word for people, as `flash`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Probe => "probe",
            Self::Chip => "chip",
            Self::Flash => "flash",
            Self::Hello => "hello",
            Self::Identity => "identity",
            Self::Link => "link",
            Self::Arithmetic => "arithmetic",
            Self::Reference => "reference",
            Self::Variants => "variants",
            Self::Network => "network",
            Self::Clock => "clock",
            Self::Gate => "gate",
            Self::Soak => "soak",
            Self::Certificate => "certificate",
        }
    }
}
