//! The launches that run a network on patches of one size.
//!
//! A program is plain data: the same one runs on a GPU, in an interpreter and on the host. All
//! memory is known before it starts: the model file as it is, and one arena.

mod describe;

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use bytemuck::Pod;
use mambalite_kernels::arith::{Arithmetic, Fixed, Float};
use mambalite_kernels::config::{Anchor, Config};
use mambalite_kernels::linear::{Matrix, Weights};
use mambalite_kernels::network::{Block, First, Group, Last, Section};
use mambalite_kernels::{Model, ModelError, Precision};

use self::describe::{Addresses, Describe};
use crate::args::{self, Array, Patches};

/// Alignment of each tensor in the arena, in bytes.
const ALIGN: u64 = 256;
/// Threads of a block.
const BLOCK: u32 = 64;
/// Numbers of states that have an entry point.
const STATES: [usize; 3] = [4, 8, 16];

/// One launch: an entry point and the bytes of its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Name of the entry point.
    pub entry: String,
    /// Blocks of the grid.
    pub blocks: u32,
    /// Threads of a block; those beyond the last output do nothing.
    pub block: u32,
    /// Arguments, each as it lies in memory.
    pub args: Vec<Vec<u8>>,
}

/// Where a program's memory is, in the device's addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The model file, 16-byte aligned.
    pub model: u64,
    /// The arena, 256-byte aligned.
    pub arena: u64,
}

/// The launches of a network in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The launches.
    pub launches: Vec<Launch>,
    /// Bytes of the arena.
    pub arena_bytes: usize,
    /// The patches, `[patches, height, width, channels]`, bytes: to be written before.
    pub input: Array,
    /// The magnified patches, `[patches, height * scale, width * scale, channels]`, bytes.
    pub output: Array,
}

/// Why a network has no program.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ProgramError {
    /// The number of states has no entry point.
    States {
        /// States of the network.
        found: usize,
    },
    /// Patches of no pixel, or more than 2^31 threads.
    Size(Patches),
    /// The model cannot be read.
    Model(ModelError),
}

impl core::fmt::Display for ProgramError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::States { found } => write!(
                f,
                "the GPU scans 4, 8 or 16 states, the network has {found}; run it on the CPU"
            ),
            Self::Size(Patches {
                count,
                width,
                height,
            }) => write!(f, "cannot run {count} patches of {width}x{height} pixels"),
            Self::Model(cause) => write!(f, "{cause}"),
        }
    }
}

impl core::error::Error for ProgramError {}

impl From<ModelError> for ProgramError {
    fn from(cause: ModelError) -> Self {
        Self::Model(cause)
    }
}

impl Program {
    /// Plans a network on patches.
    ///
    /// * `bytes` - the model file, of which the device has a copy at `memory.model`.
    ///
    /// # Errors
    /// [`ProgramError`].
    pub fn new(bytes: &[u8], patches: Patches, memory: Memory) -> Result<Self, ProgramError> {
        let model = Model::parse(bytes)?;
        let config = model.config();
        if !STATES.contains(&config.states) {
            return Err(ProgramError::States {
                found: config.states,
            });
        }
        let pixels = patches.pixels().checked_mul(patches.count as usize);
        let widest = config
            .sub_pixels()
            .max(2 * config.inner)
            .max(config.projected());
        let threads = pixels.and_then(|pixels| pixels.checked_mul(widest));
        if !threads.is_some_and(|threads| (1..1 << 31).contains(&threads)) {
            return Err(ProgramError::Size(patches));
        }
        match model.precision() {
            Precision::F32 => Builder::<Float<f32>>::build(bytes, &model, patches, memory),
            Precision::W8A16 => Builder::<Fixed<i16>>::build(bytes, &model, patches, memory),
            Precision::W8A8 => Builder::<Fixed<i8>>::build(bytes, &model, patches, memory),
        }
    }
}

