//! This computer as a computer behind SSH: a server on 127.0.0.1 with keys of its own, an emulated
//! processor, made-up sensors. All of it lies in one temporary folder.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mambalite_hil_toolchain::{LINUX_LIBRARIES, apt_install, find_program};

use super::connection::Destination;
use super::tree::Tree;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::scratch::Scratch;

/// The SSH server. It wants to be called by its full path, and users have no `sbin` on theirs.
pub const SERVER: &str = "/usr/sbin/sshd";
/// Where it puts itself while it has no rights yet; it insists on the folder when run by root.
const SERVER_FOLDER: &str = "/run/sshd";

/// Makes keys.
const KEYGEN: &str = "ssh-keygen";
/// Runs programs of the other processor.
pub(crate) const EMULATOR: &str = "qemu-aarch64-static";
/// Libraries of that processor that the agent needs; by their packages.
const LIBRARY_PACKAGES: [(&str, &str); 2] = [
    ("lib/libc.so.6", "libc6-arm64-cross"),
    ("lib/libgcc_s.so.1", "libgcc-s1-arm64-cross"),
];
/// Ends the server when the harness is killed in a way that runs no destructor.
const GUARD: &str = "setpriv";

/// How long the server may take to listen.
const START: Duration = Duration::from_secs(20);

/// How often a port is tried: another program may take one before the server does.
const ATTEMPTS: u32 = 5;

/// A computer that is played; dropping it ends it and removes its files.
#[derive(Debug)]
pub struct Loopback {
    host: String,
    cpu: String,
    emulator: PathBuf,
    server: Child,
    tree: Tree,
    folder: Scratch,
}

/// Returns the Debian packages that playing such a computer needs and that are not there.
#[must_use]
pub fn missing_packages() -> Vec<&'static str> {
    let mut packages = Vec::new();
    if !Path::new(SERVER).is_file() {
        packages.push("openssh-server");
    }
    for (program, package) in [
        ("ssh", "openssh-client"),
        (KEYGEN, "openssh-client"),
        (EMULATOR, "qemu-user-static"),
        (GUARD, "util-linux"),
    ] {
        if find_program(program).is_none() && !packages.contains(&package) {
            packages.push(package);
        }
    }
    let is_there = |file: &str| Path::new(LINUX_LIBRARIES).join(file).is_file();
    let missing = LIBRARY_PACKAGES.iter().filter(|(file, _)| !is_there(file));
    packages.extend(missing.map(|(_, package)| package));
    packages
}

impl Loopback {
    /// Starts a server that is known to `ssh` as `name`.
    ///
    /// # Errors
    /// [`Error::Missing`] when a program is not installed, [`Error::Emulator`] when the server
    /// does not start, [`Error::Interrupted`].
    pub fn start(name: &str, cpu: &str, interrupt: &Interrupt) -> Result<Self> {
        Self::start_with(name, cpu, "", interrupt)
    }

    /// As [`Loopback::start`], with further lines for the server's configuration.
    ///
    /// # Errors
    /// As [`Loopback::start`].
    pub fn start_with(name: &str, cpu: &str, lines: &str, interrupt: &Interrupt) -> Result<Self> {
        let fail = |cause: String| Error::Emulator {
            board: name.to_owned(),
            cause,
        };
        let missing = missing_packages();
        let (Some(emulator), []) = (find_program(EMULATOR), missing.as_slice()) else {
            return Err(Error::Missing {
                purpose: format!("start `{name}`"),
                missing: missing.join(", "),
                command: apt_install(&missing),
            });
        };
        let folder = Scratch::new(usize::MAX);
        let folder = folder.map_err(|e| fail(format!("make a folder: {e}")))?;
        make_keys(folder.path()).map_err(fail)?;
        let tree = Tree::start(&folder.path().join("root"))
            .map_err(|e| fail(format!("make up sensors: {e}")))?;
        let (server, port) = start_server(folder.path(), lines, interrupt, &fail)?;
        let mut loopback = Self {
            host: name.to_owned(),
            cpu: cpu.to_owned(),
            emulator,
            server,
            tree,
            folder,
        };
        // The server belongs to `loopback` by now, so that an error ends it.
        loopback.introduce(port).map_err(fail)?;
        Ok(loopback)
    }

    /// Returns how `ssh` reaches it.
    #[must_use]
    pub fn destination(&self) -> Destination {
        Destination {
            host: self.host.clone(),
            config: Some(self.path("ssh_config")),
        }
    }

