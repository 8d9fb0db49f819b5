//! Checkpoints to model files: PyTorch parameter names and layouts to those of the kernels.

use std::collections::{BTreeMap, BTreeSet};

use mambalite_kernels::config::{CONV1D_TAPS, WeightName};
use mambalite_kernels::model::{Param, Scope};
use mambalite_kernels::{Anchor, Config, ConfigError, Decay, Form, ModelError, Precision};

use crate::arrays::Arrays;
use crate::checkpoint::{Checkpoint, Tensor};
use crate::model_file::ModelFile;
use crate::rate;

/// Mean colour of DVMSR's training set, taken where a checkpoint does not say its own.
const DVMSR_MEAN: [f32; 3] = [0.4488, 0.4371, 0.4040];

/// Why a checkpoint is not a network of the family.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A parameter is not there.
    #[error("tensor `{name}` is missing")]
    Missing {
        /// Its name.
        name: String,
    },
    /// Parameters that no network of the family has.
    #[error("unknown tensors: {names}; the network is not of this family")]
    Unknown {
        /// Their names.
        names: String,
    },
    /// A parameter has another shape than the others ask for.
    #[error("tensor `{name}` has shape {found:?}, expected {expected:?}")]
    Shape {
        /// Its name.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that fits.
        expected: Vec<usize>,
    },
    /// An order of identity rows that is none.
    #[error("tensor `{name}` has {value} as a place of an output, expected 0 to {last}")]
    Place {
        /// Its name.
        name: String,
        /// The value.
        value: f32,
        /// The largest place.
        last: usize,
    },
    /// A metadata entry has a value that is not known.
    #[error("metadata `{key}` is `{value}`, expected {expected}")]
    Metadata {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What is known.
        expected: &'static str,
    },
    /// A dimension that the family does not have.
    #[error("the network is out of the family: {0}")]
    Config(ConfigError),
    /// A value that a model file cannot have.
    #[error("{0}")]
    Model(ModelError),
}

/// Makes a model file of single precision from a checkpoint.
///
/// Names are those of DVMSR; a low-rank weight has `X.weight.v` and `X.weight.u` for `X.weight`
/// (and, with identity rows, `X.weight.order`: where each output stands in copies, others); a tied
/// scan has `A_log` of shape `[E, 1]`. What shapes do not tell is in the metadata
/// `mambalite.{scale, mixer_skip, anchor, decay, mean}` and otherwise that of DVMSR.
///
/// # Errors
/// [`ImportError`], naming every unknown and the first missing tensor.
pub fn import(checkpoint: &Checkpoint) -> Result<ModelFile, ImportError> {
    let mut tensors = Tensors {
        checkpoint,
        used: BTreeSet::new(),
    };
    let config = tensors.config()?;
    config.check().map_err(ImportError::Config)?;
    let mut arrays = Arrays::default();
    let mut forms = Vec::new();
    for weight in config.weights() {
        let shape = Shape {
            outputs: weight.outputs,
            inputs: weight.inputs,
            taps: weight.taps,
        };
        forms.push(tensors.weight(weight.name, shape, &mut arrays)?);
    }
    tensors.norms_and_scans(&config, &mut arrays)?;
    tensors.refuse_unknown()?;
    arrays
        .to_file(&config, &forms, Precision::F32)
        .map_err(ImportError::Model)
}

/// Outputs, inputs of a tap, and taps of a weight.
#[derive(Clone, Copy)]
struct Shape {
    outputs: usize,
    inputs: usize,
    taps: usize,
}

impl Shape {
    /// The shape of PyTorch's tensor.
    fn torch(self) -> Vec<usize> {
        match self.taps {
            1 => vec![self.outputs, self.inputs],
            _ => vec![self.outputs, self.inputs, 3, 3],
        }
    }
}

/// A checkpoint and which of its tensors were asked for.
struct Tensors<'c> {
    checkpoint: &'c Checkpoint,
    used: BTreeSet<String>,
}

