//! The compact form of a limited-memory BFGS matrix, `B = θI − W M Wᵀ` with `W = [Y, θS]` (Byrd,
//! Nocedal and Schnabel, Math. Programming 63 (1994) 129, theorem 2.3).

use super::dot;

/// The matrix of some pairs of differences.
#[derive(Debug, Clone, Default)]
pub(super) struct Compact {
    /// Dimension.
    n: usize,
    /// The pairs.
    m: usize,
    theta: f64,
    /// Columns of `W`, one after the other: `Y`, then `θS`.
    w: Vec<f64>,
    /// `M`, `2m × 2m`, row by row.
    middle: Vec<f64>,
    /// Work.
    matrix: Vec<f64>,
    gram: Vec<f64>,
    short: Vec<f64>,
    shorter: Vec<f64>,
}

impl Compact {
    /// From pairs, oldest first; without any, the identity. False when the middle matrix is
    /// singular.
    pub fn build(&mut self, n: usize, s: &[f64], y: &[f64]) -> bool {
        let m = s.len() / n.max(1);
        (self.n, self.m, self.theta) = (n, m, 1.0);
        self.w.clear();
        if m == 0 {
            return true;
        }
        let newest = &y[(m - 1) * n..];
        self.theta = dot(newest, newest) / dot(&s[(m - 1) * n..], newest);
        self.w.extend_from_slice(y);
        self.w.extend(s.iter().map(|s| self.theta * s));
        // M⁻¹ = [−D, Lᵀ; L, θ SᵀS] with D the diagonal and L the strict lower part of SᵀY.
        let size = 2 * m;
        self.matrix.clear();
        self.matrix.resize(size * size, 0.0);
        for i in 0..m {
            let si = &s[i * n..(i + 1) * n];
            for j in 0..m {
                let (sj, yj) = (&s[j * n..(j + 1) * n], &y[j * n..(j + 1) * n]);
                self.matrix[(m + i) * size + m + j] = self.theta * dot(si, sj);
                let sy = dot(si, yj);
                if i == j {
                    self.matrix[i * size + i] = -sy;
                } else if i > j {
                    self.matrix[(m + i) * size + j] = sy;
                    self.matrix[j * size + m + i] = sy;
                }
            }
        }
        self.middle.clear();
        self.middle.resize(size * size, 0.0);
        for k in 0..size {
            self.middle[k * size + k] = 1.0;
        }
        eliminate(&mut self.matrix, &mut self.middle, size, size)
    }

    /// Whether it is a multiple of the identity.
    pub fn is_plain(&self) -> bool {
        self.m == 0
    }

    /// Writes `B v`.
    pub fn product(&mut self, v: &[f64], out: &mut [f64]) {
        for (o, v) in out.iter_mut().zip(v) {
            *o = self.theta * v;
        }
        let size = 2 * self.m;
        self.short.clear();
        for k in 0..size {
            self.short.push(dot(&self.w[k * self.n..(k + 1) * self.n], v));
        }
        for k in 0..size {
            let weight = dot(&self.middle[k * size..(k + 1) * size], &self.short);
            for (o, w) in out.iter_mut().zip(&self.w[k * self.n..]) {
                *o -= weight * w;
            }
        }
    }

    /// Writes `−B_F⁻¹ r_F`, one element for each free coordinate, by the formula of Sherman,
    /// Morrison and Woodbury. False when that has no solution.
    pub fn solve_free(&mut self, free: &[usize], r: &[f64], out: &mut Vec<f64>) -> bool {
        let (n, size, theta) = (self.n, 2 * self.m, self.theta);
        let column = |w: &[f64], k: usize, i: usize| w[k * n + i];
        // (I − M W_FᵀW_F / θ) v = M W_Fᵀ r.
        self.short.clear();
        for k in 0..size {
            self.short.push(free.iter().map(|&i| column(&self.w, k, i) * r[i]).sum());
        }
        self.shorter.clear();
        for k in 0..size {
            self.shorter.push(dot(&self.middle[k * size..(k + 1) * size], &self.short));
        }
        self.gram.resize(size * size, 0.0);
        for a in 0..size {
            for b in 0..=a {
                let sum: f64 =
                    free.iter().map(|&i| column(&self.w, a, i) * column(&self.w, b, i)).sum();
                self.gram[a * size + b] = sum / theta;
                self.gram[b * size + a] = sum / theta;
            }
        }
        self.matrix.clear();
        self.matrix.resize(size * size, 0.0);
        for a in 0..size {
            for b in 0..size {
                // `gram` is symmetric: its row is its column.
                let inner = dot(
                    &self.middle[a * size..(a + 1) * size],
                    &self.gram[b * size..(b + 1) * size],
                );
                self.matrix[a * size + b] = f64::from(u8::from(a == b)) - inner;
            }
        }
        if !eliminate(&mut self.matrix, &mut self.shorter, size, 1) {
            return false;
        }
        out.clear();
        out.extend(free.iter().map(|&i| {
            let bent: f64 = (0..size).map(|k| column(&self.w, k, i) * self.shorter[k]).sum();
            -r[i] / theta - bent / (theta * theta)
        }));
        out.iter().all(|d| d.is_finite())
    }
}

