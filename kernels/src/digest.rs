//! One digest for each layer: enough to name the first layer in which two runs differ.

use heapless::Vec;

use crate::config::Config;
use crate::tap::{Layer, MAX_LAYERS, Tap, Value};

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// Returns the digest after one more value: FNV-1a with 64 bits over 32-bit words.
///
/// Each step is a bijection of the digest, so that a single changed value always changes it.
#[inline(always)]
fn step(digest: u64, word: u32) -> u64 {
    (digest ^ u64::from(word)).wrapping_mul(PRIME)
}

/// A tap that digests the values of each layer in raster order.
#[derive(Clone, Debug)]
pub struct Digests {
    config: Config,
    layers: Vec<u64, MAX_LAYERS>,
}

impl Digests {
    /// Makes the digests of a run that has not begun.
    ///
    /// Layers past [`MAX_LAYERS`] share the last digest (no network of the shipped sizes has so
    /// many).
    pub fn new(config: &Config) -> Self {
        let count = Layer::count(config).min(MAX_LAYERS);
        let mut layers = Vec::new();
        for _ in 0..count {
            // Cannot fail: count is at most the capacity.
            let _ = layers.push(OFFSET);
        }
        Self {
            config: *config,
            layers,
        }
    }

    /// Begins a new run.
    pub fn reset(&mut self) {
        self.layers.fill(OFFSET);
    }

    /// Returns one digest a layer, in the order of [`Layer::all`].
    pub fn as_slice(&self) -> &[u64] {
        &self.layers
    }
}

impl Tap for Digests {
    #[inline]
    fn record<V: Value>(&mut self, layer: Layer, values: &[V]) {
        let Some(index) = layer.index(&self.config) else {
            return;
        };
        let last = self.layers.len().saturating_sub(1);
        if let Some(digest) = self.layers.get_mut(index.min(last)) {
            *digest = values.iter().fold(*digest, |d, v| step(d, v.bits()));
        }
    }
}
