//! Backward pass of the whole network over what its run left on a tape.

use mambalite_kernels::Layer;
use mambalite_kernels::config::{Projection, WeightName};
use mambalite_kernels::model::{Param, Scope};
use mambalite_kernels::tap::MixerPart;

use super::layout::{Layout, of_block, projection};
use super::op::conv3x3::Shape;
use super::op::lanes::Scalar;
use super::op::matrix::Write;
use super::op::weight::{Input, Output, Scratch as WeightScratch, Vectors, Weight};
use super::op::{conv1d, gate, norm, scan, shuffle, step};
use super::parameters::Parameters;
use super::tape::Tape;

/// The parts of a network as a backward pass needs them: made once, shared by all threads.
#[derive(Clone, Debug)]
pub struct Plan {
    layout: Layout,
    conv_first: Weight,
    /// By group, then block.
    blocks: Vec<Block>,
    /// By group.
    convs: Vec<Weight>,
    conv_after_body: Weight,
    upsample: Weight,
}

/// The weights of a block.
#[derive(Clone, Debug)]
struct Block {
    in_proj: Weight,
    x_proj: Weight,
    dt_proj: Weight,
    out_proj: Weight,
}

impl Plan {
    /// Plans the backward pass of a network.
    pub fn new(parameters: &Parameters) -> Self {
        let layout = parameters.layout().clone();
        let config = *layout.config();
        let weight = |name| {
            let order = parameters.order(crate::import::weight_param(name));
            layout.weight(name, order)
        };
        let block = |i: usize| {
            let of = |part| weight(projection(i / config.blocks, i % config.blocks, part));
            Block {
                in_proj: of(Projection::InProj),
                x_proj: of(Projection::XProj),
                dt_proj: of(Projection::DtProj),
                out_proj: of(Projection::OutProj),
            }
        };
        let groups = 0..config.groups;
        Self {
            conv_first: weight(WeightName::ConvFirst),
            blocks: (0..config.groups * config.blocks).map(block).collect(),
            convs: groups
                .map(|group| weight(WeightName::GroupConv { group }))
                .collect(),
            conv_after_body: weight(WeightName::ConvAfterBody),
            upsample: weight(WeightName::Upsample),
            layout,
        }
    }

    fn block(&self, group: usize, block: usize) -> &Block {
        &self.blocks[group * self.layout.config().blocks + block]
    }

    /// Returns where the parameters lie.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }
}

/// Buffers of a backward pass, kept from one to the next.
#[derive(Debug, Default)]
pub struct Buffers<T> {
    weight: WeightScratch<T>,
    scan: scan::Scratch,
    /// `[h, w, channels * scale^2]`.
    sub_pixels: Vec<T>,
    /// The picture as the network takes it, `[h, w, channels]`.
    pixels: Vec<T>,
    /// Gradient of the trunk, `[h, w, C]`.
    trunk: Vec<T>,
    /// Gradient of a group's input past its blocks.
    group_input: Vec<T>,
    /// Gradient of the first feature.
    first: Vec<T>,
    /// `[h, w, E]`.
    d_y: Vec<T>,
    /// `[h, w, E]`.
    d_u: Vec<T>,
    /// `[h, w, E]`.
    d_dt: Vec<T>,
    /// `[h, w, 2 E]`.
    d_in_proj: Vec<T>,
    /// `[h, w, R + 2 N]`.
    d_projected: Vec<T>,
    /// `[h, w, C]`.
    d_normed: Vec<T>,
    /// `[N, E]`.
    d_states: Vec<T>,
    /// `[N, E]` or `[1, E]`.
    rate: Vec<T>,
    /// Likewise.
    d_rate: Vec<T>,
    /// `[N, E]` zeros.
    zeros: Vec<T>,
}

/// Looks at a backward pass on its way.
pub trait Watch<T> {
    /// Takes a weight: its place among the weights, its input and the gradient of its output,
    /// `[pixels, outputs]`.
    fn weight(&mut self, _index: usize, _input: Input<'_, T>, _gradient: &[T]) {}

    /// Takes the gradient of a layer that matrix products take as their input, and may change it:
    /// the outputs of norms, causal convolutions and gates.
    fn operand(&mut self, _layer: Layer, _gradient: &mut [T]) {}

    /// Takes the gradient of the features after a group, and may add to it.
    fn group(&mut self, _group: usize, _gradient: &mut [T]) {}
}

/// A backward pass over one picture.
pub struct Backward<'a, T> {
    /// The network.
    pub plan: &'a Plan,
    /// Its parameters.
    pub values: &'a [T],
    /// What the run left.
    pub tape: &'a Tape<T>,
    /// Columns and rows of the picture.
    pub size: (usize, usize),
    /// Buffers.
    pub buffers: &'a mut Buffers<T>,
    /// Looks at it.
    pub watch: &'a mut dyn Watch<T>,
}

