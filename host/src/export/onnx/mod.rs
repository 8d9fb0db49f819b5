//! Model files to ONNX graphs of standard operators.
//!
//! The graph takes pictures of any size: `picture`, `[1, channels, height, width]`, 0 to 1, to
//! `magnified`, `[1, channels, height * scale, width * scale]`, which is not clamped. The selective
//! scan is the operator `Scan` with one step a token.

mod graph;
mod proto;

use mambalite_kernels::config::CONV1D_TAPS;
use mambalite_kernels::{Anchor, Config, Form, Model, ModelError, anchor};
use prost::Message;

use super::checkpoint::{Tensors, metadata, tensors};
use crate::arrays::Arrays;
use graph::{Builder, Name, int, ints, known, open, text, value};

/// Version of the standard operators: that of ONNX 1.16.
const OPERATORS: i64 = 21;
/// Version of the file format that belongs to it.
const FORMAT: i64 = 10;

/// Makes the bytes of an ONNX file of a model of single precision.
///
/// # Errors
/// A model of another precision.
pub fn onnx(model: &Model<'_>) -> Result<Vec<u8>, ModelError> {
    let config = *model.config();
    let forms: Vec<Form> = model.forms().collect();
    let mut export = Export {
        config,
        tensors: tensors(&config, &forms, &Arrays::of_model(model)?)?,
        builder: Builder::new("t"),
        image: Name::new(),
    };
    export.network();
    let ends = ["picture", "magnified"].map(|name| {
        let (height, width) = match name {
            "picture" => ("height", "width"),
            _ => ("magnified_height", "magnified_width"),
        };
        let sides = [height, width].map(open);
        let first = [known(1), known(config.channels)];
        vec![value(name, first.into_iter().chain(sides).collect())]
    });
    let [input, output] = ends;
    let entry = |(key, value)| proto::Entry { key, value };
    let file = proto::Model {
        ir_version: FORMAT,
        producer_name: "mambalite".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(export.builder.finish("mambalite", input, output)),
        opset_import: vec![proto::OperatorSet {
            domain: String::new(),
            version: OPERATORS,
        }],
        metadata_props: metadata(&config).into_iter().map(entry).collect(),
    };
    Ok(file.encode_to_vec())
}

/// A network on its way into a graph.
struct Export {
    config: Config,
    /// By PyTorch's names; `A_log` has the rates.
    tensors: Tensors<f32>,
    builder: Builder,
    /// Name of the shape `[1, C, height, width]`.
    image: Name,
}

impl Export {
    /// Returns a tensor of the network, which has all that are asked for.
    fn tensor(&self, name: &str) -> (&[usize], &[f32]) {
        let tensor = self.tensors.get(name);
        tensor.map_or((&[], &[]), |(shape, data)| (shape, data))
    }

    /// Adds a tensor of the network as a constant.
    fn constant(&mut self, name: &str) -> Name {
        let (shape, data) = self.tensors.get(name).cloned().unwrap_or_default();
        self.builder.floats(&shape, &data)
    }

    /// Returns the matrices that a weight is applied as, the first one first: `[outputs, ...]`.
    fn factors(&self, name: &str) -> Vec<(Vec<usize>, Vec<f32>)> {
        let owned = |name: &str| {
            let (shape, data) = self.tensor(name);
            (shape.to_vec(), data.to_vec())
        };
        if self.tensors.contains_key(name) {
            return vec![owned(name)];
        }
        let (v, u) = (owned(&format!("{name}.v")), owned(&format!("{name}.u")));
        let (_, order) = self.tensor(&format!("{name}.order"));
        if order.is_empty() {
            return vec![v, u];
        }
        // Identity rows written out: one product in place of a product, a join and a gather.
        let rank = v.0[0];
        let row = |&place: &f32| -> Vec<f32> {
            match (place as usize).checked_sub(rank) {
                Some(other) => u.1[other * rank..][..rank].to_vec(),
                None => (0..rank).map(|r| f32::from(r as f32 == place)).collect(),
            }
        };
        let full = order.iter().flat_map(row).collect();
        let shape = vec![order.len(), rank];
        vec![v, (shape, full)]
    }

