//! Dense LU factorisation of larger matrices, by faer.

use crate::small::acceptable;
use crate::{Field, Real, Singular};
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::lu::partial_pivoting::{factor, solve};
use faer::perm::PermRef;
use faer::{Conj, MatMut, MatRef, Par, Spec};

/// LU factorisation with partial pivoting of a dense matrix by columns.
pub(crate) struct DenseLu<E> {
    n: usize,
    /// The matrix by columns; after [`DenseLu::factor`] its factors.
    pub(crate) values: Vec<E>,
    order: Vec<usize>,
    inverse_order: Vec<usize>,
    /// What was subtracted from each pivot, in size.
    memory: MemBuffer,
}

impl<E: Field> DenseLu<E> {
    pub(crate) fn new(n: usize) -> Self {
        let factoring = factor::lu_in_place_scratch::<usize, E>(n, n, Par::Seq, Spec::default());
        let solving = solve::solve_in_place_scratch::<usize, E>(n, 1, Par::Seq);
        let transposed = solve::solve_transpose_in_place_scratch::<usize, E>(n, 1, Par::Seq);
        DenseLu {
            n,
            values: vec![E::NOTHING; n * n],
            order: vec![0; n],
            inverse_order: vec![0; n],
            memory: MemBuffer::new(factoring.or(solving).or(transposed)),
        }
    }

    pub(crate) fn factor(&mut self) -> Result<(), Singular> {
        let n = self.n;
        factor::lu_in_place(
            MatMut::from_column_major_slice_mut(&mut self.values, n, n),
            &mut self.order,
            &mut self.inverse_order,
            Par::Seq,
            MemStack::new(&mut self.memory),
            Spec::default(),
        );
        for k in 0..n {
            let column = &self.values[k * n..(k + 1) * n];
            // Entries of L are at most 1, so the entries of U bound the products.
            let bound = column[..k].iter().fold(E::NOTHING.size(), |a, u| a.greater(u.size()));
            let mut noise = <E::Part as Real>::ZERO;
            if !(column[k].size() > bound * <E::Part as Real>::of(1e3 * E::Part::EPSILON)) {
                for (j, u) in column[..k].iter().enumerate() {
                    noise += (self.values[j * n + k] * *u).size();
                }
            }
            acceptable(column[k], noise, k)?;
        }
        Ok(())
    }

    pub(crate) fn solve(&mut self, x: &mut [E]) {
        self.solve_with(x, false);
    }

    pub(crate) fn solve_transposed(&mut self, x: &mut [E]) {
        self.solve_with(x, true);
    }

    fn solve_with(&mut self, x: &mut [E], transposed: bool) {
        let n = self.n;
        let factors = MatRef::from_column_major_slice(&self.values, n, n);
        let order = PermRef::new_checked(&self.order, &self.inverse_order, n);
        let x = MatMut::from_column_major_slice_mut(x, n, 1);
        let stack = MemStack::new(&mut self.memory);
        let solve = if transposed {
            solve::solve_transpose_in_place_with_conj::<usize, E>
        } else {
            solve::solve_in_place_with_conj::<usize, E>
        };
        solve(factors, factors, order, Conj::No, x, Par::Seq, stack);
    }
}
