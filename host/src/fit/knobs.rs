//! What each knob would buy where a network does not fit: computed by planning the network that it
//! makes, never by a rule of thumb.

use mambalite_kernels::{Config, Form, Model, Precision};
use serde::Serialize;

use super::board::Board;
use super::memory::{arena_needed, width_max};
use super::shape::placeholder;
use super::{Row, TILE_WIDTH_MIN};
use crate::model_file::ModelFile;

/// One thing that could be made smaller.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Knob {
    /// What, in words.
    pub knob: String,
    /// Flash of the model then, bytes.
    pub flash_bytes: usize,
    /// Arena then, bytes; less what a smaller stack gives it.
    pub arena_bytes: usize,
    /// Flash that it saves, bytes; negative where it takes more.
    pub flash_saved_bytes: i64,
    /// Arena that it saves, bytes.
    pub arena_saved_bytes: i64,
    /// Whether the network fits then.
    pub fits: bool,
    /// Whether the network has to be trained for it.
    pub trains: bool,
}

/// Returns the knobs of a network that does not fit; the dimensions are halved, one at a time.
#[must_use]
pub fn knobs(board: &Board, row: &Row, model: &Model<'_>) -> Vec<Knob> {
    let mut knobs = Vec::new();
    let mut turn = |knob: String, kind, (flash_bytes, arena_bytes): (usize, usize), trains| {
        let available = board.division.model_bytes(kind);
        knobs.push(Knob {
            knob,
            flash_bytes,
            arena_bytes,
            flash_saved_bytes: row.flash_bytes as i64 - flash_bytes as i64,
            arena_saved_bytes: row.arena_bytes as i64 - arena_bytes as i64,
            fits: flash_bytes <= available && arena_bytes <= board.division.arena_bytes,
            trains,
        });
    };
    if let Some((bytes, freed)) = smaller_stack(board, row) {
        // The arena gets what the stack gives up.
        let arena_bytes = row.arena_bytes.saturating_sub(freed);
        let knob = format!("--stack {bytes}");
        turn(knob, row.kind, (row.flash_bytes, arena_bytes), false);
    }
    let mut turn = |knob, model: &Model<'_>, width, trains| {
        let needed = (model.bytes_len(), arena_needed(model, width));
        turn(knob, model.precision(), needed, trains);
    };
    let widest = width_max(model, board.division.arena_bytes);
    if (TILE_WIDTH_MIN..row.width).contains(&widest) {
        turn(format!("strips of {widest}"), model, widest, false);
    }
    let half = row.width / 2;
    if half >= TILE_WIDTH_MIN {
        turn(format!("strips of {half}"), model, half, false);
    }
    for precision in Precision::ALL.into_iter().filter(|&it| it != row.kind) {
        let (config, forms) = (*model.config(), model.forms().collect());
        if let Some(file) = made((config, forms), precision) {
            turn(
                format!("precision {precision}"),
                &file.model(),
                row.width,
                false,
            );
        }
    }
    for (name, dimensions) in smaller(model) {
        if let Some(file) = made(dimensions, row.kind) {
            turn(name, &file.model(), row.width, true);
        }
    }
    knobs
}

/// Returns a stack that suffices as measured, with an eighth more, and the bytes that it frees.
fn smaller_stack(board: &Board, row: &Row) -> Option<(usize, usize)> {
    let measured = row.stack_bytes?;
    let bytes = (measured + measured / 8).next_multiple_of(1024);
    let freed = board.division.stack_bytes.checked_sub(bytes)?;
    (freed > 0).then_some((bytes, freed))
}

/// Dimensions and forms.
type Dimensions = (Config, Vec<Form>);

fn made((config, forms): Dimensions, precision: Precision) -> Option<ModelFile> {
    // The family may have no network so small.
    placeholder(&config, &forms, precision).ok()
}

/// Returns the networks with one dimension less, and what was done.
fn smaller(model: &Model<'_>) -> Vec<(String, Dimensions)> {
    let config = *model.config();
    let forms: Vec<Form> = model.forms().collect();
    let half = |it: usize| (it / 2).max(1);
    let mut all = vec![(
        "all ranks halved".to_owned(),
        (
            config,
            config
                .weights()
                .zip(&forms)
                .map(|(weight, form)| {
                    let rank = form
                        .rank()
                        .unwrap_or(weight.outputs.min(weight.inputs * weight.taps));
                    match form {
                        Form::LowRank(_) => Form::LowRank(half(rank)),
                        Form::Dense | Form::IdentityRows(_) if half(rank) < weight.outputs => {
                            Form::IdentityRows(half(rank))
                        }
                        Form::Dense | Form::IdentityRows(_) => *form,
                    }
                })
                .collect(),
        ),
    )];
    let narrow = Config {
        width: half(config.width),
        inner: half(config.inner),
        ..config
    };
    let of = |narrow: Config| {
        let capped = narrow
            .weights()
            .zip(&forms)
            .map(|(weight, form)| match *form {
                Form::LowRank(rank) => Form::LowRank(rank.min(half(weight.outputs))),
                Form::IdentityRows(rank) => Form::IdentityRows(rank.min(half(weight.outputs))),
                Form::Dense => Form::Dense,
            });
        (narrow, capped.collect::<Vec<_>>())
    };
    let name = |what: &str, to: usize| format!("{what} {to}");
    all.push((name("width", narrow.width), of(narrow)));
    let states = Config {
        states: half(config.states),
        ..config
    };
    all.push((name("states", states.states), of(states)));
    if config.groups > 1 {
        let less = config.groups - 1;
        let fewer = Config {
            groups: less,
            ..config
        };
        // The forms of a group less: those of the last one go.
        let group = 4 * config.blocks + 1;
        let mut kept = forms.clone();
        kept.drain(1 + less * group..1 + config.groups * group);
        all.push((name("groups", less), (fewer, kept)));
    }
    all
}
