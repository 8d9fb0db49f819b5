//! Runs every case of the kernels with the markers of the count plugin about the kernel.
//!
//! Prints one line a region over semihosting, fields apart by tabs: `self`, instructions; or
//! `case`, operator, format, variant, units, unit, digest. `done` comes last.

#![no_std]
#![no_main]

mod region;
mod self_test;
mod semihosting;

use mambalite_kernels_check::bench::{BENCH_WORDS, benches};
use static_cell::ConstStaticCell;

use crate::region::Region;
use crate::semihosting::{exit, print};

static MEMORY: ConstStaticCell<[u64; BENCH_WORDS]> = ConstStaticCell::new([0; BENCH_WORDS]);

#[cortex_m_rt::entry]
fn main() -> ! {
    self_test::run();
    let memory = MEMORY.take();
    for bench in benches() {
        for (index, name) in bench.variants() {
            let digest = bench.run(index, memory, &mut Region);
            if let Some(digest) = digest {
                print(format_args!(
                    "case\t{}\t{}\t{name}\t{}\t{}\t{digest:016x}\n",
                    bench.op,
                    bench.format,
                    (bench.units)(),
                    bench.unit.name(),
                ));
            }
        }
    }
    print(format_args!("done\n"));
    exit(0)
}
