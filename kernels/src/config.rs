//! The network family: dimensions and options of one network, and the form of each weight.

use core::fmt;
use core::str::FromStr;

/// Largest number of groups.
pub const MAX_GROUPS: usize = 16;
/// Largest number of blocks in a group.
pub const MAX_BLOCKS: usize = 8;
/// Taps of the causal depthwise convolution (the only kernel size of the family).
pub const CONV1D_TAPS: usize = 4;

/// Dimensions and options of one network of the family.
///
/// Symbols in brackets are those of the papers (DVMSR, MambaLiteSR).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Colour channels of the picture: 1 or 3.
    pub channels: usize,
    /// Magnification: 2, 3 or 4.
    pub scale: usize,
    /// Feature width `[C]`: 1 to 256.
    pub width: usize,
    /// Inner width of a mixer `[E]`: 1 to 512, usually `2 C`.
    pub inner: usize,
    /// Groups `[G]`: 1 to 16.
    pub groups: usize,
    /// Blocks in each group `[B]`: 1 to 8.
    pub blocks: usize,
    /// States of each inner channel `[N]`: 1 to 64.
    pub states: usize,
    /// Inputs of the step-size projection `[R]`: 1 to 64.
    pub dt_rank: usize,
    /// Whether each mixer adds its input to its output.
    pub mixer_skip: bool,
    /// What is added to the network's output.
    pub anchor: Anchor,
    /// Whether each state has its own decay rate.
    pub decay: Decay,
    /// Mean colour that is taken off the input, 0 to 1 (first value only for one channel).
    pub mean: [f32; 3],
}

/// What the network's output is a correction of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Anchor {
    /// The mean colour (as DVMSR).
    None,
    /// The nearest input pixel.
    Nearest,
    /// The bicubic magnification of the input (a = -0.5, mirrored borders).
    Bicubic,
}

/// Decay rates of the selective scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Decay {
    /// One rate for each channel and state, `A[e, n]` (as Mamba).
    Full,
    /// `A[e, n] = (n + 1) A[e]`: one exponential a channel, the others by multiplication.
    Tied,
}

/// Number format of a model file and of the arithmetic that runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Precision {
    /// IEEE single precision.
    F32,
    /// 8-bit weights, 16-bit activations.
    W8A16,
    /// 8-bit weights, 8-bit inputs of each matrix product and 3x3 convolution.
    W8A8,
}

/// How a projection or 3x3 convolution is stored and computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Form {
    /// One full matrix.
    Dense,
    /// `U V` of this rank; of a convolution, `rank` 3x3 filters and a 1x1 convolution.
    LowRank(usize),
    /// As [`Form::LowRank`], with `rank` rows of `U` the identity: those outputs are copies.
    IdentityRows(usize),
}

/// A dimension or option that the family does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ConfigError {
    /// Name of the field.
    pub field: &'static str,
    /// Its value.
    pub value: usize,
    /// Smallest value allowed.
    pub min: usize,
    /// Largest value allowed.
    pub max: usize,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            field,
            value,
            min,
            max,
        } = self;
        write!(f, "{field} is {value}, must be {min} to {max}")
    }
}

impl core::error::Error for ConfigError {}

