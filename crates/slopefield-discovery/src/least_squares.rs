//! Small dense least squares by Householder reflections.

/// A column counts as a combination of the others below this share of its length.
const RANK: f64 = 1e-9;

/// Coefficients that fit `columns` to `values` best; `None` where columns depend on each other, are
/// zero, or hold numbers that are not finite.
pub(crate) fn solve(columns: &[Vec<f64>], values: &[f64]) -> Option<Vec<f64>> {
    let (rows, n) = (values.len(), columns.len());
    if rows < n {
        return None;
    }
    let norm = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
    // Columns of length 1, so that what is small is so by dependence only.
    let lengths: Vec<f64> = columns.iter().map(|c| norm(c)).collect();
    if lengths.iter().any(|l| !(l.is_finite() && *l > 0.0)) {
        return None;
    }
    let mut a: Vec<Vec<f64>> =
        columns.iter().zip(&lengths).map(|(c, l)| c.iter().map(|x| x / l).collect()).collect();
    let mut b = values.to_vec();
    for k in 0..n {
        let below = norm(&a[k][k..]);
        if below < RANK {
            return None;
        }
        let head = if a[k][k] > 0.0 { -below } else { below };
        let mut v = a[k][k..].to_vec();
        v[0] -= head;
        let square: f64 = v.iter().map(|x| x * x).sum();
        let reflect = |x: &mut [f64]| {
            let along = 2.0 * v.iter().zip(&*x).map(|(v, x)| v * x).sum::<f64>() / square;
            x.iter_mut().zip(&v).for_each(|(x, v)| *x -= along * v);
        };
        for column in &mut a[k..] {
            reflect(&mut column[k..]);
        }
        reflect(&mut b[k..]);
    }
    let mut found = vec![0.0; n];
    for k in (0..n).rev() {
        let known: f64 = (k + 1..n).map(|j| a[j][k] * found[j]).sum();
        found[k] = (b[k] - known) / a[k][k];
    }
    found.iter_mut().zip(&lengths).for_each(|(x, l)| *x /= l);
    found.iter().all(|x| x.is_finite()).then_some(found)
}

/// Sum of the squared distances of a combination of columns from values.
pub(crate) fn residual(columns: &[Vec<f64>], coefficients: &[f64], values: &[f64]) -> f64 {
    let row = |k: usize| columns.iter().zip(coefficients).map(|(c, x)| c[k] * x).sum::<f64>();
    values.iter().enumerate().map(|(k, y)| (row(k) - y).powi(2)).sum()
}
