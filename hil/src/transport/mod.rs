//! The line to a board: bytes both ways, with deadlines.

mod damaged;
mod pipe;
mod ports;
mod queue;
mod rfc2217;
mod rtt;
mod serial;
mod steady;
mod tcp;
mod telnet;

use std::time::Duration;

use crate::error::Result;

pub use damaged::Damaged;
pub use pipe::Pipe;
pub use ports::{FoundPort, PortError, PortList, find_port, list_ports};
pub use rfc2217::{RFC2217, RemoteSerial};
pub(crate) use rtt::RttEnds;
pub use rtt::RttLine;
pub use serial::{BAUD_DEFAULT, Serial};
pub(crate) use serial::{open_reader, read_all};
pub use steady::{SteadySerial, SteadySerialRate};
pub use tcp::Tcp;

/// A line that carries bytes both ways and may damage them.
pub trait Transport: Send {
    /// Sends all of `bytes` or fails when the line does not take them within `deadline`.
    ///
    /// # Errors
    /// [`Error::Line`](crate::Error::Line) when the line is gone,
    /// [`Error::Timeout`](crate::Error::Timeout) when the other side does not read.
    fn send(&mut self, bytes: &[u8], deadline: Duration) -> Result<()>;

    /// Fills the front of `buffer` with what has come and returns the count; waits at most
    /// `wait` for the first byte and returns 0 when none came.
    ///
    /// # Errors
    /// [`Error::Line`](crate::Error::Line) when the line is gone.
    fn receive(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize>;
}

impl<T: Transport + ?Sized> Transport for Box<T> {
    fn send(&mut self, bytes: &[u8], deadline: Duration) -> Result<()> {
        (**self).send(bytes, deadline)
    }

    fn receive(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize> {
        (**self).receive(buffer, wait)
    }
}

/// The rate of a line, apart from its bytes.
pub trait BaudPort: Send {
    /// Goes over to a rate at once.
    ///
    /// # Errors
    /// [`Error::Line`](crate::Error::Line) when the port does not have it.
    fn set_baud(&mut self, baud: u32) -> Result<()>;
}
