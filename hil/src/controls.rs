//! Negative controls: deliberate faults that the run must notice.
//!
//! A comparison that finds everything equal proves something only if it would have found a
//! difference. Each control puts one wrong bit where a fault could be and goes through the same
//! comparison as the pictures do.

use mambalite::model_file::ModelFile;
use mambalite::picture::Picture;
use mambalite_kernels::Model;
use mambalite_kernels::model::{FORMS_OFFSET, HASH_OFFSET, hash_file};

use crate::compare::Comparison;
use crate::device::{Checked, Device, Extras};
use crate::error::{Error, Result};
use crate::flasher::Flasher;
use crate::link::{Damage, DeviceModel};
use crate::reference::{self, Reference};
use crate::report::ControlReport;
use crate::transport::Transport;

/// Largest picture of the controls, LR pixels.
pub const WIDTH_MAX: usize = 16;
/// Largest picture of the controls, LR pixels.
pub const HEIGHT_MAX: usize = 12;

/// Number of controls.
pub const COUNT: usize = 5;

/// Weights that are tried for one that changes the picture.
const WEIGHTS_TRIED: usize = 64;

/// Bit of the first data frame that is flipped on the line: well inside its payload.
const FRAME_BIT: usize = 8 * 40 + 3;

/// What the controls work on.
pub struct Subject<'a, 'm, T> {
    /// The board, with `file` in its memory.
    pub device: &'a mut Device<'m, T>,
    /// The way to its memory.
    pub flasher: &'a mut dyn Flasher,
    /// Where the model lies.
    pub model_address: u32,
    /// The model file.
    pub file: &'a ModelFile,
    /// A small picture.
    pub picture: &'a Picture,
    /// That picture on both sides, without a fault and equal.
    pub good: &'a Checked,
}

/// One control.
type Control<T> = fn(&mut Subject<'_, '_, T>) -> Result<ControlReport>;

/// Cuts the picture of the controls out of `picture`: its upper left corner.
///
/// # Errors
/// None that can happen: a picture has at least one pixel.
pub fn crop(picture: &Picture) -> Result<Picture> {
    let (width, height) = (
        picture.width().min(WIDTH_MAX),
        picture.height().min(HEIGHT_MAX),
    );
    Ok(picture.crop(0, 0, width, height)?)
}

