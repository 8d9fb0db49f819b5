//! From a model to launches.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use core::marker::PhantomData;

use bytemuck::{Pod, Zeroable};
use mambalite_kernels::Model;
use mambalite_kernels::config::{Anchor, Config};
use mambalite_kernels::linear::{Matrix, Weights};
use mambalite_kernels::network::{Block, First, Group, Last, Section};

use super::describe::{Addresses, Describe};
use super::{Launch, Memory, Program, ProgramError};
use crate::args::{self, Array, Patches};
use crate::layout::{self, GROUP, OUTPUTS, SCAN_THREADS, SHARED_MAX, Shared, Sizes, THREADS};

/// Alignment of each tensor in the arena, in bytes.
const ALIGN: u64 = 256;
/// Tiles of a convolution, best first.
const TILES: [(usize, usize); 6] = [(16, 16), (16, 8), (8, 8), (8, 4), (8, 2), (8, 1)];
/// Pixels of a block of the other operators, best first.
const SPANS: [usize; 5] = [128, 64, 32, 16, GROUP];

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

/// Tensors in the arena.
struct Tensors {
    bytes: Array,
    /// Features: the first, and three that take turns.
    first: Array,
    features: [Array; 3],
    uz: Array,
    u: Array,
    dt: Array,
    /// B and C.
    bc: Array,
    gated: Array,
    sub_pixels: Array,
    picture: Array,
}

impl Tensors {
    fn new<A: Describe>(arena: &mut Arena, config: &Config, pixels: usize) -> Self {
        let (c, e) = (config.width, config.inner);
        let colours = pixels * config.channels;
        Self {
            bytes: arena.take::<u8>(colours),
            first: arena.take::<A::Act>(pixels * c),
            features: core::array::from_fn(|_| arena.take::<A::Act>(pixels * c)),
            uz: arena.take::<A::Act>(pixels * 2 * e),
            u: arena.take::<A::In>(pixels * e),
            dt: arena.take::<A::Wide>(pixels * e),
            bc: arena.take::<A::Act>(pixels * 2 * config.states),
            gated: arena.take::<A::In>(pixels * e),
            sub_pixels: arena.take::<A::Act>(pixels * config.sub_pixels()),
            picture: arena.take::<u8>(colours * config.scale * config.scale),
        }
    }
}

pub(super) struct Builder<'m, A> {
    config: Config,
    model: &'m Model<'m>,
    at: Addresses,
    patches: Patches,
    arena: Arena,
    tensors: Tensors,
    image: Vec<u8>,
    launches: Vec<Launch>,
    arithmetic: PhantomData<A>,
}

/// How the inputs of a convolution come about.
enum Source {
    Bytes(args::Pictures),
    Acts,
    Normed(args::Norm),
}

/// Blocks of a launch, the threads of each, and its shared memory.
type Grid = (usize, usize, usize);

