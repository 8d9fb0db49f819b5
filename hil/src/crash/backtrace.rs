//! Which functions had called the one that took the fault.
//!
//! As far as the stack was logged, frames are unwound by the rules in `.debug_frame`. Where those
//! need a register that was not logged (r7, the frame pointer of Thumb code), a return address
//! counts when the instruction before it calls the very function that is left. Where that finds
//! none either, words of the stack that would be return addresses are told as guesses.

use gimli::Register;

use super::Frame;
use super::dump::Dump;
use super::program::{Program, Step};

/// Functions that are unwound or guessed; a handler logs 32 words.
const CALLS_MAX: usize = 32;

/// Words of an exception frame of Armv7-M without floating point.
const EXCEPTION_FRAME: [&str; 8] = ["r0", "r1", "r2", "r3", "r12", "lr", "pc", "xpsr"];

/// Bytes of an exception frame without and with floating-point registers.
const EXCEPTION_FRAME_BYTES: [u32; 2] = [0x20, 0x68];

/// Bit of xPSR: the exception frame was aligned by a word more.
const ALIGNED: u32 = 1 << 9;

/// An instruction set, as far as frames go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Core {
    Arm,
    RiscV,
}

/// The registers of one frame; those that were not saved are not known.
struct State {
    core: Core,
    registers: [Option<u32>; 32],
}

/// Returns the functions, the one that took the fault first; and whether that is all of them.
pub(super) fn unwind(dump: &Dump, program: &Program<'_>) -> (Vec<Frame>, bool) {
    let Some(pc) = dump.pc() else {
        return (Vec::new(), false);
    };
    let mut frames = program.frames(pc, true);
    let starts = stack_pointers(dump);
    // The handler may tell the stack pointer before or after the exception: what leads on counts.
    let walks = starts.iter().map(|&sp| walk(dump, program, pc, sp));
    let best = walks.max_by_key(|walk| (walk.complete, walk.returns.len()));
    let walk = best.unwrap_or_default();
    for &address in &walk.returns {
        frames.extend(program.frames(address.wrapping_sub(1), true));
    }
    if walk.lost {
        guess(dump, program, &walk, &mut frames);
    }
    (frames, walk.complete)
}

/// What unwinding by rules brought.
#[derive(Default)]
struct Walk {
    returns: Vec<u32>,
    /// Stack pointer of the last function whose caller is not known.
    sp: u32,
    /// The end of the stack was reached.
    complete: bool,
    /// There was no rule for a function, so that guessing may help.
    lost: bool,
}

/// Unwinds from one stack pointer.
fn walk(dump: &Dump, program: &Program<'_>, pc: u32, sp: Option<u32>) -> Walk {
    let mut state = State::of(dump);
    let Some(sp) = sp else {
        return Walk {
            lost: true,
            ..Walk::default()
        };
    };
    state.set_sp(sp);
    let mut walk = Walk {
        sp,
        ..Walk::default()
    };
    let mut at = pc;
    while walk.returns.len() < CALLS_MAX {
        let by_rule = program.step(at).and_then(|step| state.leave(&step, dump));
        let Some(address) = by_rule.or_else(|| state.leave_by_call(at, dump, program)) else {
            walk.lost = true;
            return walk;
        };
        let target = state.core.target(address);
        if ends_stack(address) || program.code(target, 2).is_none() {
            walk.complete = true;
            return walk;
        }
        if !state.core.follows_call(program, target) {
            // Not a return address: the stack pointer was another.
            return walk;
        }
        walk.returns.push(target);
        walk.sp = state.sp().unwrap_or(walk.sp);
        at = target.wrapping_sub(1);
    }
    walk
}