    /// A projection of tokens `[L, inputs]`, without a bias.
    fn linear(&mut self, x: &str, name: &str) -> Name {
        let mut x = x.to_owned();
        for (shape, data) in self.factors(&format!("{name}.weight")) {
            let (outputs, inputs) = (shape[0], shape[1]);
            let transposed: Vec<f32> = (0..data.len())
                .map(|i| data[i % outputs * inputs + i / outputs])
                .collect();
            let matrix = self.builder.floats(&[inputs, outputs], &transposed);
            x = self.builder.add("MatMul", &[&x, &matrix]);
        }
        x
    }

    /// A 3x3 convolution of an image.
    fn conv(&mut self, x: &str, name: &str) -> Name {
        let bias = self.constant(&format!("{name}.bias"));
        let factors = self.factors(&format!("{name}.weight"));
        let last = factors.len() - 1;
        let mut x = x.to_owned();
        for (i, (mut shape, data)) in factors.into_iter().enumerate() {
            let side = if shape.len() == 4 { 3 } else { 1 };
            shape.resize(4, side);
            let weight = self.builder.floats(&shape, &data);
            let pads = vec![ints("pads", &[(side / 2) as i64; 4])];
            let inputs = [&x, &weight, &bias].map(String::as_str);
            let inputs = if i == last { &inputs[..] } else { &inputs[..2] };
            x = self.builder.with("Conv", inputs, pads);
        }
        x
    }

    /// A norm of tokens.
    fn norm(&mut self, x: &str, name: &str) -> Name {
        let [weight, bias] =
            ["weight", "bias"].map(|part| self.constant(&format!("{name}.{part}")));
        // Epsilon and axis are those that the operator has by itself.
        self.builder.add("LayerNormalization", &[x, &weight, &bias])
    }

    /// Takes an image `[1, C, height, width]` to tokens `[L, C]`.
    fn tokens(&mut self, image: &str) -> Name {
        let flat = self.builder.reshape(image, &[self.config.width as i64, -1]);
        self.builder.transpose(&flat, &[1, 0])
    }

    /// Takes tokens to an image.
    fn image(&mut self, tokens: &str) -> Name {
        let flat = self.builder.transpose(tokens, &[1, 0]);
        self.builder.add("Reshape", &[&flat, &self.image])
    }

    fn mixer(&mut self, x: &str, name: &str) -> Name {
        let Config {
            inner,
            dt_rank,
            states,
            ..
        } = self.config;
        let projected = self.linear(x, &format!("{name}.in_proj"));
        let [u, z] = self.builder.split(&projected, [inner, inner]);
        let u = self.conv1d(&u, name);
        let u = self.builder.silu(&u);
        let projected = self.linear(&u, &format!("{name}.x_proj"));
        let [dt, b, c] = self.builder.split(&projected, [dt_rank, states, states]);
        let dt = self.linear(&dt, &format!("{name}.dt_proj"));
        let bias = self.constant(&format!("{name}.dt_proj.bias"));
        let dt = self.builder.add("Add", &[&dt, &bias]);
        let dt = self.builder.add("Softplus", &[&dt]);
        let y = self.scan(&dt, &u, (&b, &c), name);
        let skip = self.constant(&format!("{name}.D"));
        let skipped = self.builder.add("Mul", &[&u, &skip]);
        let y = self.builder.add("Add", &[&y, &skipped]);
        let gate = self.builder.silu(&z);
        let gated = self.builder.add("Mul", &[&y, &gate]);
        self.linear(&gated, &format!("{name}.out_proj"))
    }

