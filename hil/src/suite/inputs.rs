//! Which pictures a suite has: as many as the network is fast, of every class some.

use mambalite::picture::Picture;
use mambalite_hil_certificate::suite::Class;
use mambalite_kernels::{Model, TileGrid};

use super::{SEED, Sizes, extremes, pictures};
use crate::error::Result;

/// LR pixels times multiply-accumulates a pixel of all vectors together: 1000 pixels of the default
/// model. The second implementation takes some ten seconds for them, on one core.
const WORK: usize = 1000 * 20_272;
/// LR pixels of the smallest and the largest suite.
const PIXELS: std::ops::RangeInclusive<usize> = 150..=1000;

/// Widths and heights of the random pictures, large and small in turn: every width from 1 to 17, so that
/// each number of pixels is left over beside whole vectors, and one past 32.
const RANDOM: Sizes = &[
    (17, 1),
    (1, 2),
    (7, 1),
    (2, 1),
    (3, 1),
    (5, 1),
    (33, 1),
    (4, 1),
    (16, 1),
    (6, 1),
    (15, 1),
    (8, 1),
    (14, 1),
    (9, 1),
    (13, 1),
    (10, 1),
    (12, 1),
    (11, 1),
    (23, 2),
];

/// Sizes of a chain, large and small.
const CHAINS: [Sizes; 2] = [
    &[(6, 5), (5, 6), (7, 4), (4, 7)],
    &[(2, 2), (2, 2), (2, 2), (2, 2)],
];

/// Width and height of a picture, side of its tiles and their halo, from large to small.
const GRIDS: [[usize; 4]; 3] = [[9, 6, 4, 2], [6, 4, 3, 1], [4, 2, 2, 1]];

/// Sizes of the crops of the photograph.
const CROPS: Sizes = &[(4, 4), (8, 8), (7, 5), (3, 4)];

/// A picture of a suite.
pub(super) struct Input {
    pub(super) id: String,
    pub(super) class: Class,
    pub(super) picture: Picture,
}

/// The inputs of a suite.
pub(super) struct Inputs {
    /// Those that follow from the model and the seed, in the order in which they run.
    pub(super) independent: Vec<Input>,
    /// Sizes of those that follow from outputs.
    pub(super) chained: Sizes,
}

impl Inputs {
    /// Returns the inputs for a model.
    pub(super) fn of(model: &Model<'_>) -> Result<Self> {
        let macs = model.config().macs_per_pixel(model.forms());
        let pixels = (WORK / macs.max(1)).clamp(*PIXELS.start(), *PIXELS.end());
        let share = |percent: usize| pixels * percent / 100;
        let mut plan = Plan {
            channels: model.config().channels,
            inputs: Vec::new(),
        };
        let example = pictures::example(plan.channels)?;
        plan.add("golden/7x5".to_owned(), Class::Golden, example);
        plan.edges(share(22))?;
        plan.random(share(24))?;
        plan.seams(share(22))?;
        plan.extremes(model, share(10))?;
        plan.real(share(13))?;
        let [large, small] = CHAINS;
        let fits = large.iter().map(|(w, h)| w * h).sum::<usize>() <= share(12);
        Ok(Self {
            independent: plan.inputs,
            chained: if fits { large } else { small },
        })
    }
}

struct Plan {
    channels: usize,
    inputs: Vec<Input>,
}

impl Plan {
    fn add(&mut self, id: String, class: Class, picture: Picture) {
        self.inputs.push(Input { id, class, picture });
    }

    /// Takes what fits the share, in order; the first in any case.
    fn take(&mut self, class: Class, share: usize, all: Vec<(String, Picture)>) {
        let mut used = 0;
        for (id, picture) in all {
            let pixels = picture.width() * picture.height();
            if used == 0 || used + pixels <= share {
                used += pixels;
                self.add(id, class, picture);
            }
        }
    }

    fn edges(&mut self, share: usize) -> Result<()> {
        self.take(Class::Edge, share, pictures::edges(self.channels)?);
        Ok(())
    }

    fn random(&mut self, share: usize) -> Result<()> {
        let mut all = Vec::new();
        for &(width, height) in RANDOM {
            let id = format!("random/{width}x{height}");
            let picture = pictures::random(SEED, &id, (width, height, self.channels))?;
            all.push((id, picture));
        }
        self.take(Class::Random, share, all);
        Ok(())
    }

    /// A random picture whole, then its tiles, large and small in turn: what a large job leaves in memory
    /// would show in a small one, and the other way round.
    fn seams(&mut self, share: usize) -> Result<()> {
        let area = |&[width, height, tile, halo]: &[usize; 4]| {
            let tiles = TileGrid::new(width, height, tile, halo);
            let tiles = tiles.map(|it| it.padded.width * it.padded.height);
            width * height + tiles.sum::<usize>()
        };
        let [large, middle, small] = GRIDS;
        let grid = [large, middle].into_iter().find(|grid| area(grid) <= share);
        let [width, height, tile, halo] = grid.unwrap_or(small);
        let whole = pictures::random(SEED, "seams/whole", (width, height, self.channels))?;
        let mut tiles: Vec<_> = TileGrid::new(width, height, tile, halo)
            .map(|tile| tile.padded)
            .collect();
        // Stable: tiles of one size stay in raster order.
        tiles.sort_by_key(|it| it.width * it.height);
        let mut cut = Vec::new();
        for i in 0..tiles.len() {
            let turn = if i % 2 == 0 {
                i / 2
            } else {
                tiles.len() - 1 - i / 2
            };
            if let Some(it) = tiles.get(turn) {
                let id = format!("seams/{}x{}-at-{}-{}", it.width, it.height, it.x, it.y);
                cut.push((id, whole.crop(it.x, it.y, it.width, it.height)?));
            }
        }
        self.add("seams/whole".to_owned(), Class::Seams, whole);
        for (id, picture) in cut {
            self.add(id, Class::Seams, picture);
        }
        Ok(())
    }

    /// Both ends of as many sums as fit, of one at least.
    fn extremes(&mut self, model: &Model<'_>, share: usize) -> Result<()> {
        let count = (share / (2 * extremes::PIXELS)).max(1);
        for (id, picture) in extremes::pictures(model, count)? {
            self.add(id, Class::Accumulator, picture);
        }
        Ok(())
    }

    fn real(&mut self, share: usize) -> Result<()> {
        let mut all = Vec::new();
        for &(width, height) in CROPS {
            let picture = pictures::photograph((width, height), self.channels)?;
            all.push((format!("real/{width}x{height}"), picture));
        }
        self.take(Class::Real, share, all);
        Ok(())
    }
}
