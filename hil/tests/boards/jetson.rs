//! The virtual Jetson: a computer behind SSH, played by this one. The names of the tests say
//! `qemu`, for they run an emulator and a server.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};

use mambalite::model_file::ModelFile;
use mambalite_hil::bench::check_identity;
use mambalite_hil::board::{Board, Boards};
use mambalite_hil::device::Device;
use mambalite_hil::error::{EXIT_INTERRUPTED, EXIT_LINK, EXIT_MISSING};
use mambalite_hil::firmware::{self, Image, find_toolchain};
use mambalite_hil::flasher::Flasher;
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::link::Link;
use mambalite_hil::observer::Silent;
use mambalite_hil::run::{self, Order};
use mambalite_hil::ssh::{Loopback, SshLine, Station, missing_packages};
use mambalite_hil::state::State;
use mambalite_hil::verdict::Verdict;
use mambalite_hil::{Error, controls};

use crate::model::{invented, picture};
use crate::process::{signal, wait_until};

pub(crate) const BOARD: &str = "virtual-jetson";
const CPU: &str = "cortex-a76";

pub(crate) fn boards() -> Boards {
    Boards::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Reports whether the virtual Jetson can be run here; says what is missing where not.
pub(crate) fn can_run() -> bool {
    let missing = missing_packages();
    if !missing.is_empty() {
        println!("SKIP qemu: {} not installed", missing.join(", "));
        return false;
    }
    match find_toolchain("aarch64-unknown-linux-gnu") {
        Ok(_) => true,
        Err(error) => {
            println!("SKIP qemu: {error}");
            false
        }
    }
}

/// Returns the agent, built once.
pub(crate) fn agent(board: &Board) -> &'static Image {
    static AGENT: OnceLock<Image> = OnceLock::new();
    AGENT.get_or_init(|| {
        let interrupt = Interrupt::default();
        firmware::build(&boards(), board, true, &interrupt, &mut |_| ()).unwrap()
    })
}

/// A computer, and what belongs on it.
pub(crate) struct Setup {
    pub(crate) board: Board,
    loopback: Arc<Loopback>,
    pub(crate) model: ModelFile,
    folder: tempfile::TempDir,
}

impl Setup {
    /// Plays the computer; `lines` go into its server's configuration.
    pub(crate) fn new(lines: &str) -> Self {
        // Built first: a connection that nothing uses for long is closed.
        let board = boards().load(BOARD).unwrap();
        agent(&board);
        let loopback = Loopback::start_with(BOARD, CPU, lines, &Interrupt::default()).unwrap();
        Self {
            board,
            loopback: Arc::new(loopback),
            model: invented(7),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn open(&self) -> Result<Station, Error> {
        let log = self.folder.path().join("log");
        let loopback = Arc::clone(&self.loopback);
        Station::open_on(&self.board, loopback, &log, &Interrupt::default())
    }

    /// Copies everything and starts the agent.
    pub(crate) fn start(&self) -> (Station, Link<SshLine>) {
        let mut station = self.open().unwrap();
        let agent = agent(&self.board);
        let copied = station.deploy(agent, self.model.bytes(), &mut |_| ());
        assert_eq!(copied.unwrap(), 2);
        station.resume().unwrap();
        let line = station.line();
        (
            station,
            Link::new(line, self.board.backend.patience(), Interrupt::default()),
        )
    }

    /// Returns the names of the files on the computer, hidden ones too.
    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.loopback.path("home")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|it| it.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Ends the computer and checks that no process of it and no file is left.
    pub(crate) fn assert_nothing_stays(self) {
        let folder = self.loopback.path("");
        let mark = folder.display().to_string();
        let mark = mark.trim_end_matches('/').to_owned();
        drop(self);
        wait_until("the folder stays", || !folder.exists());
        wait_until("a process stays", || processes_with(&mark).is_empty());
    }
}

/// Returns the processes whose command line has a text.
fn processes_with(text: &str) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    processes
        .filter(|process| {
            let words = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&words).contains(text)
        })
        .collect()
}

/// Returns the emulated agents of a computer.
fn agents(setup: &Setup) -> Vec<u32> {
    let agent = setup.loopback.path("home/agent");
    let with = processes_with(&agent.display().to_string());
    let is_emulator = |process: &u32| {
        let words = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).starts_with("/usr/bin/qemu-aarch64-static")
    };
    with.into_iter().filter(is_emulator).collect()
}

/// Returns the processes of the server that serve a connection, not the listening one.
fn connections(setup: &Setup) -> Vec<u32> {
    let server = setup.loopback.process_id();
    let output = Command::new("ps")
        .args(["-o", "pid=", "--ppid", &server.to_string()])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace()
        .map(|it| it.parse().unwrap())
        .collect()
}

