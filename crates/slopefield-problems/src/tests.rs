//! Derivative products against differences and against each other; exact solutions against the
//! right-hand side.

mod parts;
mod solutions;

use crate::{Class, Problem, everything};
use slopefield_kernel::{Cotangent, Kernel, Point, Tangent};

/// A deterministic number in [−1, 1].
fn number(index: usize) -> f64 {
    (index as f64 * 12.9898 + 0.345).sin()
}

/// How large a change of a parameter is.
fn size(p: f64) -> f64 {
    if p == 0.0 { 1.0 } else { p.abs() }
}

fn eval(kernel: &dyn Kernel, t: f64, u: &[f64], p: &[f64]) -> Vec<f64> {
    let mut out = vec![f64::NAN; kernel.shape().outputs];
    let mut scratch = vec![f64::NAN; kernel.scratch_len()];
    kernel.eval(t, u, p, &mut out, &mut scratch);
    out
}

struct Products {
    value: Vec<f64>,
    forward: Vec<f64>,
    /// `wᵀ` applied to the forward product of the direction, by way of the reverse product.
    reverse: f64,
    w: Vec<f64>,
}

/// Forward and reverse products along a direction.
fn products(kernel: &dyn Kernel, t: f64, u: &[f64], p: &[f64], direction: &Direction) -> Products {
    let (n, m, k) = (u.len(), p.len(), kernel.shape().outputs);
    let mut scratch = vec![f64::NAN; kernel.scratch_len()];
    let (mut value, mut forward) = (vec![f64::NAN; k], vec![f64::NAN; k]);
    let along = Tangent { t: direction.t, u: &direction.u, p: &direction.p };
    kernel.jvp(Point { t, u, p }, along, &mut value, &mut forward, &mut scratch);
    let w: Vec<f64> = (0..k).map(|i| number(900 + i)).collect();
    let (mut grad_t, mut grad_u, mut grad_p) = (0.5, vec![0.25; n], vec![-0.75; m]);
    let grad = Cotangent { t: &mut grad_t, u: &mut grad_u, p: &mut grad_p };
    kernel.vjp(Point { t, u, p }, &w, grad, &mut scratch);
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

/// How far states are moved: wheels on rails change what they do within a thousandth.
fn reach(problem: &Problem) -> f64 {
    if problem.id == "wheelset" { 1e-3 } else { 1.0 }
}

/// A point off the usual start: `number` states and the usual parameters, changed a little.
fn point(problem: &Problem, states: usize) -> (f64, Vec<f64>, Vec<f64>) {
    let t = problem.t0 + 0.51 * (problem.t1 - problem.t0).min(40.0);
    let u = (0..states).map(|i| {
        // Delayed values lie where the states do.
        let usual = problem.u0.get(i).copied().unwrap_or(0.4);
        let usual = if problem.class == Class::Delay { 0.9 } else { usual };
        usual + 0.3 * reach(problem) * number(i)
    });
    let change = |(i, p): (usize, &f64)| p + 0.1 * size(*p) * number(50 + i);
    (t, u.collect(), problem.p.iter().enumerate().map(change).collect())
}

/// Compares the products of a kernel with each other and with differences.
fn check_products(name: &str, kernel: &dyn Kernel, problem: &Problem) {
    let (t, u, p) = point(problem, kernel.shape().states);
    let direction = Direction {
        t: 0.7 * (problem.t1 - problem.t0).min(1.0),
        u: (0..u.len()).map(|i| reach(problem) * number(300 + i)).collect(),
        p: (0..p.len()).map(|i| size(p[i]) * number(400 + i)).collect(),
    };
    let found = products(kernel, t, &u, &p, &direction);
    assert_eq!(found.value, eval(kernel, t, &u, &p), "{name}: value in jvp");
    let shifted = |h: f64| {
        let u: Vec<f64> = u.iter().zip(&direction.u).map(|(x, d)| x + h * d).collect();
        let p: Vec<f64> = p.iter().zip(&direction.p).map(|(x, d)| x + h * d).collect();
        eval(kernel, t + h * direction.t, &u, &p)
    };
    let largest = |values: &[f64]| values.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
    let scale = largest(&found.forward);
    let central = |h: f64| -> Vec<f64> {
        shifted(h).iter().zip(shifted(-h)).map(|(a, b)| (a - b) / (2.0 * h)).collect()
    };
    let [coarse, middle, fine] = [2e-4, 1e-4, 5e-5].map(central);
    // Rounding of the values is magnified by the short differences.
    let allowed = 1e-9 * scale + 1e-11 * largest(&found.value);
    for i in 0..found.forward.len() {
        let richardson = (64.0 * fine[i] - 20.0 * middle[i] + coarse[i]) / 45.0;
        let difference = (found.forward[i] - richardson).abs();
        assert!(difference <= allowed, "{name}: row {i} off by {difference:e}");
    }
    let through_forward: f64 = found.w.iter().zip(&found.forward).map(|(w, d)| w * d).sum();
    let difference = (found.reverse - through_forward).abs();
    let rounding = 1e-12 * scale * (u.len().max(1) as f64).sqrt();
    assert!(difference <= rounding, "{name}: vjp off by {difference:e}");
}

#[test]
fn forward_products_match_differences_and_reverse_products_match_forward_ones() {
    for problem in everything() {
        check_products(problem.id, &*problem.rhs, &problem);
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
            let places = pattern.starts[j]..pattern.starts[j + 1];
            for (&i, value) in pattern.rows[places.clone()].iter().zip(&values[places]) {
                let i = i as usize;
                assert_eq!(*value, column[i], "{}: entry {i}, {j}", problem.id);
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
        let (t, u, p) = point(&problem, problem.rhs.shape().states);
        let double = eval(&*problem.rhs, t, &u, &p);
        let [u, p] = [&u, &p].map(|x| x.iter().map(|x| *x as f32).collect::<Vec<_>>());
        let mut out = vec![0.0; double.len()];
        single.eval(t as f32, &u, &p, &mut out, &mut []);
        let scale = double.iter().fold(1e-30_f64, |a, b| a.max(b.abs()));
        for (a, b) in double.iter().zip(out) {
            assert!((a - f64::from(b)).abs() < 2e-4 * scale, "{}: {a} {b}", problem.id);
        }
    }
}

#[test]
fn names_are_distinct_and_sizes_agree() {
    let problems = everything();
    for (i, problem) in problems.iter().enumerate() {
        let shape = problem.rhs.shape();
        let reads = problem.rhs.structure().delays.map_or(0, |delays| delays.reads.len());
        assert_eq!(shape.states, problem.u0.len() + reads, "{}", problem.id);
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

#[test]
fn every_problem_is_in_the_documentation() {
    let page = include_str!("../../../docs/reference/problems.md");
    for problem in everything() {
        let row = format!("| `{}` |", problem.id);
        assert!(page.contains(&row), "{}", problem.id);
    }
}
