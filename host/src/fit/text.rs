//! The report as text.

use core::fmt::Write;

use super::knobs::Knob;
use super::{Report, Row, STACK_BYTES};

impl Report {
    /// Returns the report for people.
    #[must_use]
    pub fn text(&self) -> String {
        let (width, height) = self.picture;
        let memory = &self.memory;
        let mut text = format!(
            "{}, {}: {} bytes flash, {} bytes RAM: arena {}, stack {}, variables {}\n\
             picture of {width}x{height} LR pixels",
            self.board,
            self.core,
            memory.flash_bytes,
            memory.ram_bytes,
            memory.arena_bytes,
            memory.stack_bytes,
            memory.variables_bytes
        );
        // Writing to a string does not fail.
        let _ = match self.clock_hz {
            Some(hz) => write!(
                text,
                "; milliseconds predicted at {:.1} MHz",
                f64::from(hz) / 1e6
            ),
            None => write!(text, "; no clock known for milliseconds, see --clock"),
        };
        let _ = write!(
            text,
            "\n\n{:<20} {:<6} {:>6} {:>5} {:>9} {:>9} {:>7} {:>13} {:>10} {:>7}  verdict",
            "model", "format", "strip", "tile", "flash", "arena", "stack", "instr./row", "ms", "dB"
        );
        for row in &self.rows {
            let _ = write!(text, "\n{}", line(row));
        }
        text += "\n\nPredicted: instructions from counts of `cargo xtask bench` for this core \
                 (kernels/check/baselines); ms at one\ninstruction a cycle, without waits for \
                 flash. Flash and arena are exact. Stack: measured by `hil run` where it stands;\n";
        let _ = write!(
            text,
            "elsewhere not known, with the bound of {STACK_BYTES} bytes."
        );
        if let Some(best) = &self.best {
            let _ = write!(text, "\n\nbest: {}", self.choice(best));
        }
        if let Some(nearest) = &self.nearest {
            let _ = write!(text, "\n\nnothing fits; nearest: {}", nearest.lacks());
            for knob in &self.knobs {
                let _ = write!(text, "\n  {}", knob.text());
            }
        }
        text
    }

    /// Returns a choice in words, with the options of `hil run`.
    fn choice(&self, row: &Row) -> String {
        let Row {
            model,
            precision,
            width,
            ..
        } = row;
        let choice = format!("{model} in {precision}, strips of {width}");
        if self.stated {
            return choice;
        }
        let tile = row.tile.map(|it| format!(" --tile {it}"));
        let built = match row.built {
            true => "",
            false => "; the board's firmware is built without it, see --emit",
        };
        format!(
            "{choice} (hil run --board {} --model {model} --precision {precision}{}){built}",
            self.board,
            tile.unwrap_or_default()
        )
    }
}

fn line(row: &Row) -> String {
    let number = |it: Option<f64>, places| it.map_or("-".to_owned(), |it| format!("{it:.places$}"));
    let count = |it: Option<usize>| it.map_or("-".to_owned(), |it| it.to_string());
    let model = &row.model;
    format!(
        "{model:<20} {:<6} {:>6} {:>5} {:>9} {:>9} {:>7} {:>13} {:>10} {:>7}  {}",
        row.precision,
        row.width,
        count(row.tile),
        row.flash_bytes,
        row.arena_bytes,
        count(row.stack_bytes),
        number(row.instructions_per_row, 0),
        number(row.milliseconds, 1),
        number(row.psnr_y, 2),
        row.verdict()
    )
}

impl Row {
    /// Returns the verdict in words: `fits`, or what is missing.
    #[must_use]
    pub fn verdict(&self) -> String {
        let parts = [
            ("flash", self.flash_missing_bytes),
            ("arena", self.arena_missing_bytes),
            ("stack", self.stack_missing_bytes),
        ];
        let missing = parts.iter().filter(|(_, bytes)| *bytes > 0);
        let missing: Vec<_> = missing
            .map(|(what, bytes)| format!("{what} -{bytes}"))
            .collect();
        match (missing.is_empty(), self.fits, self.built) {
            (false, ..) => missing.join(", "),
            (true, false, _) if self.milliseconds.is_none() => "time not known".to_owned(),
            (true, false, _) => "too slow".to_owned(),
            (true, true, true) => "fits".to_owned(),
            (true, true, false) => "fits, not built".to_owned(),
        }
    }

    /// Returns what the row is and lacks, in words.
    #[must_use]
    pub fn lacks(&self) -> String {
        format!(
            "{} in {} with strips of {}: {}",
            self.model,
            self.precision,
            self.width,
            self.verdict()
        )
    }
}

impl Knob {
    fn text(&self) -> String {
        let saved = |bytes: i64| format!("{:+}", -bytes);
        format!(
            "{:<20} flash {:>8}, arena {:>8}{}{}",
            self.knob,
            saved(self.flash_saved_bytes),
            saved(self.arena_saved_bytes),
            if self.fits { ": fits" } else { "" },
            if self.trains {
                " (to be trained again)"
            } else {
                ""
            }
        )
    }
}
