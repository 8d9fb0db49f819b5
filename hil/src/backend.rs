//! What runs the network of a board: its processor, or an NVIDIA GPU.

use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::board::{Board, Reach};
use crate::error::{Error, Result};
use crate::link::Patience;

/// What is to run the network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Wanted {
    /// The processor; every layer is compared.
    #[default]
    Cpu,
    /// The GPU of a computer behind SSH, or nothing; the output alone is compared.
    Cuda,
    /// The GPU where there is one that can run the network, or else the processor.
    Auto,
}

/// What runs it, as the board says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Backend {
    /// The processor.
    Cpu {
        /// Why no GPU does, where one was looked for.
        note: Option<String>,
    },
    /// An NVIDIA GPU.
    Cuda {
        /// Name of the device.
        device: String,
    },
}

impl Wanted {
    /// Returns the word of the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Auto => "auto",
        }
    }

    /// Returns how long a board is waited for. A driver takes seconds to start, and the agent tries a
    /// small picture on the GPU before it answers; an emulated one takes longer still.
    #[must_use]
    pub fn patience(self) -> Patience {
        let patience = Patience::default();
        match self {
            Self::Cpu => patience,
            Self::Cuda | Self::Auto => Patience {
                reply: Duration::from_secs(30),
                ..patience
            },
        }
    }
}

impl Backend {
    /// Reports whether it shows layers, so that their digests can be compared. The kernels of a GPU
    /// do several layers at once and leave only some of them in memory.
    #[must_use]
    pub fn shows_layers(&self) -> bool {
        matches!(self, Self::Cpu { .. })
    }

    /// Returns it in a few words, as `cuda (Orin)`.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Cpu { note: None } => "cpu".to_owned(),
            Self::Cpu { note: Some(note) } => format!("cpu, for the GPU was not to be had: {note}"),
            Self::Cuda { device } => format!("cuda ({device})"),
        }
    }

    /// Reports whether it is one that was wanted.
    #[must_use]
    pub fn is_wanted(&self, wanted: Wanted) -> bool {
        match (wanted, self) {
            (Wanted::Auto, _) => true,
            (Wanted::Cpu, found) => found.shows_layers(),
            (Wanted::Cuda, found) => !found.shows_layers(),
        }
    }
}

impl Board {
    /// Returns the board, its network to be run by what is wanted. A microcontroller has nothing but
    /// its processor.
    ///
    /// # Errors
    /// [`Error::NoGpu`].
    pub fn on(self, wanted: Wanted) -> Result<Self> {
        let backend = match (&self.reach, wanted) {
            (Reach::Flash(_), Wanted::Cuda) => return Err(Error::NoGpu { board: self.name }),
            (Reach::Flash(_), _) => Wanted::Cpu,
            (Reach::Ssh(_) | Reach::Loopback(_), wanted) => wanted,
        };
        Ok(Self { backend, ..self })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::board::Boards;

    #[test]
    fn only_a_computer_has_a_gpu() {
        let boards = Boards::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        let on = |board: &str, wanted| boards.load(board).unwrap().on(wanted);
        for board in ["virtual-jetson", "jetson-orin-nano"] {
            for wanted in [Wanted::Cpu, Wanted::Cuda, Wanted::Auto] {
                assert_eq!(on(board, wanted).unwrap().backend, wanted);
            }
        }
        let board = "qemu-mps2-an500";
        assert_eq!(on(board, Wanted::Auto).unwrap().backend, Wanted::Cpu);
        let error = on(board, Wanted::Cuda).unwrap_err();
        assert_eq!(error.exit_code(), crate::error::EXIT_INPUT);
        let message = error.to_string();
        assert!(
            message.contains(board) && message.contains("SSH"),
            "{message}"
        );
    }

    #[test]
    fn what_runs_must_be_what_was_wanted() {
        let (cpu, cuda) = (
            Backend::Cpu { note: None },
            Backend::Cuda {
                device: "d".to_owned(),
            },
        );
        for (wanted, of_cpu, of_cuda) in [
            (Wanted::Cpu, true, false),
            (Wanted::Cuda, false, true),
            (Wanted::Auto, true, true),
        ] {
            assert_eq!(cpu.is_wanted(wanted), of_cpu);
            assert_eq!(cuda.is_wanted(wanted), of_cuda);
        }
    }
}
