//! The memory of the same network run layer by layer on whole tensors, as with CMSIS-NN.
//!
//! No such program of the network exists: this is the least memory that one could do with, a bound
//! that leans towards it. Every tensor has 8 bits, where ours keeps 16. A tensor is there from the
//! operator that writes it to the last that reads it, and no byte is lost between tensors. Sums,
//! norms, gates, activations and the scan write over an operand that nobody reads again;
//! convolutions, products and the shuffle do not, as CMSIS-NN's do not. Of the orders of operators
//! that matter the better one counts. Beside the tensors of one operator lies the scratch that
//! CMSIS-NN asks for on cores with the DSP extension, and the scan's states. Its stack, code and
//! weights are not counted.

use mambalite_kernels::config::{CONV1D_TAPS, Projection, WeightName};
use mambalite_kernels::{Anchor, Config, Form, Model};

/// Returns the fewest bytes that whole tensors of a picture of so many LR pixels take.
pub(crate) fn peak_bytes(model: &Model<'_>, pixels: usize) -> usize {
    let peak = |gate| Graph::of(model, gate).peak_bytes(pixels);
    peak(Gate::Early).min(peak(Gate::Late))
}

/// When the half of the input projection that the gate takes is computed.
#[derive(Clone, Copy)]
enum Gate {
    /// Together with the other half.
    Early,
    /// After the scan: its input waits in its place.
    Late,
}

/// Operators in order, and the tensors between them.
#[derive(Default)]
struct Graph {
    /// Bytes of each tensor for one LR pixel.
    tensors: Vec<usize>,
    steps: Vec<Step>,
}

/// Index of a tensor.
type Tensor = usize;

/// One operator.
struct Step {
    reads: Vec<Tensor>,
    writes: Tensor,
    /// Whether the result may take the place of the first operand.
    in_place: bool,
    /// Bytes beside the tensors.
    scratch: usize,
}

impl Graph {
    /// Adds an operator with a result of `channels` bytes for one LR pixel.
    fn step(&mut self, reads: &[Tensor], channels: usize, scratch: usize) -> Tensor {
        self.add(reads, channels, false, scratch)
    }

    /// Adds an operator whose result may take the place of its first operand.
    fn step_in_place(&mut self, reads: &[Tensor], scratch: usize) -> Tensor {
        let channels = reads.first().map_or(0, |&first| self.tensors[first]);
        self.add(reads, channels, true, scratch)
    }

    fn add(&mut self, reads: &[Tensor], size: usize, in_place: bool, scratch: usize) -> Tensor {
        let writes = self.tensors.len();
        self.tensors.push(size);
        self.steps.push(Step {
            reads: reads.to_vec(),
            writes,
            in_place,
            scratch,
        });
        writes
    }

    /// Adds the first factor of a low-rank product.
    fn factor(&mut self, x: Tensor, form: Form) -> Tensor {
        form.rank().map_or(x, |rank| self.step(&[x], rank, 0))
    }

    /// Adds a 3x3 convolution.
    fn conv3x3(&mut self, x: Tensor, outputs: usize, form: Form) -> Tensor {
        // `arm_convolve_s8_get_buffer_size`: the inputs of two pixels in 16 bits.
        let scratch = 2 * (9 * self.tensors[x]).next_multiple_of(4) * size_of::<i16>();
        match form.rank() {
            None => self.step(&[x], outputs, scratch),
            Some(rank) => {
                let middle = self.step(&[x], rank, scratch);
                self.step(&[middle], outputs, 0)
            }
        }
    }

    /// Adds a block; `x` is its input.
    fn block(
        &mut self,
        config: &Config,
        form: impl Fn(Projection) -> Form,
        x: Tensor,
        gate: Gate,
    ) -> Tensor {
        let e = config.inner;
        let normed = self.step_in_place(&[x], 0);
        let inner = self.factor(normed, form(Projection::InProj));
        let convolved = self.step(&[inner], e, 0);
        let early = match gate {
            Gate::Early => Some(self.step(&[inner], e, 0)),
            Gate::Late => None,
        };
        // `arm_depthwise_conv_s8_opt_get_buffer_size`: the kernel's inputs in 16 bits.
        let u = self.step(&[convolved], e, e * CONV1D_TAPS * size_of::<i16>());
        let projected = self.factor(u, form(Projection::XProj));
        let low = self.step(&[projected], config.dt_rank, 0);
        let low = self.factor(low, form(Projection::DtProj));
        let dt = self.step(&[low], e, 0);
        let b_and_c = self.step(&[projected], 2 * config.states, 0);
        let states = config.states * e * size_of::<i32>();
        let y = self.step_in_place(&[u, dt, b_and_c], states);
        let z = early.unwrap_or_else(|| self.step(&[inner], e, 0));
        let gated = self.step_in_place(&[y, z], 0);
        let gated = self.factor(gated, form(Projection::OutProj));
        let mixed = self.step(&[gated], config.width, 0);
        match config.mixer_skip {
            true => self.step_in_place(&[mixed, x], 0),
            false => mixed,
        }
    }

