//! What the computer tells of itself.

use mambalite_firmware_app::{Board, Sensor};
use mambalite_hil_wire::Backend;

use crate::arguments::Serve;
use crate::backend::Facts;
use crate::identity;
use crate::sensors::Sampler;

/// A computer with Linux.
pub(crate) struct Machine {
    name: String,
    build_id: [u8; 20],
    cpuid: u32,
    uid: [u8; 16],
    backend: Facts,
    sampler: Sampler,
}

impl Machine {
    /// Makes the board of an order.
    pub(crate) fn new(serve: &Serve, backend: Facts, sampler: Sampler) -> Self {
        let root = &serve.places.root;
        Self {
            name: serve.board.clone(),
            build_id: identity::build_id(),
            cpuid: identity::cpuid(root),
            uid: identity::uid(root),
            backend,
            sampler,
        }
    }
}

impl Board for Machine {
    fn name(&self) -> &str {
        &self.name
    }

    fn build_id(&self) -> [u8; 20] {
        self.build_id
    }

    fn cpuid(&self) -> u32 {
        self.cpuid
    }

    fn uid(&self) -> [u8; 16] {
        self.uid
    }

    fn float_flags(&self) -> u32 {
        identity::float_flags()
    }

    /// None: Linux keeps the cycle counter from programs.
    fn cycles(&self) -> Option<u64> {
        None
    }

    fn stack_used_bytes(&self) -> u32 {
        0
    }

    fn stack_bytes(&self) -> u32 {
        0
    }

    fn backend(&self) -> Backend<'_> {
        self.backend.on_the_wire()
    }

    fn sensors(&self, restart: bool, show: &mut dyn FnMut(Sensor<'_>)) {
        let snapshot = self.sampler.snapshot(restart);
        // A computer has not 2^16 sensors; more are not told.
        let count = u16::try_from(snapshot.readings.len()).unwrap_or(u16::MAX);
        for (index, reading) in (0..count).zip(&snapshot.readings) {
            show(Sensor {
                index,
                count,
                window_ms: snapshot.window_ms,
                reading: reading.on_the_wire(),
            });
        }
    }
}
