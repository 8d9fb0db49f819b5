//! The kernels of `fixtures/kernels.ptx` in safe Rust, each operation in the same order.

/// States of a channel.
pub(crate) const STATES: usize = 8;

/// Portable `exp`: range reduction and a polynomial.
fn exp(x: f32) -> f32 {
    #[expect(clippy::manual_clamp, reason = "the kernel compares in this order")]
    let x = if x < -87.0 {
        -87.0
    } else if x > 88.0 {
        88.0
    } else {
        x
    };
    let t = x * std::f32::consts::LOG2_E;
    let k = if t >= 0.0 {
        (t + 0.5) as i32
    } else {
        (t - 0.5) as i32
    };
    let kf = k as f32;
    let r = (x - kf * 0.693_359_4_f32) - kf * -2.121_944_4e-4_f32;
    let coefficients = [0.008_333_334, 0.041_666_668, 0.166_666_67, 0.5, 1.0, 1.0];
    let p = coefficients
        .iter()
        .fold(0.001_388_889_f32, |p, c| c + r * p);
    p * f32::from_bits(((k + 127) as u32) << 23)
}

/// Inputs of the scan of f32: `u` and `dt` are `[t, channel]`, `a` is `[channel, state]`, `b` and
/// `c` are `[t, state]`, `d` is `[channel]`.
pub(crate) struct Scan {
    pub(crate) channels: usize,
    pub(crate) u: Vec<f32>,
    pub(crate) dt: Vec<f32>,
    pub(crate) a: Vec<f32>,
    pub(crate) b: Vec<f32>,
    pub(crate) c: Vec<f32>,
    pub(crate) d: Vec<f32>,
}

/// Scans all channels: `h = exp(dt a) h + dt b u`, `y = c h + d u`.
pub(crate) fn scan_f32(scan: &Scan) -> Vec<f32> {
    let mut y = vec![0.0; scan.u.len()];
    for channel in 0..scan.channels {
        let mut h = [0f32; STATES];
        for t in 0..scan.u.len() / scan.channels {
            let at = t * scan.channels + channel;
            let (u, dt) = (scan.u[at], scan.dt[at]);
            let mut sum = 0f32;
            for (n, h) in h.iter_mut().enumerate() {
                let decay = exp(dt * scan.a[channel * STATES + n]);
                *h = decay * *h + (dt * scan.b[t * STATES + n]) * u;
                sum += scan.c[t * STATES + n] * *h;
            }
            y[at] = sum + scan.d[channel] * u;
        }
    }
    y
}

/// Scans in integers: `u` is `[t, channel]`, `decay` is `[t, channel, state]` in Q15.
pub(crate) fn scan_q(channels: usize, u: &[i16], decay: &[i16], b: &[i16], c: &[i16]) -> Vec<i32> {
    let mut y = vec![0; u.len()];
    for channel in 0..channels {
        let mut h = [0i32; STATES];
        for t in 0..u.len() / channels {
            let at = t * channels + channel;
            let mut sum = 0i32;
            for (n, h) in h.iter_mut().enumerate() {
                let decay = i32::from(decay[at * STATES + n]);
                let input = i32::from(b[t * STATES + n]).wrapping_mul(u[at].into()) >> 4;
                *h = ((*h >> 8).wrapping_mul(decay) >> 7).wrapping_add(input);
                let product = (*h >> 12).wrapping_mul(c[t * STATES + n].into());
                sum = sum.wrapping_add(product);
            }
            y[at] = sum;
        }
    }
    y
}

/// Multiplies `a`, `[m, k]`, by `b`, `[n, k]`: returns `[m, n]`.
pub(crate) fn gemm(k: usize, a: &[i8], b: &[i8]) -> Vec<i32> {
    let rows = a
        .chunks(k)
        .flat_map(|row| b.chunks(k).map(move |column| (row, column)));
    let dot = |(row, column): (&[i8], &[i8])| {
        let products = row
            .iter()
            .zip(column)
            .map(|(&x, &y)| i32::from(x) * i32::from(y));
        products.sum()
    };
    rows.map(dot).collect()
}
