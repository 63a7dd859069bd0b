//! Derivative products against differences and against each other; exact solutions against the
//! right-hand side.

use crate::{Problem, everything};
use slopefield_kernel::{Cotangent, Point, Tangent};

/// A deterministic number in [−1, 1].
fn number(index: usize) -> f64 {
    (index as f64 * 12.9898 + 0.345).sin()
}

/// How large a change of a parameter is.
fn size(p: f64) -> f64 {
    if p == 0.0 { 1.0 } else { p.abs() }
}

fn eval(problem: &Problem, t: f64, u: &[f64], p: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; u.len()];
    let mut scratch = vec![f64::NAN; problem.rhs.scratch_len()];
    problem.rhs.eval(t, u, p, &mut out, &mut scratch);
    out
}

struct Products {
    value: Vec<f64>,
    forward: Vec<f64>,
    /// `wᵀ` applied to the forward product of the direction, by way of the reverse product.
    reverse: f64,
    w: Vec<f64>,
}

/// Forward and reverse products at a point off the usual one along an arbitrary direction.
fn products(problem: &Problem, t: f64, u: &[f64], p: &[f64], direction: &Direction) -> Products {
    let (n, m) = (u.len(), p.len());
    let mut scratch = vec![f64::NAN; problem.rhs.scratch_len()];
    let (mut value, mut forward) = (vec![f64::NAN; n], vec![f64::NAN; n]);
    let along = Tangent { t: direction.t, u: &direction.u, p: &direction.p };
    problem.rhs.jvp(Point { t, u, p }, along, &mut value, &mut forward, &mut scratch);
    let w: Vec<f64> = (0..n).map(|i| number(900 + i)).collect();
    let (mut grad_t, mut grad_u, mut grad_p) = (0.5, vec![0.25; n], vec![-0.75; m]);
    let grad = Cotangent { t: &mut grad_t, u: &mut grad_u, p: &mut grad_p };
    problem.rhs.vjp(Point { t, u, p }, &w, grad, &mut scratch);
    // The reverse product must add to what was there.
    let reverse = (grad_t - 0.5) * direction.t
        + grad_u.iter().zip(&direction.u).map(|(g, d)| (g - 0.25) * d).sum::<f64>()
        + grad_p.iter().zip(&direction.p).map(|(g, d)| (g + 0.75) * d).sum::<f64>();
    Products { value, forward, reverse, w }
}

struct Direction {
    t: f64,
    u: Vec<f64>,
    p: Vec<f64>,
}

#[test]
fn forward_products_match_differences_and_reverse_products_match_forward_ones() {
    for problem in everything() {
        let (n, m) = (problem.u0.len(), problem.p.len());
        let t = problem.t0 + 0.51 * (problem.t1 - problem.t0);
        let u: Vec<f64> = (0..n).map(|i| problem.u0[i] + 0.3 * number(i)).collect();
        let p: Vec<f64> =
            (0..m).map(|i| problem.p[i] + 0.1 * size(problem.p[i]) * number(50 + i)).collect();
        let direction = Direction {
            t: 0.7 * (problem.t1 - problem.t0).min(1.0),
            u: (0..n).map(|i| number(300 + i)).collect(),
            p: (0..m).map(|i| size(p[i]) * number(400 + i)).collect(),
        };
        let found = products(&problem, t, &u, &p, &direction);
        assert_eq!(found.value, eval(&problem, t, &u, &p), "{}: value in jvp", problem.id);
        let shifted = |h: f64| {
            let u: Vec<f64> = u.iter().zip(&direction.u).map(|(x, d)| x + h * d).collect();
            let p: Vec<f64> = p.iter().zip(&direction.p).map(|(x, d)| x + h * d).collect();
            eval(&problem, t + h * direction.t, &u, &p)
        };
        let scale = found.forward.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
        let central = |h: f64| -> Vec<f64> {
            shifted(h).iter().zip(shifted(-h)).map(|(a, b)| (a - b) / (2.0 * h)).collect()
        };
        let [coarse, middle, fine] = [2e-4, 1e-4, 5e-5].map(central);
        for i in 0..n {
            let richardson = (64.0 * fine[i] - 20.0 * middle[i] + coarse[i]) / 45.0;
            let difference = (found.forward[i] - richardson).abs();
            assert!(difference < 1e-9 * scale, "{}: row {i} off by {difference:e}", problem.id);
        }
        let through_forward: f64 = found.w.iter().zip(&found.forward).map(|(w, d)| w * d).sum();
        let difference = (found.reverse - through_forward).abs();
        let rounding = 1e-12 * scale * (n as f64).sqrt();
        assert!(difference < rounding, "{}: vjp off by {difference:e}", problem.id);
    }
}

