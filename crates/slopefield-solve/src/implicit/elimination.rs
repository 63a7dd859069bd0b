//! Gaussian elimination with complete pivoting: ranks, null spaces, and solutions of small systems.
//!
//! Complete pivoting reveals the rank of all but contrived matrices (Golub, Van Loan, *Matrix
//! Computations*, section 3.4.8). It is for matrices that are looked at once in a solve; those of
//! steps are factored by `slopefield-linear`.

/// A square matrix in factors `R A C = Pᵀ L U Qᵀ`, with scales `R` and `C` that make the largest
/// entry of every row and column about 1.
#[derive(Debug, Clone, Default)]
pub(crate) struct Elimination {
    n: usize,
    rank: usize,
    /// `L` below the diagonal, `U` on and above it, row by row.
    a: Vec<f64>,
    /// Row of the matrix at each position.
    rows: Vec<usize>,
    /// Column of the matrix at each position.
    columns: Vec<usize>,
    row_scales: Vec<f64>,
    column_scales: Vec<f64>,
    /// Largest entry of each row that is left, and where it is.
    largest: Vec<(f64, usize)>,
    work: Vec<f64>,
}

impl Elimination {
    /// A matrix of zeros, row by row, to be filled. Allocates only when `n` grows.
    pub(crate) fn entries(&mut self, n: usize) -> &mut [f64] {
        self.n = n;
        self.a.clear();
        self.a.resize(n * n, 0.0);
        &mut self.a
    }

    /// The entries again, to be filled further before [`Elimination::factor`].
    pub(crate) fn entries_held(&mut self) -> &mut [f64] {
        &mut self.a
    }

    /// Factors the entries. What is below `threshold` of the largest entry counts as 0.
    pub(crate) fn factor(&mut self, threshold: f64) {
        let n = self.n;
        self.scale();
        self.rows.clear();
        self.rows.extend(0..n);
        self.columns.clear();
        self.columns.extend(0..n);
        self.work.clear();
        self.work.resize(n, 0.0);
        self.largest.clear();
        self.largest.resize(n, (0.0, 0));
        for i in 0..n {
            self.look_for_largest(i, 0);
        }
        self.rank = n;
        for k in 0..n {
            let mut pivot = k;
            for i in k + 1..n {
                if self.largest[i].0 > self.largest[pivot].0 {
                    pivot = i;
                }
            }
            let (size, column) = self.largest[pivot];
            if !(size > threshold) {
                self.rank = k;
                return;
            }
            self.exchange(k, pivot, column);
            self.eliminate(k);
        }
    }

    fn scale(&mut self) {
        let n = self.n;
        self.row_scales.clear();
        self.column_scales.clear();
        self.column_scales.resize(n, 0.0);
        let reciprocal = |x: f64| if x > 0.0 { 1.0 / x } else { 1.0 };
        for i in 0..n {
            let row = &mut self.a[i * n..(i + 1) * n];
            let scale = reciprocal(row.iter().fold(0.0, |m: f64, x| m.max(x.abs())));
            self.row_scales.push(scale);
            for (x, largest) in row.iter_mut().zip(&mut self.column_scales) {
                *x *= scale;
                *largest = largest.max(x.abs());
            }
        }
        for scale in &mut self.column_scales {
            *scale = reciprocal(*scale);
        }
        for i in 0..n {
            for (x, scale) in self.a[i * n..(i + 1) * n].iter_mut().zip(&self.column_scales) {
                *x *= scale;
            }
        }
    }

    fn look_for_largest(&mut self, row: usize, from: usize) {
        let mut largest = (0.0, from);
        for (j, x) in self.a[row * self.n..(row + 1) * self.n].iter().enumerate().skip(from) {
            // NaN must not hide: it is never larger, so that the rank is too small instead.
            if x.abs() > largest.0 {
                largest = (x.abs(), j);
            }
        }
        self.largest[row] = largest;
    }

    /// Brings the pivot to position `k`.
    fn exchange(&mut self, k: usize, row: usize, column: usize) {
        let n = self.n;
        if row != k {
            for j in 0..n {
                self.a.swap(k * n + j, row * n + j);
            }
            self.rows.swap(k, row);
            self.largest.swap(k, row);
        }
        if column != k {
            for i in 0..n {
                self.a.swap(i * n + k, i * n + column);
            }
            self.columns.swap(k, column);
            for largest in &mut self.largest[k + 1..] {
                if largest.1 == k {
                    largest.1 = column;
                } else if largest.1 == column {
                    largest.1 = k;
                }
            }
        }
    }

