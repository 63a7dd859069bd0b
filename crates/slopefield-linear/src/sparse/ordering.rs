//! The order of elimination.
//!
//! Minimum degree keeps factors sparse, but eliminates a band from one end, one column waiting for
//! the other. Solutions with few entries per column take as long as that chain; elimination from
//! both ends towards the middle has the same entries and half the chain. Of the two orders the one
//! is taken that promises the faster solutions.

use crate::Pattern;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::sparse::SymbolicSparseColMatRef;
use faer::sparse::linalg::amd;

/// Beyond this size entries count and chains do not.
const LARGEST: usize = 4096;

/// Cycles for an entry of a factor when nothing waits,
const ENTRY: usize = 2;
/// and for an unknown that waits for another: a store that is read again, a product, a difference.
const WAIT: usize = 13;

/// Columns in the order of elimination.
pub(super) fn order(pattern: &Pattern) -> Vec<u32> {
    let by_degree = minimum_degree(pattern);
    let n = pattern.width();
    if n > LARGEST {
        return by_degree;
    }
    let graph = Graph::of(pattern);
    let from_both_ends = twisted(&graph.breadth_first());
    let first = graph.cost(&by_degree, usize::MAX);
    let limit = first.unwrap_or(usize::MAX);
    match graph.cost(&from_both_ends, limit) {
        Some(second) if second < limit => from_both_ends,
        _ => by_degree,
    }
}

/// Approximate minimum degree on the pattern of `A + Aᵀ` (Amestoy, Davis, Duff, SIAM J. Matrix
/// Anal. Appl. 17 (1996) 886).
fn minimum_degree(pattern: &Pattern) -> Vec<u32> {
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

/// First, last, second, last but one, …
fn twisted(order: &[u32]) -> Vec<u32> {
    let n = order.len();
    (0..n).map(|k| order[if k % 2 == 0 { k / 2 } else { n - 1 - k / 2 }]).collect()
}

/// The graph of `A + Aᵀ`.
struct Graph {
    neighbours: Vec<Vec<u32>>,
}

impl Graph {
    fn of(pattern: &Pattern) -> Self {
        let mut neighbours = vec![Vec::new(); pattern.width()];
        for j in 0..pattern.width() {
            for i in pattern.column(j) {
                if *i as usize != j {
                    neighbours[j].push(*i);
                    neighbours[*i as usize].push(j as u32);
                }
            }
        }
        for list in &mut neighbours {
            list.sort_unstable();
            list.dedup();
        }
        Graph { neighbours }
    }

    /// Vertices by their distance from one at the rim of each component, those of low degree
    /// first, as in the order of Cuthill and McKee.
    fn breadth_first(&self) -> Vec<u32> {
        let n = self.neighbours.len();
        let mut placed = vec![false; n];
        let mut order = Vec::with_capacity(n);
        for start in 0..n as u32 {
            if placed[start as usize] {
                continue;
            }
            // The last of a search is far out; the last of a search from there still farther.
            let mut rim = start;
            for _ in 0..2 {
                let reached = self.search(rim, &mut placed.clone());
                rim = reached.last().copied().unwrap_or(rim);
            }
            order.extend(self.search(rim, &mut placed));
        }
        order
    }

    fn search(&self, start: u32, placed: &mut [bool]) -> Vec<u32> {
        let degree = |v: &u32| self.neighbours[*v as usize].len();
        let mut reached = vec![start];
        placed[start as usize] = true;
        let mut next = 0;
        while next < reached.len() {
            let first = reached.len();
            for neighbour in &self.neighbours[reached[next] as usize] {
                if !std::mem::replace(&mut placed[*neighbour as usize], true) {
                    reached.push(*neighbour);
                }
            }
            reached[first..].sort_by_key(degree);
            next += 1;
        }
        reached
    }

    /// Estimated cycles of a solution with the factors in this order, unless they have more than
    /// `limit` entries' worth: the work of all entries, or the wait along the longest chain.
    fn cost(&self, order: &[u32], limit: usize) -> Option<usize> {
        let n = order.len();
        let mut place = vec![0_u32; n];
        for (k, v) in order.iter().enumerate() {
            place[*v as usize] = k as u32;
        }
        let mut columns: Vec<Vec<u32>> = vec![Vec::new(); n];
        let mut children: Vec<Vec<u32>> = vec![Vec::new(); n];
        let mut depth = vec![1_usize; n];
        let mut seen = vec![u32::MAX; n];
        let mut entries = 0;
        for k in 0..n {
            seen[k] = k as u32;
            let mut column = Vec::new();
            let own = self.neighbours[order[k] as usize].iter().map(|v| place[*v as usize]);
            let inherited = children[k].iter().flat_map(|c| columns[*c as usize].iter().copied());
            for row in own.chain(inherited) {
                if row as usize > k && seen[row as usize] != k as u32 {
                    seen[row as usize] = k as u32;
                    column.push(row);
                }
            }
            for child in std::mem::take(&mut children[k]) {
                columns[child as usize] = Vec::new();
            }
            entries += column.len();
            if entries.saturating_mul(ENTRY) > limit {
                return None;
            }
            if let Some(parent) = column.iter().min() {
                let parent = *parent as usize;
                children[parent].push(k as u32);
                depth[parent] = depth[parent].max(depth[k] + 1);
            }
            columns[k] = column;
        }
        let longest = depth.iter().max().copied().unwrap_or(0);
        Some((ENTRY * entries).max(WAIT * longest))
    }
}

#[cfg(test)]
mod tests {
    use super::{Graph, order, twisted};
    use crate::Pattern;
    use slopefield_kernel::MatrixPattern;

    fn line(n: u32) -> Pattern {
        let mut starts = vec![0];
        let mut rows = Vec::new();
        for j in 0..n {
            rows.extend(j.saturating_sub(1)..(j + 2).min(n));
            starts.push(rows.len());
        }
        Pattern::of(MatrixPattern { height: n as usize, starts: &starts, rows: &rows })
    }

    #[test]
    fn a_line_is_eliminated_from_both_ends() {
        let found = order(&line(9));
        let graph = Graph::of(&line(9));
        // Eight entries; a chain of five columns.
        assert_eq!(graph.cost(&found, usize::MAX), Some(13 * 5));
        let natural: Vec<u32> = (0..9).collect();
        assert_eq!(graph.cost(&natural, usize::MAX), Some(13 * 9));
        assert_eq!(graph.cost(&natural, 10), None);
        assert_eq!(twisted(&[0, 1, 2, 3, 4]), [0, 4, 1, 3, 2]);
    }

    #[test]
    fn every_column_has_its_turn() {
        for n in [1, 2, 7, 40] {
            let mut found = order(&line(n));
            found.sort_unstable();
            assert_eq!(found, (0..n).collect::<Vec<_>>());
        }
    }
}