/// Tensors in the arena.
struct Tensors {
    bytes: Array,
    pixels: Array,
    /// Features: the first, and three that take turns.
    first: Array,
    features: [Array; 3],
    mixed: Array,
    /// Inputs of projections and convolutions, `[.., C]`.
    inputs: Array,
    uz: Array,
    u: Array,
    projected: Array,
    steps: Array,
    dt: Array,
    y: Array,
    gated: Array,
    middle: Array,
    sub_pixels: Array,
    picture: Array,
}

/// Hands out the arena.
struct Arena {
    begin: u64,
    next: u64,
}

impl Arena {
    fn take<T>(&mut self, len: usize) -> Array {
        let address = self.next;
        self.next += (len as u64 * size_of::<T>() as u64).next_multiple_of(ALIGN);
        Array {
            address,
            len: len as u64,
        }
    }
}

impl Tensors {
    fn new<A: Arithmetic>(arena: &mut Arena, model: &Model<'_>, pixels: usize) -> Self {
        let config = model.config();
        let (c, e) = (config.width, config.inner);
        let rank = model.forms().filter_map(|form| form.rank()).max();
        let colours = pixels * config.channels;
        Self {
            bytes: arena.take::<u8>(colours),
            pixels: arena.take::<A::Act>(colours),
            first: arena.take::<A::Act>(pixels * c),
            features: core::array::from_fn(|_| arena.take::<A::Act>(pixels * c)),
            mixed: arena.take::<A::Act>(pixels * c),
            inputs: arena.take::<A::In>(pixels * c),
            uz: arena.take::<A::Act>(pixels * 2 * e),
            u: arena.take::<A::In>(pixels * e),
            projected: arena.take::<A::Act>(pixels * config.projected()),
            steps: arena.take::<A::Acc>(pixels * e),
            dt: arena.take::<A::Wide>(pixels * e),
            y: arena.take::<A::Act>(pixels * e),
            gated: arena.take::<A::In>(pixels * e),
            middle: arena.take::<A::Act>(pixels * rank.unwrap_or(0)),
            sub_pixels: arena.take::<A::Act>(pixels * config.sub_pixels()),
            picture: arena.take::<u8>(colours * config.scale * config.scale),
        }
    }
}

/// How a weight meets its inputs.
#[derive(Clone, Copy)]
enum Input {
    /// A convolution over activations or over inputs.
    Conv(&'static str),
    /// A projection of the first numbers of a pixel of so many.
    Linear(&'static str, usize),
}

struct Builder<'m, A> {
    config: Config,
    model: &'m Model<'m>,
    at: Addresses,
    patches: Patches,
    pixels: usize,
    tensors: Tensors,
    launches: Vec<Launch>,
    arithmetic: core::marker::PhantomData<A>,
}

impl<A: Describe> Builder<'_, A> {
    fn build(
        bytes: &[u8],
        model: &Model<'_>,
        patches: Patches,
        memory: Memory,
    ) -> Result<Program, ProgramError> {
        let pixels = patches.count as usize * patches.pixels();
        let mut arena = Arena {
            begin: memory.arena,
            next: memory.arena,
        };
        let tensors = Tensors::new::<A>(&mut arena, model, pixels);
        let (input, output) = (tensors.bytes, tensors.picture);
        let mut builder = Builder::<A> {
            config: *model.config(),
            model,
            at: Addresses {
                here: bytes.as_ptr() as u64,
                there: memory.model,
            },
            patches,
            pixels,
            tensors,
            launches: Vec::new(),
            arithmetic: core::marker::PhantomData,
        };
        builder.network()?;
        Ok(Program {
            launches: builder.launches,
            arena_bytes: (arena.next - arena.begin) as usize,
            input,
            output,
        })
    }