/// Adds functions whose return addresses lie on the stack, or in the link register.
fn guess(dump: &Dump, program: &Program<'_>, walk: &Walk, frames: &mut Vec<Frame>) {
    let state = State::of(dump);
    let link = match state.core {
        Core::Arm => "lr",
        Core::RiscV => "ra",
    };
    let link = dump.register(link).filter(|_| walk.returns.is_empty());
    let words = dump.stack.range(walk.sp..).map(|(_, &word)| word);
    let mut last = walk.returns.last().copied();
    for word in link.into_iter().chain(words).take(CALLS_MAX * 32) {
        let target = state.core.target(word);
        let is_code = state.core == Core::RiscV || word & 1 == 1;
        // The link register lies on the stack too where the function has saved it.
        if !is_code || last == Some(target) || !state.core.follows_call(program, target) {
            continue;
        }
        last = Some(target);
        frames.extend(program.frames(target.wrapping_sub(1), false));
        if frames.len() >= 2 * CALLS_MAX {
            return;
        }
    }
}

/// Returns the stack pointers that the interrupted function may have had.
fn stack_pointers(dump: &Dump) -> Vec<Option<u32>> {
    let Some(sp) = dump.register("sp") else {
        return vec![None];
    };
    let words = (sp..).step_by(4).zip(EXCEPTION_FRAME);
    let mut words = words.map(|(at, name)| (dump.stack.get(&at).copied(), dump.register(name)));
    let is_exception_frame = words.all(|(word, register)| word.is_some() && word == register);
    if !is_exception_frame {
        return vec![Some(sp)];
    }
    let aligned = dump.register("xpsr").is_some_and(|it| it & ALIGNED != 0);
    let more = if aligned { 4 } else { 0 };
    EXCEPTION_FRAME_BYTES
        .map(|bytes| Some(sp.wrapping_add(bytes + more)))
        .to_vec()
}

/// Reports whether a return address is that of the first function, or of an exception.
fn ends_stack(address: u32) -> bool {
    address == 0 || address >= 0xffff_ff00
}

impl State {
    fn of(dump: &Dump) -> Self {
        let core = if dump.is_riscv() {
            Core::RiscV
        } else {
            Core::Arm
        };
        let mut registers = [None; 32];
        for (name, value) in &dump.registers {
            if let Some(place) = core.number(name).and_then(|it| registers.get_mut(it)) {
                *place = Some(*value);
            }
        }
        Self { core, registers }
    }

    fn get(&self, register: Register) -> Option<u32> {
        *self.registers.get(usize::from(register.0))?
    }

    fn set(&mut self, register: Register, value: Option<u32>) {
        if let Some(place) = self.registers.get_mut(usize::from(register.0)) {
            *place = value;
        }
    }

    fn sp(&self) -> Option<u32> {
        self.get(self.core.stack_pointer())
    }

    fn set_sp(&mut self, sp: u32) {
        self.set(self.core.stack_pointer(), Some(sp));
    }

    /// Finds the caller by the call: in the link register, or in a frame record (the caller's
    /// frame pointer and the return address) on the stack.
    fn leave_by_call(&mut self, at: u32, dump: &Dump, program: &Program<'_>) -> Option<u32> {
        if self.core != Core::Arm {
            return None;
        }
        let start = program.function_start(at)?;
        let calls = |word: u32| word & 1 == 1 && thumb_call(program, word & !1) == Some(start);
        let sp = self.sp()?;
        let record = dump.stack.range(sp..).find_map(|(&record, &pointer)| {
            let link = *dump.stack.get(&record.checked_add(4)?)?;
            (pointer > record && calls(link)).then_some((record, pointer, link))
        });
        // Where the function has not saved it yet, the return address is in its register.
        let link = match record {
            Some((record, pointer, link)) => {
                self.set_sp(record.wrapping_add(8));
                self.set(gimli::Arm::R7, Some(pointer));
                link
            }
            None => self.get(gimli::Arm::R14).filter(|&link| calls(link))?,
        };
        self.set(gimli::Arm::R14, None);
        Some(link)
    }

