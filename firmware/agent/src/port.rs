//! The line to the host: standard input and output.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::fd::AsFd;

use mambalite_firmware_app::Port;

/// Standard input and output as raw files: the library's own would cut frames at line ends.
#[derive(Debug)]
pub(crate) struct Standard {
    input: BufReader<File>,
    output: BufWriter<File>,
    is_broken: bool,
}

impl Standard {
    /// Takes the streams.
    ///
    /// # Errors
    /// The system's, when they cannot be had.
    pub(crate) fn open() -> io::Result<Self> {
        let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        Ok(Self {
            input: BufReader::new(input),
            output: BufWriter::new(output),
            is_broken: false,
        })
    }
}

impl Port for Standard {
    fn read(&mut self) -> Option<u8> {
        // The host waits for what was written before it writes more.
        if self.input.buffer().is_empty() && self.output.flush().is_err() {
            self.is_broken = true;
        }
        if self.is_broken {
            return None;
        }
        let bytes = loop {
            match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other.ok()?,
            }
        };
        let byte = *bytes.first()?;
        self.input.consume(1);
        Some(byte)
    }

    fn write(&mut self, bytes: &[u8]) {
        // A host that is gone is told by the next read.
        if self.output.write_all(bytes).is_err() {
            self.is_broken = true;
        }
    }
}
