//! One digest for each layer: enough to name the first layer in which two runs differ.

use crate::config::Config;
use crate::tap::{Layer, Tap, Value};

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// Returns the digest after one more value: FNV-1a with 64 bits over 32-bit words.
///
/// Each step is a bijection of the digest, so that a single changed value always changes it.
#[inline(always)]
fn step(digest: u64, word: u32) -> u64 {
    (digest ^ u64::from(word)).wrapping_mul(PRIME)
}

/// A tap that digests the values of each layer in raster order, in storage `S` of the caller.
#[derive(Clone, Debug)]
pub struct Digests<S> {
    config: Config,
    layers: S,
}

impl<S: AsRef<[u64]> + AsMut<[u64]>> Digests<S> {
    /// Makes the digests of a run that has not begun.
    ///
    /// * `layers` - a place for each layer: [`Layer::count`] words. A layer without one is not
    ///   digested.
    pub fn new(config: &Config, layers: S) -> Self {
        let mut digests = Self {
            config: *config,
            layers,
        };
        digests.reset();
        digests
    }

    /// Begins a new run.
    pub fn reset(&mut self) {
        self.layers.as_mut().fill(OFFSET);
    }

    /// Returns one digest a layer, in the order of [`Layer::all`].
    pub fn as_slice(&self) -> &[u64] {
        self.layers.as_ref()
    }
}

impl<S: AsMut<[u64]>> Tap for Digests<S> {
    #[inline]
    fn record<V: Value>(&mut self, layer: Layer, values: &[V]) {
        let Some(index) = layer.index(&self.config) else {
            return;
        };
        if let Some(digest) = self.layers.as_mut().get_mut(index) {
            *digest = values.iter().fold(*digest, |d, v| step(d, v.bits()));
        }
    }
}
