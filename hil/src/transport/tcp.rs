//! A serial port at another computer, served over TCP as plain bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::Transport;
use super::ports::PortError;
use crate::error::{Error, Result};

/// The shortest time limit of a socket: none at all would wait for ever.
const LIMIT_MIN: Duration = Duration::from_millis(1);

/// A line through TCP. What is sent is bounded by the board's window, so that both ends never wait
/// for each other with full buffers.
#[derive(Debug)]
pub struct Tcp(TcpStream);

impl Tcp {
    /// Connects to `address`, `host:port`; each of the host's addresses may take `wait`.
    ///
    /// # Errors
    /// [`Error::Port`] when nobody is there.
    pub fn open(address: &str, wait: Duration) -> Result<Self> {
        let fail = |cause: std::io::Error| PortError::Connect {
            address: address.to_owned(),
            cause: cause.to_string(),
        };
        let mut last = std::io::Error::from(ErrorKind::NotFound);
        for place in address.to_socket_addrs().map_err(fail)? {
            match TcpStream::connect_timeout(&place, wait.max(LIMIT_MIN)) {
                Ok(stream) => {
                    // Frames are short, and each is waited for.
                    stream.set_nodelay(true).map_err(fail)?;
                    return Ok(Self(stream));
                }
                Err(error) => last = error,
            }
        }
        Err(fail(last).into())
    }
}

impl Transport for Tcp {
    fn send(&mut self, bytes: &[u8], deadline: Duration) -> Result<()> {
        let limit = deadline.max(LIMIT_MIN);
        self.0.set_write_timeout(Some(limit)).map_err(Error::line)?;
        self.0.write_all(bytes).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Error::Timeout {
                what: "the board to read",
                after: deadline,
            },
            _ => Error::line(error),
        })
    }

    fn receive(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize> {
        let limit = wait.max(LIMIT_MIN);
        self.0.set_read_timeout(Some(limit)).map_err(Error::line)?;
        match self.0.read(buffer) {
            Ok(0) => Err(Error::line("the other computer closed the line")),
            Ok(n) => Ok(n),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => Ok(0),
                _ => Err(Error::line(error)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{EXIT_LINK, EXIT_MISSING, EXIT_TIMEOUT};
    use std::net::TcpListener;

    const WAIT: Duration = Duration::from_secs(10);

    #[test]
    fn bytes_go_both_ways_until_the_other_end_goes() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut line = Tcp::open(&address, WAIT).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        let mut buffer = [0; 4];
        let nothing = line.receive(&mut buffer, Duration::ZERO).unwrap();
        assert_eq!(nothing, 0);
        line.send(&[1, 2, 3], WAIT).unwrap();
        far.read_exact(&mut buffer[..3]).unwrap();
        far.write_all(&[3, 2]).unwrap();
        assert_eq!(line.receive(&mut buffer, WAIT).unwrap(), 2);
        assert_eq!(buffer[..3], [3, 2, 3]);
        drop(far);
        let gone = line.receive(&mut buffer, WAIT).unwrap_err();
        assert_eq!(gone.exit_code(), EXIT_LINK);
    }

    #[test]
    fn who_does_not_read_is_a_time_out_and_who_is_not_there_is_missing() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut line = Tcp::open(&address, WAIT).unwrap();
        let flood = vec![0x55; 64 << 20];
        let error = line.send(&flood, Duration::from_millis(100)).unwrap_err();
        assert_eq!(error.exit_code(), EXIT_TIMEOUT);
        drop(listener);
        let error = Tcp::open(&address, WAIT).unwrap_err();
        assert_eq!(error.exit_code(), EXIT_MISSING);
        assert!(error.to_string().contains(&address), "{error}");
    }
}
