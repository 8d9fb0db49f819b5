//! The best factors of a weight under the metrics of its inputs and outputs.

use mambalite_kernels::Form;
use mambalite_kernels::model::Param;
use nalgebra::{DMatrix, SymmetricEigen};

use super::moments::Moments;
use crate::arrays::Arrays;

/// Least eigenvalue of a metric, as a part of the largest.
const FLOOR: f64 = 1e-6;
/// Steps of an eigenvalue or singular value at most.
const STEPS_MAX: usize = 10_000;
/// Where these stop.
const PRECISION: f64 = 1e-14;

/// `W = U V` with the columns of `U` by importance: the first `r` are the best of rank `r`.
#[derive(Clone, Debug)]
pub struct Factors {
    /// `[outputs, n]`.
    u: DMatrix<f64>,
    /// `[n, inputs]`.
    v: DMatrix<f64>,
    /// What rank `r` loses, by `r` from 0 to `n`: the picture's squared error as the metrics see
    /// it, in units that are the same for all weights of a network.
    pub losses: Vec<f64>,
}

impl Factors {
    /// Factorises a weight of the kernels' layout, `[inputs, outputs]`; nothing where the singular
    /// values are not found.
    ///
    /// With `S S = sum x x'` and `A A = sum g g'` (symmetric roots) the error of the output that a
    /// change `D` of the weight makes is about `|A D S|^2`, so that the singular values of `A W S`
    /// say what each part is worth. The floor of the eigenvalues keeps directions that the
    /// pictures happen not to have.
    pub fn new(values: &[f32], outputs: usize, moments: &Moments) -> Option<Self> {
        let inputs = values.len() / outputs;
        let values = values.iter().map(|&w| f64::from(w));
        // Column-major: a column an input.
        let w = DMatrix::from_iterator(outputs, inputs, values);
        let (s, s_inverse, s_scale) = roots(&moments.inputs)?;
        let (a, a_inverse, a_scale) = roots(&moments.gradients)?;
        let svd = (&a * w * &s).try_svd(true, true, PRECISION, STEPS_MAX)?;
        let mut u = a_inverse * svd.u?;
        let mut v = svd.v_t? * s_inverse;
        let values = &svd.singular_values;
        for (k, &value) in values.iter().enumerate() {
            // Both factors get the same size.
            let (of_u, of_v) = (u.column(k).norm(), value * v.row(k).norm());
            let balance = if of_u > 0.0 {
                (of_v / of_u).sqrt()
            } else {
                1.0
            };
            u.column_mut(k).scale_mut(balance);
            v.row_mut(k)
                .scale_mut(if balance > 0.0 { value / balance } else { 0.0 });
        }
        let mut losses = vec![0.0; values.len() + 1];
        for k in (0..values.len()).rev() {
            losses[k] = losses[k + 1] + values[k] * values[k] * s_scale * a_scale;
        }
        Some(Self { u, v, losses })
    }

    /// Puts the arrays of a form in place of the dense weight.
    pub(super) fn put(&self, arrays: &mut Arrays, param: Param, form: Form) {
        let rank = form.rank().unwrap_or(0);
        let bias = arrays
            .get::<f32>(param.part("bias"))
            .unwrap_or_default()
            .to_vec();
        let (u, v) = (
            self.u.columns(0, rank).into_owned(),
            self.v.rows(0, rank).into_owned(),
        );
        if matches!(form, Form::LowRank(_)) {
            arrays.insert(param.factor("v").part("weight"), &by_input(&v));
            arrays.insert(param.factor("u").part("weight"), &by_input(&u));
            arrays.insert(param.factor("u").part("bias"), &bias);
            return;
        }
        let outputs = u.nrows();
        let copies = pivots(&u);
        let others: Vec<usize> = (0..outputs).filter(|o| !copies.contains(o)).collect();
        let square = u.select_rows(&copies);
        let v = &square * v;
        // `U_others = U' U_copies`; the pivots make the square matrix well-conditioned.
        let rest = u.select_rows(&others).transpose();
        let solved = square.transpose().lu().solve(&rest);
        let u = solved
            .unwrap_or_else(|| DMatrix::zeros(rank, others.len()))
            .transpose();
        let mut order = vec![0u16; outputs];
        for (place, &output) in copies.iter().chain(&others).enumerate() {
            order[output] = place as u16;
        }
        let of = |outputs: &[usize]| -> Vec<f32> {
            outputs
                .iter()
                .filter_map(|&o| bias.get(o).copied())
                .collect()
        };
        arrays.insert(param.factor("v").part("weight"), &by_input(&v));
        arrays.insert(param.factor("copies").part("bias"), &of(&copies));
        arrays.insert(param.factor("u").part("weight"), &by_input(&u));
        arrays.insert(param.factor("u").part("bias"), &of(&others));
        arrays.insert(param.part("order"), &order);
    }
}

/// Returns a matrix `[outputs, inputs]` in the layout of the kernels, `[inputs, outputs]`.
fn by_input(matrix: &DMatrix<f64>) -> Vec<f32> {
    matrix.iter().map(|&x| x as f32).collect()
}

/// Returns the symmetric root of a moment divided by its mean diagonal, the inverse of that root,
/// and the mean diagonal.
fn roots(moment: &DMatrix<f64>) -> Option<(DMatrix<f64>, DMatrix<f64>, f64)> {
    let scale = moment.diagonal().mean();
    let scale = if scale > 0.0 { scale } else { 1.0 };
    let eigen = SymmetricEigen::try_new(moment / scale, PRECISION, STEPS_MAX)?;
    let floor = eigen.eigenvalues.max().max(f64::MIN_POSITIVE) * FLOOR;
    let values = eigen.eigenvalues.map(|x| x.max(floor).sqrt());
    let with = |values: nalgebra::DVector<f64>| {
        let mut scaled = eigen.eigenvectors.clone();
        for (k, mut column) in scaled.column_iter_mut().enumerate() {
            column.scale_mut(values[k]);
        }
        scaled * eigen.eigenvectors.transpose()
    };
    Some((with(values.clone()), with(values.map(|x| 1.0 / x)), scale))
}

/// Chooses as many rows of `u` as it has columns, far from dependent: the longest of what is
/// left each time (QR decomposition with pivots).
fn pivots(u: &DMatrix<f64>) -> Vec<usize> {
    let mut rest = u.clone();
    let mut chosen = Vec::new();
    for _ in 0..u.ncols() {
        let free = (0..u.nrows()).filter(|row| !chosen.contains(row));
        let longest = free.max_by(|&a, &b| {
            let (a, b) = (rest.row(a).norm_squared(), rest.row(b).norm_squared());
            a.total_cmp(&b)
        });
        let Some(longest) = longest else { break };
        chosen.push(longest);
        let row = rest.row(longest).clone_owned();
        let norm = row.norm();
        if norm > 0.0 {
            let direction = row / norm;
            let along = &rest * direction.transpose();
            rest -= along * direction;
        }
    }
    chosen
}
