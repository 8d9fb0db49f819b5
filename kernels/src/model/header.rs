//! Bytes of the header.

use super::{ALIGN, ModelError};
use crate::config::{Anchor, Config, Decay, Form, Precision};

/// Version of the format: 2 since the weights of fixed point lie `[outputs, inputs]`.
pub const VERSION: u16 = 2;
/// Where the hash stands.
pub const HASH_OFFSET: usize = 64;
/// Where the forms begin.
pub const FORMS_OFFSET: usize = 96;
const MAGIC: &[u8; 4] = b"MLSR";

pub(super) struct Header {
    pub(super) config: Config,
    pub(super) precision: Precision,
    pub(super) len: usize,
}

/// Returns where the arrays begin.
pub(super) fn arrays_offset(config: &Config) -> usize {
    (FORMS_OFFSET + 4 * config.n_weights()).next_multiple_of(ALIGN)
}

/// Writes the header and the forms of a file of `len` bytes into `out`; the hash stays zero.
///
/// Returns where the arrays begin, or nothing when `out` is shorter.
pub fn encode_header(
    config: &Config,
    precision: Precision,
    forms: &[Form],
    len: u32,
    out: &mut [u8],
) -> Option<usize> {
    let end = arrays_offset(config);
    let out = out.get_mut(..end)?;
    out.fill(0);
    out[0..4].copy_from_slice(MAGIC);
    out[4..6].copy_from_slice(&VERSION.to_le_bytes());
    out[6] = precision as u8;
    out[7] = config.channels as u8;
    out[8..12].copy_from_slice(&len.to_le_bytes());
    out[12] = config.scale as u8;
    out[13] = config.groups as u8;
    out[14] = config.blocks as u8;
    out[15] = config.states as u8;
    out[16..18].copy_from_slice(&(config.width as u16).to_le_bytes());
    out[18..20].copy_from_slice(&(config.inner as u16).to_le_bytes());
    out[20] = config.dt_rank as u8;
    out[21] = u8::from(config.mixer_skip);
    out[22] = config.anchor as u8;
    out[23] = config.decay as u8;
    for (out, mean) in out[24..36].chunks_exact_mut(4).zip(config.mean) {
        out.copy_from_slice(&mean.to_le_bytes());
    }
    out[36..38].copy_from_slice(&(forms.len() as u16).to_le_bytes());
    for (out, form) in out[FORMS_OFFSET..].chunks_exact_mut(4).zip(forms) {
        out[0] = match form {
            Form::Dense => 0,
            Form::LowRank(_) => 1,
            Form::IdentityRows(_) => 2,
        };
        out[2..4].copy_from_slice(&(form.rank().unwrap_or(0) as u16).to_le_bytes());
    }
    Some(end)
}

/// Reads and checks the header and the forms.
pub(super) fn decode(bytes: &[u8]) -> Result<Header, ModelError> {
    if bytes.get(..4) != Some(MAGIC) {
        return Err(ModelError::NotAModel);
    }
    let found = bytes.len();
    let head = bytes.get(..FORMS_OFFSET);
    let head = head.ok_or(ModelError::Truncated {
        needed: FORMS_OFFSET,
        found,
    })?;
    let version = u16::from_le_bytes([head[4], head[5]]);
    if version != VERSION {
        return Err(ModelError::Version { found: version });
    }
    let config = decode_config(head)?;
    let n_weights = usize::from(u16::from_le_bytes([head[36], head[37]]));
    let len = u32::from_le_bytes([head[8], head[9], head[10], head[11]]) as usize;
    check_lengths(bytes, &config, n_weights, len)?;
    let precision = Precision::ALL.into_iter().find(|&p| p as u8 == head[6]);
    let field = ModelError::Field {
        field: "precision",
        value: head[6].into(),
    };
    Ok(Header {
        config,
        precision: precision.ok_or(field)?,
        len,
    })
}

/// Reads and checks the dimensions and options.
fn decode_config(head: &[u8]) -> Result<Config, ModelError> {
    let half = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
    let pick = |field, at: usize| ModelError::Field {
        field,
        value: head[at].into(),
    };
    let anchors = [Anchor::None, Anchor::Nearest, Anchor::Bicubic];
    let decays = [Decay::Full, Decay::Tied];
    let word = |at: usize| [head[at], head[at + 1], head[at + 2], head[at + 3]];
    let config = Config {
        channels: head[7].into(),
        scale: head[12].into(),
        width: half(16).into(),
        inner: half(18).into(),
        groups: head[13].into(),
        blocks: head[14].into(),
        states: head[15].into(),
        dt_rank: head[20].into(),
        mixer_skip: *[false, true]
            .get(usize::from(head[21]))
            .ok_or(pick("mixer_skip", 21))?,
        anchor: *anchors
            .get(usize::from(head[22]))
            .ok_or(pick("anchor", 22))?,
        decay: *decays.get(usize::from(head[23])).ok_or(pick("decay", 23))?,
        mean: [24, 28, 32].map(|at| f32::from_le_bytes(word(at))),
    };
    config.check().map_err(ModelError::Config)?;
    Ok(config)
}

/// Checks the stated length and the forms against the dimensions.
fn check_lengths(
    bytes: &[u8],
    config: &Config,
    n_weights: usize,
    len: usize,
) -> Result<(), ModelError> {
    let (needed, found) = (config.n_weights(), n_weights);
    if needed != found {
        return Err(ModelError::WeightCount { needed, found });
    }
    let needed = arrays_offset(config);
    if len < needed || bytes.len() < needed {
        return Err(ModelError::Truncated {
            needed,
            found: len.min(bytes.len()),
        });
    }
    if !len.is_multiple_of(ALIGN) {
        return Err(ModelError::Field {
            field: "length",
            value: len,
        });
    }
    if (0..config.n_weights()).any(|i| form(bytes, i).is_none()) {
        return Err(ModelError::Field {
            field: "form",
            value: 3,
        });
    }
    Ok(())
}

/// Returns the form of weight `index`, or nothing where there is none or it has no meaning.
pub(super) fn form(bytes: &[u8], index: usize) -> Option<Form> {
    let at = FORMS_OFFSET + 4 * index;
    let record = bytes.get(at..at + 4)?;
    let rank = usize::from(u16::from_le_bytes([record[2], record[3]]));
    match record[0] {
        0 => Some(Form::Dense),
        1 => Some(Form::LowRank(rank)),
        2 => Some(Form::IdentityRows(rank)),
        _ => None,
    }
}