    /// Returns a file of its temporary folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the process id of the server.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.server.id()
    }

    /// Returns the folder for agent and model.
    pub(super) fn home(&self) -> String {
        self.path("home").display().to_string()
    }

    /// Returns the words before the agent that make this processor run it.
    pub(super) fn prefix(&self) -> Vec<String> {
        let emulator = self.emulator.display().to_string();
        // The stand-in for a GPU's driver, if there is one, is copied there.
        let drivers = format!("LD_LIBRARY_PATH={}", self.home());
        let words = ["-cpu", &self.cpu, "-L", LINUX_LIBRARIES, "-E", &drivers].map(str::to_owned);
        [vec![emulator], words.to_vec()].concat()
    }

    /// Returns the options that show the agent the made-up sensors.
    pub(super) fn options(&self) -> Vec<String> {
        let root = self.tree.root();
        let nvpmodel = root.join("usr/bin/nvpmodel");
        vec![
            "--root".to_owned(),
            root.display().to_string(),
            "--nvpmodel".to_owned(),
            nvpmodel.display().to_string(),
        ]
    }

    /// Writes what `ssh` must know of the server.
    fn introduce(&mut self, port: u16) -> core::result::Result<(), String> {
        let host_key = read(&self.path("host_key.pub"))?;
        write(
            &self.path("known_hosts"),
            &format!("[127.0.0.1]:{port} {host_key}"),
        )?;
        let config = format!(
            "Host {}\n\
             \x20 HostName 127.0.0.1\n\
             \x20 Port {port}\n\
             \x20 IdentityFile \"{}\"\n\
             \x20 IdentitiesOnly yes\n\
             \x20 IdentityAgent none\n\
             \x20 UserKnownHostsFile \"{}\"\n\
             \x20 GlobalKnownHostsFile /dev/null\n\
             \x20 ProxyCommand none\n\
             \x20 LogLevel ERROR\n",
            self.host,
            self.path("user_key").display(),
            self.path("known_hosts").display(),
        );
        write(&self.path("ssh_config"), &config)
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        end(&mut self.server);
    }
}

/// Ends a process. It holds nothing that needs a soft end; errors mean it is gone already.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Makes the keys of server and user, good for this folder alone.
fn make_keys(folder: &Path) -> core::result::Result<(), String> {
    for name in ["host_key", "user_key"] {
        let mut command = Command::new(KEYGEN);
        command
            .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
            .arg(folder.join(name))
            .stdin(Stdio::null());
        let output = command
            .output()
            .map_err(|e| format!("start {KEYGEN}: {e}"))?;
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("make a key: {}", words.trim()));
        }
    }
    let key = read(&folder.join("user_key.pub"))?;
    write(&folder.join("authorized_keys"), &format!("restrict {key}"))?;
    let home = folder.join("home");
    std::fs::create_dir(&home).map_err(|e| format!("make {}: {e}", home.display()))
}

/// Starts the server on a free port and waits until it listens.
fn start_server(
    folder: &Path,
    lines: &str,
    interrupt: &Interrupt,
    fail: &impl Fn(String) -> Error,
) -> Result<(Child, u16)> {
    prepare_server_folder();
    let mut cause = String::new();
    for _ in 0..ATTEMPTS {
        let port = free_port().map_err(|e| fail(format!("find a port: {e}")))?;
        let config = folder.join("sshd_config");
        write(&config, &server_config(folder, port, lines)).map_err(fail)?;
        let mut server = spawn(&config, &folder.join("sshd.log")).map_err(fail)?;
        match wait_for(&mut server, port, interrupt) {
            Ok(true) => return Ok((server, port)),
            Ok(false) => {
                let words = read(&folder.join("sshd.log")).unwrap_or_default();
                cause = format!("{SERVER} does not listen: {}", words.trim());
            }
            Err(error) => {
                end(&mut server);
                return Err(error);
            }
        }
        end(&mut server);
    }
    Err(fail(cause))
}

/// Makes the server's folder where it is missing. Only root can and only root's server needs it;
/// the message of a server that lacks it says so.
fn prepare_server_folder() {
    let _ = std::fs::create_dir(SERVER_FOLDER)
        .and_then(|()| std::fs::set_permissions(SERVER_FOLDER, PermissionsExt::from_mode(0o755)));
}

fn server_config(folder: &Path, port: u16, lines: &str) -> String {
    // Modes are not checked: the folders above a temporary one are not ours. PAM is left out: it
    // needs root and asks for more than a key.
    format!(
        "Port {port}\n\
         ListenAddress 127.0.0.1\n\
         HostKey \"{}\"\n\
         AuthorizedKeysFile \"{}\"\n\
         PidFile none\n\
         StrictModes no\n\
         UsePAM no\n\
         AuthenticationMethods publickey\n\
         PasswordAuthentication no\n\
         KbdInteractiveAuthentication no\n\
         PermitRootLogin prohibit-password\n\
         PermitUserEnvironment no\n\
         UseDNS no\n\
         PrintMotd no\n\
         {lines}\n",
        folder.join("host_key").display(),
        folder.join("authorized_keys").display(),
    )
}

fn free_port() -> std::io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

fn spawn(config: &Path, log: &Path) -> core::result::Result<Child, String> {
    let words = File::create(log).map_err(|e| format!("write {}: {e}", log.display()))?;
    let mut command = Command::new(GUARD);
    command
        .args(["--pdeathsig", "KILL", SERVER, "-D", "-e", "-f"])
        .arg(config)
        // A group of its own: Ctrl-C goes to the harness, which ends the server in order.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(words);
    command.spawn().map_err(|e| format!("start {SERVER}: {e}"))
}

/// Waits until the server listens; false when it ended or takes too long.
fn wait_for(server: &mut Child, port: u16, interrupt: &Interrupt) -> Result<bool> {
    let (address, start) = (
        SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        Instant::now(),
    );
    while start.elapsed() < START {
        interrupt.check()?;
        if !matches!(server.try_wait(), Ok(None)) {
            return Ok(false);
        }
        if TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok() {
            return Ok(true);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(false)
}

fn read(file: &Path) -> core::result::Result<String, String> {
    std::fs::read_to_string(file).map_err(|e| format!("read {}: {e}", file.display()))
}

fn write(file: &Path, text: &str) -> core::result::Result<(), String> {
    std::fs::write(file, text).map_err(|e| format!("write {}: {e}", file.display()))
}
