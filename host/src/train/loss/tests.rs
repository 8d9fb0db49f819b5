use core::f64::consts::TAU;

use super::*;

const KINDS: [LossKind; 3] = [LossKind::L1, LossKind::Charbonnier, LossKind::L1Fft];

fn loss<T: Real>(kind: LossKind, shape: [usize; 3]) -> Loss<T> {
    let section = LossSection {
        kind,
        fft_weight: None,
    };
    Loss::new(&section, shape)
}

/// Samples without a pattern, in 0..1.
fn samples(len: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn gradients_are_those_of_finite_differences() {
    const STEP: f64 = 1e-6;
    for shape in [[6, 5, 3], [4, 4, 1], [7, 8, 2]] {
        let len = shape.iter().product();
        let (output, target) = (samples(len, 1), samples(len, 2));
        for kind in KINDS {
            let loss = loss::<f64>(kind, shape);
            let value = |output: &[f64]| loss.add(output, &target, 0.7, &mut vec![0.0; len]);
            let mut gradient = vec![0.25; len];
            loss.add(&output, &target, 0.7, &mut gradient);
            for i in 0..len {
                let (mut above, mut below) = (output.clone(), output.clone());
                above[i] += STEP;
                below[i] -= STEP;
                let slope = (value(&above) - value(&below)) / (2.0 * STEP);
                // What was there before is added to.
                let found = gradient[i] - 0.25;
                let scale = 1.0 / len as f64;
                assert!(
                    (found - slope).abs() < 1e-6 * scale.max(slope.abs()),
                    "{kind:?} {shape:?} {i}: {found} {slope}"
                );
            }
        }
    }
}

#[test]
fn relative_squares_are_of_the_target() {
    let (output, target) = (samples(9, 5), samples(9, 6));
    let value = |output: &[f64]| relative_square(output, &target, 0.7, &mut [0.0; 9]);
    let mut gradient = [0.25; 9];
    relative_square(&output, &target, 0.7, &mut gradient);
    for i in 0..9 {
        let (mut above, mut below) = (output.clone(), output.clone());
        above[i] += 1e-4;
        below[i] -= 1e-4;
        let slope = (value(&above) - value(&below)) / 2e-4;
        assert!((gradient[i] - 0.25 - slope).abs() < 1e-9 * slope.abs().max(1.0));
    }
    assert!((value(&[0.0; 9]) - 0.7).abs() < 1e-12);
    assert_eq!(relative_square(&output, &[0.0; 9], 1.0, &mut gradient), 0.0);
}

/// The spectra against their definition.
#[test]
fn spectra_are_those_of_the_definition() {
    let [height, width, channels] = [5, 6, 3];
    let len = height * width * channels;
    let (output, target) = (samples(len, 3), samples(len, 4));
    let mut sum = 0.0;
    for channel in 0..channels {
        for (v, u) in (0..height).flat_map(|v| (0..width).map(move |u| (v, u))) {
            let (mut re, mut im) = (0.0, 0.0);
            for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                let i = (y * width + x) * channels + channel;
                let turns = (u * x) as f64 / width as f64 + (v * y) as f64 / height as f64;
                re += (output[i] - target[i]) * (TAU * turns).cos();
                im -= (output[i] - target[i]) * (TAU * turns).sin();
            }
            sum += re.abs() + im.abs();
        }
    }
    let expected = sum / (2 * len) as f64;
    let spectra = Spectra::new([height, width, channels]);
    let found = spectra.add(&output, &target, 1.0, &mut vec![0.0; len]);
    assert!((found - expected).abs() < 1e-12, "{found} {expected}");
}

#[test]
fn single_precision_is_near_double() {
    let shape = [12, 20, 3];
    let len = shape.iter().product();
    let (output, target) = (samples(len, 5), samples(len, 6));
    let single = |values: &[f64]| values.iter().map(|&v| v as f32).collect::<Vec<_>>();
    for kind in KINDS {
        let mut gradient = vec![0.0; len];
        let expected = loss::<f64>(kind, shape).add(&output, &target, 1.0, &mut gradient);
        let mut found_gradient = vec![0.0; len];
        let found = loss::<f32>(kind, shape).add(
            &single(&output),
            &single(&target),
            1.0,
            &mut found_gradient,
        );
        assert!((found - expected).abs() < 1e-5 * expected);
        for (found, expected) in found_gradient.iter().zip(gradient) {
            assert!((f64::from(*found) - expected).abs() < 1e-5 * expected.abs().max(1e-3));
        }
    }
}

#[test]
fn equal_pictures_have_no_gradient() {
    let picture = vec![0.5_f32; 48];
    for kind in KINDS {
        let mut gradient = vec![0.0; 48];
        let found = loss::<f32>(kind, [4, 4, 3]).add(&picture, &picture, 1.0, &mut gradient);
        let least = if kind == LossKind::Charbonnier {
            CHARBONNIER
        } else {
            0.0
        };
        assert!((found - least).abs() < 1e-9, "{kind:?} {found}");
        assert_eq!(gradient, [0.0; 48], "{kind:?}");
    }
}