#[test]
fn jacobians_are_the_forward_products_of_every_column() {
    let mut checked = 0;
    for problem in everything() {
        let structure = problem.rhs.structure();
        let Some(jacobian) = structure.jacobian else { continue };
        checked += 1;
        let (n, m) = (problem.u0.len(), problem.p.len());
        let t = 0.5 * (problem.t0 + problem.t1);
        let reads = problem.rhs.shape().states;
        let u: Vec<f64> = (0..reads).map(|i| 0.7 + 0.2 * number(i)).collect();
        let at = Point { t, u: &u, p: &problem.p };
        let pattern = jacobian.pattern();
        assert_eq!((pattern.height, pattern.width()), (n, n), "{}", problem.id);
        let mut values = vec![f64::NAN; pattern.rows.len()];
        let mut scratch = vec![f64::NAN; jacobian.scratch_len()];
        jacobian.eval(t, &u, &problem.p, &mut values, &mut scratch);
        let mut scratch = vec![f64::NAN; problem.rhs.scratch_len()];
        let columns = if n > 500 { vec![0, 1, n / 2 - 1, n / 2, n - 1] } else { (0..n).collect() };
        for j in columns {
            let mut along = vec![0.0; reads];
            along[j] = 1.0;
            let along = Tangent { t: 0.0, u: &along, p: &vec![0.0; m] };
            let (mut value, mut column) = (vec![0.0; n], vec![0.0; n]);
            problem.rhs.jvp(at, along, &mut value, &mut column, &mut scratch);
            for place in pattern.starts[j]..pattern.starts[j + 1] {
                let i = pattern.rows[place] as usize;
                assert_eq!(values[place], column[i], "{}: entry {i}, {j}", problem.id);
                column[i] = 0.0;
            }
            assert!(column.iter().all(|x| *x == 0.0), "{}: column {j}", problem.id);
        }
    }
    assert_eq!(checked, everything().len() - 2, "the two networks have none");
}

#[test]
fn single_precision_is_the_same_function() {
    for problem in everything() {
        let Some(single) = &problem.single else { continue };
        let double = eval(&problem, problem.t0, &problem.u0, &problem.p);
        let [u, p] =
            [&problem.u0, &problem.p].map(|x| x.iter().map(|x| *x as f32).collect::<Vec<_>>());
        let mut out = vec![0.0; u.len()];
        single.eval(problem.t0 as f32, &u, &p, &mut out, &mut []);
        let scale = double.iter().fold(1e-30_f64, |a, b| a.max(b.abs()));
        for (a, b) in double.iter().zip(out) {
            assert!((a - f64::from(b)).abs() < 2e-4 * scale, "{}: {a} {b}", problem.id);
        }
    }
}

#[test]
fn exact_solutions_start_at_the_initial_state_and_satisfy_the_equation() {
    let mut checked = 0;
    for problem in everything() {
        let Some(exact) = problem.exact else { continue };
        checked += 1;
        let n = problem.u0.len();
        let at = |t: f64| {
            let mut u = vec![0.0; n];
            exact(t, problem.t0, &problem.u0, &problem.p, &mut u);
            u
        };
        for (a, b) in at(problem.t0).iter().zip(&problem.u0) {
            assert!((a - b).abs() < 1e-15, "{}", problem.id);
        }
        for k in 1..8 {
            let t = problem.t0 + (problem.t1 - problem.t0) * f64::from(k) / 8.0;
            let slope = eval(&problem, t, &at(t), &problem.p);
            let h = 1e-3;
            for (i, slope) in slope.iter().enumerate() {
                let central = |h: f64| (at(t + h)[i] - at(t - h)[i]) / (2.0 * h);
                let derivative = (4.0 * central(h) - central(2.0 * h)) / 3.0;
                assert!((slope - derivative).abs() < 1e-10, "{} at {t}", problem.id);
            }
        }
    }
    assert_eq!(checked, 3);
}

#[test]
fn names_are_distinct_and_sizes_agree() {
    let problems = everything();
    for (i, problem) in problems.iter().enumerate() {
        let shape = problem.rhs.shape();
        assert_eq!(shape.states, problem.u0.len(), "{}", problem.id);
        assert_eq!(shape.outputs, problem.u0.len(), "{}", problem.id);
        assert_eq!(shape.params, problem.p.len(), "{}", problem.id);
        assert!(problems[..i].iter().all(|other| other.id != problem.id));
        for reference in &problem.references {
            assert_eq!(reference.u.len(), problem.u0.len(), "{}", problem.id);
            assert!(problem.t0 <= reference.t && reference.t <= problem.t1, "{}", problem.id);
        }
    }
}

#[test]
fn the_networks_have_252_reproducible_weights() {
    let weights = crate::network_weights(1);
    assert_eq!(weights.len(), 252);
    assert_eq!(weights, crate::network_weights(1));
    assert_ne!(weights, crate::network_weights(2));
    let bound = (6.0_f64 / 52.0).sqrt();
    assert!(weights.iter().all(|w| w.abs() <= bound));
    let spread = weights.iter().map(|w| w * w).sum::<f64>() / 200.0;
    assert!((spread / (bound * bound / 3.0) - 1.0).abs() < 0.25, "uniform variance: {spread}");
}