    fn eliminate(&mut self, k: usize) {
        let n = self.n;
        let (above, below) = self.a.split_at_mut((k + 1) * n);
        let pivot_row = &above[k * n + k..];
        let pivot = pivot_row[0];
        for i in k + 1..n {
            let row = &mut below[(i - k - 1) * n + k..(i - k) * n];
            if row[0] == 0.0 {
                continue; // also keeps matrices that are nearly diagonal cheap
            }
            let factor = row[0] / pivot;
            row[0] = factor;
            for (x, above) in row[1..].iter_mut().zip(&pivot_row[1..]) {
                *x -= factor * above;
            }
            self.largest[i].0 = f64::NAN;
        }
        for i in k + 1..n {
            if self.largest[i].0.is_nan() {
                self.look_for_largest(i, k + 1);
            }
        }
    }

    pub(crate) fn rank(&self) -> usize {
        self.rank
    }

    /// A solution of `A x = b`, in place, with zeros in the free unknowns. Of the equations beyond
    /// the rank nothing is used.
    pub(crate) fn solve(&mut self, b: &mut [f64]) {
        let (n, rank) = (self.n, self.rank);
        let y = &mut self.work;
        for i in 0..rank {
            let row = &self.a[i * n..i * n + i];
            let sum: f64 = row.iter().zip(&*y).map(|(l, y)| l * y).sum();
            y[i] = b[self.rows[i]] * self.row_scales[self.rows[i]] - sum;
        }
        for i in (0..rank).rev() {
            let row = &self.a[i * n..i * n + rank];
            let sum: f64 = row[i + 1..].iter().zip(&y[i + 1..]).map(|(u, y)| u * y).sum();
            y[i] = (y[i] - sum) / row[i];
        }
        b.fill(0.0);
        for i in 0..rank {
            b[self.columns[i]] = y[i] * self.column_scales[self.columns[i]];
        }
    }

    /// Applies the transpose of [`Elimination::solve`], which is linear in its argument, in place.
    pub(crate) fn solve_transposed(&mut self, x: &mut [f64]) {
        let (n, rank) = (self.n, self.rank);
        let y = &mut self.work;
        for i in 0..rank {
            let column = self.columns[i];
            let mut sum = x[column] * self.column_scales[column];
            for (j, y) in y[..i].iter().enumerate() {
                sum -= self.a[j * n + i] * y;
            }
            y[i] = sum / self.a[i * n + i];
        }
        for i in (0..rank).rev() {
            let mut sum = y[i];
            for (j, y) in y[..rank].iter().enumerate().skip(i + 1) {
                sum -= self.a[j * n + i] * y;
            }
            y[i] = sum;
        }
        x.fill(0.0);
        for i in 0..rank {
            x[self.rows[i]] = y[i] * self.row_scales[self.rows[i]];
        }
    }

    /// Writes the `k`-th vector `w` with `wᵀ A = 0`, `k < n − rank`. The equation that it adds
    /// multiples of others to is returned.
    pub(crate) fn left_null(&mut self, k: usize, w: &mut [f64]) -> usize {
        let (n, rank) = (self.n, self.rank);
        let last = &self.a[(rank + k) * n..(rank + k) * n + rank];
        let y = &mut self.work;
        // Lᵀ y = −(multipliers of the row), from the last to the first.
        let filled = last.iter().rposition(|l| *l != 0.0).map_or(0, |i| i + 1);
        y[filled..rank].fill(0.0);
        for i in (0..filled).rev() {
            let mut sum = last[i];
            for (j, y) in y[..filled].iter().enumerate().skip(i + 1) {
                sum += self.a[j * n + i] * y;
            }
            y[i] = -sum;
        }
        w.fill(0.0);
        for i in 0..rank {
            w[self.rows[i]] = y[i] * self.row_scales[self.rows[i]];
        }
        let own = self.rows[rank + k];
        w[own] = self.row_scales[own];
        own
    }

