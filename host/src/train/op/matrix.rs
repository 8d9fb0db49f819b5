//! Products of matrices that lie in slices, by the `gemm` crate.

#![expect(unsafe_code, reason = "the `gemm` crate takes pointers")]

use mambalite_kernels::num::float::Real;

/// A matrix whose rows and columns lie at strides.
#[derive(Clone, Copy, Debug)]
pub struct View<'a, T> {
    values: &'a [T],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a, T> View<'a, T> {
    /// Takes `rows` rows of `columns` numbers, `stride` numbers apart.
    ///
    /// # Panics
    /// When `values` does not hold them.
    pub fn new(values: &'a [T], (rows, columns): (usize, usize), stride: usize) -> Self {
        assert_holds(values.len(), (rows, columns), stride);
        Self {
            values,
            rows,
            columns,
            row_stride: stride,
            column_stride: 1,
        }
    }

    /// Exchanges rows and columns.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

fn assert_holds(len: usize, (rows, columns): (usize, usize), stride: usize) {
    let needed = match (rows, columns) {
        (0, _) | (_, 0) => 0,
        _ => (rows - 1) * stride + columns,
    };
    assert!(
        needed <= len,
        "matrix of {needed} numbers in a slice of {len}"
    );
}

/// Whether a product replaces what is there or is added to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// `out = a b`.
    Replace,
    /// `out = out + a b`.
    Add,
}

/// Multiplies `a`, `[m, k]`, by `b`, `[k, n]`, into rows of `out` that are `stride` numbers apart.
///
/// The order of the sums is that of the `gemm` crate for this machine; on one machine the result
/// is always the same.
///
/// # Panics
/// When the sides do not fit or `out` is too short.
pub fn multiply<T: Real>(
    a: View<'_, T>,
    b: View<'_, T>,
    out: &mut [T],
    stride: usize,
    write: Write,
) {
    let (m, k, n) = (a.rows, a.columns, b.columns);
    assert_eq!(k, b.rows, "inner sides of a product");
    assert_holds(out.len(), (m, n), stride);
    if m == 0 || n == 0 {
        return;
    }
    // SAFETY: `View::new` and `assert_holds` found every number of the three matrices in its
    // slice, and `out` is borrowed alone.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            stride as isize,
            write == Write::Add,
            a.values.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.values.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            T::one(),
            T::one(),
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// Adds the rows of `x`, `[rows, columns]`, `stride` numbers apart, to `sum`, in ascending order.
pub fn add_rows<T: Real>(x: &[T], columns: usize, stride: usize, sum: &mut [T]) {
    for row in x.chunks(stride) {
        for (sum, &x) in sum.iter_mut().zip(&row[..columns]) {
            *sum = *sum + x;
        }
    }
}
