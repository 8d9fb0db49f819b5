//! A serial port at another computer, served by ser2net by RFC 2217.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mambalite_hil::device::Device;
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::transport::RemoteSerial;
use tempfile::TempDir;

use crate::in_process::{NAME, link};
use crate::model::{invented, picture};
use crate::paced::PacedBoard;

/// Where Debian puts it; users have no sbin on their path.
const SERVER: &str = "/usr/sbin/ser2net";
/// Longest wait for what takes a moment on an idle machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Serves a serial port; ends when dropped.
struct Ser2net {
    server: Child,
    address: String,
    _folder: TempDir,
}

impl Ser2net {
    /// Starts it, where it is installed.
    fn start(port: &Path) -> Option<Self> {
        if !PathBuf::from(SERVER).is_file() {
            println!("SKIP ser2net: {SERVER} is not installed");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let number = free.local_addr().unwrap().port();
        drop(free);
        let device = port.display();
        let text = format!(
            "connection: &board\n  accepter: telnet(rfc2217=true),tcp,127.0.0.1,{number}\n  \
             connector: serialdev(nouucplock=true),{device},9600n81,local\n"
        );
        let file = folder.path().join("ser2net.yaml");
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new(SERVER);
        command.arg("-n").arg("-c").arg(&file).stdin(Stdio::null());
        let server = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let server = Self {
            server: server.unwrap(),
            address: format!("127.0.0.1:{number}"),
            _folder: folder,
        };
        let start = Instant::now();
        while TcpStream::connect(&server.address).is_err() {
            assert!(start.elapsed() < PATIENCE, "ser2net listens");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(server)
    }

    /// Opens the port, once the connection before it has gone.
    fn open(&self, baud: u32) -> RemoteSerial {
        let start = Instant::now();
        loop {
            match RemoteSerial::open(&self.address, baud, PATIENCE, &Interrupt::default()) {
                Ok(port) => return port,
                Err(error) => assert!(start.elapsed() < PATIENCE, "{error}"),
            }
        }
    }
}

impl Drop for Ser2net {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[test]
fn a_board_behind_ser2net_computes_every_bit() {
    const BAUD: u32 = 921_600;
    let file = invented(4);
    let model = file.model();
    let board = PacedBoard::start(&file, BAUD, b"");
    let Some(server) = Ser2net::start(board.path()) else {
        return;
    };
    // Twice: what one connection leaves is not in the way of the next.
    for _ in 0..2 {
        let mut device = Device::new(link(server.open(BAUD)), NAME, &model);
        device.link.hello().unwrap();
        let checked = device.check(&picture(40, 30), &mut |_, _| ()).unwrap();
        assert!(checked.comparison.is_equal());
        // Bytes of 255, which telnet doubles, went both ways: frames end in none of them by chance.
        let bytes = &checked.result.output;
        assert!(bytes.contains(&255), "a picture with white in it");
    }
}