impl<'c> Tensors<'c> {
    fn find(&mut self, name: &str) -> Option<&'c Tensor> {
        let tensor = self.checkpoint.tensors.get(name)?;
        self.used.insert(name.to_owned());
        Some(tensor)
    }

    fn get(&mut self, name: &str) -> Result<&'c Tensor, ImportError> {
        self.find(name).ok_or_else(|| ImportError::Missing {
            name: name.to_owned(),
        })
    }

    fn shaped(&mut self, name: &str, expected: &[usize]) -> Result<&'c [f32], ImportError> {
        let tensor = self.get(name)?;
        if tensor.shape == expected {
            return Ok(&tensor.data);
        }
        let (name, found) = (name.to_owned(), tensor.shape.clone());
        Err(ImportError::Shape {
            name,
            found,
            expected: expected.to_vec(),
        })
    }

    fn refuse_unknown(&self) -> Result<(), ImportError> {
        let unknown = self
            .checkpoint
            .tensors
            .keys()
            .filter(|name| !self.used.contains(*name));
        let names: Vec<_> = unknown.map(|name| format!("`{name}`")).collect();
        if names.is_empty() {
            return Ok(());
        }
        Err(ImportError::Unknown {
            names: names.join(", "),
        })
    }

    /// Returns the shape of a weight in whichever form it is there: outputs first.
    fn outputs_and_inputs(&mut self, name: &str) -> Result<(usize, usize), ImportError> {
        let dense = format!("{name}.weight");
        if let Some(tensor) = self.checkpoint.tensors.get(&dense) {
            return Ok((dimension(tensor, 0), dimension(tensor, 1)));
        }
        let Some(v) = self.checkpoint.tensors.get(&format!("{dense}.v")) else {
            return Err(ImportError::Missing { name: dense });
        };
        let outputs = match self.checkpoint.tensors.get(&format!("{dense}.order")) {
            Some(order) => dimension(order, 0),
            None => dimension(self.get(&format!("{dense}.u"))?, 0),
        };
        Ok((outputs, dimension(v, 1)))
    }

    /// Derives the dimensions from shapes and metadata.
    fn config(&mut self) -> Result<Config, ImportError> {
        let (width, channels) = self.outputs_and_inputs("conv_first")?;
        let (sub_pixels, _) = self.outputs_and_inputs("upsample.0")?;
        let mixer = "layers.0.residual_group.blocks.0.mixer";
        let (doubled, _) = self.outputs_and_inputs(&format!("{mixer}.in_proj"))?;
        let (projected, _) = self.outputs_and_inputs(&format!("{mixer}.x_proj"))?;
        let (_, dt_rank) = self.outputs_and_inputs(&format!("{mixer}.dt_proj"))?;
        let rates = self.get(&format!("{mixer}.A_log"))?;
        let states = projected.saturating_sub(dt_rank) / 2;
        let shown = match dimension(rates, 1) == 1 && states > 1 {
            true => Decay::Tied,
            false => Decay::Full,
        };
        let count = |prefix: &str| {
            let has = |i: &usize| {
                let start = format!("{prefix}{i}.");
                self.checkpoint
                    .tensors
                    .range(start.clone()..)
                    .next()
                    .is_some_and(|(n, _)| n.starts_with(&start))
            };
            (0..).take_while(has).count()
        };
        let metadata = Metadata(&self.checkpoint.metadata);
        let side = (sub_pixels as f64 / channels.max(1) as f64).sqrt().round() as usize;
        Ok(Config {
            channels,
            scale: metadata.number("mambalite.scale")?.unwrap_or(side),
            width,
            inner: doubled / 2,
            groups: count("layers."),
            blocks: count("layers.0.residual_group.blocks."),
            states,
            dt_rank,
            mixer_skip: metadata.flag("mambalite.mixer_skip")?,
            anchor: metadata.anchor()?,
            decay: metadata.decay()?.unwrap_or(shown),
            mean: metadata.mean()?.unwrap_or(DVMSR_MEAN),
        })
    }

    /// Takes a projection or convolution, in whichever form it is there.
    fn weight(
        &mut self,
        name: WeightName,
        shape: Shape,
        arrays: &mut Arrays,
    ) -> Result<Form, ImportError> {
        let torch = name.to_string();
        let param = weight_param(name);
        let bias = matches!(param.name, "dt_proj") || shape.taps == 9;
        let bias = match bias {
            true => self.shaped(&format!("{torch}.bias"), &[shape.outputs])?,
            false => &[],
        };
        let dense = format!("{torch}.weight");
        if self.checkpoint.tensors.contains_key(&dense) {
            let values = self.shaped(&dense, &shape.torch())?;
            arrays.insert(param.part("weight"), &transpose(values, shape));
            arrays.insert(param.part("bias"), bias);
            return Ok(Form::Dense);
        }
        self.low_rank(&dense, param, shape, bias, arrays)
    }

    fn low_rank(
        &mut self,
        dense: &str,
        param: Param,
        shape: Shape,
        bias: &[f32],
        arrays: &mut Arrays,
    ) -> Result<Form, ImportError> {
        let v_name = format!("{dense}.v");
        let Some(v) = self.checkpoint.tensors.get(&v_name) else {
            return Err(ImportError::Missing {
                name: dense.to_owned(),
            });
        };
        let rank = dimension(v, 0);
        let v_shape = Shape {
            outputs: rank,
            ..shape
        };
        let v = self.shaped(&v_name, &v_shape.torch())?;
        arrays.insert(param.factor("v").part("weight"), &transpose(v, v_shape));
        let u_name = format!("{dense}.u");
        let order_name = format!("{dense}.order");
        if !self.checkpoint.tensors.contains_key(&order_name) {
            let u_shape = Shape {
                outputs: shape.outputs,
                inputs: rank,
                taps: 1,
            };
            let u = self.shaped(&u_name, &u_shape.torch())?;
            arrays.insert(param.factor("u").part("weight"), &transpose(u, u_shape));
            arrays.insert(param.factor("u").part("bias"), bias);
            return Ok(Form::LowRank(rank));
        }
        let order = self.order(order_name, shape.outputs)?;
        let others = shape.outputs.saturating_sub(rank);
        let u_shape = Shape {
            outputs: others,
            inputs: rank,
            taps: 1,
        };
        let u = self.shaped(&u_name, &u_shape.torch())?;
        arrays.insert(param.factor("u").part("weight"), &transpose(u, u_shape));
        if !bias.is_empty() {
            // The bias stands with the output; the kernels have it where the output is computed.
            let mut placed = vec![0.0; shape.outputs];
            for (&bias, &place) in bias.iter().zip(&order) {
                if let Some(placed) = placed.get_mut(usize::from(place)) {
                    *placed = bias;
                }
            }
            arrays.insert(
                param.factor("copies").part("bias"),
                &placed[..rank.min(placed.len())],
            );
            arrays.insert(
                param.factor("u").part("bias"),
                &placed[rank.min(placed.len())..],
            );
        }
        arrays.insert(param.part("order"), &order);
        Ok(Form::IdentityRows(rank))
    }

    /// Takes the places of a weight's outputs among copies and others.
    fn order(&mut self, name: String, outputs: usize) -> Result<Vec<u16>, ImportError> {
        let order = self.shaped(&name, &[outputs])?;
        let whole = |value: f32| (0..outputs).any(|place| place as f32 == value);
        match order.iter().find(|&&value| !whole(value)) {
            Some(&value) => Err(ImportError::Place {
                name,
                value,
                last: outputs.saturating_sub(1),
            }),
            None => Ok(order.iter().map(|&place| place as u16).collect()),
        }
    }

    fn norms_and_scans(&mut self, config: &Config, arrays: &mut Arrays) -> Result<(), ImportError> {
        for name in ["patch_embed.norm", "norm_f"] {
            self.norm(name, Param::new(Scope::Network, name), config.width, arrays)?;
        }
        for group in 0..config.groups {
            for block in 0..config.blocks {
                let scope = Scope::Block(group as u8, block as u8);
                let torch = format!("layers.{group}.residual_group.blocks.{block}");
                let norm = Param::new(scope, "norm");
                self.norm(&format!("{torch}.norm"), norm, config.width, arrays)?;
                self.scan(&format!("{torch}.mixer"), scope, config, arrays)?;
            }
        }
        Ok(())
    }

    fn norm(
        &mut self,
        torch: &str,
        param: Param,
        width: usize,
        arrays: &mut Arrays,
    ) -> Result<(), ImportError> {
        for part in ["weight", "bias"] {
            arrays.insert(
                param.part(part),
                self.shaped(&format!("{torch}.{part}"), &[width])?,
            );
        }
        Ok(())
    }

    /// Takes the causal convolution and the scan's own parameters.
    fn scan(
        &mut self,
        torch: &str,
        scope: Scope,
        config: &Config,
        arrays: &mut Arrays,
    ) -> Result<(), ImportError> {
        let inner = config.inner;
        let conv1d = Param::new(scope, "conv1d");
        let taps = self.shaped(&format!("{torch}.conv1d.weight"), &[inner, 1, CONV1D_TAPS])?;
        let shape = Shape {
            outputs: inner,
            inputs: CONV1D_TAPS,
            taps: 1,
        };
        arrays.insert(conv1d.part("weight"), &transpose(taps, shape));
        let bias = self.shaped(&format!("{torch}.conv1d.bias"), &[inner])?;
        arrays.insert(conv1d.part("bias"), bias);
        let scan = Param::new(scope, "scan");
        let rates = config.rates();
        let log = self.shaped(&format!("{torch}.A_log"), &[inner, rates])?;
        let rate: Vec<f32> = log.iter().map(|&log| rate::of_log(log)).collect();
        let shape = Shape {
            outputs: inner,
            inputs: rates,
            taps: 1,
        };
        arrays.insert(scan.part("rate"), &transpose(&rate, shape));
        arrays.insert(
            scan.part("skip"),
            self.shaped(&format!("{torch}.D"), &[inner])?,
        );
        Ok(())
    }
}

