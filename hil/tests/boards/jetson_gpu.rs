//! The GPU of the virtual Jetson: the agent opens a stand-in for the driver, which interprets the
//! kernels; and what is said where there is no driver. Emulated within an emulation, so all is tiny.

use std::time::Instant;

use mambalite_hil::backend::{Backend, Wanted};
use mambalite_hil::device::Device;
use mambalite_hil::error::EXIT_MISSING;
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::observer::Silent;
use mambalite_hil::run::{self, Order};
use mambalite_hil::state::State;
use mambalite_hil::verdict::Verdict;
use mambalite_hil::{Error, controls};
use object::elf::{FileHeader64, PT_INTERP};
use object::read::elf::{ElfFile, FileHeader, ProgramHeader, SectionHeader};
use object::{LittleEndian, elf};

use crate::jetson::{BOARD, Setup, agent, boards, can_run};
use crate::model::{invented_for_gpu, picture};

/// What the stand-in calls its device.
const DEVICE: &str = "PTX interpreter";

/// The C library of JetPack 6, Ubuntu 22.04.
const GLIBC_MAX: (u32, u32) = (2, 35);
/// Largest agent, bytes.
const AGENT_BYTES_MAX: usize = 4 << 20;

#[test]
fn qemu_the_gpu_of_the_virtual_jetson_gives_the_bytes_of_the_host() {
    if !can_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (input, model) = (folder.path().join("lr.png"), folder.path().join("m.mls"));
    picture(5, 4).save(&input).unwrap();
    invented_for_gpu(4).save(&model).unwrap();
    let state = State::at(folder.path().join("state"));
    let order = Order {
        boards: vec![BOARD.to_owned()],
        model: model.display().to_string(),
        backend: Wanted::Cuda,
        ..Order::new(input, folder.path().join("out"), state)
    };
    let start = Instant::now();
    let outcome = run::run(&order, &boards(), &Interrupt::default(), &Silent).unwrap();
    println!("{:.1} s, built or not", start.elapsed().as_secs_f64());
    let board = &outcome.report.boards[0];
    let why = (&board.failure, &board.first_difference, &board.controls);
    assert_eq!(board.verdict, Verdict::Pass, "{why:?}");
    let device = DEVICE.to_owned();
    let found = &board.device.as_ref().unwrap().backend;
    assert_eq!(
        (board.board.backend, found),
        (Wanted::Cuda, &Backend::Cuda { device })
    );
    // The output alone was compared, and nothing else is claimed.
    assert!(board.jobs[0].output_equal && board.jobs[0].layers.is_empty());
    assert_eq!(board.controls.len(), controls::COUNT);
    assert!(
        board.controls.iter().all(|it| !it.how.contains("digest")),
        "{why:?}"
    );
    let said = |text: &str| board.log.iter().any(|line| line.message.contains(text));
    assert!(said(DEVICE), "{:?}", board.log);
    for (path, words) in [
        (&outcome.paths.json, "\"kind\": \"cuda\""),
        (&outcome.paths.html, "output only"),
    ] {
        let text = std::fs::read_to_string(path).unwrap();
        assert!(
            text.contains(words) && text.contains(DEVICE),
            "{}",
            path.display()
        );
    }
}

#[test]
fn qemu_without_a_driver_cuda_is_refused_and_auto_takes_the_cpu() {
    if !can_run() {
        return;
    }
    let with = |wanted| {
        let mut setup = Setup::new("");
        setup.model = invented_for_gpu(4);
        setup.board.backend = wanted;
        setup
    };
    let setup = with(Wanted::Cuda);
    let (station, mut link) = setup.start();
    let error = link.hello().unwrap_err();
    assert!(matches!(error, Error::Gpu { .. }), "{error}");
    assert!(error.to_string().contains("libcuda.so"), "{error}");
    assert_eq!(error.exit_code(), EXIT_MISSING);
    drop((station, link));
    setup.assert_nothing_stays();

    let setup = with(Wanted::Auto);
    let (station, mut link) = setup.start();
    let info = link.hello().unwrap();
    let Backend::Cpu { note: Some(note) } = &info.backend else {
        panic!("{:?}", info.backend);
    };
    assert!(note.contains("libcuda.so"), "{note}");
    // All layers are compared again.
    let model = setup.model.model();
    let mut device = Device::new(link, BOARD, &model);
    let checked = device.check(&picture(5, 4), &mut |_, _| ()).unwrap();
    assert!(checked.comparison.is_equal() && !checked.comparison.layers.is_empty());
    drop((station, device));
    setup.assert_nothing_stays();
}

/// A version of the C library, of `GLIBC_2.17`.
fn version(name: &str) -> Option<(u32, u32)> {
    let (major, rest) = name.strip_prefix("GLIBC_")?.split_once('.')?;
    let minor = rest.split('.').next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[test]
fn qemu_the_agent_is_small_and_runs_with_the_c_library_of_jetpack_6() {
    if !can_run() {
        return;
    }
    let image = agent(&boards().load(BOARD).unwrap());
    assert!(
        image.elf.len() <= AGENT_BYTES_MAX,
        "{} bytes",
        image.elf.len()
    );
    println!("{} bytes", image.elf.len());
    type Header = FileHeader64<LittleEndian>;
    let file = ElfFile::<Header>::parse(&*image.elf).unwrap();
    let endian = file.endian();
    let mut headers = file.elf_program_headers().iter();
    assert!(
        headers.any(|it| it.p_type(endian) == PT_INTERP),
        "it is static"
    );
    let sections = file.elf_header().sections(endian, &*image.elf).unwrap();
    let mut names = Vec::new();
    for section in sections.iter() {
        let needed = section.gnu_verneed(endian, &*image.elf).unwrap();
        let Some((mut needed, link)) = needed else {
            continue;
        };
        let strings = sections.strings(endian, &*image.elf, link).unwrap();
        while let Some((_, mut versions)) = needed.next().unwrap() {
            while let Some(version) = versions.next().unwrap() {
                // A weak one may be missing.
                if (version.vna_flags.get(endian) & elf::VER_FLG_WEAK).0 == 0 {
                    let name = version.name(endian, strings).unwrap();
                    names.push(String::from_utf8(name.to_vec()).unwrap());
                }
            }
        }
    }
    println!("{names:?}");
    let found: Vec<_> = names.iter().filter_map(|name| version(name)).collect();
    assert!(!found.is_empty());
    assert!(found.iter().all(|&it| it <= GLIBC_MAX), "{names:?}");
}
