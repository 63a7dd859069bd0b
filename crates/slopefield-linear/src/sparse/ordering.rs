//! Orderings that keep factors sparse.

use crate::Pattern;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::sparse::SymbolicSparseColMatRef;
use faer::sparse::linalg::amd;

/// Columns in the order of elimination: approximate minimum degree on the pattern of `A + Aᵀ`
/// (Amestoy, Davis, Duff, SIAM J. Matrix Anal. Appl. 17 (1996) 886).
pub(super) fn minimum_degree(pattern: &Pattern) -> Vec<u32> {
    let n = pattern.width();
    let starts: Vec<usize> = pattern.view().starts.to_vec();
    let rows: Vec<usize> = pattern.view().rows.iter().map(|i| *i as usize).collect();
    let matrix = SymbolicSparseColMatRef::new_checked(n, n, &starts, None, &rows);
    let (mut order, mut inverse) = (vec![0_usize; n], vec![0_usize; n]);
    let mut memory = MemBuffer::new(amd::order_maybe_unsorted_scratch::<usize>(n, rows.len()));
    let found = amd::order_maybe_unsorted(
        &mut order,
        &mut inverse,
        matrix,
        amd::Control::default(),
        MemStack::new(&mut memory),
    );
    match found {
        Ok(_) => order.iter().map(|j| *j as u32).collect(),
        // Only sizes beyond the index type fail; the order does not change results.
        Err(_) => (0..n as u32).collect(),
    }
}
