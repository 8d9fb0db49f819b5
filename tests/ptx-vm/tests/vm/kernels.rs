//! Whole kernels that rustc made, against their twins in Rust, bit for bit.

use mambalite_ptx_vm::{Arg, Device, Launch, LaunchError, Module, Options, Stats};

use crate::harness::{ORDERS, Random, words};
use crate::twin::{self, STATES, Scan};

/// Five kernels of a spike: rustc 1.96, `-Ctarget-cpu=sm_87 -Ctarget-feature=+ptx85`.
pub(crate) const TEXT: &str = include_str!("../../fixtures/kernels.ptx");

/// Sizes of the products.
const M: usize = 16;
const N: usize = 24;
const K: usize = 64;

pub(crate) fn options(order: mambalite_ptx_vm::ThreadOrder) -> Options {
    Options {
        order,
        ..Options::default()
    }
}

fn bytes<const S: usize, T: Copy>(values: &[T], to_bytes: impl Fn(T) -> [u8; S]) -> Vec<u8> {
    values.iter().flat_map(|&value| to_bytes(value)).collect()
}

/// Runs a kernel on inputs and returns its words of output.
fn run(
    text: &str,
    kernel: &str,
    options: Options,
    (launch, inputs, outputs, sizes): (Launch, &[Vec<u8>], usize, &[usize]),
) -> Result<(Vec<u32>, Stats), LaunchError> {
    let module = Module::parse(text).unwrap();
    let mut device = Device::new(options);
    let mut args = Vec::new();
    for input in inputs {
        let address = device.upload(input).unwrap();
        device.protect(address).unwrap();
        args.push(Arg::U64(address));
    }
    let out = device.alloc(4 * outputs).unwrap();
    args.push(Arg::U64(out));
    args.extend(sizes.iter().map(|&size| Arg::U32(size as u32)));
    let stats = device.launch(module.kernel(kernel).unwrap(), &launch, &args)?;
    Ok((words(&device.read(out, 4 * outputs).unwrap()), stats))
}

fn scan_inputs(channels: usize, length: usize) -> Scan {
    let mut random = Random(12345);
    let mut many = |count: usize, scale: f32, shift: f32| -> Vec<f32> {
        (0..count).map(|_| shift + scale * random.unit()).collect()
    };
    Scan {
        channels,
        u: many(channels * length, 1.0, 0.0),
        dt: many(channels * length, 0.05, 0.05),
        a: many(channels * STATES, -4.0, -4.1),
        b: many(length * STATES, 1.0, 0.0),
        c: many(length * STATES, 1.0, 0.0),
        d: many(channels, 1.0, 0.0),
    }
}

/// Runs the scan of f32; two blocks, the last threads of which have no channel.
pub(crate) fn scan_f32(text: &str, options: Options) -> Result<(Vec<u32>, Vec<u32>), LaunchError> {
    let (channels, length) = (60, 40);
    let scan = scan_inputs(channels, length);
    let inputs = [&scan.u, &scan.dt, &scan.a, &scan.b, &scan.c, &scan.d];
    let inputs = inputs.map(|input| bytes(input, f32::to_le_bytes));
    let setup = (
        Launch::linear(2, 32),
        &inputs[..],
        channels * length,
        &[channels, length][..],
    );
    let (found, _) = run(text, "scan_f32", options, setup)?;
    let expected = twin::scan_f32(&scan).into_iter().map(f32::to_bits);
    Ok((found, expected.collect()))
}

/// Runs the scan of integers.
pub(crate) fn scan_q(text: &str, options: Options) -> Result<(Vec<u32>, Vec<u32>), LaunchError> {
    let (channels, length) = (60, 40);
    let mut random = Random(777);
    let mut many =
        |count: usize| -> Vec<i16> { (0..count).map(|_| random.next() as i16).collect() };
    let u = many(channels * length);
    let mut decay = many(channels * length * STATES);
    decay.iter_mut().for_each(|decay| *decay &= 0x7FFF);
    let (b, c) = (many(length * STATES), many(length * STATES));
    let inputs = [&u, &decay, &b, &c].map(|input| bytes(input, i16::to_le_bytes));
    let setup = (
        Launch::linear(2, 32),
        &inputs[..],
        channels * length,
        &[channels, length][..],
    );
    let (found, _) = run(text, "scan_q", options, setup)?;
    let expected = twin::scan_q(channels, &u, &decay, &b, &c);
    Ok((found, expected.into_iter().map(|y| y as u32).collect()))
}

