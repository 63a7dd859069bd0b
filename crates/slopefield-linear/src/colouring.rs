//! Colouring of columns: columns that share no row can be told apart in one product.

use crate::Pattern;

/// A colour for each column, such that no two columns of one colour have an entry in one row, and
/// the number of colours. Columns with most entries choose first, each the lowest colour that is
/// free (Curtis, Powell, Reid, *On the estimation of sparse Jacobian matrices*, J. Inst. Maths
/// Applics 13 (1974) 117; ordering as in Coleman, Moré, SIAM J. Numer. Anal. 20 (1983) 187).
pub fn column_colours(pattern: &Pattern) -> (Vec<u32>, usize) {
    let n = pattern.width();
    let mut rows_to_columns = vec![Vec::new(); n];
    for j in 0..n {
        for i in pattern.column(j) {
            rows_to_columns[*i as usize].push(j);
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_key(|j| std::cmp::Reverse(pattern.column(*j).len()));
    const NONE: u32 = u32::MAX;
    let mut colours = vec![NONE; n];
    let mut count = 0;
    // The column that last saw a colour on a neighbour.
    let mut seen_by = vec![usize::MAX; n];
    for j in order {
        for i in pattern.column(j) {
            for neighbour in &rows_to_columns[*i as usize] {
                if colours[*neighbour] != NONE {
                    seen_by[colours[*neighbour] as usize] = j;
                }
            }
        }
        let free = (0..count).find(|colour| seen_by[*colour] != j).unwrap_or(count);
        colours[j] = free as u32;
        count = count.max(free + 1);
    }
    (colours, count)
}