impl<T: Scalar> Backward<'_, T> {
    /// Adds the gradient of the parameters.
    ///
    /// * `picture` - what went in, `[h, w, channels]`. * `output` - gradient of the output before it
    ///   is clamped, `[h scale, w scale, channels]`, for values where 1 is white.
    pub fn run(&mut self, picture: &[u8], output: &[T], gradient: &mut [T]) {
        let config = *self.plan.layout.config();
        let mut b = std::mem::take(self.buffers);
        self.unshuffle(output, &mut b.sub_pixels);
        let sub_pixels = std::mem::take(&mut b.sub_pixels);
        let (plan, tape) = (self.plan, self.tape);
        let body = tape.layer(Layer::Body);
        self.conv(
            &plan.upsample,
            body,
            &sub_pixels,
            gradient,
            Some(&mut b.first),
            &mut b.weight,
        );
        b.sub_pixels = sub_pixels;
        // The body is the convolution and the first feature: both have the gradient of the sum.
        let input = tape.layer(Layer::NormLast);
        let weight = &plan.conv_after_body;
        self.conv(
            weight,
            input,
            &b.first,
            gradient,
            Some(&mut b.trunk),
            &mut b.weight,
        );
        self.watch.operand(Layer::NormLast, &mut b.trunk);
        let group = config.groups as u8 - 1;
        let last = tape.layer(Layer::Group { group });
        self.norm("norm_f", Scope::Network, last, &mut b.trunk, gradient);
        for i in (0..config.groups).rev() {
            self.watch.group(i, &mut b.trunk);
            self.group(i, gradient, &mut b);
        }
        let first = tape.layer(Layer::ConvFirst);
        self.norm(
            "patch_embed.norm",
            Scope::Network,
            first,
            &mut b.trunk,
            gradient,
        );
        add(&b.trunk, &mut b.first);
        b.pixels.clear();
        let channels = picture.iter().enumerate().map(|(i, &byte)| {
            let mean = T::of(config.mean[i % config.channels]);
            T::of_int(i32::from(byte)) / T::of_int(255) - mean
        });
        b.pixels.extend(channels);
        self.conv(
            &plan.conv_first,
            &b.pixels,
            &b.first,
            gradient,
            None,
            &mut b.weight,
        );
        *self.buffers = b;
    }

    /// Gathers the sub-pixels of each LR pixel.
    fn unshuffle(&self, output: &[T], out: &mut Vec<T>) {
        let config = self.plan.layout.config();
        let (scale, channels) = (config.scale, config.channels);
        out.clear();
        out.resize(output.len(), T::zero());
        let rows = output.chunks_exact(self.size.0 * scale * channels);
        for (i, row) in rows.enumerate() {
            let at = i / scale * self.size.0 * config.sub_pixels();
            shuffle::gather(row, &mut out[at..], channels, scale, i % scale);
        }
    }

    fn group(&mut self, group: usize, gradient: &mut [T], b: &mut Buffers<T>) {
        let config = *self.plan.layout.config();
        // The group adds its input to its convolution.
        b.group_input.clone_from(&b.trunk);
        let (plan, tape) = (self.plan, self.tape);
        let input = block_output(plan, tape, group, config.blocks);
        let weight = &plan.convs[group];
        self.conv(
            weight,
            input,
            &b.group_input,
            gradient,
            Some(&mut b.trunk),
            &mut b.weight,
        );
        for block in (0..config.blocks).rev() {
            self.block(group, block, gradient, b);
        }
        add(&b.group_input, &mut b.trunk);
    }

    /// Takes the gradient of a block's output, the trunk, to that of its input.
    fn block(&mut self, group: usize, block: usize, gradient: &mut [T], b: &mut Buffers<T>) {
        let config = *self.plan.layout.config();
        let (e, pixels) = (config.inner, self.size.0 * self.size.1);
        for (buffer, len) in [
            (&mut b.d_y, e),
            (&mut b.d_u, e),
            (&mut b.d_dt, e),
            (&mut b.d_in_proj, 2 * e),
            (&mut b.d_projected, config.projected()),
            (&mut b.d_normed, config.width),
        ] {
            buffer.resize(pixels * len, T::zero());
        }
        self.mixer_output((group, block), gradient, b);
        self.scan(group, block, gradient, b);
        self.scan_inputs((group, block), gradient, b);
        self.operand((group, block), MixerPart::Conv1d, &mut b.d_u);
        self.conv1d((group, block), gradient, b);
        self.mixer_input((group, block), gradient, b);
        if config.mixer_skip {
            add(&b.d_normed, &mut b.trunk);
        } else {
            b.trunk.clone_from(&b.d_normed);
        }
    }

    /// Takes the gradient of the trunk to those of the scan's output and of z.
    fn mixer_output(
        &mut self,
        (group, block): (usize, usize),
        gradient: &mut [T],
        b: &mut Buffers<T>,
    ) {
        let (plan, tape) = (self.plan, self.tape);
        let (e, of) = (plan.layout.config().inner, |part| {
            tape.mixer(group, block, part)
        });
        let weight = &plan.block(group, block).out_proj;
        let gated = Input::Rows(of(MixerPart::Gate), e);
        let d_gated = Output::Rows(&mut b.d_y, e, Write::Replace);
        self.weight(weight, gated, &b.trunk, gradient, d_gated, &mut b.weight);
        self.operand((group, block), MixerPart::Gate, &mut b.d_y);
        let (y, in_proj) = (of(MixerPart::Scan), of(MixerPart::InProj));
        gate::backward(y, in_proj, e, &mut b.d_y, &mut b.d_in_proj);
    }

    /// Takes the gradients of the step size, B and C to that of u, added to what it has.
    fn scan_inputs(
        &mut self,
        (group, block): (usize, usize),
        gradient: &mut [T],
        b: &mut Buffers<T>,
    ) {
        let (plan, tape) = (self.plan, self.tape);
        let (config, of) = (plan.layout.config(), |part| tape.mixer(group, block, part));
        let (e, width) = (config.inner, config.projected());
        let weights = plan.block(group, block);
        step::backward(of(MixerPart::Dt), &mut b.d_dt);
        let input = Input::Rows(of(MixerPart::XProj), width);
        let steps = Output::Rows(&mut b.d_projected, width, Write::Replace);
        self.weight(
            &weights.dt_proj,
            input,
            &b.d_dt,
            gradient,
            steps,
            &mut b.weight,
        );
        let input = Input::Rows(of(MixerPart::Conv1d), e);
        let u = Output::Rows(&mut b.d_u, e, Write::Add);
        self.weight(
            &weights.x_proj,
            input,
            &b.d_projected,
            gradient,
            u,
            &mut b.weight,
        );
    }

    /// Takes the gradients of u and z to that of the block's input past the skip.
    fn mixer_input(
        &mut self,
        (group, block): (usize, usize),
        gradient: &mut [T],
        b: &mut Buffers<T>,
    ) {
        let (plan, tape) = (self.plan, self.tape);
        let c = plan.layout.config().width;
        let normed = Input::Rows(tape.mixer(group, block, MixerPart::Norm), c);
        let d_normed = Output::Rows(&mut b.d_normed, c, Write::Replace);
        let weight = &plan.block(group, block).in_proj;
        self.weight(
            weight,
            normed,
            &b.d_in_proj,
            gradient,
            d_normed,
            &mut b.weight,
        );
        self.operand((group, block), MixerPart::Norm, &mut b.d_normed);
        let input = block_output(plan, tape, group, block);
        let scope = Scope::Block(group as u8, block as u8);
        self.norm("norm", scope, input, &mut b.d_normed, gradient);
    }

    /// Takes the gradient of the scan's output, `d_y`, to those of u, step size, B and C.
    fn scan(&self, group: usize, block: usize, gradient: &mut [T], b: &mut Buffers<T>) {
        let config = *self.plan.layout.config();
        let (e, n) = (config.inner, config.states);
        let shape = scan::Shape {
            inner: e,
            states: n,
            dt_rank: config.dt_rank,
            decay: config.decay,
        };
        let param = of_block(group, block, "scan");
        let logs = self.plan.layout.range(param.part("rate"));
        let skips = self.plan.layout.range(param.part("skip"));
        b.rate.clear();
        b.rate.extend(
            self.values[logs.clone()]
                .iter()
                .map(|&log| -log.exponential()),
        );
        for (buffer, len) in [
            (&mut b.d_rate, logs.len()),
            (&mut b.d_states, n * e),
            (&mut b.zeros, n * e),
        ] {
            buffer.clear();
            buffer.resize(len, T::zero());
        }
        let of = |part| self.tape.mixer(group, block, part);
        let row = self.size.0;
        for y in (0..self.size.1).rev() {
            let inner = y * row * e..(y + 1) * row * e;
            let projected = y * row * config.projected()..(y + 1) * row * config.projected();
            let start = match y.checked_sub(1) {
                Some(above) => self.tape.states(group, block, above),
                None => &b.zeros,
            };
            let forward = scan::Forward {
                rate: &b.rate,
                skip: &self.values[skips.clone()],
                u: &of(MixerPart::Conv1d)[inner.clone()],
                dt: &of(MixerPart::Dt)[inner.clone()],
                projected: &of(MixerPart::XProj)[projected.clone()],
                start,
            };
            let mut gradients = scan::Gradients {
                u: &mut b.d_u[inner.clone()],
                dt: &mut b.d_dt[inner.clone()],
                projected: &mut b.d_projected[projected],
                rate: &mut b.d_rate,
                skip: &mut gradient[skips.clone()],
                states: &mut b.d_states,
            };
            scan::backward(&shape, &forward, &b.d_y[inner], &mut gradients, &mut b.scan);
        }
        // `A = -e^log`: the slope is `A` itself.
        for ((g, &d), &rate) in gradient[logs].iter_mut().zip(&b.d_rate).zip(&b.rate) {
            *g = d.fma(rate, *g);
        }
    }

    /// Takes the gradient of the causal convolution's output, `d_u`, to that of its input.
    fn conv1d(&self, (group, block): (usize, usize), gradient: &mut [T], b: &mut Buffers<T>) {
        let param = of_block(group, block, "conv1d");
        let taps = self.plan.layout.range(param.part("weight"));
        let bias = self.plan.layout.range(param.part("bias"));
        let parameters = conv1d::Parameters {
            taps: &self.values[taps.clone()],
            bias: &self.values[bias.clone()],
        };
        let (taps, bias) = two(gradient, taps, bias);
        conv1d::backward(
            &parameters,
            self.tape.mixer(group, block, MixerPart::InProj),
            &b.d_u,
            &mut b.d_in_proj,
            &mut conv1d::Gradients { taps, bias },
        );
    }

    fn operand(&mut self, (group, block): (usize, usize), part: MixerPart, gradient: &mut [T]) {
        let (group, block) = (group as u8, block as u8);
        self.watch
            .operand(Layer::Mixer { group, block, part }, gradient);
    }

    fn norm(
        &self,
        name: &'static str,
        scope: Scope,
        input: &[T],
        d_output: &mut [T],
        gradient: &mut [T],
    ) {
        let param = Param::new(scope, name);
        let gamma = self.plan.layout.range(param.part("weight"));
        let beta = self.plan.layout.range(param.part("bias"));
        let values = &self.values[gamma.clone()];
        let (gamma, beta) = two(gradient, gamma, beta);
        norm::backward(
            input,
            values,
            d_output,
            &mut norm::Gradients { gamma, beta },
        );
    }

    /// Backward pass of a 3x3 convolution of the whole picture.
    fn conv(
        &mut self,
        weight: &Weight,
        input: &[T],
        d_output: &[T],
        gradient: &mut [T],
        d_input: Option<&mut Vec<T>>,
        scratch: &mut WeightScratch<T>,
    ) {
        let (width, height) = self.size;
        let inputs = weight.inputs;
        let shape = Shape {
            width,
            height,
            inputs,
        };
        let output = d_input.map_or(Output::Unused, Output::Picture);
        let input = Input::Picture(input, shape);
        self.weight(weight, input, d_output, gradient, output, scratch);
    }

    fn weight(
        &mut self,
        weight: &Weight,
        input: Input<'_, T>,
        d_output: &[T],
        gradient: &mut [T],
        output: Output<'_, T>,
        scratch: &mut WeightScratch<T>,
    ) {
        self.watch.weight(weight.index, input, d_output);
        let mut vectors = Vectors {
            values: self.values,
            gradient,
        };
        weight.backward(&mut vectors, input, d_output, output, scratch);
    }
}

/// Returns what goes into block `block` of a group: the output of the block before.
fn block_output<'t, T: Scalar>(
    plan: &Plan,
    tape: &'t Tape<T>,
    group: usize,
    block: usize,
) -> &'t [T] {
    let part = match plan.layout.config().mixer_skip {
        true => MixerPart::Skip,
        false => MixerPart::OutProj,
    };
    match (group.checked_sub(1), block.checked_sub(1)) {
        (_, Some(before)) => tape.mixer(group, before, part),
        (Some(before), None) => tape.layer(Layer::Group {
            group: before as u8,
        }),
        (None, None) => tape.layer(Layer::NormFirst),
    }
}

/// Adds `x` to `sum`.
fn add<T: Scalar>(x: &[T], sum: &mut [T]) {
    for (sum, &x) in sum.iter_mut().zip(x) {
        *sum = *sum + x;
    }
}

/// Returns two arrays of a vector, the first of which lies before the second.
fn two<T>(
    vector: &mut [T],
    first: std::ops::Range<usize>,
    second: std::ops::Range<usize>,
) -> (&mut [T], &mut [T]) {
    let (head, tail) = vector.split_at_mut(second.start);
    (&mut head[first], &mut tail[..second.len()])
}
