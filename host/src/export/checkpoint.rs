//! Model files to checkpoints: names and layouts of the kernels to those of PyTorch. The inverse of
//! [`crate::import`], to the bit.

use std::collections::BTreeMap;

use bytemuck::Pod;
use mambalite_kernels::config::{CONV1D_TAPS, Weight};
use mambalite_kernels::model::{Param, Scope};
use mambalite_kernels::{Anchor, Config, Decay, Form, Model, ModelError};

use crate::arrays::Arrays;
use crate::checkpoint::{Checkpoint, Tensor};
use crate::import::weight_param;
use crate::rate;

/// End of the names of the logarithms of rates.
const RATES: &str = ".A_log";

/// A network as a checkpoint.
#[derive(Clone, Debug)]
pub struct Exported {
    /// Its tensors and metadata.
    pub checkpoint: Checkpoint,
    /// Decay rates that no logarithm in single precision stands for; they are rounded, all else is
    /// exact. There are none in networks that were imported or trained.
    pub rates_rounded: usize,
}

/// Makes a checkpoint of a model of single precision: the state of the module in `host/torch`.
///
/// [`import`](crate::import::import) documents the names.
///
/// # Errors
/// A model of another precision.
pub fn checkpoint(model: &Model<'_>) -> Result<Exported, ModelError> {
    let forms: Vec<Form> = model.forms().collect();
    let arrays = Arrays::of_model(model)?;
    let mut checkpoint = Checkpoint {
        metadata: metadata(model.config()),
        ..Checkpoint::default()
    };
    let mut rates_rounded = 0;
    for (name, (shape, mut data)) in tensors::<f32>(model.config(), &forms, &arrays)? {
        if name.ends_with(RATES) {
            for value in &mut data {
                let log = rate::to_log(*value);
                rates_rounded += usize::from(rate::of_log(log).to_bits() != value.to_bits());
                *value = log;
            }
        }
        checkpoint.tensors.insert(name, Tensor { shape, data });
    }
    Ok(Exported {
        checkpoint,
        rates_rounded,
    })
}

/// Takes arrays of the kernels, of any kind of number, to names and layouts of PyTorch.
///
/// `A_log` has what stands in the kernels' array of rates.
pub(crate) fn tensors<T: Pod + From<u16>>(
    config: &Config,
    forms: &[Form],
    arrays: &Arrays,
) -> Result<Tensors<T>, ModelError> {
    let mut export = Export {
        arrays,
        tensors: BTreeMap::new(),
    };
    for (weight, &form) in config.weights().zip(forms) {
        export.weight(weight, form)?;
    }
    let width = config.width;
    for name in ["patch_embed.norm", "norm_f"] {
        export.norm(name, Param::new(Scope::Network, name), width)?;
    }
    for group in 0..config.groups {
        for block in 0..config.blocks {
            let scope = Scope::Block(group as u8, block as u8);
            let torch = format!("layers.{group}.residual_group.blocks.{block}");
            export.norm(&format!("{torch}.norm"), Param::new(scope, "norm"), width)?;
            export.scan(&format!("{torch}.mixer"), scope, config)?;
        }
    }
    Ok(export.tensors)
}

