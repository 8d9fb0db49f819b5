//! The decoder against a recorded crash, and against damaged records of it.

use proptest::prelude::*;

use super::*;

const ELF: &[u8] = include_bytes!("fixture/crash.elf");
const LOG: &str = include_str!("fixture/crash.log");

fn line(message: &str) -> Line {
    Line {
        time: String::new(),
        level: "error".to_owned(),
        message: message.to_owned(),
        place: String::new(),
    }
}

fn log(text: &str) -> Vec<Line> {
    text.lines().map(line).collect()
}

fn names(report: &CrashReport) -> Vec<(&str, bool)> {
    let frames = report.frames.iter();
    frames
        .map(|it| (it.function.as_str(), it.certain))
        .collect()
}

const CALLS: [(&str, bool); 4] = [
    ("crash::network::multiply", true),
    ("crash::network::convolve", true),
    ("crash::network::upscale", true),
    ("reset", true),
];

#[test]
fn a_recorded_fault_is_unwound_to_the_first_function() {
    let report = decode(&log(LOG), ELF).unwrap();
    assert_eq!(report.cause, "undefined instruction");
    assert_eq!(names(&report), CALLS, "{report}");
    assert!(report.complete);
    let source = include_str!("fixture/crash.rs");
    let text = |frame: &Frame| source.lines().nth(frame.line as usize - 1).unwrap();
    for (frame, words) in report.frames.iter().zip([
        "udf #0",
        "multiply(&mut sums)",
        "convolve(index",
        "upscale(value)",
    ]) {
        assert!(frame.file.ends_with("main.rs"), "{frame}");
        assert!(text(frame).contains(words), "{frame}: {}", text(frame));
    }
    let shown = report.to_string();
    assert!(
        shown.contains(" 0: crash::network::multiply at "),
        "{shown}"
    );
    assert!(shown.contains("cfsr 0x00010000"), "{shown}");
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<CrashReport>(&json).unwrap(), report);
}

/// A handler that tells the stack pointer as it was inside the exception.
#[test]
fn the_exception_frame_is_stepped_over() {
    let dump = Dump::read(LOG.lines()).unwrap();
    let sp = dump.register("sp").unwrap();
    let frame = ["r0", "r1", "r2", "r3", "r12", "lr", "pc", "xpsr"];
    let frame = frame.map(|name| format!("{:#010x}", dump.register(name).unwrap()));
    for bytes in [0x20, 0x68] {
        let inner = sp - bytes;
        let mut text = LOG.replace(&format!("sp={sp:#010x}"), &format!("sp={inner:#010x}"));
        text += &format!("fault stack {inner:#010x}: {}\n", frame.join(" "));
        let report = decode(&log(&text), ELF).unwrap();
        assert_eq!(names(&report), CALLS, "{bytes}: {report}");
    }
}

/// Renames the section that says how frames are unwound.
fn without_rules() -> Vec<u8> {
    let mut elf = ELF.to_vec();
    let name = b".debug_frame";
    let at = elf.windows(name.len()).position(|it| it == name).unwrap();
    elf[at..at + name.len()].copy_from_slice(b".debug_frale");
    elf
}

#[test]
fn without_rules_a_call_of_the_very_function_tells_its_caller() {
    let report = decode(&log(LOG), &without_rules()).unwrap();
    assert_eq!(names(&report), CALLS, "{report}");
    assert!(!report.complete);
}

#[test]
fn callers_that_may_be_others_are_guessed_and_said_to_be() {
    use object::{Object, ObjectSection};
    let mut elf = without_rules();
    let text = object::File::parse(ELF).unwrap();
    let text = text.section_by_name(".text").unwrap();
    let (offset, _) = text.file_range().unwrap();
    // Calls through a register (BLX r3, after a NOP) do not tell whom they call.
    for address in [0x188, 0x2b0] {
        let at = (offset + address - 4) as usize;
        elf[at..at + 4].copy_from_slice(&[0x00, 0xbf, 0x98, 0x47]);
    }
    let report = decode(&log(LOG), &elf).unwrap();
    let found = names(&report);
    assert_eq!(found[..2], CALLS[..2], "{report}");
    let guessed: Vec<_> = CALLS[2..].iter().map(|&(name, _)| (name, false)).collect();
    assert_eq!(found[2..], guessed, "{report}");
    assert!(report.to_string().contains("(guessed)") && !report.complete);
}

