//! Post-training quantisation: a model file of single precision to one of fixed point.
//!
//! Weights get a scale an output channel, activations one a tensor, from their ranges on
//! calibration pictures. 16-bit tensors keep the largest value seen and a margin; what is cut to
//! 8 bits is clipped at a percentile.

use mambalite_kernels::arith::{Fixed, FixedInput};
use mambalite_kernels::config::Projection::{DtProj, InProj, OutProj, XProj};
use mambalite_kernels::config::{CONV1D_TAPS, Weight, WeightName};
use mambalite_kernels::model::{Param, Scope};
use mambalite_kernels::norm::EPSILON;
use mambalite_kernels::tap::MixerPart;
use mambalite_kernels::{Config, Form, Layer, ModelError, Precision};

use crate::arrays::Arrays;
use crate::calibrate::{Calibration, Tensor};
use crate::import::weight_param;
use crate::model_file::ModelFile;
use crate::picture::Picture;
use crate::upscale::{Executor, upscale_with};
use crate::{Error, Result};

/// Margin of 16-bit tensors over the largest value seen.
const MARGIN: f64 = 1.25;
/// Unit of pixels and of the last convolution: 1/16 grey level.
const PIXEL_UNIT: f64 = 1.0 / (255.0 * 16.0);
/// Least range of the causal convolution's SiLU input: below -8 SiLU is above -0.003, and its
/// output does not tell how far the input goes.
const SILU_RANGE: f64 = 8.0;
/// Unit of the step size before softplus, Q.12.
const STEP_UNIT: f64 = 1.0 / 4096.0;
/// Unit of the step size, Q7.24.
const DT_UNIT: f64 = 1.0 / 16_777_216.0;

/// Why a network cannot be quantised.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuantizeError {
    /// The model is in fixed point already.
    #[error("the model is in {found}; quantise the f32 model")]
    Precision {
        /// Its precision.
        found: Precision,
    },
    /// Single precision is no target.
    #[error("w8a16 and w8a8 are made by quantisation, f32 is not")]
    Target,
    /// There is no calibration picture.
    #[error("no calibration pictures")]
    NoPictures,
    /// The percentile is no percentile.
    #[error("percentile {0} is not above 0 and at most 100")]
    Percentile(f64),
    /// A ratio of scales that the format cannot express.
    #[error("scale of {param} is out of range ({ratio:e}); its tensors differ too much in size")]
    Scale {
        /// The operator.
        param: Param,
        /// Its ratio of scales.
        ratio: f64,
    },
    /// An array that the format does not allow.
    #[error("{0}")]
    Model(#[from] ModelError),
}

impl From<QuantizeError> for Error {
    fn from(cause: QuantizeError) -> Self {
        Self::Quantize { cause }
    }
}

/// Quantises a model of single precision.
///
/// * `pictures` - what the network will see (LR pictures), of its channels. * `percentile` - of
///   the magnitudes of a tensor that 8 bits keep unclipped, such as 99.99. * `progress` - is told
///   how many pictures are done.
///
/// # Errors
/// [`Error::Quantize`]; [`Error::Run`] and [`Error::Channels`] for pictures that cannot be run.
pub fn quantize(
    file: &ModelFile,
    pictures: &[Picture],
    precision: Precision,
    percentile: f64,
    progress: &mut dyn FnMut(usize),
) -> Result<ModelFile> {
    let model = file.model();
    if model.precision() != Precision::F32 {
        return Err(QuantizeError::Precision {
            found: model.precision(),
        }
        .into());
    }
    if pictures.is_empty() {
        return Err(QuantizeError::NoPictures.into());
    }
    if !(percentile > 0.0 && percentile <= 100.0) {
        return Err(QuantizeError::Percentile(percentile).into());
    }
    let forms: Vec<Form> = model.forms().collect();
    let arrays = Arrays::of_model(&model).map_err(QuantizeError::Model)?;
    let mut ranges = Calibration::new(model.config(), &forms, &arrays);
    for (done, picture) in pictures.iter().enumerate() {
        upscale_with(&model, picture, Executor::Stream, &mut ranges, &mut |_| ())?;
        progress(done + 1);
    }
    let bits = match precision {
        Precision::F32 => return Err(QuantizeError::Target.into()),
        Precision::W8A16 => <i16 as FixedInput>::BITS,
        Precision::W8A8 => <i8 as FixedInput>::BITS,
    };
    let config = *model.config();
    let mut quantizer = Quantizer {
        config,
        forms: &forms,
        float: &arrays,
        ranges: &ranges,
        bits,
        percentile,
        out: Arrays::default(),
    };
    quantizer.network()?;
    Ok(quantizer
        .out
        .to_file(&config, &forms, precision)
        .map_err(QuantizeError::Model)?)
}

