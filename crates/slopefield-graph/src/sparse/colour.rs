//! Columns (or rows) that can be evaluated together.

use std::collections::BTreeSet;

use super::Pattern;

/// What a colouring groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Columns that share no row, for forward products.
    Columns,
    /// Rows that share no column, for reverse products.
    Rows,
}

/// The order in which a greedy colouring takes columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As they are.
    Natural,
    /// Those with most neighbours first (Welsh & Powell 1967).
    LargestFirst,
    /// Backwards from the one with fewest neighbours among those that are left (Matula & Beck
    /// 1983).
    SmallestLast,
}

impl Order {
    /// All of them.
    pub const ALL: [Order; 3] = [Order::Natural, Order::LargestFirst, Order::SmallestLast];
}

/// A group for each column (or row): those of one group have no entry in a common row (column).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Colouring {
    /// What is grouped.
    pub direction: Direction,
    /// The group of each column (row).
    pub colours: Vec<u32>,
    /// Number of groups.
    pub count: u32,
}

/// Pairs of neighbours beyond which only the natural order is tried, which needs no list of them.
const NEIGHBOURS: usize = 1 << 25;

impl Colouring {
    /// The better of [`Colouring::of_columns`] and of the same for rows. A reverse product costs
    /// about as much as two forward ones, so rows are chosen when they need less than half as many
    /// groups.
    #[must_use]
    pub fn best(pattern: &Pattern) -> Colouring {
        let columns = Self::of_columns(pattern);
        let longest_column = (0..pattern.columns()).map(|c| pattern.column(c).len()).max();
        // No colouring of rows has fewer groups than a column has entries.
        if 2 * longest_column.unwrap_or(0) >= columns.count as usize {
            return columns;
        }
        let rows = Self::of_columns(&pattern.transposed());
        if 2 * rows.count < columns.count {
            Colouring { direction: Direction::Rows, ..rows }
        } else {
            columns
        }
    }

    /// The colouring of columns with the fewest groups over all orders; of equal ones the first.
    #[must_use]
    pub fn of_columns(pattern: &Pattern) -> Colouring {
        let rows = pattern.transposed();
        let pairs: usize = (0..rows.columns()).map(|r| rows.column(r).len().pow(2)).sum();
        let orders = if pairs > NEIGHBOURS { &Order::ALL[..1] } else { &Order::ALL[..] };
        let all = orders.iter().map(|order| greedy(pattern, &rows, *order));
        let best = all.min_by_key(|colouring| colouring.count);
        best.unwrap_or_else(|| greedy(pattern, &rows, Order::Natural))
    }

    /// The greedy colouring of columns in one order.
    #[must_use]
    pub fn greedy(pattern: &Pattern, order: Order) -> Colouring {
        greedy(pattern, &pattern.transposed(), order)
    }
}

fn greedy(pattern: &Pattern, rows: &Pattern, order: Order) -> Colouring {
    const NONE: u32 = u32::MAX;
    let n = pattern.columns();
    let mut colours = vec![NONE; n];
    let mut count = 0;
    // For each colour the column that was last found next to it.
    let mut taken: Vec<usize> = Vec::new();
    for column in sorted(pattern, rows, order) {
        for row in pattern.column(column) {
            for neighbour in rows.column(*row as usize) {
                let colour = colours[*neighbour as usize];
                if colour != NONE {
                    taken[colour as usize] = column;
                }
            }
        }
        let free = taken.iter().position(|by| *by != column).unwrap_or(taken.len());
        if free == taken.len() {
            taken.push(usize::MAX);
            count += 1;
        }
        colours[column] = free as u32;
    }
    Colouring { direction: Direction::Columns, colours, count }
}

fn sorted(pattern: &Pattern, rows: &Pattern, order: Order) -> Vec<usize> {
    let n = pattern.columns();
    if order == Order::Natural {
        return (0..n).collect();
    }
    let neighbours: Vec<Vec<u32>> = (0..n)
        .map(|column| {
            let mut all: Vec<u32> = pattern
                .column(column)
                .iter()
                .flat_map(|row| rows.column(*row as usize))
                .copied()
                .filter(|other| *other as usize != column)
                .collect();
            all.sort_unstable();
            all.dedup();
            all
        })
        .collect();
    if order == Order::LargestFirst {
        let mut columns: Vec<usize> = (0..n).collect();
        columns.sort_by_key(|c| std::cmp::Reverse(neighbours[*c].len()));
        return columns;
    }
    let mut degree: Vec<usize> = neighbours.iter().map(Vec::len).collect();
    let mut left: BTreeSet<(usize, usize)> = degree.iter().copied().zip(0..n).collect();
    let mut columns = Vec::with_capacity(n);
    while let Some((_, column)) = left.pop_first() {
        columns.push(column);
        for neighbour in &neighbours[column] {
            let other = *neighbour as usize;
            if left.remove(&(degree[other], other)) {
                degree[other] -= 1;
                left.insert((degree[other], other));
            }
        }
    }
    columns.reverse();
    columns
}
