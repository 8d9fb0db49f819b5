//! The whole network: its sections in order, and the parameters of each.
//!
//! ```text
//! f = conv_first(x - mean)          t = norm(f)
//! each group: t = t + conv(blocks(t)),   each block: t = [t +] mixer(norm(t))
//! out = shuffle(upsample(conv_after_body(norm_f(t)) + f)) + anchor, or + mean
//! ```
//! Source: DVMSR (arXiv 2405.03008) figure 2; mixer skip, anchor and forms are the project's own.

use crate::arith::Arithmetic;
use crate::config::{Config, Form, Projection, Weight, WeightName};
use crate::linear::Weights;
use crate::model::{ModelError, Param, Scope, WeightSource};

/// A part of the network whose arrays stand together in the model file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// First convolution and norm.
    First,
    /// A block: norm and mixer.
    Block {
        /// Group, from 0.
        group: usize,
        /// Block in the group, from 0.
        block: usize,
    },
    /// End of a group: convolution and residual.
    Group {
        /// Group, from 0.
        group: usize,
    },
    /// Norm, convolution, residual, last convolution.
    Last,
}

impl Section {
    /// Returns the sections in file order.
    pub fn all(config: &Config) -> impl Iterator<Item = Self> + use<> {
        let (groups, blocks) = (config.groups, config.blocks);
        let body = (0..groups).flat_map(move |group| {
            let block = move |block| Self::Block { group, block };
            (0..blocks).map(block).chain([Self::Group { group }])
        });
        [Self::First].into_iter().chain(body).chain([Self::Last])
    }

    /// Returns the place among [`Section::all`].
    pub fn index(self, config: &Config) -> usize {
        let group_len = config.blocks + 1;
        match self {
            Self::First => 0,
            Self::Block { group, block } => 1 + group * group_len + block,
            Self::Group { group } => 1 + group * group_len + config.blocks,
            Self::Last => 1 + config.groups * group_len,
        }
    }
}

/// Parameters of [`Section::First`].
#[derive(Clone, Copy)]
pub struct First<'a, A: Arithmetic> {
    /// `conv_first`.
    pub conv: Weights<'a, A>,
    /// `patch_embed.norm`.
    pub norm: A::Norm<'a>,
}

/// Parameters of [`Section::Block`].
#[derive(Clone, Copy)]
pub struct Block<'a, A: Arithmetic> {
    /// Norm before the mixer.
    pub norm: A::Norm<'a>,
    /// Projection to u and z.
    pub in_proj: Weights<'a, A>,
    /// Causal convolution.
    pub conv1d: A::Conv1d<'a>,
    /// Projection to step size, B and C.
    pub x_proj: Weights<'a, A>,
    /// Projection to the channels' step sizes.
    pub dt_proj: Weights<'a, A>,
    /// Selective scan.
    pub scan: A::Scan<'a>,
    /// Gate.
    pub gate: A::Gate,
    /// Output projection.
    pub out_proj: Weights<'a, A>,
    /// Residual, where the network has one.
    pub skip: Option<A::Sum>,
}

/// Parameters of [`Section::Group`].
#[derive(Clone, Copy)]
pub struct Group<'a, A: Arithmetic> {
    /// Convolution.
    pub conv: Weights<'a, A>,
    /// Residual: the convolution, then the group's input.
    pub sum: A::Sum,
}

/// Parameters of [`Section::Last`].
#[derive(Clone, Copy)]
pub struct Last<'a, A: Arithmetic> {
    /// `norm_f`.
    pub norm: A::Norm<'a>,
    /// `conv_after_body`.
    pub conv: Weights<'a, A>,
    /// Residual: the convolution, then the first feature.
    pub sum: A::Sum,
    /// `upsample.0`.
    pub upsample: Weights<'a, A>,
}

/// Gives the form of weight `index` in file order.
type Forms<'f> = &'f dyn Fn(usize) -> Form;

impl<'a, A: Arithmetic> First<'a, A> {
    /// Reads the section.
    ///
    /// # Errors
    /// What is wrong with which parameter.
    pub fn load(
        source: &mut impl WeightSource<'a, A>,
        config: &Config,
        forms: Forms<'_>,
    ) -> Result<Self, ModelError> {
        let param = |name| Param::new(Scope::Network, name);
        let weight = conv(WeightName::ConvFirst, config.width, config.channels);
        Ok(Self {
            conv: Weights::load::<A::Act>(source, param("conv_first"), weight, forms(0), true)?,
            norm: A::load_norm(source, param("patch_embed.norm"), config.width)?,
        })
    }
}