    fn network(&mut self) -> Result<(), ProgramError> {
        let (model, config) = (self.model, self.config);
        let forms = |i| model.form(i);
        let pictures = self.pictures();
        let (bytes, pixels, first) = (self.tensors.bytes, self.tensors.pixels, self.tensors.first);
        let args = vec![raw(pictures), raw(bytes), raw(pixels)];
        self.launch("pixel", pixels.len, args);
        let mut source = model.section(Section::First);
        let params = First::<A>::load(&mut source, &config, &forms)?;
        self.weights(Input::Conv("acts"), &params.conv, pixels, first);
        // Two of the three tensors of features are in use at a time: a group's input and where it is.
        let mut t = 0;
        self.norm("norm_acts", &params.norm, first, self.tensors.features[t]);
        for group in 0..config.groups {
            t = self.group(group, t)?;
        }
        let mut source = model.section(Section::Last);
        let params = Last::<A>::load(&mut source, &config, &forms)?;
        let (x, inputs) = (self.tensors.features[t], self.tensors.inputs);
        self.norm("norm_inputs", &params.norm, x, inputs);
        let (mixed, sub_pixels) = (self.tensors.mixed, self.tensors.sub_pixels);
        self.weights(Input::Conv("inputs"), &params.conv, inputs, mixed);
        self.sum(&params.sum, (mixed, first), x);
        self.launch("narrow", x.len, vec![raw(x), raw(inputs)]);
        self.weights(Input::Conv("inputs"), &params.upsample, inputs, sub_pixels);
        let threads = (self.pixels * config.scale * config.channels) as u64;
        let picture = self.tensors.picture;
        let args = [
            raw(pictures),
            raw(self.patches),
            raw(bytes),
            raw(sub_pixels),
            raw(picture),
        ];
        self.launch("picture", threads, args.into());
        Ok(())
    }

    /// Runs a group on features `t` and returns which ones it leaves.
    fn group(&mut self, group: usize, t: usize) -> Result<usize, ProgramError> {
        let (model, config) = (self.model, self.config);
        let begin = t;
        let mut t = t;
        for block in 0..config.blocks {
            let mut source = model.section(Section::Block { group, block });
            let forms = |i| model.form(i);
            let params = Block::<A>::load(&mut source, &config, &forms, group, block)?;
            let next = (0..3).find(|&i| i != begin && i != t).unwrap_or_default();
            self.block(&params, t, next);
            t = next;
        }
        let mut source = model.section(Section::Group { group });
        let params = Group::<A>::load(&mut source, &config, &|i| model.form(i), group)?;
        let (x, inputs, mixed) = (
            self.tensors.features[t],
            self.tensors.inputs,
            self.tensors.mixed,
        );
        self.launch("narrow", x.len, vec![raw(x), raw(inputs)]);
        self.weights(Input::Conv("inputs"), &params.conv, inputs, mixed);
        let input = self.tensors.features[begin];
        self.sum(&params.sum, (mixed, input), x);
        Ok(t)
    }

    fn block(&mut self, params: &Block<'_, A>, t: usize, next: usize) {
        let (e, width) = (self.config.inner, self.config.projected());
        let Tensors {
            inputs,
            uz,
            u,
            projected,
            steps,
            dt,
            y,
            gated,
            mixed,
            features,
            ..
        } = self.tensors;
        let (x, next) = (features[t], features[next]);
        self.norm("norm_inputs", &params.norm, x, inputs);
        let input = Input::Linear("inputs", self.config.width);
        self.weights(input, &params.in_proj, inputs, uz);
        let conv1d = A::conv1d_args(&self.at, &params.conv1d);
        let args = vec![raw(conv1d), raw(self.patches), raw(uz), raw(u)];
        self.launch("conv1d", u.len, args);
        self.weights(Input::Linear("inputs", e), &params.x_proj, u, projected);
        self.weights(
            Input::Linear("wide", width),
            &params.dt_proj,
            projected,
            steps,
        );
        self.launch("step", dt.len, vec![raw(steps), raw(dt)]);
        let scan = args::Scan {
            dt_rank: self.config.dt_rank as u32,
            states: self.config.states as u32,
            ..A::scan_args(&self.at, &params.scan)
        };
        let args = [
            raw(scan),
            raw(self.patches),
            raw(u),
            raw(dt),
            raw(projected),
            raw(y),
        ];
        let threads = (self.patches.count as usize * e) as u64;
        self.launch(
            &format!("scan_{}", self.config.states),
            threads,
            args.into(),
        );
        let gate = args::Gate {
            inner: e as u32,
            ..A::gate_args(&params.gate)
        };
        self.launch(
            "gate",
            gated.len,
            vec![raw(gate), raw(y), raw(uz), raw(gated)],
        );
        let out = if params.skip.is_some() { mixed } else { next };
        self.weights(Input::Linear("inputs", e), &params.out_proj, gated, out);
        if let Some(skip) = &params.skip {
            self.sum(skip, (x, mixed), next);
        }
    }

