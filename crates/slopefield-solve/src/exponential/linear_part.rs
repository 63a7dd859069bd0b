//! The matrix of the linear part, taken apart into blocks that have nothing to do with each other.

use crate::{Ivp, Real, SolveError};
use slopefield_kernel::Kernel;
use slopefield_linear::Jacobian;

/// Largest block: functions of a matrix are dense, whatever the matrix.
const MOST: usize = 500;

/// The matrix `L`.
///
/// States that are connected through entries of `L`, in any number of steps, are a block: one
/// state each for a diagonal matrix, one block for each of two species that diffuse. Functions of
/// `L` have the same blocks.
#[derive(Default)]
pub(super) struct LinearPart<T: Real> {
    jacobian: Jacobian<T>,
    /// States, block by block.
    pub members: Vec<u32>,
    /// Where blocks begin in `members`; one more at the end.
    pub starts: Vec<usize>,
    /// Entries of the blocks, one after the other, each by columns.
    pub entries: Vec<f64>,
    group: Vec<u32>,
    product: Vec<T>,
    scratch: Vec<T>,
}

impl<T: Real> LinearPart<T> {
    /// Reads the matrix of `stiff` and checks at the start of `ivp` that it is linear.
    ///
    /// # Errors
    /// [`SolveError::Invalid`] when it is not linear, or a block is too large.
    pub fn configure(&mut self, ivp: &Ivp<'_, T>, stiff: &dyn Kernel<T>) -> Result<(), SolveError> {
        let n = ivp.u0.len();
        self.jacobian.prepare(stiff);
        self.jacobian.evaluate(stiff, ivp.t0, ivp.u0, ivp.p);
        self.find_blocks(n);
        let largest = self.blocks().map(|(_, m)| m).max().unwrap_or(0);
        if largest > MOST {
            return Err(SolveError::Invalid(format!(
                "the method etdrk4 computes dense functions of the linear part, for at most {MOST} \
                 states that depend on each other, and here there are {largest}; use kencarp4-imex \
                 or bdf"
            )));
        }
        self.fill(n);
        self.check(ivp, stiff)
    }

    /// Start among the members and size of each block.
    pub fn blocks(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.starts.windows(2).map(|pair| (pair[0], pair[1] - pair[0]))
    }

    /// Writes `L x` to `out`.
    pub fn multiply(&self, x: &[T], out: &mut [T]) {
        self.jacobian.multiply(x, out);
    }

    fn find_blocks(&mut self, n: usize) {
        self.group.clear();
        self.group.extend(0..n as u32);
        match self.jacobian.pattern() {
            None => self.group.fill(0),
            Some(pattern) => {
                for j in 0..n {
                    for i in pattern.column(j) {
                        let (a, b) = (root(&mut self.group, j as u32), root(&mut self.group, *i));
                        self.group[a.max(b) as usize] = a.min(b);
                    }
                }
            }
        }
        for i in 0..n as u32 {
            self.group[i as usize] = root(&mut self.group, i);
        }
        self.members.clear();
        self.members.extend(0..n as u32);
        let group = &self.group;
        // Stable order by (group, state); states of a block stay in order.
        self.members.sort_unstable_by_key(|i| (group[*i as usize], *i));
        self.starts.clear();
        for (k, i) in self.members.iter().enumerate() {
            if k == 0 || group[*i as usize] != group[self.members[k - 1] as usize] {
                self.starts.push(k);
            }
        }
        self.starts.push(n);
    }

    fn fill(&mut self, n: usize) {
        let total = self.blocks().map(|(_, m)| m * m).sum();
        self.entries.clear();
        self.entries.resize(total, 0.0);
        let values = self.jacobian.values();
        let mut first = 0;
        for pair in self.starts.windows(2) {
            let members = &self.members[pair[0]..pair[1]];
            let m = members.len();
            for (column, j) in members.iter().enumerate() {
                let j = *j as usize;
                let place = |row: usize| first + column * m + row;
                match self.jacobian.pattern() {
                    None => {
                        for (row, i) in members.iter().enumerate() {
                            self.entries[place(row)] = values[j * n + *i as usize].f64();
                        }
                    }
                    Some(pattern) => {
                        for (i, value) in pattern.column(j).iter().zip(&values[pattern.range(j)]) {
                            // Every row of the column is in the block.
                            if let Ok(row) = members.binary_search(i) {
                                self.entries[place(row)] = value.f64();
                            }
                        }
                    }
                }
            }
            first += m * m;
        }
    }

    /// Whether the kernel gives the product with the matrix.
    fn check(&mut self, ivp: &Ivp<'_, T>, stiff: &dyn Kernel<T>) -> Result<(), SolveError> {
        let n = ivp.u0.len();
        self.product.resize(2 * n, T::ZERO);
        self.scratch.resize(stiff.scratch_len(), T::ZERO);
        let (value, product) = self.product.split_at_mut(n);
        stiff.eval(T::of(ivp.t0), ivp.u0, ivp.p, value, &mut self.scratch);
        self.jacobian.multiply(ivp.u0, product);
        let largest = ivp.u0.iter().fold(0.0_f64, |m, u| m.max(u.f64().abs()));
        let entry = self.entries.iter().fold(0.0_f64, |m, a| m.max(a.abs()));
        // Sums of n terms, each rounded.
        let limit = 16.0 * (n as f64) * T::EPSILON * largest * entry;
        for (state, (v, w)) in value.iter().zip(product.iter()).enumerate() {
            if !((v.f64() - w.f64()).abs() <= limit) {
                return Err(SolveError::Invalid(format!(
                    "the method etdrk4 needs a stiff part that is linear with constant \
                     coefficients, but that of state {state} is something else"
                )));
            }
        }
        Ok(())
    }
}

/// The first state of a group, with the path to it shortened.
fn root(group: &mut [u32], mut i: u32) -> u32 {
    while group[i as usize] != i {
        let next = group[group[i as usize] as usize];
        group[i as usize] = next;
        i = next;
    }
    i
}
