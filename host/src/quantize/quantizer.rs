//! Walks through a network and quantises every array.

use std::collections::BTreeMap;

use mambalite_kernels::arith::{Fixed, FixedInput};
use mambalite_kernels::config::Projection::{DtProj, InProj, OutProj, XProj};
use mambalite_kernels::config::{CONV1D_TAPS, Weight, WeightName};
use mambalite_kernels::model::{Param, Scope};
use mambalite_kernels::norm::EPSILON;
use mambalite_kernels::tap::MixerPart;
use mambalite_kernels::{Config, Form, Layer, Precision};

use super::QuantizeError;
use super::calibration::{MARGIN, Ranges, Tensor};
use super::scales::{
    TERM_MAX, channel_scale, fraction, largest, requantisation, rounded, term_shift, unit_of,
};
use crate::arrays::Arrays;
use crate::import::weight_param;
use crate::model_file::ModelFile;

/// Unit of pixels and of the last convolution: 1/16 grey level.
const PIXEL_UNIT: f64 = 1.0 / (255.0 * 16.0);
/// Least range of the causal convolution's SiLU input: below -8 SiLU is above -0.003, and its
/// output does not tell how far the input goes.
const SILU_RANGE: f64 = 8.0;
/// Unit of the step size before softplus, Q.12.
const STEP_UNIT: f64 = 1.0 / 4096.0;
/// Unit of the step size, Q7.24.
const DT_UNIT: f64 = 1.0 / 16_777_216.0;

/// Quantises a network with given ranges.
pub(crate) struct Quantizer<'q> {
    config: Config,
    forms: &'q [Form],
    float: &'q Arrays,
    ranges: &'q Ranges,
    precision: Precision,
    /// Bits of the inputs of matrix products and 3x3 convolutions.
    bits: u32,
    out: Arrays,
    restored: Arrays,
    units: Units,
}

/// What quantisation makes of a network.
pub(crate) struct Quantized {
    /// The network in fixed point.
    pub(crate) file: ModelFile,
    /// Its weights as numbers again: every array that was rounded to 8 bits, in single precision.
    pub(crate) restored: Arrays,
    /// What an integer of each tensor stands for.
    pub(crate) units: Units,
}

/// What an integer of each tensor of a network in fixed point stands for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Units {
    /// Units of consecutive runs of the values of a pixel; of most layers one for all.
    pub(crate) layers: BTreeMap<Layer, Vec<(usize, f64)>>,
    /// Units of the states of each mixer, by channel.
    pub(crate) states: BTreeMap<(u8, u8), Vec<f64>>,
}

/// Output units of a matrix: one, or the units of consecutive runs of outputs.
type OutputUnits<'u> = &'u [(usize, f64)];

impl<'q> Quantizer<'q> {
    /// Begins with a network of single precision.
    pub(crate) fn new(
        config: &Config,
        forms: &'q [Form],
        float: &'q Arrays,
        ranges: &'q Ranges,
        precision: Precision,
    ) -> Self {
        Self {
            config: *config,
            forms,
            float,
            ranges,
            precision,
            bits: match precision {
                Precision::W8A8 => <i8 as FixedInput>::BITS,
                Precision::W8A16 | Precision::F32 => <i16 as FixedInput>::BITS,
            },
            out: Arrays::default(),
            restored: Arrays::default(),
            units: Units::default(),
        }
    }

    /// Quantises the network.
    ///
    /// # Errors
    /// What cannot be expressed.
    pub(crate) fn run(mut self) -> Result<Quantized, QuantizeError> {
        self.network()?;
        let file = self.out.to_file(&self.config, self.forms, self.precision)?;
        Ok(Quantized {
            file,
            restored: self.restored,
            units: self.units,
        })
    }

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
        let z = fraction(self.ranges.most(Tensor::Z(g, b)) * MARGIN);
        self.weight(weight(InProj), operand, &[(e, x), (e, unit_of(z))])?;
        let u = self.input_unit(layer(MixerPart::Conv1d));
        let most = self.ranges.most(Tensor::Layer(layer(MixerPart::Conv1d)));
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
        self.units
            .layers
            .insert(layer(MixerPart::InProj), vec![(e, x), (e, unit_of(z))]);
        self.units
            .layers
            .insert(layer(MixerPart::XProj), units.to_vec());
        self.units
            .layers
            .insert(layer(MixerPart::Dt), vec![(e, DT_UNIT)]);
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
        self.ranges.most(tensor) * MARGIN / 32767.0
    }

    /// Unit of a layer in 16 bits.
    fn layer_unit(&mut self, layer: Layer) -> f64 {
        let unit = self.act_unit(Tensor::Layer(layer));
        self.units.layers.insert(layer, vec![(usize::MAX, unit)]);
        unit
    }

    /// Unit of an input of a matrix product.
    fn input_unit(&mut self, layer: Layer) -> f64 {
        if self.bits != 8 {
            return self.layer_unit(layer);
        }
        let unit = self.ranges.clip(layer) / 127.0;
        self.units.layers.insert(layer, vec![(usize::MAX, unit)]);
        unit
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
        units: OutputUnits<'_>,
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
        let mut restored = vec![0.0f32; weights.len()];
        let (mut biases, mut multipliers, mut shifts) = (vec![], vec![], vec![]);
        for (o, &unit) in units.iter().enumerate() {
            let column: Vec<f64> = weights[o..].iter().step_by(n).copied().collect();
            let bias = bias.get(o).copied();
            let scale = channel_scale(&column, bias.unwrap_or(0.0), input);
            let row: Vec<i8> = column.iter().map(|w| (w / scale).round() as i8).collect();
            let values = restored[o..].iter_mut().step_by(n);
            values
                .zip(&row)
                .for_each(|(value, &w)| *value = (f64::from(w) * scale) as f32);
            rows.push(row);
            biases.extend(bias.map(|b| (b / (scale * input)).round() as i32));
            let (multiplier, shift) = requantisation(param, scale * input / unit)?;
            multipliers.push(multiplier);
            shifts.push(shift);
        }
        self.restored.insert(param.part("weight"), &restored);
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
        let mut state_units = Vec::with_capacity(self.config.inner);
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
            state_units.push(driven * state_shift.exp2());
            state_shifts.push(state_shift as u8);
            multipliers.push(scaled[0]);
            skips.push(scaled[1]);
            shifts.push(shift);
        }
        self.units.states.insert((g, b), state_units);
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