/// Returns what the shapes of a network's tensors do not tell.
pub fn metadata(config: &Config) -> BTreeMap<String, String> {
    let anchor = match config.anchor {
        Anchor::None => "none",
        Anchor::Nearest => "nearest",
        Anchor::Bicubic => "bicubic",
    };
    let decay = match config.decay {
        Decay::Full => "full",
        Decay::Tied => "tied",
    };
    let mean = config.mean.map(|m| m.to_string()).join(",");
    [
        ("mambalite.scale", config.scale.to_string()),
        ("mambalite.mixer_skip", config.mixer_skip.to_string()),
        ("mambalite.anchor", anchor.to_owned()),
        ("mambalite.decay", decay.to_owned()),
        ("mambalite.mean", mean),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

/// Shapes and values by name.
pub(super) type Tensors<T> = BTreeMap<String, (Vec<usize>, Vec<T>)>;

/// The arrays of a network and the tensors made of them so far.
struct Export<'a, T> {
    arrays: &'a Arrays,
    tensors: Tensors<T>,
}

impl<T: Pod + From<u16>> Export<'_, T> {
    fn array<U: Pod>(&self, param: Param, needed: usize) -> Result<&[U], ModelError> {
        if needed == 0 {
            return Ok(&[]);
        }
        let array = self.arrays.get::<U>(param);
        let array = array.filter(|array| array.len() == needed);
        array.ok_or(ModelError::Missing { param, needed })
    }

    /// Takes an array that has the same layout in both.
    fn vector(&mut self, name: String, param: Param, len: usize) -> Result<(), ModelError> {
        let data = self.array(param, len)?.to_vec();
        self.tensors.insert(name, (vec![len], data));
        Ok(())
    }

    /// Takes a matrix or the taps of a convolution, `[taps, inputs, outputs]` in the file.
    fn matrix(
        &mut self,
        name: String,
        param: Param,
        (outputs, inputs, taps): (usize, usize, usize),
    ) -> Result<(), ModelError> {
        let values: &[T] = self.array(param, outputs * inputs * taps)?;
        let at = |i: usize| {
            let (tap, rest) = (i % taps, i / taps);
            values[(tap * inputs + rest % inputs) * outputs + rest / inputs]
        };
        let data = (0..values.len()).map(at).collect();
        let shape = match taps {
            1 => vec![outputs, inputs],
            _ => vec![outputs, inputs, 3, 3],
        };
        self.tensors.insert(name, (shape, data));
        Ok(())
    }

    fn weight(&mut self, weight: Weight, form: Form) -> Result<(), ModelError> {
        let Weight {
            name,
            outputs,
            inputs,
            taps,
        } = weight;
        let (param, dense, bias) = (
            weight_param(name),
            format!("{name}.weight"),
            format!("{name}.bias"),
        );
        let has_bias = param.name == "dt_proj" || taps == 9;
        let (v, u) = (param.factor("v"), param.factor("u"));
        let (rank, others) = match form {
            Form::Dense => {
                self.matrix(dense, param.part("weight"), (outputs, inputs, taps))?;
                return match has_bias {
                    true => self.vector(bias, param.part("bias"), outputs),
                    false => Ok(()),
                };
            }
            Form::LowRank(rank) => (rank, outputs),
            Form::IdentityRows(rank) => (rank, outputs.saturating_sub(rank)),
        };
        let v_name = format!("{dense}.v");
        self.matrix(v_name, v.part("weight"), (rank, inputs, taps))?;
        self.matrix(format!("{dense}.u"), u.part("weight"), (others, rank, 1))?;
        if let Form::LowRank(_) = form {
            return match has_bias {
                true => self.vector(bias, u.part("bias"), outputs),
                false => Ok(()),
            };
        }
        let order: &[u16] = self.array(param.part("order"), outputs)?;
        let places: Vec<T> = order.iter().map(|&place| T::from(place)).collect();
        if has_bias {
            // The kernels have the bias where an output is computed, PyTorch where it stands.
            let copies = self.array::<T>(param.factor("copies").part("bias"), rank)?;
            let computed = [copies, self.array(u.part("bias"), others)?].concat();
            let data = order.iter().map(|&i| computed[usize::from(i)]).collect();
            self.tensors.insert(bias, (vec![outputs], data));
        }
        let order_name = format!("{dense}.order");
        self.tensors.insert(order_name, (vec![outputs], places));
        Ok(())
    }

    fn norm(&mut self, torch: &str, param: Param, width: usize) -> Result<(), ModelError> {
        for part in ["weight", "bias"] {
            self.vector(format!("{torch}.{part}"), param.part(part), width)?;
        }
        Ok(())
    }

    /// Takes the causal convolution and the scan's own parameters.
    fn scan(&mut self, torch: &str, scope: Scope, config: &Config) -> Result<(), ModelError> {
        let (inner, rates) = (config.inner, config.rates());
        let conv1d = Param::new(scope, "conv1d");
        let taps = format!("{torch}.conv1d.weight");
        let shape = (inner, CONV1D_TAPS, 1);
        self.matrix(taps.clone(), conv1d.part("weight"), shape)?;
        if let Some((shape, _)) = self.tensors.get_mut(&taps) {
            // PyTorch counts the one input channel of each group.
            *shape = vec![inner, 1, CONV1D_TAPS];
        }
        self.vector(format!("{torch}.conv1d.bias"), conv1d.part("bias"), inner)?;
        let scan = Param::new(scope, "scan");
        let name = format!("{torch}{RATES}");
        self.matrix(name, scan.part("rate"), (inner, rates, 1))?;
        self.vector(format!("{torch}.D"), scan.part("skip"), inner)
    }
}
