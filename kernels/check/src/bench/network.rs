//! The default model on a small picture: everything included, from the model file to the pixels.

use mambalite_kernels::arith::{Arithmetic, Fixed, Float};
use mambalite_kernels::exec::part::Part;
use mambalite_kernels::{Kernels, Model, NoTap, Plan, Stream};

use super::{Bench, Meter, Unit, digest};
use crate::memory::Memory;
use crate::sequence::Sequence;

const WIDTH: usize = 64;
const HEIGHT: usize = 16;

/// A model file where the kernels can read it in place.
#[repr(align(16))]
pub(super) struct File<T: ?Sized>(pub(super) T);

macro_rules! file {
    ($name:literal) => {
        &File(*include_bytes!(concat!(
            "../../../../models/mambalite-x4-tiny/",
            $name
        )))
    };
}

static F32: &File<[u8]> = file!("f32.mls");
static W8A16: &File<[u8]> = file!("w8a16.mls");
pub(super) static W8A8: &File<[u8]> = file!("w8a8.mls");

macro_rules! bench {
    ($format:literal, $arith:ty, $file:ident) => {
        Bench {
            op: "mambalite-x4-tiny 64x16",
            format: $format,
            unit: Unit::Mac,
            units: || macs(&$file.0),
            variant: |index| ["ref", "best"].get(index).copied(),
            run: |index, memory, meter| {
                let kernels = match index {
                    0 => Kernels::<$arith>::reference(),
                    1 => Kernels::best(),
                    _ => return None,
                };
                run(&$file.0, kernels, memory, meter)
            },
        }
    };
}

pub(crate) const BENCHES: &[Bench] = &[
    bench!("f32", Float<f32>, F32),
    bench!("w8a16", Fixed<i16>, W8A16),
    bench!("w8a8", Fixed<i8>, W8A8),
];

/// Returns the multiply-accumulates of the picture; 0 if the file is broken.
fn macs(file: &[u8]) -> u64 {
    let of = |model: Model<'_>| model.config().macs_per_pixel(model.forms()) * WIDTH * HEIGHT;
    Model::parse(file).map_or(0, of) as u64
}

/// Magnifies a picture of noise.
fn run<A: Arithmetic>(
    file: &'static [u8],
    kernels: Kernels<A>,
    m: &mut Memory<'_>,
    meter: &mut dyn Meter,
) -> Option<u64> {
    let model = Model::parse(file).ok()?;
    let (channels, scale) = (model.config().channels, model.config().scale);
    let mut s = Sequence::new(1);
    let picture = m.array(HEIGHT * WIDTH * channels, || s.bits() as u8)?;
    let row_len = WIDTH * scale * channels;
    let out = m.array(HEIGHT * scale * row_len, || 0_u8)?;
    let plan = Plan::with_kernels(&kernels, &model, WIDTH);
    let arena = m.array(plan.arena_bytes.div_ceil(8), || 0_u64)?;
    let mut rows = 0;
    meter.measure(&mut || {
        rows = 0;
        let part = Part::whole(model.config());
        let stream = Stream::with_kernels(kernels, part, &model, (WIDTH, HEIGHT), arena);
        let Ok(mut stream) = stream else {
            return;
        };
        let mut sink = |y: usize, bytes: &[u8]| {
            if let Some(row) = out.chunks_exact_mut(row_len).nth(y) {
                row.copy_from_slice(bytes);
                rows += 1;
            }
        };
        for row in picture.chunks_exact(WIDTH * channels) {
            if stream.push_row(row, &mut NoTap, &mut sink).is_err() {
                return;
            }
        }
    });
    (rows == HEIGHT * scale).then(|| digest(bytemuck::must_cast_slice::<u8, i8>(out)))
}