struct Quantizer<'q> {
    config: Config,
    forms: &'q [Form],
    float: &'q Arrays,
    ranges: &'q Calibration,
    /// Bits of the inputs of matrix products and 3x3 convolutions.
    bits: u32,
    percentile: f64,
    out: Arrays,
}

/// Output units of a matrix: one, or the units of consecutive runs of outputs.
type Units<'u> = &'u [(usize, f64)];

impl Quantizer<'_> {
    fn network(&mut self) -> Result<(), QuantizeError> {
        let config = self.config;
        let network = |name| Param::new(Scope::Network, name);
        let first = self.layer_unit(Layer::ConvFirst);
        self.weight(WeightName::ConvFirst, PIXEL_UNIT, &[(config.width, first)])?;
        let mut trunk = self.layer_unit(Layer::NormFirst);
        self.norm(network("patch_embed.norm"), first, trunk)?;
        for group in 0..config.groups {
            let group_input = trunk;
            for block in 0..config.blocks {
                trunk = self.block(group, block, trunk)?;
            }
            trunk = self.group(group, trunk, group_input)?;
        }
        let normed = self.input_unit(Layer::NormLast);
        self.norm(network("norm_f"), trunk, normed)?;
        let after = self.layer_unit(Layer::ConvAfterBody);
        let operand = self.operand(normed);
        self.weight(WeightName::ConvAfterBody, operand, &[(config.width, after)])?;
        let body = self.layer_unit(Layer::Body);
        self.sum(network("body"), after, first, body)?;
        // Narrowing keeps the upper byte: an operand has the unit of the 16-bit tensor.
        self.weight(
            WeightName::Upsample,
            body,
            &[(config.sub_pixels(), PIXEL_UNIT)],
        )
    }

    /// Quantises a block whose input has unit `input`; returns the unit of its output.
    fn block(&mut self, group: usize, block: usize, input: f64) -> Result<f64, QuantizeError> {
        let (c, e, n) = (self.config.width, self.config.inner, self.config.states);
        let (g, b) = (group as u8, block as u8);
        let scope = Scope::Block(g, b);
        let layer = |part| Layer::Mixer {
            group: g,
            block: b,
            part,
        };
        let weight = |part| WeightName::Projection { group, block, part };

        let normed = self.input_unit(layer(MixerPart::Norm));
        self.norm(Param::new(scope, "norm"), input, normed)?;
        let x = self.act_unit(Tensor::Input(g, b));
        let operand = self.operand(normed);
        let z = fraction(self.ranges.clip(Tensor::Z(g, b), 100.0) * MARGIN);
        self.weight(weight(InProj), operand, &[(e, x), (e, unit_of(z))])?;
        let u = self.input_unit(layer(MixerPart::Conv1d));
        let most = self
            .ranges
            .clip(Tensor::Layer(layer(MixerPart::Conv1d)), 100.0);
        let silu = fraction((most * MARGIN).max(SILU_RANGE));
        self.conv1d(Param::new(scope, "conv1d"), x, silu, u)?;
        let step = self.act_unit(Tensor::StepSize(g, b));
        let (b_unit, c_unit) = (
            self.act_unit(Tensor::B(g, b)),
            self.act_unit(Tensor::C(g, b)),
        );
        let units = [(self.config.dt_rank, step), (n, b_unit), (n, c_unit)];
        self.weight(weight(XProj), self.operand(u), &units)?;
        self.weight(weight(DtProj), step, &[(e, STEP_UNIT)])?;
        let y = self.layer_unit(layer(MixerPart::Scan));
        self.scan(
            (g, b),
            ScanUnits {
                u,
                b: b_unit,
                c: c_unit,
                y,
            },
        )?;
        let gated = self.input_unit(layer(MixerPart::Gate));
        let gate = Param::new(scope, "gate");
        let (multiplier, shift) = requantisation(gate, y * unit_of(z) / gated)?;
        self.out.insert(gate.part("multiplier"), &[multiplier]);
        self.out.insert(gate.part("shift"), &[shift]);
        self.out.insert(gate.part("fraction"), &[z]);
        let mixed = self.layer_unit(layer(MixerPart::OutProj));
        self.weight(weight(OutProj), self.operand(gated), &[(c, mixed)])?;
        if !self.config.mixer_skip {
            return Ok(mixed);
        }
        let skip = self.layer_unit(layer(MixerPart::Skip));
        self.sum(Param::new(scope, "skip"), input, mixed, skip)?;
        Ok(skip)
    }

    /// Quantises the end of a group; returns the unit of its output.
    fn group(&mut self, group: usize, input: f64, skip: f64) -> Result<f64, QuantizeError> {
        let index = group as u8;
        let conv = self.layer_unit(Layer::GroupConv { group: index });
        let name = WeightName::GroupConv { group };
        self.weight(name, input, &[(self.config.width, conv)])?;
        let sum = self.layer_unit(Layer::Group { group: index });
        self.sum(Param::new(Scope::Group(index), "sum"), conv, skip, sum)?;
        Ok(sum)
    }

    /// Unit of a 16-bit tensor.
    fn act_unit(&self, tensor: Tensor) -> f64 {
        self.ranges.clip(tensor, 100.0) * MARGIN / 32767.0
    }

    /// Unit of a layer in 16 bits.
    fn layer_unit(&self, layer: Layer) -> f64 {
        self.act_unit(Tensor::Layer(layer))
    }

    /// Unit of an input of a matrix product.
    fn input_unit(&self, layer: Layer) -> f64 {
        match self.bits {
            8 => self.ranges.clip(Tensor::Layer(layer), self.percentile) / 127.0,
            _ => self.layer_unit(layer),
        }
    }

    /// Unit of an input as the accumulator sees it: an 8-bit input is an upper byte.
    fn operand(&self, input: f64) -> f64 {
        if self.bits == 8 { input / 256.0 } else { input }
    }

    fn floats(&self, param: Param) -> Vec<f64> {
        let values = self.float.get::<f32>(param).unwrap_or_default();
        values.iter().map(|&v| f64::from(v)).collect()
    }

    fn weight(
        &mut self,
        name: WeightName,
        input: f64,
        units: Units<'_>,
    ) -> Result<(), QuantizeError> {
        let Some((index, weight)) = self
            .config
            .weights()
            .enumerate()
            .find(|(_, w)| w.name == name)
        else {
            return Ok(());
        };
        let param = weight_param(name);
        let units: Vec<f64> = units
            .iter()
            .flat_map(|&(n, unit)| std::iter::repeat_n(unit, n))
            .collect();
        let form = self.forms.get(index).copied().unwrap_or(Form::Dense);
        let Some(rank) = form.rank() else {
            return self.matrix(param, input, &units);
        };
        let middle = self.middle_unit(index, weight, param);
        self.matrix(param.factor("v"), input, &vec![middle; rank])?;
        if matches!(form, Form::LowRank(_)) {
            return self.matrix(param.factor("u"), middle, &units);
        }
        let order = self
            .float
            .get::<u16>(param.part("order"))
            .unwrap_or_default()
            .to_vec();
        let mut placed = vec![0.0; units.len()];
        for (&place, &unit) in order.iter().zip(&units) {
            placed[usize::from(place)] = unit;
        }
        self.out.insert(param.part("order"), &order);
        self.copies(param.factor("copies"), middle, &placed[..rank])?;
        self.matrix(param.factor("u"), middle, &placed[rank..])
    }

    /// Unit of the inner values of a low-rank weight.
    fn middle_unit(&self, index: usize, weight: Weight, param: Param) -> f64 {
        let bound = match weight.name {
            // The picture is not among the layers: every pixel is at most 1 from the mean.
            WeightName::ConvFirst => {
                let v = self.floats(param.factor("v").part("weight"));
                let rank = v.len() / (weight.inputs * weight.taps);
                let sum = |r: usize| v[r..].iter().step_by(rank).map(|v| v.abs()).sum();
                (0..rank).map(sum).fold(1e-6, f64::max)
            }
            _ => self.ranges.middle(index, weight.taps),
        };
        bound * MARGIN / 32767.0
    }

    /// Quantises a matrix with a scale an output; `units` has one entry an output.
    ///
    /// Fixed point has the weights of an output beside one another.
    fn matrix(&mut self, param: Param, input: f64, units: &[f64]) -> Result<(), QuantizeError> {
        let rows = self.rows(param, input, units)?;
        self.out.insert(param.part("weight"), &rows.concat());
        Ok(())
    }

    /// Quantises the taps of a causal convolution, which lie `[tap, channel]`.
    fn taps(&mut self, param: Param, input: f64, units: &[f64]) -> Result<(), QuantizeError> {
        let rows = self.rows(param, input, units)?;
        let tap = |tap: usize| rows.iter().filter_map(move |row| row.get(tap)).copied();
        let taps: Vec<i8> = (0..CONV1D_TAPS).flat_map(tap).collect();
        self.out.insert(param.part("weight"), &taps);
        Ok(())
    }

    /// Quantises the rows of a matrix, one an output, and puts out all that goes with them.
    fn rows(
        &mut self,
        param: Param,
        input: f64,
        units: &[f64],
    ) -> Result<Vec<Vec<i8>>, QuantizeError> {
        let (weights, bias) = (
            self.floats(param.part("weight")),
            self.floats(param.part("bias")),
        );
        let n = units.len();
        let mut rows = Vec::with_capacity(n);
        let (mut biases, mut multipliers, mut shifts) = (vec![], vec![], vec![]);
        for (o, &unit) in units.iter().enumerate() {
            let column: Vec<f64> = weights[o..].iter().step_by(n).copied().collect();
            let bias = bias.get(o).copied();
            let scale = channel_scale(&column, bias.unwrap_or(0.0), input);
            rows.push(column.iter().map(|w| (w / scale).round() as i8).collect());
            biases.extend(bias.map(|b| (b / (scale * input)).round() as i32));
            let (multiplier, shift) = requantisation(param, scale * input / unit)?;
            multipliers.push(multiplier);
            shifts.push(shift);
        }
        self.out.insert(param.part("bias"), &biases);
        self.out.insert(param.part("multiplier"), &multipliers);
        self.out.insert(param.part("shift"), &shifts);
        Ok(rows)
    }

    /// Quantises the identity rows of a low-rank matrix.
    fn copies(&mut self, param: Param, middle: f64, units: &[f64]) -> Result<(), QuantizeError> {
        let unit_in = middle / f64::from(1u32 << Fixed::<i16>::COPY_BITS);
        let bias = self.floats(param.part("bias"));
        let biases: Vec<i32> = bias.iter().map(|b| (b / unit_in).round() as i32).collect();
        let (mut multipliers, mut shifts) = (vec![], vec![]);
        for &unit in units {
            let (multiplier, shift) = requantisation(param, unit_in / unit)?;
            multipliers.push(multiplier);
            shifts.push(shift);
        }
        let none: [i8; 0] = [];
        self.out.insert(param.part("weight"), &none);
        self.out.insert(param.part("bias"), &biases);
        self.out.insert(param.part("multiplier"), &multipliers);
        self.out.insert(param.part("shift"), &shifts);
        Ok(())
    }

    fn norm(&mut self, param: Param, input: f64, output: f64) -> Result<(), QuantizeError> {
        let c = self.config.width as f64;
        let gain: Vec<f64> = self
            .floats(param.part("weight"))
            .iter()
            .map(|g| g * c.sqrt() / output * 4.0)
            .collect();
        let offset: Vec<f64> = self
            .floats(param.part("bias"))
            .iter()
            .map(|b| b / output)
            .collect();
        let largest = largest(&gain).max(2.0 * largest(&offset));
        let shift = term_shift(param, largest, f64::from(i32::MAX))?;
        let factor = f64::from(1u32 << shift);
        self.out.insert(param.part("gain"), &rounded(&gain, factor));
        self.out
            .insert(param.part("offset"), &rounded(&offset, factor));
        self.out.insert(param.part("shift"), &[shift]);
        let epsilon = (EPSILON * c.powi(3) / (input * input)).max(1.0);
        let exponent = (epsilon.log2() - 31.0).ceil().clamp(0.0, 30.0);
        let mantissa = (epsilon / exponent.exp2())
            .round()
            .clamp(1.0, f64::from(u32::MAX));
        self.out
            .insert(param.part("epsilon_mantissa"), &[mantissa as u32]);
        self.out
            .insert(param.part("epsilon_exponent"), &[exponent as u8]);
        Ok(())
    }

    fn conv1d(
        &mut self,
        param: Param,
        input: f64,
        silu: u8,
        output: f64,
    ) -> Result<(), QuantizeError> {
        let inner = self.config.inner;
        self.taps(param, input, &vec![unit_of(silu); inner])?;
        self.out.insert(param.part("fraction"), &[silu]);
        let ratio = unit_of(silu) / 32768.0 / output;
        let (multiplier, shift) = requantisation(param, ratio)?;
        self.out.insert(param.part("out_multiplier"), &[multiplier]);
        self.out.insert(param.part("out_shift"), &[shift]);
        Ok(())
    }

    fn scan(&mut self, (g, b): (u8, u8), units: ScanUnits) -> Result<(), QuantizeError> {
        let param = Param::new(Scope::Block(g, b), "scan");
        let rate: Vec<u32> = self
            .floats(param.part("rate"))
            .iter()
            .map(|a| (-a * std::f64::consts::LOG2_E * 262_144.0).round() as u32)
            .collect();
        self.out.insert(param.part("rate"), &rate);
        let input_bits = self.bits as i32;
        // Drive: dt u shifted down by the bits of u; its product with B before the state's shift.
        let driven = DT_UNIT * units.u * f64::from(input_bits - 1).exp2() * units.b;
        let (mut state_shifts, mut multipliers, mut skips, mut shifts) =
            (vec![], vec![], vec![], vec![]);
        for (e, d) in self.floats(param.part("skip")).into_iter().enumerate() {
            // Two bits of headroom over the largest state seen; the kernel saturates.
            let room = self.ranges.state_max(g, b, e) * 4.0 / (driven * 2f64.powi(31));
            let state_shift = room.log2().ceil().clamp(1.0, 40.0);
            let sum = driven * state_shift.exp2() * units.c * 32768.0;
            let factors = [
                sum / units.y,
                d * units.u / f64::from(32 - input_bits).exp2() / units.y,
            ];
            let factors = factors.map(|f| f * 4_294_967_296.0);
            let shift = term_shift(param, largest(&factors), TERM_MAX)?;
            let scaled = rounded(&factors, f64::from(1u32 << shift));
            state_shifts.push(state_shift as u8);
            multipliers.push(scaled[0]);
            skips.push(scaled[1]);
            shifts.push(shift);
        }
        self.out.insert(param.part("state_shift"), &state_shifts);
        self.out.insert(param.part("multiplier"), &multipliers);
        self.out.insert(param.part("skip"), &skips);
        self.out.insert(param.part("shift"), &shifts);
        Ok(())
    }

    fn sum(&mut self, param: Param, a: f64, b: f64, output: f64) -> Result<(), QuantizeError> {
        let factors = [a / output * 65536.0, b / output * 65536.0];
        let shift = term_shift(param, largest(&factors), TERM_MAX)?;
        let scaled = rounded(&factors, f64::from(1u32 << shift));
        self.out.insert(param.part("a"), &scaled[..1]);
        self.out.insert(param.part("b"), &scaled[1..]);
        self.out.insert(param.part("shift"), &[shift]);
        Ok(())
    }
}

