//! Shared parts of the end-to-end tests: optional data sets, small networks, recording taps.

pub mod gpu;
pub mod independent;
pub mod network;
pub mod roofline;

use std::collections::BTreeMap;
use std::path::PathBuf;

use mambalite_kernels::{Layer, Tap, Value};

/// Returns the folder `name` of the optional data (`MAMBALITE_SHARED`, by default `../shared`
/// beside the repository), or says that the test is skipped.
pub fn optional_data(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("MAMBALITE_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")),
        PathBuf::from,
    );
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIP: optional data `{name}` is not there (set MAMBALITE_SHARED)");
    None
}

/// A tap that keeps every value of every layer.
#[derive(Debug, Default)]
pub struct Recorder {
    /// Values in raster order.
    pub layers: BTreeMap<Layer, Vec<f64>>,
}

impl Tap for Recorder {
    fn record<V: Value>(&mut self, layer: Layer, values: &[V]) {
        self.layers
            .entry(layer)
            .or_default()
            .extend(values.iter().map(|v| v.real()));
    }
}