    /// The causal convolution of tokens.
    fn conv1d(&mut self, u: &str, name: &str) -> Name {
        let inner = self.config.inner as i64;
        let taps = self.constant(&format!("{name}.conv1d.weight"));
        let bias = self.constant(&format!("{name}.conv1d.bias"));
        let b = &mut self.builder;
        let line = b.transpose(u, &[1, 0]);
        let line = b.reshape(&line, &[1, inner, -1]);
        let before = CONV1D_TAPS as i64 - 1;
        let attributes = vec![int("group", inner), ints("pads", &[before, 0])];
        let line = b.with("Conv", &[&line, &taps, &bias], attributes);
        let flat = b.reshape(&line, &[inner, -1]);
        b.transpose(&flat, &[1, 0])
    }

    /// The selective scan, without `D`: one step a token over states `[N, E]`.
    fn scan(&mut self, dt: &str, u: &str, (b, c): (&str, &str), name: &str) -> Name {
        let Config { inner, states, .. } = self.config;
        let rates = self.rates(name);
        let rates = self.builder.floats(&[states, inner], &rates);
        let outer = &mut self.builder;
        let moved = outer.add("Mul", &[dt, u]);
        let start = outer.floats(&[states, inner], &vec![0.0; states * inner]);
        let prefix = format!("{}_", outer.name());
        let mut body = Builder::new(&prefix);
        let [h, dt_in, moved_in, b_in, c_in] = core::array::from_fn(|_| body.name());
        let exponent = body.add("Mul", &[&dt_in, &rates]);
        let decay = body.add("Exp", &[&exponent]);
        let kept = body.add("Mul", &[&decay, &h]);
        let driven = body.add("Mul", &[&b_in, &moved_in]);
        let after = body.add("Add", &[&kept, &driven]);
        let y = body.add("MatMul", &[&c_in, &after]);
        let shaped = |name: &str, rows, columns| value(name, vec![known(rows), known(columns)]);
        let inputs = vec![
            shaped(&h, states, inner),
            shaped(&dt_in, 1, inner),
            shaped(&moved_in, 1, inner),
            shaped(&b_in, states, 1),
            shaped(&c_in, 1, states),
        ];
        let outputs = vec![shaped(&after, states, inner), shaped(&y, 1, inner)];
        let body = body.finish(&format!("{name}.scan"), inputs, outputs);
        let (e, n) = (inner as i64, states as i64);
        let dt = outer.reshape(dt, &[-1, 1, e]);
        let moved = outer.reshape(&moved, &[-1, 1, e]);
        let b = outer.reshape(b, &[-1, n, 1]);
        let c = outer.reshape(c, &[-1, 1, n]);
        let attributes = vec![graph::graph("body", body), int("num_scan_inputs", 4)];
        let [_, y] = outer.node("Scan", &[&start, &dt, &moved, &b, &c], attributes);
        outer.reshape(&y, &[-1, e])
    }

    /// Returns the rates of all states, `[N, E]`.
    fn rates(&self, mixer: &str) -> Vec<f32> {
        let (_, rates) = self.tensor(&format!("{mixer}.A_log"));
        let (inner, columns) = (self.config.inner, self.config.rates());
        let rate = |i: usize| {
            let (n, e) = (i / inner, i % inner);
            match columns {
                1 => rates[e] * (n + 1) as f32,
                _ => rates[e * columns + n],
            }
        };
        (0..self.config.states * inner).map(rate).collect()
    }

