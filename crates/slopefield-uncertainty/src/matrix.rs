//! Symmetric matrices, row by row.

use faer::{Mat, Side};

/// Eigenvalues, ascending, and the eigenvector of each; `None` when a number is not finite.
pub(crate) fn eigen(matrix: &[f64], n: usize) -> Option<(Vec<f64>, Vec<Vec<f64>>)> {
    if n == 0 {
        return Some((Vec::new(), Vec::new()));
    }
    if !matrix.iter().all(|x| x.is_finite()) {
        return None;
    }
    let matrix = Mat::from_fn(n, n, |i, j| 0.5 * (matrix[i * n + j] + matrix[j * n + i]));
    let pair = matrix.self_adjoint_eigen(Side::Lower).ok()?;
    let values = (0..n).map(|k| pair.S().column_vector()[k]).collect();
    let vectors = (0..n).map(|k| (0..n).map(|i| pair.U()[(i, k)]).collect()).collect();
    Some((values, vectors))
}
