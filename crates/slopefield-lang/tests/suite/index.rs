//! Reduction of the index of differential-algebraic equations.

use slopefield_lang::{Env, Model, check, evaluate, evaluate_derivatives};

#[track_caller]
fn right(text: &str) -> Model {
    let (model, diagnostics) = check(text);
    assert!(model.is_complete && diagnostics.is_empty(), "{diagnostics:?}");
    model
}

fn codes(text: &str) -> Vec<&'static str> {
    check(text).1.iter().map(|d| d.code).collect()
}

const PENDULUM: &str = "param g = 9.8, L = 1\nstate x = 1, x' = 0, y = 0, y' = 0\nalgebraic tension = 0\n\
    x'' = -tension*x\ny'' = -tension*y - g\n0 = x^2 + y^2 - L^2\n";

/// Solves for the algebraic states of a reduced model, in which they are linear, by Newton's
/// method with differences; gives all right-hand sides.
fn slopes(model: &Model, t: f64, states: &mut [f64], params: &[f64]) -> Vec<f64> {
    let algebraic: Vec<usize> =
        (0..model.states.len()).filter(|i| model.states[*i].algebraic).collect();
    let m = algebraic.len();
    for _ in 0..2 {
        let f = evaluate_derivatives(model, t, states, params);
        let mut matrix = vec![vec![0.0; m + 1]; m];
        for (row, i) in algebraic.iter().enumerate() {
            matrix[row][m] = -f[*i];
        }
        for (column, j) in algebraic.iter().enumerate() {
            let before = states[*j];
            states[*j] = before + 1.0;
            let moved = evaluate_derivatives(model, t, states, params);
            states[*j] = before;
            for (row, i) in algebraic.iter().enumerate() {
                matrix[row][column] = moved[*i] - f[*i];
            }
        }
        for k in 0..m {
            let pivot = (k..m).max_by(|a, b| matrix[*a][k].abs().total_cmp(&matrix[*b][k].abs()));
            matrix.swap(k, pivot.unwrap());
            let pivot = matrix[k].clone();
            for (_, row) in matrix.iter_mut().enumerate().filter(|(i, _)| *i != k) {
                let factor = row[k] / pivot[k];
                row.iter_mut().zip(&pivot).for_each(|(x, p)| *x -= factor * p);
            }
        }
        for (k, j) in algebraic.iter().enumerate() {
            states[*j] += matrix[k][m] / matrix[k][k];
        }
    }
    evaluate_derivatives(model, t, states, params)
}

/// The classical method of fourth order.
fn integrate(model: &Model, mut u: Vec<f64>, params: &[f64], end: f64, steps: usize) -> Vec<f64> {
    let h = end / steps as f64;
    let differential: Vec<usize> =
        (0..model.states.len()).filter(|i| !model.states[*i].algebraic).collect();
    for step in 0..steps {
        let t = h * step as f64;
        let mut sum = vec![0.0; u.len()];
        let mut k = vec![0.0; u.len()];
        for (fraction, weight) in [(0.0, 1.0), (0.5, 2.0), (0.5, 2.0), (1.0, 1.0)] {
            let mut stage = u.clone();
            for i in &differential {
                stage[*i] += fraction * h * k[*i];
            }
            k = slopes(model, t + fraction * h, &mut stage, params);
            for i in &differential {
                sum[*i] += weight * k[*i];
            }
        }
        for i in &differential {
            u[*i] += h / 6.0 * sum[*i];
        }
    }
    let mut last = u;
    slopes(model, end, &mut last, params);
    last
}

#[test]
fn a_pendulum_swings() {
    let model = right(PENDULUM);
    assert_eq!(
        model.class.sentence,
        "differential-algebraic equations (index 3, reduced to index 1 by differentiating \
         `0 = x^2 + y^2 - L^2` twice), 5 states, 2 free parameters"
    );
    let names: Vec<&str> = model.states.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["x", "x'", "y", "y'", "tension"]);
    let orders: Vec<u32> = model.invariants.iter().map(|i| i.order).collect();
    assert_eq!(orders, [0, 1]);
    assert_eq!(model.mass.as_ref().unwrap().entries.len(), 4);
    // Reference: the angle from the bottom, of the same pendulum from rest at (1, 0).
    let angle = right("state a = pi/2, a' = 0\na'' = -9.8*sin(a)\n");
    let swung = integrate(&angle, vec![std::f64::consts::FRAC_PI_2, 0.0], &[], 10.0, 20_000);
    let end = integrate(&model, vec![1.0, 0.0, 0.0, 0.0, 0.0], &[9.8, 1.0], 10.0, 12_000);
    let (x, y) = (swung[0].sin(), -swung[0].cos());
    assert!((end[0] - x).abs() < 1e-8 && (end[2] - y).abs() < 1e-8, "{end:?}, not {x}, {y}");
    // As published by others: x = 0.2962717, y = -0.9551037.
    assert!((end[0] - 0.296_271_7).abs() < 5e-8 && (end[2] + 0.955_103_7).abs() < 5e-8, "{end:?}");
    for invariant in &model.invariants {
        let env = Env { states: &end, params: &[9.8, 1.0], ..Env::default() };
        assert!(evaluate(&invariant.value, &env).abs() < 1e-7);
    }
}