impl<A: Describe> Builder<'_, A> {
    pub(super) fn build(
        bytes: &[u8],
        model: &Model<'_>,
        patches: Patches,
        memory: Memory,
    ) -> Result<Program, ProgramError> {
        let mut arena = Arena {
            begin: memory.arena,
            next: memory.arena,
        };
        let pixels = patches.count as usize * patches.pixels();
        let mut builder = Builder::<A> {
            config: *model.config(),
            model,
            at: Addresses {
                here: bytes.as_ptr() as u64,
                there: memory.model,
            },
            patches,
            tensors: Tensors::new::<A>(&mut arena, model.config(), pixels),
            arena,
            image: bytes.to_vec(),
            launches: Vec::new(),
            arithmetic: PhantomData,
        };
        builder.network()?;
        Ok(Program {
            image: builder.image,
            launches: builder.launches,
            arena_bytes: (builder.arena.next - builder.arena.begin) as usize,
            input: builder.tensors.bytes,
            output: builder.tensors.picture,
        })
    }

    fn network(&mut self) -> Result<(), ProgramError> {
        let (model, config) = (self.model, self.config);
        let forms = |i| model.form(i);
        let pictures = self.pictures();
        let Tensors {
            bytes,
            first,
            features,
            sub_pixels,
            picture,
            ..
        } = self.tensors;
        let mut source = model.section(Section::First);
        let params = First::<A>::load(&mut source, &config, &forms)?;
        let source = Source::Bytes(pictures);
        self.conv3x3::<A::Act>(source, &params.conv, (bytes, None), first)?;
        // Two of the three tensors of features are in use at a time: a group's input and where it is.
        let mut t = 0;
        self.norm(&params.norm, first, features[t])?;
        for group in 0..config.groups {
            t = self.group(group, t)?;
        }
        let mut source = model.section(Section::Last);
        let params = Last::<A>::load(&mut source, &config, &forms)?;
        let source = Source::Normed(A::norm_args(&self.at, &params.norm));
        let next = features[(t + 1) % 3];
        let input = (features[t], Some((&params.sum, first)));
        self.conv3x3::<A::In>(source, &params.conv, input, next)?;
        let input = (next, None);
        self.conv3x3::<A::In>(Source::Acts, &params.upsample, input, sub_pixels)?;
        let threads = self.pixels() * config.channels;
        let args = vec![
            raw(pictures),
            raw(self.patches),
            raw(bytes),
            raw(sub_pixels),
            raw(picture),
        ];
        self.launch("picture", (threads.div_ceil(THREADS), THREADS, 0), args);
        Ok(())
    }

    /// Runs a group on features `t` and returns which ones it leaves.
    fn group(&mut self, group: usize, t: usize) -> Result<usize, ProgramError> {
        let (model, config, features) = (self.model, self.config, self.tensors.features);
        let forms = |i| model.form(i);
        let begin = t;
        let free = |t: usize| (0..3).find(|&i| i != begin && i != t).unwrap_or_default();
        let mut t = t;
        for block in 0..config.blocks {
            let mut source = model.section(Section::Block { group, block });
            let params = Block::<A>::load(&mut source, &config, &forms, group, block)?;
            self.block(&params, features[t], features[free(t)])?;
            t = free(t);
        }
        let mut source = model.section(Section::Group { group });
        let params = Group::<A>::load(&mut source, &config, &forms, group)?;
        let input = (features[t], Some((&params.sum, features[begin])));
        self.conv3x3::<A::In>(Source::Acts, &params.conv, input, features[free(t)])?;
        Ok(free(t))
    }

    fn block(&mut self, params: &Block<'_, A>, x: Array, out: Array) -> Result<(), ProgramError> {
        let uz = self.tensors.uz;
        let sizes = sizes_of::<A, A::In>(&params.in_proj, 1);
        let (span, grid) = self.spans("in_proj", |shared, pixels| {
            layout::projection(shared, pixels, &sizes, true);
        })?;
        let weight = self.weight(&params.in_proj, 1);
        let norm = A::norm_args(&self.at, &params.norm);
        let args = vec![
            raw(weight),
            raw(norm),
            raw(self.patches),
            raw(span),
            raw(x),
            raw(uz),
        ];
        self.launch("in_proj", grid, args);
        self.sequence(params)?;
        self.scan(params);
        self.out_proj(params, x, out)
    }

    fn out_proj(
        &mut self,
        params: &Block<'_, A>,
        x: Array,
        out: Array,
    ) -> Result<(), ProgramError> {
        let sizes = sizes_of::<A, A::In>(&params.out_proj, 1);
        let (span, grid) = self.spans("out_proj", |shared, pixels| {
            layout::projection(shared, pixels, &sizes, false);
        })?;
        let weight = self.weight(&params.out_proj, 1);
        let residual = params.skip.as_ref().map(|sum| args::Residual {
            tensor: x,
            sum: A::sum_args(sum),
            tensor_first: 1,
        });
        let args = vec![
            raw(weight),
            raw(self.patches),
            raw(span),
            raw(self.tensors.gated),
            raw(residual.unwrap_or_default()),
            raw(out),
        ];
        self.launch("out_proj", grid, args);
        Ok(())
    }

    /// The part between input projection and scan.
    fn sequence(&mut self, params: &Block<'_, A>) -> Result<(), ProgramError> {
        let Tensors { uz, u, dt, bc, .. } = self.tensors;
        let x_sizes = sizes_of::<A, A::In>(&params.x_proj, 1);
        let dt_sizes = sizes_of::<A, A::Act>(&params.dt_proj, 1);
        let (span, grid) = self.spans("sequence", |shared, pixels| {
            layout::sequence(shared, pixels, &x_sizes, &dt_sizes);
        })?;
        let conv1d = A::conv1d_args(&self.at, &params.conv1d);
        let (x_proj, dt_proj) = (
            self.weight(&params.x_proj, 1),
            self.weight(&params.dt_proj, 1),
        );
        let args = vec![
            raw(conv1d),
            raw(x_proj),
            raw(dt_proj),
            raw(self.patches),
            raw(span),
            raw(uz),
            raw(u),
            raw(dt),
            raw(bc),
        ];
        self.launch("sequence", grid, args);
        Ok(())
    }

    fn scan(&mut self, params: &Block<'_, A>) {
        let Tensors {
            uz,
            u,
            dt,
            bc,
            gated,
            ..
        } = self.tensors;
        let inner = self.config.inner;
        let gate = args::Gate {
            inner: inner as u32,
            ..A::gate_args(&params.gate)
        };
        let args = vec![
            raw(A::scan_args(&self.at, &params.scan)),
            raw(gate),
            raw(self.patches),
            raw(u),
            raw(dt),
            raw(bc),
            raw(uz),
            raw(gated),
        ];
        let threads = self.patches.count as usize * inner;
        let grid = (threads.div_ceil(SCAN_THREADS), SCAN_THREADS, 0);
        self.launch(&format!("scan_{}", self.config.states), grid, args);
    }

    fn norm(&mut self, params: &A::Norm<'_>, x: Array, out: Array) -> Result<(), ProgramError> {
        let (width, act) = (self.config.width, size_of::<A::Act>());
        let (span, grid) = self.spans("norm", |shared, pixels| {
            layout::norm(shared, pixels, width, act);
        })?;
        let params = A::norm_args(&self.at, params);
        let args = vec![raw(params), raw(self.patches), raw(span), raw(x), raw(out)];
        self.launch("norm", grid, args);
        Ok(())
    }

    /// Convolves a tensor to `out`, and adds it to another one where there is one.
    fn conv3x3<X>(
        &mut self,
        source: Source,
        weights: &Weights<'_, A>,
        (x, residual): (Array, Option<(&A::Sum, Array)>),
        out: Array,
    ) -> Result<(), ProgramError> {
        let sizes = sizes_of::<A, X>(weights, 9);
        let normed = matches!(source, Source::Normed(_));
        let (entry, before) = match source {
            Source::Bytes(pictures) => ("conv3x3_bytes", Some(raw(pictures))),
            Source::Acts => ("conv3x3_acts", None),
            Source::Normed(norm) => ("conv3x3_normed", Some(raw(norm))),
        };
        let ((width, height), shared) = first_fit(entry, TILES, |shared, tile| {
            layout::conv(shared, tile, &sizes, normed);
        })?;
        let tile = args::Tile {
            width: width as u32,
            height: height as u32,
        };
        let residual = residual.map(|(sum, tensor)| args::Residual {
            tensor,
            sum: A::sum_args(sum),
            tensor_first: 0,
        });
        let mut args = Vec::from_iter(before);
        args.extend([
            raw(self.weight(weights, 9)),
            raw(self.patches),
            raw(tile),
            raw(residual.unwrap_or_default()),
            raw(x),
            raw(out),
        ]);
        let Patches {
            count,
            width,
            height,
        } = self.patches;
        let blocks = count * width.div_ceil(tile.width) * height.div_ceil(tile.height);
        self.launch(entry, (blocks as usize, THREADS, shared), args);
        Ok(())
    }

    /// Returns the most pixels a block whose tensors fit shared memory, and the grid of all pixels.
    fn spans(
        &self,
        entry: &'static str,
        lay_out: impl Fn(&mut Shared, usize),
    ) -> Result<(u32, Grid), ProgramError> {
        let (pixels, shared) = first_fit(entry, SPANS, lay_out)?;
        let grid = (self.pixels().div_ceil(pixels), THREADS, shared);
        Ok((pixels as u32, grid))
    }

    /// Returns a weight, and prepares its matrices.
    fn weight(&mut self, weights: &Weights<'_, A>, taps: usize) -> args::Weight {
        let (v, u) = match weights {
            Weights::Dense(matrix) => {
                return args::Weight {
                    first: self.matrix(matrix, taps),
                    outputs: matrix.outputs as u32,
                    taps: taps as u32,
                    ..args::Weight::default()
                };
            }
            Weights::LowRank { v, u } | Weights::IdentityRows { v, u, .. } => (v, u),
        };
        let (copies, order) = match weights {
            Weights::IdentityRows { copies, order, .. } => {
                (self.at.matrix(copies, 1), self.at.array(order))
            }
            _ => Default::default(),
        };
        args::Weight {
            first: self.matrix(v, taps),
            second: self.matrix(u, 1),
            copies,
            order,
            outputs: weights.outputs() as u32,
            taps: taps as u32,
            factored: 1,
            reserved: 0,
        }
    }

    /// Returns a matrix, and packs its weights into the image.
    fn matrix(&mut self, matrix: &Matrix<'_, A>, taps: usize) -> args::Matrix {
        let at = self.image.len().next_multiple_of(ALIGN as usize);
        self.image.resize(at, 0);
        let len = pack(&mut self.image, matrix, taps);
        let mut args = self.at.matrix(matrix, taps);
        args.weights = Array {
            address: self.at.there + at as u64,
            len: len as u64,
        };
        args
    }

    fn launch(&mut self, entry: &str, (blocks, block, shared): Grid, args: Vec<Vec<u8>>) {
        self.launches.push(Launch {
            entry: format!("{}_{entry}", A::NAME),
            blocks: blocks as u32,
            block: block as u32,
            shared: shared as u32,
            args,
        });
    }

    fn pixels(&self) -> usize {
        self.patches.count as usize * self.patches.pixels()
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

/// Returns the first of the sizes whose tensors fit shared memory, and how many bytes those take.
fn first_fit<T: Copy>(
    entry: &'static str,
    sizes: impl IntoIterator<Item = T>,
    lay_out: impl Fn(&mut Shared, T),
) -> Result<(T, usize), ProgramError> {
    let fits = |size| {
        let mut shared = Shared::default();
        lay_out(&mut shared, size);
        (shared.used() <= SHARED_MAX).then_some((size, shared.used()))
    };
    let found = sizes.into_iter().find_map(fits);
    found.ok_or(ProgramError::SharedMemory { entry })
}

/// Returns the sizes of a weight of so many taps over inputs of type `X`.
fn sizes_of<A: Describe, X>(weights: &Weights<'_, A>, taps: usize) -> Sizes {
    let (first, rank) = match weights {
        Weights::Dense(matrix) => (matrix, 0),
        Weights::LowRank { v, .. } | Weights::IdentityRows { v, .. } => (v, v.outputs),
    };
    Sizes {
        inputs: first.inputs / taps,
        rank,
        copies: match weights {
            Weights::IdentityRows { copies, .. } => copies.outputs,
            _ => 0,
        },
        outputs: weights.outputs(),
        input: size_of::<X>(),
        act: size_of::<A::Act>(),
    }
}

/// Appends a matrix's weights as products take them, and returns how many.
fn pack<A: Describe>(image: &mut Vec<u8>, matrix: &Matrix<'_, A>, taps: usize) -> usize {
    let (outputs, inputs) = (matrix.outputs, matrix.inputs / taps);
    let chunk = A::WEIGHTS_PACKED;
    let mut len = 0;
    for tap in 0..taps {
        for first in (0..inputs).step_by(chunk) {
            for o in 0..outputs.next_multiple_of(OUTPUTS) {
                for k in first..first + chunk {
                    let there = k < inputs && o < outputs;
                    let weight = there.then(|| {
                        let at = A::weight_index((outputs, matrix.inputs), o, tap * inputs + k);
                        matrix.weights[at]
                    });
                    image.extend_from_slice(bytemuck::bytes_of(
                        &weight.unwrap_or(A::Weight::zeroed()),
                    ));
                    len += 1;
                }
            }
        }
    }
    len
}

/// Returns an argument's bytes.
fn raw<T: Pod>(value: T) -> Vec<u8> {
    bytemuck::bytes_of(&value).to_vec()
}