/// Returns the kernels' name of a weight.
pub(crate) fn weight_param(name: WeightName) -> Param {
    match name {
        WeightName::ConvFirst => Param::new(Scope::Network, "conv_first"),
        WeightName::ConvAfterBody => Param::new(Scope::Network, "conv_after_body"),
        WeightName::Upsample => Param::new(Scope::Network, "upsample"),
        WeightName::GroupConv { group } => Param::new(Scope::Group(group as u8), "conv"),
        WeightName::Projection { group, block, part } => {
            Param::new(Scope::Block(group as u8, block as u8), part.name())
        }
    }
}

/// Takes `[outputs, inputs, taps]` to `[taps, inputs, outputs]`.
fn transpose(values: &[f32], shape: Shape) -> Vec<f32> {
    let Shape {
        outputs,
        inputs,
        taps,
    } = shape;
    let at = |i: usize| {
        let (tap, rest) = (i / (inputs * outputs), i % (inputs * outputs));
        values[(rest % outputs * inputs + rest / outputs) * taps + tap]
    };
    (0..values.len()).map(at).collect()
}

fn dimension(tensor: &Tensor, index: usize) -> usize {
    tensor.shape.get(index).copied().unwrap_or(1)
}

/// Metadata of a checkpoint.
struct Metadata<'c>(&'c BTreeMap<String, String>);