/// Runs all controls; `progress` gets the number done. The board is left as it was.
///
/// # Errors
/// When the board or the line fails for another reason than the deliberate fault.
pub fn run<T: Transport>(
    subject: &mut Subject<'_, '_, T>,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<ControlReport>> {
    let mut reports = Vec::with_capacity(COUNT);
    // The model in flash comes last: it resets the board, and the others count on what the board
    // has counted.
    let all: [Control<T>; COUNT] = [
        input_bit,
        expected_bit,
        frame_bit,
        weight_bit,
        stored_weight_bit,
    ];
    for (done, control) in (1..).zip(all) {
        reports.push(control(subject)?);
        progress(done);
    }
    Ok(reports)
}

/// Reports whether a comparison with `reference` sees what one with the good reference sees.
fn is_same(good: &Checked, reference: &Reference) -> bool {
    let shows_layers = !good.comparison.layers.is_empty();
    good.reference.output == reference.output
        && (!shows_layers || good.reference.digests == reference.digests)
}

fn report(name: &str, what: String, caught: bool, how: String) -> ControlReport {
    let name = name.to_owned();
    ControlReport {
        name,
        what,
        caught,
        how,
    }
}

/// One bit of the picture that is sent: the comparison must see another result.
fn input_bit<T: Transport>(subject: &mut Subject<'_, '_, T>) -> Result<ControlReport> {
    const NAME: &str = "input bit";
    let model = subject.device.model();
    let (width, height, channels) = subject.picture.shape();
    let middle = subject.picture.data().len() / 2;
    // Quantisation may swallow the lowest bit; the control needs one that counts.
    for bit in 0..8 {
        let mut data = subject.picture.data().to_vec();
        if let Some(byte) = data.get_mut(middle) {
            *byte ^= 1 << bit;
        }
        let damaged = Picture::new(width, height, channels, data)?;
        if is_same(subject.good, &reference::run(model, &damaged)?) {
            continue;
        }
        let result = subject
            .device
            .run(&damaged, Extras::default(), &mut |_, _| ())?;
        let comparison = Comparison::new(model.config(), &result, &subject.good.reference);
        let what = format!("bit {bit} of byte {middle} of the picture sent to the board");
        let caught = !comparison.is_equal();
        return Ok(report(NAME, what, caught, comparison.describe()));
    }
    let what = format!("each bit of byte {middle} of the picture sent to the board");
    let how = "no bit changes the result, so nothing was tried".to_owned();
    Ok(report(NAME, what, false, how))
}

/// One bit of the expected picture, and one of an expected digest.
fn expected_bit<T: Transport>(subject: &mut Subject<'_, '_, T>) -> Result<ControlReport> {
    const NAME: &str = "expected bit";
    let config = subject.device.model().config();
    let good = subject.good;
    let compare = |reference: &Reference| Comparison::new(config, &good.result, reference);

    let mut picture = Reference::clone(&good.reference);
    let byte_idx = picture.output.len() / 2;
    if let Some(byte) = picture.output.get_mut(byte_idx) {
        *byte ^= 1;
    }
    let of_picture = compare(&picture);
    let picture_caught = !of_picture.is_equal() && !of_picture.output_equal;
    if good.comparison.layers.is_empty() {
        let what = format!("bit 0 of expected SR byte {byte_idx}; no layer is shown");
        return Ok(report(NAME, what, picture_caught, of_picture.describe()));
    }

    let mut digest = Reference::clone(&good.reference);
    let layer_idx = digest.digests.len() / 2;
    if let Some(digest) = digest.digests.get_mut(layer_idx) {
        *digest ^= 1;
    }
    let of_digest = compare(&digest);

    let caught =
        picture_caught && !of_digest.is_equal() && of_digest.first_layer() == Some(layer_idx);
    let what = format!("bit 0 of expected SR byte {byte_idx}, and of expected digest {layer_idx}");
    let how = format!("{}; {}", of_picture.describe(), of_digest.describe());
    Ok(report(NAME, what, caught, how))
}

/// One bit of a data frame on the line: the board must refuse the frame and get it again.
fn frame_bit<T: Transport>(subject: &mut Subject<'_, '_, T>) -> Result<ControlReport> {
    let naks_before = subject.device.link.counters().naks;
    let extras = Extras {
        trace: None,
        damage: Some(Damage {
            frame_idx: 0,
            bit_idx: FRAME_BIT,
        }),
    };
    let result = subject
        .device
        .run(subject.picture, extras, &mut |_, _| ())?;
    let naks = subject.device.link.counters().naks - naks_before;
    let config = subject.device.model().config();
    let comparison = Comparison::new(config, &result, &subject.good.reference);
    let bad = result
        .frames_bad
        .saturating_sub(subject.good.result.frames_bad);
    let caught = naks > 0 && bad > 0 && comparison.is_equal();
    let what = format!("bit {FRAME_BIT} of the first data frame on the line");
    let how = format!(
        "the board counted {bad} bad frames and asked {naks} times again; after that: {}",
        comparison.describe()
    );
    Ok(report("wire frame bit", what, caught, how))
}

/// One bit of a weight on the host, in a model that is valid: the comparison must see it.
fn weight_bit<T: Transport>(subject: &mut Subject<'_, '_, T>) -> Result<ControlReport> {
    const NAME: &str = "weight bit";
    let bytes = subject.file.bytes();
    for offset in weight_offsets(bytes.len()) {
        // The highest bit changes most; some make a number that the reader refuses.
        let Some(damaged) = (0..8)
            .rev()
            .find_map(|bit| with_flipped_bit(bytes, offset, bit))
        else {
            continue;
        };
        let Some(reference) = run_reference(&damaged.file.model(), subject.picture) else {
            continue;
        };
        if is_same(subject.good, &reference) {
            continue;
        }
        let config = subject.device.model().config();
        let comparison = Comparison::new(config, &subject.good.result, &reference);
        let what = format!(
            "bit {} of byte {offset} of the model on the host, its hash made anew",
            damaged.bit
        );
        let caught = !comparison.is_equal();
        return Ok(report(NAME, what, caught, comparison.describe()));
    }
    let what = format!("{WEIGHTS_TRIED} bytes of the model on the host");
    let how = "none changes the result, so nothing was tried".to_owned();
    Ok(report(NAME, what, false, how))
}

/// One bit of the model in the board's memory: the board must refuse the model after a reset.
fn stored_weight_bit<T: Transport>(subject: &mut Subject<'_, '_, T>) -> Result<ControlReport> {
    let bytes = subject.file.bytes();
    let offset = weight_offsets(bytes.len()).next().unwrap_or_default();
    let good = bytes.get(offset).copied().unwrap_or_default();
    let address = subject.model_address.wrapping_add(offset as u32);

    let damaged = restart(subject, address, good ^ 0x10)?;
    let (caught, how) = match damaged {
        DeviceModel::Refused { code, detail } => (
            true,
            format!("the board refused it: {detail} (code {code})"),
        ),
        DeviceModel::Ready { .. } => (false, "the board took it for good".to_owned()),
    };
    // What was damaged is mended, so that the board can be used for more.
    match restart(subject, address, good)? {
        DeviceModel::Ready { .. } => {}
        DeviceModel::Refused { detail, .. } => {
            let cause = format!("the mended model is refused: {detail}");
            return Err(Error::Misbehaved { cause });
        }
    }
    let what = format!("bit 4 of byte {offset} of the model in the board's memory");
    Ok(report("stored weight bit", what, caught, how))
}

/// Writes one byte of the model, resets the board and returns what it says of its model.
fn restart<T: Transport>(
    subject: &mut Subject<'_, '_, T>,
    address: u32,
    byte: u8,
) -> Result<DeviceModel> {
    subject.flasher.write(address, &[byte], &mut |_| ())?;
    subject.flasher.verify(address, &[byte], &mut |_| ())?;
    subject.flasher.reset()?;
    subject.flasher.resume()?;
    Ok(subject.device.link.hello()?.model)
}

/// Returns places in the arrays of a model file of `len` bytes, beginning in its middle.
fn weight_offsets(len: usize) -> impl Iterator<Item = usize> {
    let first = FORMS_OFFSET.min(len);
    let arrays = (len - first).max(1);
    // An odd step, so that all bytes of a number have their turn.
    let step = (arrays / WEIGHTS_TRIED) | 1;
    (0..WEIGHTS_TRIED).map(move |i| first + (arrays / 2 + i * step) % arrays)
}

/// A model file with one bit flipped.
struct Flipped {
    bit: u32,
    file: ModelFile,
}

/// Flips a bit and makes the hash anew; nothing where that is no valid model.
fn with_flipped_bit(bytes: &[u8], offset: usize, bit: u32) -> Option<Flipped> {
    let mut bytes = bytes.to_vec();
    *bytes.get_mut(offset)? ^= 1 << bit;
    let hash = hash_file(&bytes);
    bytes
        .get_mut(HASH_OFFSET..)?
        .get_mut(..hash.len())?
        .copy_from_slice(&hash);
    let file = ModelFile::from_bytes(&bytes).ok()?;
    Some(Flipped { bit, file })
}

/// Returns the offset of a byte among a model's weights and another value of it that changes the
/// result of a picture; nothing where none is found.
///
/// # Errors
/// Those of [`reference::run`].
pub(crate) fn weight_that_counts(
    file: &ModelFile,
    picture: &Picture,
) -> Result<Option<(usize, u8)>> {
    let bytes = file.bytes();
    let good = reference::run(&file.model(), picture)?;
    for offset in weight_offsets(bytes.len()) {
        for bit in (0..8).rev() {
            let Some(flipped) = with_flipped_bit(bytes, offset, bit) else {
                continue;
            };
            let reference = run_reference(&flipped.file.model(), picture);
            if reference.is_some_and(|it| it.output != good.output) {
                let byte = bytes.get(offset).copied().unwrap_or_default();
                return Ok(Some((offset, byte ^ 1 << bit)));
            }
        }
    }
    Ok(None)
}

fn run_reference(model: &Model<'_>, picture: &Picture) -> Option<Reference> {
    reference::run(model, picture).ok()
}
