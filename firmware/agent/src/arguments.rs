//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use lexopt::prelude::*;

use crate::Error;
use crate::sensors::Places;

/// How the agent is called.
pub(crate) const USAGE: &str = "\
Usage: mambalite-agent --board NAME --model FILE [--arena-bytes N] [--backend WHICH] [places]
       mambalite-agent --sensors [--seconds N] [places]

Serves the harness' frames on standard input and output, or prints the sensors as JSON.

  --board NAME       name of the board, as in its board.toml
  --model FILE       model file (.mls)
  --arena-bytes N    working memory of the network on the CPU [default: 67108864]
  --backend WHICH    cpu; cuda, an NVIDIA GPU or nothing; auto, the GPU where there is
                     one that can run the network [default: cpu]
  --sensors          print what the sensors show and end
  --seconds N        over so many seconds [default: 1]

Places:
  --root DIR         folder that stands for / where sensors are looked for [default: /]
  --hwmon GLOB       folders of INA3221 monitors, below the root
                     [default: sys/bus/i2c/drivers/ina3221/*/hwmon/hwmon*]
  --nvpmodel FILE    program that tells the power mode [default: nvpmodel]";

/// Working memory where none is stated, bytes.
const ARENA_BYTES: u32 = 64 << 20;

/// What is to run the network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The CPU.
    #[default]
    Cpu,
    /// The GPU, or nothing.
    Cuda,
    /// The GPU where there is one that can run the network, or else the CPU.
    Auto,
}

impl FromStr for Choice {
    type Err = &'static str;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda),
            "auto" => Ok(Self::Auto),
            _ => Err("it is cpu, cuda or auto"),
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    /// Say how the agent is called.
    Help,
    /// Say which one this is.
    Version,
    /// Print what the sensors show.
    Sensors {
        /// Where they are.
        places: Places,
        /// For how long they are watched.
        window: Duration,
    },
    /// Serve frames.
    Serve(Serve),
}

/// What is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Serve {
    /// Name of the board.
    pub(crate) board: String,
    /// The model file.
    pub(crate) model: PathBuf,
    /// Working memory of the network, bytes.
    pub(crate) arena_bytes: u32,
    /// What is to run it.
    pub(crate) backend: Choice,
    /// Where the sensors are.
    pub(crate) places: Places,
}

impl Order {
    /// Reads a command line, its first word the program.
    ///
    /// # Errors
    /// [`Error::Usage`].
    pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Self, Error> {
        parse(words).map_err(|cause| Error::Usage {
            cause: cause.to_string(),
        })
    }
}

fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Order, lexopt::Error> {
    let mut parser = lexopt::Parser::from_iter(words);
    let mut places = Places::default();
    let (mut board, mut model, mut sensors) = (None, None, false);
    let (mut arena_bytes, mut seconds) = (ARENA_BYTES, 1);
    let mut backend = Choice::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(Order::Help),
            Short('V') | Long("version") => return Ok(Order::Version),
            Long("board") => board = Some(parser.value()?.string()?),
            Long("model") => model = Some(PathBuf::from(parser.value()?)),
            Long("arena-bytes") => arena_bytes = parser.value()?.parse()?,
            Long("backend") => backend = parser.value()?.parse()?,
            Long("sensors") => sensors = true,
            Long("seconds") => seconds = parser.value()?.parse::<u16>()?,
            Long("root") => places.root = parser.value()?.into(),
            Long("hwmon") => places.hwmon = parser.value()?.string()?,
            Long("nvpmodel") => places.nvpmodel = parser.value()?.into(),
            other => return Err(other.unexpected()),
        }
    }
    if sensors {
        let window = Duration::from_secs(seconds.into());
        return Ok(Order::Sensors { places, window });
    }
    Ok(Order::Serve(Serve {
        board: board.ok_or("--board is missing")?,
        model: model.ok_or("--model is missing")?,
        arena_bytes,
        backend,
        places,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(words: &str) -> Result<Order, Error> {
        Order::parse(
            ["agent"]
                .into_iter()
                .chain(words.split(' '))
                .map(OsString::from),
        )
    }

    #[test]
    fn a_command_line_is_read() {
        let words = "--board b --model m.mls --arena-bytes 4096";
        let Order::Serve(serve) = order(words).unwrap() else {
            panic!("to serve");
        };
        assert_eq!(serve.backend, Choice::Cpu);
        for (word, backend) in [("cuda", Choice::Cuda), ("auto", Choice::Auto)] {
            let order = order(&format!("{words} --backend {word}")).unwrap();
            assert!(matches!(order, Order::Serve(it) if it.backend == backend));
        }
        assert_eq!((serve.board.as_str(), serve.arena_bytes), ("b", 4096));
        assert_eq!(serve.places, Places::default());
        let sensors = order("--sensors --seconds 3 --root /x").unwrap();
        assert!(matches!(sensors, Order::Sensors { window, .. } if window.as_secs() == 3));
        assert_eq!(order("--help").unwrap(), Order::Help);
    }

    #[test]
    fn a_wrong_one_is_named_with_the_usage() {
        for (words, word) in [
            ("--board b", "--model"),
            ("--model m", "--board"),
            ("--colour", "--colour"),
            ("--arena-bytes -4", "-4"),
            ("--backend gpu", "cpu, cuda or auto"),
            ("--sensors --seconds 70000", "70000"),
        ] {
            let message = order(words).unwrap_err().to_string();
            assert!(
                message.contains(word) && message.contains("Usage"),
                "{message}"
            );
        }
    }
}
