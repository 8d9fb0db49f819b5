//! The network of a run: from nothing, or from a model that there is.

use mambalite_kernels::config::{Projection, WeightName};
use mambalite_kernels::{Anchor, Config, Decay, Form, Precision};
use serde::{Deserialize, Serialize};

use super::check::Fault;
use crate::model_file::ModelFile;
use crate::{Result, registry};

/// Mean colour of DIV2K, as DVMSR and others take it.
const MEAN: [f32; 3] = [0.4488, 0.4371, 0.4040];

/// The network of a run.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(missing_docs, reason = "they are the fields of the kernels' Config")]
pub struct ModelSection {
    /// Name of a shipped model, or a file; all other keys are then left out.
    pub start: Option<String>,
    pub channels: Option<usize>,
    pub scale: Option<usize>,
    pub width: Option<usize>,
    /// Twice the width where it is not given.
    pub inner: Option<usize>,
    pub groups: Option<usize>,
    pub blocks: Option<usize>,
    pub states: Option<usize>,
    pub dt_rank: Option<usize>,
    pub mixer_skip: Option<bool>,
    pub anchor: Option<AnchorKind>,
    pub decay: Option<DecayKind>,
    pub mean: Option<[f32; 3]>,
    /// Forms of the weights.
    pub rank: Option<RankSection>,
}

/// The forms of each kind of weight; what is not named is dense, as are the first and the last
/// convolution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[expect(missing_docs, reason = "they are the names of the weights")]
pub struct RankSection {
    pub in_proj: FormKind,
    pub x_proj: FormKind,
    pub out_proj: FormKind,
    /// The convolutions of the groups and after the body.
    pub conv: FormKind,
}

/// A [`Form`] as it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "they are those of Form")]
pub enum FormKind {
    #[default]
    Dense,
    LowRank(usize),
    IdentityRows(usize),
}

/// An [`Anchor`] as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "they are those of Anchor")]
pub enum AnchorKind {
    None,
    Nearest,
    Bicubic,
}

/// A [`Decay`] as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "they are those of Decay")]
pub enum DecayKind {
    Full,
    Tied,
}

/// What a run starts from.
#[derive(Clone, Debug)]
pub enum Start {
    /// A model.
    Model(ModelFile),
    /// A new network.
    New {
        /// Dimensions and options.
        config: Config,
        /// One form for each of [`Config::weights`].
        forms: Vec<Form>,
    },
}

impl Start {
    /// Returns dimensions and options.
    pub fn config(&self) -> Config {
        match self {
            Self::Model(file) => *file.model().config(),
            Self::New { config, .. } => *config,
        }
    }
}

impl ModelSection {
    /// Loads the model or lays out the new network.
    ///
    /// # Errors
    /// Those of [`registry::load`].
    pub fn start(&self) -> Result<Start> {
        if let Some(name) = &self.start {
            return Ok(Start::Model(registry::load(name, Some(Precision::F32))?));
        }
        let config = self.network();
        let ranks = self.rank.unwrap_or_default();
        let forms = config.weights().map(|w| ranks.kind(w.name).form());
        Ok(Start::New {
            forms: forms.collect(),
            config,
        })
    }

    /// Returns the dimensions and options of a new network.
    pub(super) fn network(&self) -> Config {
        let width = self.width.unwrap_or(32);
        Config {
            channels: self.channels.unwrap_or(3),
            scale: self.scale.unwrap_or(4),
            width,
            inner: self.inner.unwrap_or(2 * width),
            groups: self.groups.unwrap_or(2),
            blocks: self.blocks.unwrap_or(2),
            states: self.states.unwrap_or(8),
            dt_rank: self.dt_rank.unwrap_or_else(|| width.div_ceil(16).min(64)),
            mixer_skip: self.mixer_skip.unwrap_or(true),
            anchor: self.anchor.unwrap_or(AnchorKind::Bicubic).anchor(),
            decay: self.decay.unwrap_or(DecayKind::Full).decay(),
            mean: self.mean.unwrap_or(MEAN),
        }
    }

