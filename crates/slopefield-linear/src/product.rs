//! Products of dense matrices.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

/// Writes `a b` to `out`, all `n × n` and by columns.
///
/// # Panics
/// When a slice is not `n²` long.
pub fn multiply_square(n: usize, a: &[f64], b: &[f64], out: &mut [f64]) {
    let (a, b) = (view(n, a), view(n, b));
    matmul(MatMut::from_column_major_slice_mut(out, n, n), Accum::Replace, a, b, 1.0, Par::Seq);
}

fn view(n: usize, a: &[f64]) -> MatRef<'_, f64> {
    MatRef::from_column_major_slice(a, n, n)
}

#[cfg(test)]
mod tests {
    use super::multiply_square;

    #[test]
    fn products_are_those_of_the_definition() {
        for n in [1, 2, 7, 40] {
            let entry = |i: usize| ((i * i) as f64 * 0.37).sin();
            let a: Vec<f64> = (0..n * n).map(entry).collect();
            let b: Vec<f64> = (0..n * n).map(|i| entry(i + 3)).collect();
            let mut out = vec![f64::NAN; n * n];
            multiply_square(n, &a, &b, &mut out);
            for i in 0..n {
                for j in 0..n {
                    let sum: f64 = (0..n).map(|k| a[k * n + i] * b[j * n + k]).sum();
                    assert!((out[j * n + i] - sum).abs() < 1e-13, "{n}: {i} {j}");
                }
            }
        }
    }
}
