//! Tables satisfy the order conditions they claim.

use super::{ImplicitTableau, KENCARP4, KENCARP4_IMEX, KVAERNO5, TRBDF2};

type Matrix = Vec<Vec<f64>>;

fn implicit(table: &ImplicitTableau) -> Matrix {
    let s = table.stages();
    let entry = |i: usize, j: usize| match () {
        () if j < i => table.a[i][j],
        () if i == j && i > 0 => table.gamma,
        () => 0.0,
    };
    (0..s).map(|i| (0..s).map(|j| entry(i, j)).collect()).collect()
}

fn explicit(table: &ImplicitTableau) -> Option<Matrix> {
    let s = table.stages();
    let rows = table.explicit?;
    Some((0..s).map(|i| (0..s).map(|j| rows[i].get(j).copied().unwrap_or(0.0)).collect()).collect())
}

fn apply(a: &Matrix, x: &[f64]) -> Vec<f64> {
    a.iter().map(|row| dot(row, x)).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn times(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a * b).collect()
}

/// Vectors and values of the order conditions `b · v = value · θ^order`, with every choice of the
/// matrices given at every vertex of the tree: the coupling conditions of additive methods.
fn conditions(c: &[f64], matrices: &[Matrix], order: usize) -> Vec<(Vec<f64>, f64)> {
    let of = |vectors: &[(Vec<f64>, f64)], gain: f64| -> Vec<(Vec<f64>, f64)> {
        matrices
            .iter()
            .flat_map(|a| vectors.iter().map(move |(v, value)| (apply(a, v), value * gain)))
            .collect()
    };
    let with_c = |vectors: &[(Vec<f64>, f64)], gain: f64| -> Vec<(Vec<f64>, f64)> {
        vectors.iter().map(|(v, value)| (times(c, v), value * gain)).collect()
    };
    // By rooted trees: [τ…τ] are powers of c; A v raises the order of v by one.
    let one = vec![(vec![1.0; c.len()], 1.0)];
    let c1 = vec![(c.to_vec(), 1.0 / 2.0)];
    let c2 = vec![(times(c, c), 1.0 / 3.0)];
    let c3 = vec![(times(c, &times(c, c)), 1.0 / 4.0)];
    let c4 = vec![(times(&times(c, c), &times(c, c)), 1.0 / 5.0)];
    let ac = of(&c1, 1.0 / 3.0);
    let ac2 = of(&c2, 1.0 / 4.0);
    let aac = of(&ac, 1.0 / 4.0);
    match order {
        1 => one,
        2 => c1,
        3 => [c2, ac].concat(),
        4 => [c3, with_c(&ac, 3.0 / 4.0), ac2, aac].concat(),
        5 => {
            let squares: Vec<(Vec<f64>, f64)> = ac
                .iter()
                .flat_map(|(v, _)| ac.iter().map(|(w, _)| (times(v, w), 1.0 / 20.0)))
                .collect();
            [
                c4,
                with_c(&with_c(&ac, 3.0 / 4.0), 4.0 / 5.0),
                with_c(&ac2, 4.0 / 5.0),
                with_c(&aac, 4.0 / 5.0),
                squares,
                of(&c3, 1.0 / 5.0),
                of(&with_c(&ac, 3.0 / 4.0), 1.0 / 5.0),
                of(&ac2, 1.0 / 5.0),
                of(&aac, 1.0 / 5.0),
            ]
            .concat()
        }
        _ => unreachable!("no table claims more"),
    }
}

/// Largest violation of the conditions of one order, with weights at `θ`.
fn violation(table: &ImplicitTableau, weights: &[f64], theta: f64, order: usize) -> f64 {
    let mut matrices = vec![implicit(table)];
    matrices.extend(explicit(table));
    let check =
        |(v, value): &(Vec<f64>, f64)| (dot(weights, v) - value * theta.powi(order as i32)).abs();
    conditions(table.c, &matrices, order).iter().map(check).fold(0.0, f64::max)
}

