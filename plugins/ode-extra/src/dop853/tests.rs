use super::tableau::{A, C, DENSE, EMBEDDED_3, ERROR_5, LAST, Row, STAGES};

fn moment(row: Row, power: i32) -> f64 {
    row.iter().map(|&(j, w)| w * C[j].powi(power)).sum()
}

#[track_caller]
fn check(actual: f64, expected: f64) {
    assert!((actual - expected).abs() < 2e-14, "{actual} instead of {expected}");
}

#[test]
fn rows_sum_to_the_abscissae() {
    for i in 0..STAGES {
        check(A[i].iter().map(|w| w.1).sum(), C[i]);
    }
}

/// Quadrature conditions of order 8, and of the embedded solutions of orders 5 and 3.
#[test]
fn weights_integrate_polynomials() {
    for power in 0..8 {
        check(moment(A[LAST], power), 1.0 / f64::from(power + 1));
    }
    for power in 0..5 {
        check(moment(ERROR_5, power), 0.0);
    }
    assert!(moment(ERROR_5, 5).abs() > 1e-6);
    for power in 0..3 {
        check(moment(EMBEDDED_3, power), 1.0 / f64::from(power + 1));
    }
}

/// Simplifying assumptions of the construction (II.5): from stage 5 on, the stages themselves
/// integrate quadratics and cubics exactly, and the weights satisfy `Σ b_i a_ij = b_j (1 - c_j)`.
#[test]
fn simplifying_assumptions() {
    for i in 5..STAGES {
        for power in 1..=2 {
            let q = f64::from(power + 1);
            check(moment(A[i], power), C[i].powi(power + 1) / q);
        }
    }
    let b = |j: usize| A[LAST].iter().find(|w| w.0 == j).map_or(0.0, |w| w.1);
    for (j, c) in C.iter().enumerate().take(LAST) {
        let sum: f64 = A[LAST]
            .iter()
            .map(|&(i, bi)| bi * A[i].iter().find(|w| w.0 == j).map_or(0.0, |w| w.1))
            .sum();
        check(sum, b(j) * (1.0 - c));
    }
}

/// The interpolant reproduces polynomials of degree 7: on `y' = 8 t^7`-like quadratures, with the
/// stages evaluated exactly, every power up to 6 of the slope is integrated exactly at any point.
#[test]
fn dense_output_integrates_polynomials() {
    for power in 0..7 {
        let exact = |s: f64| s.powi(power + 1) / f64::from(power + 1);
        let k: Vec<f64> = C.iter().map(|c| c.powi(power)).collect();
        let mut dense = super::Dense::new(1, true);
        dense.keep(&[exact(1.0)]);
        dense.build(1.0, &[0.0], &k);
        let mut c = [0.0; 8];
        dense.write(&mut c);
        for s in [0.1f64, 0.35, 0.5, 0.82, 1.0] {
            let value = c.iter().rev().fold(0.0, |sum, c| sum * s + c);
            assert!((value - exact(s)).abs() < 1e-12, "power {power} at {s}: {value}");
        }
        for (k, c) in c.iter().enumerate() {
            let exact = if k as i32 == power + 1 { 1.0 / f64::from(power + 1) } else { 0.0 };
            assert!((c - exact).abs() < 1e-11, "power {power}: coefficient {k} is {c}");
        }
    }
    assert_eq!(DENSE.len(), 4);
}