#[test]
fn a_short_slice_of_the_stack_ends_the_list_and_is_said() {
    // The return address of `convolve` is in the first line, that of `upscale` is not.
    let text: String = LOG.lines().take(3).map(|it| format!("{it}\n")).collect();
    let report = decode(&log(&text), ELF).unwrap();
    assert_eq!(names(&report), CALLS[..3], "{report}");
    assert!(!report.complete && report.to_string().contains("was not logged"));
}

#[test]
fn without_a_program_cause_and_registers_are_left() {
    let report = decode(&log(LOG), b"no program").unwrap();
    assert_eq!((report.frames.len(), report.registers.len()), (0, 13));
    let pc = report.registers.iter().find(|it| it.name == "pc").unwrap();
    assert!(pc.value.starts_with("0x000001"), "{pc:?}");
}

#[test]
fn a_panic_has_its_place() {
    for text in [
        "thread 'main' panicked at src/a b.rs:12:5:\nout of bounds",
        "panicked at src/a b.rs:12:5:\nout of bounds",
    ] {
        // Of a board in one message, of a program in two lines.
        for lines in [vec![line(text)], log(text)] {
            let report = decode(&lines, ELF).unwrap();
            assert_eq!(report.cause, "panic: out of bounds");
            let frame = &report.frames[0];
            assert_eq!((frame.file.as_str(), frame.line), ("src/a b.rs", 12));
        }
    }
    assert_eq!(decode(&log("job 1 is done"), ELF), None);
}

#[test]
fn functions_are_found_by_name() {
    let found = find_functions(ELF, |name| name.contains("convolve"));
    let [(start, name)] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert!(*start > 0 && start.is_multiple_of(2));
    assert_eq!(name, "crash::network::convolve");
    assert!(find_functions(ELF, |name| name == "nowhere").is_empty());
}

#[test]
fn generic_arguments_are_left_out_of_what_is_shown() {
    let short = |name: &str| {
        Frame {
            address: 0,
            function: name.to_owned(),
            file: String::new(),
            line: 0,
            certain: true,
        }
        .short_name()
    };
    assert_eq!(short("a::b::<c::<d>, fn() -> e>::f"), "a::b::f");
    assert_eq!(short("<a::B<c>>::d::<e::{closure#0}>"), "<a::B<c>>::d");
    assert_eq!(short("plain"), "plain");
    assert_eq!(short("odd::<cut"), "odd");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Whatever is damaged: no panic, no endless walk.
    #[test]
    fn a_damaged_program_never_panics(
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        cut: Option<prop::sample::Index>,
    ) {
        let mut elf = ELF.to_vec();
        for (place, value) in places {
            let place = place.index(elf.len());
            elf[place] = value;
        }
        if let Some(cut) = cut {
            elf.truncate(cut.index(elf.len()));
        }
        let _ = decode(&log(LOG), &elf);
        let _ = find_functions(&elf, |_| true);
    }

    #[test]
    fn a_damaged_log_never_panics(
        values in prop::collection::vec(any::<u32>(), 9),
        words in prop::collection::vec(prop_oneof![any::<u32>(), 0_u32..0x800], 0..80),
        stack_at: u32,
        riscv: bool,
    ) {
        let names = if riscv {
            ["ra", "sp", "gp", "tp", "t0", "t6", "a0", "a7", "s1"]
        } else {
            ["r0", "r1", "r2", "r3", "r12", "lr", "pc", "xpsr", "sp"]
        };
        let pairs = names.iter().zip(&values).map(|(name, value)| format!("{name}={value:#x}"));
        let pairs: Vec<_> = pairs.collect();
        let words: Vec<_> = words.iter().map(|word| format!("{word:#010x}")).collect();
        let text = format!(
            "fault regs {}\nfault status {}={:#x}\nfault stack {stack_at:#x}: {}",
            pairs.join(" "),
            if riscv { "mepc" } else { "cfsr" },
            values[0],
            words.join(" ")
        );
        let report = decode(&log(&text), ELF).unwrap();
        prop_assert!(report.frames.len() < 200);
    }

    #[test]
    fn text_never_panics(text in "\\PC*", more in "(fault (regs|stack|status) [a-z0-9=x: ]*\n)*") {
        let report = decode(&log(&(text + &more)), ELF);
        let _ = report.map(|it| it.to_string());
    }
}