fn kill(processes: &[u32]) {
    assert!(!processes.is_empty(), "nothing to kill");
    for &process in processes {
        signal(process, "KILL");
    }
}

#[test]
fn qemu_the_virtual_jetson_computes_what_the_host_computes() {
    if !can_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (input, model) = (folder.path().join("lr.png"), folder.path().join("m.mls"));
    picture(24, 20).save(&input).unwrap();
    invented(4).save(&model).unwrap();
    let state = State::at(folder.path().join("state"));
    let order = Order {
        boards: vec![BOARD.to_owned()],
        model: model.display().to_string(),
        ..Order::new(input, folder.path().join("out"), state)
    };
    let outcome = run::run(&order, &boards(), &Interrupt::default(), &Silent).unwrap();
    let board = &outcome.report.boards[0];
    let why = (&board.failure, &board.first_difference, &board.controls);
    assert_eq!(board.verdict, Verdict::Pass, "{why:?}");
    assert_eq!(board.controls.len(), controls::COUNT);
    assert!(!board.log.is_empty(), "the agent has no log");
    assert_eq!(board.memory.stack_used_bytes, None);
    // Numbers that nothing measured are told as such.
    let sensors = board.sensors.as_ref().unwrap();
    let rails: Vec<_> = sensors.rails().map(|rail| rail.name.as_str()).collect();
    assert_eq!(rails, ["VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"]);
    assert!(sensors.made_up && sensors.notes[0].contains("made up"));
    assert!(
        sensors.facts.iter().any(|fact| fact.contains("VIRTUAL")),
        "{sensors:?}"
    );
}

#[test]
fn qemu_files_are_copied_only_when_they_change() {
    if !can_run() {
        return;
    }
    let setup = Setup::new("");
    let (mut station, mut link) = setup.start();
    let info = link.hello().unwrap();
    let (agent, model) = (agent(&setup.board), setup.model.model());
    check_identity(&info, &setup.board, &agent.build_id, &model.sha256()).unwrap();
    assert_eq!(link.echo(&[0, 10, 13, 0xff].repeat(5000)).unwrap(), 0);
    // A fresh window has other values: the tree moves.
    let first = link.sensors(true).unwrap().unwrap();
    assert!(
        first
            .readings
            .iter()
            .any(|it| it.name == "VDD_IN" && it.samples > 0)
    );
    wait_until("the sensors stand still", || {
        let sensors = link.sensors(false).unwrap().unwrap();
        sensors
            .readings
            .iter()
            .any(|it| it.name == "VDD_IN" && it.min < it.max)
    });
    let copied = station.deploy(agent, setup.model.bytes(), &mut |_| ());
    assert_eq!(copied.unwrap(), 0);
    let copied = station.deploy(agent, invented(8).bytes(), &mut |_| ());
    assert_eq!(copied.unwrap(), 1);
    assert_eq!(setup.files(), ["agent", "model.mls"]);
    drop((station, link));
    setup.assert_nothing_stays();
}

#[test]
fn qemu_another_host_key_is_refused() {
    if !can_run() {
        return;
    }
    let setup = Setup::new("");
    let known = setup.loopback.path("known_hosts");
    let right = std::fs::read_to_string(&known).unwrap();
    let user_key = std::fs::read_to_string(setup.loopback.path("user_key.pub")).unwrap();
    let (host, _) = right.split_once(' ').unwrap();
    for (text, word) in [
        (format!("{host} {user_key}"), "changed"),
        (String::new(), "none is known"),
    ] {
        std::fs::write(&known, text).unwrap();
        let Err(error) = setup.open() else {
            panic!("it was let in");
        };
        assert!(matches!(error, Error::HostKey { .. }), "{error}");
        assert!(error.to_string().contains(word), "{error}");
        assert_eq!(error.exit_code(), EXIT_MISSING);
    }
    assert!(setup.files().is_empty());
    setup.assert_nothing_stays();
}

#[test]
fn qemu_a_full_disk_is_told_and_leaves_no_file() {
    if !can_run() {
        return;
    }
    // No file may grow beyond 128 KiB at most (shells count in blocks of their own), and the signal that goes with it is ignored.
    let limit = "ForceCommand trap '' XFSZ; ulimit -f 128; eval \"$SSH_ORIGINAL_COMMAND\"";
    let setup = Setup::new(limit);
    let mut station = setup.open().unwrap();
    let copied = station.deploy(agent(&setup.board), setup.model.bytes(), &mut |_| ());
    let error = copied.unwrap_err();
    assert!(matches!(error, Error::DiskFull { .. }), "{error}");
    assert!(error.to_string().contains("no room"), "{error}");
    assert_eq!(error.exit_code(), EXIT_LINK);
    assert!(setup.files().is_empty(), "{:?}", setup.files());
    drop(station);
    setup.assert_nothing_stays();
}