impl Metadata<'_> {
    fn parsed<T>(
        &self,
        key: &'static str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, ImportError> {
        let Some(value) = self.0.get(key) else {
            return Ok(None);
        };
        let wrong = || ImportError::Metadata {
            key,
            value: value.clone(),
            expected,
        };
        parse(value).ok_or_else(wrong).map(Some)
    }

    fn number(&self, key: &'static str) -> Result<Option<usize>, ImportError> {
        self.parsed(key, "a whole number", |v| v.parse().ok())
    }

    fn flag(&self, key: &'static str) -> Result<bool, ImportError> {
        Ok(self
            .parsed(key, "`true` or `false`", |v| v.parse().ok())?
            .unwrap_or(false))
    }

    fn anchor(&self) -> Result<Anchor, ImportError> {
        let parse = |v: &str| match v {
            "none" => Some(Anchor::None),
            "nearest" => Some(Anchor::Nearest),
            "bicubic" => Some(Anchor::Bicubic),
            _ => None,
        };
        let expected = "`none`, `nearest` or `bicubic`";
        Ok(self
            .parsed("mambalite.anchor", expected, parse)?
            .unwrap_or(Anchor::None))
    }

    /// Only of a single state does the shape not tell.
    fn decay(&self) -> Result<Option<Decay>, ImportError> {
        let parse = |v: &str| match v {
            "full" => Some(Decay::Full),
            "tied" => Some(Decay::Tied),
            _ => None,
        };
        self.parsed("mambalite.decay", "`full` or `tied`", parse)
    }

    fn mean(&self) -> Result<Option<[f32; 3]>, ImportError> {
        let parse = |v: &str| {
            let values: Option<Vec<f32>> = v.split(',').map(|n| n.trim().parse().ok()).collect();
            match values?[..] {
                [gray] => Some([gray; 3]),
                [red, green, blue] => Some([red, green, blue]),
                _ => None,
            }
        };
        self.parsed("mambalite.mean", "one or three numbers from 0 to 1", parse)
    }
}