    /// Writes the `k`-th vector `v` with `A v = 0`, `k < n − rank`.
    pub(crate) fn right_null(&mut self, k: usize, v: &mut [f64]) {
        let (n, rank) = (self.n, self.rank);
        let y = &mut self.work;
        let filled = (0..rank).rposition(|i| self.a[i * n + rank + k] != 0.0).map_or(0, |i| i + 1);
        y[filled..rank].fill(0.0);
        for i in (0..filled).rev() {
            let row = &self.a[i * n..(i + 1) * n];
            let sum: f64 = row[i + 1..rank].iter().zip(&y[i + 1..rank]).map(|(u, y)| u * y).sum();
            y[i] = (-row[rank + k] - sum) / row[i];
        }
        v.fill(0.0);
        for i in 0..rank {
            v[self.columns[i]] = y[i] * self.column_scales[self.columns[i]];
        }
        let own = self.columns[rank + k];
        v[own] = self.column_scales[own];
    }
}

#[cfg(test)]
mod tests {
    use super::Elimination;

    fn of(rows: &[&[f64]]) -> Elimination {
        let mut elimination = Elimination::default();
        let n = rows.len();
        let entries = elimination.entries(n);
        for (row, values) in entries.chunks_exact_mut(n).zip(rows) {
            row.copy_from_slice(values);
        }
        elimination.factor(1e-12);
        elimination
    }

    fn product(rows: &[&[f64]], x: &[f64]) -> Vec<f64> {
        rows.iter().map(|row| row.iter().zip(x).map(|(a, x)| a * x).sum()).collect()
    }

    fn check(rows: &[&[f64]], rank: usize) {
        let n = rows.len();
        let mut elimination = of(rows);
        assert_eq!(elimination.rank(), rank);
        let x: Vec<f64> = (0..n).map(|i| 1.0 + i as f64).collect();
        let b = product(rows, &x);
        let mut solution = b.clone();
        elimination.solve(&mut solution);
        let scale = b.iter().fold(1.0_f64, |m, x| m.max(x.abs()));
        // The transpose: wᵀ (A⁺ b) = (A⁺ᵀ w)ᵀ b.
        let w: Vec<f64> = (0..n).map(|i| (1.3 * i as f64).cos()).collect();
        let mut transposed = w.clone();
        elimination.solve_transposed(&mut transposed);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let (one, other) = (dot(&w, &solution), dot(&transposed, &b));
        assert!((one - other).abs() <= 1e-13 * dot(&solution, &solution).sqrt(), "{one} {other}");
        for (left, right) in product(rows, &solution).iter().zip(&b) {
            assert!((left - right).abs() < 1e-14 * scale, "{left} {right}");
        }
        for k in 0..n - rank {
            let (mut w, mut v) = (vec![0.0; n], vec![0.0; n]);
            let own = elimination.left_null(k, &mut w);
            elimination.right_null(k, &mut v);
            assert!(w[own] != 0.0 && v.iter().any(|v| *v != 0.0));
            let mut sums = vec![0.0; n];
            for (row, w) in rows.iter().zip(&w) {
                sums.iter_mut().zip(row.iter()).for_each(|(sum, x)| *sum += w * x);
            }
            assert!(sums.iter().all(|sum| sum.abs() < 1e-14 * scale), "{sums:?}");
            assert!(product(rows, &v).iter().all(|x| x.abs() < 1e-14 * scale));
        }
    }

    #[test]
    fn ranks_null_spaces_and_solutions() {
        check(&[&[2.0, 1.0, 0.0], &[0.0, 0.0, 3.0], &[1.0, -1.0, 1.0]], 3);
        check(&[&[1.0, 0.0, 0.0], &[0.0, 0.0, 0.0], &[0.0, 0.0, 1.0]], 2);
        check(&[&[0.0, 0.0], &[0.0, 0.0]], 0);
        // Capacitors between nodes: blocks of rank 1, of very different sizes.
        check(
            &[
                &[-1e-6, 1e-6, 0.0, 0.0, 0.0],
                &[1e-6, -1e-6, 0.0, 0.0, 0.0],
                &[0.0, 0.0, -2e3, 0.0, 0.0],
                &[0.0, 0.0, 0.0, -3e-9, 3e-9],
                &[0.0, 0.0, 0.0, 3e-9, -3e-9],
            ],
            3,
        );
        check(&[&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0], &[1.0, 1.0, 1.0]], 2);
    }
}
