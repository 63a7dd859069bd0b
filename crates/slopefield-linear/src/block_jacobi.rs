//! Block Jacobi preconditioner.

use crate::small::{LARGEST, SmallLu};
use crate::{Jacobian, Mass, Real, Singular};

/// The diagonal blocks of `a M − b J`, factored: a preconditioner where states that belong
/// together, such as the species at one point of a grid, follow each other.
#[derive(Debug, Clone, Default)]
pub struct BlockJacobi<T> {
    block: usize,
    blocks: Vec<SmallLu<T>>,
}

impl<T: Real> BlockJacobi<T> {
    /// For `n` states in blocks of `block`; the last may be smaller.
    ///
    /// # Panics
    /// If a block is empty or larger than 32.
    pub fn new(n: usize, block: usize) -> Self {
        assert!((1..=LARGEST).contains(&block), "blocks of {block} states");
        let blocks = (0..n)
            .step_by(block)
            .map(|first| {
                let mut lu = SmallLu::default();
                lu.resize(block.min(n - first));
                lu
            })
            .collect();
        BlockJacobi { block, blocks }
    }

    /// Takes and factors the blocks of `a M − b J`. Allocates nothing.
    ///
    /// # Errors
    /// [`Singular`] with the first column of the block.
    pub fn factor(
        &mut self,
        a: T,
        b: T,
        jacobian: &Jacobian<T>,
        mass: &Mass<T>,
    ) -> Result<(), Singular> {
        let n = jacobian.size();
        for (index, lu) in self.blocks.iter_mut().enumerate() {
            let first = index * self.block;
            let size = self.block.min(n - first);
            lu.values.fill(T::ZERO);
            for j in first..first + size {
                let column = &mut lu.values[(j - first) * size..(j - first + 1) * size];
                match jacobian.pattern() {
                    Some(pattern) => {
                        for (i, v) in
                            pattern.column(j).iter().zip(&jacobian.values()[pattern.range(j)])
                        {
                            if let Some(entry) =
                                (*i as usize).checked_sub(first).and_then(|row| column.get_mut(row))
                            {
                                *entry -= b * *v;
                            }
                        }
                    }
                    None => {
                        let values = &jacobian.values()[j * n + first..j * n + first + size];
                        for (entry, v) in column.iter_mut().zip(values) {
                            *entry -= b * *v;
                        }
                    }
                }
                match mass.pattern() {
                    None => column[j - first] += a,
                    Some(pattern) => {
                        for (i, m) in pattern.column(j).iter().zip(&mass.values()[pattern.range(j)])
                        {
                            if let Some(entry) =
                                (*i as usize).checked_sub(first).and_then(|row| column.get_mut(row))
                            {
                                *entry += a * *m;
                            }
                        }
                    }
                }
            }
            lu.factor().map_err(|_| Singular { column: first })?;
        }
        Ok(())
    }

    /// Replaces `x` by the solution with the blocks alone.
    pub fn solve(&mut self, x: &mut [T]) {
        for (lu, x) in self.blocks.iter_mut().zip(x.chunks_mut(self.block)) {
            lu.solve(x);
        }
    }
}
