//! What the tests share: a kernel around a few instructions, and edge values.

use mambalite_ptx_vm::{
    Arg, Device, Fault, Launch, LaunchError, Module, Options, ParseError, Place, Stats, ThreadOrder,
};

/// Operands of an instruction in [`check`].
pub(crate) const INPUTS: usize = 4;
const THREADS: usize = 128;

/// The orders in which every kernel must give the same.
pub(crate) const ORDERS: [ThreadOrder; 3] = [
    ThreadOrder::Forward,
    ThreadOrder::Reverse,
    ThreadOrder::Seeded(42),
];

/// Values at the ends of the integer types, around shift amounts, and in between.
pub(crate) const EDGES: [u64; 22] = [
    0,
    1,
    2,
    7,
    8,
    15,
    16,
    31,
    32,
    33,
    63,
    64,
    0x7F,
    0x80,
    0x7FFF,
    0x8000,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
    0x7FFF_FFFF_FFFF_FFFF,
    0x8000_0000_0000_0000,
    0xFFFF_FFFF_FFFF_FFFF,
];

/// A sequence of numbers by a seed (SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Returns a number of -1 to 1.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// Returns every pair of edge values, and random values.
pub(crate) fn cases() -> Vec<[u64; INPUTS]> {
    let mut random = Random(7);
    let mut cases = Vec::new();
    for a in EDGES {
        for b in EDGES {
            let pick = EDGES[(random.next() % 22) as usize];
            cases.push([a, b, pick, random.next() % 70]);
            cases.push([random.next(), a, b, random.next() % 70]);
            cases.push([a, random.next(), random.next(), b]);
        }
    }
    cases
}

/// Puts instructions into a module with one kernel `k`.
pub(crate) fn module(parameters: &str, body: &str) -> String {
    format!(
        ".version 8.5\n.target sm_87\n.address_size 64\n.visible .entry k({parameters})\n{{\n\
         .reg .pred %p<10>; .reg .b16 %rs<10>; .reg .b32 %r<10>; .reg .b64 %rd<20>; \
         .reg .f32 %f<10>;\n{body}\nret;\n}}\n"
    )
}

/// Returns the error of instructions in a module with one kernel.
pub(crate) fn parse_error(body: &str) -> ParseError {
    Module::parse(&module("", body)).expect_err(body)
}

/// Runs instructions in one thread for each case and compares the register `result`.
///
/// The inputs are in `%rd0`.., and their low bits in `%r0`.., `%rs0`.. and `%f0`..; `%p0`.. tell
/// whether they are not zero.
pub(crate) fn check(
    code: &str,
    result: &str,
    cases: &[[u64; INPUTS]],
    expected: impl Fn([u64; INPUTS]) -> u64,
) {
    let results = evaluate(code, result, cases);
    for (&case, found) in cases.iter().zip(results) {
        let expected = expected(case);
        assert_eq!(
            found, expected,
            "{code} of {case:x?}: {found:#x}, not {expected:#x}"
        );
    }
}

