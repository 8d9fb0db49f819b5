//! What a board should compute: the same network on the host, one picture or tile at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mambalite::picture::Picture;
use mambalite_kernels::arith::{Arithmetic, Fixed, Float};
use mambalite_kernels::exec::part::Part;
use mambalite_kernels::{
    Config, Digests, Kernels, Layer, Model, Plan, Precision, Stream, Tap, Upscaler, Value,
};

use crate::error::{Error, Result};

/// Outcome of a job on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// SR picture, raster order, channels interleaved.
    pub output: Vec<u8>,
    /// One digest a layer, in the order of [`Layer::all`].
    pub digests: Vec<u64>,
}

/// A reference that is computed by the first that asks, while the others wait.
type Slot = Arc<Mutex<Option<Arc<Reference>>>>;

/// The references of one model, each computed once for all boards.
pub struct References<'m> {
    model: &'m Model<'m>,
    known: Mutex<HashMap<Picture, Slot>>,
}

impl<'m> References<'m> {
    /// Makes an empty collection.
    #[must_use]
    pub fn new(model: &'m Model<'m>) -> Self {
        let known = Mutex::default();
        Self { model, known }
    }

    /// Returns the reference for `picture`. Who asks for one that is being computed waits for it.
    ///
    /// # Errors
    /// As [`run`].
    pub fn get(&self, picture: &Picture) -> Result<Arc<Reference>> {
        let slot = {
            let mut known = lock(&self.known);
            match known.get(picture) {
                Some(slot) => Arc::clone(slot),
                None => Arc::clone(known.entry(picture.clone()).or_default()),
            }
        };
        let mut slot = lock(&slot);
        if let Some(reference) = &*slot {
            return Ok(Arc::clone(reference));
        }
        let reference = Arc::new(run(self.model, picture)?);
        *slot = Some(Arc::clone(&reference));
        Ok(reference)
    }
}

/// A thread that panicked left nothing half-done: values are put in whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `model` over `picture`.
///
/// # Errors
/// [`Error::Reference`] when the picture cannot be run.
pub fn run(model: &Model<'_>, picture: &Picture) -> Result<Reference> {
    let mut digests = Digests::new(model.config(), vec![0; Layer::count(model.config())]);
    let output = execute(model, picture, &mut digests)?;
    let digests = digests.as_slice().to_vec();
    Ok(Reference { output, digests })
}

/// Runs `model` over `picture` as the specification says: its own kernels, none of their variants.
///
/// # Errors
/// As [`run`].
pub fn specification(model: &Model<'_>, picture: &Picture) -> Result<Reference> {
    match model.precision() {
        Precision::F32 => specified::<Float<f32>>(model, picture),
        Precision::W8A16 => specified::<Fixed<i16>>(model, picture),
        Precision::W8A8 => specified::<Fixed<i8>>(model, picture),
    }
}

fn specified<A: Arithmetic>(model: &Model<'_>, picture: &Picture) -> Result<Reference> {
    let mut digests = Digests::new(model.config(), vec![0; Layer::count(model.config())]);
    let output = specify::<A>(model, picture, &mut digests)?;
    let digests = digests.as_slice().to_vec();
    Ok(Reference { output, digests })
}

/// Runs a picture through the specification's kernels in one arithmetic, with a look at its layers;
/// returns the SR bytes.
///
/// # Errors
/// As [`run`].
pub(crate) fn specify<A: Arithmetic>(
    model: &Model<'_>,
    picture: &Picture,
    tap: &mut impl Tap,
) -> Result<Vec<u8>> {
    let kernels = Kernels::<A>::reference();
    let (width, height) = (picture.width(), picture.height());
    let arena_bytes = Plan::with_kernels(&kernels, model, width).arena_bytes;
    let mut arena = vec![0_u64; arena_bytes.div_ceil(size_of::<u64>())];
    let whole = Part::whole(model.config());
    let run = Stream::with_kernels(kernels, whole, model, (width, height), &mut arena);
    let mut run = run.map_err(failed)?;
    let mut output = Vec::new();
    for row in picture.rows() {
        let mut sink = |_: usize, row: &[u8]| output.extend_from_slice(row);
        run.push_row(row, tap, &mut sink).map_err(failed)?;
    }
    Ok(output)
}

/// Returns the bits of every value of `layer` in raster order.
///
/// # Errors
/// As [`run`].
pub fn trace(model: &Model<'_>, picture: &Picture, layer: Layer) -> Result<Vec<u32>> {
    let mut keep = Keep {
        config: *model.config(),
        layer: layer.index(model.config()),
        bits: Vec::new(),
    };
    execute(model, picture, &mut keep)?;
    Ok(keep.bits)
}

/// A tap that keeps one layer.
struct Keep {
    config: Config,
    layer: Option<usize>,
    bits: Vec<u32>,
}

impl Tap for Keep {
    fn record<V: Value>(&mut self, layer: Layer, values: &[V]) {
        let index = layer.index(&self.config);
        if index.is_some() && index == self.layer {
            self.bits.extend(values.iter().map(|value| value.bits()));
        }
    }
}

fn execute(model: &Model<'_>, picture: &Picture, tap: &mut impl Tap) -> Result<Vec<u8>> {
    let (width, height) = (picture.width(), picture.height());
    let arena_bytes = Plan::new(model, width).arena_bytes;
    let mut arena = vec![0_u64; arena_bytes.div_ceil(size_of::<u64>())];
    let mut run = Upscaler::new(model, width, height, &mut arena).map_err(failed)?;
    let mut output = Vec::new();
    for row in picture.rows() {
        let mut sink = |_: usize, row: &[u8]| output.extend_from_slice(row);
        run.push_row(row, tap, &mut sink).map_err(failed)?;
    }
    Ok(output)
}

fn failed(cause: impl core::fmt::Display) -> Error {
    Error::Reference {
        cause: cause.to_string(),
    }
}
