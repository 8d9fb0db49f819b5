//! What a run lets one see: named layers and a hook that gets their values.

use core::fmt;

use crate::config::Config;

/// A number that a kernel puts out.
pub trait Value: Copy {
    /// Returns the bits that make two results the same; integers sign-extended.
    fn bits(self) -> u32;

    /// Returns the number (of an integer, the integer itself).
    fn real(self) -> f64;
}

macro_rules! integer_value {
    ($($t:ty),*) => {$(
        impl Value for $t {
            #[inline(always)]
            fn bits(self) -> u32 {
                i32::from(self) as u32
            }

            fn real(self) -> f64 {
                f64::from(self)
            }
        }
    )*};
}
integer_value!(i8, i16, i32);

impl Value for f32 {
    #[inline(always)]
    fn bits(self) -> u32 {
        self.to_bits()
    }

    fn real(self) -> f64 {
        f64::from(self)
    }
}

impl Value for f64 {
    fn bits(self) -> u32 {
        (self as f32).to_bits()
    }

    fn real(self) -> f64 {
        self
    }
}

/// When a [`Tap`] sees the states of the scans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum States {
    /// Not at all.
    Never,
    /// After each row (a backward pass begins a row with them).
    Rows,
    /// After each pixel, which slows a run down (calibration).
    Pixels,
}

/// A hook into a run: gets the values of each layer in raster order, in pieces.
pub trait Tap {
    /// When the scan's states are to be recorded too.
    const STATES: States = States::Never;

    /// Takes the next values of `layer`.
    fn record<V: Value>(&mut self, layer: Layer, values: &[V]);
}

/// The hook that looks at nothing and costs nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTap;

impl Tap for NoTap {
    #[inline(always)]
    fn record<V: Value>(&mut self, _layer: Layer, _values: &[V]) {}
}

/// Two hooks at once.
impl<A: Tap, B: Tap> Tap for (A, B) {
    const STATES: States = if A::STATES as u8 > B::STATES as u8 {
        A::STATES
    } else {
        B::STATES
    };

    #[inline(always)]
    fn record<V: Value>(&mut self, layer: Layer, values: &[V]) {
        self.0.record(layer, values);
        self.1.record(layer, values);
    }
}

/// One named step of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// First convolution, `[h, w, C]`.
    ConvFirst,
    /// Norm after it, `[h, w, C]`.
    NormFirst,
    /// A step of a mixer.
    Mixer {
        /// Group, from 0.
        group: u8,
        /// Block in the group, from 0.
        block: u8,
        /// Step.
        part: MixerPart,
    },
    /// Convolution at the end of a group, `[h, w, C]`.
    GroupConv {
        /// Group, from 0.
        group: u8,
    },
    /// Output of a group: the convolution and the group's input, `[h, w, C]`.
    Group {
        /// Group, from 0.
        group: u8,
    },
    /// Norm after the last group, `[h, w, C]`.
    NormLast,
    /// Convolution after the body, `[h, w, C]`.
    ConvAfterBody,
    /// That and the first feature, `[h, w, C]`.
    Body,
    /// Last convolution, `[h, w, channels * scale^2]`.
    Upsample,
    /// Picture before it is clamped, `[h * scale, w * scale, channels]`.
    Output,
    /// States of a scan, `[N, E]`, as often as [`Tap::STATES`] says; not among [`Layer::all`].
    States {
        /// Group, from 0.
        group: u8,
        /// Block in the group, from 0.
        block: u8,
    },
}

/// The steps of a mixer, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MixerPart {
    /// Norm before the mixer, `[h, w, C]`.
    Norm,
    /// Input projection, u then z, `[h, w, 2 E]`.
    InProj,
    /// Causal convolution and SiLU, `[h, w, E]`.
    Conv1d,
    /// Projection to step size, B and C, `[h, w, R + 2 N]`.
    XProj,
    /// Step size after softplus, `[h, w, E]`.
    Dt,
    /// Scan and skip D, `[h, w, E]`.
    Scan,
    /// Gated, `[h, w, E]`.
    Gate,
    /// Output projection, `[h, w, C]`.
    OutProj,
    /// That and the mixer's input, `[h, w, C]`.
    Skip,
}

