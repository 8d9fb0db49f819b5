//! Facts of a board, from its `board.toml`.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::{firmware, repository};

/// The facts of one board.
///
/// The firmware's build checks the file; here its plain values are looked up, so that xtask need
/// not wait for a parser to be compiled.
#[derive(Debug)]
pub(crate) struct Facts {
    board: String,
    text: String,
}

impl Facts {
    /// Reads the facts of a board.
    pub(crate) fn read(board: &str) -> Result<Self> {
        let file = repository::firmware()
            .join("boards")
            .join(board)
            .join("board.toml");
        if !file.is_file() {
            let boards = firmware::boards()?.join(", ");
            bail!("there is no board {board}; there are {boards}");
        }
        let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        let board = board.to_owned();
        Ok(Self { board, text })
    }

    /// Returns the value of a key of a table; the keys before the first table are those of "".
    pub(crate) fn get(&self, table: &str, key: &str) -> Result<&str> {
        let mut current = "";
        for line in self.text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix('[') {
                current = name.trim_end_matches(']');
            } else if let Some((name, value)) = line.split_once('=')
                && (current, name.trim()) == (table, key)
            {
                return Ok(value.trim().trim_matches('"'));
            }
        }
        bail!("the facts of {} have no {key} in [{table}]", self.board)
    }

    /// Returns a hexadecimal number.
    pub(crate) fn number(&self, table: &str, key: &str) -> Result<u64> {
        let text = self.get(table, key)?.replace('_', "");
        let digits = text.strip_prefix("0x").unwrap_or_default();
        u64::from_str_radix(digits, 16)
            .with_context(|| format!("{key} of {}: {text} is not hexadecimal", self.board))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_board_names_its_target_and_memory() {
        let boards = firmware::boards().unwrap();
        assert!(boards.contains(&"qemu-mps2-an386".to_owned()), "{boards:?}");
        for board in boards {
            let facts = Facts::read(&board).unwrap();
            let target = facts.get("", "target").unwrap();
            if target == firmware::AGENT_TARGET {
                assert!(facts.get("ram", "length").is_err(), "{board}");
                continue;
            }
            let bare = ["thumb", "riscv32"]
                .iter()
                .any(|name| target.starts_with(name));
            assert!(bare, "{board}");
            assert!(facts.number("ram", "length").unwrap() > 0, "{board}");
            assert!(facts.get("flash", "target").is_err(), "{board}");
        }
    }
}