fn check(table: &ImplicitTableau) {
    let s = table.stages();
    let matrices: Vec<Matrix> =
        [Some(implicit(table)), explicit(table)].into_iter().flatten().collect();
    for matrix in &matrices {
        for (row, c) in matrix.iter().zip(table.c) {
            assert!((row.iter().sum::<f64>() - c).abs() < 3e-15, "{} {c}", table.id);
        }
    }
    // Stage order 2 of the implicit method.
    for (sum, c) in apply(&matrices[0], table.c).iter().zip(table.c) {
        assert!((sum - c * c / 2.0).abs() < 1e-15, "{} {c}", table.id);
    }
    let b: Vec<f64> = (0..s).map(|i| table.weight(i)).collect();
    let embedded: Vec<f64> = (0..s).map(|i| b[i] - table.b_error[i]).collect();
    for order in 1..=table.order as usize {
        assert!(violation(table, &b, 1.0, order) < 1e-15, "{} order {order}", table.id);
    }
    if table.order < 5 {
        assert!(violation(table, &b, 1.0, table.order as usize + 1) > 1e-4, "{}", table.id);
    }
    // The lesser of both orders rules the difference.
    for order in 1..table.error_order as usize {
        assert!(violation(table, &embedded, 1.0, order) < 1e-15, "{} embedded {order}", table.id);
    }
    for step in 0..=10 {
        let theta = f64::from(step) / 10.0;
        let mut weights = [0.0; super::tableau::MAX_STAGES];
        table.dense_weights(theta, &mut weights);
        let weights = &weights[..s];
        for order in 1..=table.dense_order as usize {
            let violation = violation(table, weights, theta, order);
            assert!(violation < 3e-15, "{} dense {order} at {theta}: {violation}", table.id);
        }
        if step == 10 {
            for (weight, b) in weights.iter().zip(&b) {
                assert!((weight - b).abs() < 2e-15, "{} {weight} {b}", table.id);
            }
        }
    }
    for (i, row) in table.predictor.iter().enumerate().skip(1) {
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-8, "{} predictor {i}", table.id);
        if i > 1 {
            assert!((dot(row, table.c) - table.c[i]).abs() < 1e-8, "{} predictor {i}", table.id);
        }
    }
}

#[test]
fn tables_satisfy_the_order_conditions_they_claim() {
    for table in [&TRBDF2, &KVAERNO5, &KENCARP4, &KENCARP4_IMEX] {
        check(table);
    }
}

#[test]
fn slopes_of_the_interpolants_that_claim_it_are_continuous() {
    for table in [&TRBDF2, &KVAERNO5] {
        let s = table.stages();
        for (i, row) in table.dense.iter().enumerate() {
            let at_start = row[0];
            let at_end: f64 = row.iter().enumerate().map(|(k, x)| (k + 1) as f64 * x).sum();
            assert!((at_start - f64::from(u8::from(i == 0))).abs() < 1e-14);
            assert!((at_end - f64::from(u8::from(i == s - 1))).abs() < 1e-14);
        }
    }
}

#[test]
fn stiff_components_vanish() {
    // R(∞) of the method: solved from the last stage backwards is simplest by a large λh.
    for table in [&TRBDF2, &KVAERNO5, &KENCARP4] {
        let z = -1e8;
        let mut k: Vec<f64> = Vec::new();
        for i in 0..table.stages() {
            let known: f64 = 1.0 + (0..i).map(|j| table.a[i][j] * k[j]).sum::<f64>();
            k.push(if i == 0 { z } else { z * known / (1.0 - z * table.gamma) });
        }
        let end: f64 = 1.0 + (0..k.len()).map(|i| table.weight(i) * k[i]).sum::<f64>();
        assert!(end.abs() < 1e-6, "{} {end}", table.id);
    }
}