impl MixerPart {
    /// All steps, in order.
    pub const ALL: [Self; 9] = [
        Self::Norm,
        Self::InProj,
        Self::Conv1d,
        Self::XProj,
        Self::Dt,
        Self::Scan,
        Self::Gate,
        Self::OutProj,
        Self::Skip,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Norm => "norm",
            Self::InProj => "in_proj",
            Self::Conv1d => "conv1d",
            Self::XProj => "x_proj",
            Self::Dt => "dt",
            Self::Scan => "scan",
            Self::Gate => "gate",
            Self::OutProj => "out_proj",
            Self::Skip => "skip",
        }
    }
}

impl Layer {
    /// Returns the layers of a network in the order of execution.
    pub fn all(config: &Config) -> impl Iterator<Item = Self> + use<> {
        let (groups, blocks) = (config.groups as u8, config.blocks as u8);
        let parts = parts(config);
        let body = (0..groups).flat_map(move |group| {
            let mixers = (0..blocks).flat_map(move |block| {
                let part = move |&part| Self::Mixer { group, block, part };
                MixerPart::ALL[..parts].iter().map(part)
            });
            mixers.chain([Self::GroupConv { group }, Self::Group { group }])
        });
        let last = [
            Self::NormLast,
            Self::ConvAfterBody,
            Self::Body,
            Self::Upsample,
            Self::Output,
        ];
        [Self::ConvFirst, Self::NormFirst]
            .into_iter()
            .chain(body)
            .chain(last)
    }

    /// Returns the number of layers of a network.
    pub fn count(config: &Config) -> usize {
        7 + config.groups * (config.blocks * parts(config) + 2)
    }

    /// Returns the place among [`Layer::all`], or nothing for a layer that is not there.
    #[inline]
    pub fn index(self, config: &Config) -> Option<usize> {
        let group_len = config.blocks * parts(config) + 2;
        let end = 2 + config.groups * group_len;
        Some(match self {
            Self::ConvFirst => 0,
            Self::NormFirst => 1,
            Self::Mixer { group, block, part } => {
                let mixer = usize::from(block) * parts(config);
                2 + usize::from(group) * group_len + mixer + part as usize
            }
            Self::GroupConv { group } => 2 + (usize::from(group) + 1) * group_len - 2,
            Self::Group { group } => 2 + (usize::from(group) + 1) * group_len - 1,
            Self::NormLast => end,
            Self::ConvAfterBody => end + 1,
            Self::Body => end + 2,
            Self::Upsample => end + 3,
            Self::Output => end + 4,
            Self::States { .. } => return None,
        })
    }
}

/// Steps of each mixer: the skip only where the network has it.
fn parts(config: &Config) -> usize {
    MixerPart::ALL.len() - usize::from(!config.mixer_skip)
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ConvFirst => f.pad("conv_first"),
            Self::NormFirst => f.pad("patch_embed.norm"),
            Self::Mixer { group, block, part } => {
                write!(f, "layers.{group}.blocks.{block}.{}", part.name())
            }
            Self::GroupConv { group } => write!(f, "layers.{group}.conv"),
            Self::Group { group } => write!(f, "layers.{group}"),
            Self::NormLast => f.pad("norm_f"),
            Self::ConvAfterBody => f.pad("conv_after_body"),
            Self::Body => f.pad("body"),
            Self::Upsample => f.pad("upsample"),
            Self::Output => f.pad("output"),
            Self::States { group, block } => write!(f, "layers.{group}.blocks.{block}.states"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Anchor, Decay};

    #[test]
    fn index_is_the_place() {
        for (groups, blocks, mixer_skip) in [(1, 1, true), (4, 2, false), (16, 8, false)] {
            let config = Config {
                channels: 1,
                scale: 2,
                width: 4,
                inner: 8,
                groups,
                blocks,
                states: 2,
                dt_rank: 1,
                mixer_skip,
                anchor: Anchor::None,
                decay: Decay::Full,
                mean: [0.0; 3],
            };
            let places = Layer::all(&config).map(|layer| layer.index(&config));
            assert!(places.eq((0..Layer::count(&config)).map(Some)));
        }
    }
}
