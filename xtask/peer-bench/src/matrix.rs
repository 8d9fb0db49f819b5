#![expect(unsafe_code, reason = "the `gemm` crate takes pointers")]
//! Speed of the `gemm` crate, the anchor of the figures on x86-64.

use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use gemm::Parallelism;
use serde_json::{Value, json};

/// Sides of the square matrices whose fastest gives the peak.
const SIDES: [usize; 7] = [256, 384, 512, 768, 1024, 1536, 2048];

/// A shape is timed at least this long: on a machine with other work the fastest run needs luck.
const TIME_MIN: Duration = Duration::from_millis(700);

/// Largest number of elements of a matrix that is timed, 1 GiB of them.
const ELEMENTS_MAX: usize = 1 << 28;

/// Rows, inputs and outputs of a product `[m, k] x [k, n]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    m: usize,
    k: usize,
    n: usize,
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<usize> = text.split('x').map_while(|p| p.parse().ok()).collect();
        let fits = |a: usize, b: usize| {
            a > 0 && b > 0 && a.checked_mul(b).is_some_and(|e| e <= ELEMENTS_MAX)
        };
        match parts[..] {
            [m, k, n] if fits(m, k) && fits(k, n) && fits(m, n) => Ok(Self { m, k, n }),
            _ => Err(format!("`{text}` is not three sizes as in 57600x60x240")),
        }
    }
}

impl Shape {
    fn multiplications(self) -> f64 {
        self.m as f64 * self.k as f64 * self.n as f64
    }
}

/// Prints one JSON object: the peak, the squares it is taken from, and the shapes asked for.
pub(crate) fn run(threads: usize, rounds: usize, shapes: &[Shape]) -> Result<()> {
    ensure!(threads > 0 && rounds > 0, "threads and rounds begin at 1");
    let squares = SIDES.map(|side| Shape {
        m: side,
        k: side,
        n: side,
    });
    let squares: Vec<_> = squares
        .iter()
        .map(|&s| measure(s, threads, rounds))
        .collect();
    let shapes: Vec<_> = shapes
        .iter()
        .map(|&s| measure(s, threads, rounds))
        .collect();
    let peak = squares.iter().map(|m| m.gflops()).fold(0.0, f64::max);
    let report = json!({
        "threads": threads,
        "peak_gflops": peak,
        "squares": squares.iter().map(Measured::json).collect::<Vec<_>>(),
        "shapes": shapes.iter().map(Measured::json).collect::<Vec<_>>(),
    });
    println!("{report}");
    Ok(())
}

/// The fastest run of a shape.
struct Measured {
    shape: Shape,
    seconds: f64,
}

impl Measured {
    fn gflops(&self) -> f64 {
        2.0 * self.shape.multiplications() / self.seconds / 1e9
    }

    fn json(&self) -> Value {
        let Shape { m, k, n } = self.shape;
        json!({ "m": m, "k": k, "n": n, "seconds": self.seconds, "gflops": self.gflops() })
    }
}

/// Times a product in `rounds` rounds or more after one that counts for nothing.
fn measure(shape: Shape, threads: usize, rounds: usize) -> Measured {
    let fill = |len: usize| (0..len).map(|i| (i % 17) as f32 * 0.125 - 1.0).collect();
    let lhs: Vec<f32> = fill(shape.m * shape.k);
    let rhs: Vec<f32> = fill(shape.k * shape.n);
    let mut out = vec![0.0; shape.m * shape.n];
    let parallelism = match threads {
        1 => Parallelism::None,
        _ => Parallelism::Rayon(threads),
    };
    // Short products are repeated, so that the clock's steps do not matter.
    let repeats = (2e8 / shape.multiplications()).ceil().max(1.0) as usize;
    let (mut fastest, mut round, begin) = (f64::INFINITY, 0, Instant::now());
    while round <= rounds || begin.elapsed() < TIME_MIN {
        let start = Instant::now();
        for _ in 0..repeats {
            multiply(&mut out, &lhs, &rhs, shape, parallelism);
        }
        let seconds = start.elapsed().as_secs_f64() / repeats as f64;
        if round > 0 {
            fastest = fastest.min(seconds);
        }
        round += 1;
    }
    Measured {
        shape,
        seconds: fastest,
    }
}

/// Multiplies row-major matrices, as the network's are: `out = lhs x rhs`.
fn multiply(out: &mut [f32], lhs: &[f32], rhs: &[f32], shape: Shape, parallelism: Parallelism) {
    let Shape { m, k, n } = shape;
    assert!(out.len() == m * n && lhs.len() == m * k && rhs.len() == k * n);
    let (row_lhs, row) = (k as isize, n as isize);
    // SAFETY: the pointers are those of slices of `m n`, `m k` and `k n` elements, as asserted, and
    // with these strides every element named by the sizes lies inside; `out` is borrowed alone.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            row,
            false,
            lhs.as_ptr(),
            1,
            row_lhs,
            rhs.as_ptr(),
            1,
            row,
            0.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_product_is_the_product() {
        let shape = Shape { m: 5, k: 3, n: 4 };
        let lhs: Vec<f32> = (0..15).map(|i| i as f32 - 7.0).collect();
        let rhs: Vec<f32> = (0..12).map(|i| 2.0 - i as f32).collect();
        let mut out = vec![f32::NAN; 20];
        multiply(&mut out, &lhs, &rhs, shape, Parallelism::None);
        let expected = (0..20).map(|i| {
            (0..3)
                .map(|k| lhs[i / 4 * 3 + k] * rhs[k * 4 + i % 4])
                .sum()
        });
        assert_eq!(out, expected.collect::<Vec<f32>>());
    }

    #[test]
    fn a_shape_is_three_sizes() {
        assert!("57600x60x240".parse::<Shape>().is_ok());
        for wrong in [
            "",
            "1x2",
            "1x2x3x4",
            "0x1x1",
            "axbxc",
            "4294967296x4294967296x1",
        ] {
            assert!(wrong.parse::<Shape>().is_err(), "{wrong}");
        }
    }
}
