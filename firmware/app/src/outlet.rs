//! Where a running network puts its picture, its digests and a traced layer.

use core::cell::RefCell;

use mambalite_hil_wire::{Checksum, MAX_CHUNK, Response, put_u64};
use mambalite_kernels::{Config, Digests, Layer, Tap, Value};

use crate::board::{Board, Port};
use crate::link::Line;

/// Digests in one message.
const DIGESTS_MAX: usize = MAX_CHUNK / 8;

/// The line of a job: sends, and counts the cycles that sending took.
pub(crate) struct Outlet<'a, P, B> {
    line: &'a mut Line<P>,
    board: &'a B,
    job: u32,
    /// Cycles spent on sending, where the core counts them.
    pub(crate) cycles: u64,
}

impl<'a, P: Port, B: Board> Outlet<'a, P, B> {
    /// Makes the outlet of a job.
    pub(crate) fn new(line: &'a mut Line<P>, board: &'a B, job: u32) -> Self {
        Self {
            line,
            board,
            job,
            cycles: 0,
        }
    }

    /// Sends a message.
    pub(crate) fn send(&mut self, response: &Response<'_>) {
        let before = self.board.cycles();
        self.line.send(response);
        let spent = before
            .zip(self.board.cycles())
            .map(|(start, end)| end.wrapping_sub(start));
        self.cycles = self.cycles.wrapping_add(spent.unwrap_or(0));
    }
}

/// The picture on its way out.
pub(crate) struct Picture {
    checksum: Checksum,
    offset: u32,
}

impl Picture {
    /// Makes a picture of which nothing was sent.
    pub(crate) fn new() -> Self {
        Self {
            checksum: Checksum::new(),
            offset: 0,
        }
    }

    /// Returns the CRC-32 of the bytes sent.
    pub(crate) fn crc32(&self) -> u32 {
        self.checksum.value()
    }

    /// Sends a row of the picture.
    pub(crate) fn send<P: Port, B: Board>(&mut self, row: &[u8], outlet: &mut Outlet<'_, P, B>) {
        self.checksum.update(row);
        for bytes in row.chunks(MAX_CHUNK) {
            let (job, offset) = (outlet.job, self.offset);
            outlet.send(&Response::Output { job, offset, bytes });
            // Geometry is checked at the start of the job: the picture has fewer than 2^32 bytes.
            self.offset = offset.wrapping_add(bytes.len() as u32);
        }
    }
}

/// The tap of a job: digests of all layers, values of one.
pub(crate) struct Probe<'r, 'a, 'd, P, B> {
    /// Digests of all layers.
    pub(crate) digests: &'r mut Digests<&'d mut [u64]>,
    /// The traced layer, if one was asked for.
    pub(crate) trace: Option<&'r mut Trace>,
    /// The line, shared with the picture.
    pub(crate) outlet: &'r RefCell<Outlet<'a, P, B>>,
}

impl<P: Port, B: Board> Tap for Probe<'_, '_, '_, P, B> {
    fn record<V: Value>(&mut self, layer: Layer, values: &[V]) {
        self.digests.record(layer, values);
        if let Some(trace) = self.trace.as_deref_mut()
            && trace.is_of(layer)
        {
            let mut outlet = self.outlet.borrow_mut();
            values
                .iter()
                .for_each(|value| trace.push(value.bits(), &mut outlet));
        }
    }
}

/// Values of the traced layer on their way out.
pub(crate) struct Trace {
    config: Config,
    layer: u16,
    /// Elements sent.
    offset: u32,
    filled: usize,
    bits: [u8; MAX_CHUNK],
}

impl Trace {
    /// Makes a trace of the layer with an index, of which nothing was sent.
    pub(crate) fn new(config: &Config, layer: u16) -> Self {
        Self {
            config: *config,
            layer,
            offset: 0,
            filled: 0,
            bits: [0; MAX_CHUNK],
        }
    }

    /// Tells whether a layer is the traced one.
    fn is_of(&self, layer: Layer) -> bool {
        layer.index(&self.config) == Some(usize::from(self.layer))
    }

    /// Adds a value, and sends what is there when a message is full.
    fn push<P: Port, B: Board>(&mut self, bits: u32, outlet: &mut Outlet<'_, P, B>) {
        let end = self.filled + size_of::<u32>();
        if let Some(place) = self.bits.get_mut(self.filled..end) {
            place.copy_from_slice(&bits.to_le_bytes());
            self.filled = end;
        }
        if self.filled + size_of::<u32>() > MAX_CHUNK {
            self.flush(outlet);
        }
    }

    /// Sends what is there.
    pub(crate) fn flush<P: Port, B: Board>(&mut self, outlet: &mut Outlet<'_, P, B>) {
        if self.filled == 0 {
            return;
        }
        let (job, layer, offset) = (outlet.job, self.layer, self.offset);
        let bits = &self.bits[..self.filled];
        outlet.send(&Response::Trace {
            job,
            layer,
            offset,
            bits,
        });
        self.offset = offset.wrapping_add((self.filled / size_of::<u32>()) as u32);
        self.filled = 0;
    }
}

/// Sends the digests of all layers.
pub(crate) fn send_digests<P: Port, B: Board>(digests: &[u64], outlet: &mut Outlet<'_, P, B>) {
    let mut bytes = [0; DIGESTS_MAX * size_of::<u64>()];
    for (chunk, part) in digests.chunks(DIGESTS_MAX).enumerate() {
        let written = put_u64(part, &mut bytes);
        let (job, values) = (outlet.job, &bytes[..written]);
        // A digest a layer, of which the family has at most 1191.
        let first = (chunk * DIGESTS_MAX) as u16;
        outlet.send(&Response::Digests { job, first, values });
    }
}