#[test]
fn qemu_a_small_disk_is_refused_before_a_byte_is_written() {
    if !can_run() {
        return;
    }
    let own_mounts = Command::new("unshare").args(["--mount", "true"]).status();
    if !own_mounts.is_ok_and(|status| status.success()) {
        println!("SKIP qemu: only root mounts a small disk");
        return;
    }
    // Each command finds an empty disk of 256 KiB in the place of the folder.
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("small-disk");
    let text = "mount -t tmpfs -o size=256k none \"$1\" && eval \"$SSH_ORIGINAL_COMMAND\"\n";
    std::fs::write(&script, text).unwrap();
    let script = script.display();
    // The folder of the files is known only when the server runs.
    let setup = Setup::new(&format!(
        "ForceCommand unshare --mount sh {script} \"$(cat {}/home)\"",
        folder.path().display()
    ));
    let home = setup.loopback.path("home").display().to_string();
    std::fs::write(folder.path().join("home"), home).unwrap();
    let mut station = setup.open().unwrap();
    let copied = station.deploy(agent(&setup.board), setup.model.bytes(), &mut |_| ());
    let error = copied.unwrap_err();
    assert!(matches!(error, Error::DiskFull { .. }), "{error}");
    assert!(error.to_string().contains("KiB are free"), "{error}");
    drop(station);
    setup.assert_nothing_stays();
}

#[test]
fn qemu_an_agent_that_dies_is_told_with_its_words() {
    if !can_run() {
        return;
    }
    let setup = Setup::new("");
    let (station, mut link) = setup.start();
    link.hello().unwrap();
    kill(&agents(&setup));
    let error = link.hello().unwrap_err();
    assert!(matches!(error, Error::Agent { .. }), "{error}");
    assert!(error.to_string().contains("arena"), "{error}");
    assert_eq!(error.exit_code(), EXIT_LINK);
    drop((station, link));
    setup.assert_nothing_stays();
}

#[test]
fn qemu_a_connection_cut_in_mid_stream_is_told_as_such() {
    if !can_run() {
        return;
    }
    let setup = Setup::new("");
    let (station, mut link) = setup.start();
    link.hello().unwrap();
    let model = setup.model.model();
    let mut device = Device::new(link, BOARD, &model);
    let mut cut = false;
    let outcome = device.check(&picture(64, 400), &mut |acknowledged, _| {
        if acknowledged > 0 && !cut {
            cut = true;
            kill(&connections(&setup));
        }
    });
    let error = outcome.map(|_| ()).unwrap_err();
    assert!(cut, "the job was over before the cut");
    assert!(matches!(error, Error::Disconnected { .. }), "{error}");
    assert_eq!(error.exit_code(), EXIT_LINK);
    // The far side notices by itself.
    wait_until("the agent stays", || agents(&setup).is_empty());
    drop((station, device));
    setup.assert_nothing_stays();
}

/// Runs the program on a picture that takes long, sends it a signal once the agent runs, and
/// returns its exit code; every process must be gone afterwards.
fn stop_with(name: &str) -> Option<i32> {
    let folder = tempfile::tempdir().unwrap();
    let (input, model) = (folder.path().join("in.png"), folder.path().join("m.mls"));
    picture(300, 300).save(&input).unwrap();
    invented(6).save(&model).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hil"));
    command.args(["run", "--no-build", "--board", BOARD]);
    command.arg("--model").arg(model).arg("--input").arg(input);
    command.arg("--out").arg(folder.path().join("out"));
    // Its own folder for temporary files: what is left is seen, and goes with this one.
    let temporary = folder.path().join("t");
    std::fs::create_dir(&temporary).unwrap();
    command.env("TMPDIR", &temporary);
    command.env("HIL_STATE", folder.path().join("state"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mark = temporary.display().to_string();
    let agent = |process: &u32| {
        let words = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).contains("qemu-aarch64-static")
    };
    wait_until("the agent does not run", || {
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended before it began"
        );
        processes_with(&mark).iter().any(agent)
    });
    let status = Command::new("kill")
        .args(["-s", name, &child.id().to_string()])
        .status();
    assert!(status.unwrap().success());
    let code = child.wait().unwrap().code();
    wait_until("a process stays", || processes_with(&mark).is_empty());
    let left = std::fs::read_dir(&temporary).unwrap().count();
    assert!(name == "KILL" || left == 0, "{left} files or folders stay");
    code
}

#[test]
fn qemu_a_stopped_run_leaves_no_process() {
    if !can_run() {
        return;
    }
    agent(&boards().load(BOARD).unwrap());
    assert_eq!(stop_with("INT"), Some(i32::from(EXIT_INTERRUPTED)));
    // Killed, it cannot end its master process, which then ends by itself.
    assert_eq!(stop_with("KILL"), None);
}
