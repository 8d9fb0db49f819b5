//! Peak memory of the default model: against whole tensors, and as a small board measures it.

use std::fmt::Write;

use anyhow::{Context, Result, bail};
use mambalite_kernels::Plan;
use mambalite_kernels::exec::plan::STACK_BYTES;
use mambalite_kernels_check::bench::strip;
use serde::Serialize;

use crate::board::Board;
use crate::whole_tensors;
use crate::{Ended, emulator, firmware, table};

/// An STM32F405: a Cortex-M4F with little memory.
pub(crate) const BOARD: Board = Board {
    name: "netduinoplus2",
    core: "Cortex-M4F",
    target: "thumbv7em-none-eabihf",
    cpu: "cortex-m4",
};
/// RAM of the board, but for the 64 KiB that only its core can reach.
const BOARD_BYTES: usize = 128 << 10;

/// Heights of the strips; ours does not depend on them.
const HEIGHTS: [usize; 5] = [16, 32, 64, 128, 256];
/// What whole tensors must take at least, times ours, for a strip of [`strip::HEIGHT`].
const GOAL: f64 = 6.0;

/// Memory for one strip.
#[derive(Debug, Serialize)]
struct Row {
    schema: u32,
    width: usize,
    height: usize,
    /// Least memory of 8-bit tensors that are whole.
    whole_tensor_bytes: usize,
    /// Arena, a row of input and the bound of the stack.
    our_bytes: usize,
}

impl Row {
    /// Returns how many times ours would fit into theirs.
    fn ratio(&self) -> f64 {
        self.whole_tensor_bytes as f64 / self.our_bytes as f64
    }

    /// Says whether the goal is met, for the height that has one.
    fn verdict(&self) -> &'static str {
        match (self.height == strip::HEIGHT, self.ratio() >= GOAL) {
            (true, true) => "<= 1/6: met",
            (true, false) => "<= 1/6: missed",
            (false, _) => "",
        }
    }

    fn cells(&self) -> [String; 5] {
        [
            format!("{}x{}", self.width, self.height),
            format!("{} B", grouped(self.whole_tensor_bytes)),
            format!("{} B", grouped(self.our_bytes)),
            format!("1/{:.1}", self.ratio()),
            self.verdict().to_owned(),
        ]
    }
}

const HEAD: [&str; 5] = [
    "strip",
    "whole int8 tensors",
    "mambalite w8a8",
    "of it",
    "goal",
];

/// What the board said of its run.
#[derive(Debug, Serialize, PartialEq, Eq)]
struct Measured {
    schema: u32,
    target: &'static str,
    arena_bytes: usize,
    /// All else that is not the stack.
    static_bytes: usize,
    stack_used_bytes: usize,
}

impl Measured {
    /// Reads the board's lines.
    fn parse(said: &str, digest: u64) -> Result<Self> {
        let mut lines = said.lines();
        let (Some(line), Some("done"), None) = (lines.next(), lines.next(), lines.next()) else {
            bail!("the firmware did not finish; it said {said:?}");
        };
        let fields: Vec<_> = line.split('\t').collect();
        let ["strip", arena, stack, used, found] = fields[..] else {
            bail!("the firmware said {line:?}");
        };
        let number = |text: &str| text.parse().with_context(|| format!("in {line:?}"));
        let (arena_bytes, stack_bytes): (usize, usize) = (number(arena)?, number(stack)?);
        let wanted = format!("{digest:016x}");
        if found != wanted {
            return Err(Ended::regression(format!(
                "{}: the strip has digest {found}, on the host it has {wanted}",
                BOARD.name
            )));
        }
        let rest = BOARD_BYTES.checked_sub(arena_bytes + stack_bytes);
        Ok(Self {
            schema: 1,
            target: BOARD.name,
            arena_bytes,
            static_bytes: rest.context("the firmware has more memory than the board")?,
            stack_used_bytes: number(used)?,
        })
    }

    /// Says everything in one sentence.
    fn text(&self) -> String {
        let used = self.arena_bytes + self.static_bytes + self.stack_used_bytes;
        format!(
            "{} ({}), {}x{}: arena {} B, other statics {} B, stack {} B of a bound of {} B, \
             in all {} B of {} B",
            BOARD.name,
            BOARD.core,
            strip::WIDTH,
            strip::HEIGHT,
            grouped(self.arena_bytes),
            grouped(self.static_bytes),
            grouped(self.stack_used_bytes),
            grouped(STACK_BYTES),
            grouped(used),
            grouped(BOARD_BYTES),
        )
    }
}

/// Everything about memory.
pub(crate) struct Ram {
    rows: Vec<Row>,
    measured: Measured,
    rustc: String,
}