    /// Goes to the caller's registers and returns the return address.
    fn leave(&mut self, step: &Step, dump: &Dump) -> Option<u32> {
        let (base, offset) = step.frame;
        // Addresses have 32 bits; a hostile offset wraps as the core's would.
        let caller_sp = self.get(base)?.wrapping_add(offset as u32);
        let word = |offset: i64| {
            let at = caller_sp.wrapping_add(offset as u32);
            dump.stack.get(&at).copied()
        };
        let is_return = |it: &&(Register, i64)| it.0 == step.return_address;
        let address = match step.saved.iter().find(is_return) {
            Some(&(_, offset)) => word(offset)?,
            None => self.get(step.return_address)?,
        };
        for &(register, offset) in &step.saved {
            self.set(register, word(offset));
        }
        self.set(step.return_address, None);
        self.set_sp(caller_sp);
        Some(address)
    }
}

impl Core {
    /// Returns the number that debug information gives a register.
    fn number(self, name: &str) -> Option<usize> {
        let indexed = |prefix: &str| name.strip_prefix(prefix)?.parse::<usize>().ok();
        match self {
            Self::Arm => match name {
                "sp" => Some(13),
                "lr" => Some(14),
                "pc" => Some(15),
                _ => indexed("r").filter(|&number| number < 13),
            },
            Self::RiscV => match name {
                "ra" => Some(1),
                "sp" => Some(2),
                "gp" => Some(3),
                "tp" => Some(4),
                _ => riscv_number(indexed("t"), indexed("s"), indexed("a")),
            },
        }
    }

    fn stack_pointer(self) -> Register {
        match self {
            Self::Arm => gimli::Arm::R13,
            Self::RiscV => gimli::RiscV::SP,
        }
    }

    /// Returns the address that a return address stands for.
    fn target(self, address: u32) -> u32 {
        match self {
            Self::Arm => address & !1,
            Self::RiscV => address,
        }
    }

    /// Reports whether the instruction before an address is a call.
    fn follows_call(self, program: &Program<'_>, address: u32) -> bool {
        let half = |back: u32| {
            let bytes = program.code(address.checked_sub(back)?, 2)?;
            Some(u16::from_le_bytes(bytes.try_into().ok()?))
        };
        let (Some(last), before) = (half(2), half(4)) else {
            return false;
        };
        match self {
            // BLX of a register; BL.
            Self::Arm => {
                last & 0xff87 == 0x4780
                    || before.is_some_and(|it| it & 0xf800 == 0xf000) && last & 0xd000 == 0xd000
            }
            // C.JALR; C.JAL; JAL or JALR that keeps the address in ra.
            Self::RiscV => {
                last & 0xf07f == 0x9002 && last & 0x0f80 != 0
                    || last & 0xe003 == 0x2001
                    || before.is_some_and(|it| matches!(it & 0x0fff, 0x00ef | 0x00e7))
            }
        }
    }
}

/// Returns the function that the BL before an address calls.
fn thumb_call(program: &Program<'_>, address: u32) -> Option<u32> {
    let bytes: [u8; 4] = program.code(address.checked_sub(4)?, 4)?.try_into().ok()?;
    let word = u32::from_le_bytes(bytes);
    let (high, low) = (word & 0xffff, word >> 16);
    if high & 0xf800 != 0xf000 || low & 0xd000 != 0xd000 {
        return None;
    }
    let sign = high >> 10 & 1;
    let bits = [low >> 13 & 1, low >> 11 & 1].map(|bit| bit ^ sign ^ 1);
    let [i1, i2] = bits;
    let offset = sign << 24 | i1 << 23 | i2 << 22 | (high & 0x3ff) << 12 | (low & 0x7ff) << 1;
    // A signed number of 25 bits.
    let offset = (offset << 7).cast_signed() >> 7;
    Some(address.wrapping_add_signed(offset))
}

/// Returns the number of a temporary, saved or argument register.
fn riscv_number(t: Option<usize>, s: Option<usize>, a: Option<usize>) -> Option<usize> {
    match (t, s, a) {
        (Some(index @ 0..=2), ..) => Some(5 + index),
        (Some(index @ 3..=6), ..) => Some(25 + index),
        (_, Some(index @ 0..=1), _) => Some(8 + index),
        (_, Some(index @ 2..=11), _) => Some(16 + index),
        (.., Some(index @ 0..=7)) => Some(10 + index),
        _ => None,
    }
}