/// Units of the tensors around a scan.
struct ScanUnits {
    u: f64,
    b: f64,
    c: f64,
    y: f64,
}

/// Largest factor of a term that is added to another one.
const TERM_MAX: f64 = 1_073_741_824.0;
/// Room for the products of one output; the rest of 32 bits is the bias's.
const PRODUCTS_MAX: f64 = 1_610_612_736.0;

/// Unit of an output channel's weights: 127 steps to the largest, more where sums could overflow
/// or the bias needs it.
fn channel_scale(column: &[f64], bias: f64, input: f64) -> f64 {
    let fits_weights = largest(column) / 127.0;
    let sum: f64 = column.iter().map(|w| w.abs()).sum();
    // Rounding adds at most half a step a weight.
    let products = (PRODUCTS_MAX / 32767.0 - column.len() as f64 / 2.0).max(1.0);
    let fits_bias = bias.abs() / (input * (f64::from(i32::MAX) - PRODUCTS_MAX) * 0.99);
    fits_weights.max(sum / products).max(fits_bias).max(1e-30)
}

/// Returns the fraction bits with which 16 bits hold `range`.
fn fraction(range: f64) -> u8 {
    (15.0 - range.log2().ceil()).clamp(0.0, 15.0) as u8
}

/// Returns the unit of a number with `fraction` fraction bits.
fn unit_of(fraction: u8) -> f64 {
    f64::from(1u32 << fraction).recip()
}

