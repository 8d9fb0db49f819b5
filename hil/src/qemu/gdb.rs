//! Client of the gdb remote protocol, as far as memory goes.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the stub may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Bytes of memory in one packet; as hexadecimal they stay below the stub's 4096.
pub(crate) const BLOCK: usize = 1024;

/// A connection to a stub. The machine stands still from connecting until [`Gdb::detach`].
#[derive(Debug)]
pub(crate) struct Gdb {
    stream: UnixStream,
    inbox: Vec<u8>,
}

impl Gdb {
    /// Connects to the socket at `path`; the error is a text for people.
    pub(crate) fn connect(path: &Path) -> Result<Self, String> {
        let stream = UnixStream::connect(path).map_err(|e| format!("connect to gdb stub: {e}"))?;
        stream
            .set_read_timeout(Some(Duration::from_millis(200)))
            .map_err(|e| format!("set up gdb stub: {e}"))?;
        let mut gdb = Self {
            stream,
            inbox: Vec::new(),
        };
        gdb.send("?")?;
        // The answer is the stop reason, which every other exchange passes over.
        gdb.receive()?;
        Ok(gdb)
    }

    /// Writes at most [`BLOCK`] bytes.
    pub(crate) fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), String> {
        self.send(&format!(
            "M{address:x},{:x}:{}",
            bytes.len(),
            hex::encode(bytes)
        ))?;
        match self.answer()?.as_str() {
            "OK" => Ok(()),
            other => Err(format!(
                "the stub answers `{other}` to a write at {address:#010x}"
            )),
        }
    }

    /// Reads at most [`BLOCK`] bytes.
    pub(crate) fn read(&mut self, address: u32, len: usize) -> Result<Vec<u8>, String> {
        self.send(&format!("m{address:x},{len:x}"))?;
        let answer = self.answer()?;
        match hex::decode(&answer) {
            Ok(bytes) if bytes.len() == len => Ok(bytes),
            _ => Err(format!(
                "the stub answers `{answer}` to a read at {address:#010x}"
            )),
        }
    }

    /// Lets the machine run and ends the connection.
    pub(crate) fn detach(mut self) -> Result<(), String> {
        self.send("D")?;
        match self.answer()?.as_str() {
            "OK" => Ok(()),
            other => Err(format!("the stub answers `{other}` to a detach")),
        }
    }

    fn send(&mut self, packet: &str) -> Result<(), String> {
        let sum = packet.bytes().fold(0_u8, u8::wrapping_add);
        write!(self.stream, "${packet}#{sum:02x}").map_err(|e| format!("send to gdb stub: {e}"))
    }

    /// Returns the next answer that is no stop notice: those come unasked, when the machine is
    /// stopped or reset from elsewhere.
    fn answer(&mut self) -> Result<String, String> {
        loop {
            let packet = self.receive()?;
            if !packet.starts_with(['T', 'S', 'W', 'X']) {
                return Ok(packet);
            }
        }
    }

    fn receive(&mut self) -> Result<String, String> {
        let until = Instant::now() + PATIENCE;
        let mut buffer = [0; 4096];
        loop {
            if let Some(packet) = take_packet(&mut self.inbox)? {
                self.stream
                    .write_all(b"+")
                    .map_err(|e| format!("send to gdb stub: {e}"))?;
                return Ok(packet);
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err("the gdb stub closed the connection".to_owned()),
                Ok(n) => self.inbox.extend(buffer.iter().take(n)),
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(format!("read from gdb stub: {e}")),
            }
            if Instant::now() > until {
                return Err(format!(
                    "the gdb stub is silent for {} s",
                    PATIENCE.as_secs()
                ));
            }
        }
    }
}

/// Takes the first whole packet out of `inbox`, acknowledgements before it included.
fn take_packet(inbox: &mut Vec<u8>) -> Result<Option<String>, String> {
    let Some(start) = inbox.iter().position(|&b| b == b'$') else {
        inbox.clear();
        return Ok(None);
    };
    let Some(end) = inbox
        .iter()
        .skip(start)
        .position(|&b| b == b'#')
        .map(|n| start + n)
    else {
        return Ok(None);
    };
    if inbox.len() < end + 3 {
        return Ok(None);
    }
    let packet: Vec<u8> = inbox.drain(..end + 3).skip(start + 1).collect();
    let (body, tail) = packet.split_at(end - start - 1);
    let sum = body.iter().fold(0_u8, |sum, b| sum.wrapping_add(*b));
    let text = String::from_utf8_lossy(body).into_owned();
    if tail != format!("#{sum:02x}").as_bytes() {
        return Err(format!("damaged packet `{text}` from the gdb stub"));
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_found_between_acknowledgements() {
        let mut inbox = b"+$OK#9a+$T05th".to_vec();
        assert_eq!(take_packet(&mut inbox), Ok(Some("OK".to_owned())));
        assert_eq!(take_packet(&mut inbox), Ok(None));
        inbox.extend(b"read:01;#07");
        assert_eq!(
            take_packet(&mut inbox),
            Ok(Some("T05thread:01;".to_owned()))
        );
        assert!(inbox.is_empty());
        inbox.extend(b"+++");
        assert_eq!(take_packet(&mut inbox), Ok(None));
    }

    #[test]
    fn a_damaged_packet_is_an_error() {
        assert!(take_packet(&mut b"$OK#9b".to_vec()).is_err());
    }
}
