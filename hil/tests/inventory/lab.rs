//! A coordinator and an exporter of labgrid on 127.0.0.1.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The version that the tests are written for.
const PACKAGE: &str = "labgrid==26.0.1";
/// Longest wait for what takes a second on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

const RESOURCES: &str = "bench:
  NetworkSerialPort:
    host: 127.0.0.1
    port: 4001
    speed: 921600
    protocol: raw
computer:
  NetworkService:
    address: 127.0.0.2
    username: root
spare:
  NetworkService:
    address: 127.0.0.3
    username: root
";

/// Ends with the lab.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A lab with the groups of [`RESOURCES`] and no place.
pub(crate) struct Lab {
    pub(crate) address: String,
    _folder: TempDir,
    _servers: [Server; 2],
}

/// Returns the folder of labgrid's programs, installed once; says what is missing where it is.
fn programs() -> Option<&'static Path> {
    static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match FOLDER.get_or_init(install) {
        Ok(folder) => Some(folder),
        Err(cause) => {
            println!("SKIP labgrid: {cause}");
            None
        }
    }
}

fn install() -> Result<PathBuf, String> {
    // Beside the target folder's profile: `target/labgrid-venv`.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let venv = target.join("labgrid-venv");
    let run = |command: &mut Command| {
        let output = command.output().map_err(|error| error.to_string())?;
        let words = String::from_utf8_lossy(&output.stderr);
        let last = words.lines().last().unwrap_or("no words").to_owned();
        if output.status.success() {
            Ok(())
        } else {
            Err(format!("{command:?}: {last}"))
        }
    };
    let (programs, whole) = (venv.join("bin"), venv.join("whole"));
    // Each test is a process: one installs, the others wait, and none takes what is half there.
    let lock = File::create(target.join("labgrid-venv.lock"));
    let lock = lock.map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    if !whole.is_file() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        let pip = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--retries",
            "1",
            "--disable-pip-version-check",
        ];
        run(Command::new(programs.join("python")).args(pip).arg(PACKAGE))?;
        File::create(&whole).map_err(|error| error.to_string())?;
    }
    Ok(programs)
}

/// Returns the client, where labgrid can be had.
pub(crate) fn client() -> Option<PathBuf> {
    programs().map(|programs| programs.join("labgrid-client"))
}

impl Lab {
    /// Starts one, where labgrid can be had.
    pub(crate) fn start() -> Option<Self> {
        let programs = programs()?;
        let folder = tempfile::tempdir().unwrap();
        let resources = folder.path().join("exporter.yaml");
        std::fs::write(&resources, RESOURCES).unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let address = format!("127.0.0.1:{port}");
        let serve = |program: &str, words: &[&str]| {
            let mut command = Command::new(programs.join(program));
            command.args(words).current_dir(folder.path());
            let child = command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            Server(child.unwrap())
        };
        let coordinator = serve("labgrid-coordinator", &["-l", &address]);
        let exporter = [
            "-c",
            &address,
            "-n",
            "lab1",
            "--hostname",
            "127.0.0.1",
            "exporter.yaml",
        ];
        let start = Instant::now();
        while std::net::TcpStream::connect(&address).is_err() {
            assert!(start.elapsed() < PATIENCE, "the coordinator listens");
            std::thread::sleep(Duration::from_millis(50));
        }
        let lab = Self {
            _servers: [coordinator, serve("labgrid-exporter", &exporter)],
            address,
            _folder: folder,
        };
        while !lab
            .say("somebody", &["resources"])
            .contains("lab1/computer")
        {
            assert!(start.elapsed() < PATIENCE, "the exporter has registered");
        }
        Some(lab)
    }

    /// Makes a place of a group.
    pub(crate) fn place(&self, name: &str, group: &str, tags: &[&str]) {
        self.say("somebody", &["-p", name, "create"]);
        self.say(
            "somebody",
            &["-p", name, "add-match", &format!("lab1/{group}/*")],
        );
        if !tags.is_empty() {
            self.say("somebody", &[&["-p", name, "set-tags"], tags].concat());
        }
    }

    /// Runs the client as a person on another computer; returns what it prints.
    pub(crate) fn say(&self, user: &str, words: &[&str]) -> String {
        let output = self.try_to_say(user, words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn try_to_say(&self, user: &str, words: &[&str]) -> Output {
        let (host, user) = user.split_once('/').unwrap_or(("elsewhere", user));
        let mut command = Command::new(client().unwrap());
        command.args(["-x", &self.address]).args(words);
        command.env("LG_USERNAME", user).env("LG_HOSTNAME", host);
        command
            .env_remove("LG_PLACE")
            .env_remove("LG_ENV")
            .output()
            .unwrap()
    }

    /// Returns who has a place, as `host/user`.
    pub(crate) fn holder(&self, place: &str) -> Option<String> {
        let page = self.say("somebody", &["-p", place, "show"]);
        let mut lines = page
            .lines()
            .filter_map(|line| line.trim().strip_prefix("acquired: "));
        lines
            .next()
            .filter(|holder| *holder != "None")
            .map(str::to_owned)
    }
}