    /// Returns the network as a graph.
    fn of(model: &Model<'_>, gate: Gate) -> Self {
        let config = model.config();
        let form = |name: WeightName| {
            let mut forms = config.weights().zip(model.forms());
            let found = forms.find(|(weight, _)| weight.name == name);
            found.map_or(Form::Dense, |(_, form)| form)
        };
        let mut graph = Self::default();
        let picture = graph.step(&[], config.channels, 0);
        let first = graph.conv3x3(picture, config.width, form(WeightName::ConvFirst));
        let mut trunk = graph.step_in_place(&[first], 0);
        for group in 0..config.groups {
            let input = trunk;
            for block in 0..config.blocks {
                let form = |part| form(WeightName::Projection { group, block, part });
                trunk = graph.block(config, form, trunk, gate);
            }
            let form = form(WeightName::GroupConv { group });
            let convolved = graph.conv3x3(trunk, config.width, form);
            trunk = graph.step_in_place(&[convolved, input], 0);
        }
        let normed = graph.step_in_place(&[trunk], 0);
        let form_after = form(WeightName::ConvAfterBody);
        let convolved = graph.conv3x3(normed, config.width, form_after);
        let body = graph.step_in_place(&[convolved, first], 0);
        let sub_pixels = config.sub_pixels();
        let upsampled = graph.conv3x3(body, sub_pixels, form(WeightName::Upsample));
        let shuffled = graph.step(&[upsampled], sub_pixels, 0);
        if config.anchor != Anchor::None {
            let anchor = graph.step(&[picture], sub_pixels, 0);
            graph.step_in_place(&[shuffled, anchor], 0);
        }
        graph
    }

    /// Returns the most bytes that are in use at any step.
    fn peak_bytes(&self, pixels: usize) -> usize {
        let last_read = |tensor: Tensor| {
            let reads = |step: &Step| step.reads.contains(&tensor);
            self.steps.iter().rposition(reads)
        };
        let at = |i: usize| {
            let step = &self.steps[i];
            // Tensor `t` is the result of step `t`.
            let live = (0..i).filter(|&tensor| last_read(tensor) >= Some(i));
            let live: usize = live.map(|tensor| self.tensors[tensor]).sum();
            let replaced = step.reads.first().copied();
            let replaces = step.in_place && replaced.and_then(last_read) == Some(i);
            let written = if replaces {
                0
            } else {
                self.tensors[step.writes]
            };
            (live + written) * pixels + step.scratch
        };
        (0..self.steps.len()).map(at).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use mambalite_kernels_check::bench::strip;

    use super::*;

    #[test]
    fn tensors_live_from_their_step_to_their_last_reader() {
        let mut graph = Graph::default();
        let a = graph.step(&[], 1, 0);
        let b = graph.step(&[a], 10, 7);
        let c = graph.step(&[b], 100, 0);
        // The last reader of b: both tensors and the result.
        graph.step(&[c, b], 1000, 0);
        assert_eq!(graph.peak_bytes(2), 2 * 1110);
        graph.steps.truncate(3);
        assert_eq!(graph.peak_bytes(2), 2 * 110);
        graph.steps.truncate(2);
        assert_eq!(graph.peak_bytes(2), 2 * 11 + 7);
    }

    #[test]
    fn a_result_takes_the_place_of_a_dead_operand_only() {
        let mut graph = Graph::default();
        let a = graph.step(&[], 8, 0);
        let b = graph.step_in_place(&[a], 0);
        assert_eq!(graph.peak_bytes(1), 8);
        // Now a is read again.
        graph.step_in_place(&[b, a], 0);
        assert_eq!(graph.peak_bytes(1), 16);
    }

    /// The scan of any block is the peak: picture, first feature, block input, the rank-8 inner
    /// values that z comes of, u, step sizes, B and C; y takes the place of u.
    #[test]
    fn the_default_model_is_counted_by_hand() {
        let model = strip::model().unwrap();
        let by_hand = 3 + 16 + 16 + 8 + 32 + 32 + 16;
        let states = 8 * 32 * 4;
        assert_eq!(peak_bytes(&model, 4096), by_hand * 4096 + states);
        // With z in its place, as the network is written.
        let early = Graph::of(&model, Gate::Early).peak_bytes(4096);
        assert_eq!(early, (by_hand - 8 + 32) * 4096 + states);
    }
}