impl Ram {
    /// Plans, and runs the strip on the board.
    pub(crate) fn measure() -> Result<Self> {
        let elf = firmware::build(&BOARD, firmware::STRIP)?;
        let said = emulator::run(&BOARD, &elf, &[])?;
        let measured = Measured::parse(&said, digest_here()?)?;
        let used = measured.stack_used_bytes;
        if used > STACK_BYTES {
            return Err(Ended::regression(format!(
                "{}: {used} bytes of stack, past the bound of {STACK_BYTES}",
                BOARD.name
            )));
        }
        Ok(Self {
            rows: rows()?,
            measured,
            rustc: firmware::compiler()?,
        })
    }

    /// Returns a complaint if the goal is missed.
    pub(crate) fn complaint(&self) -> Option<String> {
        let mut rows = self.rows.iter();
        let row = rows.find(|row| row.verdict().ends_with("missed"))?;
        Some(format!(
            "ram: {} of whole tensors; the goal is 1/6",
            row.cells()[3]
        ))
    }

    /// Returns the compiler of the board's program: another one may take another stack.
    pub(crate) fn rustc(&self) -> &str {
        &self.rustc
    }

    /// Returns the table and the board's figures as text.
    pub(crate) fn text(&self) -> String {
        let rows: Vec<_> = self.rows.iter().map(Row::cells).collect();
        let table = table::align(&HEAD, &rows);
        format!("peak RAM\n{table}\n{}\n", self.measured.text())
    }

    /// Returns the same for the page.
    pub(crate) fn markdown(&self) -> String {
        let table = table::markdown(&HEAD, self.rows.iter().map(Row::cells));
        format!("{table}\n{}; {}.\n", self.measured.text(), self.rustc)
    }

    /// Returns one object a line.
    pub(crate) fn json(&self) -> Result<String> {
        let mut text = String::new();
        for row in &self.rows {
            writeln!(text, "{}", serde_json::to_string(row)?)?;
        }
        writeln!(text, "{}", serde_json::to_string(&self.measured)?)?;
        Ok(text)
    }
}

/// Plans every strip.
fn rows() -> Result<Vec<Row>> {
    let model = strip::model().context("the default model is broken")?;
    let plan = Plan::microcontroller(&model, strip::WIDTH);
    let row = |height| Row {
        schema: 1,
        width: strip::WIDTH,
        height,
        whole_tensor_bytes: whole_tensors::peak_bytes(&model, strip::WIDTH * height),
        our_bytes: plan.arena_bytes + strip::ROW_BYTES + plan.stack_bytes,
    };
    Ok(HEIGHTS.map(row).into())
}

/// Runs the strip on this machine.
fn digest_here() -> Result<u64> {
    let model = strip::model().context("the default model is broken")?;
    let mut arena = vec![0; Plan::new(&model, strip::WIDTH).arena_bytes / size_of::<u64>()];
    strip::run(&mut arena).context("the strip cannot be run here")
}

/// Writes a number with commas.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "strip\t45056\t85000\t4000\t00000000000000ff\ndone\n";

    #[test]
    fn numbers_have_commas() {
        assert_eq!(
            [1, 999, 1000, 131_072].map(grouped).join(" "),
            "1 999 1,000 131,072"
        );
    }

    #[test]
    fn what_the_board_says_is_read() {
        let measured = Measured::parse(SAID, 255).unwrap();
        assert_eq!(measured.static_bytes, 131_072 - 45_056 - 85_000);
        assert!(measured.text().ends_with("in all 50,072 B of 131,072 B"));
    }

    #[test]
    fn another_digest_is_a_regression_and_half_a_run_an_error() {
        let error = Measured::parse(SAID, 254).unwrap_err();
        assert_eq!(
            error.downcast_ref::<Ended>().map(|ended| ended.code),
            Some(3)
        );
        assert!(Measured::parse(&SAID.replace("done\n", ""), 255).is_err());
        assert!(Measured::parse(&SAID.replace("85000", "86017"), 255).is_err());
        assert!(Measured::parse(&SAID.replace("strip", "panic"), 255).is_err());
    }

    #[test]
    fn ours_does_not_grow_with_the_height_and_meets_the_goal() {
        let rows = rows().unwrap();
        assert!(rows.iter().all(|row| row.our_bytes == rows[0].our_bytes));
        let met: Vec<_> = rows
            .iter()
            .filter(|row| !row.verdict().is_empty())
            .collect();
        assert_eq!(met.len(), 1);
        assert_eq!(met[0].verdict(), "<= 1/6: met");
    }
}
