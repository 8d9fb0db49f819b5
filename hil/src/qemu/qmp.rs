//! Client of the QEMU Machine Protocol: one JSON object a line over a unix socket.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long QEMU may take to answer a command.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection that is past the greeting.
#[derive(Debug)]
pub(crate) struct Qmp {
    stream: UnixStream,
    lines: BufReader<UnixStream>,
    partial: Vec<u8>,
    events: Vec<String>,
}

impl Qmp {
    /// Connects to the socket at `path`; the error is a text for people.
    pub(crate) fn connect(path: &Path) -> Result<Self, String> {
        let stream = UnixStream::connect(path).map_err(|e| format!("connect to QMP: {e}"))?;
        stream
            .set_read_timeout(Some(Duration::from_millis(200)))
            .map_err(|e| format!("set up QMP: {e}"))?;
        let lines = BufReader::new(stream.try_clone().map_err(|e| format!("set up QMP: {e}"))?);
        let mut qmp = Self {
            stream,
            lines,
            partial: Vec::new(),
            events: Vec::new(),
        };
        qmp.line(Instant::now() + PATIENCE)?;
        qmp.command("qmp_capabilities", json!({}))?;
        Ok(qmp)
    }

    /// Executes a command and returns its answer.
    pub(crate) fn command(&mut self, name: &str, arguments: Value) -> Result<Value, String> {
        let text = json!({ "execute": name, "arguments": arguments }).to_string();
        writeln!(self.stream, "{text}").map_err(|e| format!("send {name}: {e}"))?;
        let until = Instant::now() + PATIENCE;
        loop {
            let mut answer = self.line(until).map_err(|e| format!("{name}: {e}"))?;
            if let Some(event) = answer.get("event").and_then(Value::as_str) {
                self.events.push(event.to_owned());
            } else if let Some(error) = answer.get("error") {
                return Err(format!("{name}: {error}"));
            } else if let Some(value) = answer.get_mut("return") {
                return Ok(value.take());
            }
        }
    }

    /// Resets the machine and waits until it has happened.
    pub(crate) fn reset(&mut self) -> Result<(), String> {
        self.events.clear();
        self.command("system_reset", json!({}))?;
        let until = Instant::now() + PATIENCE;
        while !self.events.iter().any(|event| event == "RESET") {
            let line = self
                .line(until)
                .map_err(|e| format!("wait for the reset: {e}"))?;
            if let Some(event) = line.get("event").and_then(Value::as_str) {
                self.events.push(event.to_owned());
            }
        }
        Ok(())
    }

    fn line(&mut self, until: Instant) -> Result<Value, String> {
        loop {
            match self.lines.read_until(b'\n', &mut self.partial) {
                Ok(0) => return Err("QEMU closed the connection".to_owned()),
                Ok(_) if self.partial.ends_with(b"\n") => {
                    let line = std::mem::take(&mut self.partial);
                    return serde_json::from_slice(&line).map_err(|e| format!("bad JSON: {e}"));
                }
                Ok(_) => {}
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e.to_string()),
            }
            if Instant::now() > until {
                return Err(format!("no answer in {} s", PATIENCE.as_secs()));
            }
        }
    }
}
