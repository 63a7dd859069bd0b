//! Eigenvalues and eigenvectors of a symmetric matrix by Jacobi's rotations (Golub and Van Loan,
//! *Matrix Computations*, section 8.5): short, accurate, the same bits everywhere.

/// Sweeps at most; each squares what is left beside the diagonal.
const SWEEPS: u32 = 30;

/// Replaces `a` (`n × n`) by a diagonal matrix with its eigenvalues and writes the eigenvectors, one
/// a row, in the same order. Only the upper triangle is believed.
pub(crate) fn decompose(a: &mut [f64], vectors: &mut [f64], n: usize) {
    vectors.fill(0.0);
    for i in 0..n {
        vectors[i * n + i] = 1.0;
        for j in 0..i {
            a[i * n + j] = a[j * n + i];
        }
    }
    for _ in 0..SWEEPS {
        let beside: f64 = (0..n)
            .flat_map(|i| (i + 1..n).map(move |j| (i, j)))
            .map(|(i, j)| a[i * n + j].powi(2))
            .sum();
        let diagonal: f64 = (0..n).map(|i| a[i * n + i].powi(2)).sum();
        if beside <= 1e-34 * diagonal {
            return;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(a, vectors, n, p, q);
            }
        }
    }
}

/// Makes the element `(p, q)` zero.
fn rotate(a: &mut [f64], vectors: &mut [f64], n: usize, p: usize, q: usize) {
    let apq = a[p * n + q];
    if apq == 0.0 {
        return;
    }
    let tau = (a[q * n + q] - a[p * n + p]) / (2.0 * apq);
    let t = tau.signum() / (tau.abs() + tau.hypot(1.0));
    let t = if tau == 0.0 { 1.0 } else { t };
    let c = 1.0 / t.hypot(1.0);
    let s = t * c;
    for k in 0..n {
        let (x, y) = (a[k * n + p], a[k * n + q]);
        a[k * n + p] = c * x - s * y;
        a[k * n + q] = s * x + c * y;
    }
    for k in 0..n {
        let (x, y) = (a[p * n + k], a[q * n + k]);
        a[p * n + k] = c * x - s * y;
        a[q * n + k] = s * x + c * y;
    }
    for k in 0..n {
        let (x, y) = (vectors[p * n + k], vectors[q * n + k]);
        vectors[p * n + k] = c * x - s * y;
        vectors[q * n + k] = s * x + c * y;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimise::dot;

    #[test]
    fn the_parts_put_together_are_the_matrix() {
        // The Hilbert matrix of 6, whose smallest eigenvalue is 1.0828e-7 and largest 1.6189.
        let n = 6;
        let hilbert: Vec<f64> = (0..n * n).map(|k| 1.0 / (k / n + k % n + 1) as f64).collect();
        let (mut a, mut v) = (hilbert.clone(), vec![0.0; n * n]);
        decompose(&mut a, &mut v, n);
        let mut values: Vec<f64> = (0..n).map(|i| a[i * n + i]).collect();
        for i in 0..n {
            for j in 0..n {
                let put: f64 = (0..n).map(|k| values[k] * v[k * n + i] * v[k * n + j]).sum();
                assert!((put - hilbert[i * n + j]).abs() < 1e-14);
                let inner = dot(&v[i * n..(i + 1) * n], &v[j * n..(j + 1) * n]);
                assert!((inner - f64::from(u8::from(i == j))).abs() < 1e-14);
            }
        }
        values.sort_by(f64::total_cmp);
        assert!((values[0] - 1.082_799_484_565_549e-7).abs() < 1e-15, "{}", values[0]);
        assert!((values[5] - 1.618_899_858_924_339).abs() < 1e-13, "{}", values[5]);
    }
}