/// Returns multiplier and shift of a ratio of units.
fn requantisation(param: Param, ratio: f64) -> Result<(i32, u8), QuantizeError> {
    let (mantissa, exponent) = libm::frexp(ratio);
    let shift = -1 - exponent;
    if !ratio.is_finite() || shift < 1 {
        return Err(QuantizeError::Scale { param, ratio });
    }
    if shift > 31 {
        // The output is below its unit: the smallest factor there is.
        return Ok((1 << 30, 31));
    }
    let multiplier = (mantissa * 2_147_483_648.0)
        .round()
        .min(f64::from(i32::MAX));
    Ok((multiplier as i32, shift as u8))
}

/// Returns the largest shift up to 30 with which `largest` stays within `max`.
fn term_shift(param: Param, largest: f64, max: f64) -> Result<u8, QuantizeError> {
    let shift = (max / largest.max(1e-30)).log2().floor().min(30.0);
    if shift < 1.0 || shift.is_nan() {
        return Err(QuantizeError::Scale {
            param,
            ratio: largest,
        });
    }
    Ok(shift as u8)
}

fn rounded(values: &[f64], factor: f64) -> Vec<i32> {
    values.iter().map(|v| (v * factor).round() as i32).collect()
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |max, v| max.max(v.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requantisation_expresses_the_ratio() {
        let param = Param::new(Scope::Network, "body");
        for ratio in [0.2499, 0.125, 1e-3, 3e-9] {
            let (multiplier, shift) = requantisation(param, ratio).unwrap();
            let value = f64::from(multiplier) / 2f64.powi(32 + i32::from(shift));
            assert!((value / ratio - 1.0).abs() < 1e-9, "{ratio}");
            assert!(multiplier >= 1 << 30);
        }
        assert!(requantisation(param, 0.25).is_err());
        assert!(requantisation(param, f64::NAN).is_err());
        assert_eq!(requantisation(param, 1e-30).unwrap(), (1 << 30, 31));
    }
}
