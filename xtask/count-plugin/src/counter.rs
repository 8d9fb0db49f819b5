//! The counters, and what a region adds to them.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::marker::Marker;
use crate::options::Options;

/// Most mnemonics that are told apart; the last counter takes the rest.
const MNEMONICS_MAX: usize = 1024;

/// Running totals. QEMU's generated code adds to them, so they stay where they are.
pub(crate) struct Totals {
    instructions: AtomicU64,
    mnemonics: [AtomicU64; MNEMONICS_MAX],
}

impl Totals {
    /// Makes totals of nothing.
    pub(crate) const fn new() -> Self {
        Self {
            instructions: AtomicU64::new(0),
            mnemonics: [const { AtomicU64::new(0) }; MNEMONICS_MAX],
        }
    }

    /// Returns the counter of all instructions.
    pub(crate) fn instructions(&self) -> &AtomicU64 {
        &self.instructions
    }

    /// Returns the counter of a mnemonic of [`Counter::mnemonic`].
    pub(crate) fn mnemonic(&self, index: usize) -> &AtomicU64 {
        &self.mnemonics[index.min(MNEMONICS_MAX - 1)]
    }
}

/// The totals when a region began.
struct Begin {
    instructions: u64,
    mnemonics: Vec<u64>,
    /// By address, those that had been translated.
    places: BTreeMap<u64, u64>,
}

/// Tells regions apart and writes what was counted in each.
pub(crate) struct Counter {
    totals: &'static Totals,
    out: Box<dyn Write + Send>,
    /// Most mnemonics of a line.
    mnemonics_max: usize,
    /// Mnemonics by the index of their counter.
    names: Vec<String>,
    /// Whether each address is counted apart.
    has_places: bool,
    /// Counters by address, which stay where they are.
    places: BTreeMap<u64, &'static AtomicU64>,
    begin: Option<Begin>,
    regions: usize,
}

impl Counter {
    /// Makes a counter that has seen no region.
    pub(crate) fn new(
        totals: &'static Totals,
        out: Box<dyn Write + Send>,
        options: &Options,
    ) -> Self {
        Self {
            totals,
            out,
            mnemonics_max: options.mnemonics,
            names: Vec::new(),
            has_places: options.has_places,
            places: BTreeMap::new(),
            begin: None,
            regions: 0,
        }
    }

    /// Tells whether mnemonics are counted.
    pub(crate) fn has_histogram(&self) -> bool {
        self.mnemonics_max > 0
    }

    /// Returns the index of the counter of an instruction, from its disassembly.
    pub(crate) fn mnemonic(&mut self, disassembly: &str) -> usize {
        let name = disassembly.split_whitespace().next().unwrap_or("unknown");
        if let Some(index) = self.names.iter().position(|known| known == name) {
            return index;
        }
        if self.names.len() + 1 < MNEMONICS_MAX {
            self.names.push(name.to_owned());
            self.names.len() - 1
        } else {
            MNEMONICS_MAX - 1
        }
    }

