//! A serial port at another computer whose settings go over the line too: RFC 2217, as ser2net speaks
//! it, and labgrid by it.

use std::time::{Duration, Instant};

use super::Transport;
use super::ports::PortError;
use super::tcp::Tcp;
use super::telnet::{self, Decoder, Event, Verb};
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;

/// Begins the address of such a port in a rig file.
pub const RFC2217: &str = "rfc2217://";

/// Options of telnet that a serial port needs: all eight bits, no turns, and its settings.
const BINARY: u8 = 0;
const NO_TURNS: u8 = 3;
const COM_PORT: u8 = 44;
const WANTED: [u8; 3] = [BINARY, NO_TURNS, COM_PORT];

/// Settings of RFC 2217; a server answers with the number and 100 more.
const SET_BAUDRATE: u8 = 1;
const ANSWER: u8 = 100;
/// Eight bits, no parity, one stop bit, no flow control.
const FORMAT: [(u8, u8); 4] = [(2, 8), (3, 1), (4, 1), (5, 1)];

/// The longest wait for a piece, so that Ctrl-C is noticed.
const SLICE: Duration = Duration::from_millis(100);

/// A serial port at another computer.
#[derive(Debug)]
pub struct RemoteSerial {
    line: Tcp,
    decoder: Decoder,
    /// Whether the other side takes settings; nothing before it has said so.
    takes_settings: Option<bool>,
    /// The rate that the other side says it has.
    baud: Option<u32>,
}

impl RemoteSerial {
    /// Connects to `address`, `host:port`, and sets the rate, within `wait`.
    ///
    /// # Errors
    /// [`Error::Port`] when nobody is there, when it speaks no RFC 2217 or does not have the rate,
    /// [`Error::Interrupted`].
    pub fn open(address: &str, baud: u32, wait: Duration, interrupt: &Interrupt) -> Result<Self> {
        let mut port = Self {
            line: Tcp::open(address, wait)?,
            decoder: Decoder::default(),
            takes_settings: None,
            baud: None,
        };
        let fail = |cause: String| PortError::Connect {
            address: format!("{RFC2217}{address}"),
            cause,
        };
        let silent = || {
            let after = wait.as_secs_f64();
            fail(format!(
                "no answer by RFC 2217 within {after:.1} s; is it a port of plain bytes? then \
                 leave `{RFC2217}` out"
            ))
        };
        let end = Instant::now() + wait;
        for option in WANTED {
            port.line.send(&Verb::Will.bytes(option), wait)?;
        }
        for option in [BINARY, NO_TURNS] {
            port.line.send(&Verb::Do.bytes(option), wait)?;
        }
        port.await_until(end, interrupt, |it| it.takes_settings.is_some())?;
        match port.takes_settings {
            Some(true) => {}
            Some(false) => return Err(fail("it takes no settings by RFC 2217".to_owned()).into()),
            None => return Err(silent().into()),
        }
        for (setting, value) in FORMAT {
            let bytes = telnet::parameters(COM_PORT, setting, &[value]);
            port.line.send(&bytes, wait)?;
        }
        let rate = telnet::parameters(COM_PORT, SET_BAUDRATE, &baud.to_be_bytes());
        port.line.send(&rate, wait)?;
        port.await_until(end, interrupt, |it| it.baud.is_some())?;
        match port.baud {
            Some(found) if found == baud => Ok(port),
            Some(found) => Err(fail(format!("it has no {baud} baud; it has {found}")).into()),
            None => Err(silent().into()),
        }
    }

    /// Listens until `is_there`, or until the time is over. What the board says meanwhile is dropped:
    /// nothing has been asked of it yet.
    fn await_until(
        &mut self,
        end: Instant,
        interrupt: &Interrupt,
        is_there: impl Fn(&Self) -> bool,
    ) -> Result<()> {
        let mut dropped = [0; 256];
        while !is_there(self) && Instant::now() < end {
            interrupt.check()?;
            self.receive(&mut dropped, SLICE)?;
        }
        Ok(())
    }

