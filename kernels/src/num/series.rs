//! Coefficients of polynomials, computed by the compiler in `f64` from their definition.

/// Returns the coefficients `1 / k!` of the exponential series, `k = 0..N`.
pub(crate) const fn exponential<const N: usize>() -> [f64; N] {
    let mut out = [1.0; N];
    let mut k = 1;
    while k < N {
        out[k] = out[k - 1] / k as f64;
        k += 1;
    }
    out
}

/// Returns the monomial coefficients of the polynomial of degree `N - 1` that interpolates
/// `ln(1 + x) / x` on [0, 1] at the Chebyshev nodes.
pub(crate) const fn ln_1p_over_x<const N: usize>() -> [f64; N] {
    let mut nodes = [0.0; N];
    let mut divided = [0.0; N];
    let mut k = 0;
    while k < N {
        let angle = core::f64::consts::PI * (2 * k + 1) as f64 / (2 * N) as f64;
        nodes[k] = 0.5 + 0.5 * cosine(angle);
        divided[k] = ln_1p(nodes[k]) / nodes[k];
        k += 1;
    }
    // Newton's divided differences, then expansion by Horner's rule.
    let mut order = 1;
    while order < N {
        let mut i = N - 1;
        while i >= order {
            divided[i] = (divided[i] - divided[i - 1]) / (nodes[i] - nodes[i - order]);
            i -= 1;
        }
        order += 1;
    }
    let mut out = [0.0; N];
    let mut k = N;
    while k > 0 {
        k -= 1;
        let mut i = N - 1;
        while i > 0 {
            out[i] = out[i - 1] - nodes[k] * out[i];
            i -= 1;
        }
        out[0] = divided[k] - nodes[k] * out[0];
    }
    out
}

/// Returns `cos(x)` for `x` in [0, pi] by its series about pi/2.
const fn cosine(x: f64) -> f64 {
    let y = core::f64::consts::FRAC_PI_2 - x;
    let (mut term, mut sum, mut k) = (y, y, 1);
    while k < 14 {
        term *= -y * y / ((2 * k) as f64 * (2 * k + 1) as f64);
        sum += term;
        k += 1;
    }
    sum
}

/// Returns `ln(1 + x)` for `x` in [0, 1] by the series of the inverse hyperbolic tangent.
const fn ln_1p(x: f64) -> f64 {
    let s = x / (2.0 + x);
    let (mut power, mut sum, mut k) = (s, 0.0, 0);
    while k < 20 {
        sum += power / (2 * k + 1) as f64;
        power *= s * s;
        k += 1;
    }
    2.0 * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn helpers_agree_with_libm() {
        for i in 0..=1000 {
            let x = f64::from(i) / 1000.0;
            assert!((ln_1p(x) - libm::log1p(x)).abs() < 1e-15);
            let angle = x * core::f64::consts::PI;
            assert!((cosine(angle) - libm::cos(angle)).abs() < 1e-15);
        }
    }

    #[test]
    fn ln_polynomial_is_accurate() {
        const P: [f64; 10] = ln_1p_over_x();
        for i in 1..=1000 {
            let x = f64::from(i) / 1000.0;
            let value = P.iter().rev().fold(0.0, |sum, c| sum * x + c);
            assert!((value - libm::log1p(x) / x).abs() < 2e-8);
        }
    }
}
