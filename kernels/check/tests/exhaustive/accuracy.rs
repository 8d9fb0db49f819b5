//! Errors of the reference functions against f64.

use libtest_mimic::{Failed, Trial};
use mambalite_kernels::num::fixed::exp2_neg;
use mambalite_kernels::num::float::Real;

use crate::walk::{ALL, Tally, count, float, walk};

/// A function of the f32 contract and its bounds.
#[derive(Clone, Copy)]
struct Function {
    name: &'static str,
    ours: fn(f32) -> f32,
    exact: fn(f64) -> f64,
    /// Largest argument with a bound on the error.
    high: f32,
    /// Largest result.
    result_max: f32,
    /// Bound where the exact result is normal, units in its last place.
    ulps_max: f64,
    /// Bound where it is subnormal, units of 2^-149.
    subnormal_max: f64,
    /// Most that a result may lie below that of a smaller argument, units in the last place.
    fall_max: f64,
}

const FUNCTIONS: [Function; 3] = [
    Function {
        name: "exponential/f32",
        ours: Real::exponential,
        exact: Real::exponential,
        high: 88.0,
        result_max: f32::MAX,
        ulps_max: 1.0,
        subnormal_max: 1.0,
        fall_max: 1.0,
    },
    Function {
        name: "soft_plus/f32",
        ours: Real::soft_plus,
        exact: Real::soft_plus,
        high: f32::MAX,
        result_max: f32::MAX,
        ulps_max: 3.0,
        // Half of a subnormal number is rounded, and twice that is more off.
        subnormal_max: 2.0,
        fall_max: 2.0,
    },
    Function {
        name: "logistic/f32",
        ours: Real::logistic,
        exact: Real::logistic,
        high: f32::MAX,
        result_max: 1.0,
        ulps_max: 3.0,
        subnormal_max: 1.0,
        fall_max: 2.0,
    },
];

/// The largest of some errors, and where it is.
#[derive(Clone, Copy, Default)]
struct Worst {
    error: f64,
    at: f32,
}

impl Worst {
    fn add(&mut self, error: f64, at: f32) {
        // An error that is not a number is the worst.
        if error > self.error || error.is_nan() {
            *self = Self { error, at };
        }
    }
}

#[derive(Default)]
struct Errors {
    ulps: Worst,
    subnormal: Worst,
    falls: u64,
    fall: Worst,
    out_of_range: Option<f32>,
}

impl Tally for Errors {
    fn merge(&mut self, other: Self) {
        self.falls += other.falls;
        self.ulps.add(other.ulps.error, other.ulps.at);
        self.subnormal
            .add(other.subnormal.error, other.subnormal.at);
        self.fall.add(other.fall.error, other.fall.at);
        self.out_of_range = self.out_of_range.or(other.out_of_range);
    }
}

/// Returns the tests of all functions.
pub(crate) fn trials(stride: u32) -> Vec<Trial> {
    let float = FUNCTIONS.map(|f| Trial::test(f.name, move || check(&f, stride)));
    let fixed = Trial::test("exp2_neg/fixed", move || check_exp2_neg(stride));
    float.into_iter().chain([fixed]).collect()
}

fn check(function: &Function, stride: u32) -> Result<(), Failed> {
    let errors: Errors = walk(ALL, stride, |numbers, errors| {
        look(function, numbers, errors);
    });
    let Worst { error, at } = errors.ulps;
    let figures = format!(
        "{}: {} inputs; {error:.4} ULP at {at:e}; subnormal {:.4} x 2^-149 at {:e}; \
         falls {} times, by {} ULP at most, at {:e}",
        function.name,
        count(&ALL, stride),
        errors.subnormal.error,
        errors.subnormal.at,
        errors.falls,
        errors.fall.error,
        errors.fall.at,
    );
    if stride == 1 {
        eprintln!("{figures}");
    }
    if let Some(x) = errors.out_of_range {
        return Err(format!("{}: {x:e} gives {:e}", function.name, (function.ours)(x)).into());
    }
    let holds = error <= function.ulps_max
        && errors.subnormal.error <= function.subnormal_max
        && errors.fall.error <= function.fall_max;
    holds.then_some(()).ok_or_else(|| figures.into())
}

fn look(function: &Function, numbers: &[u32], errors: &mut Errors) {
    let mut last = f32::NEG_INFINITY;
    for &number in numbers {
        let x = float(number);
        let y = (function.ours)(x);
        if !(0.0..=function.result_max).contains(&y) {
            errors.out_of_range = Some(x);
        }
        if y < last {
            errors.falls += 1;
            errors.fall.add(f64::from(last - y) / unit(last.into()), x);
        }
        last = y;
        if x > function.high {
            continue;
        }
        let exact = (function.exact)(f64::from(x));
        let error = (f64::from(y) - exact).abs() / unit(exact);
        let worst = match exact < f32::MIN_POSITIVE.into() {
            true => &mut errors.subnormal,
            false => &mut errors.ulps,
        };
        worst.add(error, x);
    }
}

/// Returns the unit in the last place of a positive number's f32, 2^-149 at least.
fn unit(x: f64) -> f64 {
    let exponent = (x.to_bits() >> 52).max(1023 - 126) - 23;
    f64::from_bits(exponent << 52)
}

#[derive(Default)]
struct Fixed {
    worst: f64,
    rises: u64,
    rise: u32,
    high: u32,
}

impl Tally for Fixed {
    fn merge(&mut self, other: Self) {
        self.worst = self.worst.max(other.worst);
        self.rises += other.rises;
        self.rise = self.rise.max(other.rise);
        self.high = self.high.max(other.high);
    }
}

/// The power of two of every fraction: within 2^-22, never above 1, and never
/// rising by more than the rounding of its steps.
fn check_exp2_neg(stride: u32) -> Result<(), Failed> {
    let found: Fixed = walk(0..1 << 31, stride, |fractions, found: &mut Fixed| {
        let mut last = u32::MAX;
        for &f in fractions {
            let value = exp2_neg(0, f);
            let exact = (31.0 - f64::from(f) / 2_147_483_648.0).exp2();
            found.worst = found.worst.max((f64::from(value) - exact).abs());
            found.rises += u64::from(value > last);
            found.rise = found.rise.max(value.saturating_sub(last));
            found.high = found.high.max(value);
            last = value;
        }
    });
    let figures = format!(
        "exp2_neg/fixed: {:.2} x 2^-31, rises {} times, by {} at most, to {:#x}",
        found.worst, found.rises, found.rise, found.high
    );
    if stride == 1 {
        eprintln!("{figures}");
    }
    let holds = found.worst < 512.0 && found.rise <= 1 && found.high <= 1 << 31;
    holds.then_some(()).ok_or_else(|| figures.into())
}