    /// Notes what the other side says, and refuses what a serial port does not need.
    fn note(&mut self, event: Event) -> Result<()> {
        let answer = match event {
            Event::Option(Verb::Do, COM_PORT) => {
                self.takes_settings = Some(true);
                None
            }
            Event::Option(Verb::Dont, COM_PORT) => {
                self.takes_settings = Some(false);
                None
            }
            Event::Option(Verb::Do, other) if !WANTED.contains(&other) => Some((Verb::Wont, other)),
            Event::Option(Verb::Will, other) if !WANTED.contains(&other) => {
                Some((Verb::Dont, other))
            }
            // Agreed, or refused for good: neither is answered.
            Event::Option(..) => None,
            Event::Parameters(parameters) => {
                let rate = parameters.strip_prefix(&[COM_PORT, SET_BAUDRATE + ANSWER]);
                let rate = rate.and_then(|value| value.get(..4)?.try_into().ok());
                self.baud = rate.map(u32::from_be_bytes).or(self.baud);
                None
            }
        };
        answer.map_or(Ok(()), |(verb, option)| {
            self.line.send(&verb.bytes(option), SLICE)
        })
    }
}

impl Transport for RemoteSerial {
    fn send(&mut self, bytes: &[u8], deadline: Duration) -> Result<()> {
        self.line.send(&telnet::escape(bytes), deadline)
    }

    fn receive(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize> {
        let len = self.line.receive(buffer, wait)?;
        let raw = buffer.get(..len).unwrap_or_default().to_vec();
        let mut data = Vec::with_capacity(len);
        for byte in raw {
            if let Some(event) = self.decoder.push(byte, &mut data) {
                self.note(event)?;
            }
        }
        // Never more than what came.
        let front = buffer.get_mut(..data.len());
        front
            .ok_or_else(|| Error::line("more data than bytes"))?
            .copy_from_slice(&data);
        Ok(data.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::telnet::IAC;
    use super::*;
    use crate::error::EXIT_MISSING;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    const WAIT: Duration = Duration::from_secs(10);

    /// Opens a port whose server says `hello`, and then answers the rate with `rate`.
    fn open(hello: &'static [u8], rate: Option<u32>, wait: Duration) -> Result<RemoteSerial> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = thread::spawn(move || {
            let (mut far, _) = listener.accept().unwrap();
            far.write_all(hello).unwrap();
            if let Some(rate) = rate {
                let command = SET_BAUDRATE + ANSWER;
                let answer = telnet::parameters(COM_PORT, command, &rate.to_be_bytes());
                far.write_all(&answer).unwrap();
            }
            // Until the client goes.
            let mut heard = Vec::new();
            let _ = far.read_to_end(&mut heard);
            heard
        });
        let port = RemoteSerial::open(&address, 115_200, wait, &Interrupt::default());
        if port.is_err() {
            server.join().unwrap();
        }
        port
    }

    #[test]
    fn a_port_opens_when_its_server_agrees() {
        // Among what servers say: an offer to echo, which is refused.
        let hello = [IAC, 251, 1, IAC, 253, COM_PORT, b'x', IAC, 251, BINARY];
        open(hello.to_vec().leak(), Some(115_200), WAIT).unwrap();
    }

    #[test]
    fn who_does_not_speak_it_or_lacks_the_rate_is_an_error_that_says_so() {
        const AGREES: &[u8] = &[IAC, 253, COM_PORT];
        const REFUSES: &[u8] = &[IAC, 254, COM_PORT];
        let short = Duration::from_millis(300);
        for (hello, rate, words) in [
            (REFUSES, None, "takes no settings"),
            (AGREES, Some(9_600), "no 115200 baud; it has 9600"),
            (AGREES, None, "leave `rfc2217://` out"),
            (&b"log in: "[..], None, "leave `rfc2217://` out"),
        ] {
            let wait = if words.contains("leave") { short } else { WAIT };
            let error = open(hello, rate, wait).unwrap_err();
            assert!(error.to_string().contains(words), "{words}: {error}");
            assert_eq!(error.exit_code(), EXIT_MISSING);
        }
    }
}