impl Config {
    /// Checks every dimension against the limits of the family.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        let limits = [
            ("channels", self.channels, 1, 3),
            ("scale", self.scale, 2, 4),
            ("width", self.width, 1, 256),
            ("inner", self.inner, 1, 512),
            ("groups", self.groups, 1, MAX_GROUPS),
            ("blocks", self.blocks, 1, MAX_BLOCKS),
            ("states", self.states, 1, 64),
            ("dt_rank", self.dt_rank, 1, 64),
        ];
        for (field, value, min, max) in limits {
            if value < min || value > max || (field == "channels" && value == 2) {
                return Err(ConfigError {
                    field,
                    value,
                    min,
                    max,
                });
            }
        }
        if self.mean.iter().any(|m| !(0.0..=1.0).contains(m)) {
            return Err(ConfigError {
                field: "mean (x255)",
                value: 256,
                min: 0,
                max: 255,
            });
        }
        Ok(())
    }

    /// Returns the values of one row of `x_proj`: step size, `B` and `C`.
    pub fn projected(&self) -> usize {
        self.dt_rank + 2 * self.states
    }

    /// Returns the channels of the last convolution: one for each colour and sub-pixel.
    pub fn sub_pixels(&self) -> usize {
        self.channels * self.scale * self.scale
    }

    /// Returns the number of decay rates of a channel.
    pub fn rates(&self) -> usize {
        match self.decay {
            Decay::Full => self.states,
            Decay::Tied => 1,
        }
    }

    /// Returns the mean of a colour as a pixel value in Q8.4 (16 units a grey level), rounded.
    pub fn mean_q4(&self, channel: usize) -> i16 {
        (self.mean[channel] * 4080.0 + 0.5) as i16
    }

    /// Returns the weights that have a [`Form`], in file order, with their outputs and inputs
    /// (of a convolution, inputs of one tap).
    pub fn weights(&self) -> impl Iterator<Item = Weight> + use<> {
        let c = *self;
        let first = Weight::conv(WeightName::ConvFirst, c.width, c.channels);
        let last = [
            Weight::conv(WeightName::ConvAfterBody, c.width, c.width),
            Weight::conv(WeightName::Upsample, c.sub_pixels(), c.width),
        ];
        let groups = (0..c.groups).flat_map(move |group| {
            let blocks = (0..c.blocks).flat_map(move |block| {
                let of = move |part, outputs, inputs| {
                    let name = WeightName::Projection { group, block, part };
                    Weight {
                        name,
                        outputs,
                        inputs,
                        taps: 1,
                    }
                };
                [
                    of(Projection::InProj, 2 * c.inner, c.width),
                    of(Projection::XProj, c.projected(), c.inner),
                    of(Projection::DtProj, c.inner, c.dt_rank),
                    of(Projection::OutProj, c.width, c.inner),
                ]
            });
            blocks.chain([Weight::conv(
                WeightName::GroupConv { group },
                c.width,
                c.width,
            )])
        });
        [first].into_iter().chain(groups).chain(last)
    }

    /// Returns the number of weights that have a [`Form`].
    pub fn n_weights(&self) -> usize {
        3 + self.groups * (4 * self.blocks + 1)
    }

    /// Counts the parameters: every trained number, with `forms` in file order.
    pub fn parameters(&self, forms: impl IntoIterator<Item = Form>) -> usize {
        let weights: usize = self
            .weights()
            .zip(forms)
            .map(|(w, f)| w.parameters(f))
            .sum();
        let (c, e) = (self.width, self.inner);
        let mixer = 2 * c + e * (CONV1D_TAPS + 1) + e + e * self.rates() + e;
        let biases = c * (self.groups + 2) + self.sub_pixels();
        weights + biases + 4 * c + self.groups * self.blocks * mixer
    }

    /// Counts the multiply-accumulate operations of one LR pixel, with `forms` in file order.
    ///
    /// Convolutions and projections as usual, the scan 4 a state and 2 a channel; norms,
    /// activations and the anchor are not counted.
    pub fn macs_per_pixel(&self, forms: impl IntoIterator<Item = Form>) -> usize {
        let weights: usize = self
            .weights()
            .zip(forms)
            .map(|(w, f)| w.parameters(f))
            .sum();
        let mixer = self.inner * (CONV1D_TAPS + 4 * self.states + 2);
        weights + self.groups * self.blocks * mixer
    }
}

/// A weight that has a [`Form`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight {
    /// Its name.
    pub name: WeightName,
    /// Outputs.
    pub outputs: usize,
    /// Inputs of one tap.
    pub inputs: usize,
    /// Taps: 9 for a 3x3 convolution, 1 for a projection.
    pub taps: usize,
}

impl Weight {
    fn conv(name: WeightName, outputs: usize, inputs: usize) -> Self {
        Self {
            name,
            outputs,
            inputs,
            taps: 9,
        }
    }

