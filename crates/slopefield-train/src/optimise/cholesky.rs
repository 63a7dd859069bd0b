//! Cholesky factorisation of a small dense matrix, in place.

/// Replaces the lower triangle of the symmetric `a` (`n × n`, row by row) by its factor and solves
/// `a x = b` in place of `b`. False, with both spoilt, when the matrix is not positive definite to
/// working precision.
pub(super) fn solve(a: &mut [f64], b: &mut [f64]) -> bool {
    let n = b.len();
    for j in 0..n {
        let (above, rest) = a.split_at_mut(j * n);
        let row = &mut rest[..n];
        for k in 0..j {
            let other = &above[k * n..k * n + k + 1];
            let inner: f64 = row[..k].iter().zip(other).map(|(x, y)| x * y).sum();
            row[k] = (row[k] - inner) / other[k];
        }
        let squares: f64 = row[..j].iter().map(|x| x * x).sum();
        let pivot = row[j] - squares;
        if !(pivot > 1e-15 * row[j] && pivot.is_finite()) {
            return false;
        }
        row[j] = pivot.sqrt();
    }
    for i in 0..n {
        let inner: f64 = a[i * n..i * n + i].iter().zip(&*b).map(|(l, x)| l * x).sum();
        b[i] = (b[i] - inner) / a[i * n + i];
    }
    for i in (0..n).rev() {
        b[i] /= a[i * n + i];
        for j in 0..i {
            b[j] -= a[i * n + j] * b[i];
        }
    }
    true
}