    /// Finds a key that a `start` leaves no room for, dimensions outside the family, and ranks
    /// that a weight cannot have.
    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.start.is_some() {
            return match self.key_of_new() {
                None => Ok(()),
                Some(key) => Err(Fault::new(
                    format!("model.{key}"),
                    "`start` says this already",
                    "remove the key, or `start` to begin with a new network",
                )),
            };
        }
        let network = self.network();
        network.check().map_err(|cause| {
            let key = cause.field.split(' ').next().unwrap_or_default();
            Fault::new(
                format!("model.{}", key.replace('_', "-")),
                format!("{} is out of range", cause.value),
                format!("take {} to {}", cause.min, cause.max),
            )
        })?;
        let ranks = self.rank.unwrap_or_default();
        for weight in network.weights() {
            let kind = ranks.kind(weight.name);
            let most = match kind {
                FormKind::Dense => continue,
                FormKind::LowRank(_) => weight.outputs.min(weight.inputs * weight.taps),
                // One row at least is no copy.
                FormKind::IdentityRows(_) => (weight.outputs - 1).min(weight.inputs * weight.taps),
            };
            let rank = kind.form().rank().unwrap_or_default();
            if rank == 0 || rank > most {
                let key = RankSection::key(weight.name).unwrap_or_default();
                return Err(Fault::new(
                    format!("model.rank.{key}"),
                    format!("no weight of this kind has rank {rank}"),
                    format!("take 1 to {most}"),
                ));
            }
        }
        Ok(())
    }

    /// Names a key of a new network that is given.
    fn key_of_new(&self) -> Option<&'static str> {
        let given = [
            ("channels", self.channels.is_some()),
            ("scale", self.scale.is_some()),
            ("width", self.width.is_some()),
            ("inner", self.inner.is_some()),
            ("groups", self.groups.is_some()),
            ("blocks", self.blocks.is_some()),
            ("states", self.states.is_some()),
            ("dt-rank", self.dt_rank.is_some()),
            ("mixer-skip", self.mixer_skip.is_some()),
            ("anchor", self.anchor.is_some()),
            ("decay", self.decay.is_some()),
            ("mean", self.mean.is_some()),
            ("rank", self.rank.is_some()),
        ];
        given.into_iter().find_map(|(key, is)| is.then_some(key))
    }
}

impl RankSection {
    /// Returns the form of a weight.
    fn kind(&self, name: WeightName) -> FormKind {
        match Self::key(name) {
            Some("in-proj") => self.in_proj,
            Some("x-proj") => self.x_proj,
            Some("out-proj") => self.out_proj,
            Some(_) => self.conv,
            None => FormKind::Dense,
        }
    }

    /// Returns the key of a weight; none for those that are always dense.
    fn key(name: WeightName) -> Option<&'static str> {
        match name {
            WeightName::ConvFirst | WeightName::Upsample => None,
            WeightName::GroupConv { .. } | WeightName::ConvAfterBody => Some("conv"),
            WeightName::Projection { part, .. } => match part {
                Projection::InProj => Some("in-proj"),
                Projection::XProj => Some("x-proj"),
                Projection::DtProj => None,
                Projection::OutProj => Some("out-proj"),
            },
        }
    }
}

impl FormKind {
    fn form(self) -> Form {
        match self {
            Self::Dense => Form::Dense,
            Self::LowRank(rank) => Form::LowRank(rank),
            Self::IdentityRows(rank) => Form::IdentityRows(rank),
        }
    }
}

impl AnchorKind {
    fn anchor(self) -> Anchor {
        match self {
            Self::None => Anchor::None,
            Self::Nearest => Anchor::Nearest,
            Self::Bicubic => Anchor::Bicubic,
        }
    }
}

impl DecayKind {
    fn decay(self) -> Decay {
        match self {
            Self::Full => Decay::Full,
            Self::Tied => Decay::Tied,
        }
    }
}
