//! Interpolants of methods whose files give none: weights that satisfy the order conditions within
//! the step, and of those the smallest.

use super::order::Trees;

/// Highest order that is looked for. States of a step are compared with data and drawn; beyond the
/// third order nobody sees a difference.
const HIGHEST: u32 = 3;

/// Rows of coefficients of `θ, θ², …` in the weight of each stage, and the order of the interpolant:
/// the highest up to 3 that the stages of a method of `order` with weights `b` allow.
///
/// With `b(θ) = Σ θ^k d_k` the condition of a tree `τ` is one of the coefficient with `k = |τ|`
/// alone: `d_k · Φ(τ) = 1/γ(τ)`, and those of other sizes have `d_k · Φ = 0`. What `Σ d_k` lacks of
/// `b` satisfies all conditions with 0, so it can be added to any of them.
pub fn rows(trees: &Trees, b: &[f64], order: u32) -> (Vec<Vec<f64>>, u32) {
    for q in (2..=order.min(HIGHEST)).rev() {
        let powers: Option<Vec<Vec<f64>>> = (1..=q).map(|k| coefficient(trees, q, k)).collect();
        if let Some(powers) = powers {
            return (ending_at(b, powers), q);
        }
    }
    (b.iter().map(|b| vec![*b]).collect(), 1)
}

fn ending_at(b: &[f64], mut powers: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let last = powers.len() - 1;
    let lacking = |i: usize, powers: &[Vec<f64>]| b[i] - powers.iter().map(|d| d[i]).sum::<f64>();
    for i in 0..b.len() {
        powers[last][i] += lacking(i, &powers);
    }
    (0..b.len()).map(|i| powers.iter().map(|d| d[i]).collect()).collect()
}

/// The smallest `d_k` of an interpolant of order `q`; none when the conditions contradict each other.
fn coefficient(trees: &Trees, q: u32, k: u32) -> Option<Vec<f64>> {
    // Rows that are orthogonal to those before, with the value that they ask for.
    let mut basis: Vec<(Vec<f64>, f64)> = Vec::new();
    let mut stages = 0;
    for nodes in 1..=q {
        for (weights, wanted) in trees.conditions(nodes) {
            stages = weights.len();
            let (mut row, mut value) = (weights.to_vec(), if nodes == k { wanted } else { 0.0 });
            let whole = norm(&row);
            // Twice: the second time takes away what rounding left.
            for (unit, at) in basis.iter().chain(&basis) {
                let along: f64 = row.iter().zip(unit).map(|(r, u)| r * u).sum();
                row.iter_mut().zip(unit).for_each(|(r, u)| *r -= along * u);
                value -= along * at;
            }
            let size = norm(&row);
            if size > DEPENDENT * whole {
                row.iter_mut().for_each(|r| *r /= size);
                basis.push((row, value / size));
            } else if value.abs() > DEPENDENT {
                return None;
            }
        }
    }
    let mut smallest = vec![0.0; stages];
    for (unit, at) in &basis {
        smallest.iter_mut().zip(unit).for_each(|(d, u)| *d += at * u);
    }
    Some(smallest)
}

/// A row of which less than this is left is a combination of those before.
const DEPENDENT: f64 = 1e-9;

fn norm(row: &[f64]) -> f64 {
    row.iter().map(|x| x * x).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::rows;
    use crate::tableau::order::Trees;

    #[test]
    fn the_classic_method_has_an_interpolant_of_third_order() {
        let a = [vec![], vec![0.5], vec![0.0, 0.5], vec![0.0, 0.0, 1.0]];
        let b = [1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0];
        let trees = Trees::of(&a, 4);
        let (dense, order) = rows(&trees, &b, 4);
        assert_eq!(order, 3);
        for theta in [0.1, 0.5, 0.9, 1.0_f64] {
            let weight = |row: &Vec<f64>| row.iter().rev().fold(0.0, |s, d| theta * (s + d));
            let weights: Vec<f64> = dense.iter().map(weight).collect();
            assert!(trees.order_at(&weights, theta).0 >= 3, "{theta}");
            // Hairer, Nørsett, Wanner, eq. II.6.7: the only one that is symmetric in stages 2 and 3.
            let first = theta - 1.5 * theta.powi(2) + 2.0 / 3.0 * theta.powi(3);
            assert!((weights[0] - first).abs() < 1e-14, "{theta}: {weights:?}");
        }
    }

    #[test]
    fn two_stages_allow_second_order() {
        let (dense, order) = rows(&Trees::of(&[vec![], vec![1.0]], 3), &[0.5, 0.5], 2);
        assert_eq!(order, 2);
        for (row, expected) in dense.iter().zip([[1.0, -0.5], [0.0, 0.5]]) {
            assert!(row.iter().zip(expected).all(|(d, e)| (d - e).abs() < 1e-15), "{dense:?}");
        }
        assert_eq!(rows(&Trees::of(&[vec![]], 2), &[1.0], 1), (vec![vec![1.0]], 1));
    }
}