    /// Counts the parameters (and the multiply-accumulates of one pixel) without the bias.
    pub fn parameters(&self, form: Form) -> usize {
        let inputs = self.inputs * self.taps;
        match form {
            Form::Dense => self.outputs * inputs,
            Form::LowRank(r) => r * (self.outputs + inputs),
            Form::IdentityRows(r) => r * (self.outputs + inputs - r),
        }
    }
}

/// Name of a weight that has a [`Form`]; displays as the PyTorch parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the checkpoint")]
pub enum WeightName {
    ConvFirst,
    Projection {
        group: usize,
        block: usize,
        part: Projection,
    },
    GroupConv {
        group: usize,
    },
    ConvAfterBody,
    Upsample,
}

/// The projections of a mixer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the checkpoint")]
pub enum Projection {
    InProj,
    XProj,
    DtProj,
    OutProj,
}

impl Projection {
    /// Returns the name inside the mixer.
    pub fn name(self) -> &'static str {
        match self {
            Self::InProj => "in_proj",
            Self::XProj => "x_proj",
            Self::DtProj => "dt_proj",
            Self::OutProj => "out_proj",
        }
    }
}

impl fmt::Display for WeightName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ConvFirst => write!(f, "conv_first"),
            Self::Projection { group, block, part } => {
                write!(
                    f,
                    "layers.{group}.residual_group.blocks.{block}.mixer.{}",
                    part.name()
                )
            }
            Self::GroupConv { group } => write!(f, "layers.{group}.conv"),
            Self::ConvAfterBody => write!(f, "conv_after_body"),
            Self::Upsample => write!(f, "upsample.0"),
        }
    }
}

impl Form {
    /// Returns the rank, or nothing for a dense weight.
    pub fn rank(self) -> Option<usize> {
        match self {
            Self::Dense => None,
            Self::LowRank(r) | Self::IdentityRows(r) => Some(r),
        }
    }
}

impl Precision {
    /// All precisions.
    pub const ALL: [Self; 3] = [Self::F32, Self::W8A16, Self::W8A8];
    /// The set of all: bit 0 `f32`, bit 1 `w8a16`, bit 2 `w8a8`. What a program is built for is a set
    /// of this kind, as a constant: the code of the others stays out of it.
    pub const SET: u8 = 0b111;

    /// Reports whether a set of the kind of [`Precision::SET`] has this one.
    #[inline]
    pub const fn is_in(self, set: u8) -> bool {
        set & 1 << self as u8 != 0
    }

    /// Returns the name as on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::W8A16 => "w8a16",
            Self::W8A8 => "w8a8",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is no [`Precision`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownPrecision;

impl fmt::Display for UnknownPrecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("precision must be f32, w8a16 or w8a8")
    }
}

impl core::error::Error for UnknownPrecision {}

impl FromStr for Precision {
    type Err = UnknownPrecision;

    fn from_str(name: &str) -> Result<Self, UnknownPrecision> {
        Self::ALL
            .into_iter()
            .find(|p| p.name() == name)
            .ok_or(UnknownPrecision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DVMSR (arXiv 2405.03008): 424,428 parameters, 467,940 MACs an LR pixel with the scan.
    #[test]
    fn counts_dvmsr() {
        let dvmsr = Config {
            channels: 3,
            scale: 4,
            width: 60,
            inner: 120,
            groups: 4,
            blocks: 2,
            states: 16,
            dt_rank: 4,
            mixer_skip: false,
            anchor: Anchor::None,
            decay: Decay::Full,
            mean: [0.4488, 0.4371, 0.4040],
        };
        assert_eq!(dvmsr.check(), Ok(()));
        assert_eq!(dvmsr.weights().count(), dvmsr.n_weights());
        let dense = || core::iter::repeat(Form::Dense);
        assert_eq!(dvmsr.parameters(dense()), 424_428);
        assert_eq!(dvmsr.macs_per_pixel(dense()), 467_940);
    }

    #[test]
    fn identity_rows_never_cost_more_than_dense() {
        let weight = Weight::conv(WeightName::ConvFirst, 16, 16);
        for rank in 1..=16 {
            let identity = weight.parameters(Form::IdentityRows(rank));
            assert!(identity <= weight.parameters(Form::Dense));
            assert!(identity < weight.parameters(Form::LowRank(rank)));
        }
    }
}
