//! The files of a new board.

use std::fs;
use std::path::{Path, PathBuf};

use mambalite::fit::emit::{number, set};
use toml_edit::{Array, DocumentMut, Item};

use super::chip::Division;
use super::{Made, Order, ScaffoldError};
use crate::board::Boards;
use crate::error::{Error, Result};

const MAIN: &str = include_str!("templates/main.rs.txt");
const PACKAGE: &str = include_str!("templates/board-package.toml.txt");
const FACTS: &str = include_str!("templates/board.toml.txt");
/// The same in every board.
const BUILD: &str = include_str!("../../../firmware/boards/qemu-mps2-an386/build.rs");

/// The files of a board with a package, in its folder.
const FILES: [&str; 4] = ["Cargo.toml", "board.toml", "build.rs", "src/main.rs"];

/// Writes the files to a folder beside the workspace's members, which takes its place at once.
pub(super) fn write(boards: &Boards, order: &Order<'_>, folder: PathBuf) -> Result<Made> {
    let division = order.chip.divide()?;
    let texts = match order.from {
        Some(from) => copied(boards, order, from)?,
        None => template(order),
    };
    let [package, facts, build, main] = texts;
    let unfit = |cause| ScaffoldError::From {
        board: order.from.unwrap_or("the template").to_owned(),
        cause,
    };
    let package = package_of(&package, division.has_checks).map_err(unfit)?;
    let facts = facts_of(&facts, order, &division).map_err(unfit)?;
    let workspace = boards.workspace();
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |cause| Error::Write { path, cause }
    };
    let new = tempfile::Builder::new()
        .prefix(".new-board-")
        .tempdir_in(workspace)
        .map_err(failed(workspace))?;
    fs::create_dir(new.path().join("src")).map_err(failed(new.path()))?;
    for (file, text) in FILES.into_iter().zip([package, facts, build, main]) {
        let path = new.path().join(file);
        fs::write(&path, text).map_err(failed(&path))?;
    }
    // Others may read it, as every folder of a checkout.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(new.path(), open).map_err(failed(new.path()))?;
    }
    fs::rename(new.path(), &folder).map_err(failed(&folder))?;
    Ok(Made {
        folder,
        has_checks: division.has_checks,
        has_all: division.has_all,
    })
}

/// Returns the files of the template.
fn template(order: &Order<'_>) -> [String; 4] {
    let fill = |text: &str| {
        text.replace("@NAME@", order.name)
            .replace("@CHIP@", order.chip_name)
    };
    [
        fill(PACKAGE),
        FACTS.to_owned(),
        BUILD.to_owned(),
        fill(MAIN),
    ]
}

/// Returns the files of another board, under the new name.
fn copied(boards: &Boards, order: &Order<'_>, from: &str) -> Result<[String; 4]> {
    let board = boards.load(from)?;
    let cannot = |cause: String| ScaffoldError::From {
        board: from.to_owned(),
        cause,
    };
    if board.memory().is_none() {
        let cause = "it is a computer; copy its board.toml by hand".to_owned();
        return Err(cannot(cause).into());
    }
    if board.target != order.chip.target {
        let (of, wanted) = (board.target, &order.chip.target);
        let cause = format!("its target is {of}, that of the chip is {wanted}");
        return Err(cannot(cause).into());
    }
    let folder = boards.folder(from);
    let mut texts = [const { String::new() }; 4];
    for (file, text) in FILES.into_iter().zip(&mut texts) {
        let path = folder.join(file);
        *text = fs::read_to_string(&path)
            .map_err(Error::read(&path))?
            .replace(from, order.name);
    }
    Ok(texts)
}

/// Returns the package's file with the operator checks among its features, or without them.
fn package_of(text: &str, has_checks: bool) -> Result<String, String> {
    let mut package: DocumentMut = text.parse().map_err(|e| format!("its Cargo.toml: {e}"))?;
    let features = package.get_mut("features").and_then(Item::as_table_mut);
    let features = features.ok_or("its Cargo.toml has no table `features`")?;
    let defaults: Array = has_checks.then_some("checks").into_iter().collect();
    set(features, "default", defaults);
    Ok(package.to_string())
}

/// Returns the board's file with what the chip and the division say; all else stays.
fn facts_of(text: &str, order: &Order<'_>, division: &Division) -> Result<String, String> {
    let chip = &order.chip;
    let mut facts: DocumentMut = text.parse().map_err(|e| format!("its board.toml: {e}"))?;
    let root = facts.as_table_mut();
    set(root, "name", order.name);
    set(root, "chip", order.chip_name);
    set(root, "core", chip.core.as_str());
    set(root, "target", chip.target.as_str());
    for (key, wanted) in [
        ("target-cpu", &chip.target_cpu),
        ("probe-chip", &chip.probe_chip),
    ] {
        match wanted {
            Some(wanted) => set(root, key, wanted.as_str()),
            None => drop(root.remove(key)),
        }
    }
    set(root, "arena-bytes", i64::from(division.arena_bytes));
    set(root, "stack-bytes", i64::from(division.stack_bytes));
    match division.has_all {
        true => drop(root.remove("precisions")),
        false => set(root, "precisions", Array::from_iter(["w8a8"])),
    }
    for (name, [(first, at), (second, length)]) in [
        (
            "flash",
            [("origin", chip.flash.origin), ("length", chip.flash.length)],
        ),
        (
            "ram",
            [("origin", chip.ram.origin), ("length", chip.ram.length)],
        ),
        (
            "model",
            [
                ("address", division.model),
                ("capacity-bytes", division.model_bytes),
            ],
        ),
    ] {
        let table = root.get_mut(name).and_then(Item::as_table_mut);
        let table = table.ok_or_else(|| format!("its board.toml has no table `{name}`"))?;
        set(table, first, number(at as usize));
        set(table, second, number(length as usize));
    }
    // Another board's clock is that of its serial port.
    if order.from.is_none()
        && let Some(table) = root.get_mut("peripherals").and_then(Item::as_table_mut)
    {
        set(table, "clock-hz", i64::from(chip.clock_hz));
    }
    Ok(facts.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_flash_has_no_checks_whichever_board_it_begins_with() {
        let board = include_str!("../../../firmware/boards/qemu-mps2-an386/Cargo.toml");
        for text in [PACKAGE, board] {
            for (has_checks, line) in [(true, "default = [\"checks\"]"), (false, "default = []")] {
                let package = package_of(text, has_checks).unwrap();
                assert!(package.lines().any(|it| it == line), "{package}");
            }
        }
        package_of("[package]", true).unwrap_err();
    }
}