    /// The whole network, from `picture` to `magnified`.
    fn network(&mut self) {
        let c = self.config;
        let sides = vec![int("start", 2), int("end", 4)];
        let sides = self.builder.with("Shape", &["picture"], sides);
        let first = self.builder.list(&[1, c.width as i64]);
        let along = vec![int("axis", 0)];
        self.image = self.builder.with("Concat", &[&first, &sides], along);
        let mean = self
            .builder
            .floats(&[c.channels, 1, 1], &c.mean[..c.channels]);
        let pixels = self.builder.add("Sub", &["picture", &mean]);
        let first = self.conv(&pixels, "conv_first");
        let trunk = self.tokens(&first);
        let mut x = self.norm(&trunk, "patch_embed.norm");
        for group in 0..c.groups {
            let shortcut = x.clone();
            for block in 0..c.blocks {
                let name = format!("layers.{group}.residual_group.blocks.{block}");
                let normed = self.norm(&x, &format!("{name}.norm"));
                let mixed = self.mixer(&normed, &format!("{name}.mixer"));
                x = match c.mixer_skip {
                    true => self.builder.add("Add", &[&mixed, &x]),
                    false => mixed,
                };
            }
            let image = self.image(&x);
            let image = self.conv(&image, &format!("layers.{group}.conv"));
            let tokens = self.tokens(&image);
            x = self.builder.add("Add", &[&tokens, &shortcut]);
        }
        let normed = self.norm(&x, "norm_f");
        let image = self.image(&normed);
        let body = self.conv(&image, "conv_after_body");
        let body = self.builder.add("Add", &[&body, &first]);
        let mut x = self.conv(&body, "upsample.0");
        if c.anchor != Anchor::None {
            let anchor = self.anchor(&sides);
            x = self.builder.add("Add", &[&x, &anchor]);
        }
        let shuffle = vec![int("blocksize", c.scale as i64), text("mode", "CRD")];
        x = self.builder.with("DepthToSpace", &[&x], shuffle);
        if c.anchor == Anchor::None {
            x = self.builder.add("Add", &[&x, &mean]);
        }
        self.builder.rename(&x, "magnified");
    }

    /// The magnified input as sub-pixels: a convolution of the picture and its mirror images.
    fn anchor(&mut self, sides: &str) -> Name {
        let reach = anchor::BICUBIC_REACH as i64;
        let b = &mut self.builder;
        let [two, one, step, low, high] = [2, 1, 1, -reach, reach].map(|x| b.whole(x));
        let mut pixels = "picture".to_owned();
        for axis in 0..2 {
            let at = b.whole(axis);
            let length = b.add("Gather", &[sides, &at]);
            let end = b.add("Add", &[&length, &high]);
            let index = b.add("Range", &[&low, &end, &step]);
            let period = b.add("Mul", &[&length, &two]);
            let index = b.add("Mod", &[&index, &period]);
            let last = b.add("Sub", &[&period, &one]);
            let mirrored = b.add("Sub", &[&last, &index]);
            let index = b.add("Min", &[&index, &mirrored]);
            pixels = b.with("Gather", &[&pixels, &index], vec![int("axis", 2 + axis)]);
        }
        let Config {
            channels, scale, ..
        } = self.config;
        let taps: Vec<_> = (0..scale).map(|phase| self.taps(phase)).collect();
        let (mut kernel, n) = (Vec::new(), taps[0].len());
        for output in 0..channels * scale * scale {
            let (channel, dy, dx) = (
                output / (scale * scale),
                output / scale % scale,
                output % scale,
            );
            for input in 0..channels {
                let own = f32::from(input == channel);
                let rows = taps[dy].iter();
                kernel.extend(rows.flat_map(|y| taps[dx].iter().map(move |x| own * y * x)));
            }
        }
        let shape = [channels * scale * scale, channels, n, n];
        let kernel = self.builder.floats(&shape, &kernel);
        self.builder.add("Conv", &[&pixels, &kernel])
    }

    /// Returns the anchor's weights along one axis for a sub-pixel.
    fn taps(&self, phase: usize) -> Vec<f32> {
        let n = 2 * anchor::BICUBIC_REACH + 1;
        let tap = |tap: usize| {
            if self.config.anchor == Anchor::Nearest {
                return f32::from(tap == anchor::BICUBIC_REACH);
            }
            // What the kernels make of a single bright row, Q.10.
            let rows: Vec<[u8; 1]> = (0..n).map(|row| [u8::from(row == tap)]).collect();
            let place = (anchor::BICUBIC_REACH, n);
            let mut out = [0];
            anchor::bicubic_column(|i| &rows[i], place, (self.config.scale, phase), &mut out);
            out[0] as f32 / 1024.0
        };
        (0..n).map(tap).collect()
    }
}
