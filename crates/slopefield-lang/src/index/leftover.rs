//! Which of the equations that compete for unknowns is left over, by their values at the start.
//!
//! By which unknowns stand where, each of them may be: but a charge that a transistor has only once
//! it is open does not determine the voltages before. Derivatives at the start tell.

/// Pivots below this part of the largest entry count as 0.
const NEGLIGIBLE: f64 = 1e-10;

/// The row, of one more than there are columns, that the others can do without: `usual` where
/// they are independent, else the last one that elimination with complete pivoting reaches. `usual`
/// as well where no choice makes the others independent.
pub(super) fn dispensable(rows: Vec<Vec<f64>>, usual: usize) -> usize {
    if rows.iter().flatten().any(|x| !x.is_finite()) {
        return usual;
    }
    let mut others = rows.clone();
    others[usual].fill(0.0);
    if last_row(others).is_some() {
        return usual;
    }
    last_row(rows).unwrap_or(usual)
}

/// The row without a pivot; `None` when another one has none either.
fn last_row(mut rows: Vec<Vec<f64>>) -> Option<usize> {
    scale(&mut rows);
    let columns = rows.len() - 1;
    let mut left: Vec<usize> = (0..rows.len()).collect();
    let mut free = vec![true; columns];
    for _ in 0..columns {
        let (mut size, mut place, mut column) = (NEGLIGIBLE, None, 0);
        for (at, row) in left.iter().enumerate() {
            for (j, x) in rows[*row].iter().enumerate() {
                if free[j] && x.abs() > size {
                    (size, place, column) = (x.abs(), Some(at), j);
                }
            }
        }
        let pivot = left.remove(place?);
        free[column] = false;
        let above = rows[pivot].clone();
        for row in &left {
            let factor = rows[*row][column] / above[column];
            if factor != 0.0 {
                rows[*row].iter_mut().zip(&above).for_each(|(x, above)| *x -= factor * above);
            }
        }
    }
    left.first().copied()
}

/// Makes the largest entry of every row, then of every column, 1.
fn scale(rows: &mut [Vec<f64>]) {
    let reciprocal = |x: f64| if x > 0.0 { 1.0 / x } else { 1.0 };
    for row in &mut *rows {
        let by = reciprocal(row.iter().fold(0.0, |most: f64, x| most.max(x.abs())));
        row.iter_mut().for_each(|x| *x *= by);
    }
    for j in 0..rows.len() - 1 {
        let by = reciprocal(rows.iter().fold(0.0, |most: f64, row| most.max(row[j].abs())));
        rows.iter_mut().for_each(|row| row[j] *= by);
    }
}

#[cfg(test)]
mod tests {
    use super::dispensable;

    #[test]
    fn the_usual_row_stays_where_it_can() {
        let rows = vec![vec![1.0, 0.0], vec![0.0, 1e-12], vec![2.0, 1e-12]];
        for usual in 0..3 {
            assert_eq!(dispensable(rows.clone(), usual), usual);
        }
        // Nothing determines the second unknown.
        assert_eq!(dispensable(vec![vec![1.0, 0.0], vec![3.0, 0.0], vec![2.0, 0.0]], 1), 1);
    }

    #[test]
    fn another_row_is_left_over_where_the_rest_depend() {
        let rows = vec![vec![1.0, 0.0], vec![5.0, 0.0], vec![2.0, 1e-12]];
        assert_eq!(dispensable(rows.clone(), 2), 1);
        assert_eq!(dispensable(rows, 0), 0);
    }
}