    /// Returns the counter of the instruction at an address, if each has one.
    pub(crate) fn place(&mut self, address: u64) -> Option<&'static AtomicU64> {
        // QEMU's code may add to a counter until the process ends.
        let new = || &*Box::leak(Box::new(AtomicU64::new(0)));
        self.has_places
            .then(|| *self.places.entry(address).or_insert_with(new))
    }

    /// Takes a marker that the program has reached.
    pub(crate) fn mark(&mut self, marker: Marker) -> io::Result<()> {
        match (marker, self.begin.take()) {
            (Marker::Begin, before) => {
                self.begin = Some(self.now());
                if before.is_some() {
                    writeln!(self.out, "error region {} begins twice", self.regions)?;
                }
                Ok(())
            }
            (Marker::End, Some(begin)) => self.end(&begin),
            (Marker::End, None) => writeln!(self.out, "error region {} has no begin", self.regions),
        }
    }

    /// Writes the total.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        if self.begin.is_some() {
            writeln!(self.out, "error region {} has no end", self.regions)?;
        }
        let total = self.totals.instructions.load(Ordering::Relaxed);
        writeln!(self.out, "total {total}")?;
        self.out.flush()
    }

    fn now(&self) -> Begin {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Begin {
            instructions: load(&self.totals.instructions),
            mnemonics: self.totals.mnemonics.iter().map(load).collect(),
            places: self.places.iter().map(|(&at, c)| (at, load(c))).collect(),
        }
    }

    fn end(&mut self, begin: &Begin) -> io::Result<()> {
        let now = self.now();
        let instructions = now.instructions - begin.instructions;
        write!(self.out, "region {} {instructions}", self.regions)?;
        let pairs = now.mnemonics.iter().zip(&begin.mnemonics);
        let mut counts: Vec<_> = pairs
            .map(|(now, begin)| now - begin)
            .enumerate()
            .filter(|&(_, count)| count > 0)
            .collect();
        counts.sort_by_key(|&(index, count)| (std::cmp::Reverse(count), index));
        for (index, count) in counts.into_iter().take(self.mnemonics_max) {
            let name = self.names.get(index).map_or("others", String::as_str);
            write!(self.out, " {name}={count}")?;
        }
        writeln!(self.out)?;
        if self.has_places {
            self.end_places(&begin.places, &now.places)?;
        }
        self.regions += 1;
        self.out.flush()
    }

    /// Writes the sum and the counts of the addresses of a region.
    fn end_places(
        &mut self,
        begin: &BTreeMap<u64, u64>,
        now: &BTreeMap<u64, u64>,
    ) -> io::Result<()> {
        // An instruction may have been translated in the region.
        let counts = now
            .iter()
            .map(|(at, now)| (at, now - begin.get(at).unwrap_or(&0)))
            .filter(|&(_, count)| count > 0);
        let counts: Vec<_> = counts.collect();
        let sum: u64 = counts.iter().map(|(_, count)| count).sum();
        write!(self.out, "places {} {sum}", self.regions)?;
        for (address, count) in counts {
            write!(self.out, " {address:x}={count}")?;
        }
        writeln!(self.out)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    struct Lines(Sender<Vec<u8>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A counter on totals of its own, and what it writes.
    fn counter(mnemonics_max: usize) -> (Counter, &'static Totals, Receiver<Vec<u8>>) {
        let options = Options {
            mnemonics: mnemonics_max,
            ..Options::default()
        };
        counter_of(&options)
    }

    fn counter_of(options: &Options) -> (Counter, &'static Totals, Receiver<Vec<u8>>) {
        let totals: &'static Totals = Box::leak(Box::new(Totals::new()));
        let (sender, receiver) = channel();
        let counter = Counter::new(totals, Box::new(Lines(sender)), options);
        (counter, totals, receiver)
    }

    fn text(receiver: &Receiver<Vec<u8>>) -> String {
        String::from_utf8(receiver.try_iter().flatten().collect()).unwrap()
    }

    fn execute(counter: &mut Counter, totals: &Totals, disassembly: &str, times: u64) {
        totals.instructions().fetch_add(times, Ordering::Relaxed);
        let index = counter.mnemonic(disassembly);
        totals.mnemonic(index).fetch_add(times, Ordering::Relaxed);
    }

    #[test]
    fn a_histogram_is_wanted_for_some_mnemonics() {
        assert!(counter(1).0.has_histogram());
        assert!(!counter(0).0.has_histogram());
    }

    #[test]
    fn a_region_has_its_own_instructions_only() {
        let (mut counter, totals, out) = counter(2);
        execute(&mut counter, totals, "mov r0, r1", 7);
        counter.mark(Marker::Begin).unwrap();
        execute(&mut counter, totals, "mov r2, r1", 1);
        execute(&mut counter, totals, "add\tr0, r1", 3);
        execute(&mut counter, totals, "nop", 2);
        counter.mark(Marker::End).unwrap();
        execute(&mut counter, totals, "nop", 2);
        counter.mark(Marker::Begin).unwrap();
        counter.mark(Marker::End).unwrap();
        counter.finish().unwrap();
        assert_eq!(text(&out), "region 0 6 add=3 nop=2\nregion 1 0\ntotal 15\n");
    }

    #[test]
    fn a_region_has_the_counts_of_its_addresses() {
        let options = Options {
            has_places: true,
            ..Options::default()
        };
        let (mut counter, totals, out) = counter_of(&options);
        let execute = |counter: &mut Counter, address, times| {
            totals.instructions().fetch_add(times, Ordering::Relaxed);
            let place = counter.place(address).unwrap();
            place.fetch_add(times, Ordering::Relaxed);
        };
        execute(&mut counter, 0x20, 5);
        execute(&mut counter, 0x30, 5);
        counter.mark(Marker::Begin).unwrap();
        execute(&mut counter, 0x20, 2);
        execute(&mut counter, 0x1000_0000, 3);
        execute(&mut counter, 0x20, 1);
        counter.mark(Marker::End).unwrap();
        counter.finish().unwrap();
        let wanted = "region 0 6\nplaces 0 6 20=3 10000000=3\ntotal 16\n";
        assert_eq!(text(&out), wanted);
    }

    #[test]
    fn addresses_have_no_counters_unless_they_are_wanted() {
        assert!(counter(1).0.place(0x20).is_none());
    }

    #[test]
    fn markers_that_do_not_pair_are_errors() {
        let (mut counter, _, out) = counter(0);
        counter.mark(Marker::End).unwrap();
        counter.mark(Marker::Begin).unwrap();
        counter.mark(Marker::Begin).unwrap();
        counter.finish().unwrap();
        let wanted = "error region 0 has no begin\nerror region 0 begins twice\n\
                      error region 0 has no end\ntotal 0\n";
        assert_eq!(text(&out), wanted);
    }

    #[test]
    fn mnemonics_beyond_the_last_counter_share_it() {
        let (mut counter, totals, out) = counter(1);
        for i in 0..2 * MNEMONICS_MAX {
            assert!(counter.mnemonic(&format!("m{i}")) < MNEMONICS_MAX);
        }
        counter.mark(Marker::Begin).unwrap();
        execute(&mut counter, totals, "one-more", 4);
        counter.mark(Marker::End).unwrap();
        assert_eq!(text(&out), "region 0 4 others=4\n");
    }
}