/// Solves `a x = b` for `columns` right-hand sides in place (rows of `b` are rows of the system), by
/// Gaussian elimination with row pivoting. False when `a` is singular.
fn eliminate(a: &mut [f64], b: &mut [f64], size: usize, columns: usize) -> bool {
    for k in 0..size {
        let pivot =
            (k..size).max_by(|i, j| a[i * size + k].abs().total_cmp(&a[j * size + k].abs()));
        let Some(pivot) = pivot else { return false };
        let value = a[pivot * size + k];
        if value == 0.0 || !value.is_finite() {
            return false;
        }
        if pivot != k {
            (0..size).for_each(|j| a.swap(k * size + j, pivot * size + j));
            (0..columns).for_each(|j| b.swap(k * columns + j, pivot * columns + j));
        }
        for i in k + 1..size {
            let factor = a[i * size + k] / value;
            if factor != 0.0 {
                (k..size).for_each(|j| a[i * size + j] -= factor * a[k * size + j]);
                (0..columns).for_each(|j| b[i * columns + j] -= factor * b[k * columns + j]);
            }
        }
    }
    for k in (0..size).rev() {
        for j in 0..columns {
            let known: f64 = (k + 1..size).map(|i| a[k * size + i] * b[i * columns + j]).sum();
            b[k * columns + j] = (b[k * columns + j] - known) / a[k * size + k];
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The BFGS matrix by its update formula from θI, for comparison.
    fn updated(n: usize, theta: f64, s: &[f64], y: &[f64]) -> Vec<f64> {
        let mut b = vec![0.0; n * n];
        (0..n).for_each(|i| b[i * n + i] = theta);
        for (s, y) in s.chunks(n).zip(y.chunks(n)) {
            let bs: Vec<f64> = (0..n).map(|i| dot(&b[i * n..(i + 1) * n], s)).collect();
            let (sbs, sy) = (dot(s, &bs), dot(s, y));
            for i in 0..n {
                for j in 0..n {
                    b[i * n + j] += y[i] * y[j] / sy - bs[i] * bs[j] / sbs;
                }
            }
        }
        b
    }

    #[test]
    fn the_compact_form_is_the_matrix_of_the_update_formula() {
        let n = 4;
        let s = [0.3, -0.2, 0.5, 0.1, -0.4, 0.6, 0.2, 0.3];
        let y = [0.9, -0.1, 0.7, 0.3, -0.3, 1.5, 0.1, 0.9];
        let mut compact = Compact::default();
        assert!(compact.build(n, &s, &y));
        let theta = compact.theta;
        assert!((theta - dot(&y[4..], &y[4..]) / dot(&s[4..], &y[4..])).abs() < 1e-14);
        let b = updated(n, theta, &s, &y);
        let v = [0.7, -1.1, 0.4, 2.0];
        let mut got = [0.0; 4];
        compact.product(&v, &mut got);
        for i in 0..n {
            assert!((got[i] - dot(&b[i * n..(i + 1) * n], &v)).abs() < 1e-12, "{got:?}");
        }
        // Solving over coordinates 0, 1 and 3, and multiplying back.
        let (free, r) = ([0, 1, 3], [0.5, -0.25, 9.0, 1.5]);
        let mut d = Vec::new();
        assert!(compact.solve_free(&free, &r, &mut d));
        for &i in &free {
            let back: f64 = free.iter().zip(&d).map(|(&j, d)| b[i * n + j] * d).sum();
            assert!((back + r[i]).abs() < 1e-12, "{i}: {back}");
        }
        assert!(compact.build(n, &[], &[]) && compact.is_plain());
        compact.product(&v, &mut got);
        assert_eq!(got, v);
    }
}