    fn norm(&mut self, entry: &str, params: &A::Norm<'_>, x: Array, out: Array) {
        let params = A::norm_args(&self.at, params);
        let threads = self.pixels as u64;
        self.launch(entry, threads, vec![raw(params), raw(x), raw(out)]);
    }

    fn sum(&mut self, params: &A::Sum, (a, b): (Array, Array), out: Array) {
        let args = vec![raw(A::sum_args(params)), raw(a), raw(b), raw(out)];
        self.launch("sum", out.len, args);
    }

    /// Multiplies with a weight in any form.
    fn weights(&mut self, input: Input, weights: &Weights<'_, A>, x: Array, out: Array) {
        let (v, u) = match weights {
            Weights::Dense(matrix) => return self.matrix(input, matrix, x, out),
            Weights::LowRank { v, u } | Weights::IdentityRows { v, u, .. } => (v, u),
        };
        let wide = matches!(input, Input::Linear("wide", _));
        let rank = v.outputs;
        let middle = Array {
            len: (self.pixels * rank) as u64,
            ..self.tensors.middle
        };
        let first = match input {
            Input::Linear("wide", stride) => Input::Linear("acts", stride),
            other => other,
        };
        self.matrix(first, v, x, middle);
        let second = if wide { "wide" } else { "acts" };
        match weights {
            Weights::IdentityRows { copies, order, .. } => {
                let args = [
                    raw(self.at.matrix(copies)),
                    raw(self.at.matrix(u)),
                    raw(self.at.array(order)),
                    raw(middle),
                    raw(out),
                ];
                self.launch(&format!("identity_{second}"), out.len, args.into());
            }
            _ => self.matrix(Input::Linear(second, rank), u, middle, out),
        }
    }

    fn matrix(&mut self, input: Input, matrix: &Matrix<'_, A>, x: Array, out: Array) {
        let matrix = raw(self.at.matrix(matrix));
        match input {
            Input::Conv(kind) => {
                let args = vec![matrix, raw(self.patches), raw(x), raw(out)];
                self.launch(&format!("conv3x3_{kind}"), out.len, args);
            }
            Input::Linear(kind, stride) => {
                let args = vec![matrix, raw(stride as u32), raw(x), raw(out)];
                self.launch(&format!("linear_{kind}"), out.len, args);
            }
        }
    }

    fn launch(&mut self, entry: &str, threads: u64, args: Vec<Vec<u8>>) {
        self.launches.push(Launch {
            entry: format!("{}_{entry}", A::NAME),
            blocks: threads.div_ceil(BLOCK.into()) as u32,
            block: BLOCK,
            args,
        });
    }

    fn pictures(&self) -> args::Pictures {
        args::Pictures {
            channels: self.config.channels as u32,
            scale: self.config.scale as u32,
            anchor: match self.config.anchor {
                Anchor::None => 0,
                Anchor::Nearest => 1,
                Anchor::Bicubic => 2,
            },
            mean: self.config.mean,
        }
    }
}

/// Returns an argument's bytes.
fn raw<T: Pod>(value: T) -> Vec<u8> {
    bytemuck::bytes_of(&value).to_vec()
}
