//! Incomplete factorisation as a preconditioner.

use crate::{Jacobian, Mass, Pattern, Real, Singular};

/// `a M − b J` in factors `L U` that have entries only where the matrix has some, or ILU(0): a
/// preconditioner for [`crate::Gmres`] that costs as much as a few products, whatever the order of the
/// states (J. A. Meijerink, H. A. van der Vorst, *An iterative solution method for linear systems of
/// which the coefficient matrix is a symmetric M-matrix*, Math. Comp. 31 (1977) 148,
/// doi:10.2307/2005786; Saad, *Iterative Methods for Sparse Linear Systems*, section 10.3).
#[derive(Debug, Clone, Default)]
pub struct Ilu0<T> {
    pattern: Pattern,
    /// What the pattern was made for.
    jacobian: Option<Pattern>,
    mass: Option<Pattern>,
    /// For each entry of the Jacobian (of the mass matrix), where it is in the pattern.
    jacobian_places: Vec<u32>,
    mass_places: Vec<u32>,
    /// Where the diagonal entry of each column is.
    diagonals: Vec<usize>,
    /// The matrix, column by column.
    entries: Vec<T>,
    /// Its factors: `U` up to the diagonal, `L` without its unit diagonal below.
    factors: Vec<T>,
    /// Place in the column at hand of each row; `NOWHERE` where it has none.
    position: Vec<u32>,
}

const NOWHERE: u32 = u32::MAX;

impl<T: Real> Ilu0<T> {
    /// Takes the patterns of a Jacobian and a mass matrix; nothing is done when they are those of
    /// the last time. Factors of a dense Jacobian are complete.
    pub fn prepare(&mut self, jacobian: &Jacobian<T>, mass: &Mass<T>) {
        let n = jacobian.size();
        let same = self.diagonals.len() == n
            && self.jacobian.as_ref() == jacobian.pattern()
            && self.mass.as_ref() == mass.pattern();
        if same {
            return;
        }
        let full;
        let own = match jacobian.pattern() {
            Some(pattern) => pattern,
            None => {
                full = Pattern::full(n);
                &full
            }
        };
        let diagonal = Pattern::diagonal(n);
        let of_mass = mass.pattern().unwrap_or(&diagonal);
        let whole = own.union(of_mass).union(&diagonal);
        let places = |part: &Pattern| -> Vec<u32> {
            let columns = (0..n).flat_map(|j| part.column(j).iter().map(move |i| (*i, j)));
            columns.map(|(i, j)| whole.index(i, j).map_or(0, |at| at as u32)).collect()
        };
        self.jacobian_places = places(own);
        self.mass_places = places(of_mass);
        self.diagonals.clear();
        self.diagonals.extend((0..n).map(|j| whole.index(j as u32, j).unwrap_or(0)));
        self.entries.resize(whole.len(), T::ZERO);
        self.factors.resize(whole.len(), T::ZERO);
        self.position.clear();
        self.position.resize(n, NOWHERE);
        self.jacobian = jacobian.pattern().cloned();
        self.mass = mass.pattern().cloned();
        self.pattern = whole;
    }

    /// Takes `a M − b J` and factors it incompletely. Allocates nothing.
    ///
    /// # Errors
    /// [`Singular`] where a pivot is 0 or not finite. The matrix itself need not be singular then.
    pub fn factor(
        &mut self,
        a: T,
        b: T,
        jacobian: &Jacobian<T>,
        mass: &Mass<T>,
    ) -> Result<(), Singular> {
        self.take(a, b, jacobian, mass);
        self.factors.copy_from_slice(&self.entries);
        for j in 0..self.diagonals.len() {
            let range = self.pattern.range(j);
            for (at, row) in range.clone().zip(self.pattern.column(j)) {
                self.position[*row as usize] = at as u32;
            }
            for at in range.start..self.diagonals[j] {
                let k = self.pattern.view().rows[at] as usize;
                let u = self.factors[at];
                if u == T::ZERO {
                    continue;
                }
                for from in self.diagonals[k] + 1..self.pattern.range(k).end {
                    let to = self.position[self.pattern.view().rows[from] as usize];
                    if to != NOWHERE {
                        let product = self.factors[from] * u;
                        self.factors[to as usize] -= product;
                    }
                }
            }
            for row in self.pattern.column(j) {
                self.position[*row as usize] = NOWHERE;
            }
            let pivot = self.factors[self.diagonals[j]];
            if pivot == T::ZERO || !pivot.finite() {
                return Err(Singular { column: j });
            }
            let reciprocal = T::ONE / pivot;
            for l in &mut self.factors[self.diagonals[j] + 1..range.end] {
                *l *= reciprocal;
            }
        }
        Ok(())
    }

    /// Takes `a M − b J` without factoring it: products are with the new matrix, solutions with the
    /// factors of the old one.
    pub fn take(&mut self, a: T, b: T, jacobian: &Jacobian<T>, mass: &Mass<T>) {
        self.entries.fill(T::ZERO);
        for (place, v) in self.jacobian_places.iter().zip(jacobian.values()) {
            self.entries[*place as usize] -= b * *v;
        }
        for (k, place) in self.mass_places.iter().enumerate() {
            let m = if mass.is_identity() { T::ONE } else { mass.values()[k] };
            self.entries[*place as usize] += a * m;
        }
    }

    /// Writes the product of the matrix taken last with `x` to `out`.
    pub fn multiply(&self, x: &[T], out: &mut [T]) {
        out.fill(T::ZERO);
        for (j, x) in x.iter().enumerate() {
            let entries = &self.entries[self.pattern.range(j)];
            for (i, entry) in self.pattern.column(j).iter().zip(entries) {
                out[*i as usize] += *entry * *x;
            }
        }
    }

    /// Replaces `x` by the solution with the incomplete factors.
    pub fn solve(&self, x: &mut [T]) {
        let n = self.diagonals.len();
        let rows = self.pattern.view().rows;
        for j in 0..n {
            let xj = x[j];
            for at in self.diagonals[j] + 1..self.pattern.range(j).end {
                x[rows[at] as usize] -= self.factors[at] * xj;
            }
        }
        for j in (0..n).rev() {
            x[j] /= self.factors[self.diagonals[j]];
            let xj = x[j];
            for at in self.pattern.range(j).start..self.diagonals[j] {
                x[rows[at] as usize] -= self.factors[at] * xj;
            }
        }
    }
}