impl<'a, A: Arithmetic> Block<'a, A> {
    /// Reads the section of block `block` of group `group`.
    ///
    /// # Errors
    /// What is wrong with which parameter.
    pub fn load(
        source: &mut impl WeightSource<'a, A>,
        config: &Config,
        forms: Forms<'_>,
        group: usize,
        block: usize,
    ) -> Result<Self, ModelError> {
        let param = |name| Param::new(Scope::Block(group as u8, block as u8), name);
        let first = 1 + group * (4 * config.blocks + 1) + 4 * block;
        let weight = |part, outputs, inputs| {
            let name = WeightName::Projection { group, block, part };
            Weight {
                name,
                outputs,
                inputs,
                taps: 1,
            }
        };
        let (c, e) = (config.width, config.inner);
        let norm = A::load_norm(source, param("norm"), c)?;
        let shape = weight(Projection::InProj, 2 * e, c);
        let in_proj = Weights::load::<A::In>(source, param("in_proj"), shape, forms(first), false)?;
        let conv1d = A::load_conv1d(source, param("conv1d"), e)?;
        let shape = weight(Projection::XProj, config.projected(), e);
        let form = forms(first + 1);
        let x_proj = Weights::load::<A::In>(source, param("x_proj"), shape, form, false)?;
        let shape = weight(Projection::DtProj, e, config.dt_rank);
        let form = forms(first + 2);
        let dt_proj = Weights::load::<A::Act>(source, param("dt_proj"), shape, form, true)?;
        let scan = A::load_scan(source, param("scan"), config)?;
        let gate = A::load_gate(source, param("gate"))?;
        let shape = weight(Projection::OutProj, c, e);
        let form = forms(first + 3);
        let out_proj = Weights::load::<A::In>(source, param("out_proj"), shape, form, false)?;
        let skip = match config.mixer_skip {
            true => Some(A::load_sum(source, param("skip"))?),
            false => None,
        };
        Ok(Self {
            norm,
            in_proj,
            conv1d,
            x_proj,
            dt_proj,
            scan,
            gate,
            out_proj,
            skip,
        })
    }
}

impl<'a, A: Arithmetic> Group<'a, A> {
    /// Reads the section of group `group`.
    ///
    /// # Errors
    /// What is wrong with which parameter.
    pub fn load(
        source: &mut impl WeightSource<'a, A>,
        config: &Config,
        forms: Forms<'_>,
        group: usize,
    ) -> Result<Self, ModelError> {
        let param = |name| Param::new(Scope::Group(group as u8), name);
        let weight = conv(WeightName::GroupConv { group }, config.width, config.width);
        let form = forms((group + 1) * (4 * config.blocks + 1));
        Ok(Self {
            conv: Weights::load::<A::In>(source, param("conv"), weight, form, true)?,
            sum: A::load_sum(source, param("sum"))?,
        })
    }
}

impl<'a, A: Arithmetic> Last<'a, A> {
    /// Reads the section.
    ///
    /// # Errors
    /// What is wrong with which parameter.
    pub fn load(
        source: &mut impl WeightSource<'a, A>,
        config: &Config,
        forms: Forms<'_>,
    ) -> Result<Self, ModelError> {
        let param = |name| Param::new(Scope::Network, name);
        let n = config.n_weights();
        let norm = A::load_norm(source, param("norm_f"), config.width)?;
        let weight = conv(WeightName::ConvAfterBody, config.width, config.width);
        let name = param("conv_after_body");
        let after = Weights::load::<A::In>(source, name, weight, forms(n - 2), true)?;
        let sum = A::load_sum(source, param("body"))?;
        let weight = conv(WeightName::Upsample, config.sub_pixels(), config.width);
        let name = param("upsample");
        let upsample = Weights::load::<A::In>(source, name, weight, forms(n - 1), true)?;
        Ok(Self {
            norm,
            conv: after,
            sum,
            upsample,
        })
    }
}

fn conv(name: WeightName, outputs: usize, inputs: usize) -> Weight {
    Weight {
        name,
        outputs,
        inputs,
        taps: 9,
    }
}

/// Asks `source` for every array of a section, in file order: checks a file, or writes one.
///
/// # Errors
/// What is wrong with which parameter.
pub fn load_section<'a, A: Arithmetic>(
    source: &mut impl WeightSource<'a, A>,
    config: &Config,
    forms: &dyn Fn(usize) -> Form,
    section: Section,
) -> Result<(), ModelError> {
    match section {
        Section::First => First::<A>::load(source, config, forms).map(drop),
        Section::Block { group, block } => {
            Block::<A>::load(source, config, forms, group, block).map(drop)
        }
        Section::Group { group } => Group::<A>::load(source, config, forms, group).map(drop),
        Section::Last => Last::<A>::load(source, config, forms).map(drop),
    }
}