/// Returns the register `result` for each case.
pub(crate) fn evaluate(code: &str, result: &str, cases: &[[u64; INPUTS]]) -> Vec<u64> {
    let mut body = String::from(
        "ld.param.b64 %rd10, [in]; ld.param.b64 %rd11, [out];\n\
         mov.u32 %r9, %ctaid.x; mov.u32 %r8, %ntid.x; mov.u32 %r7, %tid.x;\n\
         mad.lo.s32 %r9, %r9, %r8, %r7;\n\
         mad.wide.u32 %rd10, %r9, 32, %rd10; mad.wide.u32 %rd11, %r9, 8, %rd11;\n",
    );
    for at in 0..INPUTS {
        body += &format!(
            "ld.global.b64 %rd{at}, [%rd10+{}]; cvt.u32.u64 %r{at}, %rd{at}; \
             cvt.u16.u64 %rs{at}, %rd{at}; mov.b32 %f{at}, %r{at}; \
             setp.ne.s64 %p{at}, %rd{at}, 0;\n",
            8 * at
        );
    }
    body += code;
    body += &match result.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "%p" => format!("\nselp.b64 %rd9, 1, 0, {result};"),
        "%rs" => format!("\ncvt.u64.u16 %rd9, {result};"),
        "%r" => format!("\ncvt.u64.u32 %rd9, {result};"),
        "%f" => format!("\nmov.b32 %r9, {result}; cvt.u64.u32 %rd9, %r9;"),
        _ => format!("\nmov.b64 %rd9, {result};"),
    };
    body += "\nst.global.b64 [%rd11], %rd9;";
    let text = module(".param .b64 in, .param .b64 out", &body);
    let module = Module::parse(&text).unwrap_or_else(|error| panic!("{code}: {error}"));
    let blocks = cases.len().div_ceil(THREADS);
    let mut bytes: Vec<u8> = cases
        .iter()
        .flatten()
        .flat_map(|input| input.to_le_bytes())
        .collect();
    // Threads without a case get ones, by which they may divide.
    bytes.resize(blocks * THREADS * 8 * INPUTS, 1);
    let mut device = Device::default();
    let input = device.upload(&bytes).unwrap();
    let output = device.alloc(blocks * THREADS * 8).unwrap();
    let kernel = module.kernel("k").unwrap();
    let launch = Launch::linear(blocks as u32, THREADS as u32);
    device
        .launch(kernel, &launch, &[input.into(), output.into()])
        .unwrap_or_else(|error| panic!("{code}: {error}"));
    let results = device.read(output, 8 * cases.len()).unwrap();
    results
        .chunks_exact(8)
        .map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap()))
        .collect()
}

/// Runs a kernel without parameters.
pub(crate) fn run(body: &str, launch: Launch, options: Options) -> Result<Stats, LaunchError> {
    run_text(&module("", body), launch, options)
}

/// Runs the kernel `k` without parameters of a text.
pub(crate) fn run_text(text: &str, launch: Launch, options: Options) -> Result<Stats, LaunchError> {
    let module = Module::parse(text).unwrap();
    Device::new(options).launch(module.kernel("k").unwrap(), &launch, &[])
}

/// Runs a kernel with the one parameter `out` and returns its `count` results of 32 bits.
pub(crate) fn run_out(
    body: &str,
    launch: Launch,
    options: Options,
    count: usize,
) -> Result<Vec<u32>, LaunchError> {
    let body = format!("ld.param.b64 %rd10, [out];\n{body}");
    let module = Module::parse(&module(".param .b64 out", &body)).unwrap();
    let mut device = Device::new(options);
    let out = device.alloc(4 * count).unwrap();
    device.launch(module.kernel("k").unwrap(), &launch, &[Arg::U64(out)])?;
    Ok(words(&device.read(out, 4 * count).unwrap()))
}

/// Returns the fault and its place of a launch that must end with one.
pub(crate) fn fault<T: std::fmt::Debug>(result: Result<T, LaunchError>) -> (Place, Fault) {
    match result {
        Err(LaunchError::Fault { place, fault }) => (*place, fault),
        other => panic!("no fault: {other:?}"),
    }
}

/// Returns the words of little-endian bytes.
pub(crate) fn words(bytes: &[u8]) -> Vec<u32> {
    let words = bytes.chunks_exact(4);
    words
        .map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap()))
        .collect()
}

/// The value of an instruction by Rust.
pub(crate) type Expected = fn([u64; INPUTS]) -> u64;

/// Compares instructions with Rust for all [`cases`].
pub(crate) fn check_all(table: &[(&str, &str, Expected)]) {
    let cases = cases();
    for (code, result, expected) in table {
        check(code, result, &cases, expected);
    }
}

/// Returns what a register of 16 bits holds.
pub(crate) const fn s16(x: i16) -> u64 {
    x as u16 as u64
}

/// Returns what a register of 32 bits holds.
pub(crate) const fn s32(x: i32) -> u64 {
    x as u32 as u64
}