#[test]
fn unknowns_get_derivatives() {
    // x is prescribed by way of z: y follows from two derivatives. z' and z'' are added.
    let model = right(
        "state x = 0, v = 1\nalgebraic z = 0\nalgebraic force = 0\nx' = v\nv' = force\n\
         0 = z - sin(t)\n0 = x - z\n",
    );
    assert_eq!(
        model.class.sentence.split(", ").next().unwrap(),
        "differential-algebraic equations (index 3"
    );
    let names: Vec<&str> = model.states.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["x", "v", "z", "force", "z'", "z''"]);
    assert_eq!(model.hidden.len(), 2);
    let mut states = vec![0.5f64.sin(), 0.5f64.cos(), 0.0, 0.0, 0.0, 0.0];
    slopes(&model, 0.5, &mut states, &[]);
    let (s, c) = 0.5f64.sin_cos();
    for (found, wanted) in states.iter().zip([s, c, s, -s, c, -s]) {
        assert!((found - wanted).abs() < 1e-14, "{states:?}");
    }
}

#[test]
fn rows_of_a_mass_matrix_are_solved_for_derivatives() {
    // a + b is held at 1 by the current i; a' + 2b' = i and a' - b' = -a.
    let model = right(
        "state a = 0.4, b = 0.6\nalgebraic i = 0\na' + 2*b' = i\na' - b' = -a\n0 = a + b - 1\n",
    );
    let names: Vec<&str> = model.states.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "i", "a'", "b'"]);
    let mut states = vec![0.4, 0.6, 0.0, 0.0, 0.0];
    let f = slopes(&model, 0.0, &mut states, &[]);
    // a' = -0.2, b' = 0.2, i = 0.2.
    for (found, wanted) in states[2..].iter().chain(&f[..2]).zip([0.2, -0.2, 0.2, -0.2, 0.2]) {
        assert!((found - wanted).abs() < 1e-14, "{states:?} {f:?}");
    }
}

/// A charge that does not depend on the voltage at the start, so that it cannot give it there.
#[test]
fn equations_that_determine_nothing_at_the_start_become_invariants() {
    let declared = "state q = 0, s = 0\nalgebraic v = 0\nalgebraic w = 0\nalgebraic i = 0\n\
         q' = -i\ns' = 0\n";
    let equations = ["0 = v - sin(t)\n", "0 = q - 2*v - w^3\n", "0 = s - w - v^2\n"];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let text = format!("{declared}{}", order.map(|k| equations[k]).concat());
        let model = right(&text);
        let (t, v) = (0.5f64, 0.5f64.sin());
        // The voltages at the start are 0, where the search for those of t = 0 begins.
        let mut start = vec![0.0; model.states.len()];
        let f = slopes(&model, 0.0, &mut start, &[]);
        assert!(f.iter().chain(&start).all(|x| x.is_finite()), "{text}{f:?} {start:?}");
        assert!((start[4] + 2.0).abs() < 1e-12, "the current at the start: {start:?}");
        let mut states = vec![0.0; model.states.len()];
        states[..4].copy_from_slice(&[2.0 * v - v.powi(6), 0.0, v, -v * v]);
        slopes(&model, t, &mut states, &[]);
        let current = (6.0 * v.powi(5) - 2.0) * t.cos();
        assert!((states[4] - current).abs() < 1e-12, "{text}{states:?}, not {current}");
    }
}

#[test]
fn index_one_is_left_alone() {
    let model =
        right("state x = 1\nalgebraic y = 1\nalgebraic z = 1\nx' = -y\n0 = y*z - x\nz = y + x\n");
    assert!(model.invariants.is_empty() && model.hidden.is_empty());
    assert!(model.class.sentence.starts_with("differential-algebraic equations (index 1)"));
}

#[test]
fn what_cannot_be_reduced_is_explained() {
    let start = PENDULUM.replace("x = 1", "x = 0.9");
    assert_eq!(codes(&start), ["inconsistent-start"]);
    let moving = PENDULUM.replace("x' = 0, y", "x' = 1, y");
    assert_eq!(codes(&moving), ["inconsistent-start"]);
    assert_eq!(
        codes("state x = 1\nalgebraic y = 0\nx' = -x\n0 = t - 1\nlet use = y\n"),
        ["singular-system"]
    );
    assert_eq!(
        codes(
            "state x = 1\nalgebraic y = 0\nalgebraic z = 0\nx' = -y\n0 = y - x\n0 = y - 2*x\nlet use = z\n"
        ),
        ["singular-system"]
    );
    assert_eq!(
        codes(
            "state x = 1\nalgebraic y = 0\nnetwork n: mlp(inputs: 1, outputs: 1)\nx' = -y\n0 = n(x)\n"
        ),
        ["not-differentiable"]
    );
    assert_eq!(
        codes("state x = 1\nalgebraic y = 0\nx' = -y*delay(x, 1)\n0 = x - 1\n"),
        ["not-differentiable"]
    );
    assert_eq!(
        codes("state x = 1\nalgebraic y = 0\nnoise W\nx' = -y + W'\n0 = x - 1\n"),
        ["not-differentiable"]
    );
}