/// Runs a product of matrices.
pub(crate) fn gemm(
    text: &str,
    kernel: &str,
    options: Options,
) -> Result<(Vec<u32>, Vec<u32>, Stats), LaunchError> {
    let mut random = Random(4711);
    let mut many = |count: usize| -> Vec<i8> { (0..count).map(|_| random.next() as i8).collect() };
    let (a, b) = (many(M * K), many(N * K));
    let inputs = [&a, &b].map(|input| bytes(input, i8::to_le_bytes));
    let launch = Launch::linear((M * N / 64) as u32, 64);
    let (found, stats) = run(text, kernel, options, (launch, &inputs, M * N, &[M, N, K]))?;
    let expected = twin::gemm(K, &a, &b).into_iter().map(|y| y as u32);
    Ok((found, expected.collect(), stats))
}

#[test]
fn the_scan_of_floats_has_the_bits_of_rust() {
    for order in ORDERS {
        let (found, expected) = scan_f32(TEXT, options(order)).unwrap();
        assert_eq!(found, expected);
    }
}

#[test]
fn the_scan_of_integers_has_the_bits_of_rust() {
    for order in ORDERS {
        let (found, expected) = scan_q(TEXT, options(order)).unwrap();
        assert_eq!(found, expected);
    }
}

#[test]
fn the_products_have_the_bits_of_rust() {
    for kernel in ["gemm_i8", "gemm_dp4a", "gemm_tiled"] {
        for order in ORDERS {
            let (found, expected, _) = gemm(TEXT, kernel, options(order)).unwrap();
            assert_eq!(found, expected, "{kernel}");
        }
    }
}

#[test]
fn the_module_lists_its_kernels() {
    let module = Module::parse(TEXT).unwrap();
    let kernels = module
        .kernels()
        .map(|kernel| (kernel.name(), kernel.shared_bytes()));
    let expected = [
        ("gemm_dp4a", 0),
        ("gemm_i8", 0),
        ("gemm_tiled", 1024),
        ("scan_f32", 0),
        ("scan_q", 0),
    ];
    assert!(kernels.eq(expected));
}

/// Prints instructions a second: `cargo test --release -p mambalite-ptx-vm speed -- --ignored
/// --nocapture`.
#[test]
#[ignore = "a measurement, not a test"]
fn speed() {
    let (channels, length) = (64, 1024);
    let scan = scan_inputs(channels, length);
    let inputs = [&scan.u, &scan.dt, &scan.a, &scan.b, &scan.c, &scan.d];
    let inputs = inputs.map(|input| bytes(input, f32::to_le_bytes));
    for detect_races in [false, true] {
        let options = Options {
            detect_races,
            ..Options::default()
        };
        let setup = (
            Launch::linear(2, 32),
            &inputs[..],
            channels * length,
            &[channels, length][..],
        );
        let start = std::time::Instant::now();
        let (_, stats) = run(TEXT, "scan_f32", options, setup).unwrap();
        let rate = stats.instructions as f64 / start.elapsed().as_secs_f64() / 1e6;
        println!(
            "races {detect_races}: {} instructions, {rate:.1} M/s",
            stats.instructions
        );
        let start = std::time::Instant::now();
        let mut count = 0;
        for _ in 0..40 {
            count += gemm(TEXT, "gemm_tiled", options).unwrap().2.instructions;
        }
        let rate = count as f64 / start.elapsed().as_secs_f64() / 1e6;
        println!("races {detect_races}: {count} instructions of gemm_tiled, {rate:.1} M/s");
    }
}
