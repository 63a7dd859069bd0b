//! The matrix of the coupled stages with a Jacobian each.

use super::coefficients::inverse_stage_matrix;
use crate::Real;
use slopefield_kernel::MatrixPattern;
use slopefield_linear::{IterationMatrix, Jacobian, Mass, Pattern, Singular};

/// `K = A⁻¹/h ⊗ M − diag(J_1, J_2, J_3)`, factored as one matrix of three times the size of the
/// system: what the simplified Newton method of the solver, with one Jacobian, is an approximation
/// of. For iterations that do not converge otherwise, and for derivatives of the stages.
#[derive(Default)]
pub struct StageMatrix<T: Real = f64> {
    n: usize,
    /// The patterns that it was prepared for.
    parts: Option<(Option<Pattern>, Option<Pattern>)>,
    whole: Jacobian<T>,
    none: Mass<T>,
    matrix: IterationMatrix<T>,
    /// Where the entries of the mass matrix go, block by block, and those of the Jacobians.
    mass_places: Vec<u32>,
    jacobian_places: Vec<u32>,
}

impl<T: Real> StageMatrix<T> {
    /// Sizes everything for Jacobians like `jacobian` and for `mass`; nothing is done when their
    /// patterns are those of the last time.
    pub fn prepare(&mut self, jacobian: &Jacobian<T>, mass: &Mass<T>) {
        let n = jacobian.size();
        let same = |(j, m): &(Option<Pattern>, Option<Pattern>)| {
            j.as_ref() == jacobian.pattern() && m.as_ref() == mass.pattern()
        };
        if self.n == n && self.parts.as_ref().is_some_and(same) {
            return;
        }
        self.n = n;
        let own = jacobian.pattern().cloned().unwrap_or_else(|| Pattern::full(n));
        let coupling = mass.pattern().cloned().unwrap_or_else(|| Pattern::diagonal(n));
        let (mut starts, mut rows) = (vec![0], Vec::new());
        for block in 0..3 {
            for j in 0..n {
                for i in 0..3 {
                    let first = rows.len();
                    let shifted = |row: &u32| row + (i * n) as u32;
                    rows.extend(coupling.column(j).iter().map(shifted));
                    if i == block {
                        rows.extend(own.column(j).iter().map(shifted));
                        rows[first..].sort_unstable();
                    }
                }
                let first = starts[starts.len() - 1];
                let mut kept = first;
                for index in first..rows.len() {
                    if index == first || rows[index] != rows[kept - 1] {
                        rows[kept] = rows[index];
                        kept += 1;
                    }
                }
                rows.truncate(kept);
                starts.push(kept);
            }
        }
        let whole = MatrixPattern { height: 3 * n, starts: &starts, rows: &rows };
        let whole = Pattern::of(whole);
        let place = |i: usize, row: u32, j: usize, column: usize| {
            whole.index(row + (i * n) as u32, j * n + column).map_or(0, |at| at as u32)
        };
        self.mass_places.clear();
        self.jacobian_places.clear();
        for i in 0..3 {
            for j in 0..3 {
                for c in 0..n {
                    self.mass_places.extend(coupling.column(c).iter().map(|r| place(i, *r, j, c)));
                }
            }
            for c in 0..n {
                self.jacobian_places.extend(own.column(c).iter().map(|r| place(i, *r, i, c)));
            }
        }
        self.whole = Jacobian::of_pattern(whole);
        self.none = Mass::identity(3 * n);
        self.matrix.prepare(&self.whole, &self.none);
        self.parts = Some((jacobian.pattern().cloned(), mass.pattern().cloned()));
    }

    /// Factors the matrix for a step of length `h`.
    ///
    /// # Errors
    /// [`Singular`]: it has no inverse to working precision.
    pub fn factor(
        &mut self,
        h: f64,
        jacobians: [&Jacobian<T>; 3],
        mass: &Mass<T>,
    ) -> Result<(), Singular> {
        let values = self.whole.values_mut();
        values.fill(T::ZERO);
        let entries = if mass.is_identity() { self.n } else { mass.values().len() };
        let mut places = self.mass_places.iter();
        for factor in inverse_stage_matrix().into_iter().flatten() {
            let factor = T::of(factor / h);
            for (k, place) in places.by_ref().take(entries).enumerate() {
                let m = if mass.is_identity() { T::ONE } else { mass.values()[k] };
                values[*place as usize] += factor * m;
            }
        }
        let all = jacobians.into_iter().flat_map(Jacobian::values);
        for (place, entry) in self.jacobian_places.iter().zip(all) {
            values[*place as usize] -= *entry;
        }
        self.matrix.factor(T::ZERO, -T::ONE, &self.whole, &self.none)
    }

    /// Replaces `x`, three vectors one after the other, by `K⁻¹ x`.
    pub fn solve(&mut self, x: &mut [T]) {
        self.matrix.solve(x);
    }

    /// Replaces `x` by `K⁻ᵀ x`.
    pub fn solve_transposed(&mut self, x: &mut [T]) {
        self.matrix.solve_transposed(x);
    }
}
